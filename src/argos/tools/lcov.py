"""Coverage in lcov's tracefile format: `lcov.info` of lcov 1 and 2, coverage.py, c8, istanbul, grcov, …

A file is a block from `SF:` to `end_of_record`, one fact a line: `DA:` a statement with its hits, `BRDA:`
one way out of a branch. Functions (`FN`, `FNDA`; in lcov 2 `FNL`, `FNA`) and totals are not needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from argos.errors import ArgosError
from argos.model.coverage import CoverageReport, FileCoverage
from argos.tools.report_paths import slashed

MAX_LINE_BYTES = 64 * 1024
MAX_PROBLEMS = 100
MAX_LINE_NUMBER = 10_000_000

_HITS = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{0,18})?(?:[eE][-+]?[0-9]{1,2})?")


def read(stream: BinaryIO) -> CoverageReport:
    """The files of a tracefile. Paths are as it names them, but with `/`.

    A file that stands in several blocks, as after `lcov -a` or with several test names, is one file: a
    line ran if it ran in any block, and so with each way out of a branch. Branches are measured where
    the tracefile says anything of them. Negative hits, which counters that overflow leave, count as
    none. Lines that cannot be read are passed over with a sentence in `unreadable`.

    Raises `ArgosError` for a file that names no source file at all.
    """
    reader = _Reader()
    ended = _each_line(stream, reader.take)
    if not reader.files:
        why = ended or "It has no line that begins with SF:."
        raise ArgosError(f"This is no lcov tracefile. {why}", next_step="Check how the file was written.")
    reader.end()
    if ended is not None:
        reader.unreadable.append(ended)
    return reader.report()


def _each_line(stream: BinaryIO, take: Callable[[str, int], None]) -> str | None:
    """Gives every line with its number to `take`; a sentence if the file cannot be read to its end."""
    number = 0
    try:
        while line := stream.readline(MAX_LINE_BYTES):
            number += 1
            take(line.decode("utf-8", "replace").removeprefix("\ufeff").strip(), number)
            while not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
                line = stream.readline(MAX_LINE_BYTES)
    except (OSError, EOFError) as error:
        return f"The file cannot be read to its end: {error}."
    return None


@dataclass(slots=True)
class _File:
    """One source file so far. `branches` has for each way out (line, block, branch) whether it was taken."""

    numbers: set[int] = field(default_factory=set)
    ran: set[int] = field(default_factory=set)
    branches: dict[tuple[int, str], bool] = field(default_factory=dict)

    def covered(self, path: str, *, branches_measured: bool) -> FileCoverage:
        branches = (sum(self.branches.values()), len(self.branches)) if branches_measured else None
        missing = tuple(sorted(self.numbers - self.ran))
        return FileCoverage(path, tuple(sorted(self.numbers)), missing, branches)


class _Reader:
    """Takes lines one by one and holds what they say."""

    def __init__(self) -> None:
        self.files: dict[str, _File] = {}
        self.unreadable: list[str] = []
        self._path = ""
        self._file: _File | None = None
        self._branches_measured = False
        self._kinds: dict[str, Callable[[str], bool]] = {
            "SF": self._source,
            "DA": self._line,
            "BRDA": self._branch,
            "BRF": self._branches_found,
            "LF": self._lines_found,
        }

    def take(self, line: str, number: int) -> None:
        kind, colon, rest = line.partition(":")
        if line == "end_of_record":
            self._file = None
        elif colon and (handler := self._kinds.get(kind)) is not None and not handler(rest):
            self._pass_over(f"Line {number} cannot be read: {line[:80]!r}.")

    def end(self) -> None:
        if self._file is not None:
            self._pass_over(f"The tracefile ends within {self._path}; what stands before that counts.")

    def report(self) -> CoverageReport:
        measured = self._branches_measured
        files = {path: file.covered(path, branches_measured=measured) for path, file in self.files.items()}
        return CoverageReport(files, tuple(self.unreadable))

    def _source(self, rest: str) -> bool:
        self._path = slashed(rest)
        self._file = self.files.setdefault(self._path, _File()) if self._path else None
        return bool(self._path)

    def _line(self, rest: str) -> bool:
        number, hits = _line_number(rest.partition(",")[0]), rest.split(",")[1:2]
        if self._file is None or number is None or not hits or not _HITS.fullmatch(hits[0].strip()):
            return False
        self._file.numbers.add(number)
        if float(hits[0]) > 0:
            self._file.ran.add(number)
        return True

    def _branch(self, rest: str) -> bool:
        """`line,block,branch,taken`; the branch may be an expression with commas, `taken` is `-` or hits."""
        which, _, taken = rest.rpartition(",")
        line, _, way = which.partition(",")
        number, taken = _line_number(line), taken.strip()
        if self._file is None or number is None or not way or not (taken == "-" or _HITS.fullmatch(taken)):
            return False
        self._branches_measured = True
        key = (number, way)
        self._file.branches[key] = self._file.branches.get(key, False) or (taken != "-" and float(taken) > 0)
        return True

    def _branches_found(self, rest: str) -> bool:
        self._branches_measured |= bool(rest.strip().isdecimal())
        return True

    def _lines_found(self, rest: str) -> bool:
        if self._file is not None and not self._file.numbers and _line_number(rest) is not None:
            self._pass_over(f"{self._path} has a number of lines but no lines.")
        return True

    def _pass_over(self, sentence: str) -> None:
        if len(self.unreadable) < MAX_PROBLEMS:
            self.unreadable.append(sentence)


def _line_number(text: str) -> int | None:
    text = text.strip()
    usable = text.isascii() and text.isdecimal() and len(text) <= 8 and 1 <= int(text) <= MAX_LINE_NUMBER
    return int(text) if usable else None
