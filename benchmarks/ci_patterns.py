"""Why CI is red: the patterns in 1,000 runs of 12 jobs, and the lines that matter in a log.

The baseline of the lines is a pass over the same logs that strips times and colours only. The
patterns have a time to keep, and twice the history may take little more than twice the time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from argos.model.ci import Failure, LoggedTest, LogReport, TestSession, WorkflowJob, WorkflowRun
from argos.scout.log_lines import differing_lines
from argos.scout.patterns import History, detect, failures_of
from argos.scout.signatures import plain

RUNS, CAUSES = 1_000, 300
TARGET_S = 10.0
TARGET_GROWTH = 3.0
LINES = 60_000
TARGET_RATIO = 8.0
SYSTEMS = ("ubuntu-latest", "windows-latest", "macos-latest")
PYTHONS = ("3.8.18", "3.9.25", "3.10.19", "3.11.14")
START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    half, whole = history(RUNS // 2), history(RUNS)
    short = fastest(lambda: detect(half), 1)
    taken = fastest(lambda: detect(whole), 1)
    print(f"{len(detect(whole))} patterns in {len(whole.failures)} failures of {len(whole.jobs)} jobs")
    print(f"    {taken:.1f} s, target {TARGET_S:.0f} s: {verdict(taken <= TARGET_S)}")
    growth = taken / short
    print(f"    {growth:.1f} x half of the runs, target {TARGET_GROWTH}: {verdict(growth <= TARGET_GROWTH)}")

    green, red = log(1, 0), log(2, 3)
    size = sum(map(len, green)) * 3 + sum(map(len, red))
    compared = fastest(lambda: differing_lines(red, [green] * 3), 3)
    stripped = fastest(lambda: [plain(line[29:]) for each in (red, green, green, green) for line in each], 3)
    ratio = compared / stripped
    print(f"A red log against three green ones: {size / 1e6:.0f} MB, {size / compared / 1e6:.0f} MB/s")
    print(f"    {ratio:.1f} x stripping them, target {TARGET_RATIO}: {verdict(ratio <= TARGET_RATIO)}")


def history(runs: int) -> History:
    """Runs in which each of the causes fails now and then, in its own cells."""
    dice = random.Random(7)
    causes = [
        (f"tests/test_{n}.py::test", dice.choice((*SYSTEMS, *PYTHONS, "any")), cause(n))
        for n in range(CAUSES)
    ]
    attempts: list[WorkflowRun] = []
    jobs: list[WorkflowJob] = []
    failures: list[Failure] = []
    for run in range(runs):
        at = START + timedelta(hours=run)
        attempts.append(WorkflowRun(run, "CI", branch="main", commit=f"{run:040x}", created_at=at))
        for system in SYSTEMS:
            for python in PYTHONS:
                bad = [
                    each for each in causes if dice.random() < 0.004 and each[1] in (system, python, "any")
                ]
                tests = tuple(LoggedTest(nodeid, "failed", message=message) for nodeid, _, message in bad)
                job = WorkflowJob(
                    len(jobs),
                    run,
                    f"test ({system}, {python})",
                    labels=(system,),
                    python_version=python,
                    conclusion="failure" if bad else "success",
                    completed_at=at,
                )
                jobs.append(job)
                failures += failures_of(job, LogReport(sessions=(TestSession(tests=tests),)))
    return History(attempts, jobs, failures)


def cause(number: int) -> str:
    return f"KeyError: '{chr(97 + number % 26)}{chr(97 + number // 26)}'"


def log(day: int, failing: int) -> list[str]:
    """A job's log of LINES lines, with a few failures at its end."""
    stamp = f"2026-02-{day:02d}T18:01:28.4726886Z "
    lines = [f"{stamp}##[group]Run pytest -v", f"{stamp}##[endgroup]"]
    lines += [
        f"{stamp}tests/test_{n % 90}.py::TestIt::test_{n} \x1b[32mPASSED\x1b[0m [{100 * n // LINES:3d}%]"
        for n in range(LINES)
    ]
    lines += [f"{stamp}E       ValueError: no order {n}" for n in range(failing)]
    return [*lines, f"{stamp}##[error]Process completed with exit code 1."] if failing else lines


def fastest(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
