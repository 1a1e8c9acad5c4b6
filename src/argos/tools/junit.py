"""JUnit XML, which every test runner writes in its own way: pytest, unittest, surefire, jest, gtest, …

No schema binds them. Read are `<testsuite>`, nested or not, and in them `<testcase>` with what it holds:
`<failure>`, `<error>`, `<skipped>` and surefire's `<flakyFailure>` and `<rerunFailure>`.

A node id is rebuilt as pytest would write it, which has turned `tests/test_a.py::TestX::test_b[1]` into the
class name `tests.test_a.TestX` and the name `test_b[1]`. Tests of other languages are named
`file::class::name`, without what is not given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import BinaryIO

from argos.model.ci import LoggedTest, TestSession
from argos.tools import hostile_xml
from argos.tools.report_paths import slashed

MAX_TEXT = 100_000
MAX_CASES = 1_000_000
ROOTS = ("testsuites", "testsuite")

Known = Callable[[str], bool]

_FAILED = {"failure": "failed", "error": "error"}
_RERUNS = frozenset({"flakyFailure", "flakyError", "rerunFailure", "rerunError"})
_XFAIL_TYPES = frozenset({"pytest.xfail", "xfail"})
# The outcomes that the summary line of pytest, and so `counts`, has another word for.
_WORDS = {"error": "errors"}
_OF_SUITES = ("tests", "failures", "errors", "skipped")


@dataclass(frozen=True, slots=True)
class JUnitReport:
    """The sessions of one file, and what of it could not be read, one sentence each."""

    sessions: tuple[TestSession, ...]
    unreadable: tuple[str, ...] = ()


def read(stream: BinaryIO, *, known: Known | None = None, zone: tzinfo | None = None) -> list[TestSession]:
    """The sessions of `read_report`."""
    return list(read_report(stream, known=known, zone=zone).sessions)


def read_report(stream: BinaryIO, *, known: Known | None = None, zone: tzinfo | None = None) -> JUnitReport:
    """What a JUnit file says. Each suite of pytest is a session, the suites of other runners are one.

    `known` says whether the project has a file (`tests/test_a.py`); without it, module and class are
    told apart by how they are spelt. `zone` is that of times without one; without it they are unknown.

    A session's `counts` are of the file's cases: passed, failed, errors, skipped, and xfailed if there are
    any. A test of pytest that failed and then failed to tear down counts as both, as in pytest's own
    summary, and is one test that failed. A repeated test of pytest is a rerun. `consistent` is whether the
    cases add up to what the suites' attributes say. `complete` is False for the last session of a file
    that is cut off. Texts are cut after 100,000 characters.

    Raises `ArgosError` for a file that is no JUnit XML at all.
    """
    reader = _Reader(known, zone)
    ended = hostile_xml.scan(stream, start=reader.start, end=reader.end, text=reader.text)
    hostile_xml.required(reader.root, ROOTS, ended, "JUnit report")
    return JUnitReport(reader.sessions(complete=ended is None), () if ended is None else (ended,))


@dataclass(slots=True)
class _Verdict:
    """One element in a case that says how it ended. `text` is cut when it is long."""

    kind: str
    type: str
    message: str
    pieces: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, piece: str) -> None:
        room = MAX_TEXT - self.size
        if room > 0:
            self.pieces.append(piece[:room])
            self.size += len(piece)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip("\n").rstrip()


@dataclass(slots=True)
class _Case:
    """One `<testcase>` element while it is open."""

    attributes: Mapping[str, str]
    verdicts: list[_Verdict] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Suite:
    """One outermost `<testsuite>` with all that is nested in it.

    `outermost` is what its own attributes count, `summed` what those of all suites in it come to.
    `elements` counts `<failure>`, `<error>` and `<skipped>`.
    """

    attributes: Mapping[str, str]
    of_pytest: bool
    tests: list[LoggedTest] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    outermost: Counter[str] = field(default_factory=Counter)
    summed: Counter[str] = field(default_factory=Counter)
    properties: dict[str, str] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    def add(self, test: LoggedTest) -> None:
        """Takes the next test; pytest writes a further element for each rerun and for a failing tear-down.

        Other workers' tests may stand between them. What was to be rerun is written like a pass.
        """
        self.counts[_WORDS.get(test.outcome, test.outcome)] += 1
        place = self._places.get(test.nodeid) if self.of_pytest else None
        before = None if place is None else self.tests[place]
        if place is not None and before is not None and before.outcome == "passed":
            self.counts["passed"] -= 1
            self.tests[place] = replace(test, reruns=before.reruns + 1)
        elif before is None or test.phase != "teardown":
            self._places[test.nodeid] = len(self.tests)
            self.tests.append(test)

    def state(self, attributes: Mapping[str, str], *, nested: bool) -> None:
        """Takes what a suite says of itself."""
        for word in _OF_SUITES:
            if (number := _stated(attributes, word)) is None:
                continue
            self.summed[word] += number
            if not nested:
                self.outermost[word] = number

    def consistent(self, *, complete: bool) -> bool | None:
        """Whether the cases add up to what the suites say; outer suites may or may not include inner ones."""
        if not self.outermost:
            return None
        if not complete:
            return False
        return any(self._agrees(said) for said in (self.outermost, self.summed))

    def _agrees(self, said: Counter[str]) -> bool:
        """pytest counts elements, of which a test with subtests has several, and subtests that pass."""
        if self.of_pytest:
            real = Counter(failures=self.elements["failure"], errors=self.elements["error"])
            real["skipped"] = self.elements["skipped"]
            enough = said.get("tests", len(self.tests)) >= len(self.tests)
            return enough and all(real[word] == said[word] for word in said if word != "tests")
        real = Counter(tests=len(self.tests), failures=self.counts["failed"], errors=self.counts["errors"])
        real["skipped"] = self.counts["skipped"] + self.counts["xfailed"]
        return all(real[word] == said[word] for word in said)


class _Reader:
    """Takes elements one by one and holds the suites."""

    def __init__(self, known: Known | None, zone: tzinfo | None) -> None:
        self.root: str | None = None
        self._known = known
        self._zone = zone
        self._of_pytest = False
        self._open: list[str] = []
        self._suites: list[_Suite] = []
        self._nested = 0
        self._case: _Case | None = None
        self._verdict: _Verdict | None = None
        self._cases = 0
        self._files: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self.root = name
            self._of_pytest = name == "testsuites" and attributes.get("name") == "pytest tests"
            if name not in ROOTS:
                raise hostile_xml.StopReading("Another kind of file.")
        self._open.append(name)
        if name == "testsuite":
            self._open_suite(attributes)
        elif name == "testcase":
            self._open_case(attributes)
        elif name == "property":
            self._property(attributes)
        elif self._verdict is None and (name in _FAILED or name in _RERUNS or name == "skipped"):
            self._open_verdict(name, attributes)

    def end(self, name: str) -> None:
        self._open.pop()
        if self._verdict is not None and name == self._verdict.kind:
            self._close_verdict(self._verdict)
        elif name == "testcase" and self._case is not None:
            self._close_case(self._case)
        elif name == "testsuite":
            self._nested -= 1
            self._files.pop()

    def text(self, piece: str) -> None:
        if self._verdict is not None and self._open[-1] in (self._verdict.kind, "stackTrace"):
            self._verdict.add(piece)

    def sessions(self, *, complete: bool) -> tuple[TestSession, ...]:
        if self._case is not None and self._case.verdicts:
            self._close_case(self._case)
        groups: list[list[_Suite]] = [[suite] for suite in self._suites if suite.of_pytest]
        if others := [suite for suite in self._suites if not suite.of_pytest]:
            groups.append(others)
        last = self._suites[-1] if self._suites else None
        return tuple(_session(group, complete or group[-1] is not last, self._zone) for group in groups)

    def _open_suite(self, attributes: dict[str, str]) -> None:
        if not self._nested:
            # The suite's name can be configured; newer versions name themselves in the element around it.
            of_pytest = self._of_pytest or attributes.get("name") == "pytest"
            self._suites.append(_Suite(attributes, of_pytest))
        self._suites[-1].state(attributes, nested=bool(self._nested))
        self._nested += 1
        outer = self._files[-1] if self._files else ""
        self._files.append(attributes.get("file") or attributes.get("filepath") or outer)

    def _open_case(self, attributes: dict[str, str]) -> None:
        self._cases += 1
        if self._cases > MAX_CASES:
            raise hostile_xml.StopReading(
                f"There are more than {MAX_CASES:,} test cases; the rest is not read."
            )
        if not self._suites:
            self._suites.append(_Suite({}, of_pytest=False))
        self._case = _Case(attributes)

    def _property(self, attributes: dict[str, str]) -> None:
        if self._case is None and self._suites and len(self._suites[-1].properties) < 1000:
            self._suites[-1].properties.setdefault(
                attributes.get("name", ""), attributes.get("value", "")[:MAX_TEXT]
            )

    def _open_verdict(self, name: str, attributes: dict[str, str]) -> None:
        if self._case is not None or (self._nested and name in _FAILED):
            self._verdict = _Verdict(
                name, attributes.get("type", ""), attributes.get("message", "")[:MAX_TEXT]
            )

    def _close_verdict(self, verdict: _Verdict) -> None:
        self._verdict = None
        if self._case is not None:
            self._case.verdicts.append(verdict)
        else:
            name = self._suites[-1].attributes.get("name") or "testsuite"
            test = LoggedTest(name, "error", message=_message(verdict), traceback=verdict.text or None)
            self._suites[-1].add(test)

    def _close_case(self, case: _Case) -> None:
        self._case = None
        suite = self._suites[-1]
        file = case.attributes.get("file") or (self._files[-1] if self._files else "")
        nodeid = node_id(
            case.attributes.get("classname") or case.attributes.get("class") or "",
            case.attributes.get("name") or "",
            file=file,
            known=self._known,
            of_python=suite.of_pytest,
        )
        suite.elements.update(verdict.kind for verdict in case.verdicts)
        suite.add(_test(nodeid, case))


def _session(suites: list[_Suite], complete: bool, zone: tzinfo | None) -> TestSession:
    counts = Counter(dict.fromkeys(("passed", "failed", "errors", "skipped"), 0) if complete else {})
    for suite in suites:
        counts.update(suite.counts)
    told = [suite.consistent(complete=complete) for suite in suites]
    durations = [seconds(suite.attributes.get("time")) for suite in suites]
    times = [moment for suite in suites if (moment := time(suite.attributes.get("timestamp"), zone))]
    properties = suites[0].properties
    tests = tuple(test for suite in suites for test in suite.tests)
    return TestSession(
        platform=_platform(properties.get("Platform", "")),
        python=_version(_PYTHON, properties.get("Python", "")),
        pytest=_version(_PYTEST, properties.get("Packages", "")),
        counts=dict(counts),
        complete=complete,
        consistent=None if None in told else all(told),
        duration_s=None if None in durations else sum(each for each in durations if each is not None),
        tests=tests,
        started_at=min(times, default=None),
    )


def _test(nodeid: str, case: _Case) -> LoggedTest:
    """What the case's verdicts come to: the first failure or error, else a skip, else passed."""
    decisive = next((each for each in case.verdicts if each.kind in _FAILED), None)
    skip = next((each for each in case.verdicts if each.kind == "skipped"), None)
    duration = seconds(case.attributes.get("time"))
    reruns = sum(each.kind in _RERUNS for each in case.verdicts)
    if decisive is not None:
        phase = _phase(decisive)
        texts = [each.text for each in case.verdicts if each.kind in _FAILED and each.text]
        return LoggedTest(
            nodeid,
            _FAILED[decisive.kind],
            duration,
            _message(decisive),
            "\n\n".join(texts)[:MAX_TEXT] or None,
            phase,
            reruns,
        )
    if skip is not None:
        outcome = "xfailed" if _expected_to_fail(skip) else "skipped"
        return LoggedTest(nodeid, outcome, duration, _message(skip), reruns=reruns)
    outcome = _of_attributes(case.attributes)
    phase = "call" if outcome in _FAILED.values() else None
    return LoggedTest(nodeid, outcome, duration, phase=phase, reruns=reruns)


_OUTCOMES = {
    **dict.fromkeys(("notrun", "skipped", "disabled", "ignored", "suppressed", "pending"), "skipped"),
    **dict.fromkeys(("fail", "failed", "failure"), "failed"),
    **dict.fromkeys(("error", "errored"), "error"),
}


def _of_attributes(attributes: Mapping[str, str]) -> str:
    """gtest, ctest and others say in attributes what did not run or failed: `status="notrun"`."""
    said = (_OUTCOMES.get(attributes.get(name, "").lower()) for name in ("result", "status"))
    return next((outcome for outcome in said if outcome), "passed")


def _expected_to_fail(skip: _Verdict) -> bool:
    return skip.type.lower() in _XFAIL_TYPES or skip.message.startswith("expected test failure")


_IN_PHASE = re.compile(r'failed on (setup|teardown) with "(.*)"', re.DOTALL)
_OLD_PHASE = re.compile(r"test (setup|teardown) failure")
_RAISED = re.compile(r"^E +(\S.*)", re.MULTILINE)
_SKIPPED = re.compile(r"Skipped: (.*?)['\"]\)")


def _phase(verdict: _Verdict) -> str | None:
    """Where a test failed: pytest says so in the message, of others an error is one of the test itself."""
    if match := _IN_PHASE.match(verdict.message) or _OLD_PHASE.match(verdict.message):
        return match[1]
    return "collect" if verdict.message == "collection failure" else "call"


def _message(verdict: _Verdict) -> str | None:
    """The message without pytest's frame around it, else the line of the text that says most."""
    if match := _IN_PHASE.fullmatch(verdict.message):
        return match[2]
    if verdict.message == "collection skipped":
        skipped = _SKIPPED.search(verdict.text)
        return skipped[1] if skipped else verdict.message
    if verdict.message == "collection failure" or _OLD_PHASE.fullmatch(verdict.message):
        raised = _RAISED.findall(verdict.text)
        return raised[-1].strip() if raised else verdict.message
    if verdict.message:
        return verdict.message
    first = verdict.text.lstrip().partition("\n")[0].strip()
    return first or verdict.type or None


# Names


def node_id(
    classname: str, name: str, *, file: str = "", known: Known | None = None, of_python: bool = False
) -> str:
    """The node id of a case.

    `file` decides what of `classname` is the module, if the class is of that file: pytest names the file
    of the function, which for an inherited test is another. `of_python` says that it is Python for sure;
    else it is if the file is one or if a part of the class name is spelt like a test module.
    """
    file = slashed(file)
    if file and not file.endswith((".py", ".pyx")):
        # jest writes the whole name in both, and the file's where all of it failed.
        parts = [file, "" if classname == name else classname, "" if name == file else name]
        return "::".join(part for part in parts if part)
    if of_python and not classname:
        return _collected(name, file)
    if file and (classes := _classes_in(file, classname)) is not None:
        return "::".join([file, *classes, name])
    parts = classname.split(".") if classname else []
    modules = _modules(parts, known)
    if modules or of_python or file:
        modules = modules or _upto_capital(parts)
        path = "/".join(parts[:modules]) + ".py" if parts else file
        return "::".join([path, *parts[modules:], name])
    return "::".join(part for part in (classname, name) if part)


def _collected(name: str, file: str) -> str:
    """pytest writes a module that it could not collect, or skipped whole, as a case without a class."""
    if file:
        return file
    return name.replace(".", "/") + ".py" if re.fullmatch(r"[\w.]+", name) else name


def _classes_in(file: str, classname: str) -> list[str] | None:
    """The classes of a class name whose module is `file` or its end; else None."""
    folders = file.rpartition(".")[0].split("/")
    for first in range(len(folders)):
        module = ".".join(folders[first:])
        if classname == module:
            return []
        if classname.startswith(module + "."):
            return classname[len(module) + 1 :].split(".")
    return None


def _modules(parts: list[str], known: Known | None) -> int:
    """How many parts of a class name are folders and the module; 0 if that cannot be told."""
    if known is not None:
        for count in range(len(parts), 0, -1):
            if known("/".join(parts[:count]) + ".py"):
                return count
    likely = [n for n, part in enumerate(parts, 1) if part.startswith("test_") or part.endswith("_test")]
    if likely:
        return likely[-1]
    return len(parts) if parts and parts[-1] in ("test", "tests") else 0


def _upto_capital(parts: list[str]) -> int:
    return next((n for n, part in enumerate(parts) if n and part[:1].isupper()), len(parts))


# Numbers, times and versions

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,30})?(?:[eE][-+]?[0-9]{1,3})?")
_PYTHON = re.compile(r"\d+\.\d+(?:\.\d+)?\S*")
_PYTEST = re.compile(r"""["']pytest["']:\s*["'](\d[^"']*)["']""")


def seconds(text: str | None) -> float | None:
    """A duration: `0.5`, `0,5`, `1,234.5`, `1.234,5`, `0.5s`; None for what is none, or negative."""
    text = (text or "").strip().removesuffix("s").strip()
    if "," in text:
        whole, _, fraction = text.rpartition("," if text.rfind(",") > text.rfind(".") else ".")
        text = whole.replace(",", "").replace(".", "") + "." + fraction
    return float(text) if _NUMBER.fullmatch(text) else None


def time(text: str | None, zone: tzinfo | None) -> datetime | None:
    """A moment in UTC; one without an offset is in `zone`, and unknown without that."""
    try:
        moment = datetime.fromisoformat((text or "").strip())
        if moment.tzinfo is None:
            return moment.replace(tzinfo=zone).astimezone(UTC) if zone else None
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _stated(attributes: Mapping[str, str], word: str) -> int | None:
    """What a suite says of itself; pytest before 5 wrote `skips`, gtest counts disabled tests apart."""
    if word == "skipped":
        return _sum(attributes.get(name) for name in ("skipped", "skips", "disabled"))
    return _sum([attributes.get(word)])


def _sum(texts: Iterable[str | None]) -> int | None:
    numbers = [int(text) for text in texts if text and text.isascii() and text.isdecimal() and len(text) < 12]
    return sum(numbers) if numbers else None


def _platform(text: str) -> str | None:
    """`linux`, `win32` or `darwin` for what pytest-metadata writes: `Linux-6.8.0-1021-azure-x86_64-…`."""
    names = {"linux": "linux", "windows": "win32", "macos": "darwin", "darwin": "darwin"}
    return next((name for word, name in names.items() if text.lower().startswith(word)), None)


def _version(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text[:MAX_TEXT])
    return match[match.lastindex or 0] if match else None
