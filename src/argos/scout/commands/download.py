"""`scout ci download`: a run's logs, and its artifacts, as files to look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.scout.commands.place import CIPlace, github_options

if TYPE_CHECKING:
    from argos.model.ci import WorkflowJob

LONGEST_NAME = 80


@click.command(short_help="Download a run's logs and artifacts.")
@click.option("--run-id", type=click.IntRange(1), required=True, metavar="N", help="The run on GitHub.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of this attempt; else the newest.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("ci-logs"),
    show_default=True,
    metavar="DIR",
    help="The folder to write to.",
)
@click.option("--artifacts", is_flag=True, help="The artifacts too, unpacked below DIR/artifacts.")
@click.option("--failed", is_flag=True, help="Only the logs of jobs that failed.")
@github_options
def download(
    run_id: int,
    attempt: int | None,
    output: Path,
    artifacts: bool,
    failed: bool,
    repo: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Download the logs of a run's jobs, one file a job, and its artifacts if wanted.

    \b
    Example:
      scout ci download --run-id 12345 --output ./ci-logs --failed
      scout ci download --run-id 12345 --artifacts
    """
    from argos.console.progress import plural
    from argos.store import ci

    place = CIPlace(project, repo)
    jobs = place.client.fetch_workflow_jobs(run_id, attempt)
    wanted = _wanted(jobs if attempt is not None else ci.latest_of(jobs), failed)
    written, missing = _logs(place, wanted, output)
    unpacked = _artifacts(place, run_id, output / "artifacts") if artifacts else []
    if as_json:
        document: dict[str, Any] = {"run_id": run_id, "logs": written, "missing": missing}
        edge.print_json({**document, "artifacts": [str(path) for path in unpacked]})
        return
    for log in written:
        click.echo(log["file"])
    for path in unpacked:
        click.echo(path)
    for each in missing:
        click.echo(f"scout: {each['reason']}", err=True)
    if not wanted:
        click.echo("No job of this run failed." if failed else "This run has no jobs.")
    else:
        click.echo(f"{plural(len(written), 'log')} and {plural(len(unpacked), 'file')} in {output}", err=True)


def _wanted(jobs: list[WorkflowJob], failed: bool) -> list[WorkflowJob]:
    from argos.model.ci import RED

    return [job for job in jobs if not failed or job.conclusion in RED]


def _logs(
    place: CIPlace, jobs: list[WorkflowJob], output: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The logs that were written, and the jobs that have none with the reason."""
    from argos.errors import ArgosError
    from argos.scout.ci.github_actions import Gone, NotYet

    written: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    for job in jobs:
        if job.conclusion == "skipped":
            missing.append({"job_id": job.job_id, "reason": f'The job "{job.name}" was skipped.'})
            continue
        try:
            output.mkdir(parents=True, exist_ok=True)
            path = Path(place.client.download_logs(job.job_id, output))
            named = path.replace(output / f"{job.job_id}-{file_name(job.name)}.log")
        except (Gone, NotYet) as error:
            missing.append({"job_id": job.job_id, "reason": str(error)})
            continue
        except OSError as error:
            raise ArgosError(
                f"The log cannot be written: {error.strerror or error}.",
                where=str(output),
                next_step="Name a folder that can be written with --output.",
            ) from error
        written.append({"job_id": job.job_id, "name": job.name, "file": str(named)})
    return written, missing


def _artifacts(place: CIPlace, run_id: int, folder: Path) -> list[Path]:
    """Downloads and unpacks the artifacts that have not expired, each into a folder of its name."""
    from argos.scout.ci.archives import extract

    files: list[Path] = []
    for name in place.client.download_artifacts(run_id, folder):
        archive = Path(name)
        files += extract(archive, archive.with_suffix(""))
        archive.unlink()
    return files


def file_name(name: str) -> str:
    """A job's name as part of a file's name on every system."""
    return re.sub(r"[^\w.,()=+-]+", "_", name).strip("._ ")[:LONGEST_NAME] or "job"
