"""What the journal says of each test, beside what pytest says."""

from __future__ import annotations

import re

import pytest

from targets import interpreter

SUITE = {
    "tests/test_all.py": """
        import unittest
        import pytest

        def test_pass(): pass
        def test_fail(): assert 1 == 2, "they differ"
        def test_raise(): raise ValueError("bad value\\nsecond line")
        @pytest.fixture
        def broken_setup(): raise RuntimeError("no set-up")
        @pytest.fixture
        def broken_teardown():
            yield
            raise RuntimeError("no tear-down")
        def test_setup_error(broken_setup): pass
        def test_teardown_error(broken_teardown): pass
        def test_fails_twice(broken_teardown): assert 0, "no call"
        @pytest.mark.skip(reason="not today")
        def test_skip(): pass
        def test_skip_inside(): pytest.skip("halfway")
        @pytest.mark.xfail(reason="known")
        def test_xfail(): assert 0
        def test_xfail_inside(): pytest.xfail("known inside")
        @pytest.mark.xfail(reason="was known")
        def test_xpass(): pass
        @pytest.mark.xfail(strict=True, reason="must fail")
        def test_xpass_strict(): pass
        @pytest.mark.xfail(reason="known")
        def test_xfail_in_setup(broken_setup): pass
        @pytest.mark.parametrize("number", [1])
        def test_parameters(number): pass
        def test_exits(): raise SystemExit(3)
        def test_missing_fixture(nobody): pass

        class TestCase(unittest.TestCase):
            def test_ok(self): pass
            def test_wrong(self): self.assertEqual(1, 2)
            @unittest.skip("never")
            def test_never(self): pass
            @unittest.expectedFailure
            def test_expected(self): self.fail()
    """,
    "README.txt": ">>> 1 + 1\n3\n",
    "conftest.py": """
        import pytest

        NEW = int(pytest.__version__.split(".")[0]) >= 7

        def sheet_of(path, parent):
            if str(path).endswith(".yaml"):
                return Sheet.from_parent(parent, **{"path" if NEW else "fspath": path})

        if NEW:
            def pytest_collect_file(file_path, parent): return sheet_of(file_path, parent)
        else:
            def pytest_collect_file(path, parent): return sheet_of(path, parent)

        class Sheet(pytest.File):
            def collect(self):
                yield Line.from_parent(self, name="first line")

        class Line(pytest.Item):
            def runtest(self): raise ArithmeticError("not a number")
            def repr_failure(self, excinfo): return "the sheet is wrong"
            def reportinfo(self): return "sheet", 0, "sheet"
    """,
    "sheet.yaml": "",
}
OUTCOMES = {
    "test_pass": "passed",
    "test_fail": "failed",
    "test_raise": "failed",
    "test_setup_error": "error",
    "test_teardown_error": "error",
    "test_fails_twice": "failed",
    "test_skip": "skipped",
    "test_skip_inside": "skipped",
    "test_xfail": "xfailed",
    "test_xfail_inside": "xfailed",
    "test_xpass": "xpassed",
    "test_xpass_strict": "failed",
    "test_xfail_in_setup": "xfailed",
    "test_parameters[1]": "passed",
    "test_exits": "failed",
    "test_missing_fixture": "error",
    "TestCase::test_ok": "passed",
    "TestCase::test_wrong": "failed",
    "TestCase::test_never": "skipped",
    "TestCase::test_expected": "xfailed",
    "README.txt": "failed",
    "first line": "failed",
}
MESSAGES = {
    "test_fail": "AssertionError: they differ\nassert 1 == 2",
    "test_raise": "ValueError: bad value\nsecond line",
    "test_setup_error": "RuntimeError: no set-up",
    "test_teardown_error": "RuntimeError: no tear-down",
    "test_fails_twice": "AssertionError: no call\nassert 0\nAlso in teardown: RuntimeError: no tear-down",
    "test_skip": "not today",
    "test_skip_inside": "halfway",
    "test_xfail": "known",
    "test_xfail_inside": "known inside",
    "test_xpass": "was known",
    "test_exits": "SystemExit: 3",
    "test_missing_fixture": "fixture 'nobody' not found",
    "TestCase::test_wrong": "AssertionError: 1 != 2",
    "TestCase::test_never": "never",
    "first line": "the sheet is wrong",
}


@pytest.fixture(scope="module")
def suite(project):
    return project(SUITE).run("--doctest-glob=*.txt")


def test_each_outcome_is_folded_as_pytest_counts_it(suite):
    run = suite

    assert {name.replace("README.txt::", ""): outcome for name, outcome in run.outcomes.items()} == OUTCOMES
    assert run.exit == 1
    said = {word.rstrip("s"): int(n) for n, word in re.findall(r"(\d+) (\w+)", run.printed.splitlines()[-1])}
    told = list(run.outcomes.values())
    # pytest counts a failing tear-down beside the outcome of the call: twice here.
    assert said["failed"] == told.count("failed")
    assert said["error"] == told.count("error") + 1
    assert said["passed"] == told.count("passed") + 1
    assert (said["skipped"], said["xfailed"], said["xpassed"]) == tuple(
        told.count(outcome) for outcome in ("skipped", "xfailed", "xpassed")
    )


def test_a_result_says_why_and_only_a_failure_carries_its_traceback(suite):
    run = suite

    messages = {result["id"].partition("::")[2]: result.get("message") for result in run.results}
    assert {name: messages[name] for name in MESSAGES} == MESSAGES
    assert "must fail" in messages["test_xpass_strict"]
    assert "README.txt:1: DocTestFailure" in messages["README.txt"]
    for result in run.results:
        assert ("traceback" in result) == (result["outcome"] in ("failed", "error"))
        assert ("message" in result) <= (result["outcome"] != "passed")
    assert "def test_raise()" in run.result("test_raise")["traceback"]


def test_a_traceback_keeps_the_indentation_of_its_first_line(project):
    run = project({"test_a.py": "def test_1():\n    number = 1\n    assert number == 2\n"}).run()

    assert run.result("test_1")["traceback"].startswith(
        "    def test_1():\n        number = 1\n>       assert"
    )


def test_a_failure_of_the_tear_down_follows_that_of_the_call(suite):
    result = suite.result("test_fails_twice")
    call, _, teardown = result["traceback"].partition("\n\n---- also in teardown ----\n")

    assert (result["outcome"], result["when"]) == ("failed", "call")
    assert "def test_fails_twice(" in call
    assert "RuntimeError" not in call
    assert teardown.startswith("    @pytest.fixture")
    assert 'raise RuntimeError("no tear-down")' in teardown


def test_colours_that_are_forced_do_not_reach_the_journal(edge_project):
    run = edge_project({"test_a.py": "def test_1(): assert 0\n"}).run(env={"PY_COLORS": "1"})

    assert "\x1b[" in run.printed
    assert "\x1b[" not in run.result("test_1")["traceback"] + run.result("test_1")["message"]


def test_several_failures_share_the_limits(plain_project):
    suite = {
        "test_a.py": """
        import pytest
        @pytest.fixture
        def broken():
            yield
            raise RuntimeError("second" + "y" * 5_000 + "end")
        def test_1(broken): raise ValueError("first" + "x" * 5_000)
        """
    }
    result = (
        plain_project(suite).run(limits={"message": 100, "traceback": 1000, "output": 2000}).result("test_1")
    )

    assert result["message"].startswith("ValueError: first")
    assert result["message"].endswith("end")
    assert "characters left out" in result["message"]
    assert max(len(result["message"]), len(result["traceback"]) - 900) < 200


def test_times_and_phases_are_told(plain_project):
    run = plain_project(
        {
            "test_a.py": """
            import time, pytest
            @pytest.fixture
            def slow():
                time.sleep(0.02)
                yield
                time.sleep(0.02)
            def test_slow(slow): time.sleep(0.02)
            @pytest.mark.skip
            def test_skip(): pass
            """
        }
    ).run("-p", "no:randomly")

    slow = run.result("test_slow")
    assert min(slow["setup"], slow["call"], slow["teardown"]) >= 0.02
    assert run.events("session")[0]["at"] < slow["at"] < run.result("test_skip")["at"]
    assert "when" not in slow
    assert (run.result("test_skip")["when"], run.result("test_skip")["call"]) == ("setup", 0.0)


def test_a_start_comes_before_each_result(plain_project):
    run = plain_project({"test_a.py": "def test_1(): pass\ndef test_2(): pass\n"}).run()

    order = [
        (event["t"], event.get("id")) for event in run.journals["0"] if event["t"] in ("start", "result")
    ]
    assert order == [
        ("start", "test_a.py::test_1"), ("result", "test_a.py::test_1"),
        ("start", "test_a.py::test_2"), ("result", "test_a.py::test_2"),
    ]  # fmt: skip


def test_a_result_is_in_the_journal_before_the_next_test_starts(plain_project):
    project = plain_project(
        {
            "test_a.py": """
            import json, os
            def results(): return [json.loads(line) for line in open(os.environ["JOURNAL"]) if '"result"' in line]
            def test_1(): assert not results()
            def test_2(): assert [result["outcome"] for result in results()] == ["passed"]
            def test_3(): os._exit(9)
            """
        }
    )
    run = project.run("-p", "no:randomly", env={"JOURNAL": str(project.root.parent / "journal0" / "0.jsonl")})

    assert run.exit == 9
    assert run.outcomes == {"test_1": "passed", "test_2": "passed"}
    assert run.events("start")[-1]["id"] == "test_a.py::test_3"
    assert not run.events("finish")


def test_output_is_kept_of_failing_tests_only(edge_project):
    run = edge_project(
        {
            "test_a.py": """
            import logging, sys, pytest
            @pytest.fixture
            def noisy():
                print("set-up")
                yield
                print("tear-down")
            def test_fail(noisy):
                print("to stdout")
                print("to stderr", file=sys.stderr)
                logging.getLogger().warning("to the log")
                assert 0
            def test_pass(noisy): print("nobody reads this")
            """
        }
    ).run()

    output = run.result("test_fail")["output"]
    for text in (
        "set-up",
        "to stdout",
        "to stderr",
        "to the log",
        "tear-down",
        "---- Captured stdout call ----",
    ):
        assert text in output
    assert "output" not in run.result("test_pass")


def test_what_is_kept_is_bounded_and_says_so(plain_project):
    project = plain_project(
        {
            "test_a.py": """
            def test_big():
                print("head" + "x" * 100_000 + "tail")
                raise ValueError("first" + "y" * 10_000 + "last")
            """
        }
    )
    result = project.run(limits={"message": 100, "traceback": 1000, "output": 2000}).result("test_big")

    assert result["message"].startswith("ValueError: first")
    assert result["message"].endswith("last")
    assert "\n[... 9921 characters left out ...]\n" in result["message"]
    assert len(result["traceback"]) < 1100
    assert len(result["output"]) < 2100
    assert "head" in result["output"]
    assert "tail" in result["output"]
    assert "characters left out" in result["output"]


def test_parameters_are_told_by_their_bounded_repr(edge_project):
    run = edge_project(
        {
            "test_a.py": """
            import pytest
            class Broken:
                def __repr__(self): raise RuntimeError("no repr")
            class Nested:
                def __repr__(self): return "<\\udc80\\0>"
            @pytest.mark.parametrize("big, broken, odd, plain", [("x" * 5000, Broken(), Nested(), None)], ids=["id"])
            def test_it(big, broken, odd, plain): pass
            def test_without(): pass
            """
        }
    ).run()

    params = run.result("test_it[id]")["params"]
    assert params["plain"] == "None"
    assert params["odd"] == "<\\udc80\\x00>"
    assert "RuntimeError" in params["broken"]
    assert max(map(len, params.values())) <= 200
    assert "params" not in run.result("test_without")


def test_a_failing_subtest_fails_the_test_with_its_message(project):
    run = project(
        {
            "test_a.py": """
            import unittest
            def test_some(subtests):
                for number in range(4):
                    with subtests.test(number=number):
                        assert number not in (1, 2), f"number {number}"
            def test_fine(subtests):
                with subtests.test("fine"): pass
            class TestCase(unittest.TestCase):
                def test_case(self):
                    for number in range(3):
                        with self.subTest(number=number):
                            self.assertNotEqual(number, 1)
            """
        }
    ).run()

    assert run.outcomes == {"test_some": "failed", "test_fine": "passed", "TestCase::test_case": "failed"}
    some = run.result("test_some")
    first, _, second = some["message"].partition("\nAlso in call: ")
    assert first.startswith("AssertionError: number 1")
    assert second.startswith("AssertionError: number 2")
    assert "Also in" not in second
    assert some["traceback"].count("---- also in call ----") == 1
    assert "1 == 1" in run.result("test_case")["message"]
    assert "Also in" not in run.result("test_case")["message"]


FLAKY = """
    import pytest
    @pytest.fixture
    def noisy(request):
        print("set-up")
    state = {"runs": 0}
    def test_second_time(noisy):
        state["runs"] += 1
        print("attempt", state["runs"])
        assert state["runs"] >= 2, "too early"
    def test_never(): raise ValueError("always")
    def test_at_once(): pass
"""


def test_each_rerun_is_an_attempt(project):
    run = project({"test_a.py": FLAKY}).run("--reruns=2", "-p", "no:randomly")

    attempts = [(r["id"].partition("::")[2], r["attempt"], r["outcome"]) for r in run.results]
    assert attempts == [
        ("test_second_time", 0, "failed"), ("test_second_time", 1, "passed"),
        ("test_never", 0, "failed"), ("test_never", 1, "failed"), ("test_never", 2, "failed"),
        ("test_at_once", 0, "passed"),
    ]  # fmt: skip
    assert run.results[0]["message"].startswith("AssertionError: too early")
    assert "attempt 1" in run.results[0]["output"]
    assert len(run.events("start")) == 6


def test_the_output_of_an_attempt_is_its_own(edge_project):
    run = edge_project({"test_a.py": FLAKY.replace(">= 2", ">= 9")}).run("--reruns=1", "-p", "no:randomly")

    first, second = (r["output"] for r in run.results if r["id"].endswith("second_time"))
    assert ("attempt 1" in first, "attempt 2" in first) == (True, False)
    assert ("attempt 1" in second, "attempt 2" in second) == (False, True)


def test_reruns_by_the_flaky_plugin_are_attempts(make_project):
    suite = {"test_a.py": FLAKY}
    run = make_project(interpreter("3.8", "pytest-6.2"), suite).run(
        "--force-flaky", "--max-runs=2", "--no-flaky-report"
    )

    attempts = [(r["id"].partition("::")[2], r["attempt"], r["outcome"]) for r in run.results]
    assert attempts == [
        ("test_second_time", 0, "failed"), ("test_second_time", 1, "passed"),
        ("test_never", 0, "failed"), ("test_never", 1, "failed"),
        ("test_at_once", 0, "passed"),
    ]  # fmt: skip


def test_an_attempt_is_in_the_journal_before_the_next_one_starts(plain_project):
    suite = {
        "test_a.py": """
        import os
        state = []
        def test_dies_in_its_second_attempt():
            state.append(1)
            if len(state) > 1: os._exit(9)
            assert 0
        """
    }
    run = plain_project(suite).run("--reruns=3")

    assert [(result["attempt"], result["outcome"]) for result in run.results] == [(0, "failed")]
    assert len(run.events("start")) == 2


def test_the_same_test_twice_in_a_run_is_another_attempt(plain_project):
    run = plain_project({"test_a.py": "def test_1(): pass\n"}).run(
        "--keep-duplicates", "test_a.py", "test_a.py"
    )

    assert [result["attempt"] for result in run.results] == list(range(len(run.collected)))


def test_a_test_in_a_forked_process_is_recorded_once_by_its_parent(make_project):
    suite = {
        "test_a.py": "import os\ndef test_1(): pass\ndef test_2(): assert 0\ndef test_3(): os._exit(7)\n"
    }
    run = make_project(interpreter("3.8", "pytest-6.2"), suite).run("--forked")

    assert run.outcomes == {"test_1": "passed", "test_2": "failed", "test_3": "error"}
    assert len(run.results) == 3


def test_a_file_that_cannot_be_collected_is_an_error_of_the_file(edge_project):
    suite = {"sub/test_bad.py": "import not_there\n", "test_good.py": "def test_1(): pass\n"}
    run = edge_project(suite).run("--continue-on-collection-errors", prefix="forge/")

    (bad,) = [result for result in run.results if result["outcome"] == "error"]
    assert (bad["id"], bad["when"]) == ("forge/sub/test_bad.py", "collect")
    assert "No module named 'not_there'" in bad["message"]
    assert "not_there" in bad["traceback"]
    assert run.events("collected")[0]["errors"] == ["forge/sub/test_bad.py"]
    assert run.outcomes["test_1"] == "passed"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"def test_1(:\n", r"SyntaxError: .*invalid.*"),
        (b"if 1:\npass\n", r"IndentationError: expected an indented block.*"),
        (b'text = "\xff\xfe"\n', r"SyntaxError: .*'utf-8' codec can.t decode .*"),
    ],
    ids=["syntax", "indentation", "undecodable"],
)
def test_a_file_that_is_no_python_says_what_is_wrong_and_where(edge_project, source, error):
    project_ = edge_project({})
    (project_.root / "test_s.py").write_bytes(source)
    (bad,) = project_.run().results

    assert (bad["id"], bad["outcome"], bad["when"]) == ("test_s.py", "error", "collect")
    assert re.fullmatch(error + r' \(File ".*test_s\.py", line \d+\)', bad["message"]), bad["message"]
    assert "test_s.py" in bad["traceback"]


def test_odd_ids_are_one_line_of_plain_text(project):
    suite = {
        "test_a.py": """
        import pytest
        @pytest.mark.parametrize("x", range(6))
        def test_it(x): pass
        """,
        "conftest.py": """
        ODD = ["a b::c", "line\\nend", "lone \\udc80", "nul\\0", "x" * 10_000, "\\u00e9\\u4e2d"]
        def pytest_collection_modifyitems(items):
            for item, odd in zip(items, ODD):
                name = item.nodeid.split("[")[0] + "[" + odd + "]"
                if hasattr(item, "_nodeid"): item._nodeid = name
                else: item._id = type(item._id).parse(name)
        """,
    }
    project_ = project(suite)
    session = project_.start()
    session.until("collected")
    session.answer({"run_ids": ["test_a.py::test_it[line\\nend]", "test_a.py::test_it[lone \\udc80]"]})
    run = session.end()

    tails = ["a b::c", "line\\nend", "lone \\udc80", "nul\\x00", "x" * 10_000, "é中"]
    assert run.collected == [f"test_a.py::test_it[{tail}]" for tail in tails]
    assert [result["id"] for result in run.results] == run.collected[1:3]


def test_ids_are_relative_to_the_root_of_the_project(edge_project):
    project_ = edge_project({"forge/pytest.ini": "[pytest]\n", "forge/tests/test_a.py": "def test_1(): pass\n",
                        "shared/test_b.py": "def test_2(): pass\n"})  # fmt: skip
    run = project_.run("--rootdir=.", "tests", "../shared", cwd=project_.root / "forge", prefix="forge/")

    assert sorted(run.collected) == ["forge/tests/test_a.py::test_1", "shared/test_b.py::test_2"]
    assert sorted(result["id"] for result in run.results) == sorted(run.collected)
