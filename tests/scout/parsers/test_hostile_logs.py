"""Hostile and broken logs: nothing crashes, what is kept is bounded, and generated sessions are counted right."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argos.scout.parsers.ci_log_parser import CILogParser, document
from argos.tools.pytest_log import MESSAGE_KEPT, TRACEBACK_KEPT
from job_logs import as_downloaded, read

START = "============================= test session starts =============================="
FAILURES = "=================================== FAILURES ==================================="
SUMMARY = "=========================== short test summary info ============================"

# Pieces of real lines, to be put together in every wrong way.
PIECES = [
    START, FAILURES, SUMMARY, "=== 1 failed in 0.1s ===", "platform linux -- Python 3.8.18, pytest-8.3.5", "t.py::test_a ",
    "PASSED", "FAILED", "ERROR", "SKIPPED (x", " [ 50%]", "FAILED t.py::test_a[", "] - x", "____ test_a ____", "_", "=", "E   x",
    "##[group]Run pytest", "##[endgroup]", "##[error]", "Process completed with exit code ", "9" * 30, "[gw0] [ 10%] ", "\t",
    "2026-02-02T18:01:28.4726886Z ", "\x1b[31m", "\x1b[36;1m", "\x1b]", "\r", "\0", "\ufeff", "INTERNALERROR> ", "TOTAL 1 1 1%",
    "Name  Stmts  Miss  Cover", "collected 3 items", "!!!!", "----- Captured stdout call -----", "a.py:1:1: E501 x", "::", "[", "]",
    " - ", ".", "F", "nox > ", "py311: commands[0]> ", "SUBFAILED[x] (i=1) ", "worker 'gw0' crashed while running 't.py::x'",
    "slowest durations", "0.1s call ", "rerun test summary info", "+++ Timeout +++", "\n", "\n", "\n", "\n",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_no_mixture_of_real_lines_crashes_the_parser(pieces):
    report = CILogParser().parse(BytesIO("".join(pieces).encode()))
    assert document(report)["lines"] == report.lines


@given(st.binary(max_size=2_000))
def test_no_bytes_crash_the_parser(data):
    CILogParser().parse(BytesIO(data))


@given(st.text(max_size=300))
def test_no_text_crashes_the_single_views(text):
    parser = CILogParser()
    assert isinstance(parser.parse_pytest_log(text), list)
    assert isinstance(parser.detect_failure_patterns(text), list)


WORDS = {
    "passed": "PASSED",
    "failed": "FAILED",
    "error": "ERROR",
    "skipped": "SKIPPED (x)",
    "xfailed": "XFAIL",
    "xpassed": "XPASS",
}
LETTERS = {"passed": ".", "failed": "F", "error": "E", "skipped": "s", "xfailed": "x", "xpassed": "X"}
NAME = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)


@given(st.dictionaries(NAME, st.sampled_from(sorted(WORDS)), min_size=1, max_size=30), st.booleans())
def test_a_session_is_read_back_as_it_was_written(outcomes, stamped):
    names = {f"tests/t.py::test_a[{name}]": outcome for name, outcome in outcomes.items()}
    counts: dict[str, int] = {}
    for outcome in names.values():
        word = "errors" if outcome == "error" else outcome
        counts[word] = counts.get(word, 0) + 1
    total = ", ".join(f"{n} {'error' if w == 'errors' and n == 1 else w}" for w, n in counts.items())
    lines = [START, *(f"{node} {WORDS[outcome]} [ 50%]" for node, outcome in names.items())]
    failing = [
        (node, "FAILED" if o == "failed" else "ERROR")
        for node, o in names.items()
        if o in ("failed", "error")
    ]
    lines += [
        SUMMARY,
        *(f"{word} {node} - bad - worse" for node, word in failing),
        f"=== {total} in 0.10s ===",
    ]
    text = "\n".join(lines) + "\n"
    report = CILogParser().parse(BytesIO(as_downloaded(text) if stamped else text.encode()))
    (session,) = report.sessions
    assert {test.nodeid: test.outcome for test in session.tests} == names
    assert (session.counts, session.consistent) == (counts, True)
    assert {test.message for test in session.failures} <= {"bad - worse"}


@given(st.lists(st.sampled_from(sorted(LETTERS)), min_size=1, max_size=200))
def test_dots_add_up_to_the_summary(outcomes):
    letters = "".join(LETTERS[outcome] for outcome in outcomes)
    rows = [letters[at : at + 60] + " [ 50%]" for at in range(0, len(letters), 60)]
    total = ", ".join(f"{outcomes.count(o)} {'errors' if o == 'error' else o}" for o in sorted(set(outcomes)))
    session = read(START, f"t.py {rows[0]}", *rows[1:], f"=== {total} in 0.10s ===").sessions[0]
    assert session.consistent


def test_a_traceback_and_a_message_are_bounded():
    body = [f"line {number} of a long output" for number in range(20_000)]
    session = read(
        START,
        FAILURES,
        "____ test_a ____",
        "E   first",
        *body,
        "the last line",
        SUMMARY,
        "FAILED t.py::test_a - " + "x" * 50_000,
        "=== 1 failed in 1.0s ===",
    ).sessions[0]
    (test,) = session.tests
    assert test.traceback is not None
    assert test.message is not None
    assert len(test.traceback) <= TRACEBACK_KEPT + 100
    assert test.traceback.startswith("E   first")
    assert test.traceback.endswith("the last line")
    assert len(test.message) <= MESSAGE_KEPT


@pytest.mark.parametrize(
    "line",
    ["= " * 400_000, "a.py::b" + "::c" * 300_000, "x" * 700_000, "a.py " + "." * 700_000, "FAILED a[" + "] - [" * 100_000, "\x1b[" * 300_000],
)  # fmt: skip
def test_a_line_of_hundreds_of_kilobytes_is_no_obstacle(line):
    report = read(START, SUMMARY, line, "=== 2 passed in 0.1s ===", line)
    assert report.sessions[0].counts == {"passed": 2}


def test_a_hundred_thousand_failures_are_all_named():
    report = read(
        START,
        SUMMARY,
        *(f"FAILED t.py::test_{number} - bad" for number in range(100_000)),
        "=== 100000 failed in 1.0s ===",
    )
    assert len(report.sessions[0].failures) == 100_000
    assert report.sessions[0].consistent
