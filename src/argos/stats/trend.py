"""Whether a test fails more, less or as often as it used to, with the evidence.

The test is the rank-sum test of Wilcoxon (1945) and Mann and Whitney (1947) on the positions of
failing results among the executed ones. On outcomes of two kinds in order of time it asks the
same as the Cochran-Armitage test for a linear trend in proportions. It compares all positions, so
one unlucky half or one late failure does not decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import accumulate
from math import sqrt
from statistics import NormalDist

from argos.stats import rates

ALPHA = 0.05
EXACT_UP_TO = 625
"""Largest value of U that is tested exactly: it covers every record of 50 executed results."""

EXACT = "Wilcoxon-Mann-Whitney rank-sum, exact"
NORMAL = "Wilcoxon-Mann-Whitney rank-sum, normal approximation with continuity correction"


class Direction(str, Enum):
    IMPROVING = "improving"
    DEGRADING = "degrading"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Trend:
    """A direction and what speaks for it.

    `statistic` is U: the number of pairs of a failing and another executed result in which the
    failing one is the newer. `p_value` is two-sided; below `alpha` the trend has a direction.
    `n` executed results hold `failures` failing ones; `earlier_rate` and `later_rate` are the
    rates of the older and the newer half (the middle one counts as older), None for an empty half.
    """

    direction: Direction
    test: str
    statistic: float
    p_value: float
    alpha: float
    n: int
    failures: int
    earlier_rate: float | None
    later_rate: float | None
    sentence: str


def trend(recent: str, window: int = 50) -> Trend:
    """The direction of failures over the newest `window` results; skips do not count."""
    letters = rates.executed(rates.newest(recent, window))
    positions = [place for place, letter in enumerate(letters) if letter in "FE"]
    n, failing = len(letters), len(positions)
    statistic = sum(positions) - failing * (failing - 1) // 2
    test = EXACT if failing * (n - failing) <= EXACT_UP_TO else NORMAL
    p_value = (_exact if test is EXACT else _normal)(statistic, failing, n - failing)
    direction = _direction(statistic, failing * (n - failing), p_value)
    middle = (n + 1) // 2
    earlier, later = letters[:middle], letters[middle:]
    return Trend(
        direction=direction,
        test=test,
        statistic=float(statistic),
        p_value=p_value,
        alpha=ALPHA,
        n=n,
        failures=failing,
        earlier_rate=rates.failure_rate(earlier),
        later_rate=rates.failure_rate(later),
        sentence=_sentence(direction, earlier, later, test, p_value),
    )


def _direction(statistic: int, largest: int, p_value: float) -> Direction:
    if p_value >= ALPHA:
        return Direction.STABLE
    return Direction.DEGRADING if 2 * statistic > largest else Direction.IMPROVING


def _exact(statistic: int, failing: int, others: int) -> float:
    """Twice the smaller tail of the exact distribution of U, at most 1."""
    at_most = _cumulative(min(failing, others), max(failing, others))
    tail = min(statistic, failing * others - statistic)  # the distribution is symmetric
    return min(1.0, 2 * at_most[tail] / at_most[-1])


@lru_cache(maxsize=4096)
def _cumulative(k: int, m: int) -> tuple[int, ...]:
    """Number of arrangements of k failing and m other results with U at most 0, 1, ..., k * m.

    The counts are the coefficients of the Gaussian binomial of k + m over k, built up as the
    product of (1 - q^(m+i)) / (1 - q^i) for i from 1 to k.
    """
    counts = [1] + [0] * (k * m)
    for i in range(1, k + 1):
        for u in range(k * m, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, k * m + 1):
            counts[u] += counts[u - i]
    return tuple(accumulate(counts))


def _normal(statistic: int, failing: int, others: int) -> float:
    spread = sqrt(failing * others * (failing + others + 1) / 12)
    distance = max(0.0, abs(statistic - failing * others / 2) - 0.5)
    return min(1.0, 2 * NormalDist().cdf(-distance / spread))


def _sentence(direction: Direction, earlier: str, later: str, test: str, p_value: float) -> str:
    if not later:
        return f"{direction.value.capitalize()}: too few executed results for a trend (n = {len(earlier)})."
    before, after = rates.failures(earlier), rates.failures(later)
    p = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    return (
        f"{direction.value.capitalize()}: failed {before.failing} of the earlier {before.executed} and "
        f"{after.failing} of the later {after.executed} executed results ({test}, two-sided {p})."
    )
