"""`scout ci compare`: what differs between a run here and a run of CI."""

from __future__ import annotations

from pathlib import Path

import click

from argos.console import edge
from argos.scout.commands.place import CIPlace


@click.command(short_help="What differs between a run here and one of CI.")
@click.option("--local-run", required=True, metavar="ID", help="An execution here, by `anvil history list`.")
@click.option("--ci-run", required=True, metavar="N", help="A run of CI, by its number on GitHub.")
@edge.common_options
def compare(local_run: str, ci_run: str, project: Path | None, as_json: bool) -> None:
    """Which tests pass here and fail in CI, the reverse, are missing on a side, or take much longer.

    Exit code: 0 no test ends otherwise there, 1 some do, 2 refused.

    \b
    Example:
      scout ci compare --local-run local-20260131-101500-3f2a --ci-run 12345
    """
    from argos.console import comparison
    from argos.scout.integration.anvil_bridge import AnvilBridge

    found = AnvilBridge(CIPlace(project).database).compare_local_vs_ci(local_run, ci_run)
    if as_json:
        edge.print_json({"local": local_run, "ci": ci_run, **comparison.document(found)})
    else:
        comparison.print_report(found)
    raise SystemExit(edge.GATE_NOT_MET if found.differs else 0)
