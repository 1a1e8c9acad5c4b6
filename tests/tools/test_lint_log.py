"""Findings of linters, in the forms in which the tools print them."""

from __future__ import annotations

import pytest

from argos.tools.lint_log import LintLines


def findings(script: str, *lines: str) -> list[tuple[object, ...]]:
    reader = LintLines()
    reader.begin(script.split("\n"))
    for line in lines:
        reader.take(line)
    return [(v.tool, v.path, v.line, v.column, v.code, v.message, v.severity) for v in reader.violations]


@pytest.mark.parametrize(
    ("script", "line", "finding"),
    [
        ("flake8", "./a/b.py:5:80: E501 line too long (141 > 79 characters)",
         ("flake8", "./a/b.py", 5, 80, "E501", "line too long (141 > 79 characters)", "WARNING")),
        ("flake8 --format=pylint", "a.py:1: [F401] 'os' imported but unused",
         ("flake8", "a.py", 1, None, "F401", "'os' imported but unused", "ERROR")),
        ("flake8", "src\\b.py:1:6: E999 SyntaxError: invalid syntax",
         ("flake8", "src/b.py", 1, 6, "E999", "SyntaxError: invalid syntax", "ERROR")),
        ("flake8", "C:\\x\\b.py:1:6: W291 trailing whitespace",
         ("flake8", "C:/x/b.py", 1, 6, "W291", "trailing whitespace", "WARNING")),
        ("ruff check .", "a.py:1:8: F401 [*] `os` imported but unused",
         ("ruff", "a.py", 1, 8, "F401", "`os` imported but unused", "ERROR")),
        ("ruff check .", "a.py:1: [I001] Import block is un-sorted",
         ("ruff", "a.py", 1, None, "I001", "Import block is un-sorted", "WARNING")),
        ("ruff format --check", "Would reformat: a b.py",
         ("ruff", "a b.py", None, None, "unformatted", "Would reformat: a b.py", "WARNING")),
        ("pylint shop", "a.py:4:4: W0612: Unused variable 'l' (unused-variable)",
         ("pylint", "a.py", 4, 5, "W0612", "Unused variable 'l' (unused-variable)", "WARNING")),
        ("pylint shop", "a.py:1:0: C0114: Missing module docstring (missing-module-docstring)",
         ("pylint", "a.py", 1, 1, "C0114", "Missing module docstring (missing-module-docstring)", "INFO")),
        ("mypy .", 'a.py:5: error: Incompatible return value type (got "int")  [return-value]',
         ("mypy", "a.py", 5, None, "return-value", 'Incompatible return value type (got "int")', "ERROR")),
        ("mypy .", "a.py:5:12: note: See the documentation",
         ("mypy", "a.py", 5, 12, "note", "See the documentation", "INFO")),
        ("mypy .", "a.py: error: Source file found twice under different module names",
         ("mypy", "a.py", None, None, "error", "Source file found twice under different module names", "ERROR")),
        ("black --check .", "would reformat src/a.py",
         ("black", "src/a.py", None, None, "would-reformat", "would reformat src/a.py", "WARNING")),
        ("black --check .", "error: cannot format a.py: Cannot parse: 1:4: def (",
         ("black", "a.py", None, None, "cannot-format", "Cannot parse: 1:4: def (", "ERROR")),
        ("isort --check .", "ERROR: /w/a.py Imports are incorrectly sorted and/or formatted.",
         ("isort", "/w/a.py", None, None, "unsorted-imports", "Imports are incorrectly sorted and/or formatted.",
          "WARNING")),
    ],
)  # fmt: skip
def test_each_tool_is_read_in_its_own_form(script, line, finding):
    assert findings(script, line) == [finding]


def test_ruff_tells_the_code_first_and_the_place_after():
    lines = [
        "F401 [*] `os` imported but unused",
        " --> a/b.py:1:8",
        "  |",
        "1 | import os, sys",
        "  |        ^^",
    ]
    assert findings("ruff check .", *lines) == [
        ("ruff", "a/b.py", 1, 8, "F401", "`os` imported but unused", "ERROR")
    ]


def test_ruff_groups_findings_below_their_file():
    lines = [
        "a/b.py:",
        "  1:8  F401 [*] `os` imported but unused",
        "  4:5  E741 Ambiguous name",
        "",
        "Found 2 errors.",
    ]
    assert [found[1:5] for found in findings("ruff check .", *lines)] == [
        ("a/b.py", 1, 8, "F401"),
        ("a/b.py", 4, 5, "E741"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "1     E501 line too long (141 > 79 characters)",
        "All done! ✨ 🍰 ✨",
        "1 file would be reformatted, 3 files would be left unchanged.",
        "Found 2 errors in 1 file (checked 1 source file)",
        "+a.py:1:1: E501 line too long",
        "    a.py:1:1: E501 line too long",
        "************* Module bad",
        "12:30:01: I am a clock",
        "import os, sys",
    ],
)
def test_other_lines_of_linters_are_no_findings(line):
    assert findings("flake8 && black && ruff check && mypy && pylint", line) == []


def test_a_step_prints_findings_of_the_tools_that_it_runs():
    line = "a.py:1:1: E501 line too long"
    assert findings("cat report.txt", line) == []
    assert findings("mypy .", line) == []
    assert findings("# flake8 comes later\necho", line) == []
    for script in ("python -m flake8 .", "tox -e lint", "pre-commit run -a", "make check", ""):
        assert [found[0] for found in findings(script, line)] == ["flake8"]
