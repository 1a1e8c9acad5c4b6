"""The schema as declarative classes, for those who query the database with SQLAlchemy's ORM.

The classes of views (`ExecutionHistory`, `EntityStatistics`, `WorkflowTestResult`, `LintViolation`,
`LintSummary`, `CodeQualityMetrics`) can only be read. Argos itself works on the tables; loading the ORM
takes a tenth of a second and no command does so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from argos.store.tables import UtcTime, ci_failure_patterns, execution_rules, workflow_jobs, workflow_runs


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


class WorkflowRun(Base):
    """A workflow run with the figures of its newest attempt."""

    __table__ = workflow_runs.to_metadata(Base.metadata)
    __mapper_args__ = {  # noqa: RUF012 # as the base class declares it
        "properties": {"meta": __table__.c.metadata}
    }

    id: Mapped[int]
    run_id: Mapped[int]
    repository: Mapped[str | None]
    workflow_name: Mapped[str]
    workflow_path: Mapped[str | None]
    run_number: Mapped[int | None]
    run_attempt: Mapped[int]
    event: Mapped[str | None]
    status: Mapped[str | None]
    conclusion: Mapped[str | None]
    branch: Mapped[str | None]
    commit_sha: Mapped[str | None]
    title: Mapped[str | None]
    created_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    duration_seconds: Mapped[int | None]
    url: Mapped[str | None]
    settled_attempt: Mapped[int]
    meta: Mapped[dict[str, Any]]


class WorkflowJob(Base):
    """One job of one attempt of a run."""

    __table__ = workflow_jobs.to_metadata(Base.metadata)
    __mapper_args__ = {  # noqa: RUF012 # as the base class declares it
        "properties": {"meta": __table__.c.metadata}
    }

    id: Mapped[int]
    job_id: Mapped[int]
    run_id: Mapped[int]
    run_attempt: Mapped[int]
    job_name: Mapped[str]
    runner_os: Mapped[str | None]
    python_version: Mapped[str | None]
    status: Mapped[str | None]
    conclusion: Mapped[str | None]
    commit_sha: Mapped[str | None]
    created_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    duration_seconds: Mapped[int | None]
    logs_url: Mapped[str | None]
    log_state: Mapped[str]
    log_note: Mapped[str | None]
    log_tries: Mapped[int]
    execution: Mapped[int | None]
    meta: Mapped[dict[str, Any]]


class WorkflowTestResult(Base):
    """One result that a job's log or report gave; `outcome` in small letters, `duration` in seconds."""

    __tablename__ = "workflow_test_results"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    job_id: Mapped[int] = mapped_column(sa.BigInteger)
    test_nodeid: Mapped[str]
    outcome: Mapped[str]
    duration: Mapped[float]
    error_message: Mapped[str | None]
    error_traceback: Mapped[str | None]
    runner_os: Mapped[str | None]
    python_version: Mapped[str | None]
    timestamp: Mapped[datetime]


class CIFailurePattern(Base):
    """Failures that share a signature and a cause, as the newest analysis found them."""

    __table__ = ci_failure_patterns.to_metadata(Base.metadata)
    __mapper_args__ = {  # noqa: RUF012 # as the base class declares it
        "properties": {"meta": __table__.c.metadata}
    }

    id: Mapped[int]
    key: Mapped[str]
    pattern_type: Mapped[str]
    signature: Mapped[str]
    test_nodeid: Mapped[str | None]
    runner_os: Mapped[str | None]
    python_version: Mapped[str | None]
    confidence: Mapped[float]
    failure_count: Mapped[int]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    description: Mapped[str]
    suggested_fix: Mapped[str | None]
    meta: Mapped[dict[str, Any]]


class LintViolation(Base):
    """One finding in one scan. `severity` is ERROR, WARNING or INFO; `finding` is its identity over scans."""

    __tablename__ = "lint_violations"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    execution_id: Mapped[str]
    file_path: Mapped[str]
    line_number: Mapped[int | None]
    column_number: Mapped[int | None]
    severity: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    validator: Mapped[str]
    timestamp: Mapped[datetime]
    finding: Mapped[int]


class LintSummary(Base):
    """One scan in numbers. `by_code` leads from a code to how often it was found."""

    __tablename__ = "lint_summary"

    id: Mapped[int] = mapped_column(primary_key=True)
    execution_id: Mapped[str]
    timestamp: Mapped[datetime]
    files_scanned: Mapped[int]
    total_violations: Mapped[int]
    errors: Mapped[int]
    warnings: Mapped[int]
    info: Mapped[int]
    by_code: Mapped[dict[str, Any]]
    validator: Mapped[str]
    crashed: Mapped[bool]
    new_violations: Mapped[int]
    fixed_violations: Mapped[int]


class CodeQualityMetrics(Base):
    """One file over all its scans. A finding counts in each scan that shows it."""

    __tablename__ = "code_quality_metrics"

    id: Mapped[int] = mapped_column(primary_key=True)
    file_path: Mapped[str]
    total_scans: Mapped[int]
    total_violations: Mapped[int]
    avg_violations_per_scan: Mapped[float]
    most_common_code: Mapped[str | None]
    last_scan: Mapped[datetime]
    last_violation: Mapped[datetime | None]
