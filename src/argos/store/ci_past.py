"""What came before a job: the green ones that a red one is held against, and the window of an analysis."""

from __future__ import annotations

import sqlalchemy as sa

from argos.model.ci import WorkflowJob
from argos.store import ci
from argos.store.encoding import clean
from argos.store.tables import workflow_jobs, workflow_runs


def known_run(connection: sa.Connection, run_id: int) -> bool:
    """Whether a run of this number is recorded."""
    query = sa.select(workflow_runs.c.id).where(workflow_runs.c.run_id == run_id)
    return connection.scalar(query) is not None


def green_jobs_like(connection: sa.Connection, job: WorkflowJob, *, limit: int) -> list[WorkflowJob]:
    """The last jobs of the same name and workflow that were green, the one nearest before it first.

    Those that ran later come after all that ran before.
    """
    of = sa.alias(workflow_runs)
    same_workflow = sa.select(of.c.workflow_name).where(of.c.run_id == job.run_id).scalar_subquery()
    query = (
        sa.select(workflow_jobs.c.job_id)
        .join(workflow_runs, workflow_runs.c.run_id == workflow_jobs.c.run_id)
        .where(
            workflow_jobs.c.job_name == clean(job.name),
            workflow_jobs.c.conclusion == "success",
            workflow_jobs.c.job_id != job.job_id,
            workflow_runs.c.workflow_name == same_workflow,
        )
        .order_by((workflow_jobs.c.job_id > job.job_id), workflow_jobs.c.job_id.desc())
        .limit(limit)
    )
    return [ci.job(connection, job_id) for job_id in connection.scalars(query)]


def repository_of(connection: sa.Connection, run_id: int) -> str | None:
    """The repository of a run as `owner/name`, None if it came without one."""
    query = sa.select(workflow_runs.c.repository).where(workflow_runs.c.run_id == run_id)
    return connection.scalar(query)
