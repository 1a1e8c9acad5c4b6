"""The rule files as they stand in `execution_rules`, so that the history can be read with its rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from argos.model.rule import Criterion, Rule
from argos.store.encoding import clean
from argos.store.tables import execution_rules

_COMPARED = ("name", "criteria", "enabled", "threshold", "window", "groups", "executor_config")


def mirror(connection: sa.Connection, rules: Sequence[Rule], now: datetime | None = None) -> None:
    """Makes the table equal to the list; writes nothing where nothing changed. `now` dates the changes."""
    wanted = {row["name"]: row for row in map(_row, rules)}
    table = execution_rules
    known = {row["name"]: dict(row) for row in connection.execute(sa.select(table)).mappings()}
    at = now or datetime.now(UTC)
    for name in known.keys() - wanted.keys():
        connection.execute(sa.delete(table).where(table.c.name == name))
    for name, row in wanted.items():
        if name not in known:
            connection.execute(sa.insert(table).values(created_at=at, updated_at=at, **row))
        elif any(known[name][column] != row[column] for column in _COMPARED):
            connection.execute(sa.update(table).where(table.c.name == name).values(updated_at=at, **row))


def listed(connection: sa.Connection) -> list[Rule]:
    """The mirrored rules by name."""
    query = sa.select(execution_rules).order_by(execution_rules.c.name)
    return [_rule(row) for row in connection.execute(query).mappings()]


def _row(rule: Rule) -> dict[str, Any]:
    criterion = rule.criterion
    row: dict[str, Any] = _cleaned(
        {
            "name": rule.name,
            "criteria": criterion.name,
            "enabled": rule.enabled,
            "threshold": criterion.threshold,
            "window": criterion.window,
            "groups": list(criterion.groups),
            "executor_config": {
                "executor": rule.executor,
                "options": rule.options,
                "description": rule.description,
                "limit": rule.limit,
                "budget_s": rule.budget_s,
                "parts": [asdict(part) for part in criterion.parts],
                "source": rule.source,
            },
        }
    )
    return row


def _rule(row: sa.RowMapping) -> Rule:
    settings = row["executor_config"]
    return Rule(
        name=row["name"],
        criterion=Criterion(
            row["criteria"],
            row["window"],
            row["threshold"],
            tuple(row["groups"]),
            tuple(_criterion(part) for part in settings["parts"]),
        ),
        description=settings["description"],
        enabled=row["enabled"],
        limit=settings["limit"],
        budget_s=settings["budget_s"],
        executor=settings["executor"],
        options=settings["options"],
        source=settings["source"],
    )


def _criterion(part: dict[str, Any]) -> Criterion:
    groups, parts = tuple(part["groups"]), tuple(_criterion(inner) for inner in part["parts"])
    return Criterion(part["name"], part["window"], part["threshold"], groups, parts)


def _cleaned(value: Any) -> Any:
    """JSON as it reads back: clean texts, and lists for tuples."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(name)): _cleaned(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return value
