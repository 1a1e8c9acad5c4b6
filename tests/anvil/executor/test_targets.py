"""Whole executions in the environments of other projects: Python 3.8 to 3.13, pytest 6.2 to 9."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builders import anvil, project
from targets import edge_target, target

__all__ = ["edge_target", "target"]

OUTCOMES = """
import pytest

@pytest.fixture
def broken(): raise RuntimeError("set-up")

@pytest.fixture
def breaks_later():
    yield
    raise RuntimeError("tear-down")

def test_passes(): pass
def test_fails(): assert [1, 2] == [1, 3]
def test_set_up(broken): pass
def test_tear_down(breaks_later): pass
@pytest.mark.skip(reason="not today")
def test_skipped(): pass
@pytest.mark.xfail
def test_xfails(): assert 0
@pytest.mark.xfail
def test_xpasses(): pass
@pytest.mark.parametrize("name", ["a b", "x::y", "[z]"])
def test_parameters(name): pass
class TestClass:
    def test_method(self): pass
"""

FLAKY = """
import pathlib
def test_second_time():
    seen = pathlib.Path("seen")
    again = seen.exists()
    seen.touch()
    assert again
"""


def execute(root: Path, rule: str = "all", *args: str) -> dict[str, Any]:
    ran = anvil("execute", "--rule", rule, "--json", *args, project=root)
    assert ran.code in (0, 1), ran.err
    return {**ran.json, "code": ran.code}


def test_outcomes_are_folded_as_pytest_folds_them(tmp_path: Path, target: Path) -> None:
    told = execute(project(tmp_path, {"tests/test_a.py": OUTCOMES}, python=target))
    assert {each["entity"].partition("::")[2]: each["outcome"] for each in told["results"]} == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_set_up": "error",
        "test_tear_down": "error",
        "test_skipped": "skipped",
        "test_xfails": "xfailed",
        "test_xpasses": "xpassed",
        "test_parameters[a b]": "passed",
        "test_parameters[x::y]": "passed",
        "test_parameters[[z]]": "passed",
        "TestClass::test_method": "passed",
    }
    again = execute(tmp_path, "failed-in-last")
    picked = {each["entity"].partition("::")[2] for each in again["selected"]}
    assert picked == {"test_fails", "test_set_up", "test_tear_down"}
    shown = anvil("history", "show", again["execution_id"], "--json", project=tmp_path).json
    assert any("[1, 2] == [1, 3]" in result["traceback"] for result in shown["results"])
    assert shown["pytest_version"] == told["pytest"]


def test_a_rerun_is_an_attempt_of_its_own(tmp_path: Path, target: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = --reruns 2\n", "tests/test_a.py": FLAKY}
    told = execute(project(tmp_path, files, python=target))
    assert [(each["attempt"], each["outcome"]) for each in told["results"]] == [(0, "failed"), (1, "passed")]
    assert told["counts"]["passed"] == 1
    assert told["code"] == 0
    assert "Passed only when run again: tests/test_a.py::test_second_time." in told["notes"]
    flaky = anvil("stats", "flaky", "--json", project=tmp_path).json["flaky"]
    assert [(each["failed"], each["executed"]) for each in flaky] == [(1, 2)]


def test_the_projects_own_workers_are_used_and_named(tmp_path: Path, target: Path) -> None:
    tests = "".join(f"def test_{i}(): pass\n" for i in range(8))
    files = {
        "pytest.ini": "[pytest]\naddopts = -n 2\n",
        "tests/test_a.py": tests,
        "tests/test_b.py": "def test_x(): assert 0\n",
    }
    root = project(tmp_path, files, python=target)
    told = execute(root)
    assert (told["counts"]["passed"], told["counts"]["failed"]) == (8, 1)
    shown = anvil("history", "show", told["execution_id"], "--json", project=root).json
    assert {each["worker"] for each in shown["results"]} <= {"gw0", "gw1"}
    assert len(execute(root, "failed-in-last")["results"]) == 1


def test_a_worker_that_dies_is_told_and_its_test_is_named(tmp_path: Path, edge_target: Path) -> None:
    source = "import os\ndef test_dies(): os._exit(3)\ndef test_lives(): pass\n"
    files = {"pytest.ini": "[pytest]\naddopts = -n 2\n", "tests/test_a.py": source}
    told = execute(project(tmp_path, files, python=edge_target))
    outcomes = {each["entity"]: each["outcome"] for each in told["results"]}
    assert outcomes == {"tests/test_a.py::test_dies": "error", "tests/test_a.py::test_lives": "passed"}


COVERED = {
    "shop.py": "def sold():\n    return 1\n\n\ndef bought():\n    return 2\n\n\ndef lost():\n    return 3\n",
    "pytest.ini": "[pytest]\naddopts = --cov=shop --cov-fail-under=95\npythonpath = .\n",
    "tests/test_a.py": "import shop\ndef test_sold(): assert shop.sold() == 1\n",
    ".lens/rules.yaml": "rules:\n  - {name: part, criteria: group, groups: [tests/test_a.py]}\n",
}


def test_a_coverage_gate_holds_for_the_whole_suite_and_not_for_a_part(tmp_path: Path, target: Path) -> None:
    root = project(tmp_path, COVERED, python=target)
    whole = execute(root)
    assert (whole["code"], whole["counts"]["failed"]) == (1, 0)
    assert any("95" in note for note in whole["notes"]), whole["notes"]
    part = execute(root, "part")
    assert (part["code"], part["counts"]["passed"]) == (0, 1)
    assert any("cov-fail-under" in note for note in part["notes"]), part["notes"]


def test_a_subtest_that_fails_makes_its_test_fail(tmp_path: Path, target: Path) -> None:
    source = """
    import unittest
    class TestNumbers(unittest.TestCase):
        def test_each(self):
            for i in range(3):
                with self.subTest(i=i):
                    self.assertNotEqual(i, 1)
    """
    told = execute(project(tmp_path, {"tests/test_a.py": source}, python=target))
    assert [(each["entity"], each["outcome"]) for each in told["results"]] == [
        ("tests/test_a.py::TestNumbers::test_each", "failed")
    ]
