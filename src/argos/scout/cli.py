"""The `scout` command: brings GitHub Actions home and says why it is red."""

from __future__ import annotations

import click

import argos
from argos.console import edge
from argos.scout.commands import (
    analyze,
    compare,
    download,
    fetch,
    imports,
    parse,
    patterns,
    reproduce,
    show,
    sync,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(argos.__version__, prog_name="scout")
def scout() -> None:
    """Bring GitHub Actions home: runs, jobs, logs, results, and why they failed.

    \b
    Example:
      scout ci sync --limit 50
      scout ci show 12345
      scout ci patterns
    """


@scout.group(short_help="What continuous integration did, and why it is red.")
def ci() -> None:
    """What continuous integration did, and why it is red.

    The repository comes from the git remote, the token from GITHUB_TOKEN, GH_TOKEN or `gh auth token`.

    \b
    Example:
      scout ci sync --limit 50
      scout ci analyze --window 30
    """


for command in (
    fetch.fetch,
    download.download,
    imports.import_,
    sync.sync,
    show.show,
    patterns.patterns,
    analyze.analyze,
    compare.compare,
    reproduce.reproduce,
    parse.parse,
):
    ci.add_command(command)
edge.completion_command(scout, "scout")


def main() -> None:
    edge.main(scout, "scout")
