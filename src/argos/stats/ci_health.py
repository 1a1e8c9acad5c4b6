"""How well CI does: success by week, waiting and running times, repair times, priorities, trend.

Figures are over finished runs or jobs that the caller hands over as `Outcome` values. Only decided
ones count: green or red. What was cancelled or skipped says nothing about the code and is left out of
every rate, but counted beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from argos.stats import durations, rates, trend

TREND_WINDOW = 100
"""Newest decided results that the trend looks at."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished run or job. `green` is None where it is undecided (cancelled, skipped, ...).

    `at` is when it ended, aware. `line` is what it is compared within: the same workflow and branch.
    Seconds are None where GitHub has not set the times.
    """

    at: datetime
    green: bool | None
    line: str = ""
    os: str | None = None
    python: str | None = None
    job: str | None = None
    duration_s: float | None = None
    queued_s: float | None = None


@dataclass(frozen=True, slots=True)
class Success:
    """Decided results of one slice: `rate` is the share that was green, 0..1, None without any.

    `low` and `high` bound the true rate with 95 % confidence (Wilson). `undecided` do not count.
    """

    name: str
    green: int
    red: int
    undecided: int = 0

    @property
    def decided(self) -> int:
        return self.green + self.red

    @property
    def rate(self) -> float | None:
        return self.green / self.decided if self.decided else None

    @property
    def low(self) -> float:
        return rates.wilson_interval(self.green, self.decided)[0]

    @property
    def high(self) -> float:
        return rates.wilson_interval(self.green, self.decided)[1]


@dataclass(frozen=True, slots=True)
class Times:
    """Median and 95th percentile in seconds over `n` known times; None without any."""

    name: str
    n: int
    median_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True)
class Repairs:
    """From the first red to the next green of the same line.

    `mean_s` and `median_s` are over the `closed` ones, None without any. `still_red` are those
    without a green since, oldest first: their times are not over, so they are in no mean.
    """

    closed: tuple[float, ...]
    still_red: tuple[OpenRepair, ...]

    @property
    def mean_s(self) -> float | None:
        return durations.mean(self.closed)

    @property
    def median_s(self) -> float | None:
        return durations.median(self.closed)


@dataclass(frozen=True, slots=True)
class OpenRepair:
    """A line that is red: since when, and for how many seconds by now."""

    line: str
    since: datetime
    open_s: float


def week(at: datetime) -> str:
    """The ISO 8601 week in UTC: `2026-W05`."""
    year, number, _ = at.astimezone(UTC).isocalendar()
    return f"{year:04d}-W{number:02d}"


def weekly(outcomes: Iterable[Outcome]) -> list[Success]:
    """Success by ISO week, the oldest first, with the empty weeks in between."""
    found = {each.name: each for each in by(outcomes, lambda outcome: week(outcome.at))}
    if not found:
        return []
    return [found.get(name) or Success(name, 0, 0) for name in _weeks(min(found), max(found))]


def by(outcomes: Iterable[Outcome], key: Callable[[Outcome], str | None]) -> list[Success]:
    """Success for each value of the key, in its order; results without a value are left out."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for outcome in outcomes:
        name = key(outcome)
        if name is not None:
            counts[name][2 if outcome.green is None else 0 if outcome.green else 1] += 1
    return [Success(name, *counts[name]) for name in sorted(counts, key=_natural)]


def times(
    outcomes: Iterable[Outcome],
    key: Callable[[Outcome], str | None],
    value: Callable[[Outcome], float | None],
) -> list[Times]:
    """Median and 95th percentile of a time for each value of the key; unknown times are left out."""
    found: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        name, seconds = key(outcome), value(outcome)
        if name is not None and seconds is not None:
            found[name].append(seconds)
    return [
        Times(name, len(found[name]), durations.median(found[name]), durations.percentile(found[name], 95))
        for name in sorted(found, key=_natural)
    ]


def repairs(outcomes: Iterable[Outcome], now: datetime) -> Repairs:
    """How long each line stayed red. `now` is when the open ones are looked at."""
    closed: list[float] = []
    red_since: dict[str, datetime] = {}
    for outcome in sorted(outcomes, key=lambda each: each.at):
        if outcome.green is False:
            red_since.setdefault(outcome.line, outcome.at)
        elif outcome.green and outcome.line in red_since:
            closed.append((outcome.at - red_since.pop(outcome.line)).total_seconds())
    still = [
        OpenRepair(line, since, max((now - since).total_seconds(), 0.0)) for line, since in red_since.items()
    ]
    return Repairs(tuple(closed), tuple(sorted(still, key=lambda each: each.since)))


def health_trend(outcomes: Iterable[Outcome]) -> trend.Trend:
    """Whether red results grow or lessen over the newest TREND_WINDOW decided ones (see `stats.trend`)."""
    decided = sorted((each for each in outcomes if each.green is not None), key=lambda each: each.at)
    letters = "".join("P" if each.green else "F" for each in decided)
    return trend.trend(letters, window=TREND_WINDOW)


# What to mend first


@dataclass(frozen=True, slots=True)
class Trouble:
    """One category of failures: how many failures, in how many runs, blocking how many jobs.

    `effort` is what mending it takes, relative to a usual bug as 1.
    """

    category: str
    count: int
    red_runs: int
    blocked_jobs: int
    effort: float


@dataclass(frozen=True, slots=True)
class Priority:
    """A row of the matrix of priorities.

    `impact_score` is 0..1, `effort_score` relative to a usual bug, `score` their quotient; the words are
    High, Medium or Low by the bounds beside `prioritised`.
    """

    category: str
    count: int
    impact: str
    effort: str
    priority: str
    impact_score: float
    effort_score: float
    score: float


HIGH_IMPACT, MEDIUM_IMPACT = 0.2, 0.05
HIGH_EFFORT, MEDIUM_EFFORT = 2.0, 1.0
HIGH_PRIORITY, MEDIUM_PRIORITY = 0.2, 0.05


def prioritised(troubles: Sequence[Trouble], red_runs: int, red_jobs: int) -> list[Priority]:
    """The rows, most urgent first; ties by count, then by name.

    impact = sqrt(a * b), the geometric mean of the share a of red runs that the category takes part in
    and the share b of red jobs that it blocks: a category has to be both frequent and wide to be
    first. `red_runs` and `red_jobs` are those of the whole window. score = impact / effort.
    Impact and score are High from 0.2 and Medium from 0.05, effort is High from 2 and Medium from 1.
    """
    rows = [_priority(trouble, red_runs, red_jobs) for trouble in troubles]
    return sorted(rows, key=lambda row: (-row.score, -row.count, row.category))


def _priority(trouble: Trouble, red_runs: int, red_jobs: int) -> Priority:
    share_of_runs = min(trouble.red_runs / red_runs, 1.0) if red_runs else 0.0
    share_of_jobs = min(trouble.blocked_jobs / red_jobs, 1.0) if red_jobs else 0.0
    impact: float = (share_of_runs * share_of_jobs) ** 0.5
    score = impact / trouble.effort
    return Priority(
        category=trouble.category,
        count=trouble.count,
        impact=_word(impact, HIGH_IMPACT, MEDIUM_IMPACT),
        effort=_word(trouble.effort, HIGH_EFFORT, MEDIUM_EFFORT),
        priority=_word(score, HIGH_PRIORITY, MEDIUM_PRIORITY),
        impact_score=impact,
        effort_score=trouble.effort,
        score=score,
    )


def _word(value: float, high: float, medium: float) -> str:
    return "High" if value >= high else "Medium" if value >= medium else "Low"


def _weeks(first: str, last: str) -> list[str]:
    names, day = [first], _monday(first)
    while names[-1] < last:
        day += timedelta(weeks=1)
        year, number, _ = day.isocalendar()
        names.append(f"{year:04d}-W{number:02d}")
    return names


def _monday(name: str) -> date:
    year, _, number = name.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that puts 3.9 before 3.10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in name.split("."))
