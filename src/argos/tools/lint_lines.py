"""What the readers of linters' output share: lines without colours, severities, sound numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from argos.model.ci import LintViolation
from argos.model.quality import ERROR, INFO, WARNING
from argos.tools.report_paths import slashed

MAX_CHARACTERS = 512 * 1024 * 1024

_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
# What Python itself prints before or between the lines of any tool that it runs.
_OF_PYTHON = re.compile(r".*:\d+: \w*Warning: .*")

# By what the finding means for whoever runs the code: pyflakes' and ruff's codes that name a sure
# mistake, and those of bandit's family that name a hole; pycodestyle's layout is no more than a remark.
_ERRORS = ("E9", "F5", "F63", "F7", "F82", "F83", "PLE", "invalid-syntax")
_REMARKS = (
    "E1", "E2", "E3", "E4", "E5", "E70", "W1", "W2", "W3", "W5", "D", "I", "Q", "COM", "CNV", "N", "SIM",
    "UP", "PLC", "BLK", "RST", "ERA", "TD", "FIX", "EM", "ISC", "PT", "RET", "PIE", "C4",
)  # fmt: skip
_CODE = re.compile(r"[A-Za-z]+")


def plain(text: str) -> str:
    """The text without terminal colours and hyperlinks, with `\\n` between its lines."""
    text = text.removeprefix("﻿").replace("\r\n", "\n")
    return _COLOURS.sub("", text) if "\x1b" in text else text


def lines_of(text: str) -> list[str]:
    return plain(text).split("\n")


def of_python(line: str) -> bool:
    """Whether Python's own machinery printed the line: a warning with the place that it came from."""
    return _OF_PYTHON.fullmatch(line) is not None


def severity_of_code(code: str) -> str:
    """ERROR, WARNING or INFO for a code of flake8, its plugins or ruff; see docs/guide/quality.md."""
    if code.startswith(_ERRORS):
        return ERROR
    letters = _CODE.match(code)
    family = letters[0] if letters else code
    for remark in _REMARKS:
        # "D" must not take "DTZ", but "E5" has to take "E501".
        if code.startswith(remark) and (remark[-1].isdigit() or family == remark):
            return INFO
    return WARNING


def place(number: object, *, from_zero: bool = False) -> int | None:
    """A line or column counted from 1; None for what is no place in a file."""
    if isinstance(number, str) and number.isascii() and number.isdecimal() and len(number) < 10:
        number = int(number)
    if type(number) is not int:
        return None
    number += from_zero
    return number if 0 < number < 2**31 else None


def violation(
    tool: str,
    path: str,
    code: str,
    message: str,
    line: object = None,
    column: object = None,
    severity: str | None = None,
) -> LintViolation:
    """A violation with a sound path and place; its severity is that of its code unless it is given."""
    return LintViolation(
        tool,
        slashed(path) or None,
        code,
        " ".join(message.split()),
        place(line),
        place(column),
        severity or severity_of_code(code),
    )


def json_in(text: str, opening: str) -> tuple[list[str], Any, list[str]] | None:
    """The lines before, the first JSON value that begins a line with `opening`, and the lines after it.

    Tools print warnings before their JSON. None if there is no such value, and for one that is cut off.
    """
    cleaned = plain(text)
    decoder = json.JSONDecoder()
    for start in _beginnings(cleaned, opening):
        try:
            value, end = decoder.raw_decode(cleaned, start)
        except (ValueError, RecursionError):
            continue
        return _filled(cleaned[:start]), value, _filled(cleaned[end:])
    return None


def _beginnings(text: str, opening: str) -> Iterator[int]:
    """Where lines begin with one of these characters; a few, so that broken JSON costs no square of time.

    Only without indentation: of JSON that is cut off a part would be taken for the whole.
    """
    lines = re.finditer(rf"(?m)^(?=[{re.escape(opening)}])", text)
    return (found.end() for found in islice(lines, 20))


def _filled(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]
