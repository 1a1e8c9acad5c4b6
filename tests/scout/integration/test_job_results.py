from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.model.ci import LoggedTest, LogReport, TestSession, WorkflowJob, WorkflowRun
from argos.model.execution import ExecutionStatus
from argos.scout.integration.job_results import JobResults, job_results, preferred, project_node_id
from builders import NOON

RUN = WorkflowRun(1, "CI", branch="main", commit="c" * 40, created_at=NOON)
JOB = WorkflowJob(11, 1, "test (ubuntu-latest, 3.8)", labels=("ubuntu-latest",), started_at=NOON)


def a_session(*tests: LoggedTest, **fields: Any) -> TestSession:
    counts = {"passed": sum(test.outcome == "passed" for test in tests)}
    counts |= {"failed": failed} if (failed := sum(test.outcome == "failed" for test in tests)) else {}
    usual = {"platform": "linux", "python": "3.8.18", "pytest": "8.3.5", "complete": True, "counts": counts}
    return TestSession(tests=tests, **{**usual, **fields})


def found(*sessions: TestSession, **fields: Any) -> JobResults:
    return job_results(RUN, JOB, LogReport(sessions=sessions, **fields))


def passed(name: str = "tests/test_a.py::test_x", **fields: Any) -> LoggedTest:
    return LoggedTest(name, "passed", **fields)


def failed(name: str = "tests/test_a.py::test_x", **fields: Any) -> LoggedTest:
    return LoggedTest(name, "failed", **fields)


@pytest.mark.parametrize(
    "rootdir, workspace, expected",
    [
        ("/home/runner/work/w/w", "/home/runner/work/w/w", "tests/test_a.py::t"),
        ("/home/runner/work/w/w/forge", "/home/runner/work/w/w", "forge/tests/test_a.py::t"),
        ("/home/runner/work/w/w/forge", None, "forge/tests/test_a.py::t"),
        ("D:\\a\\w\\w\\forge\\inner", "D:\\a\\w\\w", "forge/inner/tests/test_a.py::t"),
        ("d:\\a\\w\\w\\forge", None, "forge/tests/test_a.py::t"),
        ("/__w/w/w/forge", "/home/runner/work/w/w", "forge/tests/test_a.py::t"),
        ("/Users/runner/work/w/w", None, "tests/test_a.py::t"),
        ("/app/forge", "/home/runner/work/w/w", "tests/test_a.py::t"),
        ("/home/runner/work/w/w-other", "/home/runner/work/w/w", "tests/test_a.py::t"),
        (None, None, "tests/test_a.py::t"),
    ],
)
def test_a_test_is_named_from_the_top_of_the_checkout(rootdir, workspace, expected):
    assert project_node_id("tests/test_a.py::t", rootdir, workspace) == expected


def test_a_project_in_a_folder_of_its_repository_names_tests_from_that_folder():
    assert project_node_id("tests/a.py::t", "/w/work/r/r/back/end", None, "back/end") == "tests/a.py::t"
    assert project_node_id("tests/a.py::t", "/w/work/r/r/other", None, "back/end") == "other/tests/a.py::t"


def test_a_path_out_of_the_rootdir_and_one_of_windows_become_plain():
    assert project_node_id("../lib/a.py::t", "/w/work/r/r/forge", None) == "lib/a.py::t"
    assert project_node_id("tests\\a.py::t[a\\b]", "D:\\a\\r\\r", "D:\\a\\r\\r") == "tests/a.py::t[a\\b]"


@given(st.text(min_size=1), st.text() | st.none(), st.text() | st.none())
def test_whatever_a_log_prints_a_test_has_a_name(nodeid, rootdir, workspace):
    _path, _, rest = nodeid.partition("::")
    assert project_node_id(nodeid, rootdir, workspace).endswith(f"::{rest}" if "::" in nodeid else "")


def test_a_job_is_an_execution_of_the_space_ci_with_what_the_log_tells():
    session = a_session(passed(duration_s=0.5), started_at=NOON + timedelta(seconds=40), duration_s=1.25)
    each = found(session, image="ubuntu-24.04", exit_code=0)
    execution = each.execution
    assert execution is not None
    assert (execution.execution_id, execution.space, execution.rule) == ("ci-1-11", "ci", "ci")
    assert (execution.started_at, execution.duration_s, execution.exit_code) == (NOON, 1.25, 0)
    assert (execution.commit, execution.branch, execution.pytest_version) == ("c" * 40, "main", "8.3.5")
    assert (execution.platform, execution.python_version) == ("linux", "3.8.18")
    assert execution.status is ExecutionStatus.FINISHED
    assert not execution.complete
    assert (each.job.runner_os, each.job.python_version) == ("ubuntu-24.04", "3.8.18")
    (result,) = each.results
    assert (result.started_at, result.call_s) == (NOON + timedelta(seconds=40), 0.5)


def test_a_session_that_did_not_come_to_its_end_is_an_interrupted_execution():
    execution = found(a_session(passed(), complete=False, collected=13, counts={})).execution
    assert execution is not None
    assert (execution.status, execution.selected, execution.not_run) == (ExecutionStatus.INTERRUPTED, 13, 12)


def test_a_job_without_tests_is_no_execution():
    assert found().execution is None
    assert found(a_session(counts={"warnings": 3})).execution is None


def test_results_that_are_counted_and_not_named_are_counted():
    each = found(a_session(failed("a"), counts={"passed": 30, "failed": 1}))
    assert each.execution is not None
    assert (each.execution.counts.passed, each.execution.counts.failed, len(each.results)) == (30, 1, 1)
    assert "30 results are counted in the log but not named." in each.execution.notes


def test_reruns_are_attempts_that_failed_before_the_last_one():
    each = found(a_session(passed(reruns=2)))
    assert [(r.outcome.value, r.attempt) for r in each.results] == [
        ("failed", 0),
        ("failed", 1),
        ("passed", 2),
    ]


def test_a_test_in_a_later_session_is_a_further_attempt():
    each = found(a_session(failed(reruns=1)), a_session(passed(), passed("b")))
    attempts = [(r.entity[-1], r.outcome.value, r.attempt) for r in each.results]
    assert attempts == [("x", "failed", 0), ("x", "failed", 1), ("x", "passed", 2), ("b", "passed", 0)]
    assert each.execution is not None
    assert each.execution.counts.failing == 0


def test_a_hostile_number_of_attempts_is_bounded():
    each = found(*(a_session(failed(reruns=10**9)) for _ in range(3)))
    assert max(r.attempt for r in each.results) <= 255
    assert len({r.attempt for r in each.results}) == len(each.results)


def test_a_duration_that_cannot_be_is_none():
    for seconds in (-1.0, 1e12, float("inf"), float("nan")):
        assert found(a_session(passed(duration_s=seconds))).results[0].call_s == 0.0


def test_a_job_without_any_time_comes_before_all_others():
    each = job_results(
        WorkflowRun(1, "CI"), WorkflowJob(11, 1, "j"), LogReport(sessions=(a_session(passed()),))
    )
    assert each.results[0].started_at.year == 1970


def test_the_report_names_tests_as_the_history_does():
    session = a_session(failed("tests/a.py::t"), rootdir="/home/runner/work/w/w/forge")
    assert found(session).report.sessions[0].tests[0].nodeid == "forge/tests/a.py::t"


def test_a_report_of_the_same_session_takes_its_place_and_keeps_where_it_ran():
    logged = a_session(
        failed("tests/a.py::t", message="no"), counts={"passed": 2, "failed": 1}, python="3.8.18"
    )
    tests = (failed("tests.a::t", duration_s=0.5), passed("tests.a::u"), passed("tests.a::v"))
    reported = a_session(*tests, python=None, platform=None)
    (chosen,) = preferred([logged], [reported])
    assert [test.nodeid for test in chosen.tests] == ["tests.a::t", "tests.a::u", "tests.a::v"]
    assert (chosen.tests[0].message, chosen.tests[0].duration_s, chosen.python) == ("no", 0.5, "3.8.18")


def test_a_report_of_another_session_is_left_aside():
    logged = a_session(failed("tests/a.py::t"))
    assert preferred([logged], [a_session(failed("tests/a.py::other"))]) == [logged]
    assert preferred([logged], [a_session(failed("tests/a.py::t"), passed("b"))]) == [logged]
    assert preferred([a_session(counts={})], [a_session(counts={})]) == [a_session(counts={})]


def test_a_report_takes_the_place_of_one_session_only():
    logged = a_session(passed("a"))
    reported = a_session(passed("b"))
    assert [session.tests[0].nodeid for session in preferred([logged, logged], [reported])] == ["b", "a"]
