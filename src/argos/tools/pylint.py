"""pylint: a JSON list (`json`), a JSON object (`json2`), or `path:line:column: C0114: message (symbol)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from argos.model.ci import LintViolation
from argos.model.quality import ERROR, INFO, WARNING, ToolOutput
from argos.tools.lint_lines import json_in, lines_of, of_python, place, violation

NAME = "pylint"
# `json` and not `json2`: every version since 2017 has it.
ARGUMENTS = ("--output-format=json", "--score=n", "--reports=n")
PARALLEL: tuple[str, ...] = ("--jobs=0",)
ON_STANDARD_ERROR = False
STOPS_AT_BROKEN_FILES = False
FALLBACK: tuple[str, ...] | None = None
# A sum of bits: 1 fatal, 2 error, 4 warning, 8 refactor, 16 convention; 32 is wrong usage. What is fatal
# is in the messages as well.
FOUND = frozenset(range(32))

_SEVERITIES = {"F": ERROR, "E": ERROR, "W": WARNING, "R": INFO, "C": INFO, "I": INFO}
_LINE = re.compile(
    r"(?P<path>(?:[A-Za-z]:)?[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<code>[A-Z]\d{4}): (?P<text>.*?)"
    r"(?: \((?P<symbol>[a-z0-9-]+)\))?"
)
_PARSEABLE = re.compile(
    r"(?P<path>(?:[A-Za-z]:)?[^:\n]+):(?P<line>\d+): "
    r"\[(?P<code>[A-Z]\d{4})\((?P<symbol>[a-z0-9-]+)\),[^\]]*\] (?P<text>.*)"
)
_KNOWN = re.compile(r"(?:\*{5,} .*|-+|Your code has been rated at .*|\s*)")
_UNREADABLE = frozenset({"F0001", "F0002", "F0010", "E0001"})


def options(written: Mapping[str, Any]) -> tuple[str, ...]:
    keys = {"max_line_length": "--max-line-length", "disable": "--disable", "enable": "--enable"}
    return tuple(
        f"{flag}={_text(written[key])}" for key, flag in keys.items() if written.get(key) is not None
    )


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def read(text: str) -> ToolOutput:
    """The violations of any of pylint's formats. Columns, which pylint counts from 0, count from 1."""
    found = json_in(text, "[{")
    if found is None:
        return _result(*_from_lines(lines_of(text)))
    before, document, after = found
    entries = document.get("messages") if isinstance(document, dict) else document
    violations: list[LintViolation] = []
    strange = [line for line in (*before, *after) if not _KNOWN.fullmatch(line) and not of_python(line)]
    for entry in entries if isinstance(entries, list) else [document]:
        each = _from_entry(entry)
        if each is None:
            strange.append(str(entry)[:500])
        else:
            violations.append(each)
    return _result(violations, strange)


def _from_entry(entry: Any) -> LintViolation | None:
    if not isinstance(entry, dict):
        return None
    code = entry.get("message-id", entry.get("messageId"))
    path, message, symbol = entry.get("path"), entry.get("message"), entry.get("symbol")
    if not all(isinstance(each, str) for each in (code, path, message)):
        return None
    assert isinstance(code, str) and isinstance(path, str) and isinstance(message, str)
    column = place(entry.get("column"), from_zero=True)
    return _violation(path, code, message, symbol, entry.get("line"), column)


def _from_lines(lines: list[str]) -> tuple[list[LintViolation], list[str]]:
    violations: list[LintViolation] = []
    strange: list[str] = []
    for line in lines:
        if found := (_LINE.fullmatch(line) or _PARSEABLE.fullmatch(line)):
            fields = found.groupdict()
            column = place(int(fields["column"]) + 1) if fields.get("column") else None
            each = _violation(
                fields["path"], fields["code"], fields["text"], fields["symbol"], fields["line"], column
            )
            violations.append(each)
        elif not _KNOWN.fullmatch(line) and not of_python(line):
            strange.append(line)
    return violations, strange


def _violation(
    path: str, code: str, message: str, symbol: object, line: object, column: int | None
) -> LintViolation:
    named = f"{message} ({symbol})" if isinstance(symbol, str) and symbol else message
    return violation(NAME, path, code, named, line, column, _SEVERITIES.get(code[:1], WARNING))


def _result(violations: list[LintViolation], strange: list[str]) -> ToolOutput:
    broken = dict.fromkeys(v.path for v in violations if v.code in _UNREADABLE and v.path)
    return ToolOutput(tuple(violations), tuple(strange), tuple(broken))
