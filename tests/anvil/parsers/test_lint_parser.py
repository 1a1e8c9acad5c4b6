from __future__ import annotations

import pytest

from argos.anvil.parsers.lint_parser import LintParser
from argos.errors import ArgosError

FLAKE8 = """\
a.py:1:1: F401 'os' imported but unused
a.py:5:12: F821 undefined name 'x'
b.py:3:1: E302 expected 2 blank lines, found 0
b.py:9:1: C901 'f' is too complex (12)
what is this
"""


def test_violations_come_in_their_order_and_the_rest_is_kept():
    parser = LintParser()
    assert [each.code for each in parser.parse_flake8(FLAKE8)] == ["F401", "F821", "E302", "C901"]
    assert parser.not_understood == ["what is this"]
    parser.parse_flake8("")
    assert parser.not_understood == []


@pytest.mark.parametrize(
    "method, output, code",
    [
        ("parse_black", "would reformat a.py\n", "would-reformat"),
        ("parse_isort", "ERROR: a.py Imports are incorrectly sorted and/or formatted.\n", "unsorted-imports"),
        ("parse_pylint", "a.py:1:0: C0114: Missing module docstring (missing-module-docstring)\n", "C0114"),
        ("parse_ruff", "a.py:1:8: F401 [*] `os` imported but unused\n", "F401"),
        ("parse_mypy", 'a.py:7: error: Name "x" is not defined  [name-defined]\n', "name-defined"),
        ("parse_checkstyle", '<checkstyle><file name="a.py"><error source="t.X"/></file></checkstyle>', "X"),
        ("parse", "a.py:1:8: F401 'os' imported but unused\n", "F401"),
    ],
)
def test_every_tool_has_its_reader(method, output, code):
    (found,) = getattr(LintParser(), method)(output)
    assert (found.path, found.code) == ("a.py", code)


def test_violations_fall_into_groups_the_largest_first():
    parser = LintParser()
    found = parser.parse_flake8(FLAKE8)
    by = {how: {k: len(v) for k, v in parser.categorize_violations(found, how).items()} for how in (
        "severity", "code", "file", "category"
    )}  # fmt: skip
    assert by["severity"] == {"WARNING": 2, "ERROR": 1, "INFO": 1}
    assert by["file"] == {"a.py": 2, "b.py": 2}
    assert by["code"] == {"C901": 1, "E302": 1, "F401": 1, "F821": 1}
    assert by["category"] == {"complexity": 1, "errors": 1, "imports": 1, "style": 1}


def test_the_score_is_of_density_and_severity():
    parser = LintParser()
    found = parser.parse_flake8(FLAKE8)
    assert parser.calculate_quality_score([], 10) == 100
    assert parser.calculate_quality_score(found, 100) == pytest.approx(100 / (1 + 10 / 20))
    assert parser.calculate_quality_score(found, 1000) > parser.calculate_quality_score(found, 100)


def test_no_sarif_is_refused():
    with pytest.raises(ArgosError):
        LintParser().parse_sarif("{}")
