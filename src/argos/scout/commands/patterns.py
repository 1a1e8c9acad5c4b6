"""`scout ci patterns`: why CI is red, failures grouped by cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.scout.commands.place import CIPlace

if TYPE_CHECKING:
    from argos.model.ci import CIFailurePattern
    from argos.scout.patterns import History

TYPES = ("platform-specific", "python-version-specific", "flaky", "timeout", "setup", "infrastructure", "bug")
SHOWN = 10
SHOWN_EVIDENCE = 4
SHOWN_TESTS = 5


@click.command(short_help="Why CI is red: failures grouped by cause.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="Only patterns of this kind.")
@click.option(
    "--window",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="The last so many days.",
)
@click.option("--runner-os", metavar="OS", help="Only patterns seen there: linux, windows, ubuntu-latest.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow, by its name or file.")
@click.option("--branch", metavar="B", help="Only runs of this branch.")
@click.option("--limit", type=click.IntRange(1), default=SHOWN, show_default=True, help="Patterns in detail.")
@edge.common_options
def patterns(
    kind: str | None,
    window: int,
    runner_os: str | None,
    workflow: str | None,
    branch: str | None,
    limit: int,
    project: Path | None,
    as_json: bool,
) -> None:
    """Group what failed in CI by cause, with the evidence, a suggested fix and how to reproduce it.

    \b
    Kinds: platform-specific, python-version-specific, flaky, timeout, setup (environment and
    dependencies), infrastructure (runners, network), bug.

    \b
    Example:
      scout ci patterns
      scout ci patterns --type platform-specific --runner-os windows
    """
    place = CIPlace(project)
    history = window_of(place, window, workflow, branch)
    found = [each for each in detected(place, history) if _shown(each, history, kind, runner_os)]
    if as_json:
        edge.print_json({"window_days": window, "patterns": [document(each) for each in found]})
        return
    if not history.runs:
        click.echo(nothing_recorded(window))
        return
    if not found:
        click.echo(f"No such failure in the last {window} days; --window looks further back.")
        return
    _print_table(found)
    for number, pattern in enumerate(found[:limit], 1):
        _print_pattern(number, pattern)
    if len(found) > limit:
        click.echo(f"\nand {len(found) - limit} more; --limit {len(found)} shows all")


def window_of(place: CIPlace, days: int, workflow: str | None = None, branch: str | None = None) -> History:
    """What is recorded of the last so many days."""
    from argos.scout.history import gather, own_packages

    packages = own_packages(place.root)
    since = datetime.now(UTC) - timedelta(days=days)
    with place.database.read() as connection:
        return gather(connection, since=since, workflow=workflow, branch=branch, own_packages=packages)


def detected(place: CIPlace, history: History) -> list[CIFailurePattern]:
    """The patterns of a window, which are remembered with when they were first seen."""
    from argos.scout.patterns import detect
    from argos.store import ci_patterns

    found = detect(history)
    with place.database.write() as connection:
        ci_patterns.save(connection, found)
    return found


def nothing_recorded(window: int) -> str:
    return f"No run of the last {window} days is recorded. `scout ci sync` brings them home."


def document(pattern: CIFailurePattern) -> dict[str, Any]:
    """A pattern as JSON; confidence 0..1, times in ISO 8601 UTC."""
    return {
        "type": pattern.pattern_type.value,
        "signature": pattern.signature,
        "description": pattern.description,
        "confidence": pattern.confidence,
        "count": pattern.failure_count,
        "first_seen": pattern.first_seen.isoformat(),
        "last_seen": pattern.last_seen.isoformat(),
        "test": pattern.test_nodeid,
        "tests": list(pattern.tests),
        "runner_os": pattern.runner_os,
        "python": pattern.python_version,
        "suggested_fix": pattern.suggested_fix,
        "reproduce": pattern.reproduce,
        "evidence": [
            {"sentence": each.sentence, "run_id": each.run_id, "job_id": each.job_id, "line": each.line}
            for each in pattern.evidence
        ],
        "runs": list(pattern.run_ids),
    }


def _shown(pattern: CIFailurePattern, history: History, kind: str | None, runner_os: str | None) -> bool:
    if kind is not None and pattern.pattern_type.value != kind:
        return False
    return runner_os is None or runner_os in _systems(pattern, history)


def _systems(pattern: CIFailurePattern, history: History) -> set[str | None]:
    """The families, images and labels of the jobs in which a pattern was seen."""
    from argos.scout.patterns import cell_of

    jobs = {failure.job_id for failure in history.failures if failure.signature == pattern.signature}
    names: set[str | None] = {pattern.runner_os}
    for job in history.jobs:
        if job.job_id in jobs and (not pattern.run_ids or job.run_id in pattern.run_ids):
            names |= {cell_of(job)[0], job.runner_os, *job.labels}
    return names


def _print_table(found: Sequence[CIFailurePattern]) -> None:
    from argos.console.tables import Column, print_table

    print_table(
        [
            Column("#", right=True),
            Column("Kind"),
            Column("Failures", right=True),
            Column("What", flexible=True),
            Column("Where", optional=True),
            Column("Sure", right=True, optional=True),
            Column("Last seen", optional=True),
        ],
        [
            (
                number,
                each.pattern_type.value,
                each.failure_count,
                each.test_nodeid or each.signature,
                " ".join(filter(None, (each.runner_os, each.python_version))) or "-",
                f"{each.confidence:.0%}",
                f"{each.last_seen.astimezone():%Y-%m-%d %H:%M}",
            )
            for number, each in enumerate(found, 1)
        ],
    )


def _print_pattern(number: int, pattern: CIFailurePattern) -> None:
    from argos.console.tables import one_line

    head = f"\n{number}. {pattern.pattern_type.value}, {pattern.confidence:.0%} sure"
    click.echo(click.style(head, bold=True))
    click.echo(f"   {one_line(pattern.description)}")
    for test in pattern.tests[:SHOWN_TESTS]:
        click.echo(f"   test: {one_line(test)}")
    if len(pattern.tests) > SHOWN_TESTS:
        click.echo(f"   and {len(pattern.tests) - SHOWN_TESTS} more tests")
    for evidence in pattern.evidence[:SHOWN_EVIDENCE]:
        click.echo(f"   because {one_line(evidence.sentence)}")
    if pattern.suggested_fix:
        click.echo(f"   fix: {one_line(pattern.suggested_fix)}")
    if pattern.reproduce:
        click.echo(f"   try: {one_line(pattern.reproduce)}")
