"""How good code is by what its linters say: a score, hotspots, regressions and the direction of a file.

The score is 100 / (1 + d / 20). The density d is penalty points per 100 lines; an ERROR counts 5
points, a WARNING 2 and an INFO 1. So code without violations has 100, one remark in every 100
lines leaves 95, one in every 5 lines 50, and the score never falls below 0. Pylint weighs an error
five times, too, but its rating falls below zero and so tells the worst files apart no more than those
just bad; SonarQube divides the minutes that repairs take by those that the lines took to write, which
needs an estimate for every rule. See docs/guide/quality.md for the three side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from argos.model.quality import ERROR, INFO, WARNING, Sighting

POINTS = {ERROR: 5, WARNING: 2, INFO: 1}
HALF_AT = 20.0
"""The density (points per 100 lines) at which the score is 50."""

TREND_AT = 0.2
"""How much of all pairs of scans must point one way before a trend is said to."""


class Direction(Enum):
    """Where a file's violations go. Linters do not flicker, so no test of chance stands behind it."""

    IMPROVING = "improving"
    DEGRADING = "degrading"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Trend:
    """The direction of a file over scans, with its evidence.

    `points` are those of the scans, oldest first; `agreement` is Kendall's tau-a of points against
    time, -1..1: the share of pairs of scans that grew less that of those that fell.
    """

    direction: Direction
    points: tuple[int, ...] = ()
    agreement: float = 0.0

    @property
    def sentence(self) -> str:
        if len(self.points) < 2:
            return f"Stable: too few scans for a trend (n = {len(self.points)})."
        return (
            f"{self.direction.value.capitalize()}: from {self.points[0]} to {self.points[-1]} points over "
            f"{len(self.points)} scans (Kendall's tau {self.agreement:+.2f})."
        )


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A file with many violations. `score` is None where its length is not known.

    `commits` is how often it was changed in the time that was asked about, None if that is not known.
    """

    path: str
    violations: int
    points: int
    lines: int | None
    score: float | None
    by_code: Mapping[str, int]
    commits: int | None = None


@dataclass(frozen=True, slots=True)
class QualityRegression:
    """A violation that was not there, or a file that has more of them than it had.

    `violation` is None for a file as a whole; `before` and `after` are how many its file has.
    """

    path: str
    before: int
    after: int
    violation: Sighting | None = None


def points(by_severity: Mapping[str, int]) -> int:
    """Penalty points of so many violations of each severity; an unknown severity counts as a WARNING."""
    return sum(POINTS.get(severity, POINTS[WARNING]) * count for severity, count in by_severity.items())


def score(by_severity: Mapping[str, int], lines: int) -> float:
    """0..100 by density and severity. Without lines 100 if there are no violations, else 0."""
    penalty = points(by_severity)
    if not penalty:
        return 100.0
    if lines <= 0:
        return 0.0
    return 100.0 / (1 + 100.0 * penalty / lines / HALF_AT)


def severities(found: Iterable[Sighting]) -> Counter[str]:
    return Counter(each.severity for each in found)


def hotspots(
    found: Iterable[Sighting],
    lines: Mapping[str, int],
    *,
    least: int = 1,
    commits: Mapping[str, int] | None = None,
) -> list[Hotspot]:
    """The files with at least so many violations, those with the most points first.

    Where commits are given, files that were touched come before those that were not: there repair pays.
    """
    by_file: dict[str, list[Sighting]] = {}
    for each in found:
        by_file.setdefault(each.path, []).append(each)
    spots = [
        _hotspot(path, there, lines.get(path), commits)
        for path, there in by_file.items()
        if len(there) >= least
    ]
    return sorted(spots, key=lambda spot: (-bool(spot.commits), -spot.points, spot.path))


def _hotspot(
    path: str, there: Sequence[Sighting], lines: int | None, commits: Mapping[str, int] | None
) -> Hotspot:
    counts = severities(there)
    return Hotspot(
        path,
        len(there),
        points(counts),
        lines,
        None if lines is None else score(counts, lines),
        dict(Counter(each.code for each in there).most_common()),
        None if commits is None else commits.get(path, 0),
    )


def regressions(
    current: Sequence[Sighting], baseline: Sequence[Sighting], new: Iterable[Sighting]
) -> list[QualityRegression]:
    """Each new violation, then each file that has more violations than in the baseline; by path and line."""
    after = Counter(each.path for each in current)
    before = Counter(each.path for each in baseline)
    found = [
        QualityRegression(each.path, before[each.path], after[each.path], each)
        for each in sorted(new, key=lambda each: (each.path, each.line or 0, each.column or 0, each.code))
    ]
    grown = [QualityRegression(path, before[path], after[path]) for path in sorted(after)]
    return found + [each for each in grown if each.after > each.before]


def trend(points_of_scans: Sequence[int]) -> Trend:
    """Where the points of successive scans go, oldest first.

    Degrading if they grew from the first to the last and at least a fifth more pairs of scans grew
    than fell, improving the other way round, else stable.
    """
    values = tuple(points_of_scans)
    pairs = len(values) * (len(values) - 1) // 2
    if not pairs:
        return Trend(Direction.STABLE, values)
    steps = sum(
        (later > earlier) - (later < earlier)
        for place, earlier in enumerate(values)
        for later in values[place + 1 :]
    )
    agreement = steps / pairs
    direction = Direction.STABLE
    if agreement >= TREND_AT and values[-1] > values[0]:
        direction = Direction.DEGRADING
    elif agreement <= -TREND_AT and values[-1] < values[0]:
        direction = Direction.IMPROVING
    return Trend(direction, values, agreement)
