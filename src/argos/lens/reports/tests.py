"""The tests report as a value: what broke, what is flaky, what is slow, what the rules saved.

Every figure of a test is over its own newest `window` results, every figure over time is over the
newest `window` executions of the space. Tests that are gone from the project are counted, not shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from argos.lens.reports.text import count
from argos.model.execution import Execution, ExecutionStatus, TestResult
from argos.stats import durations, rates, stability, trend
from argos.stats.stability import Stability

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.store.statistics import EntityRecord

LISTED = 50
"""Tests in each of the lists that a report shows in full."""

_WORST_FIRST = (Stability.BROKEN, Stability.FLAKY, Stability.PASSING, Stability.NOT_RUN)


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test over its newest results.

    `recent` holds the outcome letters of the window, oldest first; `health` is what they say;
    `mean_s` and `p95_s` are over the executed results of the window, None if there are none.
    """

    __test__ = False  # pytest: a value, not a test class

    entity: str
    health: stability.Assessment
    recent: str
    mean_s: float | None
    p95_s: float | None
    total_runs: int
    last_run: datetime | None
    last_failure: datetime | None

    @property
    def stability(self) -> Stability:
        return self.health.stability

    @property
    def failure_rate(self) -> float | None:
        return self.health.failure_rate

    @property
    def failing(self) -> int:
        return self.health.counts.failing

    @property
    def executed(self) -> int:
        return self.health.counts.executed


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The newest failing result of a test, and where its newest run of failures began.

    `since` is the execution of the first of the `streak` newest executed results that all failed,
    None if the newest result did not fail. `from_start` says that no older result is recorded.
    """

    result: TestResult
    since: Execution | None = None
    streak: int = 0
    from_start: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What the newest execution changed, by tests: each list is in the order of the ids.

    `began` failed now and did not before, `mended` the other way round, `rescued` failed and then
    passed on a rerun, `new` have their first results here, `still` failed here and before.
    """

    began: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    rescued: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSaving:
    """What the executions of one rule cost beside full runs, in the report's window.

    `tests_run` are results by final attempt over all executions, `failing` those that failed.
    Time is compared over the `compared` executions that ran to their end, unsharded, with a full run
    known before them: `used_s` against `full_s`. Complete runs are full runs and save nothing.
    """

    rule: str
    executions: int
    tests_run: int
    failing: int
    compared: int
    used_s: float
    full_s: float
    is_full: bool

    @property
    def saved_s(self) -> float:
        return self.full_s - self.used_s


@dataclass(frozen=True, slots=True)
class TestsReport:
    """Everything that a report shows.

    `executions` are oldest first. `tests` are worst first and hold only tests the project still
    has; `gone` counts the others. `failures` and `trends` are kept for the listed tests only.
    """

    __test__ = False

    space: str
    window: int
    generated_at: datetime
    executions: tuple[Execution, ...] = ()
    tests: tuple[TestRow, ...] = ()
    gone: int = 0
    newest: Execution | None = None
    changes: Changes = field(default_factory=Changes)
    failures: dict[str, LastFailure] = field(default_factory=dict)
    trends: dict[str, trend.Trend] = field(default_factory=dict)
    savings: tuple[RuleSaving, ...] = ()
    other_spaces: dict[str, int] = field(default_factory=dict)
    project: str = ""
    command: str = ""

    def having(self, label: Stability) -> list[TestRow]:
        return [test for test in self.tests if test.stability is label]

    @property
    def slowest(self) -> list[TestRow]:
        """The tests with the largest mean duration, slowest first; without those of no duration."""
        timed = [test for test in self.tests if test.mean_s]
        return sorted(timed, key=lambda test: (-(test.mean_s or 0.0), test.entity))[:LISTED]

    @property
    def total_mean_s(self) -> float:
        """The mean durations of all tests together: what one run of each costs."""
        return sum(test.mean_s or 0.0 for test in self.tests)


def collect(
    connection: Connection, *, space: str, window: int, now: datetime, project: str = "", command: str = ""
) -> TestsReport:
    """Reads the report of one space. An empty database gives a report without tests."""
    from argos.store import executions, statistics

    records = statistics.records(connection, space=space)
    runs = executions.recent(connection, limit=window, space=space)
    known = {record.entity: record for record in records if not record.gone}
    tests = tuple(sorted((row(record, window) for record in known.values()), key=_worst_first))
    newest = next((e for e in runs if e.status is not ExecutionStatus.RUNNING and e.counts.total), None)
    listed = [
        test
        for label in (Stability.BROKEN, Stability.FLAKY)
        for test in [test for test in tests if test.stability is label][:LISTED]
    ]
    return TestsReport(
        space=space,
        window=window,
        generated_at=now,
        executions=tuple(reversed(runs)),
        tests=tests,
        gone=len(records) - len(known),
        newest=newest,
        changes=_changes(connection, newest, known) if newest else Changes(),
        failures=_failures(connection, listed, known, space),
        trends={test.entity: trend.trend(test.recent, window) for test in listed},
        savings=savings(runs),
        other_spaces=statistics.spaces(connection) if not records else {},
        project=project,
        command=command,
    )


def row(record: EntityRecord, window: int) -> TestRow:
    recent = rates.newest(record.recent, window)
    spent = record.recent_durations[len(record.recent) - len(recent) :]
    if "S" in recent:
        spent = tuple(s for s, letter in zip(spent, recent, strict=True) if letter != "S")
    return TestRow(
        entity=record.entity,
        health=stability.assess(recent),
        recent=recent,
        mean_s=durations.mean(spent),
        p95_s=durations.percentile(spent, 95),
        total_runs=record.total_runs,
        last_run=record.last_run,
        last_failure=record.last_failure,
    )


def _worst_first(test: TestRow) -> tuple[int, float, int, str]:
    return _WORST_FIRST.index(test.stability), -(test.failure_rate or 0.0), -test.health.flips, test.entity


def sentence(report: TestsReport) -> str:
    """The answer in one sentence: `2 tests are broken, 3 are flaky; 1,204 pass.`"""
    tally = {label: len(report.having(label)) for label in Stability}
    broken, flaky = tally[Stability.BROKEN], tally[Stability.FLAKY]
    passing, idle = tally[Stability.PASSING], tally[Stability.NOT_RUN]
    if not report.tests:
        return f"No results in the space “{report.space}” yet."
    only_skipped = f"; {count(idle)} {'was' if idle == 1 else 'were'} only skipped" if idle else ""
    if not broken + flaky:
        return (
            f"{_all_pass(passing)}{only_skipped}."
            if passing
            else f"{count(idle, 'test')}, all of them skipped."
        )
    bad = [(number, word) for number, word in ((broken, "broken"), (flaky, "flaky")) if number]
    first = f"{count(bad[0][0], 'test')} {_is(bad[0][0])} {bad[0][1]}"
    others = [f"{count(number)} {_is(number)} {word}" for number, word in bad[1:]]
    good = f"{count(passing)} {'passes' if passing == 1 else 'pass'}"
    return f"{', '.join([first, *others])}; {good}{only_skipped}."


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _all_pass(passing: int) -> str:
    return "The only test passes" if passing == 1 else f"All {count(passing)} tests that ran pass"


def _changes(connection: Connection, newest: Execution, known: dict[str, EntityRecord]) -> Changes:
    from argos.store import executions

    attempts: dict[str, int] = defaultdict(int)
    for result in executions.results(connection, newest.execution_id, failing_only=True):
        attempts[result.entity] += 1
    kinds: dict[str, list[str]] = defaultdict(list)
    for entity in sorted(known):
        record = known[entity]
        if record.last_run >= newest.started_at:
            kinds[kind_of_change(record.recent, record.total_runs, attempts[entity])].append(entity)
    kinds.pop("", None)
    return Changes(**{kind: tuple(entities) for kind, entities in kinds.items()}, gone=newest.gone)


def kind_of_change(recent: str, total_runs: int, failed_attempts: int) -> str:
    """The field of `Changes` for a test whose newest results are those of the newest execution; or empty."""
    ran = rates.executed(recent)
    if not ran or recent[-1] == "S":  # a test that was skipped this time has not changed
        return ""
    if ran[-1] not in "FE":
        if failed_attempts:
            return "rescued"
        if len(ran) == 1:
            return "new" if total_runs == 1 else ""
        return "mended" if ran[-2] in "FE" else ""
    before = ran[: len(ran) - max(failed_attempts, 1)]
    return "still" if before and before[-1] in "FE" else "began"


def _failures(
    connection: Connection, listed: Sequence[TestRow], known: dict[str, EntityRecord], space: str
) -> dict[str, LastFailure]:
    from argos.store import entities

    failures = {}
    for test in listed:
        record = known[test.entity]
        past = entities.history(connection, test.entity, space=space, limit=_reach(record.recent))
        failing = [(execution, result) for execution, result in past if result.outcome.failing]
        if failing:  # on a server other results may have come in since the statistics were read
            failures[test.entity] = _last_failure(record, failing)
    return failures


def _last_failure(record: EntityRecord, failing: Sequence[tuple[Execution, TestResult]]) -> LastFailure:
    """`failing` are the newest failing results, newest first, back to the start of a failing streak."""
    streak = stability.failing_streak(record.recent)
    executed = rates.failures(record.recent).executed
    return LastFailure(
        result=failing[0][1],
        since=failing[-1][0] if streak else None,
        streak=streak,
        from_start=streak == executed and record.total_runs == len(record.recent),
    )


def _reach(recent: str) -> int:
    """How many newest results lead back to the newest failing one, or to the start of a failing streak."""
    failing = [place for place, letter in enumerate(recent) if letter in "FE"]
    return len(recent) - failing[-max(stability.failing_streak(recent), 1)]


def savings(runs: Iterable[Execution]) -> tuple[RuleSaving, ...]:
    """What each rule cost beside full runs, the largest saving first."""
    by_rule: dict[str, list[Execution]] = defaultdict(list)
    for execution in runs:
        if execution.status is not ExecutionStatus.RUNNING:
            by_rule[execution.rule].append(execution)
    found = [_saving(rule, executions) for rule, executions in by_rule.items()]
    return tuple(sorted(found, key=lambda saving: (saving.is_full, -saving.saved_s, saving.rule)))


def _saving(rule: str, executions: list[Execution]) -> RuleSaving:
    compared = [
        (e.duration_s, e.full_duration_s)
        for e in executions
        if e.status is ExecutionStatus.FINISHED and not e.complete and not e.shard
        if e.duration_s is not None and e.full_duration_s is not None
    ]
    return RuleSaving(
        rule=rule,
        executions=len(executions),
        tests_run=sum(e.counts.total for e in executions),
        failing=sum(e.counts.failing for e in executions),
        compared=len(compared),
        used_s=sum(used for used, _ in compared),
        full_s=sum(full for _, full in compared),
        is_full=any(e.complete for e in executions),
    )
