"""`scout ci analyze`: how green CI is, where it is red, and what to mend first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.scout.commands.patterns import detected, nothing_recorded, window_of
from argos.scout.commands.place import CIPlace

if TYPE_CHECKING:
    from argos.scout.analysis import Analysis
    from argos.stats.ci_health import Priority, Success

SHOWN_JOBS = 10


@click.command(short_help="How green CI is, where it is red, what to mend first.")
@click.option(
    "--window",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="The last so many days.",
)
@click.option("--runner-os", metavar="OS", help="Only jobs there: linux, windows, macos, ubuntu-latest.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow, by its name or file.")
@click.option("--branch", metavar="B", help="Only runs of this branch.")
@edge.common_options
def analyze(
    window: int,
    runner_os: str | None,
    workflow: str | None,
    branch: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Success by week, system, Python and job, how long it stays red, and what to mend first.

    A run counts as its newest attempt; cancelled and skipped ones are counted apart.

    \b
    Example:
      scout ci analyze --window 30 --runner-os ubuntu-latest
    """
    from argos.scout import analysis
    from argos.scout.patterns import cell_of

    place = CIPlace(project)
    history = window_of(place, window, workflow, branch)
    found = analysis.analyze(
        history.runs,
        history.jobs,
        detected(place, history),
        history.failures,
        now=datetime.now(UTC),
        window=timedelta(days=window),
        runner_os=runner_os,
    )
    if as_json:
        edge.print_json({"window_days": window, "runner_os": runner_os, **found.document()})
        return
    if not history.runs:
        click.echo(nothing_recorded(window))
        return
    if runner_os is not None and not found.by_os:
        systems = ", ".join(sorted({cell_of(job)[0] or "unknown" for job in history.jobs}))
        click.echo(f"No job ran on {runner_os} in the last {window} days; there were {systems}.")
        return
    _print(found, window, runner_os)


def _print(found: Analysis, window: int, runner_os: str | None) -> None:
    where = f", {runner_os} only" if runner_os else ""
    click.echo(f"last {window} days{where}")
    if runner_os is None:
        click.echo(_rate_sentence("runs", found.runs))
        if found.first_attempts.rate is not None and found.first_attempts.rate != found.runs.rate:
            click.echo(_rate_sentence("first attempts", found.first_attempts))
    click.echo(_rate_sentence("jobs", found.jobs))
    click.echo(f"trend        {found.trend.sentence}")
    for line in _repairs(found):
        click.echo(line)
    _print_rates("Week", [each for each in found.weekly if each.decided or each.undecided])
    _print_rates("System", found.by_os)
    _print_rates("Python", found.by_python)
    red = [each for each in found.by_job if each.red]
    _print_rates("Job", sorted(red, key=lambda each: -each.red)[:SHOWN_JOBS])
    _print_times(found)
    _print_priorities(found.priorities)


def _rate_sentence(name: str, success: Success) -> str:
    if success.rate is None:
        return f"{name:<13}none ended green or red"
    undecided = f", {success.undecided} undecided" if success.undecided else ""
    return f"{name:<13}{success.rate:.1%} green ({success.green} of {success.green + success.red}{undecided})"


def _repairs(found: Analysis) -> list[str]:
    from argos.console.progress import clock
    from argos.console.tables import one_line

    lines = []
    if found.repairs.mean_s is not None:
        times = f"{clock(found.repairs.mean_s)} on average over {len(found.repairs.closed)}"
        lines.append(f"red until    {times}")
    still_red = found.repairs.still_red
    return [*lines, *(f"still red    {one_line(each.line)}, for {clock(each.open_s)}" for each in still_red)]


def _print_rates(heading: str, rows: Sequence[Success]) -> None:
    from argos.console.tables import Column, print_table

    if not rows:
        return
    click.echo()
    print_table(
        [
            Column(heading, flexible=True),
            Column("Green", right=True),
            Column("Red", right=True),
            Column("Undecided", right=True, optional=True),
            Column("Rate", right=True),
            Column("95 % sure", optional=True),
        ],
        [
            (
                each.name,
                each.green,
                each.red,
                each.undecided,
                "-" if each.rate is None else f"{each.rate:.0%}",
                "-" if each.rate is None else f"{each.low:.0%} to {each.high:.0%}",
            )
            for each in rows
        ],
    )


def _print_times(found: Analysis) -> None:
    from argos.console.tables import Column, print_table

    queues = {each.name: each for each in found.queue_times}
    rows: list[tuple[Any, ...]] = []
    for each in sorted(found.job_times, key=lambda times: -(times.median_s or 0))[:SHOWN_JOBS]:
        queue = queues.get(each.name)
        waited = None if queue is None else queue.median_s
        rows.append((each.name, each.n, _clock(each.median_s), _clock(each.p95_s), _clock(waited)))
    if rows:
        click.echo()
        print_table(
            [
                Column("Job", flexible=True),
                Column("Ran", right=True),
                Column("Median", right=True),
                Column("95th", right=True),
                Column("Queued", right=True, optional=True),
            ],
            rows,
        )


def _clock(seconds: float | None) -> str:
    from argos.console.progress import clock

    return "-" if seconds is None else clock(seconds)


def _print_priorities(rows: Sequence[Priority]) -> None:
    from argos.console.tables import Column, print_table

    if not rows:
        click.echo("\nNothing to mend: no failure in this window.")
        return
    click.echo("\nwhat to mend first")
    print_table(
        [
            Column("Category", flexible=True),
            Column("Count", right=True),
            Column("Impact"),
            Column("Effort"),
            Column("Priority"),
        ],
        [(each.category, each.count, each.impact, each.effort, each.priority) for each in rows],
    )
