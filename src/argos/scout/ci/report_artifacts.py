"""The reports among a run's artifacts: which are worth fetching, and which job each of them speaks of.

An artifact belongs to a run, not to a job, and nothing but its name says which job made it. A report
is taken for a job only if the artifact's name does not speak of another cell of the matrix.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from argos.errors import ArgosError
from argos.model.ci import Artifact, TestSession, WorkflowJob
from argos.scout.ci.archives import extract
from argos.scout.ci.github_actions import GitHubActionsClient, Gone
from argos.scout.ci.where import where
from argos.scout.parsers.report_files import read_files

SMALL_BYTES = 5 * 1024**2
"""Up to this size any artifact is looked into; above, only those that are named like reports."""

LARGEST_BYTES = 100 * 1024**2

_NAMED_LIKE_REPORTS = re.compile(r"test|junit|report|result|cov|xml", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ArtifactReport:
    """What the reports of one artifact tell. `coverage` is the total in percent, None without one."""

    artifact: str
    sessions: tuple[TestSession, ...] = ()
    coverage: float | None = None


def worth_fetching(artifact: Artifact) -> bool:
    """Whether an artifact may hold reports, by its size and its name."""
    if artifact.expired or artifact.size_bytes > LARGEST_BYTES:
        return False
    return artifact.size_bytes <= SMALL_BYTES or bool(_NAMED_LIKE_REPORTS.search(artifact.name))


def fetch_reports(client: GitHubActionsClient, run_id: int) -> list[ArtifactReport]:
    """The reports among the artifacts of a run; one that is gone, damaged or unsafe to unpack tells nothing.

    Raises `ArgosError` if GitHub refuses or cannot be reached.
    """
    found = [_fetched(client, each) for each in client.fetch_artifacts(run_id) if worth_fetching(each)]
    return [report for report in found if report.sessions or report.coverage is not None]


def _fetched(client: GitHubActionsClient, artifact: Artifact) -> ArtifactReport:
    with tempfile.TemporaryDirectory(prefix="scout-", ignore_cleanup_errors=True) as room:
        try:
            archive = Path(client.download_artifact(artifact, room))
        except Gone:
            return ArtifactReport(artifact.name)
        try:
            files = list(read_files(extract(archive, Path(room) / "files")))
        except ArgosError:
            return ArtifactReport(artifact.name)
    totals = [file.coverage.total for file in files if file.coverage is not None]
    return ArtifactReport(
        artifact.name,
        tuple(session for file in files for session in file.sessions),
        totals[0] if len(totals) == 1 else None,
    )


def of_job(reports: Iterable[ArtifactReport], job: WorkflowJob) -> list[ArtifactReport]:
    """The reports that may be a job's: those whose artifact does not name another system or Python."""
    return [report for report in reports if not _contradicts(report.artifact, job)]


def _contradicts(name: str, job: WorkflowJob) -> bool:
    named = where(WorkflowJob(job_id=0, run_id=0, name=name))
    place = where(job)
    pairs = ((named.os_family, place.os_family), (named.minor, place.minor))
    return any(one is not None and other is not None and one != other for one, other in pairs)
