"""Failure patterns: found anew by each analysis, kept from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from argos.model.ci import CIFailurePattern, Evidence, PatternType
from argos.store import bulk
from argos.store.encoding import clean, cleaned, key
from argos.store.tables import ci_failure_patterns as table


def save(connection: sa.Connection, patterns: Iterable[CIFailurePattern]) -> None:
    """Adds patterns or renews them: all is as the newest analysis found it but when each was first seen.

    A pattern is the same one if type, signature, test, OS and Python version are.
    """
    wanted = {_key(pattern): pattern for pattern in patterns}
    query = sa.select(table.c.key, table.c.first_seen, table.c.last_seen)
    seen = {
        row.key: row
        for row in connection.execute(query.where(bulk.among(connection, table.c.key, wanted.keys())))
    }
    for name, pattern in wanted.items():
        row = _row(name, pattern)
        if name in seen:
            row["first_seen"] = min(row["first_seen"], seen[name].first_seen)
            row["last_seen"] = max(row["last_seen"], seen[name].last_seen)
            connection.execute(sa.update(table).where(table.c.key == name).values(row))
        else:
            connection.execute(sa.insert(table).values(row))


def found(
    connection: sa.Connection,
    *,
    pattern_type: PatternType | None = None,
    since: datetime | None = None,
    runner_os: str | None = None,
) -> list[CIFailurePattern]:
    """The recorded patterns, those that were seen last first, in `since` or later."""
    query = sa.select(table).order_by(table.c.last_seen.desc(), table.c.failure_count.desc(), table.c.id)
    if pattern_type is not None:
        query = query.where(table.c.pattern_type == pattern_type.value)
    if since is not None:
        query = query.where(table.c.last_seen >= since)
    if runner_os is not None:
        query = query.where(table.c.runner_os == runner_os)
    return [_pattern(row) for row in connection.execute(query).mappings()]


def _key(pattern: CIFailurePattern) -> str:
    parts = (pattern.signature, pattern.test_nodeid, pattern.runner_os, pattern.python_version)
    return key(pattern.pattern_type.value, "\0".join("" if part is None else clean(part) for part in parts))


def _row(name: str, pattern: CIFailurePattern) -> dict[str, Any]:
    return {
        "key": name,
        "pattern_type": pattern.pattern_type.value,
        "signature": clean(pattern.signature),
        "test_nodeid": cleaned(pattern.test_nodeid),
        "runner_os": cleaned(pattern.runner_os),
        "python_version": cleaned(pattern.python_version),
        "confidence": pattern.confidence,
        "failure_count": pattern.failure_count,
        "first_seen": pattern.first_seen,
        "last_seen": pattern.last_seen,
        "description": clean(pattern.description),
        "suggested_fix": cleaned(pattern.suggested_fix),
        "metadata": {
            "reproduce": cleaned(pattern.reproduce),
            "evidence": [
                {"sentence": clean(e.sentence), "run_id": e.run_id, "job_id": e.job_id, "line": e.line}
                for e in pattern.evidence
            ],
            "tests": [clean(test) for test in pattern.tests],
            "run_ids": list(pattern.run_ids),
        },
    }


def _pattern(row: Mapping[Any, Any]) -> CIFailurePattern:
    more = row["metadata"]
    return CIFailurePattern(
        pattern_type=PatternType(row["pattern_type"]),
        signature=row["signature"],
        description=row["description"],
        confidence=row["confidence"],
        failure_count=row["failure_count"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        test_nodeid=row["test_nodeid"],
        runner_os=row["runner_os"],
        python_version=row["python_version"],
        suggested_fix=row["suggested_fix"],
        reproduce=more["reproduce"],
        evidence=tuple(Evidence(**each) for each in more["evidence"]),
        tests=tuple(more["tests"]),
        run_ids=tuple(more["run_ids"]),
    )
