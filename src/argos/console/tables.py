"""Tables that fit the terminal, and stay whole in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

GAP = 2
FLEXIBLE_MIN = 24
# Below this no flexible column goes: the terminal then breaks the lines itself.
FLEXIBLE_LEAST = 8
# In a pipe a longer text stands out of its column, so that one long name does not fill every row with spaces.
PADDED_MAX = 120


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; `right` for numbers; `flexible` for text that is folded on a narrow terminal.

    An `optional` column is left out where the terminal has no room for it, the last one first. All
    others are never cut.
    """

    heading: str
    right: bool = False
    flexible: bool = False
    optional: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows under headings. Bold headings on a terminal only; in a pipe no text is cut."""
    texts = [[one_line(str(cell)) for cell in row] for row in rows]
    natural = _natural_widths(columns, texts)
    if sys.stdout.isatty():
        _print_on_terminal(columns, texts, natural)
    else:
        _print_in_pipe(columns, texts, [min(width, PADDED_MAX) for width in natural])


def fit(columns: Sequence[Column], natural: Sequence[int], width: int) -> dict[int, int]:
    """The places of the columns that `width` has room for, each with its own width.

    A flexible column gets at least its natural width or `FLEXIBLE_MIN`, whichever is less, and the
    earlier ones get more first. Without optional columns left to drop, flexible ones go lower.
    """
    kept = list(range(len(columns)))
    least = [min(n, FLEXIBLE_MIN) if c.flexible else n for c, n in zip(columns, natural, strict=True)]
    droppable = [place for place in kept if columns[place].optional]
    while droppable and _total(kept, least) > width:
        kept.remove(droppable.pop())
    flexible = [place for place in kept if columns[place].flexible]
    missing = _total(kept, least) - width
    for place in reversed(flexible):
        taken = min(max(missing, 0), max(least[place] - FLEXIBLE_LEAST, 0))
        least[place] -= taken
        missing -= taken
    room = width - _total(kept, least)
    for place in flexible:
        given = min(max(room, 0), natural[place] - least[place])
        least[place] += given
        room -= given
    return {place: least[place] for place in kept}


def one_line(text: str) -> str:
    """Text of unknown origin as one printable line: control characters are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _total(kept: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[place] for place in kept) + GAP * (len(kept) - 1)


def _natural_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """The terminal columns that each column's longest text takes."""
    from rich.cells import cell_len

    return [
        max(cell_len(column.heading), *(cell_len(row[place]) for row in rows))
        if rows
        else cell_len(column.heading)
        for place, column in enumerate(columns)
    ]


def _print_on_terminal(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], natural: Sequence[int]
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=False)
    widths = fit(columns, natural, console.width)
    # One column of the gap is the padding, the other the divider of the box.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0))
    for place, width in widths.items():
        column = columns[place]
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            width=width,
            no_wrap=not column.flexible,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(row[place]) for place in widths))
    total = _total(list(widths), [widths.get(place, 0) for place in range(len(columns))])
    console.print(table, width=max(total, console.width), crop=False)


def _print_in_pipe(columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    lines = [[column.heading for column in columns], ["-" * width for width in widths], *rows]
    for line in lines:
        cells = (
            _padded(text, width, column) for text, width, column in zip(line, widths, columns, strict=True)
        )
        click.echo((" " * GAP).join(cells).rstrip())


def _padded(text: str, width: int, column: Column) -> str:
    from rich.cells import cell_len

    spaces = " " * max(width - cell_len(text), 0)
    return spaces + text if column.right else text + spaces
