"""Executions, entities, results, statistics and rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_executions()
    _create_entities()
    _create_results()
    _create_statistics()
    _create_rules()


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _json_list(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="[]")


def _outcome_counts() -> list[sa.Column[int]]:
    return [_count(name) for name in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")]


def _create_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("execution_id", sa.Text, nullable=False, unique=True),
        sa.Column("entity_type", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("duration_s", sa.Double),
        sa.Column("full_duration_s", sa.Double),
        sa.Column("complete", sa.Boolean, nullable=False),
        *_outcome_counts(),
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
    op.create_index("ix_executions_started_us", "executions", ["started_us"])


def _create_entities() -> None:
    op.create_table(
        "entities",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("entity_type", sa.Text, nullable=False),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("parameters", sa.Text),
        sa.Column("gone_us", sa.BigInteger),
    )
    op.create_index(
        "entities_gone",
        "entities",
        ["id"],
        sqlite_where=sa.text("gone_us IS NOT NULL"),
        postgresql_where=sa.text("gone_us IS NOT NULL"),
    )


def _create_results() -> None:
    op.create_table(
        "results",
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
    op.create_table(
        "result_details",
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


def _create_statistics() -> None:
    op.create_table(
        "statistics",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("entity", sa.Integer, sa.ForeignKey("entities.id"), nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        *_outcome_counts(),
        sa.Column("duration_us", sa.BigInteger, nullable=False),
        sa.Column("last_run_us", sa.BigInteger, nullable=False),
        sa.Column("last_failure_us", sa.BigInteger),
        sa.Column("recent", sa.Text, nullable=False),
        sa.Column("recent_failing", sa.Integer, nullable=False),
        sa.Column("recent_durations", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("entity", "space"),
    )
    op.create_index(
        "statistics_failing",
        "statistics",
        ["space", "entity", "recent"],
        sqlite_where=sa.text("recent_failing > 0"),
        postgresql_where=sa.text("recent_failing > 0"),
    )


def _create_rules() -> None:
    op.create_table(
        "execution_rules",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("criteria", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("threshold", sa.Double),
        sa.Column("window", sa.Integer),
        sa.Column("groups", sa.JSON, nullable=False),
        sa.Column("executor_config", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
