"""What is known of each entity in each space, kept up by the transaction that records a result.

The statistics of an entity are a function of its results: reruns count, and the order is that in
which the results started, whichever came in first. Selections and lists read them alone, so their
cost does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from argos.model.execution import LETTERS
from argos.store import bulk, rows
from argos.store.database import POSTGRESQL
from argos.store.encoding import CODES, OUTCOMES, clean, half, halves, key, optional_time, time
from argos.store.tables import RECENT, entities, executions, results, stale_statistics, statistics

ResultRow = tuple[int, int, int, int, int, int, int, int, str | None]
"""A row of `results`, in the order of its columns."""

StatisticsRow = tuple[Any, ...]
"""A row of `statistics`, in the order of `COLUMNS`; the first is the entity."""

_Ran = tuple[int, int, int, int]
"""Outcome, duration, start, and the start of the execution or of the result, whichever is earlier."""

COLUMNS = (
    "entity",
    "space",
    *rows.COUNTS,
    "duration_us",
    "last_run_us",
    "last_failure_us",
    "recent",
    "recent_failing",
    "recent_durations",
    "recent_from_us",
)
KNOWN_EXACTLY = len(COLUMNS) - 1
"""How many of them a recount gives alike; the last is a bound, which may be lower than need be."""

_LETTER = tuple(LETTERS[outcome] for outcome in OUTCOMES)
_FAILING = frozenset(CODES[outcome] for outcome in OUTCOMES if outcome.failing)
_FAILING_LETTERS = frozenset(_LETTER[code] for code in _FAILING)
_SKIPPED = "S"
_NEVER_RUN = (None, None, 0, 0, 0)
_LAST_RUN, _LAST_FAILURE, _RECENT, _FAILING_COUNT, _DURATIONS, _FROM = range(9, 15)
_RANGE_IS_FASTER = 2
_AT_ONCE = 500
_KEPT_AT_MOST = RECENT + RECENT // 4
_MEAN_OF = 20
"""How many of the newest durations make up the expected one."""


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """What is known of one entity in one space.

    Every result counts, reruns too. `recent` holds the letters of the newest outcomes, oldest first,
    at most `RECENT`; `packed_durations` is parallel to it.
    """

    entity: str
    space: str
    gone: bool
    passed: int
    failed: int
    error: int
    skipped: int
    xfailed: int
    xpassed: int
    total_duration_s: float
    last_run: datetime
    last_failure: datetime | None
    recent: str
    packed_durations: bytes

    @property
    def total_runs(self) -> int:
        return self.passed + self.failed + self.error + self.skipped + self.xfailed + self.xpassed

    @property
    def recent_durations(self) -> tuple[float, ...]:
        """Seconds, parallel to `recent`, within 0.05 %; computed at each call."""
        return halves(self.packed_durations)


def records(
    connection: sa.Connection,
    *,
    space: str | None,
    entity_type: str = "test",
    entity: str | None = None,
) -> list[EntityRecord]:
    """The statistics of all entities or of one, in one space or, as a record for each, in all.

    Entities that are gone are among them. Ordered by when the entities were first recorded.
    """
    columns = [statistics.c[name] for name in COLUMNS]
    query = _of(space, entity_type, entities.c.entity_id, entities.c.gone_us, *columns[1:])
    query = query.order_by(statistics.c.entity, statistics.c.space)
    if entity is not None:
        query = query.where(entities.c.key == key(entity_type, clean(entity)))
    return [_record(row) for row in connection.execute(query)]


def recent_outcomes(
    connection: sa.Connection,
    *,
    space: str | None,
    failing_only: bool,
    entity_type: str = "test",
    gone: bool = False,
) -> list[tuple[str, str]]:
    """Each entity with the letters of its newest outcomes, oldest first.

    With `failing_only` those that failed at least once among them. Entities that are gone are left
    out unless `gone` is set. With `space=None` an entity comes once for each of its spaces.
    """
    query = _of(space, entity_type, entities.c.entity_id, statistics.c.recent)
    if not gone:
        query = query.where(entities.c.gone_us.is_(None))
    if failing_only:
        # A literal: SQLite cannot see that a parameter fits the condition of the partial index.
        query = query.where(statistics.c.recent_failing > sa.literal_column("0"))
    found: list[tuple[str, str]] = bulk.fetch(connection, query.order_by(statistics.c.entity))
    return found


def durations(connection: sa.Connection, *, space: str | None, entity_type: str = "test") -> dict[str, float]:
    """The expected duration of each entity in seconds: the mean of its newest results.

    Skips do not count, unless there is nothing else. With `space=None` the spaces' means are
    averaged.
    """
    query = _of(space, entity_type, entities.c.entity_id, statistics.c.recent, statistics.c.recent_durations)
    means: dict[str, list[float]] = {}
    for name, recent, packed in bulk.fetch(connection, query.order_by(statistics.c.entity)):
        means.setdefault(name, []).append(_expected(recent[-_MEAN_OF:], halves(packed[-2 * _MEAN_OF :])))
    return {name: sum(values) / len(values) for name, values in means.items()}


def spaces(connection: sa.Connection) -> dict[str, int]:
    """How many entities have statistics in each space."""
    query = (
        sa.select(statistics.c.space, sa.func.count())
        .group_by(statistics.c.space)
        .order_by(statistics.c.space)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def add(connection: sa.Connection, space: str, started_us: int, added: Sequence[ResultRow]) -> None:
    """Adds new rows of `results`, of one execution that started at `started_us`, to the statistics."""
    changes = _changes(added, _known(connection, space, [row[1] for row in added]), space, started_us)
    bulk.insert(connection, "statistics", ", ".join(COLUMNS), changes.new)
    _count_quiet(connection, changes.quiet)
    _count_all(connection, space, changes.other)
    _put_in(connection, space, changes.late)


def renew(connection: sa.Connection, space: str, numbers: Collection[int]) -> None:
    """Replaces the statistics of these entities in a space by a recount."""
    for portion in bulk.portions(numbers):
        mine = sa.and_(statistics.c.space == space, bulk.among(connection, statistics.c.entity, portion))
        connection.execute(sa.delete(statistics).where(mine))
        bulk.insert(connection, "statistics", ", ".join(COLUMNS), list(recount(connection, space, portion)))


def postpone(connection: sa.Connection, space: str) -> None:
    """Notes that the statistics of a space wait for a recount, which `settle` makes."""
    if (
        connection.scalar(sa.select(stale_statistics.c.space).where(stale_statistics.c.space == space))
        is None
    ):
        connection.execute(sa.insert(stale_statistics).values(space=space))


def stale(connection: sa.Connection) -> list[str]:
    """The spaces whose statistics wait for a recount, by name."""
    return list(connection.scalars(sa.select(stale_statistics.c.space).order_by(stale_statistics.c.space)))


def settle(connection: sa.Connection) -> list[str]:
    """Recounts the spaces that wait for it, each in one pass over its results; the spaces, by name."""
    waiting = stale(connection)
    for space in waiting:
        connection.execute(sa.delete(statistics).where(statistics.c.space == space))
        with bulk.without_collections():
            bulk.insert(connection, "statistics", ", ".join(COLUMNS), _recounted(connection, space))
    connection.execute(sa.delete(stale_statistics))
    return waiting


def recount(
    connection: sa.Connection, space: str, numbers: Collection[int], since_us: int | None = None
) -> Iterator[StatisticsRow]:
    """The statistics of these entities in a space as their results have them, by entity.

    With `since_us` as the executions that started at that time or later have them.
    """
    in_space = sa.select(executions.c.id).where(executions.c.space == space)
    if since_us is not None:
        in_space = in_space.where(executions.c.started_us >= since_us)
    wanted = (
        sa.select(
            results.c.entity,
            results.c.outcome,
            (results.c.setup_us + results.c.call_us + results.c.teardown_us).label("duration_us"),
            rows.started_us.label("us"),
            executions.c.started_us,
        )
        .select_from(results.join(executions, executions.c.id == results.c.execution))
        .where(results.c.execution.in_(in_space), bulk.among(connection, results.c.entity, numbers))
        .order_by(results.c.entity, rows.started_us, results.c.execution, results.c.attempt)
    )
    for entity, group in groupby(bulk.fetch(connection, wanted), key=itemgetter(0)):
        yield _fold(
            entity, space, [(code, duration, us, min(start, us)) for _, code, duration, us, start in group]
        )


def stored(connection: sa.Connection, space: str, numbers: Collection[int]) -> list[StatisticsRow]:
    """The rows that are there for these entities, by entity; comparable to `recount`."""
    query = (
        sa.select(*(statistics.c[name] for name in COLUMNS))
        .where(statistics.c.space == space, bulk.among(connection, statistics.c.entity, numbers))
        .order_by(statistics.c.entity)
    )
    return bulk.fetch(connection, query)


def _of(space: str | None, entity_type: str, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    query = (
        sa.select(*columns)
        .select_from(statistics.join(entities, entities.c.id == statistics.c.entity))
        .where(entities.c.entity_type == entity_type)
    )
    return query if space is None else query.where(statistics.c.space == space)


def _record(row: Any) -> EntityRecord:
    return EntityRecord(
        entity=row.entity_id,
        space=row.space,
        gone=row.gone_us is not None,
        **{name: row._mapping[name] for name in rows.COUNTS},
        total_duration_s=row.duration_us / 1e6,
        last_run=time(row.last_run_us),
        last_failure=optional_time(row.last_failure_us),
        recent=row.recent,
        packed_durations=row.recent_durations,
    )


def _expected(recent: str, seconds: tuple[float, ...]) -> float:
    if _SKIPPED in recent and recent.strip(_SKIPPED):
        seconds = tuple(s for letter, s in zip(recent, seconds, strict=True) if letter != _SKIPPED)
    return sum(seconds) / len(seconds)


@dataclass(frozen=True, slots=True)
class _Changes:
    """What results change, each entity in one of four ways.

    `new`: statistics of entities that had none. `quiet`: by outcome, (duration, start, packed
    duration, id) of entities with one result that is not failing, as none of their newest is; they
    are nearly all, and cost least. `other`: the statistics to add, and the id to add them to.
    `late`: the same of entities for which a result that is not older is recorded already.
    """

    new: list[StatisticsRow]
    quiet: dict[int, list[tuple[int, int, bytes, int]]]
    other: list[tuple[StatisticsRow, int]]
    late: list[tuple[StatisticsRow, int]]


def _changes(
    added: Sequence[ResultRow], known: Mapping[int, tuple[Any, ...]], space: str, started_us: int
) -> _Changes:
    changes = _Changes([], {}, [], [])
    loud: dict[int, list[ResultRow]] = {}
    repeated = _repeated(added)
    for row in added:
        _, entity, _, code, started_ms, setup_us, call_us, teardown_us, _ = row
        us = started_us + 1000 * started_ms
        _, number, last_run_us, recent_failing, from_us = known.get(entity, _NEVER_RUN)
        if (
            number is None
            or us <= last_run_us
            or recent_failing
            or started_us < from_us
            or code in _FAILING
            or entity in repeated
        ):
            loud.setdefault(entity, []).append(row)
        else:
            duration_us = setup_us + call_us + teardown_us
            changes.quiet.setdefault(code, []).append((duration_us, us, half(duration_us), number))
    for entity, group in loud.items():
        _, number, last_run_us, _, _ = known.get(entity, _NEVER_RUN)
        results_in_order = _in_order(group, started_us)
        folded = _fold(entity, space, results_in_order)
        if number is None:
            changes.new.append(folded)
        elif results_in_order[0][2] <= last_run_us:
            changes.late.append((folded, number))
        else:
            changes.other.append((folded, number))
    return changes


def _repeated(added: Sequence[ResultRow]) -> set[int]:
    """The entities with several results in rows that are ordered by entity."""
    return {row[1] for row, after in pairwise(added) if row[1] == after[1]}


def _in_order(group: list[ResultRow], started_us: int) -> list[_Ran]:
    """The results of one execution, oldest first."""
    oldest_first = sorted(group, key=itemgetter(4, 2))
    return [
        (row[3], row[5] + row[6] + row[7], us, min(started_us, us))
        for row in oldest_first
        for us in (started_us + 1000 * row[4],)
    ]


def _known(connection: sa.Connection, space: str, numbers: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """Entity, id, last run, failing among the newest results and their bound, by entity, where there are any.

    `numbers` are in order. Where they lie close together, all between the first and the last are read.
    """
    wanted = ("entity", "id", "last_run_us", "recent_failing", "recent_from_us")
    query = sa.select(*(statistics.c[name] for name in wanted)).where(statistics.c.space == space)
    if numbers and numbers[-1] - numbers[0] < _RANGE_IS_FASTER * len(numbers):
        query = query.where(statistics.c.entity.between(numbers[0], numbers[-1]))
    else:
        given = bulk.listed(connection, set(numbers))
        query = query.select_from(given.join(statistics, statistics.c.entity == given.c.value))
    return {row[0]: row for row in bulk.fetch(connection, query)}


def _count_quiet(connection: sa.Connection, quiet: Mapping[int, list[tuple[int, int, bytes, int]]]) -> None:
    for code, changed in quiet.items():
        count = rows.COUNTS[code]
        recent, recent_durations = _tails(connection, _LETTER[code])
        bulk.execute(
            connection,
            f"""UPDATE statistics SET {count} = {count} + 1, duration_us = duration_us + ?, last_run_us = ?,
            recent = {recent}, recent_durations = {recent_durations} WHERE id = ?""",  # noqa: S608
            changed,
        )


def _count_all(connection: sa.Connection, space: str, changed: list[tuple[StatisticsRow, int]]) -> None:
    before = {row[0]: row for row in stored(connection, space, [delta[0] for delta, _ in changed])}
    _write(connection, [(_merged(before[delta[0]], delta), number) for delta, number in changed])


def _put_in(connection: sa.Connection, space: str, changed: list[tuple[StatisticsRow, int]]) -> None:
    """Adds results that are not newer than all that are known: before them, or in between."""
    before = {row[0]: row for row in stored(connection, space, [delta[0] for delta, _ in changed])}
    ids = {delta[0]: number for delta, number in changed}
    merged, between = [], []
    for delta, number in changed:
        known = before[delta[0]]
        if delta[_LAST_RUN] < known[_FROM]:
            merged.append((_merged(delta, known), number))
        else:
            between.append((min(delta[_FROM], known[_FROM]), delta[0], _totals(known, delta)))
    # Those with like bounds together, so that one that ran long ago makes none of the others costly.
    between.sort()
    for first in range(0, len(between), _AT_ONCE):
        portion = between[first : first + _AT_ONCE]
        totals = {entity: row for _, entity, row in portion}
        counted = recount(connection, space, totals, since_us=portion[0][0])
        merged.extend(((*totals[row[0]], *row[_RECENT:]), ids[row[0]]) for row in counted)
    _write(connection, merged)


def _write(connection: sa.Connection, changed: list[tuple[StatisticsRow, int]]) -> None:
    columns = ", ".join(f"{name} = ?" for name in COLUMNS[2:])
    rows_and_ids = [(*row[2:], number) for row, number in changed]
    bulk.execute(connection, f"UPDATE statistics SET {columns} WHERE id = ?", rows_and_ids)  # noqa: S608


def _merged(before: StatisticsRow, after: StatisticsRow) -> StatisticsRow:
    """The statistics of two stretches of results of one entity, the newer one second."""
    recent = (before[_RECENT] + after[_RECENT])[-RECENT:]
    return (
        *_totals(before, after),
        recent,
        sum(letter in _FAILING_LETTERS for letter in recent),
        (before[_DURATIONS] + after[_DURATIONS])[-2 * RECENT :],
        after[_FROM] if len(after[_RECENT]) == RECENT else min(before[_FROM], after[_FROM]),
    )


def _totals(one: StatisticsRow, other: StatisticsRow) -> StatisticsRow:
    """What two stretches of results of one entity add up to, all but the newest outcomes."""
    failures = [us for us in (one[_LAST_FAILURE], other[_LAST_FAILURE]) if us is not None]
    return (
        *one[:2],
        *(first + second for first, second in zip(one[2:_LAST_RUN], other[2:_LAST_RUN], strict=True)),
        max(one[_LAST_RUN], other[_LAST_RUN]),
        max(failures, default=None),
    )


def _tails(connection: sa.Connection, letter: str) -> tuple[str, str]:
    """SQL for the newest outcomes with a letter added, and for their durations with a parameter added."""
    if connection.dialect.name == POSTGRESQL:
        longer = "(SELECT recent_durations || ? AS d) longer"
        tail = f"(SELECT substring(d FROM greatest(1, length(d) - {2 * RECENT - 1})) FROM {longer})"  # noqa: S608
        return f"right(recent || '{letter}', {RECENT})", tail
    # In SQLite `||` makes a text of two blobs; its bytes are kept.
    tail = f"substr(CAST(recent_durations || ? AS BLOB), -{2 * RECENT})"
    return f"substr(recent || '{letter}', -{RECENT})", tail


def _fold(entity: int, space: str, ran: list[_Ran]) -> StatisticsRow:
    """The statistics of results, oldest first."""
    codes = [code for code, _, _, _ in ran]
    newest = ran[-RECENT:]
    return (
        entity,
        space,
        *(codes.count(code) for code in range(len(OUTCOMES))),
        sum(duration_us for _, duration_us, _, _ in ran),
        ran[-1][2],
        max((us for code, _, us, _ in ran if code in _FAILING), default=None),
        "".join(_LETTER[code] for code, _, _, _ in newest),
        sum(code in _FAILING for code, _, _, _ in newest),
        b"".join(half(duration_us) for _, duration_us, _, _ in newest),
        min(from_us for _, _, _, from_us in newest),
    )


class _Tally:
    """What has been seen of one entity while all results of a space are passed over."""

    __slots__ = ("counts", "duration_us", "floor", "last_failure_us", "last_run_us", "newest")

    def __init__(self) -> None:
        self.counts = [0] * len(OUTCOMES)
        self.duration_us = 0
        self.last_run_us: int | None = None
        self.last_failure_us: int | None = None
        self.newest: list[int] = []
        self.floor: int | None = None

    def keep(self, packed: int) -> None:
        """Keeps one of what may be the newest results."""
        self.newest.append(packed)
        if len(self.newest) == _KEPT_AT_MOST:
            self.newest.sort()
            del self.newest[:-RECENT]
            self.floor = self.newest[0]


# A result as one number that sorts as results do: start, execution, attempt; then outcome and duration.
_DURATION_BITS, _CODE_BITS, _ATTEMPT_BITS, _EXECUTION_BITS = 40, 3, 16, 31
_CODE_SHIFT = _DURATION_BITS
_ATTEMPT_SHIFT = _CODE_SHIFT + _CODE_BITS
_EXECUTION_SHIFT = _ATTEMPT_SHIFT + _ATTEMPT_BITS
_START_SHIFT = _EXECUTION_SHIFT + _EXECUTION_BITS
_LONGEST_US = (1 << _DURATION_BITS) - 1


def _recounted(connection: sa.Connection, space: str) -> list[StatisticsRow]:
    """The statistics of all entities of a space, in one pass over its results, newest execution first.

    At most `_KEPT_AT_MOST` results of an entity are in memory at a time.
    """
    tallies: dict[int, _Tally] = {}
    starts = _starts(connection, space)
    for execution, started_us in starts.items():
        _pass_over(tallies, _results_of(connection, execution), execution, started_us)
    return [_summed(entity, space, tallies[entity], starts) for entity in sorted(tallies)]


def _starts(connection: sa.Connection, space: str) -> dict[int, int]:
    query = sa.select(executions.c.id, executions.c.started_us).where(executions.c.space == space)
    newest_first = query.order_by(executions.c.started_us.desc(), executions.c.id.desc())
    return dict(bulk.fetch(connection, newest_first))


def _results_of(connection: sa.Connection, execution: int) -> list[tuple[Any, ...]]:
    duration_us = results.c.setup_us + results.c.call_us + results.c.teardown_us
    columns = (results.c.entity, results.c.attempt, results.c.outcome, results.c.started_ms, duration_us)
    return bulk.fetch(connection, sa.select(*columns).where(results.c.execution == execution))


def _pass_over(
    tallies: dict[int, _Tally], ran: list[tuple[Any, ...]], execution: int, started_us: int
) -> None:
    for entity, attempt, code, started_ms, duration_us in ran:
        tally = tallies.get(entity)
        if tally is None:
            tally = tallies[entity] = _Tally()
        us = started_us + 1000 * started_ms
        tally.counts[code] += 1
        tally.duration_us += duration_us
        if tally.last_run_us is None or us > tally.last_run_us:
            tally.last_run_us = us
        if code in _FAILING and (tally.last_failure_us is None or us > tally.last_failure_us):
            tally.last_failure_us = us
        packed = us << _START_SHIFT | execution << _EXECUTION_SHIFT | attempt << _ATTEMPT_SHIFT
        if tally.floor is None or packed > tally.floor:
            tally.keep(packed | code << _CODE_SHIFT | min(duration_us, _LONGEST_US))


def _summed(entity: int, space: str, tally: _Tally, starts: Mapping[int, int]) -> StatisticsRow:
    newest = sorted(tally.newest)[-RECENT:]
    codes = [packed >> _CODE_SHIFT & (1 << _CODE_BITS) - 1 for packed in newest]
    executed_in = {packed >> _EXECUTION_SHIFT & (1 << _EXECUTION_BITS) - 1 for packed in newest}
    return (
        entity,
        space,
        *tally.counts,
        tally.duration_us,
        tally.last_run_us,
        tally.last_failure_us,
        "".join(_LETTER[code] for code in codes),
        sum(code in _FAILING for code in codes),
        b"".join(half(packed & _LONGEST_US) for packed in newest),
        min(*(starts[number] for number in executed_in), newest[0] >> _START_SHIFT),
    )
