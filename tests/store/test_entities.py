from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from argos.errors import ArgosError
from argos.model.execution import TestResult
from argos.store import entities, executions, statistics
from argos.store.database import Database
from builders import NOON, a_result, an_execution


def ran(database: Database, name: str, *results: TestResult, hour: int = 0, space: str = "local") -> None:
    """An execution of this hour in which these results were recorded."""
    with database.write() as connection:
        executions.start(connection, an_execution(name, space=space, started_at=NOON + timedelta(hours=hour)))
        executions.record(connection, name, results)


def at(hour: int, entity: str = "a", outcome: str = "passed", **fields: object) -> TestResult:
    return a_result(entity, outcome, started_at=NOON + timedelta(hours=hour), **fields)


def test_the_history_of_an_entity_is_newest_first_with_its_executions(database: Database):
    ran(database, "one", at(0, outcome="failed", message="no"), at(0, "b"))
    ran(database, "two", at(1), hour=1)
    with database.read() as connection:
        history = entities.history(connection, "a")
    assert [(e.execution_id, r.outcome.value, r.message) for e, r in history] == [
        ("two", "passed", None),
        ("one", "failed", "no"),
    ]


def test_the_history_can_be_limited_and_narrowed_to_a_space(database: Database):
    for hour in range(4):
        ran(database, f"run-{hour}", at(hour), hour=hour, space="ci" if hour % 2 else "local")
    with database.read() as connection:
        newest = entities.history(connection, "a", limit=1)
        in_ci = entities.history(connection, "a", space="ci")
    assert [e.execution_id for e, _ in newest] == ["run-3"]
    assert [e.execution_id for e, _ in in_ci] == ["run-3", "run-1"]


def test_a_near_name_is_suggested_among_thousands(database: Database):
    names = [
        f"tests/test_{n % 40}.py::test_{word}_{n}" for n in range(400) for word in ("login", "order", "price")
    ]
    ran(database, "one", *(at(0, name) for name in names))
    with database.read() as connection, pytest.raises(ArgosError) as refusal:
        entities.find(connection, "tests/test_7.py::test_ordr_7")
    assert "tests/test_7.py::test_order_7" in str(refusal.value.next_step)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_no_question_about_an_entity_reads_the_results_of_all_others(database: Database):
    ran(database, "one", *(at(0, f"t{number}", "failed") for number in range(30)))
    asked: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, parameters, context, executemany):
        asked.append((statement, parameters))

    with database.read() as connection:
        sa.event.listen(connection, "before_cursor_execute", note)
        entities.history(connection, "t1")
        entities.last_failures(connection, ["t1", "t2"])
        list(statistics.recount(connection, "local", [1, 2]))
        sa.event.remove(connection, "before_cursor_execute", note)
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p).all() for s, p in asked]
    steps = [row[3] for plan in plans for row in plan]
    assert (
        len(
            [
                step
                for step in steps
                if step.startswith("SEARCH results USING PRIMARY KEY (execution=? AND entity=?")
            ]
        )
        == 3
    )
    assert "SCAN results" not in steps


def test_an_unknown_entity_has_no_history(database: Database):
    with database.read() as connection:
        assert entities.history(connection, "none") == []


def test_an_entity_is_found_by_a_part_of_its_name_that_no_other_has(database: Database):
    ran(database, "one", at(0, "tests/test_a.py::test_login"), at(0, "tests/test_a.py::test_logout"))
    with database.read() as connection:
        assert entities.find(connection, "logout") == "tests/test_a.py::test_logout"


def test_a_whole_test_name_is_meant_before_longer_ones(database: Database):
    ran(database, "one", at(0, "tests/test_a.py::test_a"), at(0, "tests/test_a.py::test_ab"))
    with database.read() as connection:
        assert entities.find(connection, "test_a") == "tests/test_a.py::test_a"


def test_a_part_that_several_names_have_is_refused_with_the_names(database: Database):
    ran(database, "one", at(0, "a::test_x"), at(0, "b::test_x"))
    with (
        database.read() as connection,
        pytest.raises(ArgosError, match="2 tests match 'test_x': a::test_x, b::test_x"),
    ):
        entities.find(connection, "test_x")


@pytest.mark.parametrize("text", ["tests/test_a.py::test_lugin", ""])
def test_an_unknown_entity_is_refused(database: Database, text: str):
    ran(database, "one", at(0, "tests/test_a.py::test_login"))
    with database.read() as connection, pytest.raises(ArgosError, match="has been recorded") as refusal:
        entities.find(connection, text)
    if text:
        assert refusal.value.next_step == "Did you mean tests/test_a.py::test_login?"


def test_percent_underscore_and_case_in_a_name_are_only_characters(database: Database):
    ran(database, "one", at(0, "test_a"))
    for text in ("t%a", "testxa", "TEST_A"):
        with database.read() as connection, pytest.raises(ArgosError):
            entities.find(connection, text)


def test_a_gone_entity_is_not_selected_and_keeps_its_history(database: Database):
    ran(database, "one", at(0, outcome="failed"), at(0, "b", "failed"))
    with database.write() as connection:
        entities.mark_gone(connection, ["a", "never recorded"], NOON)
    with database.read() as connection:
        assert statistics.recent_outcomes(connection, space="local", failing_only=True) == [("b", "F")]
        assert len(statistics.recent_outcomes(connection, space="local", failing_only=True, gone=True)) == 2
        assert [r.gone for r in statistics.records(connection, space="local")] == [True, False]
        assert len(entities.history(connection, "a")) == 1


def test_a_gone_entity_is_back_with_its_next_result(database: Database):
    ran(database, "one", at(0, outcome="failed"), at(0, "b"))
    with database.write() as connection:
        entities.mark_gone(connection, ["a", "b"], NOON)
    ran(database, "two", at(1), hour=1)
    with database.read() as connection:
        assert [(r.entity, r.gone) for r in statistics.records(connection, space="local")] == [
            ("a", False),
            ("b", True),
        ]


def test_the_last_failure_comes_with_its_message(database: Database):
    ran(database, "one", at(0, outcome="failed", message="old"), at(0, "b"))
    ran(database, "two", at(1, outcome="error", message="new"), hour=1)
    ran(database, "three", at(2), hour=2)
    with database.read() as connection:
        failures = entities.last_failures(connection, ["a", "b", "unknown"])
    assert {name: (r.outcome.value, r.message) for name, r in failures.items()} == {"a": ("error", "new")}


def test_the_last_failure_is_the_newest_by_its_own_start_not_by_its_execution(database: Database):
    ran(database, "long", at(5, outcome="failed", message="late in a long run"), hour=0)
    ran(database, "short", at(2, outcome="failed", message="before"), hour=2)
    with database.read() as connection:
        assert entities.last_failures(connection, ["a"])["a"].message == "late in a long run"


def test_of_two_failing_attempts_at_one_time_the_later_attempt_is_the_last(database: Database):
    ran(
        database, "one", at(0, outcome="failed", message="0"), at(0, outcome="failed", message="1", attempt=1)
    )
    with database.read() as connection:
        assert entities.last_failures(connection, ["a"])["a"].message == "1"


def test_entities_of_different_types_with_one_name_are_apart(database: Database):
    ran(database, "one", at(0))
    with database.write() as connection:
        executions.start(connection, an_execution("two", entity_type="file"))
        executions.record(connection, "two", [at(0, outcome="failed")])
    with database.read() as connection:
        assert statistics.recent_outcomes(connection, space="local", failing_only=False) == [("a", "P")]
        files = statistics.recent_outcomes(connection, space="local", failing_only=False, entity_type="file")
        assert files == [("a", "F")]
        assert len(entities.history(connection, "a", entity_type="file")) == 1


def test_a_few_of_many_entities_are_found_by_their_keys(database: Database):
    ran(database, "one", *(at(0, f"t{number}") for number in range(50)))
    ran(database, "two", at(1, "t7", "failed"), at(1, "new"), hour=1)
    with database.read() as connection:
        assert statistics.recent_outcomes(connection, space="local", failing_only=True) == [("t7", "PF")]
        assert entities.find(connection, "new") == "new"
