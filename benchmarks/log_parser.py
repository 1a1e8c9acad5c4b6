"""How fast a job log is read: megabytes a second, the ratio to taking timestamps and colours off, and memory.

    python benchmarks/log_parser.py [--megabytes 100]

The log is made here in the proportions of a real test job: set-up, thousands of verbose lines, tracebacks
with captured output, the short summary; session after session. The baseline reads the same file
line by line and only takes off the timestamp and the colours. Both run in a process of their own, so that the
peak of the memory is theirs alone.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from argos.scout.parsers.ci_log_parser import CILogParser

STAMP = "2026-02-02T18:01:28.4726886Z "
TESTS_A_SESSION = 2_000


def session(number: int) -> Iterator[str]:
    """The lines of one step that installs, tests and reports."""
    yield "##[group]Run python -m pytest -v"
    yield "\x1b[36;1mpython -m pytest -v\x1b[0m"
    yield "shell: /usr/bin/bash -e {0}"
    yield "##[endgroup]"
    for package in range(40):
        yield f"Collecting package-{package}>=1.{number} (from -r requirements.txt (line {package}))"
        yield f"  Downloading package_{package}-1.{number}-py3-none-any.whl.metadata (3.8 kB)"
    yield "=" * 29 + " test session starts " + "=" * 30
    yield "platform linux -- Python 3.11.14, pytest-8.3.5, pluggy-1.5.0 -- /opt/hostedtoolcache/bin/python"
    yield "rootdir: /home/runner/work/project/project"
    yield f"collecting ... collected {TESTS_A_SESSION} items"
    yield ""
    failing = []
    for test in range(TESTS_A_SESSION):
        name = f"tests/unit/test_module_{test // 50}.py::TestCase{test // 10}::test_behaviour_number_{test}"
        word, colour = ("FAILED", "31") if test % 250 == 7 else ("PASSED", "32")
        if word == "FAILED":
            failing.append(name)
        yield f"{name} \x1b[{colour}m{word}\x1b[0m\x1b[32m [{100 * test // TESTS_A_SESSION:3d}%]\x1b[0m"
    yield "=" * 35 + " FAILURES " + "=" * 35
    for name in failing:
        title = name.split("::", 1)[1].replace("::", ".")
        yield f" {title} ".center(80, "_")
        for line in range(30):
            yield f"    value_{line} = compute(value_{line - 1}, other={line})"
        yield ">       assert value == expected"
        yield "\x1b[1m\x1b[31mE       AssertionError: assert 1 == 2\x1b[0m"
        yield "tests/unit/test_module.py:33: AssertionError"
        yield " Captured log call ".center(80, "-")
        for line in range(100):
            yield f"DEBUG    shop.orders:orders.py:{line} order {line} took {line * 7 % 13} ms and was sent"
    yield "=" * 27 + " short test summary info " + "=" * 28
    for name in failing:
        yield f"FAILED {name} - AssertionError: assert 1 == 2"
    yield f" {len(failing)} failed, {TESTS_A_SESSION - len(failing)} passed in 13.71s ".center(80, "=")
    yield "##[error]Process completed with exit code 1."


def write(path: Path, megabytes: int) -> None:
    """Write sessions until the file has the size."""
    with path.open("w", encoding="utf-8") as log:
        number = 0
        while log.tell() < megabytes * 1_000_000:
            log.write("".join(f"{STAMP}{line}\n" for line in session(number)))
            number += 1


def strip_only(path: Path) -> int:
    """The baseline: each line without its timestamp and its colours."""
    stamp = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ")
    colour = re.compile(r"\x1b\[[0-9;]*m")
    characters = 0
    with path.open(encoding="utf-8", errors="replace") as log:
        for line in log:
            characters += len(colour.sub("", stamp.sub("", line)))
    return characters


def parse(path: Path) -> int:
    """Argos: the whole report."""
    with path.open("rb") as log:
        return len(CILogParser().parse(log).sessions)


WAYS = {"strip": strip_only, "parse": parse}


def measured(way: str, path: Path) -> dict[str, float]:
    """Seconds of the best of three, and the peak of Python's memory in megabytes."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        WAYS[way](path)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    WAYS[way](path)
    peak = tracemalloc.get_traced_memory()[1]
    return {"seconds": min(seconds), "peak_mb": peak / 1e6}


def alone(way: str, path: Path) -> dict[str, float]:
    """`measured` in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--log", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {key: float(value) for key, value in json.loads(done.stdout).items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--megabytes", type=int, default=100)
    options.add_argument("--way", choices=sorted(WAYS))
    options.add_argument("--log", type=Path)
    chosen = options.parse_args()
    if chosen.way:
        print(json.dumps(measured(chosen.way, chosen.log)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.txt"
        write(path, chosen.megabytes)
        size = path.stat().st_size / 1e6
        base, own = alone("strip", path), alone("parse", path)
    print(f"{size:.0f} MB of job log")
    for name, result in (("timestamps and colours only", base), ("the whole parser", own)):
        print(f"{name:30} {size / result['seconds']:7.1f} MB/s   peak {result['peak_mb']:6.1f} MB")
    print(f"ratio {own['seconds'] / base['seconds']:.2f} (at most 4), 40 MB/s to reach")


if __name__ == "__main__":
    main()
