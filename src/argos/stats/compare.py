"""Two sides of one project compared: what ran here, and what ran there in each cell of a matrix.

Durations. A machine is slower or faster as a whole: that is the cell's factor, the median over all
tests of there / here. A test's duration differs beyond noise where its own ratio is far from the
factor: the modified z-score of the logarithm of the ratio, |log r - median| / (1.4826 MAD), is above
3.5 (B. Iglewicz, D. C. Hoaglin, How to Detect and Handle Outliers, ASQC 1993), and the difference is
above 50 ms. The spread is taken to be at least 10 %. With fewer than 8 tests to judge by there is no
factor, and the spread is taken to be 50 %, so that only a ratio above four counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

PASSING = frozenset({"passed", "xfailed", "xpassed"})
FAILING = frozenset({"failed", "error"})

_CUT = 3.5
_NORMAL = 1.4826
_ENOUGH_TESTS = 8
_LEAST_SPREAD = math.log(1.1)
_UNKNOWN_SPREAD = math.log(1.5)
_LEAST_DIFFERENCE_S = 0.05
_LEAST_MEASURED_S = 1e-6


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Where something ran. Either is empty if it is not known."""

    runner_os: str = ""
    python: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.runner_os, self.python) if part) or "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """How one test ended, and how long it takes there in seconds; None where nothing tells."""

    outcome: str
    duration_s: float | None = None

    @property
    def passing(self) -> bool:
        return self.outcome in PASSING

    @property
    def failing(self) -> bool:
        return self.outcome in FAILING


Side = Mapping[str, Observation]
"""What was seen of each test, by node id."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One test that ends in one way here and otherwise there.

    `failing_in` and `passing_in` are the cells there; a skip is in neither.
    """

    nodeid: str
    here: str
    failing_in: tuple[Cell, ...]
    passing_in: tuple[Cell, ...]

    @property
    def everywhere(self) -> bool:
        """Whether all cells that ran it agree."""
        return not (self.failing_in and self.passing_in)


@dataclass(frozen=True, slots=True)
class Slower:
    """One test whose duration in a cell differs beyond noise.

    `ratio` is there / here; `against` is the same with the cell's factor taken out: 2.0 is twice as
    slow as the cell makes other tests, 0.5 twice as fast. `score` is the modified z-score, signed.
    """

    nodeid: str
    cell: Cell
    here_s: float
    there_s: float
    ratio: float
    against: float
    score: float


@dataclass(frozen=True, slots=True)
class CellFigures:
    """One cell as a whole. `factor` is the median of there / here, None with too few durations."""

    cell: Cell
    tests: int
    passing: int
    failing: int
    factor: float | None
    timed: int


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """What differs between two sides, each list by node id; durations by how far they are off.

    `only_here` and `only_there` are tests without a result on the other side. `agreeing` counts the
    tests that ran on both sides and end alike in all cells that ran them.
    """

    passes_here_fails_there: tuple[Difference, ...] = ()
    fails_here_passes_there: tuple[Difference, ...] = ()
    only_here: tuple[str, ...] = ()
    only_there: tuple[str, ...] = ()
    durations: tuple[Slower, ...] = ()
    cells: tuple[CellFigures, ...] = ()
    agreeing: int = 0

    @property
    def differs(self) -> bool:
        """Whether any test ends otherwise there."""
        return bool(self.passes_here_fails_there or self.fails_here_passes_there)


def compare(here: Side, there: Mapping[Cell, Side]) -> ComparisonReport:
    """What differs between one side and the cells of the other. A skip says nothing of either."""
    everything_there = {name for side in there.values() for name in side}
    differences = [_difference(name, here[name], there) for name in sorted(here.keys() & everything_there)]
    passing = [d for d in differences if here[d.nodeid].passing and d.failing_in]
    failing = [d for d in differences if here[d.nodeid].failing and d.passing_in]
    return ComparisonReport(
        passes_here_fails_there=tuple(passing),
        fails_here_passes_there=tuple(failing),
        only_here=tuple(sorted(here.keys() - everything_there)),
        only_there=tuple(sorted(everything_there - here.keys())),
        durations=_durations(here, there),
        cells=tuple(_figures(cell, here, there[cell]) for cell in sorted(there)),
        agreeing=len(differences) - len(passing) - len(failing),
    )


def chance_of_only_there(failed_there: int, ran_there: int, ran_here: int) -> float:
    """How likely all of these failures fall on one side if the side makes no difference, 0..1.

    The one-sided exact test of Fisher with no failure here: C(ran_there, f) / C(ran_there + ran_here, f).
    """
    return math.comb(ran_there, failed_there) / math.comb(ran_there + ran_here, failed_there)


def _difference(name: str, here: Observation, there: Mapping[Cell, Side]) -> Difference:
    seen = [(cell, there[cell][name]) for cell in sorted(there) if name in there[cell]]
    return Difference(
        name,
        here.outcome,
        tuple(cell for cell, observation in seen if observation.failing),
        tuple(cell for cell, observation in seen if observation.passing),
    )


def _figures(cell: Cell, here: Side, there: Side) -> CellFigures:
    logs = _log_ratios(here, there)
    return CellFigures(
        cell=cell,
        tests=len(there),
        passing=sum(observation.passing for observation in there.values()),
        failing=sum(observation.failing for observation in there.values()),
        factor=math.exp(median(logs.values())) if len(logs) >= _ENOUGH_TESTS else None,
        timed=len(logs),
    )


def _durations(here: Side, there: Mapping[Cell, Side]) -> tuple[Slower, ...]:
    found = [slower for cell in sorted(there) for slower in _outliers(cell, here, there[cell])]
    return tuple(sorted(found, key=lambda slower: (-abs(slower.score), slower.nodeid, slower.cell)))


def _outliers(cell: Cell, here: Side, there: Side) -> list[Slower]:
    logs = _log_ratios(here, there)
    center, spread = _noise(list(logs.values()))
    found = []
    for name, log_ratio in logs.items():
        score = (log_ratio - center) / spread
        here_s, there_s = here[name].duration_s or 0.0, there[name].duration_s or 0.0
        if abs(score) > _CUT and abs(there_s - here_s * math.exp(center)) >= _LEAST_DIFFERENCE_S:
            against = math.exp(log_ratio - center)
            found.append(Slower(name, cell, here_s, there_s, math.exp(log_ratio), against, score))
    return found


def _noise(logs: list[float]) -> tuple[float, float]:
    """The centre of the logarithms of ratios, and how far they lie apart where nothing is amiss."""
    if len(logs) < _ENOUGH_TESTS:
        return 0.0, _UNKNOWN_SPREAD
    center = median(logs)
    return center, max(_NORMAL * median(abs(each - center) for each in logs), _LEAST_SPREAD)


def _log_ratios(here: Side, there: Side) -> dict[str, float]:
    """log(there / here) of the tests that passed on both sides and whose durations are known."""
    return {
        name: math.log(there_s / here_s)
        for name, observed in there.items()
        if name in here and (there_s := _timed(observed)) and (here_s := _timed(here[name]))
    }


def _timed(observation: Observation) -> float | None:
    """The seconds of a test that passed, None if they are not known or too few to be measured."""
    seconds = observation.duration_s or 0.0
    return seconds if observation.passing and seconds >= _LEAST_MEASURED_S else None
