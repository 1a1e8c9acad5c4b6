"""From the store to what the patterns and the analysis look at: a window of runs with all that is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from argos.model.ci import Annotation, Failure, LogReport, WorkflowJob, WorkflowRun
from argos.scout.patterns import CIResult, History, failures_of
from argos.store import ci

if TYPE_CHECKING:
    from sqlalchemy import Connection


def gather(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    workflow: str | None = None,
    branch: str | None = None,
    repository: str | None = None,
    own_packages: frozenset[str] = frozenset(),
) -> History:
    """The runs created within the window, both ends included, with their jobs, failures and results."""
    runs = ci.runs(
        connection, since=since, until=until, workflow=workflow, branch=branch, repository=repository
    )
    return of_runs(connection, runs, own_packages)


def of_runs(connection: Connection, runs: Sequence[WorkflowRun], own_packages: frozenset[str]) -> History:
    """The same of these runs, with all their attempts."""
    numbers = [run.run_id for run in runs]
    jobs = ci.jobs(connection, numbers)
    reports = ci.reports(connection, [job.job_id for job in jobs])
    annotations = {job_id: annotations_of(report) for job_id, report in reports.items()}
    failures = [
        failure
        for job in jobs
        for failure in failures_of(job, reports.get(job.job_id), annotations.get(job.job_id, ()))
    ]
    return History(
        runs=ci.attempts(connection, numbers),
        jobs=jobs,
        failures=failures,
        results=_results(connection, failures, reports, jobs),
        reports=reports,
        annotations=annotations,
        own_packages=own_packages,
    )


def annotations_of(report: LogReport | None) -> tuple[Annotation, ...]:
    """What GitHub shows beside a job, as the sync has put it into the job's report."""
    errors = report.errors if report else ()
    return tuple(Annotation(error.message) for error in errors if error.kind == "annotation")


def own_packages(root: Path) -> frozenset[str]:
    """The names under which the project's own packages are imported."""
    from argos.config.discovery import discover

    return frozenset(PurePosixPath(package).name for package in discover(root).packages)


def _results(
    connection: Connection,
    failures: Sequence[Failure],
    reports: dict[int, LogReport],
    jobs: Sequence[WorkflowJob],
) -> list[CIResult]:
    """How every test that failed or was rerun anywhere ended in every job."""
    names = {failure.nodeid for failure in failures if failure.nodeid is not None}
    names |= {
        test.nodeid
        for report in reports.values()
        for session in report.sessions
        for test in session.tests
        if test.reruns
    }
    found = ci.outcomes(connection, names, [job.job_id for job in jobs])
    return [CIResult(each.nodeid, each.job_id, each.outcome, each.reruns) for each in found]
