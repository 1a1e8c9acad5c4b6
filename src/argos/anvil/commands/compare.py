"""`anvil compare`: what differs between an execution here and a run of CI, or any two executions."""

from __future__ import annotations

from pathlib import Path

import click

from argos.console import edge
from argos.workplace import Workplace


@click.command(short_help="What differs between a run here and one of CI.")
@click.option("--local", required=True, metavar="ID", help="An execution, by `anvil history list`.")
@click.option(
    "--ci",
    "other",
    required=True,
    metavar="RUN",
    help="A run of CI: 12345, ci-12345 or ci-run-12345; or another execution's id.",
)
@edge.common_options
def compare(local: str, other: str, project: Path | None, as_json: bool) -> None:
    """Which tests pass here and fail there, the reverse, are missing on a side, or take much longer.

    Exit code: 0 no test ends otherwise there, 1 some do, 2 refused.

    \b
    Example:
      anvil compare --local local-20260131-101500-3f2a --ci ci-run-12345
    """
    from argos.console import comparison
    from argos.store import ci_sides

    with Workplace(project).database.read() as connection:
        found = ci_sides.comparison(connection, local, other)
    if as_json:
        edge.print_json({"local": local, "ci": other, **comparison.document(found)})
    else:
        comparison.print_report(found)
    raise SystemExit(edge.GATE_NOT_MET if found.differs else 0)
