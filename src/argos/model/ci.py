"""Continuous integration in GitHub's words: workflow, run, run attempt, job, step, log.

Ids are GitHub's, 64-bit. Times are aware UTC datetimes, None where GitHub has not set them.
`status` and `conclusion` are GitHub's texts as they came: new values are kept, never refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

COMPLETED = "completed"

# What GitHub calls the end of a run or job that should have been green and was not.
RED = frozenset({"failure", "timed_out", "startup_failure"})
# An end that says nothing about the code.
UNDECIDED = frozenset({"cancelled", "skipped", "neutral", "stale", "action_required"})


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """One attempt of a workflow run; a re-run has the same `run_id` and the next `run_attempt` (from 1).

    `started_at` is the start of this attempt, `completed_at` its end, None while it goes on.
    `workflow_path` is the workflow's file (`.github/workflows/ci.yml`).
    """

    run_id: int
    workflow_name: str
    run_attempt: int = 1
    workflow_path: str | None = None
    run_number: int | None = None
    event: str | None = None
    status: str | None = None
    conclusion: str | None = None
    branch: str | None = None
    commit: str | None = None
    title: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    url: str | None = None

    @property
    def finished(self) -> bool:
        return self.status == COMPLETED

    @property
    def duration_s(self) -> float | None:
        return _seconds(self.started_at, self.completed_at)


@dataclass(frozen=True, slots=True)
class JobStep:
    """One step of a job; `number` counts from 1 as GitHub does."""

    number: int
    name: str
    status: str | None = None
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkflowJob:
    """One job of one run attempt.

    `labels` is what `runs-on` asked for. `runner_os` and `python_version` are where it ran, as far
    as is known (`ubuntu-latest` by label, `ubuntu-24.04` by image; `3.8.18`); None if nothing tells.
    """

    job_id: int
    run_id: int
    name: str
    run_attempt: int = 1
    labels: tuple[str, ...] = ()
    runner_name: str | None = None
    runner_os: str | None = None
    python_version: str | None = None
    status: str | None = None
    conclusion: str | None = None
    commit: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    steps: tuple[JobStep, ...] = ()
    url: str | None = None

    @property
    def finished(self) -> bool:
        return self.status == COMPLETED

    @property
    def duration_s(self) -> float | None:
        return _seconds(self.started_at, self.completed_at)

    @property
    def queued_s(self) -> float | None:
        """Seconds between the request for the job and its start."""
        return _seconds(self.created_at, self.started_at)

    @property
    def failing_step(self) -> JobStep | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.conclusion in RED), None)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a run has uploaded. `digest` is `sha256:…` where GitHub has one."""

    artifact_id: int
    run_id: int
    name: str
    size_bytes: int = 0
    expired: bool = False
    created_at: datetime | None = None
    expires_at: datetime | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark that GitHub shows beside a job; the only place of some reasons, such as a time limit."""

    message: str
    level: str = "failure"
    title: str | None = None
    path: str | None = None
    line: int | None = None


# What a log says


@dataclass(frozen=True, slots=True)
class LoggedTest:
    """One test as a log or a report names it.

    `outcome` is passed, failed, error, skipped, xfailed or xpassed; `phase` is setup, call, teardown
    or collect, where it failed. `reruns` is how many earlier attempts of it failed in the session.
    `duration_s` is None where nothing is printed.
    """

    nodeid: str
    outcome: str
    duration_s: float | None = None
    message: str | None = None
    traceback: str | None = None
    phase: str | None = None
    reruns: int = 0

    @property
    def failing(self) -> bool:
        return self.outcome in ("failed", "error")


@dataclass(frozen=True, slots=True)
class TestSession:
    """One session of a test runner within a log.

    `platform` is as pytest prints it (`linux`, `win32`, `darwin`), `python` as precise as it is
    printed (`3.8.18`). `counts` holds the words of the summary line (passed, failed, errors, skipped,
    xfailed, xpassed, deselected, warnings, rerun, subtests_passed, …); what is not printed is absent:
    unknown, not zero. `complete` says that the session came to its summary. `consistent` is whether
    the named tests add up to the counts, None where that cannot be told. `first_line` and
    `last_line` count from 1 in the log.
    """

    __test__ = False  # pytest: a value, not a test class

    platform: str | None = None
    python: str | None = None
    pytest: str | None = None
    plugins: tuple[str, ...] = ()
    rootdir: str | None = None
    collected: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    complete: bool = False
    consistent: bool | None = None
    duration_s: float | None = None
    tests: tuple[LoggedTest, ...] = ()
    started_at: datetime | None = None
    environment: str | None = None  # the name that tox, nox or hatch gives it: `py311`
    first_line: int | None = None
    last_line: int | None = None

    @property
    def failures(self) -> tuple[LoggedTest, ...]:
        return tuple(test for test in self.tests if test.failing)


@dataclass(frozen=True, slots=True)
class LintViolation:
    """One finding of a linter. Lines and columns count from 1; None where the tool names none.

    `path` is as printed but with `/`; `severity` is ERROR, WARNING or INFO.
    """

    tool: str
    path: str | None
    code: str
    message: str
    line: int | None = None
    column: int | None = None
    severity: str = "WARNING"


@dataclass(frozen=True, slots=True)
class LoggedError:
    """A line of a log that says why a job failed, without being a test.

    `kind` is one of exit-code, cancelled, timeout, setup, infrastructure, crash, internal-error, gate,
    annotation; `line` counts from 1, `step` is the step that printed it.
    """

    kind: str
    message: str
    line: int | None = None
    step: str | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class LogReport:
    """All that one job's log tells.

    `os` and `os_version` are from the log's head (`Ubuntu`, `24.04.3`), `image` is `ubuntu-24.04`;
    `setup_python` is the version that was set up (`3.8.18`); `packages` what pip says it installed;
    `exit_code` is that of the step that ended the job, None where no step failed or none is printed.
    `coverage_total` is in percent. `truncated` says that the log ends before the job did. `commit` is
    what was checked out; `started_at` and `ended_at` are the times of the first and the last line.
    """

    sessions: tuple[TestSession, ...] = ()
    coverage_total: float | None = None
    coverage: Mapping[str, float] = field(default_factory=dict)
    lint: tuple[LintViolation, ...] = ()
    errors: tuple[LoggedError, ...] = ()
    exit_code: int | None = None
    os: str | None = None
    os_version: str | None = None
    image: str | None = None
    job_name: str | None = None
    repository: str | None = None
    workspace: str | None = None
    labels: tuple[str, ...] = ()
    setup_python: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    truncated: bool = False
    lines: int = 0
    commit: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


# What failures have in common


class PatternType(StrEnum):
    """Why CI is red, as far as the evidence goes."""

    PLATFORM = "platform-specific"
    PYTHON = "python-version-specific"
    FLAKY = "flaky"
    TIMEOUT = "timeout"
    SETUP = "setup"
    INFRASTRUCTURE = "infrastructure"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure of one job: of a test, or of the job itself (`nodeid` None).

    `runner_os` and `python_version` are the cell of the matrix: an OS family (`linux`, `windows`,
    `macos`) and major.minor (`3.8`). `signature` is the error without what changes from run to run.
    """

    run_id: int
    run_attempt: int
    job_id: int
    job_name: str
    signature: str
    message: str
    at: datetime
    nodeid: str | None = None
    commit: str | None = None
    runner_os: str | None = None
    python_version: str | None = None
    kind: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason to believe in a pattern: a sentence, and where to look."""

    sentence: str
    run_id: int | None = None
    job_id: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class CIFailurePattern:
    """Failures that share a signature and a cause.

    `confidence` is 0..1. `runner_os` and `python_version` are set where the pattern is bound to them.
    `reproduce` is the command that reproduces it, or None with the reason in the description.
    """

    pattern_type: PatternType
    signature: str
    description: str
    confidence: float
    failure_count: int
    first_seen: datetime
    last_seen: datetime
    test_nodeid: str | None = None
    runner_os: str | None = None
    python_version: str | None = None
    suggested_fix: str | None = None
    reproduce: str | None = None
    evidence: tuple[Evidence, ...] = ()
    tests: tuple[str, ...] = ()
    run_ids: tuple[int, ...] = ()


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max((end - start).total_seconds(), 0.0)
