"""An execution as JSON text, kept beside its journals, so that a killed run can be recorded later."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime

from argos.model.execution import Counts, Execution, ExecutionStatus

FILE = "execution.json"


def dump(execution: Execution) -> str:
    return json.dumps(dataclasses.asdict(execution), default=_plain)


def load(text: str) -> Execution:
    """Raises `ValueError`, `KeyError` or `TypeError` for text that is no header."""
    fields = json.loads(text)
    fields["started_at"] = datetime.fromisoformat(fields["started_at"])
    fields["status"] = ExecutionStatus(fields["status"])
    fields["counts"] = Counts(**fields["counts"])
    for name in ("gone", "running", "notes", "command"):
        fields[name] = tuple(fields[name])
    return Execution(**fields)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"not part of a header: {value!r}")
