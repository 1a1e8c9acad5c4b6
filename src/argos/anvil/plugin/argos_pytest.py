"""Records a pytest run for Argos, inside the interpreter of the project under validation.

Argos starts `python -m pytest -p argos_pytest ...` with this file's folder on PYTHONPATH and the
path of a JSON file in ARGOS_PLUGIN_CONFIG. The plugin tells what pytest collected, waits to be
told which tests to run, and appends every result to a journal before the next test starts.

Standard library and pytest only. It has to run on Python 3.8 and pytest 6.2 or newer, and to be
readable for older ones (3.6) so that they are refused in words: quoted annotations, old-style
hook wrappers. What it uses of other modules is bound when the run starts, for a test may replace
`os.write` or `time.time` and forget to put it back.

PYTEST_DONT_REWRITE: nothing is asserted here.
"""

import argparse
import errno
import io
import json
import os
import posixpath
import re
import shlex
import sys
import time
import types
import weakref
from typing import TYPE_CHECKING, Any, Dict, Generator, Iterable, List, Optional, Set, Tuple

import pytest

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    Settings = Dict[str, Any]
    Event = Dict[str, Any]
    Wrapper = Generator[None, Any, None]

CONFIG_VARIABLE = "ARGOS_PLUGIN_CONFIG"
OLDEST_PYTHON = (3, 8)
OLDEST_PYTEST = (6, 2)
# Where the lock byte lies on Windows: a locked byte cannot be read there, so it lies past any data.
LOCK_OFFSET = 0x7FFFFFFF  # and where Argos itself looks for it
LISTED_DESELECTED = 1000
PARAMETER_LENGTH = 200
PLAIN = frozenset({bool, int, float, complex, type(None)})
OUTCOMES = frozenset({"passed", "failed", "skipped"})
FAILING = frozenset({"failed", "error"})
SUBTESTS = frozenset({"SubtestReport", "SubTestReport"})  # pytest 9's own, and pytest-subtests'
LOCK_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK, getattr(errno, "EDEADLOCK", errno.EDEADLK)})
PLAIN_RESULT = (
    '"t":"result","at":%.6f,"id":%s,"attempt":%d,"outcome":"%s","setup":%.6f,"call":%.6f,"teardown":%.6f'
)
PARENT_GONE = "the process that started this run is gone"


# ---- text and names


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, its head and its tail, and a line that says what is missing."""
    if len(text) <= limit:
        return text
    tail = limit // 2
    left_out = len(text) - limit
    note = "[... %d characters left out ...]" % left_out
    return "%s\n%s\n%s" % (text[: limit - tail], note, text[len(text) - tail :])


def printable(text: str) -> str:
    """`text` as every database and terminal can hold it: lone surrogates and NUL written as escapes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


class Names:
    """From pytest's node ids to ids relative to the project's root, on one line.

    `plain_ids` holds the node ids of items, by `id(item)`, that another plugin has added to since.
    """

    def __init__(self, prefix: str, root: str) -> None:
        self.prefix = prefix
        self.root = root.rstrip(os.sep) + os.sep
        self.plain_ids: "Dict[int, str]" = {}
        self._items: "Dict[int, str]" = {}
        self._files: "Dict[str, str]" = {}
        self._outside: "Dict[str, Optional[str]]" = {}

    def file(self, path: str) -> str:
        """The project-relative form of a path relative to pytest's root directory, with `/`."""
        known = self._files.get(path)
        if known is None:
            known = self._files[path] = posixpath.normpath(self.prefix + path)
        return known

    def path(self, path: str) -> str:
        """The project-relative form of an absolute path."""
        if path.startswith(self.root):
            return self.file(path[len(self.root) :].replace(os.sep, "/"))
        try:  # the same folder may have two names
            relative = os.path.relpath(os.path.realpath(path), os.path.realpath(self.root))
        except ValueError:  # another drive
            relative = path
        return self.file(relative.replace(os.sep, "/"))

    def test(self, nodeid: str) -> str:
        path, separator, rest = nodeid.partition("::")
        return self._line(self.file(path) + separator + rest)

    def item(self, item: Any) -> str:
        """The name of a collected test."""
        name = self._items.get(id(item))
        if name is None:
            name = self._items[id(item)] = self._item(item, self.plain_ids.get(id(item), item.nodeid))
        return name

    def _item(self, item: Any, nodeid: str) -> str:
        """For a file outside of its root directory pytest's own name would hide the folder."""
        path = str(getattr(item, "path", None) or item.fspath)
        if path not in self._outside:
            self._outside[path] = None if path.startswith(self.root) else self.path(path)
        file = self._outside[path]
        return self.test(nodeid) if file is None else self._line(file + "::" + nodeid.partition("::")[2])

    @staticmethod
    def _line(name: str) -> str:
        if name.isprintable() and name.isascii():
            return name
        return printable(name).replace("\n", "\\n").replace("\r", "\\r")


def ungrouped(nodeid: str) -> str:
    """The node id without the `@group` that pytest-xdist appends under `--dist loadgroup`."""
    at = nodeid.rfind("@")
    return nodeid[:at] if at > nodeid.rfind("]") else nodeid


def glob_pattern(glob: str) -> str:
    """The regular expression of a path glob: `*` and `?` stay within a folder, `**` crosses folders."""
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^/][^\]/]*\]|.", glob, re.DOTALL)
    return "".join(_piece_pattern(piece) for piece in pieces) + r"\Z"


def _piece_pattern(piece: str) -> str:
    wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if piece in wildcards:
        return wildcards[piece]
    if len(piece) > 1:
        negated = piece.startswith("[!") and len(piece) > 3
        ranges = re.findall(r".-.|.", piece[2 if negated else 1 : -1], re.DOTALL)
        return "(?!/)[%s%s]" % ("^" if negated else "", "".join(map(_range_pattern, ranges)) or "/")
    return re.escape(piece)


def _range_pattern(written: str) -> str:
    low, high = written[0], written[-1]
    if len(written) == 1:
        return re.escape(low)
    return "%s-%s" % (re.escape(low), re.escape(high)) if low <= high else ""


# ---- the journal


class Clock:
    """Seconds since the epoch that a test which freezes or moves the time does not disturb."""

    def __init__(self) -> None:
        self._elapsed = time.perf_counter
        self._zero = time.time() - self._elapsed()

    def now(self) -> float:
        return self._zero + self._elapsed()


def try_lock(fd: int) -> "Optional[bool]":
    """True if the exclusive lock on `fd` was free, False if another process holds it.

    None where the file system knows no locks.
    """
    try:
        if sys.platform == "win32":
            os.lseek(fd, LOCK_OFFSET, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in LOCK_HELD else None
    return True


def open_for_append(path: str) -> int:
    """A descriptor above the standard three, which pytest's capture may replace; children do not get it."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    low = []
    fd = os.open(path, flags, 0o644)
    while fd <= 2:
        low.append(fd)
        fd = os.open(path, flags, 0o644)
    for unused in low:
        os.close(unused)
    return fd


class Journal:
    """An append-only file of JSON lines, one write per event, locked while this process lives.

    A write that fails is not raised, for hooks differ in what they may raise: it is kept in
    `failure`, one sentence, and nothing is written after it.
    """

    def __init__(self, path: str, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.failure: "Optional[str]" = None
        self._write, self._stat, self._getpid = os.write, os.fstat, os.getpid
        self.encode = json.JSONEncoder(separators=(",", ":")).encode
        self._pid = os.getpid()
        self._sound = False
        self._attempts: "Dict[str, int]" = {}
        self._open()
        if hasattr(os, "register_at_fork"):
            # What is registered lives until the interpreter's very end. It must not hold this module, and
            # through it pytest and its tests, for as long: to free those late takes a tenth longer.
            names = {"journal": weakref.ref(self)}
            os.register_at_fork(after_in_child=types.FunctionType(_abandon_in_child.__code__, names))

    def _open(self) -> None:
        self._fd = open_for_append(self.path)
        if try_lock(self._fd) is False:
            raise pytest.UsageError("Another process writes %s. Start a run of its own." % self.path)
        self._file = self._identity()

    def _identity(self) -> "Tuple[int, int]":
        return self._stat(self._fd)[1:3]

    def abandon(self) -> None:
        """In a forked child: it must neither write here nor keep the lock when its parent ends."""
        try:
            if self._identity() == self._file:
                os.close(self._fd)
        except OSError:
            return  # a test had closed it already

    def next_attempt(self, entity: str) -> int:
        attempt = self._attempts.get(entity, 0)
        self._attempts[entity] = attempt + 1
        return attempt

    def write(self, event: "Event") -> None:
        """Append one event; in a forked child, or after a failure, nothing."""
        self.write_line(self.encode(event))

    def write_line(self, line: str, at_once: bool = False) -> None:
        """The same for an event that is JSON already.

        `at_once` says that no test has run since the last event: what was found sound then is sound.
        """
        if not (at_once and self._sound):
            self._sound = self._getpid() == self._pid
        if self.failure is None and self._sound:
            try:
                self._append((line + "\n").encode("ascii"), at_once)
            except OSError as error:
                self.failure = "Argos cannot write its journal %s: %s. Make room or access and run again." % (
                    self.path,
                    error.strerror,
                )

    def _append(self, line: bytes, at_once: bool) -> None:
        if not at_once:
            self._keep_open()
        while line:
            line = line[self._write(self._fd, line) :]

    def _keep_open(self) -> None:
        """A test may close descriptors it did not open, and another file may then get the number."""
        try:
            if self._identity() == self._file:
                return
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
        self._open()


def _abandon_in_child() -> None:
    alive = journal()  # type: ignore[name-defined]  # noqa: F821
    if alive is not None:
        alive.abandon()


class Parent:
    """Whether the process that started this one still lives; always, if none was named."""

    def __init__(self, pid: "Optional[int]", folder: str) -> None:
        self.pid = pid
        self._getppid = os.getppid
        self._first = os.getppid()
        self._lock = _open_lock(os.path.join(folder, "lock")) if sys.platform == "win32" else None

    def alive(self) -> bool:
        if self.pid is None:
            return True
        if sys.platform == "win32":  # the parent's id never changes there, but its locks go with it
            return self._lock is None or try_lock(self._lock) is not True
        if self._getppid() != self._first:
            return False
        return self._first == self.pid or _exists(self.pid)


def _open_lock(path: str) -> "Optional[int]":
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# ---- the project's own gates and filters

# name in the settings: (destinations of pytest's parser, why it cannot stay)
OVERRIDES = {
    "lf": (("lf",), "it would run only the tests that failed last time"),
    "last-failed-no-failures": (("last_failed_no_failures",), "it would drop selected tests"),
    "stepwise": (
        ("stepwise", "stepwise_skip", "stepwise_reset"),
        "it would stop at a failure and skip the tests before the last one",
    ),
    "maxfail": (("maxfail",), "it would stop before every selected test has run"),
    "markexpr": (("markexpr",), "it would drop selected tests"),
    "keyword": (("keyword",), "it would drop selected tests"),
    "deselect": (("deselect",), "it would drop selected tests"),
    "collectonly": (("collectonly",), "it would run no test"),
    "setuponly": (("setuponly", "setupplan"), "it would run no test"),
    "cov_fail_under": (("cov_fail_under",), "it is meant for the whole suite"),
    "numprocesses": (
        ("numprocesses", "tx", "dist", "distload", "looponfail"),
        "the number of processes is set for the run as a whole",
    ),
}
SPELLING = {
    "lf": "--lf",
    "last_failed_no_failures": "--last-failed-no-failures=%s",
    "stepwise": "--stepwise",
    "stepwise_skip": "--stepwise-skip",
    "stepwise_reset": "--stepwise-reset",
    "maxfail": "--maxfail=%s",
    "markexpr": "-m %s",
    "keyword": "-k %s",
    "deselect": "--deselect=%s",
    "collectonly": "--collect-only",
    "setuponly": "--setup-only",
    "setupplan": "--setup-plan",
    "cov_fail_under": "--cov-fail-under=%s",
    "numprocesses": "-n %s",
    "tx": "--tx=%s",
    "dist": "--dist=%s",
    "distload": "-d",
    "looponfail": "--looponfail",
}
# These only say how to distribute, or what `--lf` and `--ff` do: alone they change nothing.
ACCESSORY = {
    "dist": ("numprocesses", "tx"),
    "distload": ("numprocesses", "tx"),
    "last_failed_no_failures": ("lf", "failedfirst"),
}


class Overrides:
    """Options that the project set for itself and that a selected run must not obey.

    An option given for this run (`user_args`) is the user's and stays: what those arguments mean
    alone is what every overridden option is set to.
    """

    def __init__(self, settings: "Settings") -> None:
        self.names: "List[str]" = list(settings.get("overrides") or [])
        self.user_args: "List[str]" = list(settings.get("user_args") or [])
        self.kept: "Dict[str, Any]" = dict(settings.get("kept") or {})
        if settings.get("dry_run"):
            # Nothing runs: workers would only cost time, and coverage would replace the project's data.
            self.kept = {"numprocesses": None, "tx": [], "dist": "no", "distload": False, "no_cov": True}

    def settle(self, config: Any, parser: Any) -> "Iterable[Event]":
        """Neutralise the options that early plugins read, and tell each that would have had an effect."""
        given = config.known_args_namespace
        user = parser.parse_known_args(list(self.user_args), namespace=_copy(config.option))
        before = _copy(given)
        for name in self.names:
            destinations, why = OVERRIDES[name]
            told = [text for dest in destinations for text in self._neutralise(dest, before, user)]
            if told:
                yield {"t": "override", "option": " ".join(told), "why": why}
        self.apply(given)

    def _neutralise(self, dest: str, given: argparse.Namespace, user: argparse.Namespace) -> "List[str]":
        value, own = getattr(given, dest, None), getattr(user, dest, None)
        if hasattr(given, dest):
            # None would let pytest-cov take fail_under from the configuration of coverage.
            self.kept.setdefault(dest, 0 if dest == "cov_fail_under" and own is None else own)
        if value == own or not value:
            return []
        if not any(getattr(given, needed, None) for needed in ACCESSORY.get(dest, (dest,))):
            return []
        values = [value]
        if isinstance(value, list):  # older versions of pytest parse twice into the same list
            values = [one for one in dict.fromkeys(value) if one not in (own or [])]
        return [spelled(dest, one) for one in values]

    def apply(self, options: argparse.Namespace) -> None:
        for dest, value in self.kept.items():
            if hasattr(options, dest):
                setattr(options, dest, value)

    def for_workers(self) -> "Dict[str, Any]":
        """What the workers must set too, in plain values: all but how tests are distributed to them."""
        own = OVERRIDES["numprocesses"][0]
        return {dest: value for dest, value in self.kept.items() if dest not in own}

    def coverage_gate(self, config: Any) -> "Iterable[Event]":
        """The threshold in the configuration of coverage, which is overridden by the same option."""
        controller = getattr(config.pluginmanager.getplugin("_cov"), "cov_controller", None)
        if self.kept.get("cov_fail_under") == 0 and controller is not None:
            threshold = controller.cov.get_option("report:fail_under")
            if threshold:
                why = OVERRIDES["cov_fail_under"][1]
                yield {"t": "override", "option": "fail_under=%g of coverage" % threshold, "why": why}


def spelled(dest: str, value: object) -> str:
    """An option as it is written on a command line."""
    if dest == "maxfail" and value == 1:
        return "-x"
    spelling, text = SPELLING[dest], str(value)
    if "%s" not in spelling:
        return spelling
    return spelling % (shlex.quote(text) if re.search(r"\s", text) else text)


def _copy(options: argparse.Namespace) -> argparse.Namespace:
    """A copy whose lists and dictionaries may be changed: some actions of the parser change them in place."""
    return argparse.Namespace(
        **{
            name: type(value)(value) if type(value) in (list, dict) else value
            for name, value in vars(options).items()
        }
    )


# ---- what is collected


class CollectionFilter:
    """Which files pytest may look into; says "ignore" or nothing, so that the project's rules hold too."""

    def __init__(self, settings: "Settings", names: Names) -> None:
        self.names = names
        self.nested: "Set[str]" = set(settings.get("nested") or [])
        files, patterns = settings.get("files"), settings.get("patterns")
        self.files: "Optional[Set[str]]" = None if files is None else set(files)
        self.folders = folders_of(files or [])
        self.patterns = (
            None if patterns is None else re.compile("|".join(map(glob_pattern, patterns)) or r"(?!)")
        )

    def ignored(self, path: str) -> "Optional[bool]":
        name = self.names.path(path)
        _folder, _, base = name.rpartition("/")
        if name in self.nested:
            return True
        if base == "__init__.py":  # makes the package; its folder has been let in
            return None
        if self.files is not None and name not in self.files and name not in self.folders:
            return True
        stray = self.patterns is not None and base.endswith(".py") and not self.patterns.match(name)
        return True if stray and os.path.isfile(path) else None


def folders_of(files: "Iterable[str]") -> "Set[str]":
    """Every folder above the files, and `.` for the root."""
    folders = {"."}
    for file in files:
        folder = posixpath.dirname(file)
        while folder and folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    return folders


class PathFilter(CollectionFilter):
    """The hook as pytest 7 and newer call it."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Any) -> "Optional[bool]":
        return self.ignored(str(collection_path))


class OldPathFilter(CollectionFilter):
    """The hook as pytest 6 calls it."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, path: Any) -> "Optional[bool]":
        return self.ignored(str(path))


def chosen(ids: "List[str]", selection: "Dict[str, Any]") -> "List[int]":
    """Positions in `ids` of the tests to run, in the order of the selection; what is unknown is left out."""
    if "run_ids" in selection:
        positions: "Dict[str, List[int]]" = {}
        for position, name in enumerate(ids):
            positions.setdefault(name, []).append(position)
        return [
            position for name in dict.fromkeys(selection["run_ids"]) for position in positions.get(name, ())
        ]
    run = selection["run"]
    if run == "all":
        return list(range(len(ids)))
    if run == "none":
        return []
    return [position for position in dict.fromkeys(run) if 0 <= position < len(ids)]


# ---- results


PLAIN_PASS = {"setup": "passed", "call": "passed", "teardown": "passed"}


def _is_plain(report: Any) -> bool:
    return bool(report.outcome == "passed") and not hasattr(report, "wasxfail")


class Attempt:
    """The reports of one attempt at one test, as they come in."""

    __slots__ = ("at", "earlier_sections", "entity", "item", "made", "phases", "subtests")

    def __init__(self, entity: str, item: Any, at: float, earlier_sections: int = 0) -> None:
        self.entity = entity
        self.item = item
        self.at = at
        self.phases: "Dict[str, Any]" = {}
        self.made: "Dict[str, str]" = {}
        self.subtests: "List[Any]" = []
        self.earlier_sections = earlier_sections

    def add(self, report: Any) -> None:
        """Keep the last report of each phase, and the outcome that it came with: it may be overwritten."""
        when, phases = report.when, self.phases
        if phases.get(when) is not report:
            phases[when] = report
            self.made[when] = report.outcome

    def outcome(self, when: str) -> "Optional[str]":
        """The outcome of a phase. A plugin that reruns tests has a word of its own for a failure."""
        report = self.phases.get(when)
        if report is None:
            return None
        for outcome in (report.outcome, self.made[when]):
            if outcome in OUTCOMES:
                return str(outcome)
        return "failed"

    def seconds(self, when: str) -> float:
        return float(getattr(self.phases.get(when), "duration", 0.0))

    def section_count(self) -> int:
        return max((len(report.sections) for report in self.phases.values()), default=0)

    def sections(self) -> "List[Tuple[str, str]]":
        """What was captured in this attempt; pytest carries the sections of earlier attempts along."""
        every: "List[Tuple[str, str]]" = max(
            (report.sections for report in self.phases.values()), key=len, default=[]
        )
        own = every[self.earlier_sections :] if len(every) > self.earlier_sections else every
        of_subtests = [section for report in self.subtests for section in report.sections]
        return own + [section for section in of_subtests if section not in own]


def fold(attempt: Attempt) -> "Tuple[Optional[str], Any]":
    """The outcome of an attempt as pytest counts it and the report that decided; (None, None) if none did."""
    phases = attempt.phases
    if attempt.made == PLAIN_PASS and not attempt.subtests and all(map(_is_plain, phases.values())):
        return "passed", phases["call"]
    if "???" in phases:  # the process that ran the test died
        return "error", phases["???"]
    if attempt.outcome("setup") == "failed":
        return "error", phases["setup"]
    if attempt.subtests:
        return "failed", attempt.subtests[0]
    if attempt.outcome("call") == "failed":
        return "failed", phases["call"]
    if attempt.outcome("teardown") == "failed":
        return "error", phases["teardown"]
    return _fold_without_failure(attempt)


def _fold_without_failure(attempt: Attempt) -> "Tuple[Optional[str], Any]":
    for when, report in attempt.phases.items():
        if attempt.outcome(when) == "skipped" and hasattr(report, "wasxfail"):
            return "xfailed", report
    for when in ("setup", "call"):
        if attempt.outcome(when) == "skipped":
            return "skipped", attempt.phases[when]
    call = attempt.phases.get("call")
    if call is None:
        return None, None
    return ("xpassed" if hasattr(call, "wasxfail") else "passed"), call


def other_failures(attempt: Attempt, decisive: Any) -> "List[Any]":
    """The reports of what failed beside the decisive one, in the order of pytest's own report.

    What only became a failure when it was counted has nothing of its own to tell: pytest does so to the
    call of a test whose sub-tests failed.
    """
    phases = [
        report for when, report in attempt.phases.items() if attempt.made[when] not in ("passed", "skipped")
    ]
    return [report for report in attempt.subtests + phases if report is not decisive]


def message_of(report: Any) -> str:
    """Type and text of the exception, or the reason of a skip or an expected failure; may be empty."""
    reason = getattr(report, "wasxfail", None)
    if reason is not None:
        return str(reason)[len("reason: ") :] if str(reason).startswith("reason: ") else str(reason)
    longrepr = report.longrepr
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        text = str(longrepr[2])
        return text[len("Skipped: ") :] if text.startswith("Skipped: ") else text
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    return longrepr if isinstance(longrepr, str) else _telling_line(text_of(report))


def text_of(report: Any) -> str:
    """What pytest prints of a report, without colours; its own `longreprtext` loses the first indentation."""
    if report.longrepr is None:
        return ""
    if not hasattr(report, "toterminal"):
        return str(report.longrepr).strip("\n")
    from _pytest._io import TerminalWriter  # where older versions, which are refused, have none

    file = io.StringIO()
    writer = TerminalWriter(file)
    writer.hasmarkup = False
    report.toterminal(writer)
    return file.getvalue().strip("\n")


def _telling_line(text: str) -> str:
    """The first line that pytest marks as the error, else the last one.

    Of an error in the source itself the first marked line is the place, and the last one the error.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E  ")]
    if len(marked) > 1 and marked[0].startswith('File "'):
        return "%s (%s)" % (marked[-1], marked[0])
    return (marked[:1] or lines[-1:] or [""])[0]


def parameters_of(item: Any) -> "Dict[str, str]":
    params = getattr(getattr(item, "callspec", None), "params", None) or {}
    return {printable(str(name)): printable(_parameter(value)) for name, value in params.items()}


def _parameter(value: object) -> str:
    kind = type(value)
    if kind in PLAIN or (kind is str and len(value) < PARAMETER_LENGTH):  # type: ignore[arg-type]
        return repr(value)[:PARAMETER_LENGTH]
    from _pytest._io.saferepr import saferepr  # survives a `__repr__` that raises, as pytest's own reports do

    return saferepr(value, maxsize=PARAMETER_LENGTH)


class Evidence:
    """What is kept of a report beside its outcome, within the limits."""

    def __init__(self, limits: "Dict[str, int]") -> None:
        self.message_limit = limits["message"]
        self.traceback_limit = limits["traceback"]
        self.output_limit = limits["output"]

    def of(self, outcome: str, report: Any, others: "Iterable[Any]" = ()) -> "Event":
        """Message and traceback of the report that decided, and after them those of the other failures."""
        messages, tracebacks = [message_of(report)], [text_of(report) if outcome in FAILING else ""]
        for other in others:
            messages.append("Also in %s: %s" % (other.when, message_of(other)))
            tracebacks.append("---- also in %s ----\n%s" % (other.when, text_of(other)))
        kept = {
            "message": clip("\n".join(filter(None, messages)), self.message_limit),
            "traceback": clip("\n\n".join(filter(None, tracebacks)), self.traceback_limit),
        }
        return {name: printable(text) for name, text in kept.items() if text}

    def output(self, sections: "Iterable[Tuple[str, str]]") -> "Event":
        blocks = [
            "---- %s ----\n%s" % (title, clip(content, self.output_limit))
            for title, content in sections
            if title.startswith("Captured")
        ]
        return {"output": printable(clip("\n".join(blocks), self.output_limit))} if blocks else {}


class Recorder:
    """Writes the start and the result of every attempt at a test.

    Its hooks run for every test of a suite, so they are plain functions: a wrapper costs several times
    as much.
    """

    def __init__(self, journal: Journal, names: Names, evidence: Evidence, parent: Parent) -> None:
        self.journal = journal
        self.names = names
        self.evidence = evidence
        self.parent = parent
        self.failing = 0
        self.entities: "Dict[int, str]" = {}
        self._session: Any = None
        self._open: "Dict[str, Attempt]" = {}
        self._last: "Dict[str, Attempt]" = {}
        self._quoted = json.encoder.encode_basestring_ascii

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> None:
        self._session = session = item.session
        if not self.parent.alive():
            raise session.Interrupted(PARENT_GONE)
        self.close()
        self._last.clear()
        self._start(item.nodeid, self.entities.get(id(item)) or self.names.item(item), item)
        if self.journal.failure:
            raise session.Interrupted(self.journal.failure)

    def _start(self, nodeid: str, entity: str, item: Any, earlier_sections: int = 0) -> None:
        at = self.journal.clock.now()
        line = '{"t":"start","at":%.6f,"id":%s}' % (at, self._quoted(entity))
        self.journal.write_line(line, at_once=True)
        self._open[nodeid] = Attempt(entity, item, at, earlier_sections)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Each attempt begins with this call, the first one after the call above."""
        last = self._last.get(nodeid)
        if last is not None and nodeid not in self._open:
            self._start(nodeid, last.entity, last.item, last.section_count())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        nodeid = report.nodeid
        attempt = self._open.get(nodeid)
        if attempt is None:
            attempt = self._open[nodeid] = Attempt(self.names.test(nodeid), None, self.journal.clock.now())
        if type(report).__name__ not in SUBTESTS:
            attempt.add(report)
        elif report.outcome == "failed":
            attempt.subtests.append(report)
        if attempt.item is None and report.when == "teardown":  # run in another process, told to this one
            self._finish(nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid in self._open:
            self._finish(nodeid)
        if self.journal.failure and self._session is not None:
            self._session.shouldstop = self.journal.failure

    def add_hidden(self, nodeid: str, report: Any) -> None:
        if nodeid in self._open:
            self._open[nodeid].add(report)

    def close(self) -> None:
        """Write what is complete and was not told to be; a test interrupted in the middle has no result."""
        for nodeid, attempt in list(self._open.items()):
            if "teardown" in attempt.phases:
                self._finish(nodeid)
            elif attempt.item is not None:
                del self._open[nodeid]

    def _finish(self, nodeid: str) -> None:
        attempt = self._last[nodeid] = self._open.pop(nodeid)
        outcome, report = fold(attempt)
        if outcome is None:
            return
        more = self._more(attempt, outcome, report)
        # Written by hand: most results are plain passes, and a general encoder takes five times as long.
        line = PLAIN_RESULT % (
            attempt.at,
            self._quoted(attempt.entity),
            self.journal.next_attempt(attempt.entity),
            outcome,
            attempt.seconds("setup"),
            attempt.seconds("call"),
            attempt.seconds("teardown"),
        )
        if more:
            line = "%s,%s" % (line, self.journal.encode(more)[1:-1])
        if hasattr(attempt.item, "callspec"):
            line = '%s,"params":{%s}' % (line, ",".join(map(self._pair, parameters_of(attempt.item).items())))
        self.journal.write_line("{%s}" % line)

    def _pair(self, pair: "Tuple[str, str]") -> str:
        return "%s:%s" % (self._quoted(pair[0]), self._quoted(pair[1]))

    def _more(self, attempt: Attempt, outcome: str, report: Any) -> "Event":
        more: "Event" = {}
        if outcome != "passed":
            more["when"] = report.when
            others = other_failures(attempt, report) if outcome in FAILING else ()
            more.update(self.evidence.of(outcome, report, others))
        if outcome in FAILING:
            self.failing += 1
            more.update(self.evidence.output(attempt.sections()))
        return more


class HiddenReports:
    """Reports that the plugin `flaky` makes and does not log, those of the attempts that it repeats."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: Any) -> "Wrapper":
        outcome = yield
        if outcome.excinfo is None:
            self.recorder.add_hidden(item.nodeid, outcome.get_result())


class Controller:
    """In the process that distributes tests to workers: the results that a dead worker cannot write."""

    def __init__(self, journal: Journal, names: Names, evidence: Evidence, grouped: bool) -> None:
        self.journal = journal
        self.names = names
        self.evidence = evidence
        self.grouped = grouped
        self.failing = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.outcome == "failed":
            self.failing += 1
        if report.when == "???":
            nodeid = ungrouped(report.nodeid) if self.grouped else report.nodeid
            self.journal.write(
                bare_error(self.journal, self.names.test(nodeid), report, "crash", self.evidence)
            )


def bare_error(journal: Journal, entity: str, report: Any, when: str, evidence: Evidence) -> "Event":
    """The result line of something that has no phases: a crashed test, a file that cannot be collected."""
    event: "Event" = {
        "t": "result",
        "at": journal.clock.now(),
        "id": entity,
        "attempt": journal.next_attempt(entity),
        "outcome": "error",
        "setup": 0.0,
        "call": 0.0,
        "teardown": 0.0,
        "when": when,
    }
    event.update(evidence.of("error", report))
    event.update(evidence.output(getattr(report, "sections", ())))
    return event


# ---- the run


def stop_if_failed(journal: Journal) -> None:
    """End the session when the journal cannot be written, where no test is running."""
    if journal.failure:
        pytest.exit(journal.failure, 3)


class Run:
    """One pytest session under Argos: its journal, its hooks outside the tests, and its answer to anvil."""

    def __init__(self, settings: "Settings", config: Any, worker: "Optional[str]" = None) -> None:
        self.settings = settings
        self.worker = worker
        self.name = settings["name"] if worker is None else "%s-%s" % (settings["name"], worker)
        self.folder: str = settings["journal"]
        self.journal = Journal(self._path(self.name + ".jsonl"), Clock())
        self.names = Names(settings.get("prefix") or "", str(config.rootpath))
        self.evidence = Evidence(settings["limits"])
        self.parent = Parent(settings.get("parent"), self.folder)
        self.overrides = Overrides(settings)
        self.recorder = Recorder(self.journal, self.names, self.evidence, self.parent)
        self.controller: "Optional[Controller]" = None
        self.deselected: "List[str]" = []
        self.deselected_count = 0
        self.errors: "List[str]" = []
        self.ordered = False
        self._describe(config)
        make_filter = PathFilter if installed_pytest() >= (7, 0) else OldPathFilter
        config.pluginmanager.register(make_filter(settings, self.names), "argos-files")

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _describe(self, config: Any) -> None:
        self.journal.write(
            {
                "t": "session",
                "at": self.journal.clock.now(),
                "pid": os.getpid(),
                "worker": self.worker,
                "python": sys.version.split()[0],
                "implementation": sys.implementation.name,
                "pytest": pytest.__version__,
                "platform": platform_name(),
                "rootdir": printable(str(config.rootpath)),
                "inifile": None if config.inipath is None else printable(str(config.inipath)),
                "plugins": plugin_names(config.pluginmanager),
                "args": [printable(str(arg)) for arg in config.invocation_params.args],
            }
        )
        if self.journal.failure:
            raise pytest.UsageError(self.journal.failure)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> "Wrapper":
        self.overrides.apply(config.option)
        yield

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called by pytest-xdist for each worker that it starts, with what the worker is to be told."""
        kept = self.overrides.for_workers()
        node.workerinput["argos"] = dict(self.settings, parent=os.getpid(), kept=kept)
        if self.controller is None:
            grouped = node.config.getoption("dist", "no") == "loadgroup"
            self.controller = Controller(self.journal, self.names, self.evidence, grouped)
            node.config.pluginmanager.register(self.controller, "argos-controller")

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            entity = self.names.test(report.nodeid)
            self.errors.append(entity)
            if self.worker is None:  # the controller hears of it once, however many workers there are
                self.journal.write(bare_error(self.journal, entity, report, "collect", self.evidence))

    def pytest_deselected(self, items: "List[Any]") -> None:
        self.deselected_count += len(items)
        room = LISTED_DESELECTED - len(self.deselected)
        self.deselected += [self.names.item(item) for item in items[: max(room, 0)]]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: Any, items: "List[Any]") -> "Wrapper":
        if config.getoption("loadgroup", False):  # pytest-xdist is about to append the group
            self.names.plain_ids = {id(item): item.nodeid for item in items}
        outcome = yield
        self.ordered = outcome.excinfo is None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: Any) -> None:
        """After every plugin has ordered and filtered: tell the tests, keep those that are asked for."""
        if not self.ordered:  # collection was broken off by an exception, which is on its way
            return
        ids = self._tell(session.items)
        if not self.settings.get("dry_run") and self.settings.get("wait", True):
            self._keep(session, chosen(ids, self._answer()))
        manager = session.config.pluginmanager
        manager.register(self.recorder, "argos-recorder")
        if manager.hasplugin("flaky"):
            manager.register(HiddenReports(self.recorder), "argos-hidden-reports")

    def _tell(self, items: "List[Any]") -> "List[str]":
        named = {id(item): self.names.item(item) for item in items}
        self.recorder.entities = named
        ids = [named[id(item)] for item in items]
        ids_file = self.name + ".collected.json"
        self._publish(ids_file, ids)
        self.journal.write(
            {
                "t": "collected",
                "at": self.journal.clock.now(),
                "ids_file": ids_file,
                "count": len(ids),
                "deselected": self.deselected,
                "deselected_count": self.deselected_count,
                "errors": self.errors,
            }
        )
        stop_if_failed(self.journal)
        return ids

    def _publish(self, name: str, value: object) -> None:
        """Write a file of JSON so that a reader finds all of it or none."""
        path = self._path(name)
        try:
            with open(path + ".new", "w", encoding="ascii") as file:
                json.dump(value, file)
            os.replace(path + ".new", path)
        except OSError as error:
            pytest.exit(
                "Argos cannot write %s: %s. Make room or access and run again." % (path, error.strerror), 3
            )

    def _answer(self) -> "Dict[str, Any]":
        """Wait for the selection, which is put in place whole; leave if nobody is left to make it."""
        path, pause = self._path(self.settings["name"] + ".selection.json"), 0.005
        while True:
            try:
                with open(path, encoding="utf-8") as file:
                    answer: "Dict[str, Any]" = json.load(file)
                    return answer
            except (
                FileNotFoundError,
                PermissionError,
            ):  # Windows refuses to open it while it is put in place
                if not self.parent.alive():
                    pytest.exit(PARENT_GONE, 2)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _keep(self, session: Any, positions: "List[int]") -> None:
        every = list(session.items)
        keep = set(positions)
        rest = [item for position, item in enumerate(every) if position not in keep]
        session.items[:] = [every[position] for position in positions]
        if rest:
            session.config.hook.pytest_deselected(items=rest)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> "Optional[bool]":
        return True if self.settings.get("dry_run") else None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> "Wrapper":
        yield
        self.recorder.close()
        if self.settings.get("dry_run"):
            session.exitstatus = 0
        self._tell_gate(session)
        self.journal.write(
            {
                "t": "finish",
                "at": self.journal.clock.now(),
                "exit": int(session.exitstatus),
                "shouldfail": reason_of(session.shouldfail),
                "shouldstop": reason_of(session.shouldstop),
            }
        )

    def _tell_gate(self, session: Any) -> None:
        """A session that fails although no test did has met a gate of the project or of the user."""
        failing = (
            self.recorder.failing + len(self.errors) + (self.controller.failing if self.controller else 0)
        )
        if int(session.exitstatus) == 1 and not failing:
            coverage = session.config.pluginmanager.getplugin("_cov")
            what = coverage_failure(coverage) or "pytest ended with exit status 1 although no test failed"
            self.journal.write({"t": "gate", "what": what})


def coverage_failure(plugin: Any) -> "Optional[str]":
    total = getattr(plugin, "cov_total", None)
    threshold = getattr(getattr(plugin, "options", None), "cov_fail_under", None)
    if total is None or threshold is None or total >= threshold:
        return None
    return "Coverage failure: total of %.4g is less than fail-under=%g" % (total, threshold)


def reason_of(stop: "object") -> "Optional[str]":
    return printable(str(stop)) if stop else None


def platform_name() -> str:
    """System, release and machine, without starting a process or reading the interpreter's binary."""
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        machine = os.environ.get("PROCESSOR_ARCHITECTURE", "")
        return "Windows-%d.%d.%d-%s" % (version.major, version.minor, version.build, machine)
    system = os.uname()
    return "%s-%s-%s" % (system.sysname, system.release, system.machine)


def plugin_names(manager: Any) -> "List[str]":
    """Third-party plugins as pytest's header names them, `xdist-3.6.1`, each once."""
    found: "Dict[str, None]" = {}
    for _, distribution in manager.list_plugin_distinfo():
        name = distribution.project_name
        name = name[len("pytest-") :] if name.startswith("pytest-") else name
        found["%s-%s" % (name, distribution.version)] = None
    return list(found)


# ---- how the plugin gets into a session


def installed_pytest() -> "Tuple[int, int]":
    numbers = re.findall(r"\d+", pytest.__version__)
    return int(numbers[0]), int(numbers[1])


def take_settings() -> "Optional[Settings]":
    """The settings of this run, once; the environment and sys.path are then as the project expects them."""
    path = os.environ.pop(CONFIG_VARIABLE, None)
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            settings: "Settings" = json.load(file)
    except (OSError, ValueError) as error:
        raise pytest.UsageError(
            "Argos cannot read %s: %s. Start the run with anvil." % (path, error)
        ) from error
    os.environ.pop("PYTHONPATH", None)
    if settings.get("pythonpath") is not None:
        os.environ["PYTHONPATH"] = settings["pythonpath"]
    yield_the_path(os.path.dirname(os.path.abspath(__file__)))
    return settings


def yield_the_path(folder: str) -> None:
    """Move this file's folder behind the project's own; pytest-xdist's workers still need to find it."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != folder] + [folder]


def refuse_unsupported(settings: "Settings") -> None:
    """Tell the journal and the user when Python or pytest is too old to be recorded."""
    if sys.version_info < OLDEST_PYTHON:
        what = "Python %s is too old: Argos runs tests with Python 3.8 or newer." % sys.version.split()[0]
        advice = "Name a newer interpreter as `python:` in .anvil/config.yaml."
    elif installed_pytest() < OLDEST_PYTEST:
        what = "pytest %s is too old: Argos needs pytest 6.2 or newer." % pytest.__version__
        advice = "Upgrade pytest in the project's environment."
    else:
        return
    journal = Journal(os.path.join(settings["journal"], settings["name"] + ".jsonl"), Clock())
    journal.write({"t": "refused", "what": what, "next": advice})
    raise pytest.UsageError("%s %s" % (what, advice))


class Waiting:
    """The settings that this process was started with, until its session takes them.

    A session inside a test's process finds none and is left alone.
    """

    settings = take_settings()


if Waiting.settings is not None:
    refuse_unsupported(Waiting.settings)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any) -> "Wrapper":
    settings, Waiting.settings = Waiting.settings, None
    if settings is None:
        yield
        return
    run = Run(settings, early_config)
    for event in run.overrides.settle(early_config, parser):
        run.journal.write(event)
    early_config.pluginmanager.register(run, "argos-run")
    yield
    for event in run.overrides.coverage_gate(early_config):
        run.journal.write(event)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_cmdline_main(config: Any) -> "Wrapper":
    """In a worker of pytest-xdist, which gets its settings from the controller.

    It has parsed the project's options by itself, so they are overridden here again, before the plugins
    that are configured by them read them.
    """
    handed = getattr(config, "workerinput", {}).get("argos")
    if handed is not None:
        run = Run(handed, config, worker=config.workerinput["workerid"])
        run.overrides.apply(config.option)
        config.pluginmanager.register(run, "argos-run")
    yield
