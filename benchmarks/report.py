"""HTML report of 10,000 tests over 30 executions: time and size, against plain `json.dumps` of the same rows.

Run:  python benchmarks/report.py [--tests N] [--executions N] [--repeat N]

The database is filled through the functions that record real runs: 1 test in 50 is flaky and 1 in
200 broken, with messages and tracebacks of a usual length. The time is that of collecting and
rendering in a process that has the modules imported; the command as a user starts it is timed too.
The baseline holds every test's name, record, counts and durations as one JSON list of lists.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argos.lens.reports import html
from argos.lens.reports.tests import TestsReport, collect
from argos.model.execution import Counts, Execution, ExecutionStatus, Outcome, TestResult
from argos.store import executions
from argos.store.database import Database, open_database

TARGET_S = 1.0
TARGET_BYTES = 3_000_000
START = datetime(2026, 3, 1, tzinfo=UTC)
TRACEBACK = "\n".join(
    f"    tests/support/frame_{depth}.py:{depth * 7}: in call_{depth}" for depth in range(40)
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--executions", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=5, help="the fastest of this many counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        database = open_database(project)
        fill(database, arguments.tests, arguments.executions)
        measured = [measure(database) for _ in range(arguments.repeat)]
        database.close()
        command = min(command_time(project) for _ in range(arguments.repeat))
    show(arguments.tests, arguments.executions, measured, command)


def fill(database: Database, tests: int, runs: int) -> None:
    random.seed(20260301)
    for run in range(runs):
        at = START + timedelta(hours=run)
        results = [result(number, at) for number in range(tests)]
        execution = Execution(
            f"run-{run:03d}",
            rule="all",
            space="local",
            started_at=at,
            status=ExecutionStatus.FINISHED,
            duration_s=sum(r.duration_s for r in results),
            complete=True,
            counts=Counts.of(results),
            commit="0123456789abcdef0123456789abcdef01234567",
        )
        with database.write() as connection:
            executions.start(connection, execution)
            executions.record(connection, execution.execution_id, results)


def result(number: int, at: datetime) -> TestResult:
    file = f"tests/unit/area_{number % 40}/test_module_{number % 400}.py"
    name = f"{file}::TestThing::test_behaviour_{number}[case-{number % 5}]"
    failing = number % 200 == 0 or (number % 50 == 1 and random.random() < 0.2)
    return TestResult(
        name,
        Outcome.FAILED if failing else Outcome.PASSED,
        at,
        call_s=random.lognormvariate(-5, 1),
        message=f"AssertionError: {number} is not what was expected" if failing else None,
        traceback=TRACEBACK if failing else None,
    )


def measure(database: Database) -> tuple[float, float, int, int]:
    """Seconds and bytes of the report, seconds and bytes of the baseline."""
    begun = time.perf_counter()
    with database.read() as connection:
        report = collect(connection, space="local", window=30, now=START)
    page = html.render(report)
    ended = time.perf_counter()
    plain = json.dumps(rows(report))
    return ended - begun, time.perf_counter() - ended, len(page.encode()), len(plain.encode())


def rows(report: TestsReport) -> list[list[object]]:
    return [
        [test.entity, test.stability.value, *test.health.counts, test.recent, test.mean_s, test.p95_s]
        for test in report.tests
    ]


def command_time(project: Path) -> float:
    program = "from argos.lens.cli import main; main()"
    argv = ["report", "tests", "--project", str(project), "--output", str(project / "report.html")]
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, *argv], check=True, capture_output=True)
    return time.perf_counter() - begun


def show(tests: int, runs: int, measured: list[tuple[float, float, int, int]], command: float) -> None:
    seconds = min(took for took, _, _, _ in measured)
    baseline = min(took for _, took, _, _ in measured)
    size, plain = measured[0][2:]
    print(f"HTML report of {tests:,} tests over {runs} executions, fastest of {len(measured)}")
    print(
        f"  collect and render    {seconds:8.3f} s   target {TARGET_S:.1f} s   {verdict(seconds <= TARGET_S)}"
    )
    print(f"  whole lens command    {command:8.3f} s   with start-up, imports and writing")
    print(f"  baseline json.dumps   {baseline:8.3f} s   ratio {seconds / baseline:.1f} x")
    print(
        f"  file                  {size:>10,} B target {TARGET_BYTES:,} B   {verdict(size <= TARGET_BYTES)}"
    )
    print(f"  baseline json.dumps   {plain:>10,} B ratio {size / plain:.2f} x")


def verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


if __name__ == "__main__":
    main()
