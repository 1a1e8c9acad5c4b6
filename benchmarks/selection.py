"""What selections and the list of flaky tests read, over 100,000 tests with 10 million results.

Timed are `recent_outcomes` and what `failed-in-last`, `failure-rate` and `stats flaky` compute from
it, once where one test in fifty ever failed and once where every test did. The baseline is the same over
a tenth of the history: the times must not grow with it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from argos.model.execution import Execution, ExecutionStatus
from argos.store import executions, statistics
from argos.store.database import Database, open_database
from argos.store.encoding import key

TARGET_MS = 300
START = datetime(2024, 1, 1, tzinfo=UTC)
ROUNDS = 9

# Every test failed once where the number says so; the rest of its results passed.
RESULTS = """
WITH RECURSIVE run(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM run WHERE n < :runs)
INSERT INTO results (execution, entity, attempt, outcome, started_ms, setup_us, call_us, teardown_us)
SELECT run.n, entities.id, 0, entities.id % :one_in = 0 AND run.n = :runs - 3, entities.id, 300, 2000, 300
FROM run CROSS JOIN entities
"""
STATISTICS = """
INSERT INTO statistics (entity, space, passed, failed, duration_us, last_run_us, last_failure_us, recent,
    recent_failing, recent_durations)
SELECT id, 'local', :runs - failing, failing, :runs * 2600, :last_run_us, :last_run_us,
    CASE WHEN failing THEN substr(:passes, 1, :kept - 4) || 'FPPP' ELSE substr(:passes, 1, :kept) END,
    failing, zeroblob(2 * :kept)
FROM (SELECT id, id % :one_in = 0 AS failing FROM entities)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tests", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args()
    times = {}
    for runs in (options.runs // 10, options.runs):
        with tempfile.TemporaryDirectory() as folder:
            database = open_database(Path(folder))
            fill(database, options.tests, runs, one_in=50)
            times[runs] = measure(database, f"{options.tests * runs} results, 2 % of the tests failed once")
            if runs == options.runs:
                refill_statistics(database, runs, one_in=1)
                times[0] = measure(database, f"{options.tests * runs} results, every test failed once")
            database.close()
    usual, worst, before = times[options.runs], times[0], times[options.runs // 10]
    print(f"ten times the history: {usual / before:.2f} x the time (baseline: {before:.0f} ms)")
    slowest = max(usual, worst)
    print(
        f"slowest {slowest:.0f} ms, target {TARGET_MS} ms: {'reached' if slowest <= TARGET_MS else 'MISSED'}"
    )


def measure(database: Database, label: str) -> float:
    """The time of the slowest question in milliseconds."""
    questions: dict[str, Callable[[list[tuple[str, str]]], list[str]]] = {
        "recent_outcomes alone": lambda outcomes: [name for name, _ in outcomes],
        "failed-in-last 5": lambda outcomes: [name for name, recent in outcomes if failing(recent[-5:])],
        "failure-rate 10 % of 20": lambda outcomes: [
            name for name, recent in outcomes if rate(recent[-20:]) >= 0.1
        ],
        "stats flaky": lambda outcomes: [name for name, recent in outcomes if 0.0 < rate(recent[-30:]) < 1.0],
    }
    print(label)
    slowest = 0.0
    for question, answer in questions.items():
        taken = [timed(database, answer) for _ in range(ROUNDS)]
        print(f"    {question:24} {min(taken):6.1f} ms, the first time {taken[0]:6.1f} ms")
        slowest = max(slowest, min(taken))
    return slowest


def timed(database: Database, answer: Callable[[list[tuple[str, str]]], list[str]]) -> float:
    start = time.perf_counter()
    with database.read() as connection:
        answer(statistics.recent_outcomes(connection, space="local", failing_only=True))
    return (time.perf_counter() - start) * 1000


def failing(recent: str) -> bool:
    return "F" in recent or "E" in recent


def rate(recent: str) -> float:
    ran = len(recent) - recent.count("S")
    return (recent.count("F") + recent.count("E")) / ran if ran else 0.0


def fill(database: Database, tests: int, runs: int, *, one_in: int) -> None:
    names = [
        f"tests/unit/test_module_{i // 50}.py::TestClass{i // 10}::test_behaviour_{i}" for i in range(tests)
    ]
    with database.write() as connection:
        for run in range(runs):
            start = START + timedelta(hours=run)
            status = ExecutionStatus.FINISHED
            executions.start(connection, Execution(f"local-{run}", "all", "local", start, status))
        connection.exec_driver_sql(
            "INSERT INTO entities (entity_type, entity_id, key) VALUES ('test', ?, ?)",
            [(name, key("test", name)) for name in names],
        )
        connection.execute(sa.text(RESULTS), {"runs": runs, "one_in": one_in})
    refill_statistics(database, runs, one_in=one_in)


def refill_statistics(database: Database, runs: int, *, one_in: int) -> None:
    values = {
        "runs": runs,
        "one_in": one_in,
        "passes": "P" * runs,
        "kept": min(runs, 100),
        "last_run_us": int((START + timedelta(hours=runs)).timestamp() * 1e6),
    }
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM statistics")
        connection.execute(sa.text(STATISTICS), values)


if __name__ == "__main__":
    main()
