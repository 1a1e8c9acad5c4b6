"""Small builders that several test modules share; each names only what matters to its test."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from argos.console import edge
from argos.model.execution import Execution, ExecutionStatus, Outcome, TestResult

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def a_result(entity: str = "tests/test_a.py::test_x", outcome: str = "passed", **fields: Any) -> TestResult:
    """One result, passed at noon in ten milliseconds unless said otherwise."""
    return TestResult(entity, Outcome(outcome), **{"started_at": NOON, "call_s": 0.01, **fields})


def an_execution(execution_id: str = "local-1", **fields: Any) -> Execution:
    """A finished execution of the rule `all`, at noon, of one second."""
    usual = {
        "rule": "all",
        "space": "local",
        "started_at": NOON,
        "status": ExecutionStatus.FINISHED,
        "duration_s": 1.0,
    }
    return Execution(execution_id, **{**usual, **fields})


@dataclass(frozen=True)
class Ran:
    """What a command left behind: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def anvil(*args: str | Path, project: Path) -> Ran:
    """Runs an `anvil` command in this process, as `main` does."""
    from argos.anvil.cli import anvil as group

    return _run(group, "anvil", _in(project, args))


def lens(*args: str | Path, project: Path) -> Ran:
    """Runs a `lens` command in this process, as `main` does."""
    from argos.lens.cli import lens as group

    return _run(group, "lens", _in(project, args))


def scout(*args: str | Path, project: Path | None = None) -> Ran:
    """Runs a `scout ci` command in this process, as `main` does."""
    from argos.scout.cli import scout as group

    words = tuple(str(arg) for arg in args)
    return _run(group, "scout", ["ci", *(words if project is None else _in(project, words))])


def _in(project: Path, args: tuple[str | Path, ...]) -> list[str]:
    """The arguments with the project named, before those that are meant for pytest."""
    words = [str(arg) for arg in args]
    cut = words.index("--") if "--" in words else len(words)
    return [*words[:cut], "--project", str(project), *words[cut:]]


def _run(group: Any, program: str, args: list[str]) -> Ran:
    with _captured() as (out, err):
        code = 0
        try:
            edge.run(group, program, args)
        except SystemExit as done:
            code = int(done.code or 0)
    return Ran(code, _text(out), _text(err))


@contextlib.contextmanager
def _captured() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def _text(stream: io.TextIOWrapper) -> str:
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode("utf-8")


def write(root: Path, files: dict[str, str]) -> Path:
    """Writes files, path to text, under a folder; the text may be indented as a whole."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return root


CONFIG = """
version: 1.0
python: {python}
validators:
  pytest:
    enabled: true
"""


def project(root: Path, files: dict[str, str], *, python: str | Path = sys.executable) -> Path:
    """A project of these files that is run by this interpreter, unless it brings its own configuration."""
    write(root, {".anvil/config.yaml": CONFIG.format(python=python), **files})
    return root


def environment(**changes: str) -> dict[str, str]:
    """The environment for a subprocess that finds this Argos."""
    return {**os.environ, **changes}


def a_record(entity: str = "tests/test_a.py::test_a", recent: str = "PP", **fields: Any) -> Any:
    """The statistics of one test in the space `local`, each result 10 ms long."""
    from argos.store.encoding import half
    from argos.store.statistics import EntityRecord

    known = {
        "passed": recent.count("P"),
        "failed": recent.count("F"),
        "error": recent.count("E"),
        "skipped": recent.count("S"),
        "xfailed": recent.count("x"),
        "xpassed": recent.count("X"),
        "last_run": NOON,
        "last_failure": NOON if set(recent) & {"F", "E"} else None,
        "packed_durations": b"".join(half(10_000) for _ in recent),
    }
    return EntityRecord(
        entity=entity, space="local", gone=False, total_duration_s=0.01, recent=recent, **{**known, **fields}
    )


def a_tests_report(
    records: dict[str, str] | None = None, *, message: str = "assert 1 == 2", **fields: Any
) -> Any:
    """A report of tests with these records; each one that ever failed has this message and traceback."""
    from argos.lens.reports.tests import LastFailure, TestsReport, row
    from argos.stats.trend import trend

    records = {"tests/test_a.py::test_a": "PP"} if records is None else records
    execution = an_execution(duration_s=2.5, complete=True)
    failing = {entity: recent for entity, recent in records.items() if set(recent) & {"F", "E"}}
    known = {
        "space": "local",
        "window": 30,
        "generated_at": NOON,
        "executions": (execution,) if records else (),
        "newest": execution if records else None,
        "tests": tuple(row(a_record(entity, recent), 30) for entity, recent in records.items()),
        "failures": {
            entity: LastFailure(a_result(entity, "failed", message=message, traceback=message), execution, 1)
            for entity in failing
        },
        "trends": {entity: trend(recent) for entity, recent in failing.items()},
    }
    return TestsReport(**{**known, **fields})
