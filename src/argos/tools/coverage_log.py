"""The tables that coverage.py and pytest-cov print, and what they say when the limit is not reached."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from argos.model.ci import LoggedError

FILES_KEPT = 50_000

TABLE_STARTS = frozenset(("Na", "| ", "FA", "Re", "ER", "Co"))
"""The first two characters of every line that begins a table, and of the sentences."""

_PERCENT = r"(?P<percent>\d{1,3}(?:\.\d+)?)%"
_NUMBERS = r"\d+ +\d+(?: +\d+ +\d+)?"
_ROW = re.compile(rf"(?P<path>\S(?:.{{0,1000}}?\S)?) +{_NUMBERS} +{_PERCENT}(?:  .*| *)$")
_REST_OF_ROW = re.compile(rf" +{_NUMBERS} +{_PERCENT}(?:  .*| *)$")
_MARKDOWN = re.compile(rf"\| (?P<path>\S.{{0,1000}}?) +\|(?: +[\d.]+:? \|){{2,4}} +{_PERCENT} \|")
_HEAD = re.compile(r"\|? ?Name +\|? *Stmts +\|? *Miss ")
_RULE = re.compile(r"[-|: ]{10,}$")
_RANGES = re.compile(r"[\d, >exit-]+$")
_LIMIT = re.compile(
    r"FAIL Required test coverage of (?P<limit>[\d.]+)% not reached\. Total coverage: (?P<total>[\d.]+)%"
)
_REACHED = re.compile(r"Required test coverage of [\d.]+% reached\. Total coverage: (?P<total>[\d.]+)%")
_FAILURE = re.compile(r"(?:ERROR: )?Coverage failure: total of (?P<total>[\d.]+) is less than fail-under=")


@dataclass(slots=True)
class CoverageTables:
    """Reads every table of a log. `files` and `total` are percent as printed; later figures replace earlier.

    `total` is the figure of the `TOTAL` row, of the only file where there is no such row, else of the
    sentence on the required coverage; None without any of them.
    """

    files: dict[str, float] = field(default_factory=dict)
    total: float | None = None
    gates: list[LoggedError] = field(default_factory=list)
    inside: bool = False
    _sentence: float | None = None
    _rows: int = 0
    _single: float | None = None
    _wrapped: str | None = None

    def take(self, text: str, line: int) -> bool:
        """Whether the line belongs to a table or is a sentence about the limit."""
        if self.inside:
            return self._row(text) or self._sentences(text, line)
        if text[:4] == "Name" or text[:6] == "| Name":
            if _HEAD.match(text) is not None:
                self.inside, self._rows, self._wrapped = True, 0, None
                return True
            return False
        return text[:1] in "FREC" and self._sentences(text, line)

    @property
    def found(self) -> float | None:
        return self.total if self.total is not None else self._sentence

    def _row(self, text: str) -> bool:
        if not text.strip() or _RULE.match(text):
            return True
        found = _MARKDOWN.match(text) if text[0] == "|" else self._plain_row(text)
        if found is not None:
            self._keep(found["path"].strip("* ").replace("\\_", "_"), float(found["percent"]))
            return True
        if self._wrapped is None and "  " not in text and "." in text and text[0] != " ":
            self._wrapped = text.strip()
            return True
        if _RANGES.match(text):
            return True  # the lines that are missing, gone on
        self._end()
        return False

    def _plain_row(self, text: str) -> re.Match[str] | None:
        path, self._wrapped = self._wrapped, None
        if path is not None and _REST_OF_ROW.match(text):
            return _ROW.match(path + text)
        return _ROW.match(text)

    def _keep(self, path: str, percent: float) -> None:
        if path == "TOTAL":
            self.total = percent
            self._rows = 0
            self.inside = False
            return
        self._rows += 1
        self._single = percent
        if len(self.files) < FILES_KEPT:
            self.files[path.replace("\\", "/")] = percent

    def _end(self) -> None:
        self.inside = False
        if self._rows == 1:
            self.total = self._single
        self._rows = 0

    def close(self) -> None:
        """The log, or the step, is over."""
        if self.inside:
            self._end()

    def _sentences(self, text: str, line: int) -> bool:
        found = _LIMIT.match(text) or _FAILURE.match(text)
        if found is not None:
            self._sentence = float(found["total"].rstrip("."))
            tool = "coverage" if "Coverage failure" in text else "pytest-cov"
            if len(self.gates) < 100:
                self.gates.append(LoggedError("gate", text.strip()[:500], line, None, tool))
            return True
        found = _REACHED.match(text)
        if found is None:
            return False
        self._sentence = float(found["total"].rstrip("."))
        return True
