"""What the parser makes of job logs as they come: each test is one thing seen in the wild."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest

from argos.model.ci import LogReport, PatternType, TestSession
from argos.scout.parsers.ci_log_parser import CILogParser, document
from job_logs import STAMP, as_downloaded, as_saved_by_powershell, read, read_job, step

START = "============================= test session starts =============================="
PLATFORM = "platform linux -- Python 3.8.18, pytest-8.3.5, pluggy-1.5.0"
FAILURES = "=================================== FAILURES ==================================="
SUMMARY = "=========================== short test summary info ============================"
DATA = Path(os.environ.get("ARGOS_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "ci"


def only(report: LogReport) -> TestSession:
    (session,) = report.sessions
    return session


def kinds(report: LogReport) -> list[str]:
    return [error.kind for error in report.errors]


# The summary line


@pytest.mark.parametrize(
    ("line", "counts", "seconds"),
    [
        ("=== 1 failed, 2 passed, 1 warning in 1.23s (0:01:02) ===", {"failed": 1, "passed": 2, "warnings": 1}, 1.23),
        ("= 1 warning, 11 errors in 0.05s =", {"warnings": 1, "errors": 11}, 0.05),
        ("==== 13 error in 87.72 seconds ====", {"errors": 13}, 87.72),
        ("=== 3 passed, 2 deselected, 1 xfailed, 1 xpassed in 2s ===",
         {"passed": 3, "deselected": 2, "xfailed": 1, "xpassed": 1}, 2.0),
        ("=== 1 passed, 3 rerun, 2 subtests passed in 2.00s ===",
         {"passed": 1, "rerun": 3, "subtests_passed": 2}, 2.0),
        ("=== no tests ran in 0.01s ===", {}, 0.01),
    ],
)  # fmt: skip
def test_the_summary_line_gives_counts_and_seconds(line, counts, seconds):
    session = only(read(START, PLATFORM, "", line))
    assert (session.counts, session.duration_s, session.complete) == (counts, seconds, True)


def test_a_count_that_is_not_printed_is_absent():
    session = only(read(START, PLATFORM, "=== 2 passed in 0.01s ==="))
    assert "failed" not in session.counts


def test_a_quiet_summary_has_no_bars():
    session = only(read(*step("pytest -q"), "..                      [100%]", "2 passed in 0.01s"))
    assert (session.counts, session.complete, session.consistent) == ({"passed": 2}, True, True)


def test_a_quiet_run_without_tests_is_a_session():
    assert only(read("no tests ran in 0.01s")).counts == {}


def test_the_quietest_run_has_unknown_totals_and_named_failures():
    report = read_job(
        ".F                                   [100%]", FAILURES,
        "___________________________________ test_a ____________________________________",
        "    def test_a():", ">       assert 0", "E       assert 0", "test_q.py:2: AssertionError",
        SUMMARY, "FAILED test_q.py::test_a - assert 0", "##[error]Process completed with exit code 1.",
        script=["pytest -qq"],
    )  # fmt: skip
    session = only(report)
    assert (session.counts, session.complete, session.duration_s) == ({}, False, None)
    assert [test.nodeid for test in session.failures] == ["test_q.py::test_a"]
    assert report.exit_code == 1


def test_colours_between_all_words_do_not_matter():
    line = "\x1b[31m=== \x1b[31m\x1b[1m1 failed\x1b[0m, \x1b[32m2 passed\x1b[0m\x1b[31m in 0.10s\x1b[0m ==="
    assert only(read(START, line)).counts == {"failed": 1, "passed": 2}


# Header


def test_the_header_tells_platform_python_pytest_plugins_and_rootdir():
    session = only(
        read(
            START, "platform win32 -- Python 3.13.0rc1, pytest-8.0.0.dev1, pluggy-1.5.0 -- C:\\Python\\python.exe",
            "rootdir: D:\\a\\shop\\shop", "plugins: cov-5.0.0, xdist-3.6.1", "collected 4 items / 1 deselected / 3 selected",
            "=== 3 passed, 1 deselected in 0.10s ===",
        )
    )  # fmt: skip
    assert (session.platform, session.python, session.pytest) == ("win32", "3.13.0rc1", "8.0.0.dev1")
    assert (session.plugins, session.rootdir) == (("cov-5.0.0", "xdist-3.6.1"), "D:\\a\\shop\\shop")
    assert session.collected == 4


@pytest.mark.parametrize("line", ["gw0 [1643] / gw1 [1643]", "2 workers [1643 items]"])
def test_workers_tell_how_many_tests_were_collected(line):
    assert only(read(START, PLATFORM, line, "=== 1643 passed in 9.00s ===")).collected == 1643


# Progress


def test_a_live_log_puts_name_and_outcome_on_different_lines():
    session = only(
        read(
            START, PLATFORM, "test_a.py::test_one ",
            "-------------------------------- live log call ---------------------------------",
            "WARNING  root:test_a.py:2 test_a.py::ghost PASSED or so",
            "PASSED                                                                   [ 50%]",
            "test_a.py::test_two no newlineFAILED                                     [100%]",
            "=== 1 failed, 1 passed in 0.03s ===",
        )
    )  # fmt: skip
    assert {t.nodeid: t.outcome for t in session.tests} == {
        "test_a.py::test_one": "passed",
        "test_a.py::test_two": "failed",
    }
    assert session.consistent


def test_workers_name_a_test_once_before_and_once_with_its_outcome():
    session = only(
        read(
            START, PLATFORM, "2 workers [2 items]", "", "t.py::test_a[x y] ", "t.py::test_b ",
            "[gw1] [ 50%] PASSED t.py::test_a[x y] Fatal Python error: Segmentation fault",
            "[gw0] [100%] FAILED t.py::test_b ", "=== 1 failed, 1 passed in 0.03s ===",
        )
    )  # fmt: skip
    assert [(t.nodeid, t.outcome) for t in session.tests] == [
        ("t.py::test_a[x y]", "passed"),
        ("t.py::test_b", "failed"),
    ]


def test_dots_are_counted_but_no_names_are_invented():
    session = only(
        read(
            START,
            PLATFORM,
            "tests/test_a.py ..F.s [ 50%]",
            "..... [100%]",
            "=== 1 failed, 8 passed, 1 skipped in 1.00s ===",
        )
    )
    assert session.tests == ()
    assert session.consistent


def test_a_rerun_that_passes_is_a_pass_with_a_rerun():
    session = only(
        read(
            START, PLATFORM, "t.py::test_a RERUN   [ 50%]", "t.py::test_a ('RERUN', {'yellow': True})   [ 50%]",
            "t.py::test_a PASSED  [100%]", "=== 1 passed, 2 rerun in 0.03s ===",
        )
    )  # fmt: skip
    (test,) = session.tests
    assert (test.outcome, test.reruns, session.consistent) == ("passed", 2, True)


def test_what_was_printed_is_compared_with_the_summary_line():
    lines = [START, PLATFORM, "t.py::test_a PASSED [ 50%]", "t.py::test_b PASSED [100%]"]
    assert only(read(*lines, "=== 2 passed in 0.03s ===")).consistent is True
    assert only(read(*lines, "=== 3 passed in 0.03s ===")).consistent is False
    assert only(read(START, PLATFORM, "=== 3 passed in 0.03s ===")).consistent is None
    assert only(read(*lines)).consistent is None


def test_windows_paths_become_posix_paths():
    session = only(
        read(START, PLATFORM, "tests\\sub\\test_a.py::test_a[a\\b] PASSED [100%]", "=== 1 passed in 0.1s ===")
    )
    assert session.tests[0].nodeid == "tests/sub/test_a.py::test_a[a\\b]"


def test_durations_are_those_of_the_call():
    session = only(
        read(
            START, PLATFORM, "t.py::test_a PASSED [100%]",
            "============================= slowest 3 durations ==============================",
            "3.09s call     t.py::test_a", "0.50s setup    t.py::test_a", "",
            "(1 durations < 0.005s hidden.  Use -vv to show these durations.)", "=== 1 passed in 3.60s ===",
        )
    )  # fmt: skip
    assert session.tests[0].duration_s == 3.09


# Failures


def block(title: str, *lines: str) -> list[str]:
    return [f" {title} ".center(80, "_"), "", *lines]


def test_a_failure_has_phase_message_and_traceback():
    failing = block(
        "TestX.test_y[p]",
        "    def test_y(self, p):",
        ">       assert p == 2",
        "E       assert 1 == 2",
        "",
        "t.py:3: AssertionError",
    )
    session = only(
        read(
            START,
            PLATFORM,
            "t.py F [100%]",
            FAILURES,
            *failing,
            SUMMARY,
            "FAILED t.py::TestX::test_y[p] - assert 1 == 2",
            "=== 1 failed in 0.1s ===",
        )
    )
    (test,) = session.failures
    assert (test.nodeid, test.outcome, test.phase, test.message) == (
        "t.py::TestX::test_y[p]",
        "failed",
        "call",
        "assert 1 == 2",
    )
    assert test.traceback is not None
    assert test.traceback.endswith("t.py:3: AssertionError")


def test_headers_name_failures_where_nothing_else_does():
    failing = block(
        "TestX.test_y[a.b]", ">       assert 0", "E       assert 0", "", "sub/t.py:3: AssertionError"
    )
    session = only(read(START, PLATFORM, "F [100%]", FAILURES, *failing, "=== 1 failed in 0.1s ==="))
    assert [test.nodeid for test in session.failures] == ["sub/t.py::TestX::test_y[a.b]"]


def test_a_traceback_has_several_frames():
    frames = [
        "    def test_x(self):",
        ">       helper()",
        "",
        "t.py:5: ",
        "_ " * 40,
        "",
        ">       raise ValueError('x')",
        "E       ValueError: x",
        "",
        "helpers.py:2: ValueError",
    ]
    session = only(
        read(
            START,
            PLATFORM,
            "t.py F [100%]",
            FAILURES,
            *block("TestA.test_x[a::b]", *frames),
            "=== 1 failed in 1.0s ===",
        )
    )
    (test,) = session.failures
    assert (test.nodeid, test.message) == ("t.py::TestA::test_x[a::b]", "ValueError: x")
    assert test.traceback is not None
    assert "helper()" in test.traceback
    assert "helpers.py:2" in test.traceback


def test_each_header_behind_captured_output_begins_a_new_failure():
    printed = [" Captured stdout call ".center(80, "-"), "____ test_b ____ is here", "____ test_ghost ____"]
    first = block("test_a", "E   bad", "t.py:2: E", *printed)
    second = block("ERROR at setup of test_b", "E   worse", "t.py:9: E")
    verbose = ["t.py::test_a FAILED [ 50%]", "t.py::test_b ERROR [100%]"]
    ending = [
        SUMMARY,
        "FAILED t.py::test_a - bad",
        "ERROR t.py::test_b - worse",
        "=== 1 failed, 1 error in 0.1s ===",
    ]
    errors = "==================================== ERRORS ===================================="
    for progress in (["collected 2 items", *verbose], ["t.py FE [100%]"]):
        session = only(read(START, PLATFORM, *progress, errors, *second, *printed, FAILURES, *first, *ending))
        found = {t.nodeid: (t.phase, (t.traceback or "").splitlines()[0]) for t in session.failures}
        assert found == {"t.py::test_a": ("call", "E   bad"), "t.py::test_b": ("setup", "E   worse")}


def test_of_chained_exceptions_the_last_is_the_message():
    both = [
        "E   KeyError: 1",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        "E   ValueError: second",
        "",
        "t.py:2: ValueError",
    ]
    session = only(
        read(START, PLATFORM, "t.py F [100%]", FAILURES, *block("test_x", *both), "=== 1 failed in 1.0s ===")
    )
    assert session.failures[0].message == "ValueError: second"


def test_items_that_are_no_python_functions_have_names_too():
    names = ["specs/test_x.yaml::case one", "notebooks/a.ipynb::Cell 0", "src/a.py::mypy-status"]
    session = only(
        read(START, PLATFORM, *(f"{name} PASSED [ 50%]" for name in names), "=== 3 passed in 1.0s ===")
    )
    assert [test.nodeid for test in session.tests] == names


def test_two_quiet_runs_of_one_step_are_two_sessions():
    report = read(
        "..F   [100%]",
        FAILURES,
        *block("test_x", "E   bad", "t.py:2: E"),
        SUMMARY,
        "FAILED t.py::test_x - bad",
        "1 failed, 2 passed in 0.1s",
        "....  [100%]",
        "4 passed in 0.2s",
    )
    assert [dict(session.counts) for session in report.sessions] == [
        {"failed": 1, "passed": 2},
        {"passed": 4},
    ]


def test_a_message_that_old_pytest_cut_comes_from_the_traceback():
    failing = block(
        "test_y",
        ">       raise ValueError('a long text indeed')",
        "E       ValueError: a long text indeed",
        "t.py:3: ValueError",
    )
    session = only(
        read(
            START,
            PLATFORM,
            "t.py F [100%]",
            FAILURES,
            *failing,
            SUMMARY,
            "FAILED t.py::test_y - ValueErro...",
            "=== 1 failed in 0.1s ===",
        )
    )
    assert session.failures[0].message == "ValueError: a long text indeed"


def test_a_message_may_go_on_with_lines_that_look_like_results():
    failing = block("test_y", "E   AssertionError: bad", "t.py:3: AssertionError")
    session = only(
        read(
            START, PLATFORM, "t.py::test_y FAILED [100%]", FAILURES, *failing, SUMMARY,
            "FAILED t.py::test_y - AssertionError: bad", "FAILED x.py::y - z", "ERROR x.py", "end",
            "=== 1 failed in 0.1s ===",
        )
    )  # fmt: skip
    (test,) = session.failures
    assert test.message == "AssertionError: bad\nFAILED x.py::y - z\nERROR x.py\nend"


def test_counts_decide_where_no_name_is_known():
    session = only(
        read(
            START, PLATFORM, "t.py FF [100%]", SUMMARY, "FAILED t.py::test_a - bad", "FAILED x.py::ghost - z",
            "FAILED t.py::test_b - bad", "=== 2 failed in 0.1s ===",
        )
    )  # fmt: skip
    assert [test.nodeid for test in session.failures] == ["t.py::test_a", "t.py::test_b"]


@pytest.mark.parametrize(
    "nodeid",
    [
        "t.py::test_a[x - y]",
        "t.py::test_a[http://h:80/::z - 1]",
        "t.py::test_a[\\xfc]",
        "t.py::test_a[a b PASSED c]",
        "tests/my test.py::test_a",
        "docs/usage.rst::usage.rst",
        "t.py::TestX::test_a[a[1] - b]",
    ],
)
def test_names_with_hostile_parameters_stay_whole(nodeid):
    verbose = read(
        START,
        PLATFORM,
        f"{nodeid} FAILED [100%]",
        SUMMARY,
        f"FAILED {nodeid} - bad - worse",
        "=== 1 failed in 0.1s ===",
    )
    short = read(
        START, PLATFORM, "F [100%]", SUMMARY, f"FAILED {nodeid} - bad - worse", "=== 1 failed in 0.1s ==="
    )
    for report in (verbose, short):
        assert [(t.nodeid, t.message) for t in only(report).failures] == [(nodeid, "bad - worse")]


def test_a_plugin_may_print_the_seconds_before_the_name():
    session = only(
        read(
            START,
            PLATFORM,
            "F [100%]",
            SUMMARY,
            "FAILED [310.0221s] t.py::test_a - bad",
            "=== 1 failed in 0.1s ===",
        )
    )
    assert session.failures[0].nodeid == "t.py::test_a"


def test_a_test_that_passes_and_fails_in_teardown_is_an_error_of_the_teardown():
    lines = ["t.py::test_a PASSED [ 50%]", "t.py::test_a ERROR [ 50%]"]
    session = only(
        read(
            START, PLATFORM, *lines, SUMMARY, "ERROR t.py::test_a - bad", "=== 1 passed, 1 error in 0.1s ==="
        )
    )
    assert [(t.outcome, t.phase) for t in session.tests] == [("error", "teardown")]
    assert session.consistent


@pytest.mark.parametrize(
    "progress", [["t.py FE [100%]"], ["t.py::test_a FAILED [ 50%]", "t.py::test_a ERROR [ 50%]"]]
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_test_that_fails_in_its_call_and_its_teardown_is_failed_and_keeps_both(progress, turned):
    errors = "==================================== ERRORS ===================================="
    entries = ["FAILED t.py::test_a - bad", "ERROR t.py::test_a - worse"]
    session = only(
        read(
            START, PLATFORM, "collected 1 item", *progress,
            errors, *block("ERROR at teardown of test_a", "E   worse", "t.py:9: E"),
            FAILURES, *block("test_a", "E   bad", "t.py:2: E"),
            SUMMARY, *(reversed(entries) if turned else entries), "=== 1 failed, 1 error in 0.1s ===",
        )
    )  # fmt: skip
    (test,) = session.tests
    assert (test.outcome, test.phase, test.message) == ("failed", "call", "bad\nAlso in teardown: worse")
    assert test.traceback == "E   bad\nt.py:2: E\n---- also in teardown ----\nE   worse\nt.py:9: E"
    assert session.consistent


def test_errors_of_files_and_folders_are_errors_of_the_collection():
    session = only(
        read(
            START,
            PLATFORM,
            SUMMARY,
            "ERROR tests/sub",
            "ERROR tests/t.py - ImportError: x",
            "!!!!! Interrupted: 2 errors during collection !!!!!",
            "=== 2 errors in 0.1s ===",
        )
    )
    assert [(t.nodeid, t.phase, t.message) for t in session.failures] == [
        ("tests/sub", "collect", None),
        ("tests/t.py", "collect", "ImportError: x"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "SUBFAILED[m] (i=1) {} - bad",
        "SUBFAIL {} - bad",
        "[m] (i=1) SUBFAIL {} - bad",
        "SUBFAILED(i='1') {} - bad",
    ],
)
def test_a_failed_subtest_fails_its_test(entry):
    node = "t.py::TestX::test_y"
    failing = block("TestX.test_y [m] (i=1)", "E   AssertionError: bad", "t.py:3: AssertionError")
    session = only(
        read(
            START,
            PLATFORM,
            f"{node} PASSED [100%]",
            FAILURES,
            *failing,
            SUMMARY,
            entry.format(node),
            "=== 1 failed, 1 passed in 0.1s ===",
        )
    )
    (test,) = session.tests
    assert (test.nodeid, test.outcome, test.message) == (node, "failed", "bad")
    assert test.traceback is not None
    assert session.consistent


def test_a_crashed_worker_names_the_test_that_it_ran():
    session = only(
        read(
            START, PLATFORM, "2 workers [1 item]", "F [100%]", FAILURES, " test_k.py ".center(80, "_"),
            "[gw0] linux -- Python 3.8.18 /usr/bin/python", "worker 'gw0' crashed while running 'test_k.py::test_kill'",
            "=== 1 failed in 0.1s ===",
        )
    )  # fmt: skip
    assert [t.nodeid for t in session.failures] == ["test_k.py::test_kill"]
    assert session.failures[0].message == "worker 'gw0' crashed while running 'test_k.py::test_kill'"


# Several sessions


def test_several_sessions_in_one_log_are_kept_apart_in_order():
    one = [
        START,
        PLATFORM,
        "t.py::test_a FAILED [100%]",
        SUMMARY,
        "FAILED t.py::test_a - x",
        "=== 1 failed in 0.1s ===",
    ]
    two = [START, PLATFORM, "t.py::test_a PASSED [100%]", "=== 1 passed in 0.1s ==="]
    report = read_job(*one, *one, *two, script=["pytest || pytest || pytest"])
    assert [dict(s.counts) for s in report.sessions] == [{"failed": 1}, {"failed": 1}, {"passed": 1}]
    assert report.exit_code is None


PRINTED = "=== 3 failed, 9 passed in 1.0s ==="


@pytest.mark.parametrize("printed", [PRINTED, " 3 failed, 9 passed in 1.0s ".center(80, "=")])
@pytest.mark.parametrize("progress", [["t.py FF. [100%]"], []])
def test_a_summary_line_in_a_message_does_not_end_the_session(printed, progress):
    session = only(
        read(
            START, PLATFORM, "collected 3 items", *progress, SUMMARY,
            "FAILED t.py::test_a - first", printed, "last", "FAILED t.py::test_b - bad",
            " 2 failed, 1 passed in 0.50s ".center(80, "="),
        )
    )  # fmt: skip
    assert [t.nodeid for t in session.failures] == ["t.py::test_a", "t.py::test_b"]
    assert session.failures[0].message == f"first\n{printed}\nlast"
    assert (session.counts, session.duration_s) == ({"failed": 2, "passed": 1}, 0.5)


def test_a_summary_line_in_the_last_message_does_not_end_the_session():
    lines = [START, PLATFORM, "collected 1 item", "t.py F [100%]", SUMMARY, "FAILED t.py::test_a - first"]
    session = only(read(*lines, PRINTED, "last", " 1 failed in 0.50s ".center(80, "=")))
    assert (session.counts, session.failures[0].message) == ({"failed": 1}, f"first\n{PRINTED}\nlast")


def test_a_summary_line_in_a_message_of_a_quiet_run_does_not_end_the_session():
    session = only(
        read(
            "FF [100%]", SUMMARY, "FAILED t.py::test_a - first", "3 failed in 0.07s", "last",
            "FAILED t.py::test_b - bad", "2 failed in 0.50s",
        )
    )  # fmt: skip
    assert [t.nodeid for t in session.failures] == ["t.py::test_a", "t.py::test_b"]
    assert session.counts == {"failed": 2}


def test_a_quiet_summary_line_in_captured_output_does_not_end_the_session():
    printed = [" Captured stdout call ".center(80, "-"), "3 failed in 0.07s"]
    session = only(
        read(
            "FF [100%]", FAILURES, *block("test_a", "E   bad", "t.py:2: E", *printed),
            *block("test_b", "E   worse", "t.py:5: E"),
            SUMMARY, "FAILED t.py::test_a - bad", "FAILED t.py::test_b - worse", "2 failed in 0.50s",
        )
    )  # fmt: skip
    assert [(t.nodeid, t.traceback is not None) for t in session.failures] == [
        ("t.py::test_a", True),
        ("t.py::test_b", True),
    ]
    assert session.counts == {"failed": 2}


@pytest.mark.parametrize("verbose", [True, False])
def test_a_summary_line_that_a_test_prints_does_not_end_the_session(verbose):
    results = (
        ["t.py::test_a ", PRINTED, "PASSED", "t.py::test_b FAILED"] if verbose else ["t.py ", PRINTED, ".F"]
    )
    session = only(
        read(
            START, PLATFORM, "collected 2 items", *results, FAILURES, *block("test_b", "E   bad", "t.py:2: E"),
            SUMMARY, "FAILED t.py::test_b - bad", " 1 failed, 1 passed in 0.50s ".center(80, "="),
        )
    )  # fmt: skip
    assert session.counts == {"failed": 1, "passed": 1}
    assert [t.nodeid for t in session.failures] == ["t.py::test_b"]


def test_what_follows_a_doubtful_summary_line_is_read_as_before():
    lines = [START, PLATFORM, "collected 1 item", "t.py F [100%]", PRINTED]
    report = read(
        *lines, "src/a.py:3:1: F401 'os' imported but unused", START, PLATFORM, "=== 1 passed in 0.1s ==="
    )
    assert [dict(s.counts) for s in report.sessions] == [{"failed": 3, "passed": 9}, {"passed": 1}]
    assert [(v.path, v.code) for v in report.lint] == [("src/a.py", "F401")]


def test_a_session_that_died_does_not_swallow_the_next():
    report = read(
        START,
        PLATFORM,
        "t.py::test_a Fatal Python error: Segmentation fault",
        "",
        START,
        PLATFORM,
        "=== 1 passed in 0.1s ===",
    )
    assert [s.complete for s in report.sessions] == [False, True]


def test_a_run_inside_captured_output_is_no_session():
    failing = block(
        "test_outer",
        "E   KeyError: 1",
        "t.py:3: KeyError",
        " Captured stdout call ".center(80, "-"),
        START,
        PLATFORM,
        "collected 1 item",
        "x.py::test_inner PASSED [100%]",
        FAILURES,
        *block("test_inner", "E   bad"),
        SUMMARY,
        "FAILED x.py::test_inner - bad",
        "=== 1 failed in 0.01s ===",
    )
    session = only(
        read(
            START,
            PLATFORM,
            "t.py F [100%]",
            FAILURES,
            *failing,
            SUMMARY,
            "FAILED t.py::test_outer - KeyError: 1",
            "=== 1 failed in 0.5s ===",
        )
    )
    assert [t.nodeid for t in session.tests] == ["t.py::test_outer"]
    assert session.duration_s == 0.5


def test_an_inner_run_printed_with_s_leaves_the_outer_one_its_results():
    inner = [
        START,
        "platform linux -- Python 3.9.1, pytest-7.0.0, pluggy-1.0",
        "collected 1 item",
        "x.py . [100%]",
        "=== 1 passed in 0.01s ===",
    ]
    report = read(
        START,
        PLATFORM,
        "collected 2 items",
        "t.py::test_a ",
        *inner,
        "PASSED",
        "t.py::test_b PASSED",
        "=== 2 passed in 0.50s ===",
    )
    outer = report.sessions[0]
    assert ({t.nodeid for t in outer.tests}, outer.counts, outer.python) == (
        {"t.py::test_a", "t.py::test_b"},
        {"passed": 2},
        "3.8.18",
    )


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("py311: commands[0]> pytest -v", "py311"),
        ("py27 run-test: commands[0] | pytest", "py27"),
        ("nox > Running session tests-3.11", "tests-3.11"),
        (
            "───────────────────────────── hatch-test.py3.12 ──────────────────────────────",
            "hatch-test.py3.12",
        ),
    ],
)
def test_the_environment_is_what_tox_nox_or_hatch_calls_it(before, name):
    assert (
        only(read(before, "cmd [1] | pytest", START, PLATFORM, "=== 1 passed in 0.1s ===")).environment
        == name
    )


def test_a_prefix_before_each_line_is_taken_off():
    lines = [START, PLATFORM, "t.py::test_a PASSED [100%]", "=== 1 passed in 0.1s ==="]
    session = only(read(*(f"web-1  | {line}" for line in lines)))
    assert ([t.nodeid for t in session.tests], session.platform, session.complete) == (
        ["t.py::test_a"],
        "linux",
        True,
    )


# Ends without a summary


def test_an_internal_error_is_an_error_whatever_the_summary_says():
    report = read(
        START,
        PLATFORM,
        "t.py::test_a PASSED [100%]",
        "INTERNALERROR> Traceback (most recent call last):",
        'INTERNALERROR>   File "x.py", line 1',
        "INTERNALERROR> RuntimeError: hook",
        "",
        "=== 1 passed in 0.10s ===",
    )
    assert kinds(report) == ["internal-error"]
    assert report.errors[0].message == "RuntimeError: hook"
    assert only(report).complete


def test_a_segmentation_fault_leaves_totals_unknown_and_names_what_ran():
    report = read_job(
        START,
        PLATFORM,
        "t.py::test_a PASSED [ 50%]",
        "t.py::test_kill Fatal Python error: Segmentation fault",
        "",
        "Current thread 0x01 (most recent call first):",
        "##[error]Process completed with exit code 139.",
    )
    session = only(report)
    assert (session.counts, session.complete, [t.nodeid for t in session.tests]) == (
        {},
        False,
        ["t.py::test_a"],
    )
    assert kinds(report) == ["crash", "exit-code"]
    assert "t.py::test_kill" in report.errors[0].message


def test_a_time_limit_that_kills_the_session_names_what_ran():
    report = read_job(
        START,
        PLATFORM,
        "timeout: 15.0s",
        "timeout method: thread",
        "t.py::test_slow +++++++++++++++++ Timeout +++++++++++++++++",
        "~~~~ Stack of MainThread (1) ~~~~",
        "+++++++++++++++++ Timeout +++++++++++++++++",
        "##[error]Process completed with exit code 1.",
    )
    assert kinds(report) == ["timeout", "exit-code"]
    assert "t.py::test_slow" in report.errors[0].message
    assert not only(report).complete


@pytest.mark.parametrize("message", ["Failed: Timeout >1.0s", "Failed: Timeout (>1.0s) from pytest-timeout."])
def test_a_test_that_reached_its_time_limit_is_a_timeout(message):
    report = read(
        START,
        PLATFORM,
        "timeout: 1.0s",
        "t.py F [100%]",
        FAILURES,
        *block("test_slow", f"E   {message}", "t.py:3: Failed"),
        SUMMARY,
        f"FAILED t.py::test_slow - {message}",
        "=== 1 failed in 1.1s ===",
    )
    assert kinds(report) == ["timeout"]
    assert only(report).failures[0].message == message


def test_the_shell_reports_the_crash_of_a_session():
    line = "/home/runner/work/_temp/x.sh: line 1:  1929 Killed                  pytest -v"
    report = read_job(
        START, PLATFORM, "t.py::test_big ", line, "##[error]Process completed with exit code 137."
    )
    assert kinds(report) == ["crash", "exit-code"]
    assert report.exit_code == 137


def test_a_page_shows_errors_without_their_mark():
    report = read(START, PLATFORM, "t.py::test_a FAILED [ 50%]", "Error: The operation was canceled.")
    assert kinds(report) == ["cancelled"]


def test_a_cancelled_job_has_no_exit_code_and_an_unknown_total():
    report = read_job(START, PLATFORM, "t.py::test_a PASSED [ 50%]", "##[error]The operation was canceled.")
    assert (report.exit_code, kinds(report), only(report).complete) == (None, ["cancelled"], False)


def test_a_log_that_breaks_off_is_truncated():
    head = ["Current runner version: '2.331.0'", "Complete job name: test (3.11)"]
    assert read(*head, START, PLATFORM, "t.py::test_a PASSED [ 50%]").truncated
    assert not read(
        *head, START, PLATFORM, "=== 1 passed in 0.1s ===", "Cleaning up orphan processes"
    ).truncated
    assert read(START, PLATFORM, "t.py::test_a PASSED [ 50%]").truncated
    assert not read(START, PLATFORM, "=== 1 passed in 0.1s ===").truncated


def test_a_log_without_its_head_still_gives_its_results():
    session = only(
        read("t.py::test_a PASSED [ 50%]", "t.py::test_b FAILED [100%]", "=== 1 failed, 1 passed in 0.1s ===")
    )
    assert (session.platform, len(session.tests), session.complete) == (None, 2, True)


# What is no result


def test_the_echo_of_a_script_is_not_output():
    report = CILogParser().parse(
        BytesIO(
            as_downloaded(
                "\n".join(
                    step(
                        "pytest",
                        "FAILED t.py::test_x - y",
                        START,
                        "=== 1 failed in 1.0s ===",
                        "exit 1",
                        "a.py:1:1: E501 long",
                    )
                )
                + "\n"
            )
        )
    )
    assert (report.sessions, report.lint, report.exit_code) == ((), (), None)
    assert "exit 1" in report.commands


def test_the_echo_is_known_by_its_colour_where_the_groups_are_lost():
    report = CILogParser().parse(
        BytesIO(f"{STAMP}\x1b[36;1m=== 1 failed in 1.0s ===\x1b[0m\n{STAMP}done\n".encode())
    )
    assert report.sessions == ()


def test_a_diff_is_not_a_result():
    report = read_job(
        "--- tests/test_logs.py",
        "+++ tests/test_logs.py",
        "@@ -1,5 +1,10 @@",
        '-    "FAILED t.py::test_x - y",',
        " === 1 failed in 1.0s ===",
        "+=== 1 failed in 1.0s ===",
        "-t.py:1:1: E501 long",
        "would reformat tests/test_logs.py",
        script=["black --check --diff ."],
    )
    assert report.sessions == ()
    assert [(v.tool, v.path) for v in report.lint] == [("black", "tests/test_logs.py")]


def test_decoys_of_other_tools_are_no_errors():
    report = read_job(
        "error - 2026-01-29 11:58:36,759 -- Commit creating failed: Token required", "Cache timeouts 0", "FAILED (errors=2)",
        "| test_passed | FAIL |", "timeout: 15.0s method: signal", "##[error][notice] A new release of pip is available", script=["codecov"],
    )  # fmt: skip
    assert (report.sessions, report.errors, report.lint) == ((), (), ())


def test_problem_matchers_mark_lines_of_a_traceback():
    session = only(
        read_job(
            START,
            PLATFORM,
            "t.py F [100%]",
            FAILURES,
            *block("test_y", "##[error]    raise TypeError('x')", "##[error]E   TypeError: x"),
            SUMMARY,
            "##[error]FAILED t.py::test_y - TypeError: x",
            "=== 1 failed in 0.1s ===",
            "##[error]Process completed with exit code 1.",
        )
    )
    (test,) = session.failures
    assert (test.nodeid, test.message) == ("t.py::test_y", "TypeError: x")
    assert test.traceback is not None
    assert "raise TypeError" in test.traceback


def test_a_group_that_a_program_opens_is_output_even_if_it_is_called_run():
    report = read_job(
        "##[group]Run unit tests",
        START,
        PLATFORM,
        "t.py::test_a PASSED [100%]",
        "=== 1 passed in 0.1s ===",
        "##[endgroup]",
    )
    assert only(report).counts == {"passed": 1}


def test_the_table_of_a_plugin_is_no_part_of_a_traceback():
    failing = block("test_y", "E   AssertionError: bad", "t.py:3: AssertionError")
    table = " benchmark: 2 tests ".center(80, "-")
    session = only(
        read(
            START,
            PLATFORM,
            "t.py F [100%]",
            FAILURES,
            *failing,
            table,
            "Name (time in us)   Min",
            SUMMARY,
            "FAILED t.py::test_y - AssertionError: bad",
            "=== 1 failed in 0.1s ===",
        )
    )
    assert session.failures[0].traceback == "E   AssertionError: bad\nt.py:3: AssertionError"


# How the job ended


def test_the_last_failing_step_gives_the_exit_code():
    report = read(
        *step("a"),
        "##[error]Process completed with exit code 3.",
        *step("b"),
        "##[error]Process completed with exit code 137.",
    )
    assert report.exit_code == 137
    assert [(e.kind, e.step) for e in report.errors] == [("exit-code", "Run a"), ("exit-code", "Run b")]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("##[error]The action 'Run tests' has timed out after 5 minutes.", "timeout"),
        (
            "##[error]The job running on runner X has exceeded the maximum execution time of 360 minutes.",
            "timeout",
        ),
        ("##[error]The runner has received a shutdown signal.", "infrastructure"),
        ("##[error]Failed to download action 'https://api.github.com/x'.", "infrastructure"),
        ("curl: (6) Could not resolve host: example.org", "infrastructure"),
        (
            "fatal: unable to access 'https://github.com/x/': The requested URL returned error: 503",
            "infrastructure",
        ),
        ("##[error]The version '3.6' with architecture 'x64' was not found for Ubuntu 24.04.", "setup"),
        ("ERROR: No matching distribution found for nothing==9", "setup"),
        ("ERROR: ResolutionImpossible: for help visit https://pip.pypa.io", "setup"),
        ("  ERROR: Failed building wheel for lxml", "setup"),
        ("  × No solution found when resolving dependencies:", "setup"),
        ("ERROR: usage: pytest [options] [file_or_dir] [file_or_dir] [...]", "setup"),
        ("/home/runner/work/_temp/x.sh: line 1: poetry: command not found", "setup"),
        ("py38: failed with could not find python interpreter matching any of the specs py38", "setup"),
        ("Segmentation fault (core dumped)", "crash"),
        ("/home/runner/work/_temp/x.sh: line 1:  1929 Segmentation fault      (core dumped) ./tool", "crash"),
        ("bash: line 1:  1929 Killed                  ./tool", "crash"),
        ("Error: Process completed with exit code 3.", "exit-code"),
        ("##[error]Something that an action says", "annotation"),
    ],
)
def test_an_error_of_a_step_has_its_kind(line, kind):
    report = read_job("some output", line, script=["do something"])
    assert [(e.kind, e.line) for e in report.errors] == [(kind, 6)]


def test_a_coverage_gate_is_an_error_though_all_tests_passed():
    report = read(
        START,
        PLATFORM,
        "t.py . [100%]",
        "FAIL Required test coverage of 76% not reached. Total coverage: 61.22%",
        "=== 1 passed in 0.1s ===",
    )
    assert kinds(report) == ["gate"]
    assert report.coverage_total == 61.22


# The job


def test_the_head_tells_system_image_job_repository_and_python():
    report = read(
        "Current runner version: '2.331.0'", "##[group]Operating System", "Ubuntu", "24.04.3", "LTS", "##[endgroup]",
        "##[group]Runner Image", "Image: ubuntu-24.04", "Version: 20260119.4.1", "##[endgroup]",
        "Requested labels: ubuntu-latest, x64", "Complete job name: test (ubuntu-latest, 3.11)", *step("actions/checkout@v4"),
        "Syncing repository: shop/shop", "Working directory is '/home/runner/work/shop/shop'",
        "Successfully set up CPython (3.11.14)", "Successfully installed pytest-8.3.5 ruamel.yaml.clib-0.2.12 a-b-1.0.post1",
    )  # fmt: skip
    assert (report.os, report.os_version, report.image) == ("Ubuntu", "24.04.3", "ubuntu-24.04")
    assert (report.job_name, report.repository) == ("test (ubuntu-latest, 3.11)", "shop/shop")
    assert (report.workspace, report.setup_python) == ("/home/runner/work/shop/shop", "3.11.14")
    assert report.labels == ("ubuntu-latest", "x64")
    assert report.packages == {"pytest": "8.3.5", "ruamel.yaml.clib": "0.2.12", "a-b": "1.0.post1"}


# Patterns, and the single views


def test_patterns_come_with_the_line_that_shows_them():
    log = "\n".join([
        "ERROR: No matching distribution found for x", START, PLATFORM, "t.py::test_a RERUN [ 50%]", "t.py::test_a PASSED [ 50%]", "t.py::test_b FAILED [100%]", SUMMARY,
        "FAILED t.py::test_b - PermissionError: [WinError 32] in use", "=== 1 failed, 1 passed, 1 rerun in 1.0s ===", "curl: (28) Connection timed out after 10 s",
    ])  # fmt: skip
    found = CILogParser().detect_failure_patterns(log)
    assert [(p.pattern_type, p.line, p.nodeid) for p in found] == [
        (PatternType.SETUP, 1, None),
        (PatternType.INFRASTRUCTURE, 10, None),
        (PatternType.FLAKY, None, "t.py::test_a"),
        (PatternType.PLATFORM, None, "t.py::test_b"),
    ]


def test_the_single_views_give_their_part_of_the_report():
    log = (
        "a.py:1:1: E501 long\nb.py:2: error: Bad  [misc]\nName  Stmts  Miss  Cover\n---\na.py  10  1  90%\nTOTAL  10  1  90%\n"
        f"{START}\nt.py::test_a PASSED [100%]\n=== 1 passed in 1.0s ===\n"
    )
    parser = CILogParser()
    assert [t.nodeid for t in parser.parse_pytest_log(log)] == ["t.py::test_a"]
    assert parser.parse_coverage_log(log) == {"total": 90.0, "files": {"a.py": 90.0}}
    assert [v.code for v in parser.parse_flake8_log(log)] == ["E501"]


def test_the_document_has_the_shape_of_the_command():
    shown = document(
        read(
            START,
            PLATFORM,
            "collected 1 item",
            "t.py::test_a FAILED [100%]",
            SUMMARY,
            "FAILED t.py::test_a - x",
            "=== 1 failed in 0.5s ===",
            "##[error]Process completed with exit code 1.",
        )
    )
    (session,) = shown["sessions"]
    assert {key: session[key] for key in ("platform", "python", "pytest", "collected", "counts", "complete", "duration_s")} == {
        "platform": "linux", "python": "3.8.18", "pytest": "8.3.5", "collected": 1, "counts": {"failed": 1}, "complete": True, "duration_s": 0.5,
    }  # fmt: skip
    assert session["failures"] == [
        {"nodeid": "t.py::test_a", "kind": "failed", "phase": "call", "message": "x", "traceback": None}
    ]
    assert session["tests"] == [{"nodeid": "t.py::test_a", "outcome": "failed", "duration_s": None}]
    assert (shown["coverage"]["total"], shown["lint"], shown["exit_code"]) == (None, [], 1)
    assert [error["kind"] for error in shown["errors"]] == ["exit-code"]


# Real logs of one project, where they are at hand

EXPECTED = {
    "1_test (ubuntu-latest, 3.11).txt": ("linux", "3.11.14", "9.0.2", {"passed": 738}, 738, 96.43, None),
    "9_test (windows-latest, 3.8).txt": (
        "win32",
        "3.8.10",
        "8.3.5",
        {"passed": 735, "skipped": 3},
        738,
        96.24,
        None,
    ),
    "12_Test Python 3.11 on macos-latest.txt": ("darwin", "3.11.9", "9.0.2", {"passed": 251}, 251, 95, None),
    "5_Test Python 3.8 on ubuntu-latest.txt": ("linux", "3.8.18", "8.3.5", {"errors": 1}, 1, 27, 2),
}


@pytest.mark.skipif(not DATA.exists(), reason="the real logs are not here")
@pytest.mark.parametrize("name", EXPECTED)
def test_real_logs_give_what_a_reader_sees(name):
    (path,) = DATA.rglob(name)
    with path.open("rb") as log:
        report = CILogParser().parse(log)
    session = only(report)
    found = (
        session.platform,
        session.python,
        session.pytest,
        session.counts,
        len(session.tests),
        report.coverage_total,
        report.exit_code,
    )
    assert found == EXPECTED[name]
    assert session.consistent
    assert not report.truncated


@pytest.mark.skipif(not DATA.exists(), reason="the real logs are not here")
def test_a_real_lint_job_gives_its_findings():
    (path,) = DATA.rglob("6_lint.txt")
    report = CILogParser().parse_text(path.read_text(encoding="utf-8"))
    assert [(v.tool, v.path, v.severity) for v in report.lint] == [("mypy", "__main__.py", "ERROR")] + [
        ("mypy", "__main__.py", "INFO")
    ] * 2


def test_a_log_saved_by_powershell_keeps_its_names():
    report = CILogParser().parse(
        BytesIO(
            as_saved_by_powershell(
                f"{START}\n{PLATFORM}\nt.py::test_\xfc PASSED [100%]\n=== 1 passed in 1.0s ===\n"
            )
        )
    )
    assert [t.nodeid for t in only(report).tests] == ["t.py::test_\xfc"]
