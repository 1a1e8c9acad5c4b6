"""Rows of executions and results as values, and the joins that give them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from argos.model.execution import Counts, Execution, ExecutionStatus, Outcome, TestResult
from argos.store.encoding import CODES, OUTCOMES, clean, cleaned, microseconds, texts, time
from argos.store.tables import entities, executions, result_details, results

COUNTS = tuple(outcome.value for outcome in Outcome)

_FIXED = ("execution_id", "entity_type", "space")
_PLAIN = (
    "rule",
    "duration_s",
    "full_duration_s",
    "complete",
    "selected",
    "not_run",
    "dirty",
    "workers",
    "exit_code",
)
_TEXT = ("commit", "branch", "platform", "python_version", "pytest_version", "interpreter", "shard")
_TUPLES = ("gone", "running", "notes", "command")

EXECUTION = tuple(
    executions.c[name].label(f"execution_{name}")
    for name in ("started_us", "status", *_FIXED, *_PLAIN, *_TEXT, *_TUPLES, *COUNTS)
)
"""The columns that `execution` reads."""

RESULT = (
    executions.c.started_us,
    results.c.started_ms,
    entities.c.entity_id,
    entities.c.parameters,
    results.c.outcome,
    results.c.attempt,
    results.c.setup_us,
    results.c.call_us,
    results.c.teardown_us,
    results.c.worker,
    result_details.c.message,
    result_details.c.traceback,
    result_details.c.output,
)
"""The columns that `result` reads."""

RESULTS_IN_FULL = (
    results.join(executions, executions.c.id == results.c.execution)
    .join(entities, entities.c.id == results.c.entity)
    .outerjoin(
        result_details,
        sa.and_(
            result_details.c.execution == results.c.execution,
            result_details.c.entity == results.c.entity,
            result_details.c.attempt == results.c.attempt,
        ),
    )
)

started_us = executions.c.started_us + results.c.started_ms * 1000
"""When a result started, in microseconds since 1970, exact to the millisecond."""

FAILING = results.c.outcome.in_([CODES[Outcome.FAILED], CODES[Outcome.ERROR]])


def fixed_columns(execution: Execution) -> dict[str, Any]:
    """What an execution is from its start."""
    return {
        "execution_id": clean(execution.execution_id),
        "entity_type": clean(execution.entity_type),
        "space": clean(execution.space),
        "started_us": microseconds(execution.started_at),
    }


def changing_columns(execution: Execution) -> dict[str, Any]:
    """What is known of an execution so far."""
    return {
        "status": execution.status.value,
        **{name: getattr(execution, name) for name in _PLAIN},
        "rule": clean(execution.rule),
        **{name: cleaned(getattr(execution, name)) for name in _TEXT},
        **{name: texts(getattr(execution, name)) for name in _TUPLES},
        **{name: getattr(execution.counts, name) for name in COUNTS},
    }


def execution(row: Any) -> Execution:
    values = {name.removeprefix("execution_"): value for name, value in row._mapping.items()}
    fields: dict[str, Any] = {name: values[name] for name in (*_FIXED, *_PLAIN, *_TEXT)}
    fields |= {name: tuple(json.loads(values[name])) for name in _TUPLES}
    return Execution(
        **fields,
        started_at=time(values["started_us"]),
        status=ExecutionStatus(values["status"]),
        counts=Counts(*(values[name] for name in COUNTS)),
    )


def result(row: Any) -> TestResult:
    return TestResult(
        entity=row.entity_id,
        outcome=OUTCOMES[row.outcome],
        started_at=time(row.started_us) + timedelta(milliseconds=row.started_ms),
        setup_s=row.setup_us / 1e6,
        call_s=row.call_us / 1e6,
        teardown_s=row.teardown_us / 1e6,
        attempt=row.attempt,
        worker=row.worker,
        parameters=row.parameters,
        message=row.message,
        traceback=row.traceback,
        output=row.output,
    )
