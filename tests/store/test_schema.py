from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from argos.model.rule import Criterion, Rule
from argos.store import executions, rules
from argos.store.database import Database
from argos.store.schema import EntityStatistics, ExecutionHistory, ExecutionRule
from builders import NOON, a_result, an_execution


def filled(database: Database) -> Database:
    with database.write() as connection:
        executions.start(connection, an_execution("one", rule="quick"))
        executions.start(connection, an_execution("two", rule="all", space="ci"))
        results = [a_result("a", "failed", call_s=0.5, started_at=NOON + timedelta(milliseconds=250))]
        executions.record(connection, "one", [*results, a_result("b", "skipped")])
        executions.record(connection, "two", [a_result("a", "xpassed", call_s=1.5, attempt=1)])
    return database


def all_of(database: Database, kind: type[Any]) -> list[Any]:
    with database.read() as connection, Session(connection) as session:
        return list(session.scalars(sa.select(kind).order_by(kind.id)))


def test_the_history_reads_in_flat_columns(database: Database):
    rows = all_of(filled(database), ExecutionHistory)
    assert [(r.execution_id, r.entity_id, r.entity_type, r.status, r.duration, r.space) for r in rows] == [
        ("one", "a", "test", "FAILED", 0.5, "local"),
        ("one", "b", "test", "SKIPPED", 0.01, "local"),
        ("two", "a", "test", "XPASSED", 1.5, "ci"),
    ]
    assert [r.meta for r in rows] == [{"rule": "quick"}, {"rule": "quick"}, {"rule": "all"}]
    assert [r.timestamp for r in rows] == [NOON + timedelta(milliseconds=250), NOON, NOON]
    assert len({r.id for r in rows}) == 3


def test_the_statistics_read_over_all_spaces(database: Database):
    a, b = all_of(filled(database), EntityStatistics)
    assert (a.entity_id, a.total_runs, a.passed, a.failed, a.error, a.xpassed) == ("a", 2, 0, 1, 0, 1)
    assert (a.failure_rate, a.avg_duration) == (0.5, 1.0)
    assert (a.last_run, a.last_failure) == (NOON + timedelta(milliseconds=250),) * 2
    assert (b.total_runs, b.skipped, b.failure_rate, b.last_failure) == (1, 1, 0.0, None)


def test_the_columns_of_the_views_have_their_names(database: Database):
    with database.read() as connection:
        history = connection.exec_driver_sql("SELECT * FROM execution_history").keys()
        stats = connection.exec_driver_sql("SELECT * FROM entity_statistics").keys()
    wanted = "id execution_id entity_id entity_type timestamp status duration space metadata"
    assert list(history) == wanted.split()
    wanted = "id entity_id entity_type total_runs passed failed skipped failure_rate avg_duration last_run last_failure"
    assert {*wanted.split(), "last_updated"} <= set(stats)


def test_the_rules_read_with_their_settings(database: Database):
    with database.write() as connection:
        rules.mirror(connection, [Rule("r", Criterion("failure-rate", 20, 0.1, ("a*",)), limit=5)], NOON)
    (rule,) = all_of(database, ExecutionRule)
    assert (rule.name, rule.criteria, rule.enabled, rule.window, rule.threshold) == (
        "r",
        "failure-rate",
        True,
        20,
        0.1,
    )
    assert (rule.groups, rule.executor_config["limit"], rule.created_at) == (["a*"], 5, NOON)
