"""Workflow runs, their jobs, failure patterns, and what a sync has to remember.

`workflow_test_results` is a view: the results of CI stand in `results` as all others. In the view
`execution_history` the metadata of a result from CI now name the runner, the Python and the run.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _extend_statistics()
    _create_runs()
    _create_jobs()
    _create_patterns()
    _create_memory()
    _create_views()


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _extend_statistics() -> None:
    bound = sa.Column("recent_from_us", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("statistics", bound)
    op.create_table("stale_statistics", sa.Column("space", sa.Text, primary_key=True))


def _create_runs() -> None:
    op.create_table(
        "workflow_runs",
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
        *map(_time, ("created_at", "started_at", "completed_at")),
        sa.Column("duration_seconds", sa.Integer),
        sa.Column("url", sa.Text),
        _count("settled_attempt"),
        sa.Column("metadata", sa.JSON, nullable=False),
    )
    op.create_index("idx_workflow_run_number", "workflow_runs", ["workflow_name", "run_number"])
    op.create_index("idx_conclusion", "workflow_runs", ["conclusion"])
    op.create_index("workflow_runs_created", "workflow_runs", ["created_at"])


def _create_jobs() -> None:
    op.create_table(
        "workflow_jobs",
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
        *map(_time, ("created_at", "started_at", "completed_at")),
        sa.Column("duration_seconds", sa.Integer),
        sa.Column("logs_url", sa.Text),
        sa.Column("log_state", sa.Text, nullable=False),
        sa.Column("log_note", sa.Text),
        _count("log_tries"),
        sa.Column("execution", sa.Integer, sa.ForeignKey("executions.id", ondelete="SET NULL")),
        sa.Column("metadata", sa.JSON, nullable=False),
    )
    op.create_index("workflow_jobs_run", "workflow_jobs", ["run_id"])
    op.create_index("workflow_jobs_execution", "workflow_jobs", ["execution"])
    op.create_index("idx_runner_os", "workflow_jobs", ["runner_os"])
    op.create_index("idx_job_conclusion", "workflow_jobs", ["conclusion"])
    op.create_table(
        "workflow_job_reports",
        sa.Column("job_id", sa.BigInteger, sa.ForeignKey("workflow_jobs.job_id"), primary_key=True),
        sa.Column("report", sa.LargeBinary, nullable=False),
    )


def _create_patterns() -> None:
    op.create_table(
        "ci_failure_patterns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("pattern_type", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("test_nodeid", sa.Text),
        sa.Column("runner_os", sa.Text),
        sa.Column("python_version", sa.Text),
        sa.Column("confidence", sa.Double, nullable=False),
        _count("failure_count"),
        _time("first_seen", nullable=False),
        _time("last_seen", nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("suggested_fix", sa.Text),
        sa.Column("metadata", sa.JSON, nullable=False),
    )
    op.create_index("idx_pattern_type", "ci_failure_patterns", ["pattern_type"])


def _create_memory() -> None:
    op.create_table(
        "etags",
        sa.Column("url", sa.Text, primary_key=True),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _time("used_at", nullable=False),
    )
    op.create_table(
        "ci_cursors",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("stretches", sa.JSON, nullable=False),
    )


_HISTORY = """
CREATE VIEW execution_history AS
SELECT
    CAST(r.execution AS BIGINT) * 1099511627776 + CAST(r.entity AS BIGINT) * 256 + r.attempt AS id,
    e.execution_id AS execution_id,
    n.entity_id AS entity_id,
    n.entity_type AS entity_type,
    {timestamp} AS timestamp,
    CASE r.outcome
        WHEN 0 THEN 'PASSED' WHEN 1 THEN 'FAILED' WHEN 2 THEN 'ERROR'
        WHEN 3 THEN 'SKIPPED' WHEN 4 THEN 'XFAILED' ELSE 'XPASSED'
    END AS status,
    CAST((r.setup_us + r.call_us + r.teardown_us) / 1000000.0 AS DOUBLE PRECISION) AS duration,
    e.space AS space,
    CASE WHEN j.id IS NULL THEN {json}('rule', e.rule) ELSE {json}(
        'rule', e.rule, 'runner_os', j.runner_os, 'python_version', j.python_version,
        'ci_run_id', j.run_id, 'ci_job_id', j.job_id, 'run_attempt', j.run_attempt
    ) END AS metadata
FROM results r
JOIN executions e ON e.id = r.execution
JOIN entities n ON n.id = r.entity
LEFT JOIN workflow_jobs j ON j.execution = r.execution
"""

_TEST_RESULTS = """
CREATE VIEW workflow_test_results AS
SELECT
    CAST(r.execution AS BIGINT) * 1099511627776 + CAST(r.entity AS BIGINT) * 256 + r.attempt AS id,
    j.job_id AS job_id,
    n.entity_id AS test_nodeid,
    CASE r.outcome
        WHEN 0 THEN 'passed' WHEN 1 THEN 'failed' WHEN 2 THEN 'error'
        WHEN 3 THEN 'skipped' WHEN 4 THEN 'xfailed' ELSE 'xpassed'
    END AS outcome,
    CAST((r.setup_us + r.call_us + r.teardown_us) / 1000000.0 AS DOUBLE PRECISION) AS duration,
    d.message AS error_message,
    d.traceback AS error_traceback,
    j.runner_os AS runner_os,
    j.python_version AS python_version,
    {timestamp} AS timestamp
FROM workflow_jobs j
JOIN executions e ON e.id = j.execution
JOIN results r ON r.execution = e.id
JOIN entities n ON n.id = r.entity
LEFT JOIN result_details d ON d.execution = r.execution AND d.entity = r.entity AND d.attempt = r.attempt
"""

_TIMES = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', ({us}) / 1000000.0, 'unixepoch')",
    "postgresql": "to_timestamp(({us}) / 1000000.0)",
}
_JSON = {"sqlite": "json_object", "postgresql": "json_build_object"}


def _create_views() -> None:
    dialect = op.get_bind().dialect.name
    timestamp = _TIMES[dialect].format(us="e.started_us + r.started_ms * 1000")
    op.execute("DROP VIEW execution_history")
    op.execute(_HISTORY.format(timestamp=timestamp, json=_JSON[dialect]))
    op.execute(_TEST_RESULTS.format(timestamp=timestamp))
