"""Which violation of one scan is which of another: what is new, what is fixed, what only moved.

A violation is recognised by its code, its message, the function or class around it, and the tokens on
and about its line (`argos.stats.surroundings`), never by its line number alone. Git's renames lead
from one path to the next. Pairs that are alike in all of this are settled at once; among the
others the assignment of the least total cost is taken, so that one violation that went away never
makes all those after it look new.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest

from argos.model.ci import LintViolation
from argos.model.quality import NOWHERE, Sighting
from argos.stats.assignment import assign
from argos.stats.surroundings import Source

UNASSIGNED = 40.0
"""More than any pair costs: whoever can be paired is."""

CANDIDATES = 16
"""How many possible partners of one violation are weighed, the cheapest ones."""

WEIGHED = 200
"""Up to so many violations of one code in one file each pair is weighed."""

_OTHER_LINE, _OTHER_POINT, _OTHER_NEIGHBOUR, _OTHER_SYMBOL = 3.0, 1.0, 1.0, 0.9
_OTHER_NUMBERS = 0.5
_FARTHEST_LINES, _FARTHEST_COLUMNS = 50, 1000

_NUMBER = re.compile(r"\d+")
_NAMED = re.compile(r"'[^']+'|\"[^\"]+\"|`[^`]+`|Unused import .+")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`new` and `fixed` in their scan's order; `kept` are pairs of the former and the present sighting."""

    new: tuple[Sighting, ...] = ()
    fixed: tuple[Sighting, ...] = ()
    kept: tuple[tuple[Sighting, Sighting], ...] = ()

    @property
    def moved(self) -> tuple[tuple[Sighting, Sighting], ...]:
        """The kept pairs whose line or path is another one now."""
        return tuple((old, new) for old, new in self.kept if (old.path, old.line) != (new.path, new.line))


def sightings(
    violations: Iterable[LintViolation], source_of: Callable[[str], Source | None]
) -> list[Sighting]:
    """Violations with their surroundings. `source_of` is asked once for each path; None: no text at hand."""
    sources: dict[str, Source | None] = {}
    found = []
    for each in violations:
        path = each.path or ""
        if path not in sources:
            sources[path] = source_of(path) if path else None
        source = sources[path]
        around = source.around(each.line, each.column) if source else NOWHERE
        found.append(
            Sighting(path, each.tool, each.code, each.message, each.severity, each.line, each.column, around)
        )
    return found


def compare(
    old: Sequence[Sighting], new: Sequence[Sighting], renames: Mapping[str, str] | None = None
) -> Comparison:
    """What became of the violations of an old scan in a new one of the same files.

    `renames` leads from a former to its present path.
    """
    pairs = pair(old, new, renames)
    taken = set(pairs.values())
    return Comparison(
        new=tuple(each for place, each in enumerate(new) if place not in taken),
        fixed=tuple(each for place, each in enumerate(old) if place not in pairs),
        kept=tuple((old[before], new[after]) for before, after in sorted(pairs.items())),
    )


def pair(
    old: Sequence[Sighting], new: Sequence[Sighting], renames: Mapping[str, str] | None = None
) -> dict[int, int]:
    """The places in `old` that have a counterpart, each with its place in `new`; see `compare`."""
    matching = _Matching(old, new, renames or {})
    matching.settle_equals()
    matching.assign_within_files()
    matching.assign_across_files()
    return matching.pairs


class _Matching:
    """The pairs found so far, and who is left."""

    def __init__(self, old: Sequence[Sighting], new: Sequence[Sighting], renames: Mapping[str, str]) -> None:
        self.pairs: dict[int, int] = {}
        self._old = old
        self._new = new
        self._taken: set[int] = set()
        self._paths = [renames.get(each.path, each.path) for each in old]
        self._anchors: dict[str, tuple[list[int], list[int]]] = {}

    def settle_equals(self) -> None:
        """Pairs those that are alike in all but their line, in order, where both sides have as many."""
        before: dict[tuple[object, ...], list[int]] = defaultdict(list)
        after: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for place, each in enumerate(self._old):
            before[(self._paths[place], each.tool, each.code, each.message, each.around)].append(place)
        for place, each in enumerate(self._new):
            after[(each.path, each.tool, each.code, each.message, each.around)].append(place)
        for key, ours in before.items():
            theirs = after.get(key, [])
            if len(ours) == len(theirs):
                ours.sort(key=lambda place: self._old[place].line or 0)
                theirs.sort(key=lambda place: self._new[place].line or 0)
                self._pair(dict(zip(ours, theirs, strict=True)))

    def assign_within_files(self) -> None:
        """The best pairs among the rest with one code in one file."""
        self._anchors = self._shifts()
        self._assign_groups(lambda path, each: (path, each.tool, each.code), across=False)

    def assign_across_files(self) -> None:
        """The best pairs among what is left, between files: code that was moved as it is."""
        self._assign_groups(lambda _, each: (each.tool, each.code, each.around.line or -1), across=True)

    def _assign_groups(self, key: Callable[[str, Sighting], object], *, across: bool) -> None:
        theirs: dict[object, list[int]] = defaultdict(list)
        for place, each in enumerate(self._new):
            if place not in self._taken:
                theirs[key(each.path, each)].append(place)
        groups = {each: _Candidates(self._new, places) for each, places in theirs.items()}
        costs: dict[int, dict[int, float]] = {}
        for place, each in enumerate(self._old):
            group = None if place in self.pairs else groups.get(key(self._paths[place], each))
            possible = {} if group is None else self._costs(place, group, across=across)
            if possible:
                costs[place] = possible
        self._pair(assign(costs, UNASSIGNED))

    def _costs(self, place: int, group: _Candidates, *, across: bool) -> dict[int, float]:
        old = self._old[place]
        expected = self._expected(place)
        cost_of = _cost_across if across else _cost
        found = {}
        for candidate in group.near(old, expected):
            cost = cost_of(old, self._new[candidate])
            if cost is not None:
                found[candidate] = cost + _distance(expected, old.column, self._new[candidate])
        if len(found) > CANDIDATES:
            return dict(nsmallest(CANDIDATES, found.items(), key=lambda item: item[1]))
        return found

    def _pair(self, pairs: Mapping[int, int]) -> None:
        self.pairs.update(pairs)
        self._taken.update(pairs.values())

    def _shifts(self) -> dict[str, tuple[list[int], list[int]]]:
        """For each path the old lines whose new ones are known, ascending, and by how much each shifted."""
        known: dict[str, dict[int, int]] = defaultdict(dict)
        for before, after in self.pairs.items():
            line, now = self._old[before].line, self._new[after].line
            if line is not None and now is not None:
                known[self._paths[before]][line] = now - line
        return {
            path: (sorted(lines), [lines[each] for each in sorted(lines)]) for path, lines in known.items()
        }

    def _expected(self, place: int) -> int | None:
        """Where a line should be now, if it shifted as the nearest known line above it did, or else below."""
        line = self._old[place].line
        if line is None:
            return None
        lines, shifts = self._anchors.get(self._paths[place], ([], []))
        if not lines:
            return line
        return line + shifts[max(bisect_right(lines, line) - 1, 0)]


class _Candidates:
    """The sightings of one group that an old one may be; of a large group only the likely ones.

    To weigh every pair of ten thousand violations in a generated file would take minutes.
    """

    def __init__(self, new: Sequence[Sighting], places: list[int]) -> None:
        self._places = sorted(places, key=lambda place: new[place].line or 0)
        self._small = len(places) <= WEIGHED
        self._alike: dict[tuple[str, int], list[int]] = defaultdict(list)
        if not self._small:
            for place in self._places:
                for mark in _marks(new[place]):
                    self._alike[mark].append(place)
            self._line_of = {place: new[place].line or 0 for place in self._places}

    def near(self, old: Sighting, line: int | None) -> Iterable[int]:
        """All of a small group; of a large one the nearest lines, and the nearest that share a digest."""
        if self._small:
            return self._places
        found = dict.fromkeys(self._nearest(self._places, line or 0))
        for mark in _marks(old):
            found |= dict.fromkeys(self._nearest(self._alike.get(mark, []), line or 0))
        return found

    def _nearest(self, places: Sequence[int], line: int) -> Sequence[int]:
        if len(places) <= WEIGHED // 4:
            return places
        at = bisect_right(places, line, key=self._line_of.__getitem__)
        return places[max(at - WEIGHED // 8, 0) : at + WEIGHED // 8]


def _marks(each: Sighting) -> list[tuple[str, int]]:
    around = each.around
    named = (
        ("line", around.line),
        ("point", around.point),
        ("before", around.before),
        ("after", around.after),
    )
    return [mark for mark in named if mark[1]]


def _distance(line: int | None, column: int | None, new: Sighting) -> float:
    """0 for the expected place, at most 1.1; a line counts for much more than a column."""
    lines = 0 if line is None or new.line is None else abs(new.line - line)
    columns = 0 if column is None or new.column is None else abs(new.column - column)
    return min(lines, _FARTHEST_LINES) / _FARTHEST_LINES + min(columns, _FARTHEST_COLUMNS) / 10_000


def _cost(old: Sighting, new: Sighting) -> float | None:
    """How unlike two violations of one code in one file are; None for two that cannot be the same."""
    message = _message_cost(old.message, new.message)
    if message is None:
        return None
    before, after = old.around, new.around
    if before == NOWHERE or after == NOWHERE:
        return message
    line = before.line == after.line and before.line != 0
    point = before.point == after.point and before.point != 0
    neighbours = (before.before == after.before) + (before.after == after.after)
    symbol = before.symbol == after.symbol
    named = _NAMED.search(old.message) is not None
    if not (line or (symbol and (named or point or neighbours))):
        return None
    return (
        message
        + (0.0 if line else _OTHER_LINE)
        + (0.0 if point else _OTHER_POINT)
        + (2 - neighbours) * _OTHER_NEIGHBOUR
        + (0.0 if symbol else _OTHER_SYMBOL)
    )


def _cost_across(old: Sighting, new: Sighting) -> float | None:
    """The same for two files: the line has to be the same, and what is around it besides."""
    before, after = old.around, new.around
    if not before.line or before.line != after.line or old.path == new.path:
        return None
    ends = before.symbol.rpartition(".")[2], after.symbol.rpartition(".")[2]
    neighbours = (before.before == after.before) + (before.after == after.after)
    if not (ends[0] == ends[1] != "" or neighbours == 2):
        return None
    return _cost(old, new)


def _message_cost(old: str, new: str) -> float | None:
    """None for messages that name different things; a little for those that differ in their numbers."""
    if old == new:
        return 0.0
    return _OTHER_NUMBERS if _without_numbers(old) == _without_numbers(new) else None


@lru_cache(4096)
def _without_numbers(message: str) -> str:
    """The message with `#` for its numbers, except in names that it quotes."""
    names = _NAMED.findall(message)
    return _NUMBER.sub("#", _NAMED.sub("''", message)) + "\0".join(names)
