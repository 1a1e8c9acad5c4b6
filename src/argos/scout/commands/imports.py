"""`scout ci import`: logs and reports that are on disk already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.scout.commands.place import CIPlace

if TYPE_CHECKING:
    from argos.scout.imports import Imported


@click.command("import", short_help="Take in logs and reports that are on disk.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--run-id", type=click.IntRange(1), metavar="N", help="The run that the files are of.")
@click.option("--commit", metavar="SHA", help="The commit that ran.")
@click.option("--branch", metavar="B", help="The branch that ran.")
@click.option("--workflow", metavar="NAME", help="The workflow's name.")
@edge.common_options
def import_(
    paths: tuple[Path, ...],
    run_id: int | None,
    commit: str | None,
    branch: str | None,
    workflow: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Take in job logs, log archives, JUnit XML and coverage reports, without a network.

    PATH is a file or a folder; each folder is a run. The number of the run is the one in the name of the
    folder or archive (run-12345, logs_12345.zip; five digits or more), else --run-id, else one that is
    made of what the files hold, so that to import them again changes nothing.

    Exit code: 0 fine, 1 a file could not be read, 2 refused.

    \b
    Example:
      scout ci import ci-logs/run-12345
      scout ci import junit.xml coverage.xml --commit 1f0c3a9 --branch main
    """
    from argos.scout.imports import Belonging, take_in
    from argos.scout.integration.anvil_bridge import AnvilBridge

    place = CIPlace(project)
    bridge = AnvilBridge(place.database, place.log_files)
    found = list(take_in(bridge, paths, Belonging(run_id, commit, branch, workflow)))
    if as_json:
        edge.print_json({"files": [_document(each) for each in found]})
    elif found:
        _print(found)
    else:
        click.echo("No files there.")
    raise SystemExit(edge.GATE_NOT_MET if any(_failed(each) for each in found) else 0)


def _failed(each: Imported) -> bool:
    return not each.recorded and each.job_id is None and each.kind != "other"


def _document(each: Imported) -> dict[str, Any]:
    return {
        "file": str(each.path),
        "kind": each.kind,
        "run_id": each.run_id,
        "job": each.job,
        "job_id": each.job_id,
        "tests": each.tests,
        "failing": each.failing,
        "coverage": each.coverage,
        "recorded": each.recorded,
        "note": each.note,
    }


def _print(found: Sequence[Imported]) -> None:
    from argos.console.progress import plural
    from argos.console.tables import Column, print_table

    print_table(
        [
            Column("File", flexible=True),
            Column("Kind"),
            Column("Tests", right=True),
            Column("Failing", right=True),
            Column("Run", optional=True),
            Column("Job", flexible=True, optional=True),
        ],
        [
            (
                each.path,
                each.kind,
                each.tests or "-",
                each.failing or "-",
                each.run_id or "-",
                each.job or "-",
            )
            for each in found
        ],
    )
    for each in found:
        if each.note and (each.recorded or each.job is None):
            place = "" if each.note.startswith(f"{each.path}:") else f"{each.path}: "
            click.echo(f"scout: {place}{each.note}", err=True)
    new = sum(each.recorded and each.job_id is not None for each in found)
    known = sum(not each.recorded and each.job_id is not None for each in found)
    again = f", {known} known already" if known else ""
    click.echo(f"{plural(new, 'job')} recorded{again}.")
