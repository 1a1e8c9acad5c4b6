"""A comparison of two sides on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from argos.stats.compare import Cell, ComparisonReport, Difference

SHOWN = 20


def document(report: ComparisonReport) -> dict[str, Any]:
    """The stable JSON shape of a comparison; durations in seconds."""
    return {
        "agreeing": report.agreeing,
        "passes_here_fails_there": [_difference(each) for each in report.passes_here_fails_there],
        "fails_here_passes_there": [_difference(each) for each in report.fails_here_passes_there],
        "only_here": list(report.only_here),
        "only_there": list(report.only_there),
        "durations": [
            {
                "entity": each.nodeid,
                **_cell(each.cell),
                "here_s": each.here_s,
                "there_s": each.there_s,
                "ratio": each.ratio,
                "against": each.against,
                "score": each.score,
            }
            for each in report.durations
        ],
        "cells": [
            {
                **_cell(each.cell),
                "tests": each.tests,
                "passing": each.passing,
                "failing": each.failing,
                "factor": each.factor,
                "timed": each.timed,
            }
            for each in report.cells
        ],
    }


def print_report(report: ComparisonReport) -> None:
    """Prints what differs, the failures there first, then the cells."""
    from argos.console.progress import plural
    from argos.console.tables import one_line

    broken, mended = report.passes_here_fails_there, report.fails_here_passes_there
    _print_differences(("passes here and fails there", "pass here and fail there"), broken, "failing_in")
    _print_differences(("fails here and passes there", "fail here and pass there"), mended, "passing_in")
    for title, names in (("only here", report.only_here), ("only there", report.only_there)):
        if names:
            click.echo(f"\n{plural(len(names), 'test')} {title}")
            _print_some([one_line(name) for name in names])
    if report.durations:
        click.echo(f"\n{plural(len(report.durations), 'duration')} out of the ordinary there")
        _print_some(
            [
                f"{one_line(each.nodeid)}: {each.here_s:.2f} s here, {each.there_s:.2f} s on {each.cell}"
                f" ({each.against:.1f} times what that machine makes of others)"
                for each in report.durations
            ]
        )
    _print_cells(report)
    click.echo(f"\n{plural(report.agreeing, 'test')} that ran on both sides end alike.")


def _print_differences(verbs: tuple[str, str], found: Sequence[Difference], field: str) -> None:
    """`verbs` are for one test and for several; `field` names the cells in question."""
    from argos.console.progress import plural
    from argos.console.tables import one_line

    if not found:
        return
    title = f"\n{plural(len(found), 'test')} {verbs[len(found) > 1]}"
    click.echo(click.style(title, fg="red"))
    lines = []
    for each in found:
        cells = ", ".join(str(cell) for cell in getattr(each, field))
        others = "" if each.everywhere else ", not everywhere"
        lines.append(f"{one_line(each.nodeid)}  (on {one_line(cells)}{others})")
    _print_some(lines)


def _print_some(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > SHOWN:
        click.echo(f"  and {len(lines) - SHOWN} more; --json lists all")


def _print_cells(report: ComparisonReport) -> None:
    from argos.console.tables import Column, print_table

    if not report.cells:
        return
    click.echo()
    print_table(
        [
            Column("There", flexible=True),
            Column("Tests", right=True),
            Column("Passing", right=True),
            Column("Failing", right=True),
            Column("Slower by", right=True, optional=True),
        ],
        [
            (
                each.cell,
                each.tests,
                each.passing,
                each.failing,
                "-" if each.factor is None else f"{each.factor:.1f} x",
            )
            for each in report.cells
        ],
    )


def _difference(each: Difference) -> dict[str, Any]:
    return {
        "entity": each.nodeid,
        "here": each.here,
        "failing_in": [_cell(cell) for cell in each.failing_in],
        "passing_in": [_cell(cell) for cell in each.passing_in],
    }


def _cell(cell: Cell) -> dict[str, str | None]:
    return {"runner_os": cell.runner_os or None, "python": cell.python or None}
