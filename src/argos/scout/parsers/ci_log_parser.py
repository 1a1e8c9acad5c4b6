"""Reads the log of a CI job: test sessions, coverage, findings of linters, and why the job failed.

One pass over a binary stream, linear in its length. Memory does not grow with the log but with what it
names: at most `TESTS_KEPT` names, `TEXT_KEPT` characters of messages and tracebacks (a traceback at most
`TRACEBACK_KEPT`, a message at most `MESSAGE_KEPT` characters), all in `argos.tools.pytest_log`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO

from argos.model.ci import (
    LintViolation,
    LoggedError,
    LoggedTest,
    LogReport,
    PatternType,
    TestSession,
)
from argos.tools import evidence_log, pip_log
from argos.tools.actions_log import ECHO, HEADS, RunnerLog, Transport, batches, moment
from argos.tools.coverage_log import TABLE_STARTS, CoverageTables
from argos.tools.lint_log import LintLines
from argos.tools.pytest_log import Allowance, SessionReader, starts_quietly, starts_session

SESSIONS_KEPT = 10_000

_ENVIRONMENT = re.compile(
    r"(?P<tox>[\w.,+-]{1,80}): (?:commands\[\d+\]> |install_deps> |commands_pre\[)"
    r"|(?P<tox3>[\w.,+-]{1,80}) (?:run-test|runtests|run-test-pre)[^:]{0,20}: "
    r"|nox > Running session (?P<nox>\S{1,200})"
    r"|─{3,} (?P<hatch>\S{1,80}) ─{3,}$"
)
_NO_INTERPRETER = re.compile(
    r"[\w.,+-]{1,80}: (?:failed with |skipped because )?could not find python interp"
)
_NO_LONGER = re.compile(
    r"nox > Session \S+ (?:was|failed|aborted|skipped)|[\w.,+-]{1,80}: (?:OK|FAIL|SKIP)\b"
)


class CILogParser:
    """The parser of one job's log. It keeps nothing between two logs."""

    def parse(self, source: BinaryIO | Iterable[bytes]) -> LogReport:
        """All that the log tells. `source` is a binary stream, or the log's bytes in pieces of any length.

        Raises nothing for any content.
        """
        reading = _Reading()
        for lines in batches(source):
            reading.take(lines)
        return reading.report()

    def parse_text(self, log_content: str) -> LogReport:
        """`parse` for a log that is text already."""
        return self.parse(BytesIO(log_content.encode("utf-8", "replace")))

    def parse_pytest_log(self, log_content: str) -> list[LoggedTest]:
        """Every test that the log names, session after session."""
        return [test for session in self.parse_text(log_content).sessions for test in session.tests]

    def parse_coverage_log(self, log_content: str) -> dict[str, Any]:
        """`{"total": percent or None, "files": {path: percent}}` as the last table prints them."""
        report = self.parse_text(log_content)
        return {"total": report.coverage_total, "files": dict(report.coverage)}

    def parse_flake8_log(self, log_content: str) -> list[LintViolation]:
        """The findings of flake8, in the order of the log."""
        return [found for found in self.parse_text(log_content).lint if found.tool == "flake8"]

    def detect_failure_patterns(self, log_content: str) -> list[FailurePattern]:
        """What kinds of failure the log shows, with the line that shows it; see `failure_patterns`."""
        return failure_patterns(self.parse_text(log_content))


@dataclass(frozen=True, slots=True)
class FailurePattern:
    """A sign of one kind of failure in one log. `line` counts from 1, None if it is not one line's."""

    pattern_type: PatternType
    evidence: str
    line: int | None = None
    nodeid: str | None = None
    tool: str | None = None


_OF_KIND = {
    "timeout": PatternType.TIMEOUT,
    "setup": PatternType.SETUP,
    "infrastructure": PatternType.INFRASTRUCTURE,
}
_PLATFORM = re.compile(
    r"\bWinError \d+|\bWindowsError\b|PermissionError: \[WinError|charmap' codec|cp1252|\bAF_UNIX\b"
    r"|NotImplementedError: cannot instantiate '(?:Posix|Windows)Path'"
    r"|has no attribute '(?:fork|getuid|geteuid|killpg|setsid|SIGKILL|SIGALRM|startfile|O_BINARY)'"
    r"|No module named '(?:fcntl|pwd|grp|termios|resource|msvcrt|winreg)'"
    r"|\[Errno \d+\] .{0,80}: 'C:\\\\|DLL load failed|dlopen\(|Library not loaded|(?:\\r\\n.*!=|!=.*\\r\\n)"
    r"|cannot use a drive letter|is not a valid Win32 application"
)
_FLAKY = re.compile(
    r"ConnectionResetError|ConnectionRefusedError|Connection reset by peer|Address already in use"
    r"|Read timed out|Temporary failure in name resolution|TimeoutError|RemoteDisconnected|Broken pipe"
    r"|database is locked|Text file busy|Resource temporarily unavailable"
)
_TIME_LIMIT = re.compile(r"^Failed: Timeout \(?>")


def failure_patterns(report: LogReport) -> list[FailurePattern]:
    """Signs of kinds of failure: timeout, setup, infrastructure, platform, flaky; in the order of the log.

    A test that failed and then passed within the session, and errors of the network or of shared resources,
    are signs of flakiness; errors that name what only one system has are signs of a platform's.
    """
    found = [
        FailurePattern(_OF_KIND[error.kind], error.message, error.line, tool=error.tool)
        for error in report.errors
        if error.kind in _OF_KIND
    ]
    for session in report.sessions:
        for test in session.tests:
            found.extend(_signs(test))
    return found


def _signs(test: LoggedTest) -> Iterable[FailurePattern]:
    if test.reruns and not test.failing:
        times = "once" if test.reruns == 1 else f"{test.reruns} times"
        sentence = f"{test.nodeid} failed {times} and then {test.outcome} in the same session"
        yield FailurePattern(PatternType.FLAKY, sentence, nodeid=test.nodeid)
    if not test.failing or test.message is None:
        return
    if _TIME_LIMIT.match(test.message):
        yield FailurePattern(PatternType.TIMEOUT, test.message, nodeid=test.nodeid, tool="pytest-timeout")
        return
    for pattern_type, pattern in ((PatternType.PLATFORM, _PLATFORM), (PatternType.FLAKY, _FLAKY)):
        if pattern.search(test.message):
            yield FailurePattern(pattern_type, test.message, nodeid=test.nodeid)


# Lines from either end of a log among which one has a time, if any has.
_LOOKED_FOR_A_TIME = 50


def _first_moment(lines: Iterable[str]) -> datetime | None:
    times = (moment(line) for line in islice(lines, _LOOKED_FOR_A_TIME))
    return next((time for time in times if time is not None), None)


class _Reading:
    """The state of one pass over one log."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.runner = RunnerLog()
        self.lint = LintLines()
        self.tables = CoverageTables()
        self.allowance = Allowance()
        self.session: SessionReader | None = None
        self.sessions: list[TestSession] = []
        self.packages: dict[str, str] = {}
        self.environment: str | None = None
        self.listening = True
        self.prefix = ""
        # A session that may go on: an outer run while an inner one is printed, or one whose end is doubtful.
        self.outer: SessionReader | None = None
        self.doubtful: SessionReader | None = None
        self.lines = self.number = 0
        self.raw = ""
        self.started_at: datetime | None = None
        self.last: list[str] = []

    def take(self, lines: list[str]) -> None:
        """Take the next lines of the log. The loop is the parser's whole cost for lines that say nothing."""
        number = self.lines
        runner = self.runner
        for raw in lines:
            number += 1
            if raw[27:29] == "Z " and raw[10:11] == "T":
                text = raw[29:]
            else:
                text = self._unwrapped(raw)
            self.raw = raw
            self.number = number
            session = self.session
            if text[:3] == "##[":
                self._marker(text, number)
            elif runner.inside_run and runner.echoed(text):
                pass
            elif session is not None:
                if self.prefix:
                    text = text.removeprefix(self.prefix)
                session.take(text, number)
            elif text:
                self._outside(text, number)
        self.lines = number
        if lines:
            self.started_at = self.started_at or _first_moment(lines)
            self.last = lines[-_LOOKED_FOR_A_TIME:]

    def report(self) -> LogReport:
        """What the whole log tells."""
        open_session = self.session is not None and self.session.cut_off
        self._close()
        self.tables.close()
        runner, facts = self.runner, self.runner.facts
        for gate in self.tables.gates:
            runner.errors.append(gate)
        # What is unknown goes last; the rest in the order of the log.
        errors = sorted(runner.errors, key=lambda error: error.line or self.lines + 1)
        return LogReport(
            sessions=tuple(self.sessions),
            coverage_total=self.tables.found,
            coverage=self.tables.files,
            lint=tuple(self.lint.violations),
            errors=tuple(errors),
            exit_code=runner.exit_code,
            os=runner.system[0] if runner.system else None,
            os_version=runner.system[1] if len(runner.system) > 1 else None,
            image=facts.get("image"),
            job_name=facts.get("job_name", self.transport.job),
            repository=facts.get("repository"),
            workspace=facts.get("workspace"),
            labels=runner.labels,
            setup_python=facts.get("setup_python", facts.get("location")),
            packages=self.packages,
            commands=tuple(runner.commands),
            truncated=self._truncated(open_session),
            lines=self.lines,
            commit=facts.get("commit"),
            started_at=self.started_at,
            ended_at=_first_moment(reversed(self.last)),
        )

    def _truncated(self, open_session: bool) -> bool:
        """Whether a job's log lacks the runner's farewell, or a part of a log ends within a session."""
        if self.runner.saw_end:
            return False
        return self.runner.saw_head or (open_session and not self.runner.errors)

    def _unwrapped(self, raw: str) -> str:
        step = self.transport.step
        text = self.transport.text(raw)
        if self.transport.step != step:
            self._close()
            self.runner.step = self.transport.step
            self._begin_step(())
        return text

    def _marker(self, text: str, number: int) -> None:
        session = self.session
        behind = self.runner.marker(text, number, in_tests=session is not None)
        if behind is not None:
            if session is not None:
                session.take(behind, number)
            else:
                self._annotated(text, behind, number)
            return
        if text.startswith("##[error]") or self.runner.inside_run:
            self._close()
        if self.runner.inside_run:
            self.environment = self.outer = self.doubtful = None
            self.tables.close()
            self._begin_step(())
        elif text.startswith("##[endgroup]") and self.runner.script:
            self._begin_step(self.runner.script)

    def _begin_step(self, script: Sequence[str]) -> None:
        self.lint.begin(script)
        self.listening = self.lint.listens

    def _annotated(self, text: str, behind: str, number: int) -> None:
        """Take a line that the runner marks as an error or a warning, outside test sessions."""
        if self.listening and self.lint.take(behind):
            return
        if behind.startswith(("[notice]", "[debug]")) or not text.startswith("##[error]"):
            return
        if not self._why(behind, number):
            self.runner.report("annotation", behind, number)

    def _outside(self, text: str, number: int) -> None:
        """Take a line that belongs to no test session."""
        last = text[-1]
        may_begin = last in "]=" or (last in "s)" and text[0] in "=0123456789n")
        if (may_begin or self.outer or self.doubtful) and self._begins(text, last, number):
            return
        if text[0] == ECHO:
            if not self.runner.saw_group:
                return
            text = text[1:] or " "
        start = text[:2]
        if (self.tables.inside or start in TABLE_STARTS) and self.tables.take(text, number):
            return
        if self.listening and self.lint.take(text):
            return
        if start in _TELLING or text[0] == "/" or self.runner.commit_follows:
            self._telling(text, number)
        elif self.runner.group is not None:
            self.runner.head(text)
        if start in _DRIVERS or self.environment is not None or "commands[" in text or _LOST in text:
            self._driver(text)

    def _begins(self, text: str, last: str, number: int) -> bool:
        """Whether a session begins, or goes on, with this line."""
        if (self.outer or self.doubtful) and self._goes_on(text, number):
            return True
        if last == "=" and (prefix := starts_session(text)) is not None:
            self._open(number, header=True, width=len(text) - len(prefix), prefix=prefix)
            return True
        if last not in "]=s)" or not starts_quietly(text):
            return False
        self._open(number, header=False, width=0)
        if self.session is not None:
            self.session.take(text, number)
        return True

    def _telling(self, text: str, number: int) -> None:
        """Take a line whose first letter is one of those that lines with a meaning begin with."""
        pins = pip_log.installed(text)
        if self.runner.checkout(text):
            return
        if pins:
            if len(self.packages) < pip_log.PACKAGES_KEPT:
                self.packages.update(pins)
        elif text.startswith("Error: ") and text[7:].startswith(_SHOWN):
            self.runner.marker(f"##[error]{text[7:]}", number, in_tests=False)
        elif text.startswith("INTERNALERROR>"):
            if "INTERNALERROR> Traceback" in text:
                self.runner.report("internal-error", text, number, "pytest")
        elif not self._why(text, number):
            self.runner.head(text)

    def _why(self, text: str, number: int) -> bool:
        """Keep the line if it tells why the job fails."""
        tool = pip_log.failure(text)
        if tool is not None:
            self.runner.report("setup", text, number, tool)
            return True
        found = evidence_log.evidence(text)
        if found is not None:
            self.runner.report(found[0], text, number, found[1])
        return found is not None

    def _driver(self, text: str) -> None:
        """Take the name of the environment from a line of tox, nox or hatch."""
        found = _ENVIRONMENT.match(text)
        if found is not None:
            self.environment = next(name for name in found.groups() if name)
        elif ": " in text and _NO_INTERPRETER.match(text):
            self.runner.report("setup", text, self.number, "tox")
        elif self.environment is not None and _NO_LONGER.match(text):
            self.environment = None

    # Sessions

    def _open(self, number: int, *, header: bool, width: int, prefix: str = "") -> None:
        self.prefix = prefix
        self.outer = self.doubtful = None
        if len(self.sessions) >= SESSIONS_KEPT:
            return
        self.session = SessionReader(
            number,
            header=header,
            allowance=self.allowance,
            starts=self._restarted,
            leaves=self._left,
            ends=self._close,
            coverage=self.tables.take,
            started_at=moment(self.raw),
            environment=self.environment,
            width=width if header else 0,
        )

    def _restarted(self, text: str, number: int) -> None:
        before = self.session
        self._close()
        self._open(number, header=True, width=len(text))
        if before is not None and before.alive:
            self.outer = before

    def _goes_on(self, text: str, number: int) -> bool:
        """Give the line to a session that looked as if it were over, if it is that session's."""
        if self.outer is not None and self.outer.goes_on(text) and len(self.sessions) >= 2:
            reader, gone = self.outer, 2
        elif self.doubtful is not None and starts_quietly(text):
            reader, gone = self.doubtful, 1
        else:
            return False
        del self.sessions[-gone:]
        self.outer = self.doubtful = None
        reader.resume()
        self.session = reader
        reader.take(text, number)
        return True

    def _left(self, text: str, number: int) -> None:
        self._close()
        self._outside(text, number)

    def _close(self) -> None:
        session, self.session = self.session, None
        self.prefix = ""
        if session is None:
            return
        for error in session.errors:
            if sum(self.runner.reported.values()) < 5_000:
                self.runner.reported[error.kind] += 1
                self.runner.errors.append(replace(error, step=self.runner.step))
        self.sessions.append(session.session(self.number))
        self.doubtful = session if session.doubtful_end else None


# As the web page shows what the log marks with `##[error]`.
_SHOWN = ("Process completed with exit code ", "The operation was canceled.")
_LOST = "could not find python interp"
_DRIVERS = frozenset(("no", "──"))
_TELLING = (
    evidence_log.STARTS
    | pip_log.STARTS
    | frozenset(start[:2] for start in (*HEADS, "INTERNALERROR>", "[command]"))
)


# The shape of `scout ci parse --json`


def document(report: LogReport) -> dict[str, Any]:
    """The report as plain values, in the shape that `scout ci parse --json` prints.

    What the log does not tell is None, and a count that it does not print is not there.
    """
    return {
        "sessions": [_session(session) for session in report.sessions],
        "coverage": {"total": report.coverage_total, "files": dict(report.coverage)},
        "lint": [_violation(found) for found in report.lint],
        "errors": [error_document(error) for error in report.errors],
        "exit_code": report.exit_code,
        "os": report.os,
        "os_version": report.os_version,
        "image": report.image,
        "job_name": report.job_name,
        "setup_python": report.setup_python,
        "commit": report.commit,
        "truncated": report.truncated,
        "lines": report.lines,
    }


def _session(session: TestSession) -> dict[str, Any]:
    return {
        "platform": session.platform,
        "python": session.python,
        "pytest": session.pytest,
        "plugins": list(session.plugins),
        "rootdir": session.rootdir,
        "environment": session.environment,
        "started_at": session.started_at.isoformat() if session.started_at else None,
        "collected": session.collected,
        "counts": dict(session.counts),
        "complete": session.complete,
        "consistent": session.consistent,
        "duration_s": session.duration_s,
        "failures": [
            {
                "nodeid": test.nodeid,
                "kind": test.outcome,
                "phase": test.phase,
                "message": test.message,
                "traceback": test.traceback,
            }
            for test in session.failures
        ],
        "tests": [_test(test) for test in session.tests],
    }


def _test(test: LoggedTest) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "nodeid": test.nodeid,
        "outcome": test.outcome,
        "duration_s": test.duration_s,
    }
    if test.reruns:
        shown["reruns"] = test.reruns
    return shown


def _violation(found: LintViolation) -> dict[str, Any]:
    return {
        "tool": found.tool,
        "path": found.path,
        "line": found.line,
        "column": found.column,
        "code": found.code,
        "message": found.message,
        "severity": found.severity,
    }


def error_document(error: LoggedError) -> dict[str, Any]:
    return {
        "kind": error.kind,
        "message": error.message,
        "line": error.line,
        "step": error.step,
        "tool": error.tool,
    }
