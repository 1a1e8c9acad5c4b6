"""What pytest prints, from 5 to 9: one session at a time, line by line.

`SessionReader` takes the lines of one session, without timestamps and colours, in the order in which they
were printed. It moves through the zones of the report: progress, blocks of failures, other sections, the
short summary. Which line is a result depends on the zone, so text that a test has printed, source in a
traceback or a diff is none.

Names come from the lines of `-v`; else from the short summary; else from the headers of the blocks.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from argos.model.ci import LoggedError, LoggedTest, TestSession

TRACEBACK_KEPT = 32_768
"""Characters of a traceback that are kept, half from its start and half from its end."""
MESSAGE_KEPT = 4_096
TEXT_KEPT = 16 << 20
"""Characters of tracebacks and messages that are kept of one log; what comes later keeps `SHORT_MESSAGE`."""
SHORT_MESSAGE = 200
TESTS_KEPT = 1_000_000
"""Tests that are named of one log; what comes later is only counted by the summary line."""
BLOCKS_KEPT = 50_000
NAME_KEPT = 4_096
ERRORS_KEPT = 50

OUTCOMES = {
    "PASSED": "passed",
    "FAILED": "failed",
    "ERROR": "error",
    "SKIPPED": "skipped",
    "XFAIL": "xfailed",
    "XPASS": "xpassed",
    "xfail": "xfailed",
    "XFAILED": "xfailed",
    "XPASSED": "xpassed",
    "RERUN": "rerun",
}
LETTERS = {
    ".": "passed",
    "F": "failed",
    "E": "errors",
    "s": "skipped",
    "x": "xfailed",
    "X": "xpassed",
    "R": "rerun",
    "u": "subtests",
    ",": "subtests_passed",
    "-": "subtests_skipped",
}
_PLURALS = {"error": "errors", "warning": "warnings", "reruns": "rerun", "subtest passed": "subtests_passed"}
_FAILING = ("failed", "error")

_PROGRESS = r"(?:\[ *\d{1,3}%\]|\[ *\d+/\d+\]|\d+(?:\.\d+)?(?:us|ms|s|m|h)(?: \d+\w)?)"
_AT_END = re.compile(rf"(?:^| ) *{_PROGRESS}$")
_REASONED = re.compile(r" ?(?P<word>SKIPPED|XFAIL|XPASS|xfail|FAILED|PASSED|ERROR|RERUN) \(")
_SUBTEST = re.compile(r" SUB(?P<word>PASS|FAIL|SKIP|XFAIL)")
_XDIST = re.compile(r"\[gw\d+\] \[ *\d+%\] (?P<word>\w+)(?P<rest>.*)$")
_RERUN_TUPLE = re.compile(r"\('(?P<word>RERUN)', \{.{0,60}\}\)")
_DOTS = re.compile(rf"(?:(?P<file>\S(?:.*\S)?\.\w{{1,8}}) )?(?P<dots>[.FEsxXRu,-]+) *(?P<at>{_PROGRESS})?$")
_HEADING = re.compile(r"=+ (?P<title>\S(?:.*\S)?) =+$")
_BLOCK = re.compile(r"_+ (?P<title>\S(?:.*\S)?) _+$")
_COUNT = r"\d+ [a-z][a-z ]{0,30}"
_SUMMARY = re.compile(
    rf"(?P<bar>=+ )?(?P<counts>{_COUNT}(?:, {_COUNT})*|no tests ran) in (?P<time>\d+(?:\.\d+)?) ?s(?:econds)?"
    r"(?: \([^()]{1,40}\))?(?: =+)?$"
)
_PLATFORM = re.compile(
    r"platform (?P<platform>\S+) -- Python (?P<python>\S+?)(?:\[\S*\])?, pytest-(?P<pytest>[^\s,]+)"
)
_COLLECTED = re.compile(r"(?:collecting .{0,40})?collected (?P<items>\d+) items?")
_WORKERS = re.compile(r"(?:gw\d+ \[(?P<each>\d+)\](?: / |$)|\d+ workers? \[(?P<items>\d+) items?\])")
_LOCATION = re.compile(r"(?P<path>(?:[A-Za-z]:)?[^\s:][^:\n]*\.\w{1,8}):\d+: ?")
_ENTRY = re.compile(
    r"(?:(?:\[.*?\] ?)?(?:\(.*?\) )?(?=SUBFAIL ))?"  # pytest-subtests puts the subtest before the word
    r"(?P<word>FAILED|ERROR|XFAIL|XPASS|PASSED|RERUN|SUBFAILED|SUBFAIL|SKIPPED)(?P<rest>[ \[(].*)$"
)
_SUB_ENTRY = re.compile(r"(?:\[.*?\])? ?(?:\(.*?\) )?(?P<rest>\S.*)$")
_BRACKETS = re.compile(r"[\[\]]")
_SECONDS = re.compile(r"\[\d+(?:\.\d+)?s\] ")
_DURATION = re.compile(r"(?P<time>\d+(?:\.\d+)?)s (?P<phase>call|setup|teardown) +(?P<node>\S.*)$")
_CRASHED = re.compile(r"worker '(?P<worker>\w+)' crashed while running '(?P<node>.*)'")
_FATAL = re.compile(
    r"Fatal Python error: |Windows fatal exception: |Segmentation fault|Bus error|"
    r"\[gw\d+\] node down: |Aborted \(core dumped\)|Illegal instruction|Killed$"
    r"|\S+: line \d+: +\d+ (?:Segmentation fault|Killed|Aborted|Bus error|Illegal instruction)"
)
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Failed|Warning)(?::|$)")
# A line of what runs pytest, or of the runner, behind a session that printed no summary.
_DRIVER = re.compile(
    r"nox > |Error: Process completed with exit code |Error: The operation was canceled"
    r"|Post job cleanup\.$|Cleaning up orphan processes|Post Run "
    r"|\S{1,80}: (?:exit -?\d+ \(|FAIL[ ✖]|OK[ ✔]|commands\[\d+\]> )|─{3,} \S"
)
_TIMEOUT = re.compile(r"(?:E\s+)?Failed: Timeout \(?>")

_ABOUT = ("platform ", "rootdir", "plugins: ", "collected ", "collecting ", "gw")
STARTS = " test session starts ="
ALSO = "---- also in teardown ----"
"""Stands in the traceback of a test that failed in its call, before what failed in its teardown."""
LINES_HELD = 1_000
"""Lines behind a doubtful summary line that are held back until it is clear whose they are."""
BAR_VARIES = 4
"""Columns that a summary line may be narrower than the session's first line."""


@dataclass(slots=True)
class Allowance:
    """What one log may still keep: characters of text, and names of tests."""

    text: int = TEXT_KEPT
    tests: int = TESTS_KEPT
    seen: dict[str, LoggedTest] = field(default_factory=dict)

    def message(self, text: str) -> str:
        kept = text[: MESSAGE_KEPT if self.text > 0 else SHORT_MESSAGE]
        self.text -= len(kept)
        return kept

    def passed(self, nodeid: str) -> LoggedTest:
        """The value of a passed test, shared between the sessions of a log."""
        value = self.seen.get(nodeid)
        if value is None:
            value = self.seen[nodeid] = LoggedTest(nodeid, "passed")
        return value


@dataclass(slots=True)
class _Block:
    """The text of one failure, between two headers; bounded while it grows."""

    title: str
    kind: str
    phase: str
    room: int = TRACEBACK_KEPT
    start: list[str] = field(default_factory=list)
    end: deque[str] = field(default_factory=deque)
    size: int = 0
    end_size: int = 0
    cut: bool = False
    raised: list[str] = field(default_factory=list)
    raising: bool = False
    path: str | None = None
    last: str | None = None
    captured: bool = False

    def add(self, text: str) -> None:
        if not self.captured:
            self._read(text)
        size = len(text) + 1
        if self.size + size <= self.room // 2:
            self.start.append(text)
            self.size += size
            return
        self.size = self.room
        self.end.append(text[: self.room // 2])
        self.end_size += min(size, self.room // 2 + 1)
        while self.end_size > self.room // 2 and self.end:
            self.end_size -= len(self.end.popleft()) + 1
            self.cut = True

    def _read(self, text: str) -> None:
        if text[:2] in ("E ", "E\t") or text == "E":
            if not self.raising:
                self.raised.clear()
            self.raising = True
            if len(self.raised) < 100:
                self.raised.append(text[1:].removeprefix("   ")[:MESSAGE_KEPT])
            return
        self.raising = False
        if text[:1] in ("", " ", ">"):
            return
        if self.path is None and ":" in text and (found := _LOCATION.match(text)):
            self.path = found["path"]
        if _RAISED.match(text) or _CRASHED.match(text):
            self.last = text

    @property
    def message(self) -> str | None:
        if self.raised:
            return "\n".join(line.removeprefix("    ") for line in self.raised).strip() or None
        return self.last

    @property
    def text(self) -> str | None:
        gap = ["[…]"] if self.cut else []
        return "\n".join([*self.start, *gap, *self.end]).strip("\n") or None


@dataclass(slots=True)
class _Entry:
    """One line of the short summary, with the lines that its message goes on for."""

    nodeid: str
    outcome: str
    lines: list[str]
    size: int = 0
    follows_text: bool = False

    def add(self, text: str) -> None:
        if self.size < MESSAGE_KEPT:
            self.lines.append(text[:MESSAGE_KEPT])
            self.size += len(text) + 1

    @property
    def message(self) -> str | None:
        return "\n".join(self.lines).strip() or None


@dataclass(slots=True)
class _Held:
    """A summary line that may be text which a test has printed, and the lines behind it."""

    text: str
    line: int
    counts: dict[str, int]
    duration_s: float
    take: Callable[[str, int], None]
    behind: list[tuple[str, int]] = field(default_factory=list)


def summary_counts(text: str) -> tuple[dict[str, int], float] | None:
    """Counts and seconds of a session's last line, with or without its bars; None if it is no such line.

    >>> summary_counts("= 1 failed, 2 passed, 1 error in 0.05s =")
    ({'failed': 1, 'passed': 2, 'errors': 1}, 0.05)
    """
    found = _SUMMARY.match(text) if " in " in text else None
    if found is None:
        return None
    counts: dict[str, int] = {}
    for part in found["counts"].split(", ") if found["counts"] != "no tests ran" else ():
        number, _, word = part.partition(" ")
        counts[_PLURALS.get(word, word.replace(" ", "_"))] = int(number[:18])
    return counts, float(found["time"])


def starts_session(text: str) -> str | None:
    """What stands before the bar of a `test session starts` line; None if it is no such line."""
    at = text.find(STARTS)
    if at < 0:
        return None
    before = text[:at].rstrip("=")
    return before if len(before) <= 60 and len(before) < at and text.endswith("=") else None


def starts_quietly(text: str) -> bool:
    """Whether a line outside sessions belongs to one without a start (`-q`, or a log without its head)."""
    last = text[-1:]
    if last == "]":
        dots = _DOTS.match(text)
        if dots is not None:
            return dots["at"] is not None
        ending = _ending(text[:NAME_KEPT])
        return (ending is not None and _is_name(ending[0])) or _XDIST.match(text) is not None
    if last == "=":
        heading = _HEADING.match(text)
        return heading is not None and heading["title"] in ("FAILURES", "ERRORS", "short test summary info")
    return last in ("s", ")") and _SUMMARY.match(text) is not None


def _ending(text: str) -> tuple[str, str] | None:
    """What stands before the outcome that a line ends with, and the outcome's word; None without one.

    The progress (`[ 12%]`) and a reason in brackets may follow the word.
    """
    at = _AT_END.search(text[-24:])
    body = (text[: len(text) - len(text[-24:]) + at.start()] if at else text).rstrip()
    if body[-1:] == ")":
        found = _REASONED.search(body, max(body.find("::"), 0))
        return (body[: found.start()], found["word"]) if found else None
    before, _, word = body.rpartition(" ")
    return (before.rstrip(), word) if word in OUTCOMES else None


def _is_name(head: str) -> bool:
    """Whether a line's start can be a node id: a path with an extension, then `::`."""
    path, separator, inner = head.partition("::")
    if not separator or not inner or "." not in path or path[0] in " \"'([<{`":
        return False
    if " " not in path:
        return True
    return path.endswith((".py", ".txt", ".rst", ".md")) and "  " not in path and ":" not in path


def _name_at(head: str) -> int:
    """Where the node id at the start of a line ends: at a blank outside its parameters."""
    inner = head.find("::") + 2
    space = head.find(" ", inner)
    if space < 0:
        return len(head)
    bracket = head.find("[", inner)
    if bracket < 0 or space < bracket:
        return space
    if head.endswith("]"):
        return len(head)
    closing = head.find("] ", bracket)
    return closing + 1 if closing >= 0 else len(head)


def title_of(nodeid: str) -> str:
    """What pytest writes above the traceback of a test: `TestX.test_y[1]`; a file's own name for a file."""
    _, separator, inner = nodeid.partition("::")
    return inner.replace("::", ".") if separator else nodeid


def tidy(nodeid: str) -> str:
    """A node id with `/` in its path, without the blanks around it."""
    nodeid = nodeid.strip()[:NAME_KEPT]
    if "\\" not in nodeid:
        return nodeid
    path, separator, inner = nodeid.partition("::")
    return path.replace("\\", "/") + separator + inner


def split_entry(rest: str, known: Callable[[str], bool]) -> tuple[str, str | None]:
    """The node id and the message of `nodeid - message`, where both may hold ` - `.

    A split that gives a name that is known wins; else the name ends at the first ` - ` behind its
    parameters.
    """
    rest = rest.strip()
    at = rest.find(" - ")
    if at < 0 or known(rest):
        return rest, None
    for _ in range(40):
        if known(rest[:at]):
            return rest[:at], rest[at + 3 :]
        at = rest.find(" - ", at + 1)
        if at < 0:
            break
    at = rest.find(" - ")
    bracket = rest.find("[")
    if 0 <= bracket < at:
        at = _end_of_parameters(rest, bracket)
        if at == len(rest):
            return rest, None
    return rest[:at], rest[at + 3 :]


def _end_of_parameters(rest: str, bracket: int) -> int:
    """Where the bracket closes in balance and ` - ` or the end follows; else the first `]` of that kind."""
    depth = 0
    for place in _BRACKETS.finditer(rest, bracket, bracket + NAME_KEPT):
        depth += 1 if place[0] == "[" else -1
        if depth == 0 and (place.end() == len(rest) or rest.startswith(" - ", place.end())):
            return place.end()
    closing = rest.find("] - ", bracket)
    if closing >= 0:
        return closing + 1
    return len(rest) if rest.endswith("]") else rest.find(" - ")


class SessionReader:
    """Reads one session. `take` receives each line with its number; it changes with the zone.

    `starts` is called with the line of a session that begins while this one goes on, `leaves` with a line
    that shows that this one is over without a summary, `ends` when the summary line has come.
    `session()` gives what was read at any time.
    """

    __slots__ = (
        "_announced",
        "_block",
        "_blocks",
        "_captured",
        "_entries",
        "_entry",
        "_failed_twice",
        "_failing_titles",
        "_held",
        "_keep",
        "_nested",
        "_pending",
        "_pending_word",
        "_perhaps",
        "_subfailed",
        "_subs_listed",
        "_subs_seen",
        "_titles",
        "allowance",
        "collected",
        "complete",
        "counts",
        "coverage",
        "dot_files",
        "dots_seen",
        "duration_s",
        "durations",
        "ends",
        "environment",
        "errors",
        "first_line",
        "header",
        "last_line",
        "leaves",
        "platform",
        "plugins",
        "pytest",
        "python",
        "reruns",
        "rootdir",
        "started_at",
        "starts",
        "take",
        "tally",
        "teardown",
        "tests",
        "verbose",
        "width",
        "zone",
    )

    def __init__(
        self,
        line: int,
        *,
        header: bool,
        allowance: Allowance,
        starts: Callable[[str, int], None],
        leaves: Callable[[str, int], None],
        ends: Callable[[], None],
        coverage: Callable[[str, int], bool],
        started_at: datetime | None = None,
        environment: str | None = None,
        width: int = 0,
    ) -> None:
        self.first_line = self.last_line = line
        self.header = header
        self.allowance = allowance
        self.starts, self.leaves, self.ends, self.coverage = starts, leaves, ends, coverage
        self.started_at = started_at
        self.environment = environment
        self.width = width
        self.platform: str | None = None
        self.python: str | None = None
        self.pytest: str | None = None
        self.rootdir: str | None = None
        self.plugins: tuple[str, ...] = ()
        self.collected: int | None = None
        self.counts: dict[str, int] = {}
        self.duration_s: float | None = None
        self.complete = False
        self.verbose = False
        self.dots_seen = False
        self.dot_files: set[str] = set()
        self.tests: dict[str, str] = {}
        self.tally: Counter[str] = Counter()
        self.reruns: Counter[str] = Counter()
        self.teardown: set[str] = set()
        self.durations: dict[str, float] = {}
        self.errors: list[LoggedError] = []
        self._announced: set[str] = set()
        self._pending: str | None = None
        self._pending_word: str | None = None
        self._block: _Block | None = None
        self._blocks: list[_Block] = []
        self._titles: dict[str, set[str]] = {"failed": set(), "error": set()}
        self._failing_titles: set[str] | None = None
        self._captured = self._nested = False
        self._perhaps: tuple[dict[str, int], float, int] | None = None
        self._keep: str | None = None
        self._entries: list[_Entry] = []
        self._entry: _Entry | None = None
        self._subfailed: set[str] = set()
        self._failed_twice: set[str] = set()
        self._held: _Held | None = None
        self._subs_listed = self._subs_seen = 0
        self.zone = "progress"
        self.take: Callable[[str, int], None] = self._progress

    # Progress

    def _progress(self, text: str, line: int) -> None:
        if text[-2:] == "%]" and text[:1] != "[":
            body = text[: text.rfind("[")].rstrip()
            # Most lines of most logs: a name without blanks, and the word.
            if body[-7:] == " PASSED" and "::" in body and body.find(" ") == len(body) - 7:
                if self._pending is not None:
                    self._settle()
                self.verbose = True
                name = body[:-7]
                if name in self.tests or "\\" in name or self.allowance.tests <= 0:
                    self._record(name, "passed")
                else:
                    self.tests[name] = "passed"
                    self.tally["passed"] += 1
                    self.allowance.tests -= 1
                return
        first = text[:1]
        if first == "=":
            self._heading(text, line)
        elif first == "[":
            self._from_worker(text, line)
        elif first not in ("", " "):
            self._result(text, line)

    def _result(self, text: str, line: int) -> None:
        if "::" in text and self._named(text, line):
            return
        if self._pending is not None and self._outcome_of_pending(text):
            return
        dots = _DOTS.match(text) if not self.verbose else None
        if dots is not None:
            self._dots(dots)
            return
        self._remark(text, line)

    def _named(self, text: str, line: int) -> bool:
        """Take a line that begins with a node id, with or without its outcome."""
        text = text[:NAME_KEPT]
        ending = _ending(text)
        if ending is not None and _is_name(ending[0]):
            self._settle()
            self.verbose = True
            head, word = ending
            # With the progress behind it nothing was printed in between (`-s` prints no progress).
            name = head if text[-1] == "]" else head[: _name_at(head)]
            self._record(name, OUTCOMES[word])
            return True
        found = _SUBTEST.search(text) if " SUB" in text else None
        if found is not None and _is_name(text[: found.start()]):
            head = text[: found.start()]
            self._subtest(head[: _name_at(head)], found["word"])
            return True
        found = _RERUN_TUPLE.search(text) if "('RERUN'" in text else None
        if found is not None:
            self._record(text[: found.start()], "rerun")
            return True
        return self._announce(text, line)

    def _announce(self, text: str, line: int) -> bool:
        """Take a line that begins with a name whose outcome comes later, if it is one."""
        text = text.rstrip()
        if not _is_name(text):
            return False
        head = text[: _name_at(text)]
        rest = text[len(head) :].strip()
        self._settle()
        self._pending = tidy(head)
        self._announced.add(self._pending)
        self.verbose = True
        if rest and not self._outcome_of_pending(rest):
            self._remark(rest, line)
        return True

    def _outcome_of_pending(self, text: str) -> bool:
        """Take the outcome of the test that was announced; output without a line end may stand before it."""
        ending = _ending(" " + text[-NAME_KEPT:])
        if ending is not None:
            self._pending_word = OUTCOMES[ending[1]]
            return True
        at = _AT_END.search(text[-24:])
        body = (text[: len(text) - len(text[-24:]) + at.start()] if at else text).rstrip()
        word = next((word for word in _GLUED if body.endswith(word)), None)
        if word is not None:
            self._pending_word = OUTCOMES[word]
        return word is not None

    def _settle(self) -> None:
        """Record the test whose outcome came on a later line: the last word that can be one."""
        node, word = self._pending, self._pending_word
        if node is not None and word is not None:
            self._announced.discard(node)
            self._record(node, word)
        self._pending = self._pending_word = None

    def _from_worker(self, text: str, line: int) -> None:
        found = _XDIST.match(text)
        if found is None:
            if self._pending is None or not self._outcome_of_pending(text):
                self._remark(text, line)
            return
        self._pending = None
        rest = found["rest"].strip()
        word = found["word"]
        self.verbose = True
        if word in OUTCOMES:
            name = self._announced_name(rest)
            self._announced.discard(name)
            self._record(name, OUTCOMES[word])
            if len(rest) > len(name):
                self._remark(rest[len(name) :].strip(), line)
        elif word.startswith("SUB"):
            inner = _SUB_ENTRY.match(rest)
            self._subtest(self._announced_name(inner["rest"] if inner else rest), word[3:])

    def _announced_name(self, rest: str) -> str:
        """The name at the start of a worker's line; other output may follow it on the same line."""
        rest = tidy(rest)
        if rest in self._announced:
            return rest
        at = rest.rfind(" ")
        for _ in range(40):
            if at < 0:
                break
            if rest[:at] in self._announced:
                return rest[:at]
            at = rest.rfind(" ", 0, at)
        return rest

    def _subtest(self, node: str, word: str) -> None:
        self.verbose = True
        if word.startswith("FAIL"):
            self.tally["failed"] += 1
            self._subs_seen += 1
            self._subfailed.add(tidy(node))

    def _dots(self, found: re.Match[str]) -> None:
        path = found["file"]
        if path is None and found["at"] is None and not self.dots_seen and self.header:
            return  # a line of such letters that no progress has announced
        self.dots_seen = True
        dots = found["dots"]
        for letter in set(dots):
            self.tally[LETTERS[letter]] += dots.count(letter)
        if path is not None and len(self.dot_files) < 100_000:
            self.dot_files.add(path.replace("\\", "/"))

    def _record(self, node: str, outcome: str) -> None:
        if "\\" in node or node[-1:] == " " or len(node) > NAME_KEPT:
            node = tidy(node)
        if outcome == "rerun":
            self.tally["rerun"] += 1
            self.reruns[node] += 1
            return
        self.tally["errors" if outcome == "error" else outcome] += 1
        before = self.tests.get(node)
        if before is None:
            if self.allowance.tests > 0:
                self.allowance.tests -= 1
                self.tests[node] = outcome
        elif outcome == "error" and before == "failed":
            self._failed_twice.add(node)
        elif outcome == "error":
            self.tests[node] = "error"
            self.teardown.add(node)
        elif outcome != "error":
            self.tests[node] = outcome

    def _remark(self, text: str, line: int) -> None:
        """Take a line of the progress zone that is no result."""
        if text[:2] not in _REMARKS and ": " not in text and "+ Timeout +" not in text:
            return
        if text.startswith(_ABOUT) or _WORKERS.match(text):
            self._about(text)
        elif not self.header and (found := summary_counts(text)) is not None:
            self._end(text, found, line)
        elif text.startswith("INTERNALERROR>"):
            self._internal(text, line)
        elif self._pending is not None and "+ Timeout +" in text:
            if not self.errors or self.errors[-1].kind != "timeout":
                self._error(
                    "timeout", f"the time limit of a test was reached while {self._pending} ran", line
                )
        elif _DRIVER.match(text):
            self.leaves(text, line)
        elif _FATAL.match(text):
            running = f" while {self._pending} ran" if self._pending and text[:1] != "[" else ""
            self._error("crash", text[:500] + running, line)
        else:
            self.coverage(text, line)

    def _about(self, text: str) -> None:
        if found := _PLATFORM.match(text):
            self.platform, self.pytest = found["platform"], found["pytest"].rstrip(",")
            self.python = found["python"]
        elif text.startswith("rootdir: ") and self.rootdir is None:
            self.rootdir = text[9:].partition(", ")[0].strip()
        elif text.startswith("rootdir:") and self.rootdir is None:
            self.rootdir = text[8:].partition(", ")[0].strip()
        elif text.startswith("plugins: ") and not self.plugins:
            self.plugins = tuple(name.strip() for name in text[9:].split(",") if name.strip())[:200]
        elif found := _COLLECTED.match(text):
            self.collected = int(found["items"][:18])
        elif found := _WORKERS.match(text):
            self.collected = int((found["each"] or found["items"])[:18])

    def _internal(self, text: str, line: int) -> None:
        said = text[14:].strip()
        last = self.errors[-1] if self.errors else None
        if last is None or last.kind != "internal-error":
            self._error("internal-error", said or "INTERNALERROR", line)
        elif _RAISED.match(said.removeprefix("E ").strip()):
            self.errors[-1] = LoggedError("internal-error", said[:2000], last.line, last.step, "pytest")

    def _error(self, kind: str, message: str, line: int) -> None:
        if len(self.errors) < ERRORS_KEPT:
            tool = "pytest-timeout" if kind == "timeout" else "pytest"
            self.errors.append(LoggedError(kind, message.strip()[:2000], line, None, tool))

    # Sections

    def _heading(self, text: str, line: int) -> bool:
        """Take a line with bars, if it is a heading or the end of this session; it is text otherwise."""
        counts = summary_counts(text)
        if counts is not None and (self.header or text[:1] == "=" or self.zone != "progress"):
            self._end(text, counts, line)
            return True
        found = _HEADING.match(text) if text[-1] == "=" else None
        if found is None:
            return False
        title = found["title"]
        if title == "test session starts":
            self.starts(text, line)
            return True
        return self._section(title, len(text))

    def _section(self, title: str, width: int) -> bool:
        self._settle()
        if title in ("FAILURES", "ERRORS"):
            self._open("blocks", "error" if title == "ERRORS" else "failed")
            self.width = self.width or width
        elif title == "short test summary info":
            self._open("summary", None)
            self.take = self._short_summary
        elif title == "rerun test summary info":
            self._open("reruns", None)
            self.take = self._rerun_summary
        elif "slowest" in title and "duration" in title:
            self._open("durations", None)
            self.take = self._slowest
        elif title in _KNOWN_SECTIONS or self._may_be_section(width):
            self._open("other", None)
        else:
            return False
        return True

    def _may_be_section(self, width: int) -> bool:
        """Whether an unknown heading is that of a plugin: by its width, outside captured text."""
        return self.zone != "progress" and not self._captured and abs(width - (self.width or 80)) <= 1

    def _open(self, zone: str, keep: str | None) -> None:
        self._close_block()
        self.zone, self._keep = zone, keep
        self._captured = self._nested = False
        self._entry = None
        self.take = self._sectioned

    def _sectioned(self, text: str, line: int) -> None:
        first = text[:1]
        if first in _MAY_LEAVE and self._leaves(first, text, line):
            return
        block = self._block
        if block is not None:
            block.add(text)
            if first == "E" and _TIMEOUT.match(text):
                self._error("timeout", f"{text[1:].strip()} ({block.title})", line)
        elif self.zone == "other":
            self.coverage(text, line)

    def _leaves(self, first: str, text: str, line: int) -> bool:
        """Whether a line in a section is more than the section's text."""
        if self._nested:
            return self._leaves_nested(text, line)
        if first == "=":
            return self._bar_in_section(text, line)
        if first == "_":
            return self._header(text)
        if first == "-":
            return self._dashes(text)
        if first == "!":
            return text.startswith("!!!") and text.endswith("!!!") and not self._captured
        if first == "I" and text.startswith("INTERNALERROR>"):
            self._internal(text, line)
            return True
        if not self.header and first.isdigit() and (found := summary_counts(text)) is not None:
            self._end(text, found, line)
            return True
        return first == "F" and self._gate(text, line)

    def _dashes(self, text: str) -> bool:
        if text.startswith("---------- coverage: ") or self._is_section_of_plugin(text):
            self._open("other", None)
            return True
        self._captured = self._captured or (text.startswith("-----") and " Captured " in text)
        if self._block is not None:
            self._block.captured = self._captured
        return False

    def _is_section_of_plugin(self, text: str) -> bool:
        """Whether a heading with dashes begins a plugin's section, such as a table of benchmarks."""
        if " Captured " in text or " live log " in text or not text.endswith("-----"):
            return False
        return text.strip("-").strip() != "" and self._may_be_section(len(text))

    def _gate(self, text: str, line: int) -> bool:
        return text.startswith("FAIL Required test coverage") and self.coverage(text, line)

    def _bar_in_section(self, text: str, line: int) -> bool:
        if STARTS in text:
            # A run within a test, printed among what the test wrote: no session of its own.
            self._nested = True
            return False
        counts = summary_counts(text)
        if counts is not None:
            if not self._captured:
                self._end(text, counts, line)
                return True
            if not self._ends_here(counts[0], len(text)):
                return False
            self._finish(*counts, line)
            return True
        found = _HEADING.match(text) if text[-1] == "=" else None
        if found is None:
            return False
        title = found["title"]
        if self._captured and (
            (title == "FAILURES" and self._keep == "failed") or (title == "ERRORS" and self._keep == "failed")
        ):
            self._nested = True
            return False
        return self._section(title, len(text))

    def _ends_here(self, counts: Mapping[str, int], width: int) -> bool:
        """Whether a summary line in captured text is this session's own: by what was seen, and its width."""
        if self._agrees(counts) is not None:
            return bool(self._agrees(counts))
        return not self.header or width >= (self.width or 79) - 1

    def _leaves_nested(self, text: str, line: int) -> bool:
        counts = summary_counts(text)
        if counts is not None:
            # Most likely the end of the inner run; if that printed none, it was the end of this one.
            self._perhaps = (counts[0], counts[1], line)
            self._nested = False
        elif text[:1] == "_":
            found = _BLOCK.match(text)
            if found is not None and _plain(found["title"])[0] in self._known_titles():
                self._nested = False
                return self._header(text)
        return False

    def _known_titles(self) -> set[str]:
        """The titles that the failing tests of the progress lines will have."""
        if self._failing_titles is None:
            self._failing_titles = {title_of(n) for n, outcome in self.tests.items() if outcome in _FAILING}
        return self._failing_titles

    def _header(self, text: str) -> bool:
        if text.startswith("_ _ "):
            return False  # between the frames of a traceback
        if self._keep is None:
            if self.zone == "other" and " coverage: " in text:
                self._captured = False
            return True
        found = _BLOCK.match(text) if text[-1] == "_" else None
        if found is None:
            return False
        title, phase = _plain(found["title"])
        if self._captured and not self._is_header(title, phase, len(text)):
            return False
        self._close_block()
        self._captured = False
        phase = phase or ("call" if self._keep == "failed" else "setup")
        room = TRACEBACK_KEPT if self.allowance.text > 0 else 0
        self._block = _Block(title[:NAME_KEPT], self._keep, phase, room)
        titles = self._titles[self._keep]
        if len(titles) < BLOCKS_KEPT:
            titles.add(title[:NAME_KEPT].replace("::", "."))
        return True

    def _is_header(self, title: str, phase: str | None, width: int) -> bool:
        """Whether a line like a header, behind captured output, is one: by its title, else by its width."""
        known = self._known_titles()
        every = self.collected is not None and len(self.tests) >= self.collected
        if every and known and phase is None and not title.endswith(".py"):
            plain = title.removeprefix("[doctest] ").replace("::", ".")
            return plain in known or _without_subtest(plain) in known
        return width >= (self.width or 80) - 1

    def _close_block(self) -> None:
        block, self._block = self._block, None
        if block is not None and len(self._blocks) < BLOCKS_KEPT:
            self.allowance.text -= sum(map(len, block.start)) + block.end_size
            self._blocks.append(block)

    # Short summary and the like

    def _short_summary(self, text: str, line: int) -> None:
        first = text[:1]
        if first == "=" and self._heading(text, line):
            return
        if first == "!" and text.startswith("!!!") and text.endswith("!!!"):
            self._entry = None
            return
        if not self.header and first.isdigit() and (found := summary_counts(text)) is not None:
            self._end(text, found, line)
            return
        if first in _ENTRY_STARTS and (entry := _ENTRY.match(text)) and self._enter(entry):
            return
        if _DRIVER.match(text):
            self.leaves(text, line)
        elif self._entry is not None:
            self._entry.add(text)
        elif text.startswith("INTERNALERROR>"):
            self._internal(text, line)

    def _enter(self, found: re.Match[str]) -> bool:
        """Keep an entry; False if the line only looks like one and belongs to the message before it."""
        word, rest = found["word"], found["rest"]
        if word == "SKIPPED":
            self._entry = None
            return True
        sub = word.startswith("SUB")
        if sub and (inner := _SUB_ENTRY.match(rest)):
            rest = inner["rest"]
        rest = rest.strip()
        if seconds := _SECONDS.match(rest):
            rest = rest[seconds.end() :]
        name, message = split_entry(rest, self._known)
        node = tidy(name)
        outcome = "failed" if sub else OUTCOMES[word]
        after = self._entry
        if after is not None and outcome in _FAILING and not sub and not self._credible(node, outcome):
            return False
        if sub:
            self._subs_listed += 1
            self._subfailed.add(node)
        entry = _Entry(node, "subfailed" if sub else outcome, [], follows_text=after is not None)
        if message is not None:
            entry.add(message)
        self._entry = entry
        if len(self._entries) < TESTS_KEPT and self.allowance.tests > 0:
            if node not in self.tests:
                self.allowance.tests -= 1
            self._entries.append(entry)
            self._shorten()
        return True

    def _shorten(self) -> None:
        """Take the text of the entry before the newest one from what the log may keep."""
        if len(self._entries) < 2:
            return
        entry = self._entries[-2]
        if entry.lines:
            entry.lines = [self.allowance.message("\n".join(entry.lines))]

    def _known(self, name: str) -> bool:
        return tidy(name) in self.tests or ("::" in name and self._titled(title_of(name)))

    def _titled(self, title: str) -> bool:
        return any(title in titles for titles in self._titles.values())

    def _credible(self, node: str, outcome: str) -> bool:
        """Whether a name in the short summary is that of a test that failed, as far as the log has told."""
        if self.tests.get(node) in _FAILING:
            return True
        titles = self._titles[outcome]
        if not titles and not (self.verbose and self.tests):
            return True
        return not titles.isdisjoint((title_of(node), node, node.partition("::")[0]))

    def _rerun_summary(self, text: str, line: int) -> None:
        first = text[:1]
        if first == "=" and self._heading(text, line):
            return
        if not self.header and first.isdigit() and (found := summary_counts(text)) is not None:
            self._finish(*found, line)
            return
        entry = _ENTRY.match(text) if first in "RPFE" and first else None
        if entry is None or self.verbose:
            return
        node, outcome = tidy(entry["rest"]), OUTCOMES.get(entry["word"])
        if outcome == "rerun":
            self.reruns[node] += 1
        elif outcome is not None and node not in self.tests:
            self.allowance.tests -= 1
            self.tests[node] = outcome

    def _slowest(self, text: str, line: int) -> None:
        if text[:1] == "=" and self._heading(text, line):
            return
        if found := _DURATION.match(text):
            node = tidy(found["node"])
            if found["phase"] == "call" or node not in self.durations:
                self.durations[node] = float(found["time"])
        elif not self.header and (counts := summary_counts(text)) is not None:
            self._finish(*counts, line)

    # The end

    def _end(self, text: str, found: tuple[dict[str, int], float], line: int) -> None:
        """End the session with this summary line; hold it back if a test may have printed it."""
        if self._pending_word is not None:
            self._settle()
        if self._is_own(found[0], len(text)):
            self._finish(*found, line)
        else:
            self._held = _Held(text, line, *found, self.take)
            self.take = self._behind_held

    def _is_own(self, counts: Mapping[str, int], width: int) -> bool:
        """Whether a summary line is surely this session's: by what was seen and collected, and its width."""
        agrees = self._agrees(counts)
        if self._exceeds(counts) or agrees is False:
            return False
        if agrees:
            return True
        if self.header and self._is_narrow(width):
            return False
        if self.zone != "summary":
            return True
        listed = Counter("errors" if entry.outcome == "error" else entry.outcome for entry in self._entries)
        return all(listed[word] == counts.get(word, 0) for word in ("failed", "errors"))

    def _is_narrow(self, width: int) -> bool:
        return width < self.width - BAR_VARIES

    def _exceeds(self, counts: Mapping[str, int]) -> bool:
        """Whether more tests are counted than were collected."""
        ran = sum(counts.get(word, 0) for word in _COUNTED if word != "errors")
        return self.collected is not None and ran > self.collected

    def _behind_held(self, text: str, line: int) -> None:
        """Take a line behind a doubtful summary line: it may tell whether the session goes on."""
        held = self._held
        if held is None:
            self.take(text, line)
        elif self._shows_more(text, held):
            self._held = None
            self.take = held.take
            if self._entry is not None:
                self._entry.add(held.text)
            elif self._block is not None:
                self._block.add(held.text)
            for earlier, number in [*held.behind, (text, line)]:
                self.take(earlier, number)
        elif _is_of_another(text):
            self._believe_held()
            self.leaves(text, line)
        else:
            held.behind.append((text, line))
            if len(held.behind) >= LINES_HELD:
                self._believe_held()

    def _shows_more(self, text: str, held: _Held) -> bool:
        """Whether a line shows that the session goes on behind the summary line that is held back."""
        found = summary_counts(text)
        if found is not None:
            return self._replaces(text, found[0], held)
        if self.zone == "summary":
            entry = _ENTRY.match(text) if text[:1] in ("F", "E") else None
            return entry is not None and _is_name(entry["rest"].strip())
        return self._still_runs(text, held)

    def _replaces(self, text: str, counts: Mapping[str, int], held: _Held) -> bool:
        """Whether a later summary line is at least as likely the session's own as the one held back."""
        barred, was_barred = text[:1] == "=", held.text[:1] == "="
        if barred != was_barred and barred != self.header:
            return False
        narrower = self._is_narrow(len(text)) and not self._is_narrow(len(held.text))
        return not (barred and narrower) and not self._exceeds(counts)

    def _still_runs(self, text: str, held: _Held) -> bool:
        """Whether a line behind a summary line among the progress is a result or heading of this session."""
        if self._pending is not None and text.startswith(tuple(OUTCOMES)):
            return _ending(" " + text) is not None
        running = self.collected is not None and sum(self.tally[word] for word in _COUNTED) < self.collected
        if running and "::" in text:
            ending = _ending(text[:NAME_KEPT])
            return ending is not None and _is_name(ending[0])
        if self.zone == "blocks" and text[:1] == "_" and _BLOCK.match(text):
            return True
        heading = _HEADING.match(text) if text[-1:] == "=" else None
        if heading is None or heading["title"] not in ("FAILURES", "ERRORS", "short test summary info"):
            return False
        if self.zone == "blocks":
            return True
        return self.header and (self._exceeds(held.counts) or self._is_narrow(len(held.text)))

    def _believe_held(self) -> None:
        """End the session with the line that was held back; the lines behind it are not the session's."""
        held, self._held = self._held, None
        if held is None:
            return
        self._finish(held.counts, held.duration_s, held.line)
        for text, line in held.behind:
            if text and summary_counts(text) is None:
                self.leaves(text, line)

    def _finish(self, counts: dict[str, int], duration_s: float, line: int) -> None:
        self._settle()
        self._close_block()
        self.counts, self.duration_s = counts, duration_s
        self.complete = True
        self.last_line = line
        self.ends()

    @property
    def doubtful_end(self) -> bool:
        """Whether the summary line stood in text that a test has printed, and may have been that text."""
        return self.complete and self._captured

    @property
    def alive(self) -> bool:
        """Whether tests were still running, and nothing has crashed, when the last line was taken."""
        return not self.complete and self.zone == "progress" and not self.errors

    def resume(self) -> None:
        """Go on: what looked like the end was none."""
        self.complete = False
        self.counts, self.duration_s = {}, None

    def goes_on(self, text: str) -> bool:
        """Whether a line behind another run's end belongs to this session: an outcome, or a heading."""
        if self._pending is not None and text.startswith(tuple(OUTCOMES)):
            return _ending(" " + text) is not None
        return starts_quietly(text)

    # What was read

    def _agrees(self, counts: Mapping[str, int]) -> bool | None:
        """Whether the progress lines add up to these counts; None where there were none."""
        if not (self.verbose or self.dots_seen):
            return None
        seen = dict(self.tally)
        # Not every version prints the subtests that failed among the progress.
        unseen = max(self._subs_listed - self._subs_seen, 0)
        if seen.get("failed", 0) != counts.get("failed", 0):
            seen["failed"] = seen.get("failed", 0) + unseen
        return all(seen.get(word, 0) == counts.get(word, 0) for word in _COUNTED)

    @property
    def cut_off(self) -> bool:
        """Whether more was to come: neither the summary line nor the short summary was reached."""
        return not self.complete and self.zone != "summary" and self._held is None

    def session(self, last_line: int | None = None) -> TestSession:
        """All that was read so far; `complete` only if the summary line has come.

        `last_line` is where a session without that line ends.
        """
        self._believe_held()
        if self._pending_word is not None:
            self._settle()
        self._close_block()
        self._shorten_last()
        if not self.complete and self._perhaps is not None and self._agrees(self._perhaps[0]):
            self.counts, self.duration_s, self.last_line = self._perhaps
            self.complete = True
        tests = self._named_tests()
        return TestSession(
            platform=self.platform,
            python=self.python,
            pytest=self.pytest,
            plugins=self.plugins,
            rootdir=self.rootdir,
            collected=self.collected,
            counts=dict(self.counts),
            complete=self.complete,
            consistent=self._consistent(tests),
            duration_s=self.duration_s,
            tests=tests,
            started_at=self.started_at,
            environment=self.environment,
            first_line=self.first_line,
            last_line=self.last_line if self.complete else last_line,
        )

    def _shorten_last(self) -> None:
        if self._entries and self._entries[-1].lines:
            self._entries[-1].lines = [self.allowance.message("\n".join(self._entries[-1].lines))]

    def _consistent(self, tests: tuple[LoggedTest, ...]) -> bool | None:
        if not self.complete:
            return None
        agrees = self._agrees(self.counts)
        if agrees:
            return True
        named = Counter("errors" if test.outcome == "error" else test.outcome for test in tests)
        named["errors"] += len(self._failed_twice)
        if all(named.get(word, 0) == self.counts.get(word, 0) for word in _COUNTED):
            return True
        more = any(named.get(word, 0) > self.counts.get(word, 0) for word in ("failed", "errors"))
        return False if self.verbose or more else None

    def _named_tests(self) -> tuple[LoggedTest, ...]:
        entries = self._believed()
        outcomes = dict(self.tests)
        messages: dict[tuple[str, bool], str | None] = {}
        for entry in entries:
            self._merge(entry, outcomes, messages)
        for node in sorted(self._subfailed):
            if outcomes.get(node) != "error":
                outcomes[node] = "failed"
        blocks = _Blocks(self._blocks)
        if not any(outcome in _FAILING for outcome in outcomes.values()):
            for node, outcome in self._from_blocks():
                if outcomes.setdefault(node, outcome) != outcome:
                    outcomes[node] = "failed"
                    self._failed_twice.add(node)
        for node in self.reruns:
            outcomes.setdefault(node, "failed" if self.complete else "error")
        return tuple(self._tests(outcomes, messages, blocks))

    def _merge(
        self, entry: _Entry, outcomes: dict[str, str], messages: dict[tuple[str, bool], str | None]
    ) -> None:
        if entry.outcome == "subfailed":
            messages.setdefault((entry.nodeid, False), entry.message)
            return
        if entry.outcome == "rerun":
            if not self.verbose:
                self.reruns[entry.nodeid] += 1
            return
        before = outcomes.get(entry.nodeid)
        if before is None or (before not in _FAILING and entry.outcome in _FAILING):
            outcomes[entry.nodeid] = entry.outcome
        elif {before, entry.outcome} == {"failed", "error"}:
            outcomes[entry.nodeid] = "failed"
            self._failed_twice.add(entry.nodeid)
        if entry.outcome in _FAILING:
            messages.setdefault((entry.nodeid, entry.outcome == "error"), entry.message)

    def _believed(self) -> list[_Entry]:
        """The entries of the short summary; without those that are too many, if the counts tell so.

        Only a line that followed a message can be part of that message. Of these, one that names a file
        that the progress lines do not know goes first, then one whose file is named least, then the last.
        """
        kept = self._entries
        if not self.complete or self.verbose:
            return kept
        for outcome, word in (("failed", "failed"), ("error", "errors")):
            listed = [entry for entry in kept if entry.outcome == outcome]
            excess = len(listed) - self.counts.get(word, 0)
            if excess <= 0 or self._titles[outcome]:
                continue
            files = Counter(_file_of(entry.nodeid) for entry in listed)
            suspects = [entry for entry in reversed(listed) if entry.follows_text]
            suspects.sort(key=lambda e: (_file_of(e.nodeid) in self.dot_files, files[_file_of(e.nodeid)]))
            gone = {id(entry) for entry in suspects[:excess]}
            kept = [entry for entry in kept if id(entry) not in gone]
        return kept

    def _from_blocks(self) -> Iterator[tuple[str, str]]:
        """Names from the headers of the blocks, where nothing else names what failed."""
        for block in self._blocks:
            crashed = _CRASHED.search(block.last or "")
            if crashed is not None:
                yield tidy(crashed["node"]), block.kind
            elif block.phase == "collect":
                yield tidy(block.title), block.kind
            elif block.path is None:
                yield block.title, block.kind
            else:
                yield tidy(f"{block.path}::{_with_colons(block.title)}"), block.kind

    def _tests(
        self, outcomes: Mapping[str, str], messages: Mapping[tuple[str, bool], str | None], blocks: _Blocks
    ) -> Iterator[LoggedTest]:
        durations, reruns = self.durations, self.reruns
        for node, outcome in outcomes.items():
            if outcome == "passed" and node not in durations and node not in reruns:
                yield self.allowance.passed(node)
            elif outcome not in _FAILING:
                yield LoggedTest(node, outcome, durations.get(node), reruns=reruns.get(node, 0))
            else:
                block = blocks.of(node, outcome)
                message = self._message(messages.get((node, outcome == "error")), block)
                traceback = block.text if block else None
                if outcome == "failed" and node in self._failed_twice:
                    after = blocks.of(node, "error")
                    message = _with_teardown(message, self._message(messages.get((node, True)), after))
                    if after is not None and after.text:
                        traceback = "\n".join(part for part in (traceback, ALSO, after.text) if part)
                yield LoggedTest(
                    node,
                    outcome,
                    durations.get(node),
                    message,
                    traceback,
                    block.phase if block else self._phase(node, outcome),
                    reruns.get(node, 0),
                )

    def _message(self, said: str | None, block: _Block | None) -> str | None:
        """The short summary's message; the block's where that is cut (`…`) or missing."""
        if said is not None and not said.endswith("..."):
            return said
        raised = block.message if block is not None else None
        return self.allowance.message(raised) if raised else said

    def _phase(self, node: str, outcome: str) -> str:
        if outcome == "failed":
            return "call"
        if "::" not in node:
            return "collect"
        return "teardown" if node in self.teardown else "setup"


class _Blocks:
    """The blocks by title; tests of the same title take theirs in the order in which they are printed."""

    __slots__ = ("_by_title",)

    def __init__(self, blocks: list[_Block]) -> None:
        self._by_title: dict[tuple[str, str], deque[_Block]] = {}
        for block in blocks:
            crashed = _CRASHED.search(block.last or "")
            title = title_of(tidy(crashed["node"])) if crashed else block.title.removeprefix("[doctest] ")
            for key in {title.replace("::", "."), _without_subtest(title)}:
                self._by_title.setdefault((key, block.kind), deque()).append(block)

    def of(self, node: str, outcome: str) -> _Block | None:
        found = self._by_title.get((title_of(node), outcome))
        if not found:
            found = self._by_title.get((node, outcome))
        return found.popleft() if found else None


_GLUED = ("PASSED", "FAILED", "SKIPPED", "XFAIL", "XPASS", "ERROR")
_COUNTED = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")
_ENTRY_STARTS = frozenset("FESXPR[(")
_MAY_LEAVE = frozenset("=_-!IF0123456789")
# What the lines of the progress zone begin with that say something, as far as they hold no `: `.
_REMARKS = frozenset(
    (
        *("pl", "ro", "co", "gw", "IN", "Fa", "Se", "Bu", "Wi", "Ab", "Il", "[g"),
        *("no", "Po", "Cl", "──", "Na", "FA", "Re", "ER", "Co", "Ki"),
        *(f"{first}{second}" for first in "0123456789" for second in " 0123456789"),
    )
)
_KNOWN_SECTIONS = frozenset(
    (
        "warnings summary",
        "warnings summary (final)",
        "XFAILURES",
        "PASSES",
        "XPASSES",
        "RERUNS",
        "tests coverage",
        "Hypothesis Statistics",
        "Flaky Test Report",
        "slowest test durations",
    )
)


def _plain(title: str) -> tuple[str, str | None]:
    """A header's title without `ERROR at setup of`, and the phase that it tells."""
    for phase in ("setup", "teardown"):
        start = f"ERROR at {phase} of "
        if title.startswith(start):
            return title[len(start) :], phase
    if title.startswith("ERROR collecting "):
        return tidy(title[17:]), "collect"
    return title, None


def _with_teardown(message: str | None, teardown: str | None) -> str | None:
    """The message of the call, then that of the teardown on lines of its own."""
    if teardown is None:
        return message
    return "\n".join(part for part in (message, f"Also in teardown: {teardown}") if part)


def _is_of_another(text: str) -> bool:
    """Whether a line behind a session's end is a driver's, begins a session, or is an outcome alone."""
    if summary_counts(text) is not None:
        return False
    if starts_session(text) is not None or starts_quietly(text) or _DRIVER.match(text):
        return True
    return text.startswith(tuple(OUTCOMES)) and _ending(" " + text) is not None


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _without_subtest(title: str) -> str:
    """`TestX.test_y` of `TestX.test_y [case] (i=1)`."""
    for mark in (" [", " ("):
        if mark in title and "[" not in title.partition(mark)[0]:
            return title.partition(mark)[0].replace("::", ".")
    return title.replace("::", ".")


def _with_colons(title: str) -> str:
    """`TestX::test_y[a.b]` of `TestX.test_y[a.b]`."""
    name, bracket, parameters = title.partition("[")
    return name.replace(".", "::") + bracket + parameters
