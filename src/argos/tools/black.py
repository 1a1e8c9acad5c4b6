"""black: `would reformat PATH` on standard error, and what it could not read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from argos.model.ci import LintViolation
from argos.model.quality import ERROR, INFO, ToolOutput
from argos.tools.lint_lines import lines_of, of_python, violation

NAME = "black"
ARGUMENTS = ("--check", "--no-color")
PARALLEL: tuple[str, ...] = ()
ON_STANDARD_ERROR = True
STOPS_AT_BROKEN_FILES = False
FALLBACK: tuple[str, ...] | None = None
# 123 says that some files could not be parsed; those are named.
FOUND = frozenset({0, 1, 123})

CODE = "would-reformat"
BROKEN_CODE = "cannot-format"

_WOULD = re.compile(r"(?:would reformat|reformatted) (?P<path>.+)")
_CANNOT = re.compile(r"error: cannot format (?P<path>(?:[A-Za-z]:)?[^:]+): (?P<text>.*)")
_CANNOT_PARSE = re.compile(r"error: cannot parse: (?P<path>.+?):(?P<line>\d+):(?P<column>\d+)")
_PLACE = re.compile(r"\b(?P<line>\d+):(?P<column>\d+)\b")
_SUMMARY = re.compile(
    r"(?:All done!|Oh no!|\d+ files? (?:would|left|reformatted|failed)|No Python files|No Path provided"
    r"|--- |\+\+\+ |@@ |Skipping |Identified |Using configuration|Sources to be|.* wasn't modified on disk"
    r"|.* already well formatted).*"
)


def options(written: Mapping[str, Any]) -> tuple[str, ...]:
    found = [] if written.get("line_length") is None else [f"--line-length={written['line_length']}"]
    return (*found, *(f"--target-version={each}" for each in written.get("target_version") or ()))


def read(text: str) -> ToolOutput:
    """One violation for each file that black would reformat (INFO) or cannot parse (ERROR)."""
    violations: list[LintViolation] = []
    strange: list[str] = []
    explains = diff = False
    for line in lines_of(text):
        found = _violation(line)
        if found is not None:
            violations.append(found)
            explains = found.code == BROKEN_CODE
            diff = False
        elif line.startswith(("--- ", "+++ ", "@@ ")):
            diff, explains = True, False
        elif _SUMMARY.fullmatch(line) or not line.strip() or of_python(line):
            explains = False
        elif not explains and not (diff and line[0] in " +-\\"):
            strange.append(line)
    broken = tuple(dict.fromkeys(v.path for v in violations if v.code == BROKEN_CODE and v.path))
    return ToolOutput(tuple(violations), tuple(strange), broken)


def _violation(line: str) -> LintViolation | None:
    if found := _WOULD.fullmatch(line):
        return violation(NAME, found["path"], CODE, "Black would reformat this file.", severity=INFO)
    if found := _CANNOT_PARSE.fullmatch(line):
        message = "Black cannot parse this file."
        return violation(NAME, found["path"], BROKEN_CODE, message, found["line"], found["column"], ERROR)
    if found := _CANNOT.fullmatch(line):
        at = _PLACE.search(found["text"])
        line_number, column = (at["line"], at["column"]) if at else (None, None)
        return violation(NAME, found["path"], BROKEN_CODE, found["text"], line_number, column, ERROR)
    return None
