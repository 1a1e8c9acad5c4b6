"""mypy: one JSON object a line, or `path:line:column: error: message  [code]`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from argos.model.ci import LintViolation
from argos.model.quality import ERROR, INFO, WARNING, ToolOutput
from argos.tools.lint_lines import lines_of, of_python, place, violation

NAME = "mypy"
_COMMON = ("--no-error-summary", "--no-pretty", "--no-color-output", "--hide-error-context")
ARGUMENTS = ("--output=json", *_COMMON)
# For versions before 1.11, which refuse the option above with exit code 2.
PARALLEL: tuple[str, ...] = ()
ON_STANDARD_ERROR = False
# It checks nothing at all as long as one of the files has a syntax error.
STOPS_AT_BROKEN_FILES = True
FALLBACK: tuple[str, ...] | None = ("--show-column-numbers", "--show-error-codes", *_COMMON)
# 2 also is how it ends over a syntax error, which its output then names.
FOUND = frozenset({0, 1, 2})

NO_CODE = "misc"
LONGEST_MESSAGE = 8
_CODE_AT_END = re.compile(r"\s*\[([a-z0-9-]+)\]$")
_LINE = re.compile(
    r"(?P<path>(?:[A-Za-z]:)?[^:\n]+):(?:(?P<line>\d+):)?(?:(?P<column>\d+):)?(?:\d+:\d+:)? "
    r"(?P<kind>error|warning|note): (?P<text>.*?)(?:  \[(?P<code>[a-z0-9-]+)\])?"
)
_KNOWN = re.compile(r"(?:Found \d+ errors? in .*|Success: .*|\s*|\s+\^[~^]*\s*|Installing missing stub.*)")
_SEVERITIES = {"error": ERROR, "warning": WARNING, "note": INFO}


def options(written: Mapping[str, Any]) -> tuple[str, ...]:
    return ("--strict",) if written.get("strict") else ()


def read(text: str) -> ToolOutput:
    """The errors of either format; notes explain an error and are none of their own."""
    violations: list[LintViolation] = []
    strange: list[str] = []
    lines = _unwrapped(lines_of(text))
    for position, line in enumerate(lines):
        found = _from_json(line) if line.startswith("{") else _from_line(line)
        if found is not None:
            if found.severity != INFO:
                violations.append(found)
        elif not _KNOWN.fullmatch(line) and not of_python(line) and not _is_source(lines, position):
            strange.append(line)
    broken = dict.fromkeys(v.path for v in violations if v.code == "syntax" and v.path)
    return ToolOutput(tuple(violations), tuple(strange), tuple(broken))


def _unwrapped(lines: list[str]) -> list[str]:
    """With `--pretty` a message goes on in the next lines, of which the last one ends with its code."""
    found: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        head = None if line.startswith("{") else _LINE.fullmatch(line)
        if head is not None and head["code"] is None and head["kind"] != "note":
            for length, following in enumerate(lines[position : position + LONGEST_MESSAGE], 1):
                if not following or following[0] == " " or _LINE.fullmatch(following):
                    break
                if _CODE_AT_END.search(following):
                    words = " ".join(part.strip() for part in (line, *lines[position : position + length]))
                    line = _CODE_AT_END.sub(r"  [\1]", words)
                    position += length
                    break
        found.append(line)
    return found


def _from_json(line: str) -> LintViolation | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    path, message, kind = entry.get("file"), entry.get("message"), entry.get("severity")
    if not isinstance(path, str) or not isinstance(message, str) or kind not in _SEVERITIES:
        return None
    code = entry.get("code") if isinstance(entry.get("code"), str) else NO_CODE
    column = place(entry.get("column"), from_zero=True)
    return violation(NAME, path, str(code), message, entry.get("line"), column, _SEVERITIES[kind])


def _from_line(line: str) -> LintViolation | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    code = found["code"] or NO_CODE
    severity = _SEVERITIES[found["kind"]]
    return violation(NAME, found["path"], code, found["text"], found["line"], found["column"], severity)


def _is_source(lines: list[str], position: int) -> bool:
    """With `--pretty` a line of source stands between an error and a line of carets."""
    return any(re.fullmatch(r"\s+\^[~^]*\s*", following) for following in lines[position + 1 : position + 2])
