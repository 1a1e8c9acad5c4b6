"""The record of one execution, and what makes one valid."""

from __future__ import annotations

STATUSES = ("PASSED", "FAILED", "SKIPPED", "ERROR")


def mistakes(record: dict[str, object]) -> list[str]:
    """Everything that is wrong with a record, in the order of its keys."""
    found = []
    if not record.get("entity_id"):
        found.append("entity_id is missing")
    if record.get("status") not in STATUSES:
        found.append(f"status is none of {', '.join(STATUSES)}")
    duration = record.get("duration", 0.0)
    if isinstance(duration, bool) or not isinstance(duration, (int, float)) or duration < 0:
        found.append("duration is not a number of seconds")
    return found
