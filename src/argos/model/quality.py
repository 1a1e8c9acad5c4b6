"""Code quality: what a linter's output holds, and findings with an identity that outlives edits.

A *violation* is what a tool prints (`argos.model.ci.LintViolation`). A *sighting* is a violation with
what surrounds it in the source, by which it is recognised after the source has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from argos.model.ci import LintViolation

ERROR, WARNING, INFO = "ERROR", "WARNING", "INFO"
SEVERITIES = (ERROR, WARNING, INFO)


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """All that one output of a tool holds, in its order.

    `not_understood` are the lines that are neither a violation nor anything else the tool is known to
    print. `broken` are files that the tool could not read (syntax errors, among them), by path.
    """

    violations: tuple[LintViolation, ...] = ()
    not_understood: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def __add__(self, other: ToolOutput) -> ToolOutput:
        return ToolOutput(
            self.violations + other.violations,
            self.not_understood + other.not_understood,
            tuple(dict.fromkeys(self.broken + other.broken)),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where in the source a violation stands, in a form that a formatter does not change.

    `symbol` is the dotted name of the enclosing function or class, empty at the top level. The others
    are digests (32 bits) of tokens: `line` of the violation's own line, `point` of those that begin
    at its column, `before` and `after` of those around the line. Zero stands for what is not known.
    """

    symbol: str = ""
    line: int = 0
    point: int = 0
    before: int = 0
    after: int = 0


NOWHERE = Surroundings()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A violation as one scan saw it. `path` is relative to the project, empty where the tool names none."""

    path: str
    tool: str
    code: str
    message: str
    severity: str
    line: int | None = None
    column: int | None = None
    around: Surroundings = NOWHERE

    @property
    def violation(self) -> LintViolation:
        return LintViolation(
            self.tool, self.path, self.code, self.message, self.line, self.column, self.severity
        )


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """One file of a scan; `lines` is how many lines it has, None where its text was not at hand."""

    path: str
    lines: int | None = None


class ScanStatus(StrEnum):
    """How a scan ended. Only of a `complete` one can be said that a file is clean."""

    COMPLETE = "complete"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Scan:
    """What one tool found in a set of files.

    `files` are those that it looked at; whatever it found before in other files stays as it was.
    `renames` leads from the former to the present path of files that git sees as moved.
    """

    tool: str
    files: tuple[ScannedFile, ...]
    sightings: tuple[Sighting, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """One recorded scan: how much was found where. `lines` is None where no file's text was at hand."""

    execution_id: str
    tool: str
    space: str
    rule: str
    at: datetime
    status: ScanStatus
    files: int
    lines: int | None
    by_severity: Mapping[str, int]
    by_code: Mapping[str, int]
    new: int = 0
    fixed: int = 0
    commit: str | None = None
    branch: str | None = None

    @property
    def total(self) -> int:
        return sum(self.by_severity.values())
