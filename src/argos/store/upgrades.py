"""Applies the migrations that ship with Argos."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from argos.store.database import Database, copy
from argos.store.tables import HEAD


def upgrade(database: Database, now: datetime, *, to: str = HEAD) -> list[str]:
    """Brings the schema forward to a revision, in one transaction; the revisions applied, in order.

    An SQLite file that already has a schema is copied to `backups/` beside it first; `now` dates the copy.
    """
    revision = database.revision()
    if revision is not None and revision != to:
        _keep_a_copy(database, revision, now)
    applied: list[str] = []
    with database.write() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        config.attributes["applied"] = applied
        command.upgrade(config, to)
    return applied


def head() -> str | None:
    """The newest revision in the migrations folder."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def configuration() -> Config:
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _keep_a_copy(database: Database, revision: str, now: datetime) -> None:
    if database.path is not None:
        name = f"argos-{revision}-{now:%Y%m%dT%H%M%S.%fZ}.db"
        copy(database, database.path.parent / "backups" / name)
