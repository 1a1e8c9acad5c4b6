"""isort: `ERROR: PATH Imports are incorrectly sorted and/or formatted.` on standard error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from argos.model.ci import LintViolation
from argos.model.quality import ERROR, INFO, ToolOutput
from argos.tools.lint_lines import lines_of, of_python, violation

NAME = "isort"
# `--filter-files`: what the project's configuration skips is skipped among named files, too.
ARGUMENTS = ("--check-only", "--filter-files")
PARALLEL: tuple[str, ...] = ("--jobs=-1",)
ON_STANDARD_ERROR = True
STOPS_AT_BROKEN_FILES = False
FALLBACK: tuple[str, ...] | None = None
FOUND = frozenset({0, 1})

CODE = "unsorted-imports"
BROKEN_CODE = "cannot-sort"

_UNSORTED = re.compile(r"(?:ERROR: )?(?P<path>.+?) Imports are incorrectly sorted(?: and/or formatted)?\.")
_BROKEN = re.compile(
    r"(?:ERROR|WARNING): (?:Unable to parse file|Unable to process file|Skipping) (?P<path>.+?)"
    r"(?: due to (?P<text>.*))?"
)
_KNOWN = re.compile(
    r"(?:Skipped \d+ files?|Broken \d+ paths?|SUCCESS: .*|Fixing .*|--- .*|\+\+\+ .*|@@ .*"
    r"|.*was skipped as it.*|WARNING: .*(?:was skipped|does not exist|listed in skip).*)"
)


def options(written: Mapping[str, Any]) -> tuple[str, ...]:
    keys = {"profile": "--profile", "line_length": "--line-length"}
    return tuple(f"{flag}={written[key]}" for key, flag in keys.items() if written.get(key) is not None)


def read(text: str) -> ToolOutput:
    """One violation for each file whose imports isort would move (INFO) or that it cannot read (ERROR)."""
    violations: list[LintViolation] = []
    strange: list[str] = []
    diff = False
    for line in lines_of(text):
        found = _violation(line)
        if found is not None:
            violations.append(found)
            diff = False
        elif line.startswith(("--- ", "+++ ", "@@ ")):
            diff = True
        elif not (
            not line.strip() or _KNOWN.fullmatch(line) or of_python(line) or (diff and line[0] in " +-")
        ):
            strange.append(line)
    broken = tuple(dict.fromkeys(v.path for v in violations if v.code == BROKEN_CODE and v.path))
    return ToolOutput(tuple(violations), tuple(strange), broken)


def _violation(line: str) -> LintViolation | None:
    if found := _UNSORTED.fullmatch(line):
        return violation(NAME, found["path"], CODE, "Imports are not sorted as isort would.", severity=INFO)
    if found := _BROKEN.fullmatch(line):
        why = found["text"] or "isort cannot read this file"
        return violation(NAME, found["path"], BROKEN_CODE, why, severity=ERROR)
    return None
