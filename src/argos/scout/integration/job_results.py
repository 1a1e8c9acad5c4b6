"""A job of CI as an execution with results: what its log, or a report, says in the history's words. Pure.

The tests of a job's sessions are named from the project's root: pytest names them from its rootdir,
which lies somewhere in the job's workspace. Where a test stands in several sessions, as with a retry
or with tox, each is a further attempt, in the order of the log.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from argos.model.ci import LoggedTest, LogReport, TestSession, WorkflowJob, WorkflowRun
from argos.model.execution import Counts, Execution, ExecutionStatus, Outcome, TestResult
from argos.scout.ci.where import where
from argos.store import ci
from argos.store.executions import Alike

# The history counts attempts in eight bits; nobody tries a test as often.
_ATTEMPTS = 255

# The words of pytest's summary that are outcomes.
_COUNTED = {
    "passed": "passed",
    "failed": "failed",
    "errors": "error",
    "skipped": "skipped",
    "xfailed": "xfailed",
    "xpassed": "xpassed",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}

# The folder in which runners check a repository out: /home/runner/work/R/R, D:/a/R/R, /__w/R/R.
_CHECKOUT = re.compile(r"(?:^|/)(?:work|a|_+w)/(?P<name>[^/]+)/(?P=name)(?=/|$)")


@dataclass(frozen=True, slots=True)
class JobResults:
    """What a job is recorded as. `execution` is None if no tests ran in it.

    Most tests of a log ended, and no more is known of them: they are in `alike`, the others in `special`.
    """

    job: WorkflowJob
    report: LogReport
    execution: Execution | None
    special: tuple[TestResult, ...] = ()
    alike: tuple[Alike, ...] = ()

    @property
    def results(self) -> tuple[TestResult, ...]:
        """All of them, one by one."""
        return (*self.special, *(result for alike in self.alike for result in alike.results()))


def job_results(
    run: WorkflowRun,
    job: WorkflowJob,
    report: LogReport,
    *,
    reported: Sequence[TestSession] = (),
    folder: str = "",
) -> JobResults:
    """The execution of a job and its results.

    `reported` are sessions from JUnit files: each takes the place of the session of the log that it
    names. `folder` is the project's root within its repository (`backend`), empty if it is the same.
    """
    place = where(job, report)
    sessions = tuple(
        _from_root(session, report.workspace, folder) for session in preferred(report.sessions, reported)
    )
    placed = dataclasses.replace(
        job,
        runner_os=place.os_label or place.os_family or job.runner_os,
        python_version=place.python or job.python_version,
        commit=job.commit or run.commit,
    )
    told = dataclasses.replace(report, sessions=sessions)
    special, alike = _results(sessions, _start(run, job))
    if not special and not alike and not any(_ran(session) for session in sessions):
        return JobResults(placed, told, None)
    named = sum((each.counts for each in alike), start=Counts.of(special))
    return JobResults(placed, told, _execution(run, placed, told, named), special, alike)


def project_node_id(nodeid: str, rootdir: str | None, workspace: str | None, folder: str = "") -> str:
    """A node id as it reads from the project's root.

    `rootdir` and `workspace` are as printed, of either system; without a workspace the usual places of
    a checkout are looked for. A rootdir elsewhere (`/tmp`, a container's `/app`) changes nothing.
    """
    path, colons, rest = nodeid.partition("::")
    inside = _within(rootdir, workspace)
    # A file from a report of Windows may have its own separators; an identifier has none.
    plain = path.replace("\\", "/")
    joined = posixpath.normpath(posixpath.join(inside, plain)) if inside else plain
    if folder and joined.startswith(f"{folder}/"):
        joined = joined[len(folder) + 1 :]
    return f"{joined}{colons}{rest}"


def preferred(logged: Sequence[TestSession], reported: Sequence[TestSession]) -> list[TestSession]:
    """The sessions of a log, each replaced by the report that tells of the same session, if there is one.

    It is the same if its counts are, and all tests that the log names as failing fail in it. What only
    the log knows (where it ran) is kept.
    """
    left = list(reported)
    chosen = []
    for session in logged:
        same = next((report for report in left if same_session(session, report)), None)
        if same is not None:
            left.remove(same)
        chosen.append(session if same is None else _with_place_of(same, session))
    return chosen


def same_session(logged: TestSession, reported: TestSession) -> bool:
    """Whether a report tells of a session of a log: its counts, its failing tests and its duration agree.

    The duration tells the cells of a matrix apart, whose counts are often the same.
    """
    words = [word for word in _COUNTED if word in logged.counts or word in reported.counts]
    # pytest's JUnit file counts what failed as expected among the skipped, and unexpected passes as passed.
    tally = [
        (sum(session.counts.get(word, 0) for word in same))
        for same in (("passed", "xpassed"), ("failed",), ("errors",), ("skipped", "xfailed"))
        for session in (logged, reported)
    ]
    failing = {_last_part(test.nodeid) for test in reported.failures}
    return (
        bool(words)
        and tally[::2] == tally[1::2]
        and {_last_part(test.nodeid) for test in logged.failures} <= failing
        and _as_long(logged.duration_s, reported.duration_s)
    )


def _as_long(logged_s: float | None, reported_s: float | None) -> bool:
    """Whether both durations can be of one session; pytest takes them a moment apart."""
    if logged_s is None or reported_s is None:
        return True
    return abs(logged_s - reported_s) <= 0.1 + 0.01 * logged_s


def _last_part(nodeid: str) -> str:
    return nodeid.rpartition("::")[2]


def _with_place_of(reported: TestSession, logged: TestSession) -> TestSession:
    """The tests of a report in the session of a log; messages that only the log has are kept."""
    texts = {_last_part(test.nodeid): test for test in logged.failures}
    tests = tuple(_with_text(test, texts.get(_last_part(test.nodeid))) for test in reported.tests)
    return dataclasses.replace(
        logged,
        tests=tests,
        duration_s=logged.duration_s or reported.duration_s,
        consistent=reported.consistent,
    )


def _with_text(test: LoggedTest, logged: LoggedTest | None) -> LoggedTest:
    if logged is None:
        return test
    return dataclasses.replace(
        test,
        message=test.message or logged.message,
        traceback=test.traceback or logged.traceback,
        reruns=max(test.reruns, logged.reruns),
    )


def _from_root(session: TestSession, workspace: str | None, folder: str) -> TestSession:
    moved = folder or _within(session.rootdir, workspace)
    if not moved and not any("\\" in test.nodeid for test in session.tests):
        return session
    tests = tuple(
        dataclasses.replace(test, nodeid=project_node_id(test.nodeid, session.rootdir, workspace, folder))
        for test in session.tests
    )
    return dataclasses.replace(session, tests=tests)


def _within(rootdir: str | None, workspace: str | None) -> str:
    """Where the rootdir lies in the workspace, empty for its top or if that cannot be told."""
    if rootdir is None:
        return ""
    root = rootdir.replace("\\", "/").rstrip("/")
    if workspace:
        top = workspace.replace("\\", "/").rstrip("/")
        if root.casefold() == top.casefold():
            return ""
        if root.casefold().startswith(f"{top.casefold()}/"):
            return root[len(top) + 1 :]
    checkout = _CHECKOUT.search(root)
    return root[checkout.end() :].strip("/") if checkout else ""


def _start(run: WorkflowRun, job: WorkflowJob) -> datetime:
    """When a job started, as far as anything tells; a job without any time comes before all others."""
    known = (job.started_at, job.created_at, run.started_at, run.created_at)
    return next((time for time in known if time is not None), _EPOCH)


def _results(
    sessions: Sequence[TestSession], start: datetime
) -> tuple[tuple[TestResult, ...], tuple[Alike, ...]]:
    """The results of all sessions, those apart of which only the outcome is known."""
    tests = [test for session in sessions for test in session.tests]
    if len(sessions) != 1 or len({test.nodeid for test in tests}) < len(tests):
        return tuple(_one_by_one(sessions, start)), ()
    at = max(sessions[0].started_at or start, start)
    plain: dict[str, list[str]] = {}
    special = []
    for test in tests:
        if test.outcome in _OUTCOMES and not (
            test.duration_s or test.reruns or test.message is not None or test.traceback is not None
        ):
            plain.setdefault(test.outcome, []).append(test.nodeid)
        else:
            special.append(test)
    rest = dataclasses.replace(sessions[0], tests=tuple(special))
    alike = (Alike(_OUTCOMES[outcome], at, tuple(names)) for outcome, names in plain.items())
    return tuple(_one_by_one([rest], start)), tuple(alike)


def _one_by_one(sessions: Iterable[TestSession], start: datetime) -> Iterator[TestResult]:
    """The results of sessions: of a test that was rerun, its failed attempts first."""
    attempts: Counter[str] = Counter()
    for session in sessions:
        # A clock that runs backwards must not put results before their job.
        at = max(session.started_at or start, start)
        for test in session.tests:
            outcome = _OUTCOMES.get(test.outcome)
            if outcome is None or attempts[test.nodeid] > _ATTEMPTS:
                continue
            for _ in range(min(test.reruns, _ATTEMPTS - attempts[test.nodeid])):
                yield TestResult(test.nodeid, Outcome.FAILED, at, attempt=attempts[test.nodeid])
                attempts[test.nodeid] += 1
            yield TestResult(
                test.nodeid,
                outcome,
                at,
                call_s=_duration(test.duration_s),
                attempt=attempts[test.nodeid],
                message=test.message,
                traceback=test.traceback,
            )
            attempts[test.nodeid] += 1


_LONGEST_S = timedelta(days=36).total_seconds()


def _duration(seconds: float | None) -> float:
    """A duration as it is printed, within what a run on GitHub can last; zero if there is none."""
    if seconds is None or not 0.0 <= seconds <= _LONGEST_S:
        return 0.0
    return seconds


def _ran(session: TestSession) -> bool:
    return any(session.counts.get(word) for word in _COUNTED)


def _execution(run: WorkflowRun, job: WorkflowJob, report: LogReport, named: Counts) -> Execution:
    sessions = report.sessions
    durations = [_duration(session.duration_s) for session in sessions if session.duration_s is not None]
    counts = _counts(sessions, named)
    whole = all(session.complete for session in sessions)
    return Execution(
        execution_id=ci.execution_name(job),
        rule=ci.RULE,
        space=ci.SPACE,
        started_at=_start(run, job),
        status=ExecutionStatus.FINISHED if whole else ExecutionStatus.INTERRUPTED,
        duration_s=sum(durations) if durations else job.duration_s,
        counts=counts,
        selected=max(counts.total, sum(session.collected or 0 for session in sessions) if not whole else 0),
        not_run=0 if whole else max(sum(s.collected or 0 for s in sessions) - counts.total, 0),
        notes=_notes(job, sessions, counts.total - named.total),
        commit=job.commit,
        branch=run.branch,
        platform=_only(session.platform for session in sessions),
        python_version=job.python_version,
        pytest_version=_only(session.pytest for session in sessions),
        exit_code=report.exit_code,
    )


def _counts(sessions: Sequence[TestSession], named: Counts) -> Counts:
    """What the tests add up to; of a single session at least what its summary says."""
    if len(sessions) != 1:
        return named
    printed = {field: sessions[0].counts.get(word, 0) for word, field in _COUNTED.items()}
    return Counts(**{field: max(number, getattr(named, field)) for field, number in printed.items()})


def _notes(job: WorkflowJob, sessions: Sequence[TestSession], unnamed: int) -> tuple[str, ...]:
    return (
        f"Job {job.name!r} of run {job.run_id}, attempt {job.run_attempt}."
        + (f" {job.url}" if job.url else ""),
        *([f"{unnamed} results are counted in the log but not named."] if unnamed > 0 else []),
        *([f"{len(sessions)} test sessions ran in this job."] if len(sessions) > 1 else []),
    )


def _only(values: Iterable[str | None]) -> str | None:
    """The one value that there is, None if there are several."""
    found = {value for value in values if value is not None}
    return found.pop() if len(found) == 1 else None
