"""Looking after the database: its size, upgrades, copies, checks and pruning."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from argos.errors import ArgosError
from argos.model.execution import ExecutionStatus
from argos.store import bulk, entities, quality, statistics
from argos.store.database import SQLITE, Database, copy
from argos.store.encoding import microseconds, optional_time, selected_ids
from argos.store.rows import COUNTS
from argos.store.tables import HEAD, METADATA, executions, result_details, results
from argos.store.tables import entities as entities_table
from argos.store.tables import statistics as statistics_table

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """`oldest` and `newest` are the starts of executions; None for an empty history.

    `revision` is the schema that is there, `head` the one this Argos works with. With another
    revision than `head` only the location, size and revision are known, the rest is 0 or None.
    """

    location: str
    dialect: str
    size_bytes: int
    revision: str | None
    head: str
    executions: int = 0
    entities: int = 0
    results: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    @property
    def bytes_per_result(self) -> float | None:
        return self.size_bytes / self.results if self.results else None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was deleted. `bytes_freed` is what the files shrank by; on a dry run it is an estimate."""

    executions: int
    results: int
    entities: int
    bytes_freed: int


def info(database: Database) -> DatabaseInfo:
    """Where the database is, how large, and what it holds."""
    revision = database.revision()
    where, size = database.where, _size(database)
    if revision != HEAD:
        return DatabaseInfo(where, database.dialect, size, revision, HEAD)
    with database.read() as connection:
        held = sa.select(
            sa.func.count(), sa.func.min(executions.c.started_us), sa.func.max(executions.c.started_us)
        )
        count, oldest, newest = connection.execute(held.select_from(executions)).one()
        return DatabaseInfo(
            where,
            database.dialect,
            size,
            revision,
            HEAD,
            executions=count,
            entities=connection.scalar(sa.select(sa.func.count()).select_from(entities_table)) or 0,
            results=_result_count(connection),
            oldest=optional_time(oldest),
            newest=optional_time(newest),
        )


def upgrade(database: Database) -> list[str]:
    """Brings the schema up to this Argos; the revisions that were applied, none if it was up to date.

    A copy of an older SQLite file is kept in `backups/` beside it.
    """
    # Alembic takes a tenth of a second to load.
    from argos.store import upgrades

    return upgrades.upgrade(database, datetime.now(UTC))


def backup(database: Database, file: Path) -> None:
    """Copies the whole database to a file while others may go on recording.

    Raises `ArgosError` if the file exists, if it cannot be written, and for PostgreSQL, which has a
    tool of its own for this.
    """
    if database.path is None:
        target = shlex.quote(str(file))
        raise ArgosError(
            "PostgreSQL is backed up by its own tool.",
            where=database.where,
            next_step=f"Run: pg_dump --format=custom --file={target} '{_for_pg_dump(database.url)}'",
        )
    if file.exists():
        raise ArgosError(
            "There is a file of this name already.", where=str(file), next_step="Choose another name."
        )
    copy(database, file)


def settle(database: Database) -> list[str]:
    """Recounts the statistics that wait for it; the spaces whose they are, by name."""
    with database.read() as connection:
        waiting = statistics.stale(connection)
    if not waiting:
        return []
    with database.write() as connection:
        return statistics.settle(connection)


def check(database: Database) -> list[str]:
    """What is wrong with the database, a sentence each; nothing for a sound one.

    Checks SQLite's pages and indexes, the references between the tables, and that the statistics of
    every entity are what a recount of its results gives. A recount that waits is made first.
    """
    settle(database)
    with database.read() as connection:
        problems = _damage(connection) if database.dialect == SQLITE else []
        if not problems:
            problems = list(islice(_wrong_statistics(connection), _SHOWN_PROBLEMS))
    return problems


def prune(
    database: Database,
    *,
    older_than: datetime | None = None,
    keep_last: int | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Deletes whole executions, and entities of which nothing is left.

    `older_than` spares what started at that time or later, `keep_last` the newest executions of each
    space; what either spares is kept. Kept in any case are the newest complete execution of each
    space and executions that are running. The statistics are of what remains: they forget what was
    deleted. SQLite gives the space back to the disk, PostgreSQL keeps it for later results.
    """
    if older_than is None and keep_last is None:
        raise ArgosError(
            "Nothing says what to prune.", next_step="Give an age or how many executions to keep."
        )
    before = _size(database)
    if dry_run:
        with database.read() as connection:
            return _estimate(connection, _prunable(connection, older_than, keep_last), before)
    with database.write() as connection:
        pruned = _delete(connection, _prunable(connection, older_than, keep_last))
    database.vacuum()
    return Pruned(**pruned, bytes_freed=max(0, before - _size(database)))


def _for_pg_dump(url: str) -> str:
    """The URL without a place for the password, for which pg_dump asks."""
    return url.replace(":***@", "@")


def _size(database: Database) -> int:
    """Bytes on disk: the SQLite file with its write-ahead log, or the tables with their indexes."""
    if database.path is not None:
        files = (database.path, database.path.with_name(f"{database.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    with database.read() as connection:
        present = set(METADATA.tables).intersection(sa.inspect(connection).get_table_names())
        total = "SELECT pg_total_relation_size(CAST(:name AS regclass))"
        return sum(connection.scalar(sa.text(total), {"name": name}) or 0 for name in present)


def _result_count(connection: sa.Connection) -> int:
    """Read off the statistics, which count every result; to count millions of rows takes seconds."""
    counted = sum((statistics_table.c[name] for name in COUNTS), start=sa.literal(0))
    return int(connection.scalar(sa.select(sa.func.sum(counted))) or 0)


def _damage(connection: sa.Connection) -> list[str]:
    found = connection.exec_driver_sql(f"PRAGMA integrity_check({_SHOWN_PROBLEMS})").scalars().all()
    problems = [f"The file is damaged: {line}." for line in found if line != "ok"]
    broken = Counter((row[0], row[2]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check"))
    problems += [
        f"{number} rows of {table} refer to {parent} that are not there."
        for (table, parent), number in broken.items()
    ]
    return problems


def _wrong_statistics(connection: sa.Connection) -> Iterator[str]:
    spaces = connection.scalars(sa.select(executions.c.space).distinct()).all()
    everything = connection.scalars(sa.select(entities_table.c.id).order_by(entities_table.c.id)).all()
    for space in spaces:
        for numbers in bulk.portions(everything):
            there = {row[0]: row for row in statistics.stored(connection, space, numbers)}
            counted = {row[0]: row for row in statistics.recount(connection, space, numbers)}
            wrong = {n for n in numbers if _exactly(there.get(n)) != _exactly(counted.get(n))}
            for name in sorted(entities.names(connection, wrong).values()):
                yield f"The statistics of {name} in {space} are not what its results say."


def _exactly(row: statistics.StatisticsRow | None) -> statistics.StatisticsRow | None:
    return None if row is None else row[: statistics.KNOWN_EXACTLY]


def _prunable(connection: sa.Connection, older_than: datetime | None, keep_last: int | None) -> list[int]:
    """The executions to delete, oldest first."""
    table = executions.c
    newest_first = connection.execute(
        sa.select(table.id, table.space, table.started_us, table.status, table.complete).order_by(
            table.started_us.desc(), table.id.desc()
        )
    )
    limit_us = None if older_than is None else microseconds(older_than)
    seen: Counter[str] = Counter()
    with_complete: set[str] = set()
    doomed: list[int] = []
    for row in newest_first:
        seen[row.space] += 1
        anchor = row.complete and row.space not in with_complete
        if anchor:
            with_complete.add(row.space)
        spared = (
            anchor
            or row.status == ExecutionStatus.RUNNING.value
            or (limit_us is not None and row.started_us >= limit_us)
            or (keep_last is not None and seen[row.space] <= keep_last)
        )
        if not spared:
            doomed.append(row.id)
    return doomed[::-1]


def _estimate(connection: sa.Connection, doomed: list[int], size: int) -> Pruned:
    count = sa.select(sa.func.count()).select_from(results)
    deleted = sum(connection.scalar(count.where(results.c.execution == number)) or 0 for number in doomed)
    total = _result_count(connection)
    orphans = _without_results(connection, doomed)
    return Pruned(len(doomed), deleted, len(orphans), size * deleted // total if total else 0)


def _delete(connection: sa.Connection, doomed: list[int]) -> dict[str, int]:
    touched: dict[str, set[int]] = {}
    deleted = 0
    for number in doomed:
        space = connection.scalar(sa.select(executions.c.space).where(executions.c.id == number)) or ""
        ran = connection.scalars(sa.select(results.c.entity).where(results.c.execution == number)).all()
        touched.setdefault(space, set()).update(ran)
        deleted += len(ran)
        for table in (result_details, results):
            connection.execute(sa.delete(table).where(table.c.execution == number))
        connection.execute(sa.delete(executions).where(executions.c.id == number))
    for space, numbers in touched.items():
        statistics.renew(connection, space, numbers)
    quality.forget(connection)
    orphans = _without_results(connection, [])
    connection.execute(sa.delete(entities_table).where(bulk.among(connection, entities_table.c.id, orphans)))
    return {"executions": len(doomed), "results": deleted, "entities": len(orphans)}


def _without_results(connection: sa.Connection, doomed: list[int]) -> set[int]:
    """The entities of which nothing is left without these executions: no result and no pick."""
    remaining = sa.select(executions.c.id, executions.c.selection).where(
        ~bulk.among(connection, executions.c.id, doomed)
    )
    left = set(connection.scalars(sa.select(entities_table.c.id)))
    for number, packed in connection.execute(remaining).all():
        if packed:
            left -= selected_ids(packed)
        if left:
            ran = sa.select(results.c.entity).where(results.c.execution == number)
            left.difference_update(connection.scalars(ran))
    return left
