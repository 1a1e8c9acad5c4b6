"""What most commands begin with: the project, its configuration and its memory."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from argos.config.project import ProjectConfig
    from argos.config.rules import RuleBook
    from argos.store.database import Database


class Workplace:
    """A project folder, with its parts read when they are first asked for."""

    def __init__(self, project: Path | None) -> None:
        from argos.config.project import find_project_root

        self.root = project.resolve() if project is not None else find_project_root(Path.cwd())

    @cached_property
    def project(self) -> ProjectConfig:
        from argos.config.project import load_project

        return load_project(self.root)

    @cached_property
    def rules(self) -> RuleBook:
        from argos.config.rules import load_rules

        return load_rules(self.root)

    @cached_property
    def database(self) -> Database:
        """The open database. What killed executions have left is recorded first, and said."""
        from argos.store.opening import open_store

        database, recovered = open_store(self.project.root, self.project.database)
        context = click.get_current_context()
        for found in recovered:
            click.echo(f"{context.find_root().info_name}: {found.sentence}", err=True)
        context.call_on_close(database.close)
        return database


def complete_rules(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of rules for the shell; nothing where the files cannot be read."""
    from argos.errors import ArgosError

    try:
        names = Workplace(context.params.get("project")).rules.rules
    except ArgosError:
        return []
    return [name for name in names if name.startswith(incomplete)]
