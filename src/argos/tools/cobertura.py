"""Coverage in Cobertura's XML: `coverage.xml` of coverage.py, and what other languages' tools write like it.

Nearly all of such a file are its `<line …/>` elements. A run of them is taken out of the text before
expat sees it, with a stand-in for it, and read as a whole: millions of lines do not each cost a call.
The stand-in counts only where expat meets it as an element, so what is a comment stays one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from argos.model.coverage import CoverageReport, FileCoverage
from argos.tools import hostile_xml
from argos.tools.report_paths import slashed

MAX_PROBLEMS = 100
MAX_LINE_NUMBER = 10_000_000

_STAND_IN = "_lines"
# Runs of what nearly every line is (with branch, condition-coverage, missing-branches or without), and
# runs of elements without content whose values are free of markup and entities. Possessive, so that
# matching takes linear time.
_MORE = rb""" [bcm][a-z-]++="[^"<&]*+\""""
_PLAIN = rb"""<line number="[1-9][0-9]{0,6}+" hits="(?:0|[1-9][0-9]*+)"(?:%s)*+/>""" % _MORE
_ANY = rb"""<line(?:\s++[A-Za-z-]++="[^"<&]*+")++\s*+/>"""
_RUN = re.compile(rb"(%s(?:\s*+%s)*+)|%s(?:\s*+%s)*+" % (_PLAIN, _PLAIN, _ANY, _ANY))
_BRANCHES = re.compile(
    rb"""number="([0-9]++)" hits="[0-9]++"(?: [bm][a-z-]++="[^"]*+")*+"""
    rb""" condition-coverage="[^"(]*+\(\s*+([0-9]{1,9})\s*+/\s*+([0-9]{1,9})\s*+\)"""
)
_ALL_MORE = re.compile(_MORE)
_ELEMENTS = re.compile(rb"<line\s[^<]*")
_ATTRIBUTE = re.compile(r"""\s([A-Za-z-]+)="([^"]*)\"""")
_CONDITIONS = re.compile(r"\(\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*\)")

Branch = tuple[int, int]


def read(stream: BinaryIO) -> CoverageReport:
    """The files of a Cobertura report. Paths are as the report names them, but with `/`.

    Classes of the same file are merged. A method's lines count only where its class has none of its own:
    elsewhere they are the same again, or the line of a heading that is no statement. Where
    `branches-valid` is 0 branches were not measured, whatever the lines say. What cannot be read is
    passed over with a sentence in `unreadable`, the rest of a file that is cut off included.

    Raises `ArgosError` for a file that is no Cobertura report at all.
    """
    reader = _Reader()
    ended = hostile_xml.scan(
        stream, start=reader.start, end=reader.end, text=reader.text, rewrite=reader.runs.taken_out
    )
    hostile_xml.required(reader.root, ("coverage",), ended, "Cobertura coverage report")
    if ended is not None:
        reader.unreadable.append(ended)
    return reader.report()


@dataclass(slots=True)
class _File:
    """What is known of one file so far: whether each line ran, and (taken, all) of each that branches."""

    lines: dict[int, bool] = field(default_factory=dict)
    branches: dict[int, Branch] = field(default_factory=dict)

    def covered(self, path: str, *, branches_measured: bool) -> FileCoverage:
        taken = sum(min(each) for each in self.branches.values())
        every = sum(each[1] for each in self.branches.values())
        lines = tuple(sorted(self.lines))
        missing = tuple(line for line in lines if not self.lines[line])
        return FileCoverage(path, lines, missing, (taken, every) if branches_measured else None)

    def add(self, other: _File) -> None:
        """Takes the lines of a further class of the same file: a line ran if it ran in either."""
        if not self.lines:
            self.lines, self.branches = other.lines, other.branches
            return
        self.add_lines(list(other.lines), list(other.lines.values()))
        self.add_branches(list(other.branches.items()))

    def add_lines(self, numbers: list[int], ran: list[bool]) -> None:
        new = dict(zip(numbers, ran, strict=True))
        if not self.lines and len(new) == len(numbers):
            self.lines = new
            return
        for number, each in zip(numbers, ran, strict=True):
            self.add_line(number, each)

    def add_line(self, number: int, ran: bool) -> None:
        self.lines[number] = ran or self.lines.get(number, False)

    def add_branches(self, branches: list[tuple[int, Branch]]) -> None:
        new = dict(branches)
        if not self.branches and len(new) == len(branches):
            self.branches = new
            return
        for line, branch in branches:
            self.add_branch(line, branch)

    def add_branch(self, line: int, branch: Branch) -> None:
        """The same line may stand in several classes: the greater numbers stand."""
        before = self.branches.get(line, (0, 0))
        self.branches[line] = (max(before[0], branch[0]), max(before[1], branch[1]))


class _Runs:
    """Runs of `<line …/>` elements that were taken out of the text, by the number of their stand-in."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[bytes, bool]] = {}
        self._count = 0

    def taken_out(self, data: bytes) -> bytes:
        return _RUN.sub(self._stand_in, data)

    def _stand_in(self, match: re.Match[bytes]) -> bytes:
        run = match[0]
        self._count += 1
        name = str(self._count)
        self._taken[name] = run, match[1] is not None
        # As many line ends as before, so that a complaint names the right line.
        return b'<%s run="%s"/>%s' % (_STAND_IN.encode(), name.encode(), b"\n" * run.count(b"\n"))

    def pop(self, name: str) -> tuple[bytes, bool]:
        """The run behind a stand-in, and whether all its lines are plain; empty for a made up stand-in."""
        return self._taken.pop(name, (b"", False))


class _Numbers(dict[bytes, int]):
    """Digits and their number: looking one up is faster than reading it, and equal ones share memory."""

    def __missing__(self, digits: bytes) -> int:
        number = int(digits)
        if len(self) < 100_000:
            self[digits] = number
        return number


class _Reader:
    """Takes elements one by one and holds what they say."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.unreadable: list[str] = []
        self.runs = _Runs()
        self._coverage: dict[str, str] = {}
        self._sources: list[str] = []
        self._text: list[str] | None = None
        self._files: dict[str, _File] = {}
        self._rates: dict[str, str] = {}
        self._file: _File | None = None
        self._of_class = _File()
        self._of_methods = _File()
        self._in_method = False
        self._numbers = _Numbers()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self.root = name
            self._coverage = attributes
            if name != "coverage":
                raise hostile_xml.StopReading("Another kind of file.")
        elif name == _STAND_IN:
            self._take_run(*self.runs.pop(attributes.get("run", "")))
        elif name == "line":
            self._take_line(attributes)
        elif name == "class":
            self._open_class(attributes)
        elif name == "method":
            self._in_method = True
        elif name == "source":
            self._text = []

    def end(self, name: str) -> None:
        if name == "class":
            self._close_class()
        elif name == "method":
            self._in_method = False
        elif name == "source" and self._text is not None:
            if source := slashed("".join(self._text)):
                self._sources.append(source)
            self._text = None

    def text(self, piece: str) -> None:
        if self._text is not None:
            self._text.append(piece)

    def report(self) -> CoverageReport:
        self._close_class()
        for path, rate in self._rates.items():
            if not self._files[path].lines and _fraction(rate):
                self._pass_over(f"{path} has a line rate of {rate[:20]} but no lines.")
        measured = self._branches_measured()
        files = {path: file.covered(path, branches_measured=measured) for path, file in self._files.items()}
        sources = tuple(dict.fromkeys(self._sources))
        return CoverageReport(files, tuple(self.unreadable), sources, _stated(self._coverage))

    def _branches_measured(self) -> bool:
        """By the report's own count of branches; without one, by whether any line has branches."""
        valid = self._coverage.get("branches-valid")
        if valid is not None:
            return bool(_fraction(valid))
        return any(file.branches for file in self._files.values())

    def _open_class(self, attributes: dict[str, str]) -> None:
        path = slashed(attributes.get("filename", ""))
        if not path:
            self._pass_over(f"The class {attributes.get('name', '')[:80]!r} names no file.")
            self._file = None
            return
        self._file = self._files.setdefault(path, _File())
        self._of_class, self._of_methods, self._in_method = _File(), _File(), False
        self._rates.setdefault(path, attributes.get("line-rate", ""))

    def _close_class(self) -> None:
        if self._file is not None:
            self._file.add(self._of_class if self._of_class.lines else self._of_methods)
        self._file = None

    @property
    def _lines(self) -> _File:
        """What the next line belongs to."""
        return self._of_methods if self._in_method else self._of_class

    def _take_run(self, run: bytes, plain: bool) -> None:
        if self._file is None:
            return
        if not plain:
            for element in _ELEMENTS.findall(run):
                self._take_line(dict(_ATTRIBUTE.findall(element.decode("utf-8", "replace"))))
            return
        lines, number = self._lines, self._numbers.__getitem__
        if b"branch" in run or b"condition" in run:
            lines.add_branches([(number(n), (number(t), number(e))) for n, t, e in _BRANCHES.findall(run)])
            run = _ALL_MORE.sub(b"", run)
        # `<line number=`, 12, ` hits=`, 1, `/>…<line number=`, 13, …
        parts = run.split(b'"')
        numbers = list(map(number, parts[1::4]))
        lines.add_lines(numbers, list(map(b"0".__ne__, parts[3::4])))

    def _take_line(self, attributes: dict[str, str]) -> None:
        if self._file is None:
            return
        number = _fraction(attributes.get("number"))
        hits = _fraction(attributes.get("hits"))
        if number is None or hits is None or not 1 <= number <= MAX_LINE_NUMBER:
            self._pass_over(f"A line without a usable number or hits: {str(dict(attributes))[:120]}.")
            return
        lines = self._lines
        lines.add_line(int(number), hits > 0)
        if conditions := _CONDITIONS.search(attributes.get("condition-coverage", "")):
            lines.add_branch(int(number), (int(conditions[1]), int(conditions[2])))

    def _pass_over(self, sentence: str) -> None:
        if len(self.unreadable) < MAX_PROBLEMS:
            self.unreadable.append(sentence)


_FRACTION = re.compile(r"\s*([0-9]{1,15}(?:[.,][0-9]{0,20})?(?:[eE][-+]?[0-9]{1,3})?)\s*")


def _fraction(text: str | None) -> float | None:
    """A number that is not negative, with `.` or `,`; None for anything else."""
    match = _FRACTION.fullmatch(text or "")
    return float(match[1].replace(",", ".")) if match else None


def _stated(attributes: Mapping[str, str]) -> float | None:
    """The total of lines and branches in percent; from the rate of the lines where they are not counted."""
    names = ("lines-covered", "branches-covered", "lines-valid", "branches-valid")
    lines, branches, all_lines, all_branches = (_fraction(attributes.get(name)) or 0.0 for name in names)
    if all_lines + all_branches:
        rate: float | None = (lines + branches) / (all_lines + all_branches)
    else:
        rate = _fraction(attributes.get("line-rate"))
    return None if rate is None or rate > 1 else 100.0 * rate
