"""Recording 10,000 results in SQLite, against bare `sqlite3.executemany` of the same columns.

The baseline inserts one row for each result into a table without an index, in one transaction with
the same pragmas: what `record` keeps of the result itself, and what it keeps in the statistics of
its test, both computed beforehand. `record` besides finds the tests' ids, passes over what is
recorded already, adds up the statistics and keeps the primary keys. The ratio is the median of those
of rounds that measure one after the other, after a hundred results for each test.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from argos.model.execution import Execution, Outcome, TestResult
from argos.store import executions
from argos.store.database import Database, open_database
from argos.store.tables import RECENT

TARGET = 2.0
START = datetime(2024, 1, 1, tzinfo=UTC)

BARE_TABLE = """
CREATE TABLE bare (
    execution_id TEXT, entity_id TEXT, entity_type TEXT, outcome TEXT, timestamp TEXT, setup_s REAL,
    call_s REAL, teardown_s REAL, worker TEXT, space TEXT, attempt INTEGER, passed INTEGER, failed INTEGER,
    error INTEGER, skipped INTEGER, xfailed INTEGER, xpassed INTEGER, duration_s REAL, last_run TEXT,
    last_failure TEXT, recent TEXT, recent_durations BLOB
)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.results, options.rounds)


def measure(folder: Path, count: int, rounds: int) -> None:
    database = open_database(folder)
    bare = bare_database(folder / "bare.db")
    first = timed(partial(record, database, started(database, 0), made(count, 0)))
    fill_recent(database)
    pairs = []
    for number in range(1, rounds + 1):  # in turn, so that a busy machine slows both
        results = made(count, number)
        name = started(database, number)
        inserted = timed(partial(insert, bare, bare_rows(name, results)))
        pairs.append((timed(partial(record, database, name, results)), inserted))
    database.close()
    bare.close()
    report(count, first, pairs)


def report(count: int, first: float, pairs: list[tuple[float, float]]) -> None:
    recorded = median(recorded for recorded, _ in pairs)
    inserted = median(inserted for _, inserted in pairs)
    print(f"recording {count} results, tests known: {recorded * 1000:6.0f} ms")
    print(f"recording {count} results, tests new:   {first * 1000:6.0f} ms, {first / inserted:.2f} x")
    print(f"bare executemany of the same columns:  {inserted * 1000:6.0f} ms (baseline)")
    ratio = median(recorded / inserted for recorded, inserted in pairs)
    print(f"ratio {ratio:.2f} x, target at most {TARGET} x: {'reached' if ratio <= TARGET else 'MISSED'}")


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def made(count: int, number: int) -> list[TestResult]:
    """One result for each test; one test in twenty is unstable and fails every fifth time."""
    chance = random.Random(number)
    start = START + timedelta(hours=number)
    return [
        TestResult(
            entity=f"tests/unit/test_module_{i // 50}.py::TestClass{i // 10}::test_behaviour_number_{i}",
            outcome=Outcome.FAILED if i % 20 == 0 and chance.random() < 0.2 else Outcome.PASSED,
            started_at=start + timedelta(milliseconds=6 * i),
            setup_s=chance.random() / 1000,
            call_s=chance.lognormvariate(-7, 1.5),
            teardown_s=chance.random() / 1000,
        )
        for i in range(count)
    ]


def started(database: Database, number: int) -> str:
    name = f"execution-{number}"
    with database.write() as connection:
        executions.start(connection, Execution(name, "all", "local", START + timedelta(hours=number)))
    return name


def record(database: Database, name: str, results: list[TestResult]) -> None:
    with database.write() as connection:
        executions.record(connection, name, results)


def fill_recent(database: Database) -> None:
    """Statistics as they are after a hundred executions and more."""
    recent = "CASE WHEN entity % 20 = 1 THEN replace(substr(?, 1, 100), 'PPPPP', 'PPPPF') ELSE ? END"
    values = ("P" * RECENT, "P" * RECENT, b"\x00\x1c" * RECENT)
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE statistics SET recent = {recent}, recent_durations = ?", values)
        connection.exec_driver_sql("UPDATE statistics SET recent_failing = 20 * (entity % 20 = 1)")


def bare_database(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute(BARE_TABLE)
    return connection


def bare_rows(name: str, results: list[TestResult]) -> list[tuple[object, ...]]:
    recent, recent_durations = "P" * RECENT, b"\x00\x1c" * RECENT
    return [
        (
            name,
            result.entity,
            "test",
            result.outcome.value,
            result.started_at.isoformat(),
            result.setup_s,
            result.call_s,
            result.teardown_s,
            result.worker,
            "local",
            result.attempt,
            *(99, 1, 0, 0, 0, 0),
            result.duration_s,
            result.started_at.isoformat(),
            START.isoformat(),
            recent,
            recent_durations,
        )
        for result in results
    ]


def insert(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    marks = ", ".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO bare VALUES ({marks})", rows)
    connection.execute("COMMIT")


if __name__ == "__main__":
    main()
