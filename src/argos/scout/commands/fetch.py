"""`scout ci fetch`: runs and their jobs, without logs."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.scout.commands.place import CIPlace, github_options, moment_option, rate_words

if TYPE_CHECKING:
    from argos.model.ci import WorkflowJob, WorkflowRun


@click.command(short_help="Fetch runs and jobs, without their logs.")
@click.option("--workflow", metavar="NAME", help="A workflow's name, or its file's: CI, ci.yml.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest N runs.")
@click.option("--branch", metavar="B", help="Only runs of this branch.")
@moment_option
@github_options
def fetch(
    workflow: str | None,
    limit: int,
    branch: str | None,
    since: datetime | None,
    repo: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Fetch the newest runs of GitHub Actions and their jobs, and list the runs.

    Finished runs that are known already are not fetched again. Logs and results come with `scout ci sync`.

    \b
    Example:
      scout ci fetch --workflow "CI" --limit 50
      scout ci fetch --branch main --since 30d --repo pallets/click
    """
    from argos.console.progress import ProgressLine, plural
    from argos.store import ci

    place = CIPlace(project, repo)
    name = f"{place.repository.owner}/{place.repository.name}"
    line = ProgressLine(sys.stderr)
    runs: list[WorkflowRun] = []
    jobs: dict[int, list[WorkflowJob]] = {}
    try:
        for run in place.client.iter_workflow_runs(workflow, branch, limit=limit, since=since):
            runs.append(run)
            jobs[run.run_id] = _jobs(place, run, name)
            line.draw(f"{plural(len(runs), 'run')}  {rate_words(place.client)}", plural(len(runs), "run"))
    finally:
        line.clear()
    if as_json:
        edge.print_json({"repository": name, "runs": [run_document(r, jobs[r.run_id]) for r in runs]})
        return
    if not runs:
        click.echo(f"{name} has no such run.")
        return
    print_runs(runs, jobs)
    count = sum(len(ci.latest_of(of)) for of in jobs.values())
    click.echo(f"{plural(len(runs), 'run')}, {plural(count, 'job')}. {rate_words(place.client)}".strip())


def _jobs(place: CIPlace, run: WorkflowRun, repository: str) -> list[WorkflowJob]:
    """The jobs of a run, from the database if it is over and known whole, else from GitHub."""
    from argos.store import ci

    with place.database.read() as connection:
        known = [job for job in ci.jobs(connection, [run.run_id]) if job.run_attempt == run.run_attempt]
    if run.finished and known and all(job.finished for job in known):
        with place.database.read() as connection:
            return ci.jobs(connection, [run.run_id])
    found = place.client.fetch_workflow_jobs(run.run_id)
    with place.database.write() as connection:
        ci.save_runs(connection, [run], repository)
        ci.save_jobs(connection, found)
    return found


def print_runs(runs: list[WorkflowRun], jobs: dict[int, list[WorkflowJob]]) -> None:
    """One line a run, the failing jobs counted."""
    from argos.console.progress import clock
    from argos.console.tables import Column, print_table

    print_table(
        [
            Column("Run"),
            Column("Conclusion"),
            Column("Workflow", flexible=True, optional=True),
            Column("Branch", flexible=True, optional=True),
            Column("Commit", optional=True),
            Column("Jobs", optional=True),
            Column("Took", right=True, optional=True),
            Column("Started", optional=True),
        ],
        [
            (
                str(run.run_id) + (f" attempt {run.run_attempt}" if run.run_attempt > 1 else ""),
                run.conclusion or run.status or "-",
                run.workflow_name,
                run.branch or "-",
                (run.commit or "-")[:8],
                _job_words(jobs.get(run.run_id, [])),
                "-" if run.duration_s is None else clock(run.duration_s),
                "-" if run.started_at is None else f"{run.started_at.astimezone():%Y-%m-%d %H:%M}",
            )
            for run in runs
        ],
    )


def _job_words(jobs: list[WorkflowJob]) -> str:
    from argos.model.ci import RED
    from argos.store import ci

    latest = ci.latest_of(jobs)
    red = sum(job.conclusion in RED for job in latest)
    return f"{red} of {len(latest)} failed" if red else str(len(latest))


def run_document(run: WorkflowRun, jobs: list[WorkflowJob]) -> dict[str, Any]:
    """A run as JSON: times in ISO 8601 UTC, durations in seconds, jobs of all its attempts."""
    return {
        "run_id": run.run_id,
        "run_attempt": run.run_attempt,
        "run_number": run.run_number,
        "workflow": run.workflow_name,
        "workflow_path": run.workflow_path,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "branch": run.branch,
        "commit": run.commit,
        "title": run.title,
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "completed_at": iso(run.completed_at),
        "duration_s": run.duration_s,
        "url": run.url,
        "jobs": [job_document(job) for job in jobs],
    }


def job_document(job: WorkflowJob) -> dict[str, Any]:
    """A job as JSON; `failing_step` is the name of the first step that failed."""
    step = job.failing_step
    return {
        "job_id": job.job_id,
        "run_id": job.run_id,
        "run_attempt": job.run_attempt,
        "name": job.name,
        "labels": list(job.labels),
        "runner_os": job.runner_os,
        "python": job.python_version,
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.completed_at),
        "queued_s": job.queued_s,
        "duration_s": job.duration_s,
        "failing_step": None if step is None else step.name,
        "url": job.url,
    }


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
