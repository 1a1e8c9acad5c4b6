"""Many rows in one statement: the hot path, where a row is a tuple and SQL goes straight to the driver."""

from __future__ import annotations

import gc
import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import sqlalchemy as sa

from argos.store.database import POSTGRESQL

_PORTION = 500


@contextmanager
def without_collections() -> Iterator[None]:
    """Pauses the cyclic garbage collector while many rows are made, among which there are no cycles.

    Looking for some anyway took a fifth of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def insert(connection: sa.Connection, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    """Inserts tuples in the order of `columns`, names parted by commas."""
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        # The names are written in this package; every value is a parameter.
        execute(connection, f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608


def insert_for_each(
    connection: sa.Connection,
    table: str,
    columns: str,
    shared: tuple[Any, ...],
    column: str,
    numbers: list[int],
) -> None:
    """Inserts a row for each number, which is in `column`; the other columns are the same in all of them."""
    given: Any
    if connection.dialect.name == POSTGRESQL:
        marks = ", ".join("CAST(%s AS bigint)" if isinstance(value, int) else "%s" for value in shared)
        each, given = "unnest(%s::bigint[]) AS listed(value)", numbers
    else:
        marks = ", ".join("?" * len(shared))
        each, given = "json_each(?)", json.dumps(numbers)
    # The names are written in this package; every value is a parameter.
    sql = f"INSERT INTO {table} ({columns}, {column}) SELECT {marks}, value FROM {each}"  # noqa: S608
    connection.exec_driver_sql(sql, (*shared, given))


def execute(connection: sa.Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    """Executes SQL with `?` for its parameters once for each tuple; not at all for none."""
    if rows:
        if connection.dialect.name == POSTGRESQL:
            sql = sql.replace("?", "%s")
        connection.exec_driver_sql(sql, rows)


def listed(connection: sa.Connection, values: Collection[int] | Collection[str]) -> sa.FromClause:
    """Any number of values, as one parameter: the column `value` of a table to join from."""
    if connection.dialect.name == POSTGRESQL:
        kind = sa.BigInteger() if all(isinstance(value, int) for value in values) else sa.Text()
        array = sa.bindparam(None, list(values), type_=sa.ARRAY(kind))
        return sa.func.unnest(array).table_valued("value").render_derived()
    return sa.func.json_each(json.dumps(list(values))).table_valued("value")


def among(
    connection: sa.Connection, column: sa.ColumnElement[Any], values: Collection[int] | Collection[str]
) -> sa.ColumnElement[bool]:
    """The condition that a column has one of any number of values."""
    return column.in_(sa.select(listed(connection, values).c.value))


def portions(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Ids in order, some hundred at a time, for queries that have many rows for each."""
    ordered = iter(sorted(numbers))
    while portion := list(islice(ordered, _PORTION)):
        yield portion


def fetch(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """The rows of a query of plain columns as the driver has them: no object is made for each row."""
    cursor = connection.execute(query).cursor
    assert cursor is not None  # a select always has one
    with without_collections():
        return list(cursor.fetchall())
