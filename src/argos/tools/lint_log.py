"""Findings of flake8, ruff, pylint, mypy, black and isort among the lines of a job log.

Whose line it is follows from its form and from what the step runs: a step that names linters in its script
prints findings of these only; a step whose script names none, nor a program that may run one (tox, nox,
pre-commit, make, …), prints no findings at all. Without a script every form counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from argos.model.ci import LintViolation

VIOLATIONS_KEPT = 100_000
MESSAGE_KEPT = 1_000

_NAMED = re.compile(r"(?<![\w.])(flake8|ruff|d?mypy|pylint|black|isort)(?!\w)")
_RUNNERS = re.compile(
    r"(?<![\w.])(?:tox|nox|make|just|task|invoke|inv|pre-commit|prek|hatch|pdm|rye|poe|taskipy|npm|docker|act|bazel|pants)"
    r"(?!\w)|lint|check|format|style|quality|\.sh\b|\.ps1\b|[\w-]+/[\w.-]+@"
)

_PATH = r"(?P<path>(?:[A-Za-z]:[\\/])?[^\s:|<>\"'`][^:|<>\"`\n]{0,500}\.\w{1,8})"
_BEGINS = re.compile(rf"{_PATH}:[\d ]")
_CODE = r"(?P<code>[A-Z]{1,10}\d{1,5}|invalid-syntax)"
_PLACED = re.compile(rf"{_PATH}:(?P<line>\d{{1,9}}):(?P<column>\d{{1,9}}): {_CODE}:? (?P<message>.*)$")
_BRACKETED = re.compile(
    rf"{_PATH}:(?P<line>\d{{1,9}}): \[{_CODE}(?:\([\w-]+\))?,? ?.{{0,200}}?\] ?(?P<message>.*)$"
)
_PYLINT = re.compile(
    rf"{_PATH}:(?P<line>\d{{1,9}}):(?P<column>\d{{1,9}}): (?P<code>[CRWEFI]\d{{4}}): (?P<message>.*)$"
)
_MYPY = re.compile(
    rf"{_PATH}:(?:(?P<line>\d{{1,9}}):)?(?:(?P<column>\d{{1,9}}):)?(?:\d{{1,9}}:\d{{1,9}}:)? "
    r"(?P<severity>error|note|warning): (?P<message>.*)$"
)
_MYPY_CODE = re.compile(r"  \[(?P<code>[a-z][a-z0-9-]*)\]$")
_BLACK = re.compile(r"would reformat (?P<path>\S.*)$")
_BLACK_FAILED = re.compile(r"error: cannot format (?P<path>\S.{0,1000}?): (?P<message>.*)$")
_ISORT = re.compile(r"ERROR: (?P<path>\S.{0,1000}?) (?P<message>Imports are incorrectly sorted.*)$")
_RUFF_FORMAT = re.compile(r"Would reformat: (?P<path>\S.*)$")
_RUFF_TITLE = re.compile(r"(?P<code>[A-Z]{1,10}\d{1,5}|invalid-syntax:?|unformatted:) (?P<message>\S.*)$")
_RUFF_ARROW = re.compile(r" +--> (?P<path>\S.*?):(?P<line>\d{1,9}):(?P<column>\d{1,9})$")
_RUFF_FILE = re.compile(r"(?P<path>[^\s:][^:]{0,500}\.\w{1,8}):$")
_RUFF_ITEM = re.compile(rf"  +(?P<line>\d{{1,9}}):(?P<column>\d{{1,9}}) +{_CODE} (?P<message>.*)$")


@dataclass(slots=True)
class LintLines:
    """Reads the lines that a step prints outside test sessions. `violations` in the order of the log."""

    violations: list[LintViolation] = field(default_factory=list)
    _named: frozenset[str] = frozenset()
    _any: bool = True
    _grouped: str | None = None
    _title: tuple[str, str] | None = None

    def begin(self, script: Sequence[str]) -> None:
        """A step begins; `script` is what it runs, empty where that is not known."""
        text = "\n".join(line for line in script if not line.lstrip().startswith("#"))[:20_000].lower()
        named = _NAMED.findall(text)
        self._named = frozenset("mypy" if name == "dmypy" else name for name in named)
        self._any = not text.strip() or _RUNNERS.search(text) is not None
        self._grouped = self._title = None

    @property
    def listens(self) -> bool:
        """Whether the step may print findings."""
        return self._any or bool(self._named)

    def take(self, text: str) -> bool:
        """Whether the line is a finding, or a part of one."""
        if not text or len(text) > 10_000:
            return False
        first = text[0]
        if first == " ":
            return self._indented(text)
        if first in "+-@>|":
            return False  # of a diff or a code frame
        return (first in "wWeE" and self._sentence(text)) or self._placed(text)

    def _allowed(self, tool: str) -> bool:
        return tool in self._named or self._any

    def _keep(
        self, tool: str, found: re.Match[str], code: str, message: str, severity: str, column: int = 0
    ) -> bool:
        if not self._allowed(tool):
            return False
        parts = found.groupdict()
        line, at = parts.get("line"), parts.get("column")
        if len(self.violations) < VIOLATIONS_KEPT:
            self.violations.append(
                LintViolation(
                    tool,
                    parts["path"].replace("\\", "/"),
                    code,
                    message.strip()[:MESSAGE_KEPT],
                    int(line) if line else None,
                    int(at) + column if at else None,
                    severity,
                )
            )
        return True

    def _sentence(self, text: str) -> bool:
        for pattern, tool, code, severity in _SENTENCES:
            found = pattern.match(text)
            if found is not None:
                return self._keep(tool, found, code, found.groupdict().get("message") or text, severity)
        return False

    def _placed(self, text: str) -> bool:
        at = text.find(":")
        if at < 0:
            return self._ruff_title(text)
        if at == len(text) - 1:
            found = _RUFF_FILE.match(text)
            self._grouped = found["path"] if found else None
            return found is not None
        if _BEGINS.match(text) is None:
            return self._ruff_title(text)
        self._title = None
        return any(read(self, text) for read in _PLACED_FORMS)

    def _read_pylint(self, text: str) -> bool:
        found = _PYLINT.match(text)
        if found is None or not (found["message"].endswith(")") or self._named == {"pylint"}):
            return False
        severity = {"E": "ERROR", "F": "ERROR", "W": "WARNING"}.get(found["code"][0], "INFO")
        # pylint counts columns from 0
        return self._keep("pylint", found, found["code"], found["message"], severity, column=1)

    def _read_flake8(self, text: str) -> bool:
        found = _PLACED.match(text) or _BRACKETED.match(text)
        if found is None:
            return False
        code, message = found["code"], found["message"]
        return self._keep(self._of(text, message), found, code, message.removeprefix("[*] "), _severity(code))

    def _of(self, text: str, message: str) -> str:
        named = self._named & {"flake8", "ruff", "pylint"}
        if len(named) == 1:
            return next(iter(named))
        if message.startswith(("[*] ", "`")) or "`" in message or "invalid-syntax" in text:
            return "ruff"
        return "flake8"

    def _read_mypy(self, text: str) -> bool:
        found = _MYPY.match(text)
        if found is None:
            return False
        message = found["message"]
        code = _MYPY_CODE.search(message)
        if code is not None:
            message = message[: code.start()]
        severity = {"error": "ERROR", "warning": "WARNING"}.get(found["severity"], "INFO")
        return self._keep("mypy", found, code["code"] if code else found["severity"], message, severity)

    def _ruff_title(self, text: str) -> bool:
        found = _RUFF_TITLE.match(text) if text[0].isupper() or text[:2] in ("in", "un") else None
        self._title = (found["code"].rstrip(":"), found["message"]) if found else None
        return False

    def _indented(self, text: str) -> bool:
        if self._title is not None and (found := _RUFF_ARROW.match(text)):
            code, message = self._title
            self._title = None
            return self._keep("ruff", found, code, message.removeprefix("[*] "), _severity(code))
        if self._grouped is not None and (item := _RUFF_ITEM.match(text)):
            path, line, column = self._grouped, int(item["line"]), int(item["column"])
            if self._allowed("ruff") and len(self.violations) < VIOLATIONS_KEPT:
                message = item["message"].removeprefix("[*] ").strip()[:MESSAGE_KEPT]
                severity = _severity(item["code"])
                self.violations.append(
                    LintViolation(
                        "ruff", path.replace("\\", "/"), item["code"], message, line, column, severity
                    )
                )
            return True
        return False


def _severity(code: str) -> str:
    """Errors are what makes code fail: pyflakes' F, syntax and runtime errors E9; the rest is a warning."""
    return "ERROR" if code.startswith(("F", "E9", "invalid")) and not code.startswith("FA") else "WARNING"


_SENTENCES = (
    (_BLACK, "black", "would-reformat", "WARNING"),
    (_BLACK_FAILED, "black", "cannot-format", "ERROR"),
    (_ISORT, "isort", "unsorted-imports", "WARNING"),
    (_RUFF_FORMAT, "ruff", "unformatted", "WARNING"),
)
_PLACED_FORMS: tuple[Callable[[LintLines, str], bool], ...] = (
    LintLines._read_pylint,
    LintLines._read_flake8,
    LintLines._read_mypy,
)
