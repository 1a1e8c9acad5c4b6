"""Statistics of results that are recorded late, in bulk, or counted again as a whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argos.model.execution import Outcome
from argos.store import administration, executions, opening, statistics
from argos.store.database import Database
from argos.store.tables import RECENT
from builders import NOON, a_result, an_execution


def ran(
    database: Database, name: str, hour: int, letters: str, *, entity: str = "a", postponed: bool = False
) -> None:
    """One execution of the space ci, an hour after the other; each letter is a result a minute after the last."""
    start = NOON + timedelta(hours=hour)
    words = {"P": "passed", "F": "failed", "S": "skipped"}
    results = [
        a_result(entity, words[letter], started_at=start + timedelta(minutes=n), attempt=n)
        for n, letter in enumerate(letters)
    ]
    with database.write() as connection:
        executions.start(connection, an_execution(name, space="ci", started_at=start))
        executions.record(connection, name, results, postponed=postponed)


def recent(database: Database) -> str:
    with database.read() as connection:
        ((_, letters),) = statistics.recent_outcomes(connection, space="ci", failing_only=False)
    return letters


def test_a_history_that_comes_newest_first_reads_oldest_first(database: Database):
    for hour in range(9, -1, -1):
        ran(database, str(hour), hour, "F" if hour in (0, 7) else "P")
    assert recent(database) == "FPPPPPPFPP"
    assert administration.check(database) == []


def test_what_is_older_than_a_full_record_counts_and_does_not_show(database: Database):
    ran(database, "new", 10, "P" * RECENT)
    ran(database, "old", 1, "FFF")
    assert recent(database) == "P" * RECENT
    with database.read() as connection:
        (record,) = statistics.records(connection, space="ci")
    assert (record.failed, record.total_runs) == (3, RECENT + 3)
    assert record.last_failure == NOON + timedelta(hours=1, minutes=2)
    assert administration.check(database) == []


def test_what_comes_in_between_is_put_in_between(database: Database):
    ran(database, "oldest", 0, "S")
    ran(database, "newest", 8, "P" * (RECENT - 2))
    ran(database, "between", 4, "FS")
    assert recent(database) == "FS" + "P" * (RECENT - 2)
    assert administration.check(database) == []


def test_statistics_that_wait_are_counted_when_they_are_asked_for(database: Database):
    ran(database, "one", 1, "PF", postponed=True)
    ran(database, "two", 0, "SP", postponed=True)
    with database.read() as connection:
        assert statistics.records(connection, space="ci") == []
        assert statistics.stale(connection) == ["ci"]
    assert administration.settle(database) == ["ci"]
    assert recent(database) == "SPPF"
    assert administration.settle(database) == []
    assert administration.check(database) == []


def test_a_command_that_opens_the_memory_counts_what_a_killed_sync_has_left(
    url: str | None, database, tmp_path
):
    ran(database, "one", 1, "PF", postponed=True)
    opened, _ = opening.open_store(tmp_path, url)
    assert recent(opened) == "PF"
    opened.close()


BATCHES = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(Outcome)), st.integers(0, 200))),
        st.booleans(),
    ),
    max_size=10,
)


@pytest.mark.parametrize("kept", [3, RECENT])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES)
def test_statistics_equal_a_recount_however_late_and_bulky_the_results_come(
    database: Database, kept: int, batches, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(statistics, "RECENT", kept)
    monkeypatch.setattr(statistics, "_KEPT_AT_MOST", kept + 2)
    with database.write() as connection:
        for table in ("result_details", "results", "statistics", "executions", "entities"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    for number, (hour, found, postponed) in enumerate(batches):
        start = NOON + timedelta(hours=hour)
        results = [
            a_result(entity, outcome, started_at=start + timedelta(minutes=minute), attempt=n, call_s=n)
            for n, (entity, outcome, minute) in enumerate(found)
        ]
        with database.write() as connection:
            executions.start(connection, an_execution(str(number), space="ci", started_at=start))
            executions.record(connection, str(number), results, postponed=postponed)
    assert administration.check(database) == []
