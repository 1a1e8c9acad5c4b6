"""Opens a project's memory as every command does: the database, then what killed runs have left."""

from __future__ import annotations

import os
from pathlib import Path

from argos.store import recovery
from argos.store.database import Database, open_database


def open_store(project_root: Path, url: str | None) -> tuple[Database, list[recovery.Recovered]]:
    """The open database and the executions that were recovered just now.

    The environment's `ARGOS_DATABASE_URL` goes before `url`, so that a CI job can point elsewhere.
    Raises `ArgosError` when the database cannot be opened or written.
    """
    database = open_database(project_root, os.environ.get("ARGOS_DATABASE_URL") or url)
    return database, recovery.recover(database, project_root)
