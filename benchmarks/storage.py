"""Bytes on disk for each passed result: 10,000 tests in 100 executions, recorded one after the other.

The whole file counts: executions with their selections, entities, statistics and indexes. The
baseline is the least that a result could take in one SQLite table of the same small numbers.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argos.model.execution import Execution, ExecutionStatus, Outcome, Pick, Selection, TestResult
from argos.store import administration, executions
from argos.store.database import Database, open_database

TARGET = 40.0
START = datetime(2024, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--executions", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder))
        names = [
            f"tests/unit/test_module_{i // 50}.py::TestClass{i // 10}::test_behaviour_number_{i}"
            for i in range(options.tests)
        ]
        for number in range(options.executions):
            record(database, number, names)
        database.vacuum()  # of what is left in the write-ahead log
        info = administration.info(database)
        database.close()
        bare = bare_bytes(Path(folder) / "bare.db", options.tests, options.executions)
    measured = info.bytes_per_result or 0.0
    print(f"{info.results} passed results: {info.size_bytes / 1e6:.1f} MB, {measured:.1f} bytes each")
    print(f"bare table of the same numbers: {bare:.1f} bytes each (baseline), ratio {measured / bare:.2f} x")
    print(f"target at most {TARGET} bytes: {'reached' if measured <= TARGET else 'MISSED'}")


def record(database: Database, number: int, names: list[str]) -> None:
    chance = random.Random(number)
    start = START + timedelta(hours=number)
    execution = Execution(f"local-{number}", "all", "local", start, ExecutionStatus.FINISHED, complete=True)
    selection = Selection(tuple(Pick(name, "everything is selected") for name in names))
    with database.write() as connection:
        executions.start(connection, execution)
        executions.save_selection(connection, execution.execution_id, selection)
        executions.record(connection, execution.execution_id, made(names, start, chance))


def made(names: list[str], start: datetime, chance: random.Random) -> list[TestResult]:
    return [
        TestResult(
            entity=name,
            outcome=Outcome.PASSED,
            started_at=start + timedelta(milliseconds=6 * i),
            setup_s=chance.uniform(0.0001, 0.0005),
            call_s=chance.lognormvariate(-7, 1.5),
            teardown_s=chance.uniform(0.0001, 0.0005),
        )
        for i, name in enumerate(names)
    ]


def bare_bytes(file: Path, tests: int, runs: int) -> float:
    chance = random.Random(0)
    connection = sqlite3.connect(file)
    connection.execute(
        "CREATE TABLE bare (execution, entity, attempt, outcome, started, setup, call, teardown)"
    )
    for run in range(runs):
        rows = (
            (run, i, 0, 0, 6 * i, chance.randint(100, 500), int(chance.lognormvariate(6.8, 1.5)), 300)
            for i in range(tests)
        )
        connection.executemany("INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return file.stat().st_size / (tests * runs)


if __name__ == "__main__":
    main()
