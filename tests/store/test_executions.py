from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from argos.errors import ArgosError
from argos.model.execution import Counts, ExecutionStatus, Pick, Selection, TestResult
from argos.store import entities, executions, statistics
from argos.store.database import Database
from builders import NOON, a_result, an_execution

EVERYTHING = an_execution(
    "local-20260115-1",
    rule="quick-check",
    started_at=datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5))),
    status=ExecutionStatus.INTERRUPTED,
    duration_s=12.5,
    full_duration_s=99.25,
    complete=True,
    counts=Counts(1, 2, 3, 4, 5, 6),
    selected=21,
    not_run=7,
    gone=("a::gone",),
    running=("a::ran", "b::ran"),
    notes=("It was overridden — really.",),
    commit="0123abcd",
    branch="main",
    dirty=True,
    platform="Linux",
    python_version="3.11.7",
    pytest_version="8.0",
    interpreter="/usr/bin/python3",
    command=("anvil", "execute", "--rule", "quick check"),
    workers=4,
    shard="1/3",
    exit_code=130,
)


def started(database: Database, *names: str, **fields: object) -> None:
    with database.write() as connection:
        for name in names:
            executions.start(connection, an_execution(name, **fields))


def record(database: Database, name: str, *results: TestResult) -> None:
    with database.write() as connection:
        executions.record(connection, name, results)


def recorded(database: Database, name: str, *, failing_only: bool = False) -> list[TestResult]:
    with database.read() as connection:
        return executions.results(connection, name, failing_only=failing_only)


def test_an_execution_reads_back_as_it_was_written(database: Database):
    with database.write() as connection:
        executions.start(connection, EVERYTHING)
    with database.read() as connection:
        found = executions.find(connection, EVERYTHING.execution_id)
    assert found == EVERYTHING
    assert found.started_at.tzinfo is UTC


def test_an_update_replaces_all_that_may_change(database: Database):
    started(database, EVERYTHING.execution_id, started_at=EVERYTHING.started_at)
    with database.write() as connection:
        executions.update(connection, EVERYTHING)
        assert executions.find(connection, EVERYTHING.execution_id) == EVERYTHING


def test_an_update_leaves_start_and_space_because_results_hang_on_them(database: Database):
    started(database, "one")
    with database.write() as connection:
        executions.update(connection, an_execution("one", space="ci", started_at=NOON + timedelta(hours=1)))
        found = executions.find(connection, "one")
    assert (found.space, found.started_at) == ("local", NOON)


def test_an_execution_id_is_taken_once(database: Database):
    started(database, "one")
    with pytest.raises(ArgosError, match="'one' is recorded already"):
        started(database, "one")


def test_a_result_reads_back_as_it_was_written(database: Database):
    started(database, "one")
    result = TestResult(
        entity="tests/test_a.py::test_x[1-é]",
        outcome=a_result(outcome="failed").outcome,
        started_at=NOON + timedelta(milliseconds=1234),
        setup_s=0.000123,
        call_s=3600.5,
        teardown_s=0.25,
        attempt=2,
        worker="gw3",
        parameters='{"n": "1"}',
        message="assert 1 == 2",
        traceback="Traceback …",
        output="one\ntwo\r\n",
    )
    record(database, "one", result)
    assert recorded(database, "one") == [result]


def test_starts_are_kept_to_the_millisecond(database: Database):
    started(database, "one")
    record(database, "one", a_result(started_at=NOON + timedelta(microseconds=1999)))
    assert recorded(database, "one")[0].started_at == NOON + timedelta(milliseconds=1)


def test_a_result_may_have_started_before_its_execution_when_a_clock_was_set(database: Database):
    started(database, "one")
    early = a_result(started_at=NOON - timedelta(hours=1))
    record(database, "one", early)
    assert recorded(database, "one") == [early]


def test_results_come_in_the_order_in_which_they_started(database: Database):
    started(database, "one")
    later, first = a_result("a", started_at=NOON + timedelta(seconds=2)), a_result("b", started_at=NOON)
    record(database, "one", later, first)
    assert [result.entity for result in recorded(database, "one")] == ["b", "a"]


def test_only_failing_results_can_be_asked_for(database: Database):
    started(database, "one")
    record(
        database,
        "one",
        *(a_result(o, o) for o in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")),
    )
    assert [result.entity for result in recorded(database, "one", failing_only=True)] == ["failed", "error"]


def test_a_replay_changes_nothing(database: Database):
    started(database, "one")
    results = [a_result("a"), a_result("b", "failed", message="no"), a_result("b", "passed", attempt=1)]
    record(database, "one", *results)
    with database.read() as connection:
        before = statistics.records(connection, space=None)
    record(database, "one", *results)
    record(database, "one", results[1])
    with database.read() as connection:
        assert statistics.records(connection, space=None) == before
    assert len(recorded(database, "one")) == 3


def test_a_replay_that_goes_on_adds_only_what_is_new(database: Database):
    started(database, "one")
    record(database, "one", a_result("a"))
    record(database, "one", a_result("a"), a_result("b"))
    with database.read() as connection:
        assert [(r.entity, r.total_runs) for r in statistics.records(connection, space="local")] == [
            ("a", 1),
            ("b", 1),
        ]


def test_of_the_same_attempt_twice_in_one_batch_the_first_holds(database: Database):
    started(database, "one")
    record(database, "one", a_result("a", "failed"), a_result("a", "passed"))
    assert [result.outcome.value for result in recorded(database, "one")] == ["failed"]


def test_recording_nothing_is_fine(database: Database):
    started(database, "one")
    record(database, "one")
    assert recorded(database, "one") == []


@pytest.mark.parametrize(
    "name",
    [
        "tests/a b.py::test[x::y-[z]]",
        "tests/test_a.py::test[" + "long" * 2500 + "]",
        r"tests/test_a.py::test[\n\u00e9\ud800]",
        "tests/test_ä.py::test[\U0001f600-日本-\u202e]",
        "tests/test_a.py::test['\"; DROP TABLE results; --%s ? :x]",
        "tests/test_a.py::test[\n\t\r]",
    ],
)
def test_odd_names_read_back_exactly(database: Database, name: str):
    started(database, "one")
    record(database, "one", a_result(name, "failed", message=name))
    assert [(r.entity, r.message) for r in recorded(database, "one")] == [(name, name)]
    with database.read() as connection:
        assert entities.find(connection, name) == name


def test_two_long_names_that_differ_at_the_end_are_two_entities(database: Database):
    started(database, "one")
    record(database, "one", a_result("x" * 9999 + "a"), a_result("x" * 9999 + "b"))
    assert len(recorded(database, "one")) == 2


def test_what_a_database_cannot_hold_is_written_as_an_escape(database: Database):
    started(database, "one", notes=("\udc80",))
    record(database, "one", a_result("a\udcff", "failed", message="nul \0", output="\ud800é"))
    (result,) = recorded(database, "one")
    assert (result.entity, result.message, result.output) == ("a\\udcff", "nul \\x00", "\\ud800é")
    with database.read() as connection:
        assert executions.find(connection, "one").notes == ("\\udc80",)


def test_a_selection_reads_back_in_its_order_with_its_reasons(database: Database):
    started(database, "one")
    record(database, "one", a_result("known 1"), a_result("known 2"))
    picks = (Pick("known 2", "failed"), Pick("new", "matches *"), Pick("known 1", "failed"))
    selection = Selection(picks, gone=("gone::é",))
    with database.write() as connection:
        executions.save_selection(connection, "one", selection)
        assert executions.selection(connection, "one") == selection


def test_an_execution_without_a_selection_has_an_empty_one(database: Database):
    started(database, "one")
    with database.read() as connection:
        assert executions.selection(connection, "one") == Selection()


def test_an_execution_is_found_by_the_beginning_of_its_id(database: Database):
    started(database, "local-aa-1", "local-ab-2")
    with database.read() as connection:
        assert executions.find(connection, "local-ab").execution_id == "local-ab-2"


def test_a_whole_id_is_found_though_another_one_begins_with_it(database: Database):
    started(database, "run-1", "run-10", "run-11")
    with database.read() as connection:
        assert executions.find(connection, "run-1").execution_id == "run-1"


def test_a_beginning_that_several_share_is_refused_with_the_ids(database: Database):
    started(database, "run-10", "run-11")
    with database.read() as connection, pytest.raises(ArgosError, match="run-11, run-10|run-10, run-11"):
        executions.find(connection, "run")


def test_an_unknown_id_is_refused_with_one_that_comes_close(database: Database):
    started(database, "local-aa-1")
    with database.read() as connection, pytest.raises(ArgosError) as refusal:
        executions.find(connection, "lokal-aa-1")
    assert refusal.value.next_step == "Did you mean local-aa-1?"


def test_percent_and_underscore_in_an_id_are_only_characters(database: Database):
    started(database, "local")
    with database.read() as connection, pytest.raises(ArgosError):
        executions.find(connection, "l_c%")


def test_recording_into_an_unknown_execution_is_refused(database: Database):
    with pytest.raises(ArgosError, match="No execution 'none'"):
        record(database, "none", a_result())


def test_recent_executions_come_newest_first(database: Database):
    for hour, name in enumerate(["first", "second", "third"]):
        started(database, name, started_at=NOON + timedelta(hours=hour))
    with database.read() as connection:
        assert [e.execution_id for e in executions.recent(connection, limit=2)] == ["third", "second"]


def test_recent_executions_can_be_narrowed(database: Database):
    started(database, "a", space="local", rule="quick")
    started(database, "b", space="ci", rule="quick")
    started(database, "c", space="ci", rule="all", entity_type="file")
    with database.read() as connection:
        assert [e.execution_id for e in executions.recent(connection, limit=9, space="ci")] == ["b"]
        assert {e.execution_id for e in executions.recent(connection, limit=9, rule="quick")} == {"a", "b"}
        assert [e.execution_id for e in executions.recent(connection, limit=9, entity_type="file")] == ["c"]


def test_unfinished_executions_are_those_that_still_say_running(database: Database):
    started(database, "a", status=ExecutionStatus.RUNNING)
    started(database, "b", status=ExecutionStatus.INTERRUPTED)
    with database.read() as connection:
        assert [e.execution_id for e in executions.unfinished(connection)] == ["a"]


def test_the_last_complete_execution_is_the_newest_of_its_space(database: Database):
    started(database, "old", complete=True)
    started(database, "new", complete=True, started_at=NOON + timedelta(hours=1))
    started(database, "partial", started_at=NOON + timedelta(hours=2))
    started(database, "elsewhere", complete=True, space="ci", started_at=NOON + timedelta(hours=3))
    with database.read() as connection:
        last = executions.last_complete(connection, "local")
        assert last is not None
        assert last.execution_id == "new"
        assert executions.last_complete(connection, "none") is None


def test_parameters_are_kept_once_for_the_entity_even_if_they_come_late(database: Database):
    started(database, "one", "two", "three")
    record(database, "one", a_result("a", "error"))
    record(database, "two", a_result("a", parameters='{"n": "1"}'))
    record(database, "three", a_result("a", parameters='{"n": "2"}'))
    assert recorded(database, "one")[0].parameters == '{"n": "1"}'


def test_ten_thousand_results_in_one_call_are_all_there(database: Database):
    started(database, "one", "two")
    results = [a_result(f"t{i}", "failed" if i % 10 == 0 else "passed") for i in range(10_000)]
    for name in ("one", "two"):
        record(
            database, name, *(replace(r, started_at=NOON + timedelta(hours=name == "two")) for r in results)
        )
    with database.read() as connection:
        assert len(executions.results(connection, "two")) == 10_000
        assert len(statistics.recent_outcomes(connection, space="local", failing_only=True)) == 1_000
