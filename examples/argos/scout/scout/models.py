"""A run of a workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class WorkflowRun:
    number: int
    started_at: datetime
    completed_at: datetime | None = None
    conclusion: str | None = None

    @property
    def duration(self) -> timedelta | None:
        """None while it runs."""
        return self.completed_at - self.started_at if self.completed_at else None

    @property
    def successful(self) -> bool:
        return self.conclusion == "success"
