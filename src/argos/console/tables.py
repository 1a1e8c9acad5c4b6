"""Tables that fit the terminal, and stay whole in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNLIMITED = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; `right` for numbers; `flexible` for the text that gives way on a narrow terminal."""

    heading: str
    right: bool = False
    flexible: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows under headings. Colour and bold on a terminal only; in a pipe no text is cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=not column.flexible,
            overflow="fold" if column.flexible else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(one_line(str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else UNLIMITED, highlight=False, soft_wrap=False).print(
        table, crop=False
    )


def one_line(text: str) -> str:
    """Text of unknown origin as one printable line: control characters are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
