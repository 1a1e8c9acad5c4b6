"""`execution_history` and `entity_statistics`: the tables as views in flat, readable columns.

`execution_history.id` is made of the three numbers of a result: execution, entity and attempt.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

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
    {metadata} AS metadata
FROM results r
JOIN executions e ON e.id = r.execution
JOIN entities n ON n.id = r.entity
"""

_STATISTICS = """
CREATE VIEW entity_statistics AS
SELECT
    id, entity_id, entity_type, total_runs, passed, failed, error, skipped, xfailed, xpassed,
    CAST(
        CASE WHEN total_runs > skipped THEN (failed + error) * 1.0 / (total_runs - skipped) ELSE 0.0 END
        AS DOUBLE PRECISION
    ) AS failure_rate,
    CAST(duration_us / 1000000.0 / total_runs AS DOUBLE PRECISION) AS avg_duration,
    {last_run} AS last_run,
    {last_failure} AS last_failure,
    {last_run} AS last_updated
FROM (
    SELECT
        n.id AS id,
        n.entity_id AS entity_id,
        n.entity_type AS entity_type,
        sum(s.passed + s.failed + s.error + s.skipped + s.xfailed + s.xpassed) AS total_runs,
        sum(s.passed) AS passed,
        sum(s.failed) AS failed,
        sum(s.error) AS error,
        sum(s.skipped) AS skipped,
        sum(s.xfailed) AS xfailed,
        sum(s.xpassed) AS xpassed,
        CAST(sum(s.duration_us) AS BIGINT) AS duration_us,
        max(s.last_run_us) AS last_run_us,
        max(s.last_failure_us) AS last_failure_us
    FROM statistics s
    JOIN entities n ON n.id = s.entity
    GROUP BY n.id, n.entity_id, n.entity_type
) totals
"""

_TIMES = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', ({us}) / 1000000.0, 'unixepoch')",
    "postgresql": "to_timestamp(({us}) / 1000000.0)",
}
_METADATA = {
    "sqlite": "json_object('rule', e.rule)",
    "postgresql": "json_build_object('rule', e.rule)",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name

    def time(us: str) -> str:
        return _TIMES[dialect].format(us=us)

    timestamp = time("e.started_us + r.started_ms * 1000")
    op.execute(_HISTORY.format(timestamp=timestamp, metadata=_METADATA[dialect]))
    op.execute(_STATISTICS.format(last_run=time("last_run_us"), last_failure=time("last_failure_us")))
