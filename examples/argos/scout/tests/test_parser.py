import pytest
from scout import parser


@pytest.mark.parametrize("word", ["PASSED", "FAILED", "SKIPPED", "ERROR"])
def test_a_line_tells_a_test_and_its_outcome(word):
    line = f"tests/test_a.py::test_b {word}           [ 50%]"
    assert parser.outcome(line) == ("tests/test_a.py::test_b", word)


def test_a_parameter_may_hold_spaces():
    assert parser.outcome("t.py::test[a b] PASSED [1%]") == ("t.py::test[a b]", "PASSED")


@pytest.mark.parametrize("line", ["", "collected 3 items", "PASSED", "== 1 passed in 0.1s =="])
def test_other_lines_tell_nothing(line):
    assert parser.outcome(line) is None


@pytest.mark.parametrize(
    "line, expected",
    [
        ("== 3 passed in 0.12s ==", {"passed": 3}),
        ("== 2 failed, 3 passed in 1s ==", {"failed": 2, "passed": 3}),
        ("== 1 skipped, 2 errors in 1s ==", {"skipped": 1, "error": 2}),
        ("no tests ran", {}),
    ],
)
def test_a_closing_line_has_counts(line, expected):
    assert parser.totals(line) == expected
