"""Entities: things with a history, such as tests. Each is stored once and has an integer id inside."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from heapq import nlargest

import sqlalchemy as sa

from argos.errors import ArgosError
from argos.model.execution import Execution, TestResult
from argos.store import bulk, rows
from argos.store.encoding import clean, key, microseconds
from argos.store.tables import entities, executions, results, statistics

_SHOWN_MATCHES = 5
_COMPARED = 200
_WORD = re.compile(r"[^\W_]+")

# To look a name up by its key costs about three times as much as to read it with all the others.
_SCAN_IS_FASTER = 3


def identify(
    connection: sa.Connection, names: Collection[str], entity_type: str, parameters: Mapping[str, str]
) -> dict[str, int]:
    """The ids of entities by their clean name; those not known yet are added.

    `parameters` by name, for those that have any, are kept once. An entity that was gone is back.
    """
    found = _known(connection, names, entity_type)
    unknown = [name for name in dict.fromkeys(names) if name not in found]
    if unknown:
        added = [(entity_type, name, key(entity_type, name)) for name in unknown]
        bulk.insert(connection, "entities", "entity_type, entity_id, key", added)
        found |= _known(connection, unknown, entity_type)
    _welcome_back(connection, found.values())
    if parameters:
        _add_parameters(connection, {found[name]: text for name, text in parameters.items()})
    return found


def ids(connection: sa.Connection, names: Iterable[str], entity_type: str) -> dict[str, int]:
    """The ids of those entities that are known, by their clean name."""
    return _known(connection, list(map(clean, names)), entity_type)


def names(connection: sa.Connection, numbers: set[int]) -> dict[int, str]:
    """The names of entities by their ids."""
    query = sa.select(entities.c.id, entities.c.entity_id).where(
        bulk.among(connection, entities.c.id, numbers)
    )
    return {row.id: row.entity_id for row in connection.execute(query)}


def find(connection: sa.Connection, text: str, *, entity_type: str = "test") -> str:
    """The entity of this name, or the only one whose name contains the text.

    Of several, the only one of which the text is the last part (`::test_a`, `/a.py`) is meant.
    Raises `ArgosError`, with names that come close, for none and for several.
    """
    wanted = clean(text)
    if ids(connection, [wanted], entity_type):
        return wanted
    known: Sequence[str] = connection.scalars(
        sa.select(entities.c.entity_id).where(entities.c.entity_type == entity_type).order_by(entities.c.id)
    ).all()
    containing = [name for name in known if wanted in name] if wanted else []
    ending = [name for name in containing if name.endswith((f"::{wanted}", f"/{wanted}"))]
    for matches in (containing, ending):
        if len(matches) == 1:
            return matches[0]
    raise _not_found(wanted, entity_type, known, ending or containing)


def mark_gone(
    connection: sa.Connection, gone: Iterable[str], at: datetime, *, entity_type: str = "test"
) -> None:
    """Notes since when entities no longer exist; their history stays. Their next result brings them back."""
    numbers = ids(connection, gone, entity_type).values()
    connection.execute(
        sa.update(entities)
        .where(bulk.among(connection, entities.c.id, numbers), entities.c.gone_us.is_(None))
        .values(gone_us=microseconds(at))
    )


def history(
    connection: sa.Connection,
    entity: str,
    *,
    space: str | None = None,
    limit: int = 50,
    entity_type: str = "test",
) -> list[tuple[Execution, TestResult]]:
    """The results of one entity with their executions, newest first, in one space or in all."""
    in_space = sa.select(executions.c.id)
    if space is not None:
        in_space = in_space.where(executions.c.space == space)
    query = (
        sa.select(*rows.EXECUTION, *rows.RESULT)
        .select_from(rows.RESULTS_IN_FULL)
        # One look-up by the primary key for each execution.
        .where(results.c.execution.in_(in_space))
        .where(results.c.entity.in_(ids(connection, [entity], entity_type).values()))
        .order_by(rows.started_us.desc(), results.c.execution.desc(), results.c.attempt.desc())
        .limit(limit)
    )
    return [(rows.execution(row), rows.result(row)) for row in connection.execute(query)]


def last_failures(
    connection: sa.Connection, wanted: Sequence[str], *, entity_type: str = "test"
) -> dict[str, TestResult]:
    """The newest failing result, with its message, of each entity that ever failed."""
    numbers = ids(connection, wanted, entity_type).values()
    last_failure_us = (
        sa.select(sa.func.max(statistics.c.last_failure_us))
        .where(statistics.c.entity == results.c.entity)
        .scalar_subquery()
    )
    query = (
        sa.select(*rows.RESULT)
        .select_from(rows.RESULTS_IN_FULL)
        .where(results.c.execution.in_(sa.select(executions.c.id)))
        .where(bulk.among(connection, results.c.entity, numbers), rows.FAILING)
        .where(rows.started_us == last_failure_us)
        .order_by(results.c.execution, results.c.attempt)
    )
    return {result.entity: result for result in map(rows.result, connection.execute(query))}


def _known(connection: sa.Connection, names: Collection[str], entity_type: str) -> dict[str, int]:
    query = sa.select(entities.c.entity_id, entities.c.id).where(entities.c.entity_type == entity_type)
    if len(names) * _SCAN_IS_FASTER < (connection.scalar(sa.select(sa.func.max(entities.c.id))) or 0):
        given = bulk.listed(connection, [key(entity_type, name) for name in names])
        query = query.select_from(given.join(entities, entities.c.key == given.c.value))
        return dict(bulk.fetch(connection, query))
    wanted = set(names)
    return {name: number for name, number in bulk.fetch(connection, query) if name in wanted}


def _welcome_back(connection: sa.Connection, numbers: Collection[int]) -> None:
    gone = set(connection.scalars(sa.select(entities.c.id).where(entities.c.gone_us.is_not(None))))
    back = bulk.among(connection, entities.c.id, gone.intersection(numbers))
    if gone:
        connection.execute(sa.update(entities).where(back).values(gone_us=None))


def _add_parameters(connection: sa.Connection, parameters: Mapping[int, str]) -> None:
    given = bulk.listed(connection, parameters.keys())
    bare = (
        sa.select(entities.c.id)
        .select_from(given.join(entities, entities.c.id == given.c.value))
        .where(entities.c.parameters.is_(None))
    )
    new = [(parameters[number], number) for (number,) in bulk.fetch(connection, bare)]
    bulk.execute(connection, "UPDATE entities SET parameters = ? WHERE id = ?", new)


def _not_found(text: str, entity_type: str, known: Sequence[str], matches: Sequence[str]) -> ArgosError:
    if matches:
        shown = ", ".join(matches[:_SHOWN_MATCHES]) + (", …" if len(matches) > _SHOWN_MATCHES else "")
        return ArgosError(
            f"{len(matches)} {entity_type}s match {text!r}: {shown}.", next_step="Write more of the name."
        )
    likely = _with_common_words(text, known)
    close = get_close_matches(text, likely, n=3) or get_close_matches(text, likely, n=3, cutoff=0.4)
    advice = (
        f"Did you mean {', '.join(close)}?" if close else "`anvil stats show` lists what has been recorded."
    )
    return ArgosError(f"No {entity_type} {text!r} has been recorded.", next_step=advice)


def _with_common_words(text: str, known: Sequence[str]) -> Sequence[str]:
    """Some hundred names that share the most words with the text: to compare every name takes seconds."""
    if len(known) <= _COMPARED:
        return known
    words = set(_WORD.findall(text))
    return nlargest(_COMPARED, known, key=lambda name: len(words.intersection(_WORD.findall(name))))
