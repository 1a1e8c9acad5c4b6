from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argos.model.execution import Outcome, TestResult
from argos.store import administration, executions, statistics
from argos.store.database import Database, open_database
from argos.store.tables import RECENT
from builders import NOON, a_result, an_execution


def ran(database: Database, name: str, *results: TestResult, hour: int = 0, space: str = "local") -> None:
    with database.write() as connection:
        executions.start(connection, an_execution(name, space=space, started_at=NOON + timedelta(hours=hour)))
        executions.record(connection, name, results)


def record(database: Database, name: str, *results: TestResult) -> None:
    with database.write() as connection:
        executions.record(connection, name, results)


def at(seconds: float, outcome: str = "passed", entity: str = "a", **fields: object) -> TestResult:
    return a_result(entity, outcome, started_at=NOON + timedelta(seconds=seconds), **fields)


def the_record(database: Database, space: str = "local") -> statistics.EntityRecord:
    with database.read() as connection:
        (found,) = statistics.records(connection, space=space, entity="a")
    return found


def recent(database: Database) -> str:
    return the_record(database).recent


def test_every_outcome_is_counted_for_itself(database: Database):
    outcomes = ["passed", "failed", "error", "skipped", "xfailed", "xpassed", "passed"]
    ran(database, "one", *(at(n, outcome, attempt=n) for n, outcome in enumerate(outcomes)))
    found = the_record(database)
    assert (found.passed, found.failed, found.error) == (2, 1, 1)
    assert (found.skipped, found.xfailed, found.xpassed) == (1, 1, 1)
    assert (found.total_runs, found.recent) == (7, "PFESxXP")


def test_times_and_durations_are_those_of_the_results(database: Database):
    ran(database, "one", at(0, "failed", setup_s=0.5, call_s=1.0, teardown_s=0.25))
    ran(database, "two", at(3600, call_s=0.5), hour=1)
    found = the_record(database)
    assert found.total_duration_s == 2.25
    assert found.recent_durations == (1.75, 0.5)
    assert found.last_run == NOON + timedelta(hours=1)
    assert found.last_failure == NOON


def test_an_entity_that_never_failed_has_no_last_failure(database: Database):
    ran(database, "one", at(0), at(1, "skipped", attempt=1))
    assert the_record(database).last_failure is None


@pytest.mark.parametrize("last", ["passed", "failed"])
def test_the_newest_hundred_outcomes_and_durations_are_kept(database: Database, last: str):
    ran(
        database,
        "one",
        at(0, "failed"),
        *(at(n, "skipped", attempt=n, call_s=0.25) for n in range(1, RECENT)),
    )
    ran(database, "two", at(3600, last, call_s=2.0), hour=1)
    found = the_record(database)
    assert found.recent == "S" * (RECENT - 1) + last[0].upper()
    assert found.recent_durations == (0.25,) * (RECENT - 1) + (2.0,)
    assert (found.total_runs, found.failed) == (RECENT + 1, 1 + (last == "failed"))


def test_an_entity_leaves_the_failing_ones_when_its_last_failure_drops_out(database: Database):
    ran(database, "one", at(0, "failed"), *(at(n, attempt=n) for n in range(1, RECENT)))
    with database.read() as connection:
        assert len(statistics.recent_outcomes(connection, space="local", failing_only=True)) == 1
    ran(database, "two", at(3600), hour=1)
    with database.read() as connection:
        assert statistics.recent_outcomes(connection, space="local", failing_only=True) == []
    assert administration.check(database) == []


def test_results_recorded_late_are_put_where_they_belong_in_time(database: Database):
    ran(database, "newer", at(3600), hour=1)
    ran(database, "older", at(0, "failed"))
    assert recent(database) == "FP"
    assert the_record(database).last_run == NOON + timedelta(hours=1)


def test_two_executions_at_once_are_merged_in_time(database: Database):
    ran(database, "one", at(0))
    ran(database, "two", at(10, "failed"))
    record(database, "one", at(5, "skipped", attempt=1), at(20, "error", attempt=2))
    assert recent(database) == "PSFE"


def test_reruns_count_as_results_in_the_order_of_their_attempts(database: Database):
    ran(database, "one", at(0, "passed", attempt=1), at(0, "failed", attempt=0))
    assert recent(database) == "FP"


def test_the_spaces_are_apart(database: Database):
    ran(database, "one", at(0, "failed"))
    ran(database, "two", at(0, "passed"), space="ci")
    with database.read() as connection:
        assert statistics.spaces(connection) == {"ci": 1, "local": 1}
        assert statistics.recent_outcomes(connection, space="ci", failing_only=False) == [("a", "P")]
        assert len(statistics.records(connection, space=None)) == 2
        assert statistics.recent_outcomes(connection, space=None, failing_only=True) == [("a", "F")]


def test_expected_durations_are_the_mean_of_the_newest_results_without_skips(database: Database):
    results = [
        at(n, "skipped" if n % 2 else "passed", attempt=n, call_s=0.0 if n % 2 else 2.0) for n in range(30)
    ]
    old = at(-1, call_s=1000.0, attempt=40)
    ran(database, "one", old, *results, at(0, "skipped", "b", call_s=0.0))
    with database.read() as connection:
        assert statistics.durations(connection, space="local") == {"a": 2.0, "b": 0.0}
        assert statistics.durations(connection, space="none") == {}


def test_a_duration_of_days_is_kept(database: Database):
    ran(database, "one", at(0, call_s=200_000.0))
    assert the_record(database).total_duration_s == 200_000.0
    assert the_record(database).recent_durations == (65504.0,)


OUTCOMES = st.sampled_from([outcome.value for outcome in Outcome])
RESULTS = st.lists(
    st.builds(
        a_result,
        st.sampled_from(["a", "b"]),
        OUTCOMES,
        started_at=st.integers(0, 5).map(lambda seconds: NOON + timedelta(seconds=seconds)),
        call_s=st.floats(0, 100),
        attempt=st.integers(0, 2),
    ),
    max_size=5,
)
BATCHES = st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), RESULTS), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES)
def test_statistics_equal_a_recount_after_any_sequence_of_recordings(database: Database, batches):
    with database.write() as connection:
        for table in ("result_details", "results", "statistics", "executions", "entities"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        for name, space in {"one": "local", "two": "local", "three": "ci"}.items():
            executions.start(connection, an_execution(name, space=space))
    for name, results in batches:
        record(database, name, *results)
    assert administration.check(database) == []
    with database.read() as connection:
        found = {(r.entity, r.space): r for r in statistics.records(connection, space=None)}
    assert {key: record.recent for key, record in found.items()} == expected_recent(batches)
    assert all(record.total_runs == len(record.recent) for record in found.values())


def expected_recent(batches: list[tuple[str, list[TestResult]]]) -> dict[tuple[str, str], str]:
    """The letters of each entity in each space, by start, execution and attempt; the first of equals counts."""
    order = ["one", "two", "three"]
    kept: dict[tuple[str, str, int], TestResult] = {}
    for name, results in batches:
        for result in results:
            kept.setdefault((name, result.entity, result.attempt), result)
    letters: dict[tuple[str, str], str] = {}
    for (name, entity, _), result in sorted(
        kept.items(), key=lambda item: (item[1].started_at, order.index(item[0][0]), item[0][2])
    ):
        key = (entity, "ci" if name == "three" else "local")
        letters[key] = letters.get(key, "") + result.outcome.letter
    return letters


def test_a_recount_that_finds_other_figures_is_reported_with_the_entity(tmp_path: Path):
    database = open_database(tmp_path)
    ran(database, "one", at(0), at(0, entity="b"))
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE statistics SET failed = failed + 1 WHERE entity = 2")
    assert administration.check(database) == ["The statistics of b in local are not what its results say."]
    database.close()
