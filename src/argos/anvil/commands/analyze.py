"""`anvil analyze`: questions to the history that need both spaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.workplace import Workplace

if TYPE_CHECKING:
    from argos.store.ci_sides import CISpecificFailure

SHOWN = 30


@click.group(short_help="What fails in CI and not here.")
def analyze() -> None:
    """Questions that need the history of CI and the one from here.

    \b
    Example:
      anvil analyze ci-failures --window 30
    """


@analyze.command("ci-failures", short_help="Tests that fail in CI and pass here.")
@click.option(
    "--window",
    type=click.IntRange(1, 100),
    default=30,
    show_default=True,
    help="The newest results of each test that are looked at, in CI and here.",
)
@edge.common_options
def ci_failures(window: int, project: Path | None, as_json: bool) -> None:
    """The tests that failed in CI and never here, with where they fail and how likely that is by chance.

    A test that never ran here is left out: nothing is known of it.

    \b
    Example:
      anvil analyze ci-failures --window 30
    """
    from argos.console.progress import plural
    from argos.store import ci_sides

    with Workplace(project).database.read() as connection:
        found = ci_sides.ci_specific_failures(connection, window=window)
    if as_json:
        edge.print_json({"window": window, "failures": [document(each) for each in found]})
        return
    if not found:
        click.echo(f"No test failed in CI only, by the newest {window} results of each.")
        return
    _print(found[:SHOWN])
    if len(found) > SHOWN:
        click.echo(f"and {plural(len(found) - SHOWN, 'more test')}; --json lists all")
    click.echo("chance: how likely all of a test's failures fall in CI if CI makes no difference")


def document(each: CISpecificFailure) -> dict[str, Any]:
    return {
        "entity": each.nodeid,
        "ci_failed": each.ci_failed,
        "ci_executed": each.ci_executed,
        "local_executed": each.local_executed,
        "chance": each.chance,
        "last_failure": None if each.last_failure is None else each.last_failure.isoformat(),
        "cells": [
            {
                "runner_os": cell.runner_os or None,
                "python": cell.python or None,
                "failed": failed,
                "executed": executed,
            }
            for cell, failed, executed in each.failing_in
        ],
    }


def _print(found: list[CISpecificFailure]) -> None:
    from argos.console.tables import Column, print_table

    print_table(
        [
            Column("Test", flexible=True),
            Column("In CI", right=True),
            Column("Here", right=True),
            Column("Chance", right=True),
            Column("Fails on", flexible=True, optional=True),
            Column("Last failure", optional=True),
        ],
        [
            (
                each.nodeid,
                f"{each.ci_failed} of {each.ci_executed}",
                f"0 of {each.local_executed}",
                f"{each.chance:.2g}",
                ", ".join(f"{cell} {failed}/{executed}" for cell, failed, executed in each.failing_in),
                "-" if each.last_failure is None else f"{each.last_failure.astimezone():%Y-%m-%d %H:%M}",
            )
            for each in found
        ],
    )
