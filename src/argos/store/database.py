"""Opens the database, brings its schema up to date, and hands out transactions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from argos.config import folders
from argos.errors import ArgosError
from argos.store import quality_tables  # noqa: F401 - its tables belong to METADATA
from argos.store.failures import LOCK_WAIT_S, explained
from argos.store.tables import HEAD, METADATA, REVISIONS, VERSION_TABLE

FILE = "argos.db"
SQLITE = "sqlite"
POSTGRESQL = "postgresql"

_CONNECT_TIMEOUT_S = 10
# Holds what recording ten thousand results changes; SQLite's own 2 MB would be written out in between.
_CACHE_KIB = 64 * 1024
_OLDEST_POSTGRESQL = (12,)  # the first with generated columns
# Any number does, as long as every Argos takes the same one.
_WRITER_LOCK = 4_736_111_852


class Database:
    """One opened database. Transactions of several threads and processes may run side by side."""

    def __init__(self, engine: sa.Engine, path: Path | None) -> None:
        self._engine = engine
        self.path = path
        self.dialect = engine.dialect.name
        # Without its options, which may hold a password, too.
        self.url = engine.url.set(drivername=self.dialect, query={}).render_as_string(hide_password=True)
        self.where = str(path) if path else self.url

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database, and writes nothing."""
        with explained(self.where), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction, committed at the end and rolled back by an exception.

        There is one writer at a time; others wait for it. On PostgreSQL, too: what a recording
        computes from what it has read stays true until it is written.
        """
        with explained(self.where), self._engine.connect() as connection:
            writer = connection.execution_options(argos_writer=True)
            with writer.begin():
                if self.dialect == POSTGRESQL:
                    _become_the_writer(writer)
                yield writer

    def vacuum(self) -> None:
        """Gives the room of deleted rows back: SQLite's to the disk, PostgreSQL's to later rows."""
        with explained(self.where):
            if self.path is not None:
                # With a connection of its own: the engine's begin a transaction, which may not hold this.
                with closing(sqlite3.connect(self.path, timeout=LOCK_WAIT_S)) as own:
                    # As a script: `execute` would take a single one of its steps, which frees one page.
                    own.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")
            else:
                with self._engine.connect() as connection:
                    autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
                    autocommit.exec_driver_sql(f"VACUUM (ANALYZE) {', '.join(METADATA.tables)}")

    def revision(self) -> str | None:
        """The schema's revision, None for a database without one."""
        with self.read() as connection:
            if not sa.inspect(connection).has_table(VERSION_TABLE):
                return None
            revision: str | None = connection.scalar(
                sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))
            )
            return revision

    def close(self) -> None:
        self._engine.dispose()


def open_database(project_root: Path, url: str | None = None, *, upgrade: bool = True) -> Database:
    """Opens the project's database and creates or upgrades its schema.

    Without a URL it is the SQLite file `.argos/argos.db` under `project_root`; the path of an
    `sqlite:///` URL is relative to `project_root`. An older SQLite file is copied to `backups/`
    beside it first. With `upgrade=False` an older schema is left as it is.

    Raises `ArgosError` for a database of a newer Argos or of another program, a damaged file, a
    folder that cannot be written, a full disk, a server that cannot be reached.
    """
    path = _file(project_root, url)
    database = Database(_sqlite(path) if path else _postgresql(str(url)), path)
    try:
        if database.dialect == POSTGRESQL:
            _check_server(database)
        if _needs_upgrade(database) and upgrade:
            _upgrade(database)
    except BaseException:
        database.close()
        raise
    return database


def copy(database: Database, file: Path) -> None:
    """Copies an SQLite database, as of now and whole, to a file that does not exist yet."""
    part = file.with_name(f"{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            explained(str(file)),
            closing(sqlite3.connect(_existing(database), timeout=LOCK_WAIT_S)) as source,
            closing(sqlite3.connect(part)) as target,
        ):
            source.backup(target)
        part.replace(file)
    except OSError as error:
        raise ArgosError(
            f"The backup cannot be written: {error.strerror}.",
            where=str(file),
            next_step="Name another file.",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _existing(database: Database) -> Path:
    if database.path is None:
        raise ArgosError("Only an SQLite database is a file that can be copied.", where=database.where)
    return database.path


def _file(project_root: Path, url: str | None) -> Path | None:
    """The SQLite file that is meant, in a folder that exists; None for a server."""
    if url is None:
        file = project_root / folders.NAME / FILE
    elif _url(url).get_backend_name() == SQLITE:
        file = project_root / (_url(url).database or "")
        if not _url(url).database or _url(url).database == ":memory:":
            raise ArgosError(
                "A database in memory forgets everything.",
                where=url,
                next_step="Write sqlite:///PATH/TO/FILE.db.",
            )
    else:
        return None
    try:
        if url is None:
            folders.own(project_root)
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgosError(
            f"The folder of the database cannot be written: {error.strerror}.",
            where=str(file.parent),
            next_step="Make it writable, or name another database with ARGOS_DATABASE_URL.",
        ) from error
    return file


def _url(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url.replace("postgres://", "postgresql://", 1))
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        # The text itself may hold a password and is not shown.
        raise ArgosError(
            "The URL of the database cannot be read.",
            next_step="Write postgresql://USER@HOST/DATABASE or sqlite:///PATH/TO/FILE.db.",
        ) from None
    if backend not in (SQLITE, POSTGRESQL):
        raise ArgosError(
            f"Argos keeps its results in SQLite or PostgreSQL, not in {backend}.",
            next_step="Write postgresql://USER@HOST/DATABASE or sqlite:///PATH/TO/FILE.db.",
        )
    return parsed


def _sqlite(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": LOCK_WAIT_S, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not in the driver
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded while the file is empty
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writer = connection.get_execution_options().get("argos_writer", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def _postgresql(url: str) -> sa.Engine:
    parsed = _url(url).set(drivername="postgresql+psycopg")
    try:
        return sa.create_engine(
            parsed,
            paramstyle="format",
            pool_pre_ping=True,
            connect_args={"connect_timeout": parsed.query.get("connect_timeout", _CONNECT_TIMEOUT_S)},
        )
    except ModuleNotFoundError as error:
        raise ArgosError(
            "PostgreSQL needs the package psycopg, which is not installed beside Argos.",
            next_step='Install it with: pip install "argos[postgres]"',
        ) from error


def _become_the_writer(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        f"SELECT set_config('lock_timeout', '{LOCK_WAIT_S}s', true),"
        " set_config('idle_in_transaction_session_timeout', '5min', true)"
    )
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")


def _check_server(database: Database) -> None:
    with database.read() as connection:
        version: Any = connection.dialect.server_version_info
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if version < _OLDEST_POSTGRESQL:
        raise ArgosError(
            f"PostgreSQL {version[0]} is too old.", where=database.where, next_step="Use version 12 or newer."
        )
    if encoding != "UTF8":
        raise ArgosError(
            f"The database is encoded in {encoding} and cannot hold every test's name.",
            where=database.where,
            next_step="Create it with: createdb --encoding=UTF8 --template=template0",
        )


def _needs_upgrade(database: Database) -> bool:
    """Whether the schema is older than this Argos; refuses one that is newer or not its own."""
    revision = database.revision()
    if revision in REVISIONS:
        return revision != HEAD
    if revision is None:
        _check_room_for_tables(database)
        return True
    if not re.fullmatch("[0-9]{4}", revision):
        raise _of_another_program(database, f"its schema is {revision!r}")
    raise ArgosError(
        f"The database has schema {revision}; this Argos knows schemas up to {HEAD}.",
        where=database.where,
        next_step="Install the newer Argos that wrote it, or name another database with ARGOS_DATABASE_URL.",
    )


def _check_room_for_tables(database: Database) -> None:
    with database.read() as connection:
        tables = sa.inspect(connection).get_table_names()
    # A server's schema may be shared; a file is somebody else's as soon as it holds anything.
    taken = set(tables) if database.path else set(METADATA.tables).intersection(tables)
    # Another process may just have made them: then the revision is there as soon as they are.
    if taken and database.revision() is None:
        raise _of_another_program(database, f"it already has a table {sorted(taken)[0]!r}")


def _of_another_program(database: Database, sign: str) -> ArgosError:
    return ArgosError(
        f"The database belongs to another program: {sign}.",
        where=database.where,
        next_step="Name another database with ARGOS_DATABASE_URL.",
    )


def _upgrade(database: Database) -> None:
    # Alembic takes a tenth of a second to load and is needed once per upgrade.
    from argos.store import upgrades

    upgrades.upgrade(database, datetime.now(UTC))
