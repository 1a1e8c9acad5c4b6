"""`scout ci sync`: brings home what GitHub has and this machine has not."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.scout.commands.place import CIPlace, github_options, moment_option, rate_words

if TYPE_CHECKING:
    from argos.console.progress import ProgressLine
    from argos.errors import ArgosError
    from argos.scout.workflows.ci_sync import CISyncWorkflow, SyncProgress, SyncReport

SHOWN_REFUSALS = 5


@click.command(short_help="Bring home runs, jobs, logs and results.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="The newest N runs; without it all that GitHub still has.",
)
@click.option("--every", metavar="T", help="Again and again, every so often: 1h, 30m. Until Ctrl-C.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow, by its name or file.")
@click.option("--branch", metavar="B", help="Only runs of this branch.")
@moment_option
@github_options
def sync(
    limit: int | None,
    every: str | None,
    workflow: str | None,
    branch: str | None,
    since: datetime | None,
    repo: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Bring home runs, jobs, logs and every test result in them, the newest first.

    What is known is not fetched again. A sync may be stopped anywhere; the next one goes on where it
    was. The results enter anvil's history in the space `ci`.

    \b
    Example:
      scout ci sync --limit 50
      scout ci sync --every 1h
    """
    from argos.console.progress import ProgressLine

    interval_s = _interval(every)
    line = ProgressLine(sys.stderr)
    place = CIPlace(project, repo)
    workflows = _workflow(place, line)
    chosen: dict[str, Any] = {"workflow": workflow, "branch": branch, "since": since}
    try:
        if interval_s is None:
            _tell(place, workflows.sync(limit, **chosen), line, as_json)
            return
        import asyncio

        asyncio.run(
            workflows.schedule_sync(
                interval_s / 3600,
                limit=limit,
                **chosen,
                done=lambda report: _tell(place, report, line, as_json),
                refused=lambda error: _refused(error, line),
            )
        )
    finally:
        line.clear()


def _interval(every: str | None) -> float | None:
    from argos.config.quantities import parse_duration

    if every is None:
        return None
    seconds = parse_duration(every)
    if seconds < 60:
        raise click.BadParameter("at least a minute: 1m, 30m, 1h", param_hint="--every")
    return seconds


def _workflow(place: CIPlace, line: ProgressLine) -> CISyncWorkflow:
    from argos import git
    from argos.scout.integration.anvil_bridge import AnvilBridge, folder_in_repository
    from argos.scout.workflows.ci_sync import CISyncWorkflow, Stop
    from argos.store.opening import sync_locks

    stop = Stop()
    place.sleep = stop.sleep
    folder = folder_in_repository(place.root, git.top(place.root))
    bridge = AnvilBridge(place.database, place.log_files, folder=folder)
    return CISyncWorkflow(
        place.client,
        bridge,
        log_files=place.log_files,
        locks=sync_locks(place.root),
        progress=lambda progress: _draw(line, place, progress),
        stop=stop,
    )


def _draw(line: ProgressLine, place: CIPlace, progress: SyncProgress) -> None:
    if not line.due():
        return
    done = f"{progress.phase} {progress.runs_done}/{progress.runs} runs  {progress.jobs_done} jobs"
    size = f"{progress.bytes / 1e6:.1f} MB of logs"
    line.draw(f"{done}  {size}  {rate_words(place.client)}", f"{done}  {size}", done)


def _tell(place: CIPlace, report: SyncReport, line: ProgressLine, as_json: bool) -> None:
    from argos.console.progress import plural

    line.clear()
    if as_json:
        edge.print_json(document(report))
        return
    for sentence in sentences(report):
        click.echo(sentence)
    for job_id, why in report.refusals[:SHOWN_REFUSALS]:
        click.echo(f"scout: job {job_id}: {why}", err=True)
    if len(report.refusals) > SHOWN_REFUSALS:
        more = len(report.refusals) - SHOWN_REFUSALS
        click.echo(f"scout: and {more} more jobs; --json lists all", err=True)
    click.echo(f"{plural(report.requests, 'request')}. {rate_words(place.client)}".strip())


def sentences(report: SyncReport) -> list[str]:
    """What a sync has done, in a line or two."""
    from argos.console.progress import plural

    if not report.runs:
        return [f"Nothing new in {plural(report.listed, 'run')}."]
    recorded = f"{plural(report.runs, 'run')} looked into, {plural(report.recorded, 'job')} recorded"
    told = [f"{recorded}, {report.bytes / 1e6:.1f} MB of logs."]
    left = [
        f"{count} {what}"
        for count, what in (
            (report.gone, "without a log, as GitHub has deleted it"),
            (report.absent, "skipped"),
            (report.waiting, "not finished yet"),
            (report.failed, "that could not be fetched or read"),
        )
        if count
    ]
    if left:
        told.append(f"Besides, jobs: {', '.join(left)}.")
    if report.dropped_logs:
        told.append(f"{plural(report.dropped_logs, 'old log')} dropped to keep within the cap.")
    return told


def document(report: SyncReport) -> dict[str, Any]:
    return {
        "listed": report.listed,
        "runs": report.runs,
        "recorded": report.recorded,
        "gone": report.gone,
        "absent": report.absent,
        "waiting": report.waiting,
        "failed": report.failed,
        "bytes": report.bytes,
        "requests": report.requests,
        "dropped_logs": report.dropped_logs,
        "refusals": [{"job_id": job_id, "reason": why} for job_id, why in report.refusals],
    }


def _refused(error: ArgosError, line: ProgressLine) -> None:
    line.clear()
    click.echo(f"scout: {error}", err=True)
