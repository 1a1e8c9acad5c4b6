from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from argos.lens.reports.tests import TestsReport, collect, kind_of_change, savings, sentence
from argos.model.execution import OUTCOMES, Counts, ExecutionStatus, TestResult
from argos.stats.stability import Stability
from argos.store import entities, executions
from argos.store.database import Database, open_database
from builders import NOON, a_result, an_execution

HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def record(database: Database, *runs: dict[str, str], **fields: object) -> None:
    """Records one execution an hour; each maps tests to the letters of their attempts in it."""
    for number, run in enumerate(runs):
        at = NOON + number * HOUR
        results = [
            a_result(test, OUTCOMES[letter].value, started_at=at, attempt=attempt, message=f"{test} {number}")
            for test, letters in run.items()
            for attempt, letter in enumerate(letters)
        ]
        execution = an_execution(
            f"e{number}", started_at=at, counts=Counts.of(results), duration_s=1.0, **fields
        )
        with database.write() as connection:
            executions.start(connection, execution)
            executions.record(connection, execution.execution_id, results)


def report(database: Database, *, window: int = 30, space: str = "local") -> TestsReport:
    with database.read() as connection:
        return collect(connection, space=space, window=window, now=NOON + 24 * HOUR)


def names(report: TestsReport, label: Stability) -> list[str]:
    return [test.entity for test in report.having(label)]


def test_an_empty_database_gives_a_report_that_says_so(database):
    empty = report(database)
    assert empty.tests == ()
    assert sentence(empty) == "No results in the space “local” yet."


def test_an_empty_space_names_the_spaces_that_have_results(database):
    record(database, {"a": "P", "b": "P"}, space="ci")
    assert report(database).other_spaces == {"ci": 2}


def test_the_sentence_counts_broken_flaky_and_passing_tests(database):
    record(database, {"a": "P", "b": "F", "c": "F", "d": "P"}, {"a": "P", "b": "E", "c": "P", "d": "P"})
    assert sentence(report(database)) == "1 test is broken, 1 is flaky; 2 pass."


def test_tests_that_were_only_skipped_are_neither_passing_nor_broken(database):
    record(database, {"a": "P", "b": "S"})
    assert sentence(report(database)) == "The only test passes; 1 was only skipped."
    assert names(report(database), Stability.NOT_RUN) == ["b"]


def test_a_test_that_always_fails_is_broken_and_not_flaky(database):
    record(database, *[{"a": "F"}] * 3)
    assert names(report(database), Stability.BROKEN) == ["a"]
    assert names(report(database), Stability.FLAKY) == []


def test_the_window_holds_each_tests_own_newest_results(database):
    record(database, {"a": "F", "rare": "F"}, {"a": "P"}, {"a": "P"})
    assert names(report(database, window=2), Stability.PASSING) == ["a"]
    assert names(report(database, window=2), Stability.BROKEN) == ["rare"]


def test_the_window_holds_the_newest_executions_oldest_first(database):
    record(database, *[{"a": "P"}] * 4)
    assert [e.execution_id for e in report(database, window=2).executions] == ["e2", "e3"]


def test_results_of_another_space_do_not_count(database):
    record(database, {"a": "F"}, space="ci")
    assert report(database).tests == ()


def test_the_worst_tests_come_first(database):
    record(
        database, *({"calm": "P", "rare": f, "often": o, "dead": "F"} for f, o in ("FF", "PP", "PF", "PP"))
    )
    assert [test.entity for test in report(database).tests] == ["dead", "often", "rare", "calm"]


def test_gone_tests_are_counted_and_not_shown(database):
    record(database, {"a": "P", "old": "F"})
    with database.write() as connection:
        entities.mark_gone(connection, ["old"], NOON)
    shown = report(database)
    assert [test.entity for test in shown.tests] == ["a"]
    assert shown.gone == 1


def test_skipped_results_do_not_shorten_the_mean_duration(database):
    record(database, {"a": "P"}, {"a": "S"})
    slow = [a_result("a", started_at=NOON + 9 * HOUR, call_s=3.0)]
    with database.write() as connection:
        executions.start(connection, an_execution("slow", started_at=NOON + 9 * HOUR))
        executions.record(connection, "slow", slow)
    (row,) = report(database).tests
    assert row.mean_s == pytest.approx((0.01 + 3.0) / 2, rel=1e-3)
    assert row.p95_s == pytest.approx(0.01 + 0.95 * 2.99, rel=1e-3)


def test_the_last_error_is_that_of_this_space(database):
    record(database, {"a": "F"}, {"a": "P"})
    with database.write() as connection:
        executions.start(connection, an_execution("ci", space="ci", started_at=NOON + 5 * HOUR))
        late = a_result("a", "failed", started_at=NOON + 5 * HOUR, message="elsewhere")
        executions.record(connection, "ci", [late])
    assert report(database).failures["a"].result.message == "a 0"


def test_failing_since_names_the_first_execution_of_the_newest_failures(database):
    record(database, {"a": "F"}, {"a": "P"}, {"a": "F"}, {"a": "S"}, {"a": "E"})
    failure = report(database).failures["a"]
    assert (failure.since.execution_id, failure.streak, failure.from_start) == ("e2", 2, False)
    assert failure.result.message == "a 4"


def test_a_test_that_never_passed_fails_from_its_start(database):
    record(database, {"a": "F"}, {"a": "F"})
    assert report(database).failures["a"].from_start


def test_a_flaky_test_that_passes_now_shows_its_last_error_without_a_since(database):
    record(database, {"a": "P"}, {"a": "F"}, {"a": "P"}, {"a": "P"})
    failure = report(database).failures["a"]
    assert (failure.result.message, failure.since, failure.streak) == ("a 1", None, 0)


def test_the_newest_execution_says_what_changed(database):
    record(
        database,
        {"began": "P", "still": "F", "mended": "F", "calm": "P", "rescued": "P", "other": "F"},
        {"began": "F", "still": "F", "mended": "P", "calm": "P", "rescued": "FP", "new": "P", "newly": "F"},
        gone=("old",),
    )
    changes = report(database).changes
    assert changes.began == ("began", "newly")
    assert changes.still == ("still",)
    assert changes.mended == ("mended",)
    assert changes.rescued == ("rescued",)
    assert changes.new == ("new",)
    assert changes.gone == ("old",)


def test_a_failure_that_was_rerun_in_vain_is_compared_with_the_execution_before(database):
    record(database, {"a": "P", "b": "F"}, {"a": "FFF", "b": "FF"})
    assert report(database).changes.began == ("a",)
    assert report(database).changes.still == ("b",)


def test_a_running_execution_is_not_the_newest(database):
    record(database, {"a": "P"})
    with database.write() as connection:
        executions.start(
            connection, an_execution("now", started_at=NOON + 9 * HOUR, status=ExecutionStatus.RUNNING)
        )
    assert report(database).newest.execution_id == "e0"


@pytest.mark.parametrize(
    ("recent", "attempts", "kind"),
    [
        ("", 0, ""),
        ("S", 0, ""),
        ("PP", 0, ""),
        ("FSP", 0, "mended"),
        ("FPS", 0, ""),
        ("PFS", 0, ""),
        ("PSF", 1, "began"),
        ("F" * 100, 1, "still"),
    ],
)
def test_skips_between_results_do_not_hide_a_change(recent, attempts, kind):
    assert kind_of_change(recent, len(recent), attempts) == kind


def test_a_rule_saves_the_time_that_full_runs_would_have_taken():
    runs = [
        an_execution(rule="quick", duration_s=d, full_duration_s=10.0, counts=Counts(passed=4, failed=1))
        for d in (1, 2)
    ]
    (saving,) = savings(runs)
    assert (saving.compared, saving.used_s, saving.full_s, saving.saved_s) == (2, 3, 20.0, 17.0)
    assert (saving.executions, saving.tests_run, saving.failing) == (2, 10, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": ExecutionStatus.INTERRUPTED},
        {"shard": "1/4"},
        {"full_duration_s": None},
        {"duration_s": None},
        {"complete": True},
    ],
)
def test_executions_that_cannot_be_compared_save_nothing(fields):
    (saving,) = savings([an_execution(**{"duration_s": 1.0, "full_duration_s": 10.0, **fields})])
    assert (saving.executions, saving.compared, saving.saved_s) == (1, 0, 0)


def test_a_rule_slower_than_full_runs_has_a_negative_saving():
    (saving,) = savings([an_execution(duration_s=12.0, full_duration_s=10.0)])
    assert saving.saved_s == -2.0


def test_the_newest_failure_wins_when_results_came_in_late(database):
    record(database, {"a": "F"}, {"a": "F"})
    late = an_execution("late", started_at=NOON - HOUR)
    results: list[TestResult] = [a_result("a", "failed", started_at=NOON - HOUR, message="old")]
    with database.write() as connection:
        executions.start(connection, late)
        executions.record(connection, "late", results)
    failure = report(database).failures["a"]
    assert (failure.result.message, failure.since.execution_id) == ("a 1", "late")
