"""The parser on what pytest 5 to 9 printed, in many ways, against the JUnit report of the same run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from argos.scout.parsers.ci_log_parser import CILogParser
from job_logs import as_downloaded, as_saved_by_powershell, as_shown_by_gh, sent

CASES = Path(__file__).parents[2] / "cases" / "ci-logs"
REPORTS = sorted(CASES.glob("*.json"))
# Ways to print that name the tests that passed, too.
NAMING = ("-v", "-xdist-v", "-no-summary", "-tb-native", "-color", "-count", "-classic", "-all")


def expected(report: Path) -> Counter[tuple[str, str]]:
    """Outcomes by the name as JUnit writes it: `test_a.TestX.test_method`."""
    rows = json.loads(report.read_text(encoding="utf-8"))
    return Counter(
        (f"{classname}.{name}" if classname else name, outcome) for classname, name, outcome in rows
    )


def without_the_undecidable(named: Counter[tuple[str, str]], report: Path) -> Counter[tuple[str, str]]:
    """Without `test_param[] - end]` where neither progress nor header tells a name from its message."""
    if not report.stem.endswith(("-tb-no", "-tb-line")):
        return named
    return Counter({key: n for key, n in named.items() if "test_param[]" not in key[0]})


def as_junit(nodeid: str) -> str:
    path, separator, inner = nodeid.partition("::")
    if "[" in path:
        path, separator, inner = "", "", nodeid  # a name without its file
    module = path.removesuffix(".py").replace("/", ".")
    name, bracket, parameters = inner.partition("[")
    return f"{module}{'.' if separator else ''}{name.replace('::', '.')}{bracket}{parameters}"


def test_there_are_cases():
    assert len(REPORTS) > 40


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.stem)
def test_every_outcome_is_the_one_that_junit_reports(report: Path):
    parsed = CILogParser().parse(sent(report.with_name(report.stem + ".txt").read_bytes()))
    (session,) = parsed.sessions
    wanted = without_the_undecidable(expected(report), report)
    named = Counter((as_junit(test.nodeid), test.outcome) for test in session.tests)
    # JUnit knows no xpassed, pytest counts it on its own.
    named = Counter(
        {(name, "passed" if outcome == "xpassed" else outcome): n for (name, outcome), n in named.items()}
    )
    named = without_the_undecidable(named, report)
    failing = {key: n for key, n in wanted.items() if key[1] in ("failed", "error")}
    assert {key: n for key, n in named.items() if key[1] in ("failed", "error")} == failing
    if report.stem.endswith(NAMING):
        assert named == wanted
    assert session.complete
    assert session.consistent is not False


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.stem)
def test_every_failure_has_its_phase_message_and_traceback(report: Path):
    parsed = CILogParser().parse(sent(report.with_name(report.stem + ".txt").read_bytes()))
    for test in parsed.sessions[0].failures:
        if "test_c" in test.nodeid:
            assert test.phase == "collect"
            assert "nothing_of_this_name" in (test.message or "") + (test.traceback or "")
        if report.stem.endswith(("-tb-no", "-tb-line")):
            continue
        assert test.traceback
        if test.nodeid.endswith("::test_setup_error"):
            assert (test.phase, test.message) == ("setup", "RuntimeError: no database")
        elif test.nodeid.endswith("::test_teardown_error"):
            assert (test.phase, test.message) == ("teardown", "ValueError: cannot close")
        elif test.nodeid == "test_b.py::test_nested":
            assert test.message == "KeyError: 'after the inner run'"
            assert "99 passed in 0.01s" in test.traceback
        elif test.nodeid == "test_b.py::test_fail":
            assert test.message in ("assert False", "AssertionError: assert False", "AssertionError")
            assert "1 failed in 0.01s" in test.traceback


@pytest.mark.parametrize("wrap", [as_downloaded, as_shown_by_gh, as_saved_by_powershell])
@pytest.mark.parametrize("report", REPORTS[::5], ids=lambda report: report.stem)
def test_the_wrapping_of_the_log_changes_nothing(report: Path, wrap):
    text = report.with_name(report.stem + ".txt").read_text(encoding="utf-8")
    bare = CILogParser().parse(sent(text.encode())).sessions
    wrapped = CILogParser().parse(sent(wrap(text))).sessions
    assert [(s.counts, s.tests, s.complete, s.platform, s.python) for s in wrapped] == [
        (s.counts, s.tests, s.complete, s.platform, s.python) for s in bare
    ]


@pytest.mark.parametrize("report", REPORTS[::3], ids=lambda report: report.stem)
def test_a_log_that_is_cut_anywhere_names_no_test_that_did_not_fail(report: Path):
    lines = report.with_name(report.stem + ".txt").read_text(encoding="utf-8").splitlines()
    failing = {name for name, outcome in expected(report) if outcome in ("failed", "error")}
    for end in range(5, len(lines), 11):
        parsed = CILogParser().parse(sent("\n".join(lines[:end]).encode()))
        for session in parsed.sessions:
            named = {(as_junit(test.nodeid), test.outcome) for test in session.failures}
            named = set(without_the_undecidable(Counter(named), report))
            # A header whose file was cut off gives the name alone.
            unknown = {
                name for name, _ in named if not any(f".{full}".endswith(f".{name}") for full in failing)
            }
            assert not unknown, f"cut behind line {end}"
            assert not session.complete or session.counts.get("passed", 4) == 4
