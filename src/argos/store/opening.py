"""Opens a project's memory as every command does: the database, then what killed runs have left."""

from __future__ import annotations

import os
from pathlib import Path

from argos import locks
from argos.config import folders
from argos.store import administration, recovery
from argos.store.database import Database, open_database


def open_store(project_root: Path, url: str | None) -> tuple[Database, list[recovery.Recovered]]:
    """The open database and the executions that were recovered just now.

    The environment's `ARGOS_DATABASE_URL` goes before `url`, so that a CI job can point elsewhere.
    Raises `ArgosError` when the database cannot be opened or written.
    """
    database = open_database(project_root, os.environ.get("ARGOS_DATABASE_URL") or url)
    if not any(map(locks.held, sync_locks(project_root).glob("*.lock"))):
        # What a sync that was killed has left; one that is at work does it itself at its end.
        administration.settle(database)
    return database, recovery.recover(database, project_root)


def sync_locks(project_root: Path) -> Path:
    """Where the locks of syncs with CI lie, one file for each repository; it may not be there."""
    return project_root / folders.NAME / "sync"
