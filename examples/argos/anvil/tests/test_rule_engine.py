import pytest
from anvil.rule_engine import failed_in_last, failure_rate, matching

NAMES = ["tests/test_a.py::test_one", "tests/test_a.py::test_two", "tests/test_b.py::test_one"]


@pytest.mark.parametrize("glob, count", [("*", 3), ("tests/test_a.py*", 2), ("*::test_one", 2), ("nothing", 0)])
def test_a_glob_picks_names(glob, count):
    assert len(matching(NAMES, [glob])) == count


def test_a_name_is_picked_once():
    assert matching(NAMES, ["*", "*::test_one"]) == NAMES


@pytest.mark.parametrize("outcomes, rate", [("P", 0.0), ("F", 1.0), ("PF", 0.5), ("PPPF", 0.25), ("SPFS", 0.5)])
def test_a_rate_is_a_share_of_what_ran(outcomes, rate):
    assert failure_rate(outcomes) == rate


@pytest.mark.parametrize("outcomes", ["", "SSS"])
def test_nothing_run_has_no_rate(outcomes):
    assert failure_rate(outcomes) is None


@pytest.mark.parametrize("outcomes, expected", [("FPPPP", True), ("FPPPPP", False), ("PPPPF", True), ("", False)])
def test_the_window_ends_at_the_newest(outcomes, expected):
    assert failed_in_last(outcomes, 5) is expected
