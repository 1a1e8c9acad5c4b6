"""Logs and reports that are on disk already, taken in as if they had just been fetched.

A file needs a run and a job to belong to. A folder or an archive is one run, and its number is the one
in its name (`run-123`, `logs_123.zip`) if there is one. Otherwise run and job get numbers that are
made of what the files hold, so that the same files are the same run on every machine and at every
time; they lie where GitHub has none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from argos.errors import ArgosError
from argos.model.ci import LogReport, TestSession, WorkflowJob, WorkflowRun
from argos.model.execution import TestResult
from argos.scout.ci.archives import extract, job_logs
from argos.scout.integration.anvil_bridge import AnvilBridge
from argos.scout.integration.job_results import JobResults, same_session
from argos.scout.parsers.report_files import ReportFile, kind_of, read_file
from argos.scout.parsers.reports import ReportKind
from argos.store import ci, ci_past

OWN_NUMBERS = 900_000_000_000_000_000
"""Runs and jobs that have no number of GitHub's are numbered from here on; both stay below 2^63."""

_RUN = re.compile(r"(?:^|[^0-9A-Za-z])(?:run|logs)[-_ ]?(\d{5,18})(?=\D|$)")
_JOB = re.compile(r"(\d{6,18})-(.+)")
_NUMBERED = re.compile(r"-?\d+_(.+)")
_STOPPING = frozenset({"exit-code", "timeout", "infrastructure", "crash", "setup", "internal-error", "gate"})


@dataclass(frozen=True, slots=True)
class Belonging:
    """What the user says of the files; what is None is found out, or stays unknown."""

    run_id: int | None = None
    commit: str | None = None
    branch: str | None = None
    workflow: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """One file: what it is and what became of it. `note` says why nothing did."""

    path: Path
    kind: str
    run_id: int | None = None
    job: str | None = None
    job_id: int | None = None
    tests: int = 0
    failing: int = 0
    coverage: float | None = None
    recorded: bool = False
    note: str | None = None


@dataclass(slots=True)
class _Log:
    """A job's log: where it stands, and the name that its file gives the job."""

    path: Path
    name: str
    report: LogReport
    job_id: int | None = None


@dataclass(slots=True)
class _Batch:
    """The files of one run. `name` is of the folder or archive, `digest` of all that they hold."""

    name: str
    logs: list[_Log] = field(default_factory=list)
    reports: list[ReportFile] = field(default_factory=list)
    others: list[Imported] = field(default_factory=list)
    digest: str = ""


def take_in(bridge: AnvilBridge, paths: Sequence[Path], belonging: Belonging) -> Iterator[Imported]:
    """Records what the files hold, one run after the other; one value a file.

    Raises `ArgosError` for a path that is not there.
    """
    for path in paths:
        if not path.exists():
            raise ArgosError("There is no such file or folder.", where=str(path))
    with tempfile.TemporaryDirectory(prefix="scout-") as room:
        for number, path in enumerate(paths):
            for batch in _batches(bridge, path, Path(room) / str(number)):
                yield from _record(bridge, batch, belonging)


# What there is


def _batches(bridge: AnvilBridge, path: Path, room: Path) -> Iterator[_Batch]:
    """The runs that a path holds: each folder with files and each archive is one."""
    if path.is_file():
        yield _batch(bridge, path.absolute().parent.name, [path], room)
        return
    folders = [path, *sorted(folder for folder in path.rglob("*") if folder.is_dir())]
    for number, folder in enumerate(folders):
        files = sorted(file for file in folder.iterdir() if file.is_file())
        if files:
            name = str(folder.absolute())
            yield _batch(bridge, name, files, room / f"folder-{number}")


def _batch(bridge: AnvilBridge, name: str, files: Sequence[Path], room: Path) -> _Batch:
    batch = _Batch(name)
    digest = hashlib.sha256()
    for number, file in enumerate(files):
        try:
            kind = kind_of(file)
            digest.update(_digest(file))
        except OSError as error:
            note = f"It cannot be read: {error.strerror or error}."
            batch.others.append(Imported(file, "unreadable", note=note))
            continue
        if kind is ReportKind.LOG_ZIP:
            batch.name = f"{batch.name}/{file.name}"
        try:
            _sort(bridge, batch, file, kind, room / str(number))
        except ArgosError as error:
            batch.others.append(Imported(file, kind.value, note=str(error)))
    batch.digest = digest.hexdigest()
    return batch


def _sort(bridge: AnvilBridge, batch: _Batch, file: Path, kind: ReportKind, room: Path) -> None:
    if kind is ReportKind.GITHUB_LOG:
        with file.open("rb") as stream:
            batch.logs.append(_log(bridge, file, file.stem, stream))
    elif kind is ReportKind.LOG_ZIP:
        for log in job_logs(file):
            batch.logs.append(_log(bridge, file, log.name, log.stream))
    elif kind is ReportKind.ARCHIVE:
        inside = [path for path in extract(file, room) if path.is_file()]
        for path in inside:
            _sort(bridge, batch, path, _kind_inside(path), room / f"{path.name}-inside")
    elif kind is ReportKind.COVERAGE_SQLITE:
        note = "This is coverage.py's own database: write a report of it with `coverage xml` and import that."
        batch.others.append(Imported(file, kind.value, note=note))
    elif kind is ReportKind.OTHER:
        batch.others.append(Imported(file, kind.value, note="It is no log and no report that is known here."))
    else:
        batch.reports.append(read_file(file, kind))


def _kind_inside(path: Path) -> ReportKind:
    """An archive within an archive is not opened."""
    kind = kind_of(path)
    return ReportKind.OTHER if kind in (ReportKind.ARCHIVE, ReportKind.LOG_ZIP) else kind


def _log(bridge: AnvilBridge, file: Path, name: str, stream: BinaryIO) -> _Log:
    numbered = _JOB.fullmatch(name)
    if numbered:
        return _Log(file, numbered[2], bridge.read(stream), int(numbered[1]))
    counted = _NUMBERED.fullmatch(name)
    return _Log(file, counted[1] if counted else name, bridge.read(stream))


def _digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


# What becomes of it


def _record(bridge: AnvilBridge, batch: _Batch, belonging: Belonging) -> Iterator[Imported]:
    yield from batch.others
    for report in batch.reports:
        if not _tells(report):
            note = report.problem or " ".join(report.left_out) or "It holds no test and no file."
            yield Imported(report.path, report.kind.value, note=note)
    sound = [report for report in batch.reports if _tells(report)]
    if not batch.logs and not sound:
        return
    run_id = belonging.run_id or _run_number(batch)
    with bridge.database.read() as connection:
        known = ci.run(connection, run_id) if ci_past.known_run(connection, run_id) else None
        jobs = ci.jobs(connection, [run_id])
    sessions = [session for report in sound for session in report.sessions]
    entries = [*_of_logs(batch, run_id, jobs, sessions), *_of_reports(batch, sound, run_id)]
    run = known or _run(run_id, batch, [entry for entry in entries if entry.report], belonging)
    if known is None:
        with bridge.database.write() as connection:
            ci.save_runs(connection, [run])
    for entry in entries:
        if entry.job is not None and belonging.commit is not None:
            entry.job = dataclasses.replace(entry.job, commit=belonging.commit)
        yield _taken(bridge, run, entry)


def _tells(report: ReportFile) -> bool:
    tests = any(session.tests for session in report.sessions)
    return report.problem is None and (tests or bool(report.coverage and report.coverage.files))


@dataclass(slots=True)
class _Entry:
    """One file as a job. `job` is None for a report that a log's session has taken up."""

    path: Path
    kind: ReportKind
    job: WorkflowJob | None
    report: LogReport | None
    reported: Sequence[TestSession] = ()
    coverage: float | None = None
    note: str | None = None


def _of_logs(
    batch: _Batch, run_id: int, known: Sequence[WorkflowJob], sessions: Sequence[TestSession]
) -> Iterator[_Entry]:
    by_id = {job.job_id: job for job in known}
    by_name = {job.name: job for job in known}
    for log in batch.logs:
        name = log.report.job_name or log.name
        job = by_id.get(log.job_id or 0) or by_name.get(name)
        if job is None:
            job = _job(run_id, log.job_id or _number(f"{run_id}/{name}"), name, log.report, log.path)
        total = _single_total(batch)
        report = log.report
        if report.coverage_total is None and total is not None:
            report = dataclasses.replace(report, coverage_total=total)
        yield _Entry(log.path, ReportKind.GITHUB_LOG, job, report, sessions, report.coverage_total)


def _single_total(batch: _Batch) -> float | None:
    """The coverage that belongs to the one log there is, None where it could be several's."""
    totals = [report.coverage.total for report in batch.reports if report.coverage is not None]
    return totals[0] if len(batch.logs) == 1 and len(totals) == 1 else None


def _of_reports(batch: _Batch, reports: Iterable[ReportFile], run_id: int) -> Iterator[_Entry]:
    """Reports as jobs of their own, but those that tell of a session of a log."""
    logged = [session for log in batch.logs for session in log.report.sessions]
    for file in reports:
        total = file.coverage.total if file.coverage else None
        taken = bool(file.sessions) and all(
            any(same_session(session, reported) for session in logged) for reported in file.sessions
        )
        if taken or (file.coverage is not None and _single_total(batch) is not None):
            note = " ".join(["Taken in with the log of its job.", *file.left_out])
            yield _Entry(file.path, file.kind, None, None, coverage=total, note=note)
            continue
        coverage = {path: each.percent for path, each in file.coverage.files.items()} if file.coverage else {}
        report = LogReport(
            sessions=file.sessions,
            coverage_total=total,
            coverage={path: percent for path, percent in coverage.items() if percent is not None},
        )
        job = _job(run_id, _number(f"{run_id}/{file.path.stem}"), file.path.stem, report, file.path)
        left_out = " ".join(file.left_out) or None
        yield _Entry(file.path, file.kind, job, report, coverage=total, note=left_out)


def _taken(bridge: AnvilBridge, run: WorkflowRun, entry: _Entry) -> Imported:
    base = Imported(entry.path, entry.kind.value, run.run_id, coverage=entry.coverage)
    if entry.job is None or entry.report is None:
        return dataclasses.replace(base, recorded=True, note=entry.note)
    found = bridge.results(run, entry.job, entry.report, entry.reported)
    with bridge.database.write() as connection:
        ci.save_jobs(connection, [found.job])
    recorded = bridge.record([found]) == 1
    if recorded and entry.kind is ReportKind.GITHUB_LOG:
        _keep(bridge, found.job, entry.path)
    return dataclasses.replace(
        base,
        job=found.job.name,
        job_id=found.job.job_id,
        tests=_tests(found),
        failing=sum(result.outcome.failing for result in _last(found)),
        recorded=recorded,
        note=entry.note if recorded else "It is recorded already.",
    )


def _keep(bridge: AnvilBridge, job: WorkflowJob, path: Path) -> None:
    """Keeps a log that is a file of its own beside those that were fetched, to show lines of it."""
    if bridge.log_files is None or path.suffix == ".zip":
        return
    with ExitStack() as files:
        stream = files.enter_context(path.open("rb"))
        bridge.log_files.save(job.run_id, job.run_attempt, job.job_id, stream)


def _tests(found: JobResults) -> int:
    """The tests that are named; where none is, those that are counted."""
    if found.execution is None:
        return 0
    return len({result.entity for result in found.results}) or found.execution.counts.total


def _last(found: JobResults) -> Iterable[TestResult]:
    return {result.entity: result for result in found.results}.values()


# Runs and jobs for files that come without


def _run_number(batch: _Batch) -> int:
    named = _RUN.findall(batch.name)
    return int(named[-1]) if named else _number(batch.digest)


def _number(text: str) -> int:
    return OWN_NUMBERS + int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _run(run_id: int, batch: _Batch, entries: Sequence[_Entry], belonging: Belonging) -> WorkflowRun:
    jobs = [entry.job for entry in entries if entry.job is not None]
    starts = [job.started_at for job in jobs if job.started_at]
    conclusions = {job.conclusion for job in jobs}
    conclusion = next((each for each in ("failure", "cancelled") if each in conclusions), "success")
    commits = {job.commit for job in jobs if job.commit}
    return WorkflowRun(
        run_id=run_id,
        workflow_name=belonging.workflow or "imported",
        event="import",
        status="completed",
        conclusion=conclusion,
        branch=belonging.branch,
        commit=belonging.commit or (commits.pop() if len(commits) == 1 else None),
        title=Path(batch.name).name,
        created_at=min(starts, default=None),
        started_at=min(starts, default=None),
        completed_at=max((job.completed_at for job in jobs if job.completed_at), default=None),
    )


def _job(run_id: int, job_id: int, name: str, report: LogReport, path: Path) -> WorkflowJob:
    sessions = (session.started_at for session in report.sessions if session.started_at)
    started = report.started_at or min(sessions, default=None)
    started = started or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return WorkflowJob(
        job_id=job_id,
        run_id=run_id,
        name=name,
        labels=report.labels,
        status="completed",
        conclusion=_conclusion(report),
        commit=report.commit,
        started_at=started,
        completed_at=report.ended_at or started,
    )


def _conclusion(report: LogReport) -> str:
    """How a job ended by its log alone."""
    kinds = {error.kind for error in report.errors}
    if kinds & _STOPPING or report.exit_code:
        return "failure"
    if "cancelled" in kinds:
        return "cancelled"
    return "failure" if any(session.failures for session in report.sessions) else "success"
