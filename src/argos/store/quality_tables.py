"""The tables of code quality: what linters found, kept as stretches of scans.

A finding is one row for as long as nothing about it changes, from the scan `since` to before the scan
`until` (null: it is still there). A line shift ends the row and begins another with the same
`origin`, which is the identity. A scan that finds what the one before it found adds one row to
`lint_scans` and nothing else. Sets of files are ranges of ids, and equal sets and tallies are stored once.
"""

from __future__ import annotations

import sqlalchemy as sa

from argos.store.tables import METADATA

# One tool in one space: scans of a stream are compared with each other.
lint_streams = sa.Table(
    "lint_streams",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("space", sa.Text, nullable=False),
    sa.Column("tool", sa.Text, nullable=False),
    sa.UniqueConstraint("space", "tool"),
)

lint_files = sa.Table(
    "lint_files",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("lines", sa.Integer),
)

lint_messages = sa.Table(
    "lint_messages",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Index("idx_code", "code"),
)

lint_sets = sa.Table(
    "lint_sets",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("files", sa.Integer, nullable=False),
)

lint_set_ranges = sa.Table(
    "lint_set_ranges",
    METADATA,
    sa.Column("set_id", sa.Integer, sa.ForeignKey("lint_sets.id"), primary_key=True),
    sa.Column("first_file", sa.Integer, primary_key=True),
    sa.Column("last_file", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

lint_tallies = sa.Table(
    "lint_tallies",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("errors", sa.Integer, nullable=False),
    sa.Column("warnings", sa.Integer, nullable=False),
    sa.Column("info", sa.Integer, nullable=False),
    sa.Column("by_code", sa.JSON, nullable=False),
)

lint_scans = sa.Table(
    "lint_scans",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "execution",
        sa.Integer,
        sa.ForeignKey("executions.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    sa.Column("stream", sa.Integer, sa.ForeignKey("lint_streams.id"), nullable=False),
    sa.Column("set_id", sa.Integer, sa.ForeignKey("lint_sets.id"), nullable=False),
    sa.Column("tally", sa.Integer, sa.ForeignKey("lint_tallies.id"), nullable=False),
    sa.Column("lines", sa.Integer),
    sa.Column("crashed", sa.Boolean, nullable=False),
    sa.Column("new", sa.Integer, nullable=False),
    sa.Column("fixed", sa.Integer, nullable=False),
)

lint_findings = sa.Table(
    "lint_findings",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    # The first row of the same finding; null for that row itself.
    sa.Column("origin", sa.Integer),
    sa.Column("stream", sa.Integer, sa.ForeignKey("lint_streams.id"), nullable=False),
    sa.Column("file", sa.Integer, sa.ForeignKey("lint_files.id"), nullable=False),
    sa.Column("message", sa.Integer, sa.ForeignKey("lint_messages.id"), nullable=False),
    sa.Column("line", sa.Integer),
    sa.Column("column", sa.Integer),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("around", sa.LargeBinary, nullable=False),
    # Ids of scans, without a reference to them: scans are pruned one by one.
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("until", sa.Integer),
    sa.Index("lint_findings_file", "file", "stream"),
)

# For each stream and file with findings a digest of them, so that an unchanged file is not read again.
lint_heads = sa.Table(
    "lint_heads",
    METADATA,
    sa.Column("stream", sa.Integer, sa.ForeignKey("lint_streams.id"), primary_key=True),
    sa.Column("file", sa.Integer, sa.ForeignKey("lint_files.id"), primary_key=True),
    sa.Column("digest", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
