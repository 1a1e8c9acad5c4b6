from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.ci import LoggedTest, TestSession
from argos.tools import junit

CASES = Path(__file__).parent.parent / "cases" / "junit"
OF_PYTEST = sorted(path.name for path in CASES.glob("pytest-[0-9]*.xml"))

# What the one project of all recorded reports of pytest holds; its pytest said
# "6 failed, 3 skipped, 2 xfailed, 4 errors".
FAILED = {
    "tests/sub/test_more.py::TestCase::test_sub",
    "tests/sub/test_more.py::TestCase::test_unexpected",
    "tests/test_a.py::TestX::test_b[1]",
    "tests/test_a.py::test_both",
    "tests/test_a.py::test_flaky",
    "tests/test_a.py::test_xpassed_strict",
}
ERRORS = {
    "tests/sub/test_broken.py": "collect",
    "tests/test_a.py::test_setup": "setup",
    "tests/test_a.py::test_teardown": "teardown",
}


def recorded(name: str, **options: object) -> TestSession:
    with (CASES / name).open("rb") as stream:
        (session,) = junit.read(stream, **options)
    return session


def of(text: str | bytes, **options: object) -> list[TestSession]:
    return junit.read(io.BytesIO(text if isinstance(text, bytes) else text.encode()), **options)


def suite(*cases: str, attributes: str = 'name="pytest"') -> str:
    return f"<testsuite {attributes}>{''.join(cases)}</testsuite>"


def named(session: TestSession, nodeid: str) -> LoggedTest:
    (test,) = [test for test in session.tests if test.nodeid == nodeid]
    return test


@pytest.mark.parametrize("name", OF_PYTEST)
def test_every_family_of_every_pytest_is_read_alike(name: str) -> None:
    session = recorded(name)
    assert {test.nodeid for test in session.tests if test.outcome == "failed"} == FAILED
    assert {test.nodeid: test.phase for test in session.tests if test.outcome == "error"} == ERRORS
    assert session.counts == {"passed": 9, "failed": 6, "errors": 4, "skipped": 3, "xfailed": 2}
    assert session.complete
    assert session.consistent is True
    assert session.duration_s is not None


@pytest.mark.parametrize("name", OF_PYTEST)
def test_a_node_id_is_as_pytest_would_write_it(name: str) -> None:
    names = {test.nodeid for test in recorded(name).tests}
    assert {
        "tests/test_a.py::TestX::TestInner::test_deep",
        "tests/test_a.py::TestX::test_b[a.b::c[d]]",
        "tests/test_a.py::TestX::test_b[x - y]",
        r"tests/test_a.py::TestX::test_b[\x1b]",
        "tests/test_a.py::test_output",
        "tests/test_gone.py",
    } <= names


def test_an_inherited_test_belongs_to_the_module_of_its_class() -> None:
    """The `file` that pytest writes is the one that holds the function."""
    assert "tests/test_a.py::TestX::test_inherited" in {
        test.nodeid for test in recorded("pytest-9.2-xunit1.xml").tests
    }


def test_messages_are_without_the_frame_that_pytest_puts_around_them() -> None:
    session = recorded("pytest-9.2-xunit2.xml")
    assert named(session, "tests/test_a.py::test_setup").message == "ValueError: no set-up"
    broken = named(session, "tests/sub/test_broken.py")
    assert broken.message == "ModuleNotFoundError: No module named 'no_such_module_at_all'"
    assert named(session, "tests/test_gone.py").message == "not here"
    assert named(session, "tests/test_a.py::test_xfailed").message == "known bug"


def test_the_traceback_is_the_text_of_the_failure() -> None:
    traceback = named(recorded("pytest-9.2-xunit2.xml"), "tests/test_a.py::test_flaky").traceback
    assert traceback is not None
    assert traceback.startswith("def test_flaky():")
    assert traceback.endswith("AssertionError")


def test_a_test_that_fails_and_fails_to_tear_down_is_one_test() -> None:
    for name in ("pytest-9.2-xunit2.xml", "pytest-xdist.xml"):
        both = named(recorded(name), "tests/test_a.py::test_both")
        assert (both.outcome, both.phase, both.reruns) == ("failed", "call", 0)


def test_what_was_rerun_counts_its_reruns() -> None:
    session = recorded("pytest-rerunfailures.xml")
    flaky = named(session, "tests/test_a.py::test_flaky")
    assert (flaky.outcome, flaky.reruns) == ("passed", 1)
    assert named(session, "tests/test_a.py::test_setup").reruns == 1
    assert named(session, "tests/test_a.py::test_output").reruns == 0
    assert session.counts["failed"] == 5
    assert session.consistent is True


def test_subtests_that_fail_are_failures_of_their_test() -> None:
    session = recorded("pytest-subtests.xml")
    assert [(test.nodeid, test.outcome) for test in session.tests] == [
        ("test_s.py::T::test_sub", "failed"),
        ("test_s.py::test_plain", "failed"),
    ]
    assert session.consistent is True


def test_unittest_names_a_file_that_its_class_name_only_ends_with() -> None:
    session = recorded("unittest.xml")
    assert [(test.nodeid, test.outcome) for test in session.tests] == [
        ("sub/test_more.py::TestCase::test_ok", "passed"),
        ("sub/test_more.py::TestCase::test_sub (i=1)", "failed"),
        ("sub/test_more.py::TestCase::test_skipped", "skipped"),
        ("sub/test_more.py::TestCase::test_expected", "xfailed"),
        ("sub/test_more.py::TestCase::test_unexpected", "error"),
    ]
    assert session.consistent is True


def test_surefire_knows_reruns_and_groups_thousands() -> None:
    session = recorded("surefire.xml")
    assert [(test.nodeid, test.outcome, test.reruns) for test in session.tests] == [
        ("com.example.CalcTest::adds", "passed", 0),
        ("com.example.CalcTest::divides", "failed", 1),
        ("com.example.CalcTest::network", "passed", 2),
        ("com.example.CalcTest::loads", "error", 0),
        ("com.example.CalcTest::later", "skipped", 0),
    ]
    assert session.tests[1].duration_s == 1203.25
    assert session.tests[1].traceback is not None
    assert "second try" not in session.tests[1].traceback
    assert session.tests[3].message == "java.lang.NullPointerException"
    assert session.duration_s == 1204.5
    assert session.consistent is True


def test_jest_is_one_session_of_all_its_files() -> None:
    session = recorded("jest.xml")
    assert session.tests[0].nodeid == "src/sum.test.js::sum adds 1 + 2 to equal 3"
    assert session.tests[1].outcome == "failed"
    assert session.tests[1].message == "Error: expect(received).toBe(expected) // Object.is equality"
    assert session.tests[2].outcome == "skipped"
    assert session.tests[-1].nodeid == "src/broken.test.js::Test suite failed to run"
    assert session.consistent is False, "jest counts neither what is to do nor a file that does not load"


def test_gtest_says_in_attributes_what_did_not_run() -> None:
    session = recorded("gtest.xml")
    assert [(test.nodeid, test.outcome) for test in session.tests] == [
        ("g.cc::Math::Adds", "passed"),
        ("g.cc::Math::Fails", "failed"),
        ("g.cc::Math::DISABLED_Later", "skipped"),
        ("g.cc::Text::Skips", "skipped"),
        ("g.cc::All/P::Even/0", "passed"),
        ("g.cc::All/P::Even/1", "failed"),
    ]
    assert "twice" in (session.tests[1].traceback or "")
    assert session.consistent is True


@pytest.mark.parametrize(
    "attribute, outcome",
    [
        ('status="fail"', "failed"), ('status="errored"', "error"), ('result="failed"', "failed"),
        ('status="disabled"', "skipped"), ('status="run" result="completed"', "passed"), ('status="PASSED"', "passed"),
    ],
)  # fmt: skip
def test_an_outcome_may_stand_in_attributes_only(attribute: str, outcome: str) -> None:
    (session,) = of(suite(f'<testcase classname="a" name="b" {attribute}/>', attributes='name="x"'))
    assert session.tests[0].outcome == outcome


def test_nested_suites_count_once_whether_the_outer_includes_them_or_not() -> None:
    inner = '<testsuite name="b" tests="1"><testcase classname="x" name="two"/></testsuite>'
    for tests in (1, 2):
        (session,) = of(
            f'<testsuite name="a" tests="{tests}"><testcase classname="x" name="one"/>{inner}</testsuite>'
        )
        assert [test.nodeid for test in session.tests] == ["x::one", "x::two"]
        assert session.consistent is True


def test_each_suite_of_pytest_is_a_session() -> None:
    one = suite('<testcase classname="tests.test_a" name="test_x"/>')
    assert len(of(f"<testsuites>{one}{one}</testsuites>")) == 2


def test_a_suite_of_pytest_may_have_another_name() -> None:
    broken = suite('<testcase classname="" name="tests.test_a"/>', attributes='name="mine"')
    (session,) = of(f'<testsuites name="pytest tests">{broken}</testsuites>')
    assert session.tests[0].nodeid == "tests/test_a.py"


def test_a_suite_that_says_nothing_of_its_counts_cannot_be_checked() -> None:
    (session,) = of(suite('<testcase classname="tests.test_a" name="test_x"/>'))
    assert session.consistent is None


def test_cases_that_do_not_add_up_are_told() -> None:
    (session,) = of(suite('<testcase classname="a" name="b"/>', attributes='name="x" tests="2" failures="0"'))
    assert session.consistent is False


def test_a_suite_that_fails_as_a_whole_is_an_error() -> None:
    (session,) = of(suite('<error message="no fixture"/>', attributes='name="com.example.Test"'))
    assert [(test.nodeid, test.outcome, test.message) for test in session.tests] == [
        ("com.example.Test", "error", "no fixture")
    ]


def test_properties_of_pytest_metadata_tell_where_it_ran() -> None:
    properties = (
        '<properties><property name="Python" value="3.8.18"/>'
        '<property name="Platform" value="Windows-10-10.0.20348-SP0"/>'
        """<property name="Packages" value="{'pytest': '8.3.5', 'pluggy': '1.5.0'}"/></properties>"""
    )
    (session,) = of(suite(properties))
    assert (session.python, session.platform, session.pytest) == ("3.8.18", "win32", "8.3.5")


@pytest.mark.parametrize(
    "classname, name, file, expected",
    [
        ("tests.test_a.TestX", "test_b[1]", "", "tests/test_a.py::TestX::test_b[1]"),
        ("tests.test_a", "test_b", "tests\\test_a.py", "tests/test_a.py::test_b"),
        ("my.pkg.test_a.TestX", "test_b", "my.pkg/test_a.py", "my.pkg/test_a.py::TestX::test_b"),
        ("pkg.things_test.TestX", "test_b", "", "pkg/things_test.py::TestX::test_b"),
        ("pkg.checks.CheckX", "check_b", "pkg/checks.py", "pkg/checks.py::CheckX::check_b"),
        ("com.example.CalcTest", "adds", "", "com.example.CalcTest::adds"),
        ("", "adds", "", "adds"),
        ("Math", "Adds", "src/math.cc", "src/math.cc::Math::Adds"),
    ],
)
def test_names_are_rebuilt(classname: str, name: str, file: str, expected: str) -> None:
    assert junit.node_id(classname, name, file=file) == expected


def test_the_files_of_the_project_decide_what_is_a_module() -> None:
    known = {"checks/Deep.py"}.__contains__
    assert junit.node_id("checks.Deep.Case", "works", known=known) == "checks/Deep.py::Case::works"
    guessed = junit.node_id("checks.Deep.Case", "works", of_python=True)
    assert guessed == "checks.py::Deep::Case::works"


def test_a_doctest_of_pytest_keeps_its_dotted_name() -> None:
    assert junit.node_id("src.pkg.core", "pkg.core.sign", of_python=True) == "src/pkg/core.py::pkg.core.sign"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0.5", 0.5), ("0,5", 0.5), ("1,234.5", 1234.5), ("1.234,5", 1234.5), ("2s", 2.0), ("1e-05", 1e-05),
        ("", None), (None, None), ("NaN", None), ("-1", None), ("soon", None), ("9" * 5000, None), ("1,2,3", 12.3),
    ],
)  # fmt: skip
def test_durations_come_with_any_separator(text: str | None, expected: float | None) -> None:
    assert junit.seconds(text) == expected


def test_a_time_without_a_zone_is_unknown_unless_one_is_given() -> None:
    assert junit.time("2026-01-15T12:00:00", None) is None
    assert junit.time("2026-01-15T12:00:00", timezone(timedelta(hours=2))) == datetime(
        2026, 1, 15, 10, tzinfo=UTC
    )
    assert junit.time("2026-01-15T12:00:00.5+01:00", None) == datetime(
        2026, 1, 15, 11, 0, 0, 500000, tzinfo=UTC
    )
    assert junit.time("yesterday", UTC) is None
    assert junit.time("0001-01-01T00:00:00+10:00", None) is None


def test_a_file_that_is_cut_off_yields_what_stands_before_it() -> None:
    whole = (CASES / "pytest-9.2-xunit2.xml").read_bytes()
    report = junit.read_report(io.BytesIO(whole[: len(whole) // 2]))
    (session,) = report.sessions
    assert not session.complete
    assert session.consistent is False
    assert session.tests[0].nodeid == "tests/sub/test_broken.py"
    (sentence,) = report.unreadable
    assert "line" in sentence


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "gbk", "shift_jis"]
)
def test_any_encoding_that_is_declared_is_read(encoding: str) -> None:
    word = {"gbk": "测试", "shift_jis": "テスト"}.get(encoding, "prüfen")
    name = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{name}"?>' + suite(
        f'<testcase classname="tests.test_a" name="{word}"/>'
    )
    (session,) = of(text.encode(encoding))
    assert session.tests[0].nodeid == f"tests/test_a.py::{word}"


def test_a_file_that_was_written_anew_with_its_old_declaration_is_read() -> None:
    (session,) = of('<?xml version="1.0" encoding="utf-16"?>' + suite('<testcase classname="a" name="b"/>'))
    assert len(session.tests) == 1


@pytest.mark.parametrize(
    "broken", [b"\x1b[31mred", b"&#27;[31mred", b"&#x1B;[31mred", b"&#x0;red", b"\x00red"], ids=repr
)
def test_characters_that_xml_forbids_do_not_cost_the_report(broken: bytes) -> None:
    whole = suite('<testcase classname="tests.test_a" name="b"><failure>TEXT</failure></testcase>').encode()
    (session,) = of(b"\n " + whole.replace(b"TEXT", broken))
    assert session.complete
    assert (session.tests[0].traceback or "").endswith("red")


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + suite(
        '<testcase classname="a" name="&b;"/>'
    )
    with pytest.raises(ArgosError, match="entity"):
        of(bomb)


def test_no_file_is_opened_for_an_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    text = f'<!DOCTYPE testsuite [<!ENTITY x SYSTEM "{secret.as_uri()}">]>' + suite(
        '<testcase classname="a" name="b"><failure>&x;</failure></testcase>'
    )
    with pytest.raises(ArgosError, match="entity"):
        of(text)


def test_elements_nested_without_end_are_cut_off() -> None:
    report = junit.read_report(io.BytesIO(b"<testsuite>" * 5000))
    assert "nested" in report.unreadable[0]


def test_a_text_without_end_is_cut() -> None:
    text = "x" * 3_000_000
    (session,) = of(
        suite(f'<testcase classname="a" name="b"><failure message="m">{text}</failure></testcase>')
    )
    assert len(session.tests[0].traceback or "") == junit.MAX_TEXT


@pytest.mark.parametrize("text", ["", "no xml", "<html></html>", "<coverage/>", "\0\0\0", "<testsuit"])
def test_what_is_no_junit_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ArgosError, match="no JUnit report"):
        of(text)


def never_crashes(data: bytes) -> None:
    try:
        report = junit.read_report(io.BytesIO(data))
    except ArgosError:
        return
    assert all(sum(session.counts.values()) >= len(session.tests) for session in report.sessions)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    never_crashes(data)
    never_crashes(b"<testsuite><testcase>" + data)


@given(st.sampled_from(sorted(CASES.glob("*.xml"))), st.data())
def test_no_damage_to_a_report_crashes_the_reader(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    never_crashes(whole[:start] + data.draw(st.binary(max_size=30)) + whole[end:])


NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="[]_- :."), min_size=1)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["", "<failure/>", "<error/>", "<skipped/>"])), max_size=8))
def test_no_case_is_lost_and_every_case_is_counted(cases: list[tuple[str, str]]) -> None:
    text = "".join(f'<testcase classname="x" name="{name}">{inner}</testcase>' for name, inner in cases)
    (session,) = of(suite(text, attributes=f'name="x" tests="{len(cases)}"'))
    assert len(session.tests) == len(cases) == sum(session.counts.values())
    assert session.consistent is True
