"""The schema as declarative classes, for those who query the database with SQLAlchemy's ORM.

`ExecutionHistory` and `EntityStatistics` are views and can only be read. Argos itself works on the
tables; loading the ORM takes a tenth of a second and no command does so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from argos.store.tables import UtcTime, execution_rules


class Base(DeclarativeBase):
    """The classes share no metadata with the tables, which alone say how the schema is made."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcTime, dict[str, Any]: sa.JSON}


class ExecutionHistory(Base):
    """One result in one execution. `status` is in capitals, `duration` in seconds."""

    __tablename__ = "execution_history"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    execution_id: Mapped[str]
    entity_id: Mapped[str]
    entity_type: Mapped[str]
    timestamp: Mapped[datetime]
    status: Mapped[str]
    duration: Mapped[float]
    space: Mapped[str]
    meta: Mapped[dict[str, Any]] = mapped_column("metadata")


class EntityStatistics(Base):
    """One entity over all spaces and all recorded results.

    `failure_rate` is 0..1: failed and error among the results that are no skips. `avg_duration` is in
    seconds; `last_updated` is the start of the newest result, as `last_run`.
    """

    __tablename__ = "entity_statistics"

    id: Mapped[int] = mapped_column(primary_key=True)
    entity_id: Mapped[str]
    entity_type: Mapped[str]
    total_runs: Mapped[int]
    passed: Mapped[int]
    failed: Mapped[int]
    error: Mapped[int]
    skipped: Mapped[int]
    xfailed: Mapped[int]
    xpassed: Mapped[int]
    failure_rate: Mapped[float]
    avg_duration: Mapped[float]
    last_run: Mapped[datetime]
    last_failure: Mapped[datetime | None]
    last_updated: Mapped[datetime]


class ExecutionRule(Base):
    """A rule as its file had it when it was last used."""

    __table__ = execution_rules.to_metadata(Base.metadata)

    id: Mapped[int]
    name: Mapped[str]
    criteria: Mapped[str]
    enabled: Mapped[bool]
    threshold: Mapped[float | None]
    window: Mapped[int | None]
    groups: Mapped[list[str]]
    executor_config: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
