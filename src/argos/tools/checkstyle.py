"""Checkstyle's XML, which many linters can write: `<checkstyle><file name><error line column …/></file>`."""

from __future__ import annotations

import io
from typing import BinaryIO

from argos.model.ci import LintViolation
from argos.model.quality import ERROR, INFO, WARNING, ToolOutput
from argos.tools import hostile_xml
from argos.tools.lint_lines import violation

NAME = "checkstyle"
_SEVERITIES = {"error": ERROR, "warning": WARNING, "info": INFO}
_IGNORED = "ignore"


def read(text: str) -> ToolOutput:
    return read_stream(io.BytesIO(text.encode("utf-8", "replace")))


def read_stream(stream: BinaryIO) -> ToolOutput:
    """The violations of a checkstyle report. `source` is the code, shortened to its last dotted part.

    What stands before a break in the XML is kept; the break is a line that is not understood.
    Raises `ArgosError` for XML whose outermost element is not `checkstyle`.
    """
    reader = _Reader()
    ended = hostile_xml.scan(stream, start=reader.start)
    hostile_xml.required(reader.root, ("checkstyle",), ended, "checkstyle report")
    strange = [*reader.strange, *([ended] if ended else [])]
    return ToolOutput(tuple(reader.violations), tuple(strange))


class _Reader:
    def __init__(self) -> None:
        self.root: str | None = None
        self.violations: list[LintViolation] = []
        self.strange: list[str] = []
        self._file = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self.root = name
        elif name == "file":
            self._file = attributes.get("name", "")
        elif name == "error":
            self._take(attributes)
        else:
            self.strange.append(f"<{name[:60]}>")

    def _take(self, attributes: dict[str, str]) -> None:
        word = attributes.get("severity", "warning").lower()
        if word == _IGNORED:
            return
        source = attributes.get("source", "")
        tool, _, code = source.rpartition(".")
        each = violation(
            tool.partition(".")[0].lower() if tool and tool.islower() else NAME,
            self._file,
            code or NAME,
            attributes.get("message", ""),
            attributes.get("line"),
            attributes.get("column"),
            _SEVERITIES.get(word, WARNING),
        )
        self.violations.append(each)
