"""Brings the results of CI into Anvil's history, and compares them with those from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from argos.errors import ArgosError
from argos.model.ci import LogReport, TestSession, WorkflowJob, WorkflowRun
from argos.scout.integration.job_results import JobResults, job_results
from argos.stats.compare import ComparisonReport
from argos.store import ci, ci_sides
from argos.store.ci_sides import CISpecificFailure

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.scout.ci.log_files import LogFiles
    from argos.store.database import Database


class AnvilBridge:
    """Between what CI told and Anvil's history. `folder` is the project's root within its repository.

    Everything it records is recorded once: to record it again does nothing.
    """

    def __init__(self, database: Database, log_files: LogFiles | None = None, *, folder: str = "") -> None:
        self.database = database
        self.log_files = log_files
        self.folder = folder

    def sync_ci_results_to_anvil(self, run_id: int) -> int:
        """Records the jobs of a run, of all attempts, whose logs are at hand; how many were new.

        A log that cannot be read is noted at its job. Raises `ArgosError` for a run that is not known.
        """
        with self.database.read() as connection:
            run = ci.run(connection, run_id)
            jobs = ci.jobs(connection, [run_id])
            states = ci.states_of_runs(connection, [run_id])
        left = [job for job in jobs if states[job.job_id].log_state is not ci.LogState.PARSED]
        return sum(self._record_kept(run, job) for job in left)

    def compare_local_vs_ci(self, local_execution_id: str, ci_run_id: int | str) -> ComparisonReport:
        """What differs between an execution here and the newest attempt of a run, by its cells.

        Raises `ArgosError` for what is not recorded.
        """
        with self.database.read() as connection:
            return ci_sides.comparison(connection, local_execution_id, str(ci_run_id))

    def identify_ci_specific_failures(self, window: int = 30) -> list[CISpecificFailure]:
        """The tests that fail in CI and pass here, by their newest `window` results of each space."""
        with self.database.read() as connection:
            return ci_sides.ci_specific_failures(connection, window=window)

    def read(self, stream: BinaryIO) -> LogReport:
        """What a job's log says."""
        from argos.scout.parsers.ci_log_parser import CILogParser

        return CILogParser().parse(stream)

    def results(
        self, run: WorkflowRun, job: WorkflowJob, report: LogReport, reported: Sequence[TestSession] = ()
    ) -> JobResults:
        """A job as it is recorded; `reported` are the sessions of its JUnit files."""
        return job_results(run, job, report, reported=reported, folder=self.folder)

    def record(self, found: Iterable[JobResults], *, postponed: bool = False) -> int:
        """Records jobs in one transaction; how many were not recorded yet. Their runs are known."""
        with self.database.write() as connection:
            return sum(self.record_in(connection, each, postponed=postponed) for each in found)

    def record_in(self, connection: Connection, found: JobResults, *, postponed: bool = False) -> bool:
        """Records one job in a transaction that is open; False if it is recorded already."""
        return ci.record_job(
            connection,
            found.job,
            found.report,
            found.execution,
            found.special,
            alike=found.alike,
            postponed=postponed,
        )

    def _record_kept(self, run: WorkflowRun, job: WorkflowJob) -> bool:
        if self.log_files is None:
            return False
        log = self.log_files.open(run.run_id, job.run_attempt, job.job_id)
        if log is None:
            return False
        try:
            with log:
                found = self.results(run, job, self.read(log))
        except ArgosError as error:
            with self.database.write() as connection:
                ci.note_log(connection, job.job_id, ci.LogState.FAILED, str(error))
            return False
        return self.record([found]) == 1


def folder_in_repository(project_root: Path, top: Path | None) -> str:
    """Where a project lies in its repository, with `/`; empty for its top, or without a repository."""
    if top is None or not project_root.resolve().is_relative_to(top.resolve()):
        return ""
    relative = project_root.resolve().relative_to(top.resolve()).as_posix()
    return "" if relative == "." else relative
