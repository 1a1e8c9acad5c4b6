"""ruff: a JSON list, or `path:line:column: CODE message`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from argos.model.ci import LintViolation
from argos.model.quality import ToolOutput
from argos.tools.lint_lines import json_in, lines_of, of_python, violation

NAME = "ruff"
# `--force-exclude`: what the project's configuration excludes is left out among named files, too.
ARGUMENTS = ("check", "--output-format=json", "--no-fix", "--force-exclude", "--quiet")
PARALLEL: tuple[str, ...] = ()
ON_STANDARD_ERROR = False
STOPS_AT_BROKEN_FILES = False
FALLBACK: tuple[str, ...] | None = None
FOUND = frozenset({0, 1})

SYNTAX = "invalid-syntax"
_LINE = re.compile(
    r"(?P<path>(?:[A-Za-z]:)?[^:\n]+):(?P<line>\d+):(?P<column>\d+): "
    r"(?P<code>[A-Z]+\d+|[a-z]+(?:-[a-z]+)+):? (?:\[\*\] )?(?P<text>.*)"
)
_KNOWN = re.compile(
    r"(?:Found \d+ errors?.*|\[\*\] \d+ (?:potentially )?fixable.*|All checks passed!|No fixes available.*"
    r"|\s*|warning: .*|error: Failed to .*)"
)


def options(written: Mapping[str, Any]) -> tuple[str, ...]:
    keys = {"line_length": "--line-length", "select": "--select", "ignore": "--ignore"}
    keys["extend_select"] = "--extend-select"
    return tuple(
        f"{flag}={_text(written[key])}" for key, flag in keys.items() if written.get(key) is not None
    )


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def read(text: str) -> ToolOutput:
    """The violations of ruff's JSON, or of its `concise` format."""
    found = json_in(text, "[")
    if found is None:
        return _from_lines(lines_of(text))
    before, entries, after = found
    violations: list[LintViolation] = []
    strange = [line for line in (*before, *after) if not _KNOWN.fullmatch(line) and not of_python(line)]
    for entry in entries:
        each = _from_entry(entry)
        if each is None:
            strange.append(str(entry)[:500])
        else:
            violations.append(each)
    return _result(violations, strange)


def _from_entry(entry: Any) -> LintViolation | None:
    if not isinstance(entry, dict):
        return None
    path, message, at = entry.get("filename"), entry.get("message"), entry.get("location")
    if not isinstance(path, str) or not isinstance(message, str):
        return None
    at = at if isinstance(at, dict) else {}
    # Versions before 0.12 have no code for a syntax error.
    code = entry.get("code") if isinstance(entry.get("code"), str) else SYNTAX
    return violation(NAME, path, str(code), message, at.get("row"), at.get("column"))


def _from_lines(lines: list[str]) -> ToolOutput:
    violations: list[LintViolation] = []
    strange: list[str] = []
    for line in lines:
        if found := _LINE.fullmatch(line):
            fields = found.groupdict()
            each = violation(
                NAME, fields["path"], fields["code"], fields["text"], fields["line"], fields["column"]
            )
            violations.append(each)
        elif not _KNOWN.fullmatch(line) and not of_python(line):
            strange.append(line)
    return _result(violations, strange)


def _result(violations: list[LintViolation], strange: list[str]) -> ToolOutput:
    broken = dict.fromkeys(v.path for v in violations if v.code in (SYNTAX, "E999", "E902") and v.path)
    return ToolOutput(tuple(violations), tuple(strange), tuple(broken))
