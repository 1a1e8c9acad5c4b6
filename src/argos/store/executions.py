"""Executions and their results: written as they come in, read back by the id of the execution."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from argos.errors import ArgosError
from argos.model.execution import Counts, Execution, ExecutionStatus, Outcome, Selection, TestResult
from argos.store import bulk, entities, rows, statistics
from argos.store.encoding import CODES_BY_TEXT, clean, cleaned, pack_selection, time, unpack_selection
from argos.store.tables import executions
from argos.store.tables import results as results_table


class _Key(NamedTuple):
    """An execution as its results refer to it."""

    id: int
    entity_type: str
    space: str
    started_us: int

    @property
    def started_at(self) -> datetime:
        return time(self.started_us)


@dataclass(frozen=True, slots=True)
class Alike:
    """Tests of which only one outcome is known, the same for all: no duration, no message, one attempt."""

    outcome: Outcome
    started_at: datetime
    entities: tuple[str, ...]

    @property
    def counts(self) -> Counts:
        return Counts(**{self.outcome.value: len(self.entities)})

    def results(self) -> list[TestResult]:
        """The same one by one."""
        return [TestResult(entity, self.outcome, self.started_at) for entity in self.entities]


def start(connection: sa.Connection, execution: Execution) -> None:
    """Adds an execution. Raises `ArgosError` if there is one with this id."""
    if _key(connection, execution.execution_id) is not None:
        raise ArgosError(f"An execution {execution.execution_id!r} is recorded already.")
    columns = rows.fixed_columns(execution) | rows.changing_columns(execution)
    connection.execute(sa.insert(executions).values(columns))


def exists(connection: sa.Connection, execution_id: str) -> bool:
    return _key(connection, execution_id) is not None


def update(connection: sa.Connection, execution: Execution) -> None:
    """Replaces what is known of an execution; its id, entity type, space and start never change."""
    number = _known_key(connection, execution.execution_id).id
    columns = rows.changing_columns(execution)
    connection.execute(sa.update(executions).where(executions.c.id == number).values(columns))


def record(
    connection: sa.Connection, execution_id: str, results: Sequence[TestResult], *, postponed: bool = False
) -> None:
    """Adds results to an execution, and to the statistics of their entities.

    With `postponed` the statistics of the space wait for `statistics.settle`, which is cheaper where
    much is recorded that is older than what is known.

    The order does not matter, and a result (execution, entity, attempt) that is there already is
    passed over, so that a journal may be replayed. Starts are kept to the millisecond, durations to
    the microsecond. Entities that are not known yet are added; one that was gone is back.
    """
    if results:
        with bulk.without_collections():
            _record(connection, _known_key(connection, execution_id), results, postponed)


def record_alike(
    connection: sa.Connection, execution_id: str, every: Sequence[Alike], *, postponed: bool = False
) -> None:
    """Adds results to an execution that has none of these tests yet, as `record` does.

    With `postponed` they go in by one statement for each `Alike`: a row by itself costs several times that.
    """
    if not postponed:
        record(connection, execution_id, [result for alike in every for result in alike.results()])
        return
    execution = _known_key(connection, execution_id)
    for alike in every:
        ids = entities.identify(connection, list(map(clean, alike.entities)), execution.entity_type, {})
        started_ms = (alike.started_at - execution.started_at) // _MILLISECOND
        shared = (execution.id, 0, CODES_BY_TEXT[alike.outcome.value], started_ms, 0, 0, 0)
        numbers = sorted(set(ids.values()))
        bulk.insert_for_each(connection, "results", _SHARED_COLUMNS, shared, "entity", numbers)
        statistics.postpone(connection, execution.space)


def _record(
    connection: sa.Connection, execution: _Key, results: Sequence[TestResult], postponed: bool
) -> None:
    names = [clean(result.entity) for result in results]
    parameters = {
        name: clean(result.parameters)
        for name, result in zip(names, results, strict=True)
        if result.parameters is not None
    }
    ids = entities.identify(connection, names, execution.entity_type, parameters)
    # Of two results of one attempt the first holds.
    new = {
        ids[name] << _ATTEMPT_BITS | result.attempt: result
        for name, result in zip(reversed(names), reversed(results), strict=True)
    }
    for recorded in _recorded(connection, execution.id, ids.values()):
        new.pop(recorded, None)
    added = _rows(execution, new)
    bulk.insert(connection, "results", _RESULT_COLUMNS, added)
    bulk.insert(connection, "result_details", _DETAIL_COLUMNS, _details(execution, new))
    if postponed:
        statistics.postpone(connection, execution.space)
    else:
        statistics.add(connection, execution.space, execution.started_us, added)


def save_selection(connection: sa.Connection, execution_id: str, selection: Selection) -> None:
    """Keeps what was selected for an execution and why, in order."""
    execution = _known_key(connection, execution_id)
    ids = entities.ids(connection, [pick.entity for pick in selection.picks], execution.entity_type)
    packed = pack_selection(selection, ids)
    connection.execute(sa.update(executions).where(executions.c.id == execution.id).values(selection=packed))


def selection(connection: sa.Connection, execution_id: str) -> Selection:
    """What was selected for an execution; an empty selection if none was saved."""
    number = _known_key(connection, execution_id).id
    packed = connection.scalar(sa.select(executions.c.selection).where(executions.c.id == number))
    return unpack_selection(packed, partial(entities.names, connection)) if packed else Selection()


def find(connection: sa.Connection, execution_id: str) -> Execution:
    """The execution of this id, or the only one whose id begins so.

    Raises `ArgosError`, with ids that come close, for none and for several.
    """
    wanted = clean(execution_id)
    beginning = sa.func.substr(executions.c.execution_id, 1, len(wanted)) == wanted
    exactly = executions.c.execution_id == wanted
    query = sa.select(*rows.EXECUTION).where(beginning if wanted else sa.false())
    found = connection.execute(query.order_by(exactly.desc(), executions.c.started_us.desc()).limit(6)).all()
    if found and (len(found) == 1 or found[0].execution_execution_id == wanted):
        return rows.execution(found[0])
    raise _not_found(connection, wanted, [row.execution_execution_id for row in found])


def recent(
    connection: sa.Connection,
    *,
    limit: int,
    space: str | None = None,
    rule: str | None = None,
    entity_type: str = "test",
) -> list[Execution]:
    """The newest executions, newest first."""
    query = _newest().where(executions.c.entity_type == entity_type).limit(limit)
    if space is not None:
        query = query.where(executions.c.space == space)
    if rule is not None:
        query = query.where(executions.c.rule == rule)
    return [rows.execution(row) for row in connection.execute(query)]


def unfinished(connection: sa.Connection) -> list[Execution]:
    """The executions that run, or that were killed and not noticed yet; newest first."""
    query = _newest().where(executions.c.status == ExecutionStatus.RUNNING.value)
    return [rows.execution(row) for row in connection.execute(query)]


def last_complete(connection: sa.Connection, space: str) -> Execution | None:
    """The newest execution in a space that ran everything to its end, None if there is none."""
    query = _newest().where(executions.c.space == space, executions.c.complete).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else rows.execution(row)


def results(connection: sa.Connection, execution_id: str, *, failing_only: bool = False) -> list[TestResult]:
    """The results of an execution with their details, in the order in which they started."""
    query = (
        sa.select(*rows.RESULT)
        .select_from(rows.RESULTS_IN_FULL)
        .where(results_table.c.execution == _known_key(connection, execution_id).id)
        .order_by(results_table.c.started_ms, results_table.c.entity, results_table.c.attempt)
    )
    if failing_only:
        query = query.where(rows.FAILING)
    return [rows.result(row) for row in connection.execute(query)]


def _newest() -> sa.Select[Any]:
    return sa.select(*rows.EXECUTION).order_by(executions.c.started_us.desc(), executions.c.id.desc())


def _key(connection: sa.Connection, execution_id: str) -> _Key | None:
    columns = (executions.c.id, executions.c.entity_type, executions.c.space, executions.c.started_us)
    query = sa.select(*columns).where(executions.c.execution_id == clean(execution_id))
    row = connection.execute(query).one_or_none()
    return None if row is None else _Key(*row)


def _known_key(connection: sa.Connection, execution_id: str) -> _Key:
    found = _key(connection, execution_id)
    if found is None:
        raise _not_found(connection, clean(execution_id), [])
    return found


def _recorded(connection: sa.Connection, execution: int, ids: Collection[int]) -> list[int]:
    """Which attempts of these entities the execution has already, by their numbers."""
    table = results_table.c
    mine = table.execution == execution
    if connection.execute(sa.select(table.entity).where(mine).limit(1)).first() is None:
        return []
    query = sa.select(table.entity, table.attempt).where(mine, bulk.among(connection, table.entity, ids))
    return [entity << _ATTEMPT_BITS | attempt for entity, attempt in bulk.fetch(connection, query)]


_RESULT_COLUMNS = "execution, entity, attempt, outcome, started_ms, setup_us, call_us, teardown_us, worker"
_SHARED_COLUMNS = "execution, attempt, outcome, started_ms, setup_us, call_us, teardown_us"
_DETAIL_COLUMNS = "execution, entity, attempt, message, traceback, output"
_MILLISECOND = timedelta(milliseconds=1)

# An entity and an attempt as one number, in the order of the primary key: a tuple costs more.
_ATTEMPT_BITS = 16
_ATTEMPT = (1 << _ATTEMPT_BITS) - 1


def _rows(execution: _Key, new: Mapping[int, TestResult]) -> list[statistics.ResultRow]:
    """Rows of `results` in the order of its primary key: pages fill up."""
    started_at = execution.started_at
    return [
        (
            execution.id,
            number >> _ATTEMPT_BITS,
            number & _ATTEMPT,
            CODES_BY_TEXT[result.outcome._value_],
            (result.started_at - started_at) // _MILLISECOND,
            round(result.setup_s * 1e6),
            round(result.call_s * 1e6),
            round(result.teardown_s * 1e6),
            cleaned(result.worker),
        )
        for number in sorted(new)
        for result in (new[number],)
    ]


def _details(execution: _Key, new: Mapping[int, TestResult]) -> list[tuple[Any, ...]]:
    return [
        (
            execution.id,
            number >> _ATTEMPT_BITS,
            number & _ATTEMPT,
            cleaned(result.message),
            cleaned(result.traceback),
            cleaned(result.output),
        )
        for number, result in new.items()
        if not (result.message is None and result.traceback is None and result.output is None)
    ]


def _not_found(connection: sa.Connection, text: str, matches: list[str]) -> ArgosError:
    if matches:
        return ArgosError(
            f"Several executions begin with {text!r}: {', '.join(matches)}.",
            next_step="Write more of the id.",
        )
    known = connection.scalars(sa.select(executions.c.execution_id)).all()
    close = get_close_matches(text, known, n=3)
    advice = (
        f"Did you mean {', '.join(close)}?" if close else "`anvil history list` shows what has been recorded."
    )
    return ArgosError(f"No execution {text!r} has been recorded.", next_step=advice)
