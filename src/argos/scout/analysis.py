"""What the CI of a project is like over a window: how often green, how slow, how long red, what to mend.

Of a run its newest attempt counts, as it does on GitHub: a run that was repeated until it was green is
green. Of jobs every attempt counts, for each of them ran. A run or job is decided if it ended green
or red; cancelled, skipped and the like are counted apart and never enter a rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from argos.model.ci import RED, CIFailurePattern, Failure, PatternType, WorkflowJob, WorkflowRun
from argos.scout.patterns import cell_of
from argos.stats import ci_health
from argos.stats.ci_health import Outcome, Priority, Repairs, Success, Times, Trouble
from argos.stats.trend import Trend

EFFORT = {
    PatternType.SETUP: 0.5,  # a pin or an environment marker
    PatternType.PYTHON: 0.5,  # an import or an annotation, and it always shows
    PatternType.INFRASTRUCTURE: 0.5,  # a retry or a cache, seldom code
    PatternType.PLATFORM: 1.0,  # always shows, but needs the other system
    PatternType.BUG: 1.0,
    PatternType.TIMEOUT: 1.5,  # what it waits for has to be found first
    PatternType.FLAKY: 2.0,  # has to be caught before it can be understood
}
"""What mending one kind takes, relative to a usual bug."""

_NAMES = {
    PatternType.PLATFORM: "Platform-specific",
    PatternType.PYTHON: "Python-version-specific",
    PatternType.FLAKY: "Flaky tests",
    PatternType.TIMEOUT: "Timeouts",
    PatternType.SETUP: "Setup and dependencies",
    PatternType.INFRASTRUCTURE: "Infrastructure",
    PatternType.BUG: "Bugs",
}
_SYSTEMS = {"windows": "Windows", "macos": "macOS", "linux": "Linux"}


@dataclass(frozen=True, slots=True)
class Analysis:
    """The figures of one window, which reaches from `since` to `until`.

    `runs` is over runs (newest attempts), `jobs` over all job attempts; `first_attempts` is the
    success of runs before anything was repeated: the distance to `runs` is what reruns hide.
    """

    since: datetime
    until: datetime
    runs: Success
    first_attempts: Success
    jobs: Success
    weekly: tuple[Success, ...]
    by_os: tuple[Success, ...]
    by_python: tuple[Success, ...]
    by_job: tuple[Success, ...]
    by_workflow: tuple[Success, ...]
    run_times: tuple[Times, ...]
    job_times: tuple[Times, ...]
    queue_times: tuple[Times, ...]
    repairs: Repairs
    priorities: tuple[Priority, ...]
    trend: Trend

    def document(self) -> dict[str, object]:
        """The figures for JSON. Rates are 0..1, times in seconds, what is unknown is null."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "runs": _success(self.runs),
            "first_attempts": _success(self.first_attempts),
            "jobs": _success(self.jobs),
            "weekly": [_success(each) for each in self.weekly],
            "by_os": [_success(each) for each in self.by_os],
            "by_python": [_success(each) for each in self.by_python],
            "by_job": [_success(each) for each in self.by_job],
            "by_workflow": [_success(each) for each in self.by_workflow],
            "run_times": [asdict(each) for each in self.run_times],
            "job_times": [asdict(each) for each in self.job_times],
            "queue_times": [asdict(each) for each in self.queue_times],
            "repairs": {
                "closed": len(self.repairs.closed),
                "mean_s": self.repairs.mean_s,
                "median_s": self.repairs.median_s,
                "still_red": [
                    {"line": each.line, "since": each.since.isoformat(), "open_s": each.open_s}
                    for each in self.repairs.still_red
                ],
            },
            "priorities": [asdict(each) for each in self.priorities],
            "trend": {**asdict(self.trend), "direction": self.trend.direction.value},
        }


def analyze(
    runs: Iterable[WorkflowRun],
    jobs: Iterable[WorkflowJob],
    patterns: Sequence[CIFailurePattern] = (),
    failures: Sequence[Failure] = (),
    *,
    now: datetime,
    window: timedelta = timedelta(days=30),
    runner_os: str | None = None,
) -> Analysis:
    """The figures of the finished runs and jobs that ended within `window` before `now` (aware).

    `runner_os` limits the jobs, and what follows from them, to one system: a family (`linux`), or a
    label or image (`ubuntu-latest`, `ubuntu-24.04`); of runs those remain that had a job there.
    `patterns` and `failures` are those of the same window.
    """
    since = now - window
    attempts = [
        run for run in runs if run.finished and _within(run.completed_at or run.created_at, since, now)
    ]
    ended = [job for job in jobs if job.finished and _within(job.completed_at, since, now)]
    chosen = [job for job in ended if runner_os is None or _on(job, runner_os)]
    if runner_os is not None:
        there, seen = {job.job_id for job in chosen}, {(job.run_id, job.run_attempt) for job in chosen}
        attempts = [run for run in attempts if (run.run_id, run.run_attempt) in seen]
        failures = [failure for failure in failures if failure.job_id in there]
        signatures = {failure.signature for failure in failures}
        patterns = [pattern for pattern in patterns if pattern.signature in signatures]
    of_runs = [_run_outcome(run) for run in _newest(attempts)]
    of_jobs = [_job_outcome(job) for job in chosen]
    return Analysis(
        since=since,
        until=now,
        runs=_total("runs", of_runs),
        first_attempts=_total(
            "first attempts", [_run_outcome(run) for run in attempts if run.run_attempt == 1]
        ),
        jobs=_total("jobs", of_jobs),
        weekly=tuple(ci_health.weekly(of_runs if runner_os is None else of_jobs)),
        by_os=tuple(ci_health.by(of_jobs, lambda outcome: outcome.os)),
        by_python=tuple(ci_health.by(of_jobs, lambda outcome: outcome.python)),
        by_job=tuple(ci_health.by(of_jobs, lambda outcome: outcome.job)),
        by_workflow=tuple(ci_health.by(of_runs, lambda outcome: outcome.job)),
        run_times=tuple(ci_health.times(of_runs, lambda run: run.job, lambda run: run.duration_s)),
        job_times=tuple(ci_health.times(of_jobs, lambda job: job.job, lambda job: job.duration_s)),
        queue_times=tuple(ci_health.times(of_jobs, lambda job: job.job, lambda job: job.queued_s)),
        repairs=ci_health.repairs(
            [_run_outcome(run) for run in attempts] if runner_os is None else of_jobs, now
        ),
        priorities=tuple(_priorities(patterns, failures, attempts, chosen)),
        trend=ci_health.health_trend(of_runs if runner_os is None else of_jobs),
    )


def category(pattern: CIFailurePattern) -> str:
    """The row of the matrix of priorities that a pattern belongs to: `Platform-specific (Windows)`."""
    where = [
        *([_SYSTEMS.get(pattern.runner_os, pattern.runner_os)] if pattern.runner_os else []),
        *([f"Python {pattern.python_version}"] if pattern.python_version else []),
    ]
    name = _NAMES[pattern.pattern_type]
    return f"{name} ({', '.join(where)})" if where else name


def _within(at: datetime | None, since: datetime, now: datetime) -> bool:
    return at is not None and since <= at <= now


def _on(job: WorkflowJob, runner_os: str) -> bool:
    return runner_os in (cell_of(job)[0], job.runner_os, *job.labels)


def _newest(attempts: Iterable[WorkflowRun]) -> list[WorkflowRun]:
    """The newest attempt of each run."""
    newest: dict[int, WorkflowRun] = {}
    for run in attempts:
        known = newest.get(run.run_id)
        if known is None or run.run_attempt > known.run_attempt:
            newest[run.run_id] = run
    return list(newest.values())


def _green(conclusion: str | None) -> bool | None:
    return True if conclusion == "success" else False if conclusion in RED else None


def _run_outcome(run: WorkflowRun) -> Outcome:
    at = run.completed_at or run.created_at
    assert at is not None  # else it would not lie within the window
    return Outcome(
        at=at,
        green=_green(run.conclusion),
        line=f"{run.workflow_name} on {run.branch or 'no branch'}",
        job=run.workflow_name,
        duration_s=run.duration_s,
    )


def _job_outcome(job: WorkflowJob) -> Outcome:
    assert job.completed_at is not None  # else it would not lie within the window
    system, python = cell_of(job)
    return Outcome(
        at=job.completed_at,
        green=_green(job.conclusion),
        line=job.name,
        os=system,
        python=python,
        job=job.name,
        duration_s=job.duration_s,
        queued_s=job.queued_s,
    )


def _total(name: str, outcomes: Iterable[Outcome]) -> Success:
    return next(iter(ci_health.by(outcomes, lambda _: name)), Success(name, 0, 0))


def _success(each: Success) -> dict[str, object]:
    return {**asdict(each), "rate": each.rate, "low": each.low, "high": each.high}


def _priorities(
    patterns: Sequence[CIFailurePattern],
    failures: Sequence[Failure],
    attempts: Sequence[WorkflowRun],
    jobs: Sequence[WorkflowJob],
) -> list[Priority]:
    red_runs = {run.run_id for run in attempts if run.conclusion in RED}
    red_jobs = {job.job_id for job in jobs if job.conclusion in RED}
    by_signature: dict[str, list[Failure]] = defaultdict(list)
    for failure in failures:
        by_signature[failure.signature].append(failure)
    rows: dict[str, list[CIFailurePattern]] = defaultdict(list)
    for pattern in patterns:
        rows[category(pattern)].append(pattern)
    troubles = [_trouble(name, found, by_signature, red_runs, red_jobs) for name, found in rows.items()]
    return ci_health.prioritised(troubles, len(red_runs), len(red_jobs))


def _trouble(
    name: str,
    patterns: Sequence[CIFailurePattern],
    failures: dict[str, list[Failure]],
    red_runs: set[int],
    red_jobs: set[int],
) -> Trouble:
    mine = [
        failure
        for pattern in patterns
        for failure in failures.get(pattern.signature, ())
        if failure.nodeid is None or failure.nodeid in pattern.tests
    ]
    return Trouble(
        category=name,
        count=sum(pattern.failure_count for pattern in patterns),
        red_runs=len({run for pattern in patterns for run in pattern.run_ids} & red_runs),
        blocked_jobs=len({failure.job_id for failure in mine} & red_jobs),
        effort=EFFORT[patterns[0].pattern_type],
    )
