"""What a database's own errors mean to the user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from argos.errors import ArgosError

LOCK_WAIT_S = 30
"""How long a writer waits for another one before it gives up."""

_UNTOUCHED = "What was recorded before is intact."
_WRITE_AGAIN = "Make the file and its folder writable."
_RESTORE = (
    "Restore a backup, or move the file away, with the -wal and -shm files beside it, to begin a new history."
)
_SERVER = "Check the address and that the server runs, then run the command again."

_Known = tuple[tuple[str, str, str], ...]

# The beginning of SQLite's error name, what it means, the next step.
_SQLITE: _Known = (
    ("SQLITE_FULL", f"The disk is full. {_UNTOUCHED}", "Free some space and run the command again."),
    (
        "SQLITE_BUSY",
        f"Another process has kept the database locked for {LOCK_WAIT_S} s.",
        "Try again when it is done.",
    ),
    ("SQLITE_LOCKED", "The database is locked by another connection.", "Try again when it is done."),
    ("SQLITE_READONLY", "The database cannot be written.", _WRITE_AGAIN),
    ("SQLITE_CANTOPEN", "The database cannot be opened for reading and writing.", _WRITE_AGAIN),
    ("SQLITE_PERM", "The database may not be opened.", _WRITE_AGAIN),
    ("SQLITE_NOTADB", "This file is not an SQLite database.", _RESTORE),
    ("SQLITE_CORRUPT", "The database is damaged.", _RESTORE),
    (
        "SQLITE_IOERR",
        f"The database cannot be read or written. {_UNTOUCHED}",
        "Check the disk and its free space.",
    ),
)

# The beginning of PostgreSQL's SQLSTATE, what it means, the next step.
_POSTGRESQL: _Known = (
    ("53100", f"The server's disk is full. {_UNTOUCHED}", "Free some space there and run the command again."),
    ("53", "The server has no resources left for this.", "Try again later."),
    (
        "55P03",
        f"Another process has kept the database locked for {LOCK_WAIT_S} s.",
        "Try again when it is done.",
    ),
    ("25006", "The server takes no writes.", "Name the primary server in ARGOS_DATABASE_URL."),
    (
        "42501",
        "This user may not do that in the database.",
        "Grant it the rights to create and write tables.",
    ),
    ("57", "The server has ended the connection.", _SERVER),
    ("08", "The connection to the server is lost.", _SERVER),
    ("58", f"The server cannot read or write its files. {_UNTOUCHED}", "See the server's log."),
)


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turns what the database or its disk refuses into an `ArgosError`; a bug passes unchanged."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        refusal = _refusal(error, where)
        if refusal is None:
            raise
        raise refusal from error


def _refusal(error: BaseException, where: str) -> ArgosError | None:
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        known, code = _SQLITE, getattr(cause, "sqlite_errorname", "")
    else:
        known, code = _POSTGRESQL, getattr(cause, "sqlstate", None) or ""
        if not code and isinstance(error, sa.exc.OperationalError):
            return _no_connection(str(cause), where)
    for beginning, what, next_step in known:
        if code.startswith(beginning):
            return ArgosError(what, where=where, next_step=_with_backups(next_step, where))
    return None


def _with_backups(next_step: str, where: str) -> str:
    """The next step with the place of the copies that upgrades have made, if there are any."""
    backups = Path(where).parent / "backups"
    if next_step is not _RESTORE or not os.path.isdir(backups):  # noqa: PTH112 - never raises
        return next_step
    return next_step.replace("Restore a backup", f"Restore a backup (see {backups})", 1)


def _no_connection(message: str, where: str) -> ArgosError:
    """What the server said when it refused (no such user or database), which has no SQLSTATE then."""
    _, refused, reason = message.partition("FATAL:")
    if not refused:
        return ArgosError("The database server cannot be reached.", where=where, next_step=_SERVER)
    first_line = reason.strip().splitlines()[0]
    return ArgosError(
        f"The database server refuses the connection: {first_line}.",
        where=where,
        next_step="Correct the URL.",
    )
