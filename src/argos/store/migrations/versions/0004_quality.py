"""Code quality: scans and findings, and the views that read them in flat columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _create_names()
    _create_scans()
    _create_findings()
    _create_views()


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)


def _key() -> sa.Column[str]:
    return sa.Column("key", sa.Text, nullable=False, unique=True)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _refers(name: str, target: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=False, primary_key=primary_key)


def _create_names() -> None:
    op.create_table(
        "lint_streams",
        sa.Column("id", sa.Integer, primary_key=True),
        _text("space"),
        _text("tool"),
        sa.UniqueConstraint("space", "tool"),
    )
    op.create_table("lint_files", _id(), _key(), _text("path"), _number("lines", nullable=True))
    op.create_table(
        "lint_messages", _id(), _key(), _text("tool"), _text("code"), _text("severity"), _text("message")
    )
    op.create_index("idx_code", "lint_messages", ["code"])


def _create_scans() -> None:
    op.create_table("lint_sets", _id(), _key(), _number("files"))
    op.create_table(
        "lint_set_ranges",
        _refers("set_id", "lint_sets.id", primary_key=True),
        sa.Column("first_file", sa.Integer, primary_key=True),
        _number("last_file"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lint_tallies",
        _id(),
        _key(),
        _number("errors"),
        _number("warnings"),
        _number("info"),
        sa.Column("by_code", sa.JSON, nullable=False),
    )
    execution = sa.ForeignKey("executions.id", ondelete="CASCADE")
    op.create_table(
        "lint_scans",
        _id(),
        sa.Column("execution", sa.Integer, execution, nullable=False, unique=True),
        _refers("stream", "lint_streams.id"),
        _refers("set_id", "lint_sets.id"),
        _refers("tally", "lint_tallies.id"),
        _number("lines", nullable=True),
        sa.Column("crashed", sa.Boolean, nullable=False),
        _number("new"),
        _number("fixed"),
    )


def _create_findings() -> None:
    op.create_table(
        "lint_findings",
        _id(),
        _number("origin", nullable=True),
        _refers("stream", "lint_streams.id"),
        _refers("file", "lint_files.id"),
        _refers("message", "lint_messages.id"),
        _number("line", nullable=True),
        _number("column", nullable=True),
        _text("symbol"),
        sa.Column("around", sa.LargeBinary, nullable=False),
        _number("since"),
        _number("until", nullable=True),
    )
    op.create_index("lint_findings_file", "lint_findings", ["file", "stream"])
    op.create_table(
        "lint_heads",
        _refers("stream", "lint_streams.id", primary_key=True),
        _refers("file", "lint_files.id", primary_key=True),
        sa.Column("digest", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


_TIMES = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', ({us}) / 1000000.0, 'unixepoch')",
    "postgresql": "to_timestamp(({us}) / 1000000.0)",
}

# A finding is in a scan of its stream that looked at its file while the finding was there.
_VIOLATIONS = """
CREATE VIEW lint_violations AS
SELECT
    CAST(s.id AS BIGINT) * 4294967296 + f.id AS id,
    e.execution_id AS execution_id,
    p.path AS file_path,
    f.line AS line_number,
    f."column" AS column_number,
    m.severity AS severity,
    m.code AS code,
    m.message AS message,
    m.tool AS validator,
    {timestamp} AS timestamp,
    COALESCE(f.origin, f.id) AS finding
FROM lint_scans s
JOIN executions e ON e.id = s.execution
JOIN lint_set_ranges r ON r.set_id = s.set_id
JOIN lint_findings f ON f.stream = s.stream AND f.file BETWEEN r.first_file AND r.last_file
    AND f.since <= s.id AND (f.until IS NULL OR f.until > s.id)
JOIN lint_files p ON p.id = f.file
JOIN lint_messages m ON m.id = f.message
WHERE NOT s.crashed
"""

_SUMMARY = """
CREATE VIEW lint_summary AS
SELECT
    s.id AS id,
    e.execution_id AS execution_id,
    {timestamp} AS timestamp,
    n.files AS files_scanned,
    t.errors + t.warnings + t.info AS total_violations,
    t.errors AS errors,
    t.warnings AS warnings,
    t.info AS info,
    t.by_code AS by_code,
    w.tool AS validator,
    s.crashed AS crashed,
    s."new" AS new_violations,
    s.fixed AS fixed_violations
FROM lint_scans s
JOIN executions e ON e.id = s.execution
JOIN lint_streams w ON w.id = s.stream
JOIN lint_sets n ON n.id = s.set_id
JOIN lint_tallies t ON t.id = s.tally
"""

_METRICS = """
CREATE VIEW code_quality_metrics AS
SELECT
    id, file_path, total_scans, total_violations,
    CAST(total_violations * 1.0 / total_scans AS DOUBLE PRECISION) AS avg_violations_per_scan,
    (
        SELECT m.code FROM lint_findings f JOIN lint_messages m ON m.id = f.message
        WHERE f.file = scanned.id GROUP BY m.code
        ORDER BY count(DISTINCT COALESCE(f.origin, f.id)) DESC, m.code LIMIT 1
    ) AS most_common_code,
    {last_scan} AS last_scan,
    {last_violation} AS last_violation
FROM (
    SELECT
        p.id AS id,
        p.path AS file_path,
        count(DISTINCT s.id) AS total_scans,
        count(f.id) AS total_violations,
        max(e.started_us) AS last_scan_us,
        max(CASE WHEN f.id IS NULL THEN NULL ELSE e.started_us END) AS last_violation_us
    FROM lint_scans s
    JOIN executions e ON e.id = s.execution
    JOIN lint_set_ranges r ON r.set_id = s.set_id
    JOIN lint_files p ON p.id BETWEEN r.first_file AND r.last_file
    LEFT JOIN lint_findings f ON f.file = p.id AND f.stream = s.stream
        AND f.since <= s.id AND (f.until IS NULL OR f.until > s.id)
    WHERE NOT s.crashed
    GROUP BY p.id, p.path
) scanned
"""


def _create_views() -> None:
    time = _TIMES[op.get_bind().dialect.name]
    started = time.format(us="e.started_us")
    op.execute(_VIOLATIONS.format(timestamp=started))
    op.execute(_SUMMARY.format(timestamp=started))
    last = {
        "last_scan": time.format(us="last_scan_us"),
        "last_violation": time.format(us="last_violation_us"),
    }
    op.execute(_METRICS.format(**last))
