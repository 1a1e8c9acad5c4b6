"""Does a failure depend on one factor of the build matrix, with the other factors held still?

A table has one row for each level of the factor (`linux`, `windows`, ...) and counts the cells that
failed and those that passed. Tables of one stratum each (the same run and the same level of the other
factor) are tested together, so that a version that only ran on one system is not mistaken for it, nor
a bad commit for a bad version.

The test is exact and conditional on the margins of every stratum. Under the hypothesis that failures
fall on the cells of a stratum at random, the number of failures for each level is multivariate
hypergeometric, and the sum over independent strata is their convolution. The two-sided p-value is the
probability of all sums that are at most as likely as the observed one:

- one stratum: the test of Fisher, Freeman and Halton (Freeman and Halton, Note on an exact treatment
  of contingency, goodness of fit and other problems of significance, Biometrika 38, 1951);
- two levels, several strata: the exact test of a common odds ratio of 1 (Cox, 1970; Mehta, Patel and
  Gray, Journal of the American Statistical Association 80, 1985).

Where the distribution is too large to write down, the generalised Cochran-Mantel-Haenszel statistic
(Mantel and Haenszel 1959; Landis, Heyman and Koch 1978) with its chi-squared approximation is taken,
and named.

Many groups of failures are tested at once. The p-values are corrected by the procedure of Benjamini
and Hochberg (1995): what is shown is a list of leads with their evidence, so the share of false ones
among those shown is what has to be small; Holm's correction would guard against a single false one
and, over hundreds of groups, hide almost every true one. The groups share causes and so are dependent
positively, which the procedure allows (Benjamini and Yekutieli 2001). A test that cannot reach the
level whatever its cells do is left out and does not cost the others anything (Tarone 1990); its
margins alone tell, so leaving it out does not bias.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb, erfc, exp, log, pi, prod, sqrt

ALPHA = 0.05
LARGEST_WORK = 100_000
"""Additions up to which the exact distribution is computed: some hundredths of a second."""

EXACT = "Fisher-Freeman-Halton, exact"
EXACT_STRATIFIED = "stratified Fisher-Freeman-Halton, exact"
APPROXIMATE = "generalised Cochran-Mantel-Haenszel, chi-squared approximation"

Vector = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """`failed` and `passed` results at one level of the factor within one stratum."""

    level: str
    failed: int
    passed: int
    stratum: str = ""


@dataclass(frozen=True, slots=True)
class LevelRate:
    """All results of one level over the strata; `rate` is the share that failed, 0..1."""

    level: str
    failed: int
    passed: int

    @property
    def rate(self) -> float:
        return self.failed / (self.failed + self.passed)


@dataclass(frozen=True, slots=True)
class Dependence:
    """What a matrix says about one factor.

    `p_value` is two-sided and None with `too_little` set, a sentence that says what is missing.
    `adjusted` is the p-value after `corrected`, else None. `smallest_p` is the least p-value that these
    margins can give.
    `failing` are the levels that fail more often than their strata let expect, the worst first,
    `effect` is the failure rate of these levels less that of the others, -1..1, over informative strata
    (None without). `levels` are all levels in alphabetical order.
    """

    test: str
    p_value: float | None
    smallest_p: float
    levels: tuple[LevelRate, ...]
    failing: tuple[str, ...] = ()
    effect: float | None = None
    strata: int = 0
    too_little: str | None = None
    adjusted: float | None = None

    def significant(self, alpha: float = ALPHA) -> bool:
        """Whether the corrected p-value (else the plain one) is below the level."""
        decisive = self.p_value if self.adjusted is None else self.adjusted
        return self.too_little is None and decisive is not None and decisive < alpha


@dataclass(frozen=True, slots=True)
class _Stratum:
    """Results and failures by level, in the order of all levels."""

    sizes: Vector
    failed: Vector

    @property
    def total(self) -> int:
        return sum(self.sizes)

    @property
    def failures(self) -> int:
        return sum(self.failed)

    @property
    def informative(self) -> bool:
        """Whether two levels ran and the outcomes differ; else the margins leave no choice."""
        return sum(size > 0 for size in self.sizes) > 1 and 0 < self.failures < self.total


def dependence(cells: Iterable[Cell], *, alpha: float = ALPHA) -> Dependence:
    """Whether failing depends on the level, within strata. Cells of the same level and stratum add up."""
    rates, strata = _tables(cells)
    informative = [stratum for stratum in strata if stratum.informative]
    if not informative:
        return Dependence(EXACT, None, 1.0, rates, too_little=_reason(rates, strata))
    exact = _work(informative) <= LARGEST_WORK
    p_value, smallest = _exact(informative) if exact else _approximate(informative)
    names = [rate.level for rate in rates]
    worse = _worse(names, informative)
    return Dependence(
        test=(EXACT if len(informative) == 1 else EXACT_STRATIFIED) if exact else APPROXIMATE,
        p_value=p_value if smallest < alpha else None,
        smallest_p=smallest,
        levels=rates,
        failing=worse,
        effect=_effect(names, worse, informative),
        strata=len(informative),
        too_little=None if smallest < alpha else _unreachable(smallest, alpha),
    )


def corrected(found: Sequence[Dependence]) -> list[Dependence]:
    """The same with `adjusted` p-values, in the same order; those without a p-value do not count."""
    tested = [each for each in found if each.p_value is not None]
    values = iter(benjamini_hochberg([each.p_value for each in tested if each.p_value is not None]))
    return [each if each.p_value is None else _with(each, next(values)) for each in found]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order: the least p(j) * m / j over the ranks j from its own on."""
    m = len(p_values)
    adjusted, least = [1.0] * m, 1.0
    for rank, place in sorted(enumerate(sorted(range(m), key=p_values.__getitem__), 1), reverse=True):
        least = min(least, p_values[place] * (m / rank))
        adjusted[place] = least
    return adjusted


def _with(found: Dependence, adjusted: float) -> Dependence:
    return Dependence(
        found.test,
        found.p_value,
        found.smallest_p,
        found.levels,
        found.failing,
        found.effect,
        found.strata,
        found.too_little,
        adjusted,
    )


def _tables(cells: Iterable[Cell]) -> tuple[tuple[LevelRate, ...], list[_Stratum]]:
    counts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for cell in cells:
        if cell.failed + cell.passed:
            entry = counts[cell.stratum][cell.level]
            entry[0] += cell.failed
            entry[1] += cell.passed
    names = sorted({level for table in counts.values() for level in table})
    strata = [_stratum(names, table) for table in counts.values()]
    sums = [
        [sum(table[name][side] for table in counts.values() if name in table) for side in (0, 1)]
        for name in names
    ]
    return tuple(LevelRate(name, *pair) for name, pair in zip(names, sums, strict=True)), strata


def _stratum(names: Sequence[str], table: Mapping[str, Sequence[int]]) -> _Stratum:
    pairs = [table.get(name, (0, 0)) for name in names]
    return _Stratum(tuple(failed + passed for failed, passed in pairs), tuple(failed for failed, _ in pairs))


# The exact distribution


def _arrangements(sizes: Vector, failures: int) -> Iterator[tuple[Vector, int]]:
    """Every way to spread the failures over the levels, with the number of arrangements that give it."""
    if len(sizes) == 1:
        if failures <= sizes[0]:
            yield (failures,), comb(sizes[0], failures)
        return
    rest = sum(sizes[1:])
    for here in range(max(0, failures - rest), min(sizes[0], failures) + 1):
        ways = comb(sizes[0], here)
        for others, count in _arrangements(sizes[1:], failures - here):
            yield (here, *others), ways * count


def _work(strata: Sequence[_Stratum]) -> int:
    """An upper bound on the additions of the convolution, found without doing them."""
    reach = [0] * len(strata[0].sizes)
    work = 0
    for stratum in strata:
        spans = [min(size, stratum.failures) for size in stratum.sizes]
        own = prod(sorted(span + 1 for span in spans)[:-1])  # the last level follows from the others
        work += own * prod(sorted(span + 1 for span in reach)[:-1])
        reach = [before + span for before, span in zip(reach, spans, strict=True)]
        if work > LARGEST_WORK:
            break
    return work


def _exact(strata: Sequence[_Stratum]) -> tuple[float, float]:
    """The two-sided p-value and the smallest one that the margins can give. Whole numbers throughout."""
    base = sum(stratum.failures for stratum in strata) + 1
    ways: dict[int, int] = {0: 1}
    for stratum in strata:
        own = [(_packed(step, base), more) for step, more in _arrangements(stratum.sizes, stratum.failures)]
        longer: dict[int, int] = defaultdict(int)
        for reached, count in ways.items():
            for step, more in own:
                longer[reached + step] += count * more
        ways = longer
    observed = ways[sum(_packed(stratum.failed, base) for stratum in strata)]
    every, rarest = sum(ways.values()), min(ways.values())
    as_rare = sum(count for count in ways.values() if count <= observed)
    return as_rare / every, sum(count for count in ways.values() if count == rarest) / every


def _packed(vector: Vector, base: int) -> int:
    """Failures by level as the digits of one number, so that sums of vectors are sums of numbers.

    The last level is left out: it follows from the total.
    """
    return sum(failed * base**place for place, failed in enumerate(vector[:-1]))


# The approximation for many strata


def _approximate(strata: Sequence[_Stratum]) -> tuple[float, float]:
    """The p-value of d' V^-1 d on (levels - 1) degrees of freedom; the smallest one is taken as 0.

    d is observed less expected failures, V the sum of the hypergeometric covariances
    m (n - m) / (n - 1) * (diag(q) - q q') with q = sizes / n. Levels that never ran beside others are
    left out.
    """
    live = [
        i
        for i in range(len(strata[0].sizes))
        if any(0 < stratum.sizes[i] < stratum.total for stratum in strata)
    ]
    size = len(live)
    distance = [0.0] * size
    spread = [[0.0] * size for _ in live]
    for stratum in strata:
        n, m = stratum.total, stratum.failures
        scale = m * (n - m) / (n - 1)
        q = [stratum.sizes[i] / n for i in live]
        for row, i in enumerate(live):
            distance[row] += stratum.failed[i] - m * q[row]
            for column in range(size):
                spread[row][column] += scale * ((q[row] if row == column else 0.0) - q[row] * q[column])
    statistic, freedom = _quadratic(spread, distance)
    return chi_squared_tail(statistic, freedom), 0.0


def _quadratic(spread: list[list[float]], distance: list[float]) -> tuple[float, int]:
    """d' V^- d and the rank of V, by elimination; directions without variance are passed over."""
    rows = [[*row, value] for row, value in zip(spread, distance, strict=True)]
    statistic, rank, left = 0.0, 0, set(range(len(rows)))
    while left:
        pivot = max(left, key=lambda i: rows[i][i])
        left.discard(pivot)
        if rows[pivot][pivot] <= 1e-9:
            continue
        rank += 1
        statistic += rows[pivot][-1] ** 2 / rows[pivot][pivot]
        for other in left:
            share = rows[other][pivot] / rows[pivot][pivot]
            rows[other] = [a - share * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return statistic, rank


def chi_squared_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic) for a chi-squared X; the finite sums of Abramowitz and Stegun 26.4.4 and 26.4.5."""
    if statistic <= 0 or freedom < 1:
        return 1.0
    half = statistic / 2
    if freedom % 2 == 0:
        terms = [0.0]
        for i in range(1, freedom // 2):
            terms.append(terms[-1] + log(half / i))
        return min(1.0, sum(exp(term - half) for term in terms))
    tail, term = erfc(sqrt(half)), 2 * sqrt(half / pi) * exp(-half)
    for i in range(1, (freedom - 1) // 2 + 1):
        tail += term
        term *= half / (i + 0.5)
    return min(1.0, tail)


# Direction, size and what is missing


def _worse(names: Sequence[str], strata: Sequence[_Stratum]) -> tuple[str, ...]:
    """Levels with more failures than expected within the strata, by how far they are above, worst first."""
    above = []
    for i, name in enumerate(names):
        ran = sum(stratum.sizes[i] for stratum in strata)
        failed = sum(stratum.failed[i] for stratum in strata)
        expected = sum(stratum.failures * stratum.sizes[i] / stratum.total for stratum in strata)
        if failed > expected + 1e-9:
            above.append(((expected - failed) / ran, name))
    return tuple(name for _, name in sorted(above))


def _effect(names: Sequence[str], worse: Sequence[str], strata: Sequence[_Stratum]) -> float | None:
    sides: list[list[int]] = [[0, 0], [0, 0]]
    for stratum in strata:
        for name, size, failed in zip(names, stratum.sizes, stratum.failed, strict=True):
            side = sides[name in worse]
            side[0] += failed
            side[1] += size
    if not (sides[0][1] and sides[1][1]):
        return None
    return sides[1][0] / sides[1][1] - sides[0][0] / sides[0][1]


def _reason(rates: Sequence[LevelRate], strata: Sequence[_Stratum]) -> str:
    if not rates:
        return "Nothing ran."
    if len(rates) == 1:
        return f"Only {rates[0].level} ran, so there is nothing to compare it with."
    if not any(rate.failed for rate in rates):
        return "Nothing failed."
    if not any(rate.passed for rate in rates):
        return "Nothing passed: it fails at every level that ran."
    if not any(sum(size > 0 for size in stratum.sizes) > 1 for stratum in strata):
        return "No two levels ran in the same run with everything else equal."
    return "Where several levels ran with everything else equal, all of them failed or all of them passed."


def _unreachable(smallest: float, alpha: float) -> str:
    return (
        f"Too few cells ran: even the clearest outcome would have p = {smallest:.2g}, "
        f"which is not below {alpha:g}."
    )
