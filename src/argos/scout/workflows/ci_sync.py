"""Brings the runs of a repository home: newest first, each job once, stopped and gone on with anywhere.

What is done is known from the database alone. A job is recorded with its results in one transaction,
so it is there whole or not at all; a run is settled when all its jobs are; and a stretch of time is
known when all its runs are. A sync that was killed asks again only for what it had not recorded.

The downloads run four at a time, and each log is read by the thread that fetched it. One thread
records, several jobs in a transaction.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from argos.errors import ArgosError
from argos.locks import FileLock
from argos.model.ci import RED, LoggedError, LogReport, WorkflowJob, WorkflowRun
from argos.scout.ci import report_artifacts
from argos.scout.ci.github_actions import LogsGone, NotYet
from argos.scout.ci.report_artifacts import ArtifactReport
from argos.store import administration, ci, ci_memory

if TYPE_CHECKING:
    import sqlalchemy as sa

    from argos.scout.ci.github_actions import GitHubActionsClient
    from argos.scout.ci.log_files import LogFiles
    from argos.scout.integration.anvil_bridge import AnvilBridge
    from argos.scout.integration.job_results import JobResults

DOWNLOADS_AT_ONCE = 4
TRIES = 3
"""How often the log of a job is asked for, once a sync, before it is given up."""

_PAGE = 100
_RECORDED_AT_ONCE = 24
_UNDERWAY = 4 * DOWNLOADS_AT_ONCE
_FAILURES_IN_A_ROW = 8
# A run may take 35 days; what has not ended then is stuck.
_STUCK_AFTER = timedelta(days=36)
_LOOKED_AFTER = 50
# One late job costs about what passing over so many recorded ones does.
_RECOUNT_PAYS = 50


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a sync is. `phase` is listing, fetching, counting or done; `runs` are those to look into.

    `remaining` is what GitHub's limit leaves, None before the first answer.
    """

    phase: str
    runs_done: int = 0
    runs: int = 0
    jobs_done: int = 0
    bytes: int = 0
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync has done. `refusals` are jobs that could not be fetched or read, with the reason."""

    listed: int = 0
    runs: int = 0
    recorded: int = 0
    gone: int = 0
    absent: int = 0
    waiting: int = 0
    failed: int = 0
    bytes: int = 0
    requests: int = 0
    dropped_logs: int = 0
    refusals: tuple[tuple[int, str], ...] = ()


class Stopped(ArgosError):
    """A sync was told to stop; what it had recorded stays."""


class Stop:
    """Tells a sync, and the waits of its client, to end."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        self._event.clear()

    def check(self) -> None:
        if self._event.is_set():
            raise Stopped("The sync was stopped.", next_step="Run it again to go on where it was.")

    def sleep(self, seconds: float) -> None:
        """Waits, and raises `Stopped` as soon as that is asked for: the client's `sleep`."""
        self._event.wait(seconds)
        self.check()


@dataclass(slots=True)
class _RunWork:
    """A run with the jobs of it that are not done yet; `open` says that some will never be done today."""

    run: WorkflowRun
    left: set[int]
    open: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """A job whose log was read."""

    results: JobResults
    bytes: int


@dataclass(frozen=True, slots=True)
class _Refused:
    """A job without a log: why, and whether that is final."""

    job: WorkflowJob
    state: ci.LogState
    note: str
    error: ArgosError | None = None


class CISyncWorkflow:
    """Syncs one repository with the database of a bridge.

    `locks` is the folder in which syncs of one project exclude each other. `progress` is called from
    the thread of the sync. `stop` is shared with the client's `sleep`, so that a wait can be ended.
    """

    def __init__(
        self,
        gh_client: GitHubActionsClient,
        bridge: AnvilBridge,
        *,
        log_files: LogFiles,
        locks: Path,
        progress: Callable[[SyncProgress], None] | None = None,
        stop: Stop | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.github = gh_client
        self.bridge = bridge
        self.log_files = log_files
        self.stop = stop or Stop()
        self._locks = locks
        self._progress = progress or (lambda _: None)
        self.now = now

    async def sync_recent_runs(
        self,
        limit: int | None = 50,
        *,
        workflow: str | None = None,
        branch: str | None = None,
        since: datetime | None = None,
    ) -> SyncReport:
        """Records the newest `limit` runs, all that there are for None, and what earlier syncs left open.

        Raises `ArgosError` if another sync of this repository is at work, and for what ends a sync as
        a whole; a job that cannot be fetched or read is part of the report. To be cancelled leaves
        what was recorded so far.
        """
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(
            None, lambda: self.sync(limit, workflow=workflow, branch=branch, since=since)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.stop.set()
            await asyncio.wait([work])
            work.exception()  # that it was stopped is known
            self.stop.clear()
            raise

    def sync(
        self,
        limit: int | None = 50,
        *,
        workflow: str | None = None,
        branch: str | None = None,
        since: datetime | None = None,
    ) -> SyncReport:
        """The same in this thread."""
        with _alone(self._locks, self.github.repository):
            return _Sync(self, workflow, branch, since).run(limit)

    async def schedule_sync(
        self,
        interval_hours: float = 1,
        *,
        limit: int | None = 50,
        workflow: str | None = None,
        branch: str | None = None,
        since: datetime | None = None,
        done: Callable[[SyncReport], None] | None = None,
        refused: Callable[[ArgosError], None] | None = None,
    ) -> None:
        """Syncs now and then every so many hours until it is cancelled.

        A sync that takes longer than the interval is not joined by a second one, and what was missed
        meanwhile is made up for once. A sync that is refused is told to `refused` and ends nothing.
        """
        # Loads a scheduler that no other command needs.
        from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]

        async def once() -> None:
            try:
                report = await self.sync_recent_runs(limit, workflow=workflow, branch=branch, since=since)
            except ArgosError as error:
                (refused or (lambda _: None))(error)
            else:
                (done or (lambda _: None))(report)

        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.add_job(
            once,
            "interval",
            seconds=interval_hours * 3600,
            next_run_time=self.now(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            scheduler.shutdown(wait=False)

    def parse_logs(self, log: Path | BinaryIO) -> LogReport:
        """What a job's log says, from a file or a stream."""
        if isinstance(log, Path):
            with log.open("rb") as stream:
                return self.bridge.read(stream)
        return self.bridge.read(log)

    def save_results(self, job: WorkflowJob, report: LogReport) -> bool:
        """Records one job of a run that is known; False if it is recorded already."""
        with self.bridge.database.read() as connection:
            run = ci.run(connection, job.run_id)
        return self.bridge.record([self.bridge.results(run, job, report)]) == 1

    def report_progress(self, progress: SyncProgress) -> None:
        rate = self.github.rate
        self._progress(dataclasses.replace(progress, remaining=None if rate is None else rate.remaining))


class _Sync:
    """One sync, from its listing to its end. Only its own thread touches the database for writing."""

    def __init__(
        self, of: CISyncWorkflow, workflow: str | None, branch: str | None, since: datetime | None
    ) -> None:
        self.of = of
        self.github = of.github
        self.bridge = of.bridge
        self.database = of.bridge.database
        self.log_files = of.log_files
        self.workflow, self.branch, self.since = workflow, branch, since
        self.repository = of.github.repository
        self.scope = f"{self.repository} workflow={workflow or ''} branch={branch or ''}"
        self.progress = SyncProgress("listing")
        self.report = SyncReport()
        self.requests_before = of.github.requests_made
        self.failures_in_a_row = 0
        self.annotations = self.artifacts = True
        self.postponed = False
        self.opened: list[tuple[WorkflowRun, list[WorkflowJob]]] = []
        self.batch: list[_Read | _Refused] = []
        self.works: dict[int, _RunWork] = {}
        self.looked_at: set[int] = set()

    def run(self, limit: int | None) -> SyncReport:
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE, thread_name_prefix="download") as pool:
            try:
                for page in self._pages(limit):
                    self._bring(pool, page)
                self._bring(pool, self._left_open())
            finally:
                # After an error, what is underway still: nobody waits for it any more.
                self.of.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                self.of.stop.clear()
                self._settle()
        return self._finished()

    # Which runs

    def _pages(self, limit: int | None) -> Iterator[list[WorkflowRun]]:
        """The runs to look at, newest first. What earlier syncs know whole is passed over.

        The newest page is looked at in any case: a run that is run again keeps its place in the list.
        """
        with self.database.read() as connection:
            held = ci_memory.stretches(connection, self.scope)
        taken, until, top = 0, None, None
        while limit is None or taken < limit:
            left = None if limit is None else limit - taken
            jump = None
            listed = self.github.iter_workflow_runs(
                self.workflow, self.branch, limit=left, since=self.since, until=until
            )
            for page in _batches(listed, _PAGE):
                yield page
                taken += len(page)
                times = [run.created_at for run in page if run.created_at is not None]
                if not times:
                    continue
                top = top or max(times)
                held = self._remember(held, ci_memory.Stretch(min(times), until or max(times)))
                until = min(times)
                jump = next((each for each in held if each.oldest < until <= each.newest), None)
                if jump is not None:
                    break
            if jump is None:
                if self.since is None and (left is None or taken < (limit or 0)) and until is not None:
                    self._remember(held, ci_memory.Stretch(until, until, final=True))
                return
            if jump.final or (self.since is not None and jump.oldest <= self.since):
                return
            until = jump.oldest
            with self.database.read() as connection:
                taken = ci.count(
                    connection,
                    workflow=self.workflow,
                    branch=self.branch,
                    since=until,
                    until=top,
                    repository=self.repository,
                )

    def _remember(self, held: list[ci_memory.Stretch], known: ci_memory.Stretch) -> list[ci_memory.Stretch]:
        every = ci_memory.joined([*held, known])
        if every != held:
            with self.database.write() as connection:
                ci_memory.save_stretches(connection, self.scope, every)
        return every

    def _left_open(self) -> list[WorkflowRun]:
        """Runs that earlier syncs left open and that are not among the newest; they are asked for anew."""
        since = self.of.now() - _STUCK_AFTER
        with self.database.read() as connection:
            found = ci.unsettled(connection, since=since, repository=self.repository, limit=_LOOKED_AFTER)
        asked = (self._asked(run) for run in found if run.run_id not in self.looked_at)
        return [run for run in asked if run is not None]

    def _asked(self, run: WorkflowRun) -> WorkflowRun | None:
        try:
            return self.github.fetch_run(run.run_id)
        except Stopped:
            raise
        except ArgosError as error:
            self._refuse(run.run_id, error)
            return None

    # The jobs of runs

    def _bring(self, pool: ThreadPoolExecutor, page: list[WorkflowRun]) -> None:
        """Records what is new of these runs, all of it before it returns."""
        self.of.stop.check()
        self.looked_at.update(run.run_id for run in page)
        runs = self._new_of(page)
        self._count(listed=len(page), runs=len(runs))
        self._tell("fetching", runs=self.progress.runs + len(runs))
        # The reports of a run are asked for before its jobs, which wait for them.
        listings = (
            (run, pool.submit(self._jobs_of, run), pool.submit(self._reports_of, run)) for run in runs
        )
        underway: deque[Future[_Read | _Refused]] = deque()
        for run, listing, reports in _ahead(listings, DOWNLOADS_AT_ONCE):
            for job in self._open(run, listing.result()):
                underway.append(pool.submit(self._fetch, run, job, reports))
                self._collect(underway, keep=_UNDERWAY)
        self._collect(underway, keep=0)
        self._record()

    def _new_of(self, page: list[WorkflowRun]) -> list[WorkflowRun]:
        with self.database.read() as connection:
            settled = ci.settled(connection, [run.run_id for run in page])
            recorded = ci.recorded_executions(connection)
        new = [run for run in page if settled.get(run.run_id, 0) < run.run_attempt]
        self.postponed = self.postponed or recorded < _RECOUNT_PAYS * len(new)
        if new:
            with self.database.write() as connection:
                ci.save_runs(connection, new, self.repository)
        return new

    def _jobs_of(self, run: WorkflowRun) -> list[WorkflowJob] | ArgosError:
        try:
            return self.github.fetch_workflow_jobs(run.run_id)
        except Stopped:
            raise
        except ArgosError as error:
            return error

    def _reports_of(self, run: WorkflowRun) -> list[ArtifactReport]:
        """The reports among a run's artifacts; none, where artifacts may not be read."""
        if not self.artifacts or not run.finished:
            return []
        try:
            return report_artifacts.fetch_reports(self.github, run.run_id)
        except Stopped:
            raise
        except ArgosError:
            self.artifacts = False
            return []

    def _open(self, run: WorkflowRun, jobs: list[WorkflowJob] | ArgosError) -> list[WorkflowJob]:
        """The jobs of a run whose logs are to be fetched."""
        if isinstance(jobs, ArgosError):
            self._refuse(run.run_id, jobs)
            return []
        with self.database.read() as connection:
            states = ci.states_of_runs(connection, [run.run_id])
        wanted = [job for job in jobs if _wanted(job, states.get(job.job_id))]
        unfinished = not run.finished or any(not job.finished for job in jobs)
        self.works[run.run_id] = _RunWork(run, {job.job_id for job in wanted}, unfinished)
        self.opened.append((run, jobs))
        # Newest first within the run too: what comes later is older than all before.
        return sorted(wanted, key=lambda job: job.started_at or job.created_at or _BEFORE, reverse=True)

    def _refuse(self, number: int, error: ArgosError) -> None:
        """Notes what could not be fetched; where nothing can, the sync ends with the reason."""
        self._count(failed=1)
        self.report = dataclasses.replace(self.report, refusals=(*self.report.refusals, (number, str(error))))
        self._count_failure(error)

    def _count_failure(self, error: ArgosError) -> None:
        self.failures_in_a_row += 1
        if self.failures_in_a_row >= _FAILURES_IN_A_ROW:
            self._record()
            raise error

    # One job, in a thread of the pool

    def _fetch(
        self, run: WorkflowRun, job: WorkflowJob, reports: Future[list[ArtifactReport]]
    ) -> _Read | _Refused:
        self.of.stop.check()
        place = (run.run_id, job.run_attempt, job.job_id)
        size = _Size()
        try:
            if not self.log_files.has(*place):
                self.github.fetch_log(
                    job.job_id, lambda pieces: self.log_files.save(*place, size.of(pieces)), job=job
                )
            return self._read(run, job, size.bytes, reports.result())
        except LogsGone as error:
            return _Refused(job, ci.LogState.GONE, error.what)
        except NotYet as error:
            return _Refused(job, ci.LogState.NONE, error.what)
        except Stopped:
            raise
        except ArgosError as error:
            return _Refused(job, ci.LogState.FAILED, str(error), error)

    def _read(
        self, run: WorkflowRun, job: WorkflowJob, size: int, reports: list[ArtifactReport]
    ) -> _Read | _Refused:
        log = self.log_files.open(run.run_id, job.run_attempt, job.job_id)
        if log is None:
            return _Refused(job, ci.LogState.NONE, "The log was deleted before it was read.")
        with log:
            report = self._annotated(job, self.bridge.read(log))
        told = report_artifacts.of_job(reports, job)
        totals = {each.coverage for each in told if each.coverage is not None}
        if len(totals) == 1:
            report = dataclasses.replace(report, coverage_total=totals.pop())
        sessions = [session for each in told for session in each.sessions]
        return _Read(self.bridge.results(run, job, report, sessions), size)

    def _annotated(self, job: WorkflowJob, report: LogReport) -> LogReport:
        """A red job's report with what GitHub shows beside it; without, where it may not be read."""
        if not self.annotations or job.conclusion not in RED | {"cancelled"}:
            return report
        try:
            found = self.github.fetch_annotations(job.job_id)
        except Stopped:
            raise
        except ArgosError:
            self.annotations = False
            return report
        told = tuple(LoggedError("annotation", each.message) for each in found if each.level == "failure")
        return dataclasses.replace(report, errors=report.errors + told)

    # What was fetched, in the thread of the sync

    def _collect(self, underway: deque[Future[_Read | _Refused]], keep: int) -> None:
        """Takes what is done, and waits until no more than `keep` are underway."""
        while underway and (len(underway) > keep or underway[0].done()):
            if not underway[0].done():
                wait([underway[0]], timeout=0.5)
                self.of.stop.check()
                continue
            self._take(underway.popleft().result())

    def _take(self, found: _Read | _Refused) -> None:
        self.batch.append(found)
        if isinstance(found, _Refused) and found.error is not None:
            self._count_failure(found.error)
        else:
            self.failures_in_a_row = 0
        if len(self.batch) >= _RECORDED_AT_ONCE:
            self._record()

    def _record(self) -> None:
        """Records what was taken, and settles the runs that are whole with it, in one transaction."""
        opened, self.opened = self.opened, []
        batch, self.batch = self.batch, []
        if not opened and not batch:
            return
        read = [each for each in batch if isinstance(each, _Read)]
        refused = [each for each in batch if isinstance(each, _Refused)]
        with self.database.write() as connection:
            absent = sum(_save_jobs(connection, jobs) for _, jobs in opened)
            for each in read:
                self.bridge.record_in(connection, each.results, postponed=self.postponed)
            for other in refused:
                ci.note_log(connection, other.job.job_id, other.state, other.note)
            self._settle_runs(connection, [run.run_id for run, _ in opened], read, refused)
        self._report_on(read, refused, absent)

    def _report_on(self, read: list[_Read], refused: list[_Refused], absent: int) -> None:
        states = [each.state for each in refused]
        failed = tuple((e.job.job_id, e.note) for e in refused if e.state is ci.LogState.FAILED)
        self._count(
            recorded=len(read),
            bytes=sum(each.bytes for each in read),
            absent=absent,
            gone=states.count(ci.LogState.GONE),
            waiting=states.count(ci.LogState.NONE),
            failed=len(failed),
        )
        self.report = dataclasses.replace(self.report, refusals=self.report.refusals + failed)
        self._tell("fetching", jobs_done=self.progress.jobs_done + len(read) + len(refused))

    def _settle_runs(
        self, connection: sa.Connection, opened: list[int], read: list[_Read], refused: list[_Refused]
    ) -> None:
        """Settles the runs of which all is recorded now."""
        states = ci.states(connection, [each.job.job_id for each in refused])
        ended = {each.results.job.job_id: each.results.job.run_id for each in read}
        for each in refused:
            ended[each.job.job_id] = each.job.run_id
            self.works[each.job.run_id].open |= not _final(states[each.job.job_id])
        for job_id, run_id in ended.items():
            self.works[run_id].left.discard(job_id)
        done = [run_id for run_id in {*opened, *ended.values()} if not self.works[run_id].left]
        for run_id in done:
            work = self.works.pop(run_id)
            if not work.open:
                ci.settle_run(connection, run_id, work.run.run_attempt)
        self.progress = dataclasses.replace(self.progress, runs_done=self.progress.runs_done + len(done))

    # The end

    def _settle(self) -> None:
        if self.postponed:
            self._tell("counting")
            administration.settle(self.database)

    def _finished(self) -> SyncReport:
        dropped = sum(each.logs for each in self.log_files.enforce_cap())
        self._tell("done")
        requests = self.github.requests_made - self.requests_before
        return dataclasses.replace(self.report, requests=requests, dropped_logs=dropped)

    def _count(self, **more: int) -> None:
        added = {name: getattr(self.report, name) + number for name, number in more.items()}
        self.report = dataclasses.replace(self.report, **added)

    def _tell(self, phase: str, **changes: int) -> None:
        self.progress = dataclasses.replace(self.progress, phase=phase, bytes=self.report.bytes, **changes)
        self.of.report_progress(self.progress)


class _Size:
    """How many bytes of a log have come; a download that begins anew counts anew."""

    def __init__(self) -> None:
        self.bytes = 0

    def of(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        self.bytes = 0
        for piece in pieces:
            self.bytes += len(piece)
            yield piece


_T = TypeVar("_T")
_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


def _wanted(job: WorkflowJob, state: ci.JobState | None) -> bool:
    """Whether the log of a job is to be fetched and read."""
    if not job.finished or job.conclusion == "skipped":
        return False
    return state is None or not _final(state)


def _final(state: ci.JobState) -> bool:
    """Whether nothing more will be had of a job's log."""
    if state.log_state is ci.LogState.FAILED:
        return state.tries >= TRIES
    return state.log_state in (ci.LogState.PARSED, ci.LogState.GONE, ci.LogState.ABSENT)


def _save_jobs(connection: sa.Connection, jobs: list[WorkflowJob]) -> int:
    """Records jobs as they are listed; how many of them were skipped and have no log."""
    ci.save_jobs(connection, jobs)
    skipped = [job for job in jobs if job.conclusion == "skipped"]
    for job in skipped:
        ci.note_log(connection, job.job_id, ci.LogState.ABSENT, "The job was skipped.")
    return len(skipped)


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _ahead(items: Iterable[_T], number: int) -> Iterator[_T]:
    """The items, each asked for `number` items before it is given: what they begin goes on meanwhile."""
    held: deque[_T] = deque()
    for item in items:
        held.append(item)
        if len(held) > number:
            yield held.popleft()
    yield from held


def _freed(lock: FileLock) -> bool:
    """Whether a lock is free a moment later: who only looks whether it is held, holds it for that long."""
    time.sleep(0.1)
    return lock.acquire()


@contextmanager
def _alone(folder: Path, repository: str) -> Iterator[None]:
    """Holds the lock of a repository's sync; refuses where another process holds it, which it names."""
    name = re.sub(r"[^\w.-]", "-", repository)
    file = folder / f"{name}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file)
        free = lock.acquire() or _freed(lock)
    except OSError as error:
        raise ArgosError(f"The sync cannot be locked: {error.strerror}.", where=str(file)) from error
    if not free:
        holder = file.read_text(encoding="utf-8", errors="replace").strip() or "of another process"
        raise ArgosError(
            f"A sync of {repository} is at work: {holder}.",
            where=str(file),
            next_step="Wait for it, or end that process; what it has recorded stays.",
        )
    try:
        file.write_text(
            f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", encoding="utf-8"
        )
        yield
    finally:
        lock.release()
