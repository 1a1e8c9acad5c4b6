from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from argos.model.ci import CIFailurePattern, Failure, PatternType, WorkflowJob, WorkflowRun
from argos.scout.analysis import EFFORT, analyze, category

NOW = datetime(2026, 2, 2, tzinfo=UTC)


def a_run(run_id, conclusion, days=1.0, attempt=1, **values):
    at = NOW - timedelta(days=days)
    return WorkflowRun(
        run_id,
        "CI",
        attempt,
        status="completed",
        conclusion=conclusion,
        branch="main",
        started_at=at - timedelta(minutes=10),
        completed_at=at,
        **values,
    )


def a_job(job_id, conclusion, label="ubuntu-latest", python="3.11", days=1.0, **values):
    at = NOW - timedelta(days=days)
    return WorkflowJob(
        job_id,
        1,
        f"test ({label}, {python})",
        labels=(label,),
        python_version=python,
        status="completed",
        conclusion=conclusion,
        created_at=at - timedelta(minutes=6),
        started_at=at - timedelta(minutes=5),
        completed_at=at,
        **values,
    )


def a_pattern(kind=PatternType.FLAKY, **values):
    return CIFailurePattern(
        kind, "ValueError: no", "x", 0.5, 3, NOW, NOW, tests=("t",), run_ids=(1,), **values
    )


def test_an_empty_window_has_no_rates():
    found = analyze([], [], now=NOW)
    assert (found.runs.rate, found.weekly, found.priorities, found.repairs.mean_s) == (None, (), (), None)
    assert json.loads(json.dumps(found.document()))["runs"]["rate"] is None


def test_the_newest_attempt_of_a_run_counts_and_the_first_ones_are_told_apart():
    found = analyze(
        [a_run(1, "failure", 2), a_run(1, "success", 1, attempt=2), a_run(2, "success")], [], now=NOW
    )
    assert (found.runs.rate, found.first_attempts.rate) == (1.0, 0.5)


def test_what_was_cancelled_is_counted_apart():
    found = analyze([a_run(1, "success"), a_run(2, "cancelled"), a_run(3, "a new word")], [], now=NOW)
    assert (found.runs.decided, found.runs.undecided) == (1, 2)


def test_what_ended_before_the_window_or_goes_on_is_left_out():
    going = WorkflowRun(9, "CI", status="in_progress", created_at=NOW)
    found = analyze([a_run(1, "failure", 31), going], [a_job(1, "failure", days=31)], now=NOW)
    assert (found.runs.decided, found.jobs.decided) == (0, 0)


def test_rates_by_system_and_python_are_over_jobs():
    jobs = [
        a_job(1, "success"),
        a_job(2, "failure", "windows-latest", "3.8"),
        a_job(3, "success", "windows-latest", "3.10"),
    ]
    found = analyze([], jobs, now=NOW)
    assert [(each.name, each.rate) for each in found.by_os] == [("linux", 1.0), ("windows", 0.5)]
    assert [each.name for each in found.by_python] == ["3.8", "3.10", "3.11"]
    assert [(each.median_s, each.n) for each in found.queue_times] == [(60.0, 1)] * 3
    assert [each.median_s for each in found.job_times] == [300.0] * 3


@pytest.mark.parametrize(
    "asked, jobs", [("ubuntu-latest", 1), ("windows", 1), ("ubuntu-22.04", 0), (None, 2)]
)
def test_one_system_can_be_looked_at_alone(asked, jobs):
    found = analyze(
        [], [a_job(1, "success"), a_job(2, "success", "windows-latest")], now=NOW, runner_os=asked
    )
    assert found.jobs.decided == jobs


def test_the_time_to_repair_is_from_red_to_green():
    found = analyze([a_run(1, "failure", 3), a_run(2, "failure", 2), a_run(3, "success", 1)], [], now=NOW)
    assert found.repairs.mean_s == timedelta(days=2).total_seconds()


def test_a_category_names_what_it_is_bound_to():
    assert category(a_pattern()) == "Flaky tests"
    assert category(a_pattern(PatternType.PLATFORM, runner_os="windows")) == "Platform-specific (Windows)"
    assert category(a_pattern(PatternType.SETUP, runner_os="macos", python_version="3.8")) == (
        "Setup and dependencies (macOS, Python 3.8)"
    )


def test_priorities_come_from_the_patterns_and_the_jobs_that_they_block():
    jobs = [a_job(1, "failure"), a_job(2, "failure", "windows-latest")]
    failures = [
        Failure(1, 1, 1, "test", "ValueError: no", "ValueError: no", NOW, nodeid="t"),
        Failure(1, 1, 2, "test", "ValueError: no", "ValueError: no", NOW, nodeid="another cause"),
    ]
    runs = [a_run(1, "failure"), a_run(2, "failure")]
    (row,) = analyze(runs, jobs, [a_pattern()], failures, now=NOW).priorities
    assert (row.category, row.count, row.effort) == ("Flaky tests", 3, "High")
    assert row.impact_score == pytest.approx(0.5)


def test_every_kind_has_an_effort():
    assert set(EFFORT) == set(PatternType)
