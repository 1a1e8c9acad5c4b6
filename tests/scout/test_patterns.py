from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.model.ci import (
    Annotation,
    Failure,
    JobStep,
    LintViolation,
    LoggedError,
    LoggedTest,
    LogReport,
    PatternType,
    TestSession,
    WorkflowJob,
    WorkflowRun,
)
from argos.scout.patterns import (
    CIResult,
    History,
    cell_of,
    detect,
    failures_of,
    minor_version,
    os_family,
    results_of,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
SYSTEMS = ("ubuntu-latest", "windows-latest", "macos-latest")
PYTHONS = ("3.8.18", "3.11.9")
TEST = "tests/test_shop.py::test_order"


def report(*tests, errors=(), **values):
    sessions = (TestSession(tests=tuple(tests), last_line=321),) if tests else ()
    return LogReport(sessions=sessions, errors=tuple(errors), **values)


def failing(nodeid=TEST, message="ValueError: no order 3", **values):
    return LoggedTest(nodeid, "failed", message=message, **values)


def a_job(
    job_id=1, run_id=100, system="ubuntu-latest", python="3.11.9", conclusion="failure", hour=0, **values
):
    values.setdefault("name", f"test ({system}, {minor_version(python)})")
    values.setdefault("run_attempt", 1)
    values.setdefault("commit", f"c0ffee{run_id:04d}")
    return WorkflowJob(
        job_id,
        run_id,
        labels=(system,),
        python_version=python,
        status="completed",
        conclusion=conclusion,
        completed_at=START + timedelta(hours=hour, minutes=job_id % 100 / 10),
        **values,
    )


def a_history(
    fails, runs=1, tests=(TEST,), message="ValueError: no order 3", own=(), pythons=PYTHONS, **values
):
    """One workflow on a full matrix; `fails(run, system, python)` says which cells are red."""
    attempts, jobs, failures = [], [], []
    for run in range(runs):
        attempts.append(WorkflowRun(100 + run, "CI", branch="main", commit=f"c0ffee{run:04d}"))
        for cell, (system, python) in enumerate(product(SYSTEMS, pythons)):
            red = fails(run, system, python)
            conclusion = "failure" if red else "success"
            job = a_job(
                100 * run + cell, 100 + run, system, python, conclusion, run, commit=f"c0ffee{run:04d}"
            )
            jobs.append(job)
            if red:
                failures += failures_of(job, report(*(failing(test, message) for test in tests)))
    return History(tuple(attempts), tuple(jobs), tuple(failures), own_packages=frozenset(own), **values)


def on_windows(run, system, python):
    return system.startswith("windows")


def the_pattern(history):
    (found,) = detect(history)
    return found


# Where a job ran


@pytest.mark.parametrize(
    "text, family",
    [
        ("ubuntu-24.04", "linux"),
        ("windows-2025", "windows"),
        ("win32", "windows"),
        ("darwin", "macos"),
        ("macos-15-arm64", "macos"),
        ("Microsoft Windows Server 2025", "windows"),
        ("self-hosted", None),
        ("", None),
        (None, None),
    ],
)
def test_the_family_of_an_operating_system(text, family):
    assert os_family(text) == family


@pytest.mark.parametrize(
    "text, minor",
    [
        ("3.8.18", "3.8"),
        ("3.10", "3.10"),
        ("3.1", "3.1"),
        ("3.14.0a1", "3.14"),
        ("py3.9", "3.9"),
        ("3", None),
        (None, None),
    ],
)
def test_the_minor_version(text, minor):
    assert minor_version(text) == minor


def test_a_label_stands_in_for_an_unknown_system():
    assert cell_of(a_job(system="windows-latest", python="3.8.10")) == ("windows", "3.8")


# What failed in a job


def test_each_failing_test_is_a_failure_in_the_cell_of_its_job():
    job = a_job(system="windows-latest", python="3.8.10")
    (failure,) = failures_of(job, report(failing(), LoggedTest("tests/a.py::ok", "passed")))
    assert (failure.nodeid, failure.runner_os, failure.python_version) == (TEST, "windows", "3.8")
    assert failure.signature == "ValueError: no order <n>"


def test_a_green_job_has_no_failures_even_if_its_log_holds_some():
    assert failures_of(a_job(conclusion="success"), report(failing())) == ()


def test_of_several_sessions_the_last_one_decides_and_the_others_are_reruns():
    passed = replace(failing(), outcome="passed", message=None)
    twice = LogReport(sessions=(TestSession(tests=(failing(),)), TestSession(tests=(passed,))))
    assert failures_of(a_job(), twice, ()) != ()  # the job itself is red, without a failing test
    assert all(failure.nodeid is None for failure in failures_of(a_job(), twice))
    assert results_of(a_job(), twice) == (CIResult(TEST, 1, "passed", 1),)


def test_another_environment_does_not_undo_a_failure():
    passed = replace(failing(), outcome="passed", message=None)
    both = LogReport(
        sessions=(
            TestSession(environment="py38", tests=(failing(),)),
            TestSession(environment="py311", tests=(passed,)),
        )
    )
    assert [failure.nodeid for failure in failures_of(a_job(), both)] == [TEST]


def test_a_cancelled_job_says_nothing_about_itself():
    log = report(errors=[LoggedError("cancelled", "The operation was canceled.", 9)])
    assert failures_of(a_job(conclusion="cancelled"), log) == ()


def test_tests_that_failed_before_a_job_was_cancelled_did_fail():
    interrupted = failing("tests/b.py::test_c", "KeyboardInterrupt")
    found = failures_of(a_job(conclusion="cancelled"), report(failing(), interrupted))
    assert [failure.nodeid for failure in found] == [TEST]


def test_an_annotation_tells_that_a_cancelled_job_ran_out_of_time():
    note = Annotation("The job has exceeded the maximum execution time of 45m0s")
    (failure,) = failures_of(a_job(conclusion="cancelled"), None, [note])
    assert (failure.kind, failure.message) == ("timeout", note.message)


def test_a_job_that_was_cancelled_at_its_limit_ran_out_of_time():
    job = a_job(conclusion="cancelled")
    assert job.completed_at is not None
    job = replace(job, started_at=job.completed_at - timedelta(minutes=45, seconds=2))
    assert [failure.kind for failure in failures_of(job, None, limit_s=45 * 60)] == ["timeout"]
    assert failures_of(job, None) == ()


def test_a_red_job_without_a_known_reason_names_its_step_and_exit_code():
    job = replace(a_job(), steps=(JobStep(4, "Build", conclusion="failure"),))
    (failure,) = failures_of(
        job, report(errors=[LoggedError("exit-code", "Process completed with exit code 2.", 7)])
    )
    assert failure.message == "Step Build: Process completed with exit code 2."


def test_a_red_lint_job_names_its_first_finding():
    log = LogReport(lint=(LintViolation("flake8", "a.py", "F821", "undefined name 'x'"),))
    (failure,) = failures_of(a_job(name="lint"), log)
    assert (failure.kind, failure.message) == ("lint", "flake8 found F821 in a.py: undefined name 'x'")


def test_a_job_without_any_time_is_no_reason_to_stop():
    job = WorkflowJob(1, 2, "x", conclusion="failure")
    assert [failure.at.year for failure in failures_of(job, None)] == [1970]


# Kinds


def test_nothing_failed_means_no_patterns():
    assert detect(History()) == []
    assert detect(a_history(lambda *_: False, runs=3)) == []


def test_a_test_that_fails_on_windows_only_is_platform_specific():
    found = the_pattern(a_history(on_windows, runs=3))
    assert (found.pattern_type, found.runner_os, found.python_version) == (
        PatternType.PLATFORM,
        "windows",
        None,
    )
    assert (found.test_nodeid, found.failure_count, found.run_ids) == (TEST, 6, (102, 101, 100))
    assert found.confidence > 0.6
    assert "Windows failed 6 of 6; Linux failed 0 of 6; macOS failed 0 of 6" in found.evidence[0].sentence
    assert found.reproduce == "scout ci reproduce --run-id 102 --job-id 203"
    assert "needs such a machine" in found.description


def test_one_run_of_a_small_matrix_is_said_to_be_too_little():
    found = the_pattern(a_history(on_windows))
    assert found.pattern_type is PatternType.PLATFORM
    assert found.confidence < 0.5
    assert "Too little data to be sure" in found.evidence[0].sentence


def test_the_words_of_the_error_add_to_what_the_matrix_says():
    plain = the_pattern(a_history(on_windows))
    told = the_pattern(a_history(on_windows, message="PermissionError: [WinError 32] in use"))
    assert told.confidence > plain.confidence
    assert "Close the file" in (told.suggested_fix or "")


def test_a_test_that_fails_on_one_python_only_is_version_specific():
    history = a_history(
        lambda _, __, python: python == "3.8.18", 3, message="TypeError: 'type' object is not subscriptable"
    )
    found = the_pattern(history)
    assert (found.pattern_type, found.runner_os, found.python_version) == (PatternType.PYTHON, None, "3.8")
    assert "from __future__ import annotations" in (found.suggested_fix or "")
    assert found.reproduce == "scout ci reproduce --run-id 102 --job-id 200"


def test_a_test_that_fails_in_every_cell_since_a_commit_is_a_bug():
    found = the_pattern(a_history(lambda run, *_: run >= 2, runs=4))
    assert (found.pattern_type, found.runner_os, found.python_version) == (PatternType.BUG, None, None)
    assert any("The last green was run 101" in each.sentence for each in found.evidence)
    assert any("All 6 cells" in each.sentence for each in found.evidence)


def test_a_test_that_passes_at_the_same_commit_in_another_attempt_is_flaky():
    red = a_job(1, 100, run_attempt=1)
    green = a_job(2, 100, run_attempt=2, conclusion="success", hour=1)
    found = the_pattern(History((), (red, green), failures_of(red, report(failing()))))
    assert found.pattern_type is PatternType.FLAKY
    assert "failed in run 100 (attempt 1) and passed in run 100 (attempt 2)" in found.evidence[0].sentence


def test_a_test_that_stays_red_in_another_attempt_is_not_cleared_of_being_flaky():
    """That no rerun passed speaks for nothing: the confidence in a bug does not change with it."""
    first, again = a_job(1, 100), a_job(2, 100, run_attempt=2, hour=1)
    once = the_pattern(History((), (first,), failures_of(first, report(failing()))))
    both = [failure for job in (first, again) for failure in failures_of(job, report(failing()))]
    twice = the_pattern(History((), (first, again), tuple(both)))
    assert once.confidence == twice.confidence


def test_a_test_that_passed_when_rerun_in_its_session_is_flaky_although_nothing_is_red():
    job = a_job(conclusion="success")
    found = the_pattern(History((), (job,), (), (CIResult(TEST, 1, "passed", 2),)))
    assert (found.pattern_type, found.test_nodeid, found.failure_count) == (PatternType.FLAKY, TEST, 2)


def test_a_test_that_changes_with_every_commit_is_flaky_and_bound_to_its_system():
    def now_and_then(run, system, python):
        return run % 2 == 1 and system == "ubuntu-latest" and python == "3.8.18"

    found = the_pattern(a_history(now_and_then, runs=8))
    assert found.pattern_type is PatternType.FLAKY
    assert any("changed between red and green 7 times" in each.sentence for each in found.evidence)


def test_the_word_timeout_alone_is_no_timeout():
    found = the_pattern(a_history(lambda *_: True, message="ValueError: unknown key 'timeout'"))
    assert found.pattern_type is PatternType.BUG


@pytest.mark.parametrize(
    "message, kind, fix",
    [
        ("Failed: Timeout (>1.0s) from pytest-timeout.", PatternType.TIMEOUT, "waits for"),
        ("Failed: Timeout >30.0s", PatternType.TIMEOUT, "waits for"),
        ("ModuleNotFoundError: No module named 'requests'", PatternType.SETUP, "`requests`"),
        ("ModuleNotFoundError: No module named 'shop.cart'", PatternType.BUG, "`shop`"),
        ("ERROR: No matching distribution found for torch==9.9", PatternType.SETUP, "`torch==9.9`"),
        ("ERROR: Failed building wheel for lxml", PatternType.SETUP, "`lxml`"),
        ("fixture 'mocker' not found", PatternType.SETUP, "pytest-mock"),
        ("error: unrecognized arguments: --cov=shop", PatternType.SETUP, "`--cov=shop`"),
        ("The runner has received a shutdown signal.", PatternType.INFRASTRUCTURE, "Run the job again"),
        ("OSError: [Errno 28] No space left on device", PatternType.INFRASTRUCTURE, "Delete"),
        ("AssertionError: assert 'a\\\\b.txt' == 'a/b.txt'", PatternType.PLATFORM, "as_posix"),
    ],
)
def test_what_tools_print_decides_the_kind_and_names_the_fix(message, kind, fix):
    found = the_pattern(
        a_history(lambda _, system, __: system.startswith("windows"), message=message, own=["shop"])
    )
    assert found.pattern_type is kind
    assert fix in (found.suggested_fix or "")


def test_a_missing_package_that_fails_everywhere_is_still_a_matter_of_setup():
    found = the_pattern(
        a_history(lambda run, *_: run, 2, message="ModuleNotFoundError: No module named 'requests'")
    )
    assert found.pattern_type is PatternType.SETUP


def test_what_is_outside_of_the_project_has_nothing_to_reproduce():
    found = the_pattern(a_history(on_windows, message="lost communication with the server"))
    assert found.reproduce is None
    assert "nothing to reproduce" in found.description


# Groups


def test_one_cause_in_many_tests_is_one_pattern():
    tests = [f"tests/test_{n}.py" for n in range(12)]
    found = the_pattern(
        a_history(on_windows, tests=tests, message="ModuleNotFoundError: No module named 'yaml'")
    )
    assert (len(found.tests), found.failure_count) == (12, 24)
    assert "and 11 more tests" in found.description


def test_plain_assertions_of_different_tests_are_different_causes():
    tests = ["tests/a.py::test_a", "tests/b.py::test_b", "tests/b.py::test_c[1]", "tests/b.py::test_c[2]"]
    found = detect(a_history(on_windows, tests=tests, message="assert 1 == 2"))
    assert sorted(each.tests for each in found) == [(tests[0],), (tests[1],), (tests[2], tests[3])]


def test_siblings_that_were_cancelled_are_victims_and_said_to_be():
    red = a_job(1, 100)
    victims = [
        a_job(2, 100, "windows-latest", conclusion="cancelled"),
        a_job(3, 100, "macos-latest", conclusion="cancelled"),
    ]
    log = report(errors=[LoggedError("cancelled", "The operation was canceled.", 3)])
    failures = [*failures_of(red, report(failing())), *(f for job in victims for f in failures_of(job, log))]
    told = replace(
        failures[0], job_id=2, nodeid=None, kind="cancelled", message="The operation was canceled."
    )
    found = the_pattern(History((), (red, *victims), (*failures, told)))
    assert found.failure_count == 1
    assert any("were cancelled then" in each.sentence for each in found.evidence)


def test_a_test_that_was_skipped_or_did_not_run_in_a_cell_has_not_passed_there():
    history = a_history(on_windows, runs=4)
    skipped = [
        CIResult(TEST, job.job_id, "skipped" if job.conclusion == "success" else "failed")
        for job in history.jobs
    ]
    found = the_pattern(replace(history, results=tuple(skipped)))
    assert found.pattern_type is PatternType.BUG


def test_passes_of_the_tests_in_a_file_are_passes_of_a_file_that_could_not_be_collected():
    history = a_history(
        lambda _, __, python: python == "3.8.18",
        4,
        tests=["tests/test_cli.py"],
        message="SyntaxError: invalid",
    )
    results = [
        CIResult("tests/test_cli.py::test_a", job.job_id, "passed")
        for job in history.jobs
        if job.conclusion == "success"
    ]
    found = the_pattern(replace(history, results=tuple(results)))
    assert (found.pattern_type, found.python_version) == (PatternType.PYTHON, "3.8")


def test_a_green_job_could_collect_every_file():
    history = a_history(
        lambda _, __, python: python == "3.8.18",
        4,
        tests=["tests/test_cli.py"],
        message="SyntaxError: invalid",
    )
    others = tuple(CIResult(TEST, job.job_id, "passed") for job in history.jobs)
    found = the_pattern(replace(history, results=others))
    assert (found.pattern_type, found.python_version) == (PatternType.PYTHON, "3.8")


def test_the_line_of_the_log_is_part_of_the_evidence():
    job = a_job()
    log = report(errors=[LoggedError("setup", "ERROR: No matching distribution found for torch", 77)])
    found = the_pattern(History((), (job,), failures_of(job, log), reports={job.job_id: log}))
    assert (found.pattern_type, found.evidence[0].line, found.evidence[0].job_id) == (
        PatternType.SETUP,
        77,
        1,
    )


def test_the_most_frequent_pattern_comes_first():
    rare = a_history(
        lambda run, system, __: run == 0 and system == "ubuntu-latest", message="KeyError: 'rare'"
    )
    often = a_history(on_windows, runs=3, message="KeyError: 'often'")
    both = History(often.runs, often.jobs, (*rare.failures, *often.failures))
    assert [each.signature for each in detect(both)] == ["KeyError: 'often'", "KeyError: 'rare'"]


words = st.sampled_from(
    ["ValueError: x", "Failed: Timeout >3s", "No module named 'q'", "assert 1", "", "{x} \\ '"]
) | st.text(max_size=30)
hostile_failures = st.builds(
    Failure,
    run_id=st.integers(0, 3),
    run_attempt=st.integers(1, 2),
    job_id=st.integers(0, 8),
    job_name=st.text(max_size=10),
    signature=words,
    message=words,
    at=st.integers(0, 9).map(lambda n: START + timedelta(hours=n)),
    nodeid=st.none() | words,
    kind=st.none() | st.sampled_from(["failed", "timeout", "cancelled", "infrastructure", "setup", "?"]),
    traceback=st.none() | words,
)
hostile_jobs = st.builds(
    WorkflowJob,
    job_id=st.integers(0, 6),
    run_id=st.integers(0, 3),
    name=st.text(max_size=10) | st.sampled_from(["test (windows-latest, 3.8)", "test (3.9)"]),
    runner_os=st.none() | st.sampled_from(["linux", "windows-2025", "?"]),
    python_version=st.none() | st.sampled_from(["3.8.1", "3.11", "pypy", ""]),
    conclusion=st.none() | st.sampled_from(["success", "failure", "cancelled", "new-word"]),
    completed_at=st.none() | st.just(START),
)
hostile_results = st.builds(
    CIResult,
    words,
    st.integers(0, 8),
    st.sampled_from(["passed", "failed", "skipped", "?"]),
    st.integers(0, 2),
)


@given(
    st.lists(hostile_failures, max_size=8),
    st.lists(hostile_jobs, max_size=8),
    st.lists(hostile_results, max_size=5),
)
def test_whatever_the_history_holds_every_pattern_is_whole(failures, jobs, results):
    for found in detect(History((), jobs, failures, results)):
        assert 0 < found.confidence <= 0.97
        assert found.failure_count >= 1
        assert found.first_seen <= found.last_seen
        assert found.evidence or found.pattern_type is PatternType.BUG
        assert found.suggested_fix
        assert (found.reproduce is None) == (found.pattern_type is PatternType.INFRASTRUCTURE)
