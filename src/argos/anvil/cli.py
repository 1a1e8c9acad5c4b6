"""The `anvil` command: runs a project's tests by rule and remembers every result."""

from __future__ import annotations

import click

import argos
from argos.anvil.commands import analyze, compare, db, execute, history, init, quality, rules, stats
from argos.console import edge


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(argos.__version__, prog_name="anvil")
def anvil() -> None:
    """Run the tests that a rule selects, on any project, and remember every result.

    \b
    Example:
      anvil init
      anvil execute --rule quick-check
      anvil stats flaky --threshold 10 --window 30
    """


anvil.add_command(init.init)
anvil.add_command(execute.execute)
anvil.add_command(rules.rules)
anvil.add_command(stats.stats)
anvil.add_command(history.history)
anvil.add_command(compare.compare)
anvil.add_command(analyze.analyze)
anvil.add_command(quality.quality)
anvil.add_command(db.db)
edge.completion_command(anvil, "anvil")


def main() -> None:
    edge.main(anvil, "anvil")
