"""The tables. Times are integer microseconds since 1970 in UTC, so both databases read them alike.

`results` is by far the largest table. Its rows hold only small integers, in the order of its
primary key, so that a passed result takes about thirty bytes and one execution lies in one piece.
There is no index by entity: the history of one entity is one look-up for each execution.

The partial indexes are partial on PostgreSQL too. Only the migration says so there: to say it here
would load that dialect, with its drivers, into every command.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

REVISIONS = ("0001", "0002")
"""The revisions under `migrations/versions`, oldest first; known here so that Alembic need not be loaded."""

HEAD = REVISIONS[-1]

VERSION_TABLE = "alembic_version"

RECENT = 100
"""How many of an entity's newest outcomes and durations are kept in its statistics."""

METADATA = sa.MetaData()


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz` on PostgreSQL, ISO text without an offset on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, _dialect: sa.Dialect) -> datetime | None:
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _json_list(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="[]")


executions = sa.Table(
    "executions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("execution_id", sa.Text, nullable=False, unique=True),
    sa.Column("entity_type", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("space", sa.Text, nullable=False),
    sa.Column("started_us", sa.BigInteger, nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("duration_s", sa.Double),
    sa.Column("full_duration_s", sa.Double),
    sa.Column("complete", sa.Boolean, nullable=False),
    _count("passed"),
    _count("failed"),
    _count("error"),
    _count("skipped"),
    _count("xfailed"),
    _count("xpassed"),
    _count("selected"),
    _count("not_run"),
    _json_list("gone"),
    _json_list("running"),
    _json_list("notes"),
    sa.Column("commit", sa.Text),
    sa.Column("branch", sa.Text),
    sa.Column("dirty", sa.Boolean),
    sa.Column("platform", sa.Text),
    sa.Column("python_version", sa.Text),
    sa.Column("pytest_version", sa.Text),
    sa.Column("interpreter", sa.Text),
    _json_list("command"),
    sa.Column("workers", sa.Integer, nullable=False, server_default="1"),
    sa.Column("shard", sa.Text),
    sa.Column("exit_code", sa.Integer),
    sa.Column("selection", sa.LargeBinary),
)

entities = sa.Table(
    "entities",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("entity_type", sa.Text, nullable=False),
    sa.Column("entity_id", sa.Text, nullable=False),
    # PostgreSQL cannot index a text of 10,000 characters, so the unique index is on its digest.
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("parameters", sa.Text),
    sa.Column("gone_us", sa.BigInteger),
)
sa.Index(
    "entities_gone",
    entities.c.id,
    sqlite_where=entities.c.gone_us.is_not(None),
)

results = sa.Table(
    "results",
    METADATA,
    sa.Column("execution", sa.Integer, sa.ForeignKey("executions.id"), primary_key=True),
    sa.Column("entity", sa.Integer, sa.ForeignKey("entities.id"), primary_key=True),
    sa.Column("attempt", sa.SmallInteger, primary_key=True),
    sa.Column("outcome", sa.SmallInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("setup_us", sa.BigInteger, nullable=False),
    sa.Column("call_us", sa.BigInteger, nullable=False),
    sa.Column("teardown_us", sa.BigInteger, nullable=False),
    sa.Column("worker", sa.Text),
    sqlite_with_rowid=False,
)

result_details = sa.Table(
    "result_details",
    METADATA,
    sa.Column("execution", sa.Integer, primary_key=True),
    sa.Column("entity", sa.Integer, primary_key=True),
    sa.Column("attempt", sa.SmallInteger, primary_key=True),
    sa.Column("message", sa.Text),
    sa.Column("traceback", sa.Text),
    sa.Column("output", sa.Text),
    sa.ForeignKeyConstraint(
        ["execution", "entity", "attempt"], ["results.execution", "results.entity", "results.attempt"]
    ),
)

statistics = sa.Table(
    "statistics",
    METADATA,
    # Rows are changed in place by this id, which costs half of what a composite key does.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("entity", sa.Integer, sa.ForeignKey("entities.id"), nullable=False),
    sa.Column("space", sa.Text, nullable=False),
    _count("passed"),
    _count("failed"),
    _count("error"),
    _count("skipped"),
    _count("xfailed"),
    _count("xpassed"),
    sa.Column("duration_us", sa.BigInteger, nullable=False),
    sa.Column("last_run_us", sa.BigInteger, nullable=False),
    sa.Column("last_failure_us", sa.BigInteger),
    sa.Column("recent", sa.Text, nullable=False),
    sa.Column("recent_failing", sa.Integer, nullable=False),
    sa.Column("recent_durations", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("entity", "space"),
)
# Selections of failing tests read this index alone, whatever else there is.
sa.Index(
    "statistics_failing",
    statistics.c.space,
    statistics.c.entity,
    statistics.c.recent,
    sqlite_where=statistics.c.recent_failing > 0,
)

execution_rules = sa.Table(
    "execution_rules",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("criteria", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("threshold", sa.Double),
    sa.Column("window", sa.Integer),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("executor_config", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
)

VIEWS = ("execution_history", "entity_statistics")
