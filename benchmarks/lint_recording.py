"""Recording scans of 50,000 violations: the first, an equal second one, and one after an edit.

The baseline of time is a bare `executemany` of the same columns into one SQLite table; what an equal
scan adds is counted in bytes that the tables hold, as SQLite's own page statistics would count them.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from argos.model.execution import Execution, ExecutionStatus
from argos.model.quality import Scan, ScannedFile, Sighting, Surroundings
from argos.store import executions, quality
from argos.store.database import Database, open_database

COUNT = 50_000
FILES = 2_000
ROUNDS = 5
FIRST_S, SECOND_S, SECOND_BYTES = 1.0, 0.150, 1024
START = datetime(2026, 1, 1, tzinfo=UTC)
CODES = ("E501", "F401", "W291", "E302", "F841", "C901", "E231", "B008", "D103", "N802")


def main() -> None:
    scan = made()
    first, second, bare = [], [], []
    added = 0.0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            database = open_database(Path(folder))
            first.append(timed(record, database, 0, scan))
            second.append(timed(record, database, 1, scan))
            added = bytes_of_equal_scans(database, scan)
            edited = timed(record, database, 99, shifted(scan))
            database.close()
            bare.append(timed(insert, Path(folder, "bare.db"), scan))
    baseline = median(bare)
    print(f"bare executemany of {COUNT:,} rows: {baseline * 1000:6.0f} ms (baseline)")
    report("first scan", median(first), FIRST_S, baseline)
    report("an equal second scan", median(second), SECOND_S, baseline)
    print(f"a scan after an edit of 50 files: {edited * 1000:6.0f} ms")
    verdict = "reached" if added < SECOND_BYTES else "MISSED"
    print(f"an equal scan adds {added:.0f} bytes, target below {SECOND_BYTES}: {verdict}")


def report(what: str, seconds: float, target: float, baseline: float) -> None:
    verdict = "reached" if seconds <= target else "MISSED"
    print(
        f"{what}: {seconds * 1000:6.0f} ms, {seconds / baseline:.2f} x, "
        f"target at most {target * 1000:.0f} ms: {verdict}"
    )


def timed(work: Callable[..., None], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def made() -> Scan:
    each_file = COUNT // FILES
    files = [ScannedFile(f"src/package_{i // 40}/module_{i}.py", 200) for i in range(FILES)]
    return Scan("flake8", tuple(files), tuple(made_one(i, files[i // each_file].path) for i in range(COUNT)))


def made_one(number: int, path: str) -> Sighting:
    code = CODES[number % len(CODES)]
    return Sighting(
        path,
        "flake8",
        code,
        f"'name_{number % 3000}' is something that {code} does not like",
        ("ERROR", "WARNING", "INFO")[number % 3],
        number % 200 + 1,
        number % 80 + 1,
        Surroundings(f"Class{number % 7}.method_{number % 31}", number * 7919 % 2**32, number, number + 1, 5),
    )


def shifted(scan: Scan) -> Scan:
    """The same after somebody has added a line at the top of 50 files."""
    edited = {file.path for file in scan.files[:50]}
    found = (replace(s, line=(s.line or 0) + 1) if s.path in edited else s for s in scan.sightings)
    return replace(scan, sightings=tuple(found))


def record(database: Database, number: int, scan: Scan) -> None:
    name = f"local-20260101-000000-{number:04x}"
    at = START + timedelta(minutes=number)
    execution = Execution(name, "argos-lint-all", "local", at, ExecutionStatus.FINISHED, "file")
    with database.write() as connection:
        executions.start(connection, execution)
        quality.record(connection, name, scan)


def bytes_of_equal_scans(database: Database, scan: Scan, count: int = 40) -> float:
    """What each of several equal scans adds to the file, on average."""
    assert database.path is not None
    before = used(database.path)
    for number in range(count):
        record(database, 10 + number, scan)
    return (used(database.path) - before) / count


def used(file: Path) -> int:
    """Bytes of the pages in use."""
    connection = sqlite3.connect(file)
    try:
        pages = [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
        ]
        return int((pages[0] - pages[1]) * connection.execute("PRAGMA page_size").fetchone()[0])
    finally:
        connection.close()


def insert(file: Path, scan: Scan) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE bare (path, tool, code, message, severity, line, col, execution, at)")
    rows = [
        (s.path, s.tool, s.code, s.message, s.severity, s.line, s.column, "local-1", START.isoformat())
        for s in scan.sightings
    ]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


if __name__ == "__main__":
    main()
