"""`scout ci reproduce`: the commands that show a CI failure here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from argos.console import edge
from argos.scout.commands.place import CIPlace, github_options

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.model.ci import Failure, WorkflowJob
    from argos.scout.reproduce import Recipe


@click.command(short_help="The commands that show a CI failure here.")
@click.option("--run-id", type=click.IntRange(1), required=True, metavar="N", help="The run on GitHub.")
@click.option(
    "--job-id", type=click.IntRange(1), metavar="M", help="The job; else the first of the run that failed."
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="How often the tests are run, to tell how often they fail.",
)
@github_options
def reproduce(
    run_id: int, job_id: int | None, repeats: int, repo: str | None, project: Path | None, as_json: bool
) -> None:
    """Print a shell script that runs a job's failing tests as they ran there, in a container.

    The same commit, Python, packages and environment as the log names, and as a control the same tests
    at the last green commit. Nothing is run: read the script, then hand it to sh.

    \b
    Example:
      scout ci reproduce --run-id 12345 --job-id 67890 > reproduce.sh
      scout ci reproduce --run-id 12345 | sh
    """
    from argos.scout.reproduce import script

    place = CIPlace(project, repo)
    with place.database.read() as connection:
        job = _job(connection, run_id, job_id)
        found = _recipe(connection, place, job, repo, repeats)
    if as_json:
        edge.print_json(found.document())
        return
    click.echo(script(found))


def _job(connection: Connection, run_id: int, job_id: int | None) -> WorkflowJob:
    from argos.errors import ArgosError
    from argos.model.ci import RED
    from argos.store import ci

    ci.run(connection, run_id)
    if job_id is not None:
        job = ci.job(connection, job_id)
        if job.run_id != run_id:
            raise ArgosError(
                f"Job {job_id} belongs to run {job.run_id}, not to run {run_id}.",
                next_step=f"scout ci reproduce --run-id {job.run_id} --job-id {job_id}",
            )
        return job
    jobs = ci.jobs(connection, [run_id], latest=True)
    red = [job for job in jobs if job.conclusion in RED]
    if not red:
        raise ArgosError(f"No job of run {run_id} failed.", next_step="Name one with --job-id.")
    return red[0]


def _recipe(
    connection: Connection, place: CIPlace, job: WorkflowJob, repo: str | None, repeats: int
) -> Recipe:
    from argos.scout.history import annotations_of, own_packages
    from argos.scout.patterns import failures_of
    from argos.scout.reproduce import recipe
    from argos.store import ci, ci_past

    report = ci.reports(connection, [job.job_id]).get(job.job_id)
    failures: tuple[Failure, ...] = failures_of(job, report, annotations_of(report))
    green = ci_past.green_jobs_like(connection, job, limit=1)
    return recipe(
        job,
        report,
        failures,
        repo or ci_past.repository_of(connection, job.run_id),
        green_commit=green[0].commit if green else None,
        siblings=ci.jobs(connection, [job.run_id], latest=True),
        own_packages=own_packages(place.root),
        repeats=repeats,
    )
