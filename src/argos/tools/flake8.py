"""flake8: `path:line:column: CODE message`, one line each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from argos.model.ci import LintViolation
from argos.model.quality import ToolOutput
from argos.tools.lint_lines import lines_of, of_python, severity_of_code, violation

NAME = "flake8"
# The format is given, so that the project's own (pylint's, quiet, coloured) does not hide anything, and
# the findings go to standard output whatever file the configuration names for them.
ARGUMENTS = ("--format=%(path)s:%(row)d:%(col)d: %(code)s %(text)s", "--output-file=", "--no-show-source")
PARALLEL: tuple[str, ...] = ()
ON_STANDARD_ERROR = False
STOPS_AT_BROKEN_FILES = False
FALLBACK: tuple[str, ...] | None = None
FOUND = frozenset({0, 1})

_LINE = re.compile(
    r"(?P<path>(?:[A-Za-z]:)?[^:\n]+):(?P<line>\d+):(?:(?P<column>\d+):)? (?P<code>[A-Z]+\d+) (?P<text>.*)"
)
_PYLINT = re.compile(r"(?P<path>(?:[A-Za-z]:)?[^:\n]+):(?P<line>\d+): \[(?P<code>[A-Z]+\d+)\] (?P<text>.*)")
_STATISTIC = re.compile(r"\d+\s+[A-Z]+\d+ .*")
_CARET = re.compile(r"\s*\^+\s*")
_COUNT = re.compile(r"\d+")
_OPTIONS = {
    "max_line_length": "--max-line-length",
    "max_complexity": "--max-complexity",
    "select": "--select",
    "ignore": "--ignore",
    "extend_ignore": "--extend-ignore",
}


def options(written: Mapping[str, Any]) -> tuple[str, ...]:
    """`validators: flake8: options:` as arguments; they hold over the project's own configuration."""
    found = [
        f"{flag}={_text(written[key])}" for key, flag in _OPTIONS.items() if written.get(key) is not None
    ]
    per_file = written.get("per_file_ignores") or {}
    pairs = [f"{name}:{_text(codes)}" for name, codes in per_file.items()]
    return (*found, f"--per-file-ignores={' '.join(pairs)}") if pairs else tuple(found)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def read(text: str) -> ToolOutput:
    """The violations of flake8's default or pylint-like format, with or without source and statistics."""
    violations: list[LintViolation] = []
    strange: list[str] = []
    broken: list[str] = []
    lines = lines_of(text)
    for place, line in enumerate(lines):
        found = _LINE.fullmatch(line) or _PYLINT.fullmatch(line)
        if found is not None:
            each = _violation(found)
            violations.append(each)
            if each.code in ("E902", "E999") and each.path:
                broken.append(each.path)
        elif not _is_known(line, lines[place + 1 : place + 2]):
            strange.append(line)
    return ToolOutput(tuple(violations), tuple(strange), tuple(dict.fromkeys(broken)))


def _violation(found: re.Match[str]) -> LintViolation:
    fields = found.groupdict()
    code = fields["code"]
    return violation(
        NAME,
        fields["path"],
        code,
        fields["text"],
        fields["line"],
        fields.get("column"),
        severity_of_code(code),
    )


def _is_known(line: str, following: list[str]) -> bool:
    """A blank line, a count, a statistic, or a line of source that a caret points into."""
    if not line.strip() or of_python(line) or _CARET.fullmatch(line):
        return True
    if _COUNT.fullmatch(line) or _STATISTIC.fullmatch(line):
        return True
    return bool(following) and _CARET.fullmatch(following[0]) is not None
