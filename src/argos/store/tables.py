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

REVISIONS = ("0001", "0002", "0003", "0004")
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
    # No newest outcome is of an execution that began before: where a late result has to be put in.
    sa.Column("recent_from_us", sa.BigInteger, nullable=False, server_default="0"),
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

# The spaces whose statistics wait for a recount.
stale_statistics = sa.Table("stale_statistics", METADATA, sa.Column("space", sa.Text, primary_key=True))

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

workflow_runs = sa.Table(
    "workflow_runs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("repository", sa.Text),
    sa.Column("workflow_name", sa.Text, nullable=False),
    sa.Column("workflow_path", sa.Text),
    sa.Column("run_number", sa.Integer),
    sa.Column("run_attempt", sa.Integer, nullable=False),
    sa.Column("event", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("conclusion", sa.Text),
    sa.Column("branch", sa.Text),
    sa.Column("commit_sha", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("created_at", UtcTime),
    sa.Column("started_at", UtcTime),
    sa.Column("completed_at", UtcTime),
    sa.Column("duration_seconds", sa.Integer),
    sa.Column("url", sa.Text),
    # The newest attempt whose jobs are all recorded for good; nothing of it is asked for again.
    sa.Column("settled_attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Index("idx_workflow_run_number", "workflow_name", "run_number"),
    sa.Index("idx_conclusion", "conclusion"),
    sa.Index("workflow_runs_created", "created_at"),
)

workflow_jobs = sa.Table(
    "workflow_jobs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("workflow_runs.run_id"), nullable=False),
    sa.Column("run_attempt", sa.Integer, nullable=False),
    sa.Column("job_name", sa.Text, nullable=False),
    sa.Column("runner_os", sa.Text),
    sa.Column("python_version", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("conclusion", sa.Text),
    sa.Column("commit_sha", sa.Text),
    sa.Column("created_at", UtcTime),
    sa.Column("started_at", UtcTime),
    sa.Column("completed_at", UtcTime),
    sa.Column("duration_seconds", sa.Integer),
    sa.Column("logs_url", sa.Text),
    sa.Column("log_state", sa.Text, nullable=False),
    sa.Column("log_note", sa.Text),
    _count("log_tries"),
    sa.Column("execution", sa.Integer, sa.ForeignKey("executions.id", ondelete="SET NULL")),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Index("workflow_jobs_run", "run_id"),
    sa.Index("workflow_jobs_execution", "execution"),
    sa.Index("idx_runner_os", "runner_os"),
    sa.Index("idx_job_conclusion", "conclusion"),
)

# What a job's log told besides its tests, as compressed JSON.
workflow_job_reports = sa.Table(
    "workflow_job_reports",
    METADATA,
    sa.Column("job_id", sa.BigInteger, sa.ForeignKey("workflow_jobs.job_id"), primary_key=True),
    sa.Column("report", sa.LargeBinary, nullable=False),
)

ci_failure_patterns = sa.Table(
    "ci_failure_patterns",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    # The digest of what makes it this pattern: type, signature, test, OS and Python version.
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("pattern_type", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("test_nodeid", sa.Text),
    sa.Column("runner_os", sa.Text),
    sa.Column("python_version", sa.Text),
    sa.Column("confidence", sa.Double, nullable=False),
    _count("failure_count"),
    sa.Column("first_seen", UtcTime, nullable=False),
    sa.Column("last_seen", UtcTime, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("suggested_fix", sa.Text),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Index("idx_pattern_type", "pattern_type"),
)

# Answers of GitHub that may be asked for again without being sent again.
etags = sa.Table(
    "etags",
    METADATA,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("used_at", UtcTime, nullable=False),
)

# Which stretches of time of a repository's runs are recorded: how far each sync has come.
ci_cursors = sa.Table(
    "ci_cursors",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("stretches", sa.JSON, nullable=False),
)

VIEWS = (
    "execution_history",
    "entity_statistics",
    "workflow_test_results",
    "lint_violations",
    "lint_summary",
    "code_quality_metrics",
)
