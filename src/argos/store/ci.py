"""Workflow runs and their jobs: recorded as they come, read as values of `argos.model.ci`.

A run is one row with the figures of its newest attempt; earlier attempts stand in its metadata. A job
is one row, and each attempt has jobs of its own. What ran in a job is an execution of the space `ci`,
named `ci-<run>-<job>`, and its results stand where all results stand.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from argos.errors import ArgosError
from argos.model.ci import COMPLETED, RED, JobStep, LogReport, WorkflowJob, WorkflowRun
from argos.model.execution import Execution, TestResult
from argos.store import bulk, ci_reports, executions, rows
from argos.store.encoding import OUTCOMES, clean, cleaned, key
from argos.store.tables import entities, results, workflow_job_reports, workflow_jobs, workflow_runs
from argos.store.tables import executions as executions_table

SPACE = "ci"
RULE = "ci"

_RUN_NAME = re.compile(r"(?:ci-(?:run-)?)?(\d{1,18})")
_SYNC = "Bring it home with: scout ci sync"


class LogState(StrEnum):
    """What has become of a job's log.

    NONE: not asked for yet. STORED: on disk, not read yet. PARSED: read, its results are recorded.
    GONE: GitHub no longer has it. ABSENT: the job never ran, so there is none. FAILED: it could not be
    fetched or read; the note says why.
    """

    NONE = "none"
    STORED = "stored"
    PARSED = "parsed"
    GONE = "gone"
    ABSENT = "absent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job has come. `execution_id` is None where nothing ran in it, or it was pruned."""

    job_id: int
    run_id: int
    run_attempt: int
    log_state: LogState
    note: str | None
    tries: int
    execution_id: str | None


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one test ended in one job; `reruns` is how many attempts in the same job came before."""

    __test__ = False  # pytest: a value, not a test class

    nodeid: str
    job_id: int
    outcome: str
    reruns: int


def execution_name(job: WorkflowJob) -> str:
    """The id of the execution that holds a job's results."""
    return f"ci-{job.run_id}-{job.job_id}"


def run_number_in(text: str) -> int | None:
    """The run that `12345`, `ci-12345` or `ci-run-12345` names; None for any other text."""
    named = _RUN_NAME.fullmatch(text.strip())
    return int(named[1]) if named else None


# Recording


def save_runs(connection: sa.Connection, runs: Iterable[WorkflowRun], repository: str | None = None) -> None:
    """Adds runs or renews what is known of them; an older attempt never hides a newer one.

    `repository` is `owner/name`; None leaves what is known.
    """
    # Of several attempts of one run the newest comes last and holds.
    ordered = sorted(runs, key=lambda run: (run.run_id, run.run_attempt))
    known = _run_rows(connection, {run.run_id for run in ordered})
    for run in ordered:
        before = known.get(run.run_id)
        row = _run_row(run, repository, before)
        if before is None:
            connection.execute(sa.insert(workflow_runs).values(row))
        elif any(before[name] != value for name, value in row.items()):
            mine = workflow_runs.c.run_id == run.run_id
            connection.execute(sa.update(workflow_runs).where(mine).values(row))
        known[run.run_id] = {**(before or {"settled_attempt": 0}), **row}


def save_jobs(connection: sa.Connection, jobs: Iterable[WorkflowJob]) -> None:
    """Adds jobs or renews what is known of them; the state of their logs stays. Their runs are known."""
    wanted = {job.job_id: job for job in jobs}
    known = _job_rows(connection, wanted)
    added = []
    for job in wanted.values():
        before = known.get(job.job_id)
        row = _job_row(job, before)
        if before is None:
            added.append({**row, "log_state": LogState.NONE.value})
        elif any(before[name] != value for name, value in row.items()):
            mine = workflow_jobs.c.job_id == job.job_id
            connection.execute(sa.update(workflow_jobs).where(mine).values(row))
    if added:
        connection.execute(sa.insert(workflow_jobs), added)


def record_job(
    connection: sa.Connection,
    job: WorkflowJob,
    report: LogReport,
    execution: Execution | None,
    job_results: Sequence[TestResult],
    *,
    alike: Sequence[executions.Alike] = (),
    postponed: bool = False,
) -> bool:
    """Records what a job's log told, whole: its report, its execution and its results.

    False, and nothing done, if the job is recorded already. `execution` is None for a job in which no
    tests ran. `alike` are further results, of tests that are not among `job_results`. With `postponed`
    the statistics of the space wait for `statistics.settle`.
    """
    state = states(connection, [job.job_id]).get(job.job_id)
    if state is not None and state.log_state is LogState.PARSED:
        return False
    save_jobs(connection, [job])
    number = None
    if execution is not None:
        executions.start(connection, execution)
        executions.record(connection, execution.execution_id, job_results, postponed=postponed)
        executions.record_alike(connection, execution.execution_id, alike, postponed=postponed)
        number = connection.scalar(
            sa.select(executions_table.c.id).where(
                executions_table.c.execution_id == clean(execution.execution_id)
            )
        )
    _save_report(connection, job.job_id, report)
    _set_state(connection, job.job_id, {"log_state": LogState.PARSED.value, "log_note": None}, number)
    return True


def note_log(connection: sa.Connection, job_id: int, state: LogState, note: str | None = None) -> None:
    """Records what became of a job's log, and why; a failure counts as one more try.

    What is parsed stays parsed.
    """
    values: dict[str, Any] = {"log_state": state.value, "log_note": cleaned(note)}
    if state is LogState.FAILED:
        values["log_tries"] = workflow_jobs.c.log_tries + 1
    _set_state(connection, job_id, values)


def settle_run(connection: sa.Connection, run_id: int, attempt: int) -> None:
    """Notes that nothing of this attempt of a run has to be asked for again."""
    mine = sa.and_(workflow_runs.c.run_id == run_id, workflow_runs.c.settled_attempt < attempt)
    connection.execute(sa.update(workflow_runs).where(mine).values(settled_attempt=attempt))


# Reading


def runs(
    connection: sa.Connection,
    *,
    limit: int | None = None,
    workflow: str | None = None,
    branch: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    repository: str | None = None,
) -> list[WorkflowRun]:
    """The newest attempt of each run, the run that was created last first.

    `workflow` is a workflow's name or its file's.
    """
    conditions = _conditions(workflow, branch, since, until, repository)
    query = _newest_runs().where(*conditions).limit(limit)
    return [_run(row) for row in connection.execute(query).mappings()]


def count(
    connection: sa.Connection,
    *,
    workflow: str | None = None,
    branch: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    repository: str | None = None,
) -> int:
    """How many runs `runs` would give."""
    conditions = _conditions(workflow, branch, since, until, repository)
    return connection.scalar(sa.select(sa.func.count()).select_from(workflow_runs).where(*conditions)) or 0


def run(connection: sa.Connection, text: str | int) -> WorkflowRun:
    """The newest attempt of the run of this number. Raises `ArgosError` for one that is not recorded."""
    number = run_number_in(str(text))
    found = _run_rows(connection, set() if number is None else {number})
    if number is None or number not in found:
        raise ArgosError(f"No run {str(text)!r} has been recorded.", next_step=_SYNC)
    return _run(found[number])


def attempts(connection: sa.Connection, run_ids: Collection[int]) -> list[WorkflowRun]:
    """Every attempt of these runs that is known, the newest run and its newest attempt first.

    Of an earlier attempt that was never seen itself the end is that of its jobs.
    """
    found = [_run(row) for row in _run_rows(connection, run_ids).values()]
    by_run = _by_run(jobs(connection, run_ids))
    rows_by_run = _run_rows(connection, run_ids)
    every = [
        attempt
        for newest in found
        for attempt in _attempts(
            newest, rows_by_run[newest.run_id]["metadata"], by_run.get(newest.run_id, [])
        )
    ]
    every.sort(key=lambda each: (each.run_id, each.run_attempt), reverse=True)
    return every


def jobs(connection: sa.Connection, run_ids: Collection[int], *, latest: bool = False) -> list[WorkflowJob]:
    """The jobs of runs, by run, attempt and id.

    With `latest` only the newest of each name: what a run's newest attempt consists of, as jobs that
    were not run again stay as they were.
    """
    table = workflow_jobs.c
    query = (
        sa.select(workflow_jobs)
        .where(bulk.among(connection, table.run_id, run_ids))
        .order_by(table.run_id, table.run_attempt, table.job_id)
    )
    found = [_job(row) for row in connection.execute(query).mappings()]
    return latest_of(found) if latest else found


def job(connection: sa.Connection, job_id: int) -> WorkflowJob:
    """The job of this id. Raises `ArgosError` for one that is not recorded."""
    row = _job_rows(connection, {job_id}).get(job_id)
    if row is None:
        raise ArgosError(f"No job {job_id} has been recorded.", next_step=_SYNC)
    return _job(row)


def latest_of(every: Iterable[WorkflowJob]) -> list[WorkflowJob]:
    """Of the jobs of runs those of each name with the greatest attempt, in their order."""
    ordered = list(every)
    newest: dict[tuple[int, str], int] = {}
    for each in ordered:
        place = (each.run_id, each.name)
        newest[place] = max(newest.get(place, 0), each.run_attempt)
    return [each for each in ordered if newest[each.run_id, each.name] == each.run_attempt]


def states(connection: sa.Connection, job_ids: Collection[int]) -> dict[int, JobState]:
    """How far these jobs have come, those that are known."""
    return _states(connection, bulk.among(connection, workflow_jobs.c.job_id, job_ids))


def states_of_runs(connection: sa.Connection, run_ids: Collection[int]) -> dict[int, JobState]:
    """How far the jobs of these runs have come, by job."""
    return _states(connection, bulk.among(connection, workflow_jobs.c.run_id, run_ids))


def settled(connection: sa.Connection, run_ids: Collection[int]) -> dict[int, int]:
    """For each of these runs that is known the newest attempt that is recorded for good, else 0."""
    rows_by_run = _run_rows(connection, run_ids)
    return {number: row["settled_attempt"] for number, row in rows_by_run.items()}


def unsettled(
    connection: sa.Connection, *, since: datetime, repository: str | None = None, limit: int | None = None
) -> list[WorkflowRun]:
    """The runs created since then that were not recorded for good yet, newest first."""
    table = workflow_runs.c
    query = sa.select(workflow_runs).where(
        table.settled_attempt < table.run_attempt, table.created_at >= since
    )
    if repository is not None:
        query = query.where(table.repository == repository)
    query = query.order_by(table.created_at.desc(), table.run_id.desc()).limit(limit)
    return [_run(row) for row in connection.execute(query).mappings()]


def reports(connection: sa.Connection, job_ids: Collection[int]) -> dict[int, LogReport]:
    """What the logs of these jobs told, by job. Of tests there are those that failed or were rerun."""
    table = workflow_job_reports.c
    query = sa.select(table.job_id, table.report).where(bulk.among(connection, table.job_id, job_ids))
    return {row.job_id: ci_reports.unpack(row.report) for row in connection.execute(query)}


def outcomes(
    connection: sa.Connection, names: Collection[str], job_ids: Collection[int]
) -> list[TestOutcome]:
    """How these tests ended in these jobs: the last attempt in each, skips included, by job and test.

    A name without `::` stands for all tests of that file.
    """
    wanted = _entity_ids(connection, names)
    jobs_by_execution = _jobs_by_execution(connection, job_ids)
    query = (
        sa.select(results.c.execution, results.c.entity, results.c.attempt, results.c.outcome)
        .where(bulk.among(connection, results.c.execution, jobs_by_execution))
        .where(bulk.among(connection, results.c.entity, wanted))
        .order_by(results.c.execution, results.c.entity, results.c.attempt)
    )
    last: dict[tuple[int, int], TestOutcome] = {}
    for execution, entity, attempt, code in bulk.fetch(connection, query):
        outcome = TestOutcome(wanted[entity], jobs_by_execution[execution], OUTCOMES[code].value, attempt)
        last[execution, entity] = outcome
    return list(last.values())


def executions_of(connection: sa.Connection, text: str) -> list[Execution]:
    """The executions that a text names: one by its id, or those of a run's newest attempt.

    `ci-run-12345`, `ci-12345` and `12345` name run 12345. Raises `ArgosError` if there is nothing.
    """
    number = run_number_in(text)
    if number is None or executions.exists(connection, text):
        return [executions.find(connection, text)]
    if number not in _run_rows(connection, {number}):
        return [executions.find(connection, text)]
    found = executions_of_jobs(connection, jobs(connection, [number], latest=True))
    if not found:
        raise ArgosError(f"No tests of run {number} are recorded.", next_step=_SYNC)
    return list(found.values())


def executions_of_jobs(connection: sa.Connection, of: Iterable[WorkflowJob]) -> dict[int, Execution]:
    """The execution of each job in which tests ran, by job."""
    by_execution = _jobs_by_execution(connection, [each.job_id for each in of])
    query = (
        sa.select(executions_table.c.id, *rows.EXECUTION)
        .where(bulk.among(connection, executions_table.c.id, by_execution))
        .order_by(executions_table.c.id)
    )
    return {by_execution[row.id]: rows.execution(row) for row in connection.execute(query)}


def recorded_executions(connection: sa.Connection) -> int:
    """How many executions the space of CI has."""
    query = sa.select(sa.func.count()).select_from(executions_table).where(executions_table.c.space == SPACE)
    return connection.scalar(query) or 0


def recorded_results(connection: sa.Connection, job_id: int) -> list[TestResult]:
    """The results of a job, in the order in which they started; none where no tests ran."""
    state = states(connection, [job_id]).get(job_id)
    if state is None or state.execution_id is None:
        return []
    return executions.results(connection, state.execution_id)


# Rows


def _run_row(run: WorkflowRun, repository: str | None, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """What changes in the row of a run: all of it for its newest attempt, else one line of its metadata."""
    kept = dict(before["metadata"].get("attempts", {})) if before else {}
    kept[str(run.run_attempt)] = {
        "status": cleaned(run.status),
        "conclusion": cleaned(run.conclusion),
        "started_at": _text(run.started_at),
        "completed_at": _text(run.completed_at),
    }
    row: dict[str, Any] = {"metadata": {"attempts": kept}}
    if repository is not None or before is None:
        row["repository"] = cleaned(repository)
    if before is not None and run.run_attempt < before["run_attempt"]:
        return row
    duration = run.duration_s
    return row | {
        "run_id": run.run_id,
        "workflow_name": clean(run.workflow_name),
        "workflow_path": cleaned(run.workflow_path),
        "run_number": run.run_number,
        "run_attempt": run.run_attempt,
        "event": cleaned(run.event),
        "status": cleaned(run.status),
        "conclusion": cleaned(run.conclusion),
        "branch": cleaned(run.branch),
        "commit_sha": cleaned(run.commit),
        "title": cleaned(run.title),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "duration_seconds": None if duration is None else round(duration),
        "url": cleaned(run.url),
    }


def _run(row: Mapping[Any, Any]) -> WorkflowRun:
    return WorkflowRun(
        run_id=row["run_id"],
        workflow_name=row["workflow_name"],
        run_attempt=row["run_attempt"],
        workflow_path=row["workflow_path"],
        run_number=row["run_number"],
        event=row["event"],
        status=row["status"],
        conclusion=row["conclusion"],
        branch=row["branch"],
        commit=row["commit_sha"],
        title=row["title"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        url=row["url"],
    )


def _attempts(newest: WorkflowRun, metadata: Mapping[str, Any], of: list[WorkflowJob]) -> list[WorkflowRun]:
    seen: Mapping[str, Any] = metadata.get("attempts", {})
    numbers = {each.run_attempt for each in of} | {int(number) for number in seen}
    found = []
    for number in sorted(numbers - {newest.run_attempt}):
        known = seen.get(str(number)) or _end_of([each for each in of if each.run_attempt == number])
        found.append(
            dataclasses.replace(
                newest,
                run_attempt=number,
                status=known["status"],
                conclusion=known["conclusion"],
                started_at=_time(known["started_at"]),
                completed_at=_time(known["completed_at"]),
            )
        )
    return [*found, newest]


def _end_of(of: list[WorkflowJob]) -> dict[str, str | None]:
    """The end of an attempt as its jobs have it: as red as the reddest."""
    conclusions = [each.conclusion for each in of]
    red = next((each for each in conclusions if each in RED), None)
    cancelled = "cancelled" if "cancelled" in conclusions else "success"
    return {
        "status": COMPLETED if all(each.finished for each in of) else "in_progress",
        "conclusion": red or cancelled,
        "started_at": _text(min((each.started_at for each in of if each.started_at), default=None)),
        "completed_at": _text(max((each.completed_at for each in of if each.completed_at), default=None)),
    }


def _job_row(job: WorkflowJob, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The row of a job; where it ran is kept if it is not told anew."""
    duration = job.duration_s
    known = before or {"runner_os": None, "python_version": None}
    return {
        "job_id": job.job_id,
        "run_id": job.run_id,
        "run_attempt": job.run_attempt,
        "job_name": clean(job.name),
        "runner_os": cleaned(job.runner_os) or known["runner_os"],
        "python_version": cleaned(job.python_version) or known["python_version"],
        "status": cleaned(job.status),
        "conclusion": cleaned(job.conclusion),
        "commit_sha": cleaned(job.commit),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "duration_seconds": None if duration is None else round(duration),
        "logs_url": cleaned(job.url),
        "metadata": {
            "labels": [clean(label) for label in job.labels],
            "runner_name": cleaned(job.runner_name),
            "steps": [_step_document(step) for step in job.steps],
        },
    }


def _job(row: Mapping[Any, Any]) -> WorkflowJob:
    more = row["metadata"]
    return WorkflowJob(
        job_id=row["job_id"],
        run_id=row["run_id"],
        name=row["job_name"],
        run_attempt=row["run_attempt"],
        labels=tuple(more["labels"]),
        runner_name=more["runner_name"],
        runner_os=row["runner_os"],
        python_version=row["python_version"],
        status=row["status"],
        conclusion=row["conclusion"],
        commit=row["commit_sha"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        steps=tuple(map(_step, more["steps"])),
        url=row["logs_url"],
    )


def _step_document(step: JobStep) -> list[Any]:
    """A step as a list in the order of its fields: steps are many, and their names the same."""
    texts = (clean(step.name), cleaned(step.status), cleaned(step.conclusion))
    return [step.number, *texts, _text(step.started_at), _text(step.completed_at)]


def _step(document: list[Any]) -> JobStep:
    number, name, status, conclusion, started, completed = document
    return JobStep(number, name, status, conclusion, _time(started), _time(completed))


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# Queries


def _run_rows(connection: sa.Connection, run_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    query = sa.select(workflow_runs).where(bulk.among(connection, workflow_runs.c.run_id, run_ids))
    return {row["run_id"]: dict(row) for row in connection.execute(query).mappings()}


def _job_rows(connection: sa.Connection, job_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    query = sa.select(workflow_jobs).where(bulk.among(connection, workflow_jobs.c.job_id, job_ids))
    return {row["job_id"]: dict(row) for row in connection.execute(query).mappings()}


def _newest_runs() -> sa.Select[Any]:
    return sa.select(workflow_runs).order_by(workflow_runs.c.created_at.desc(), workflow_runs.c.run_id.desc())


def _conditions(
    workflow: str | None,
    branch: str | None,
    since: datetime | None,
    until: datetime | None,
    repository: str | None,
) -> list[sa.ColumnElement[bool]]:
    table = workflow_runs.c
    return [
        *([] if workflow is None else [_of_workflow(workflow)]),
        *([] if branch is None else [table.branch == clean(branch)]),
        *([] if since is None else [table.created_at >= since]),
        *([] if until is None else [table.created_at <= until]),
        *([] if repository is None else [table.repository == repository]),
    ]


def _of_workflow(text: str) -> sa.ColumnElement[bool]:
    table = workflow_runs.c
    named = [table.workflow_name == clean(text), table.workflow_path == clean(text)]
    return sa.or_(*named, table.workflow_path == f".github/workflows/{clean(text)}")


def _by_run(every: Iterable[WorkflowJob]) -> dict[int, list[WorkflowJob]]:
    by_run: dict[int, list[WorkflowJob]] = {}
    for each in every:
        by_run.setdefault(each.run_id, []).append(each)
    return by_run


def _states(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> dict[int, JobState]:
    table = workflow_jobs.c
    query = (
        sa.select(
            table.job_id,
            table.run_id,
            table.run_attempt,
            table.log_state,
            table.log_note,
            table.log_tries,
            executions_table.c.execution_id,
        )
        .select_from(workflow_jobs.outerjoin(executions_table, executions_table.c.id == table.execution))
        .where(condition)
        .order_by(table.job_id)
    )
    return {
        row[0]: JobState(row[0], row[1], row[2], LogState(row[3]), *row[4:])
        for row in connection.execute(query)
    }


def _set_state(
    connection: sa.Connection, job_id: int, values: dict[str, Any], execution: int | None = None
) -> None:
    mine = sa.and_(workflow_jobs.c.job_id == job_id, workflow_jobs.c.log_state != LogState.PARSED.value)
    if execution is not None:
        values = {**values, "execution": execution}
    connection.execute(sa.update(workflow_jobs).where(mine).values(values))


def _save_report(connection: sa.Connection, job_id: int, report: LogReport) -> None:
    table = workflow_job_reports
    connection.execute(sa.delete(table).where(table.c.job_id == job_id))
    connection.execute(sa.insert(table).values(job_id=job_id, report=ci_reports.pack(report)))


def _jobs_by_execution(connection: sa.Connection, job_ids: Collection[int]) -> dict[int, int]:
    table = workflow_jobs.c
    query = sa.select(table.execution, table.job_id).where(
        bulk.among(connection, table.job_id, job_ids), table.execution.is_not(None)
    )
    return dict(bulk.fetch(connection, query))


def _entity_ids(connection: sa.Connection, names: Collection[str]) -> dict[int, str]:
    """The tests of these names, and of these files, by their ids."""
    wanted = {clean(name) for name in names}
    table = entities.c
    query = sa.select(table.id, table.entity_id).where(
        bulk.among(connection, table.key, {key("test", name) for name in wanted})
    )
    found: dict[int, str] = dict(bulk.fetch(connection, query))
    for file in wanted:
        if "::" not in file:
            inside = sa.func.substr(table.entity_id, 1, len(file) + 2) == f"{file}::"
            query = sa.select(table.id, table.entity_id).where(inside, table.entity_type == "test")
            found |= dict(bulk.fetch(connection, query))
    return found
