"""The transport of a GitHub Actions job log: encodings, timestamps, groups, steps, and what the runner says.

A job log reaches people in many wrappings: as the API gives it (`<timestamp> <line>`), as `gh run view`
prints it (`<job>TAB<step>TAB<timestamp> <line>`), bare, saved through PowerShell as UTF-16 with the byte
order mark read in a console's code page, with colours, NULs and progress bars. `batches` and `Transport`
take the wrapping off; `RunnerLog` reads the runner's own lines.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from argos.model.ci import LoggedError

PIECE = 1 << 18
LONGEST_LINE = 1 << 16
"""Characters of a line that are read; what is beyond is passed over."""

ECHO = "\x02"
"""Stands at the start of a line that the runner echoes from a step's script."""

ANNOTATIONS_KEPT = 500
COMMANDS_KEPT = 500

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\-_=>])?")
_ECHO_COLOUR = "\x1b[36;1m"
# A byte order mark, and what it looks like once it went through cp437, cp850 or latin-1.
_MARKS = (
    ("\ufeff", "\ufeff"),
    ("\u2557", "\u2229\u2557\u2510"),
    ("\u2557", "\u00b4\u2557\u2510"),
    ("\u00bb", "\u00ef\u00bb\u00bf"),
)
# How actions/checkout tells what it has checked out; the answer is on the next line.
_ASKS_COMMIT = ("git log -1 --format=%H", "git log -1 --format='%H'", 'git.exe" log -1 --format=%H')
_COMMIT = re.compile(r"'?[0-9a-f]{40}'?")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z(?: |$)")
_NAMED = re.compile(r"([^\t]*)\t([^\t]*)\t(?=\d{4}-\d\d-\d\dT)")


def batches(source: BinaryIO | Iterable[bytes]) -> Iterator[list[str]]:
    """The lines of a log in order, a list at a time, without line ends, colours, marks and NULs.

    The timestamps are still there: `Transport.text` takes them off. A line is cut to `LONGEST_LINE`
    characters; bytes that are no text become U+FFFD. Memory is bound by `PIECE`, whatever the log holds.
    """
    decoder: codecs.IncrementalDecoder | None = None
    rest = ""
    for piece in _pieces(source):
        if decoder is None:
            decoder = codecs.getincrementaldecoder(_encoding(piece))("replace")
        whole, newline, rest = (rest + decoder.decode(piece)).rpartition("\n")
        rest = rest[:LONGEST_LINE]
        if newline:
            yield _lines(whole)
    if decoder is not None:
        rest += decoder.decode(b"", final=True)
    if rest:
        yield _lines(rest)


def _pieces(source: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    read = getattr(source, "read", None)
    if read is not None:
        while piece := read(PIECE):
            yield piece
        return
    gathered: list[bytes] = []
    size = 0
    for part in source:
        gathered.append(part)
        size += len(part)
        if size >= PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _encoding(start: bytes) -> str:
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if len(start) >= 4 and start[1] == start[3] == 0 and start[0] and start[2]:
        return "utf-16-le"
    if len(start) >= 4 and start[0] == start[2] == 0 and start[1] and start[3]:
        return "utf-16-be"
    return "utf-8"


def _lines(text: str) -> list[str]:
    if "\x1b" in text:
        text = _ESCAPES.sub("", text.replace(_ECHO_COLOUR, ECHO))
    if not text.isascii():
        for sign, mark in _MARKS:
            if sign in text:
                text = text.replace(mark, "")
    if "\0" in text:
        text = text.replace("\0", "")
    if "\r" in text:
        # A lone carriage return rewrites its line: what was printed last is what a reader sees.
        lines = [_last_written(line) if "\r" in line else line for line in text.split("\n")]
    else:
        lines = text.split("\n")
    if len(text) > LONGEST_LINE and max(map(len, lines)) > LONGEST_LINE:
        return [line[:LONGEST_LINE] for line in lines]
    return lines


def _last_written(line: str) -> str:
    kept = line.rstrip("\r")
    cut = kept.rfind("\r")
    if cut < 0:
        return kept
    stamp = _STAMP.match(kept)
    return (stamp[0] if stamp else "") + kept[cut + 1 :]


def moment(line: str) -> datetime | None:
    """The timestamp of a line in whatever wrapping, to the microsecond; None if it has none."""
    found = _STAMP.search(line[:1000])
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found[1])
    except ValueError:
        return None
    return at.replace(microsecond=int((found[2] or ".0")[1:7].ljust(6, "0")), tzinfo=UTC)


@dataclass(slots=True)
class Transport:
    """Takes the wrapping off lines; remembers the job and the step that `gh` names before each line."""

    job: str | None = None
    step: str | None = None

    def text(self, line: str) -> str:
        """The line as the job printed it."""
        if line[27:29] == "Z " and line[10:11] == "T":
            return line[29:]
        if "\t" in line:
            named = _NAMED.match(line)
            if named is not None:
                self.job, self.step = named[1], named[2]
                line = line[named.end() :]
        found = _STAMP.match(line) if line[4:5] == "-" else None
        if found is not None:
            line = line[found.end() :]
        return line


# The runner's own lines

_EXIT = re.compile(r"Process completed with exit code (-?\d{1,10})\.?$")
_TIMED_OUT = re.compile(r"has timed out after \d+ minutes|exceeded the maximum execution time")
_LOST_RUNNER = re.compile(
    r"The runner has received a shutdown signal|lost communication with the server"
    r"|Runner .{1,80} did not respond"
    r"|The hosted runner encountered an error|Failed to download action|Failed to download archive"
    r"|Unable to download actions|Internal server error|The remote server returned an error"
    r"|No space left on device|API rate limit exceeded|Unexpected HTTP response: 5\d\d"
    r"|HttpError: (?:5\d\d|Server)"
    r"|getaddrinfo|ECONNRESET|ETIMEDOUT|ENOTFOUND|Could not resolve host|Docker pull failed"
)
_SET_UP = re.compile(
    r"The version '.{1,80}' with architecture '.{1,20}' was not found|Version \S+ .{0,60}was not found"
    r"|Unable to resolve action|Unable to locate executable file|Can't find 'action\.yml'"
    r"|No matching distribution|Could not find a version"
)
_RUNNER_SAYS = re.compile(
    r"Process completed with exit code|The operation was cancell?ed|The job was cancell?ed"
    r"|The runner has received a shutdown|The action '.{1,200}' has timed out|The job running on runner "
    r"|The self-hosted runner|The hosted runner"
)
_CANCELLED = re.compile(r"The (?:operation|job) was cancell?ed")
_SETUP_PYTHON = re.compile(r"Successfully set ?up (?:CPython|PyPy|GraalPy|Python) \(?v?(\d+\.\d+[\w.+-]*)\)?")
_LOCATION = re.compile(r"pythonLocation: .*[\\/]Python[\\/](\d+\.\d+\.\d+[\w.]*)[\\/]", re.IGNORECASE)
HEADS = (
    "Complete job name: ",
    "Syncing repository: ",
    "Working directory is '",
    "Requested labels: ",
    "Successfully set",
    "Current runner version",
    "Cleaning up orphan",
    "Runner name: '",
)


@dataclass(slots=True)
class RunnerLog:
    """What the runner says of the job: head, steps with their scripts, how steps ended.

    `group` is the open group's title. While `inside_run` is true the lines are the echo of a step and its
    settings, not output. `script` is the running step's script.
    """

    step: str | None = None
    group: str | None = None
    inside_run: bool = False
    script: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    errors: list[LoggedError] = field(default_factory=list)
    reported: Counter[str] = field(default_factory=Counter)
    exit_code: int | None = None
    facts: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    system: list[str] = field(default_factory=list)
    saw_group: bool = False
    saw_head: bool = False
    saw_end: bool = False
    commit_follows: bool = False
    _in_script: bool = False
    _opening: bool = False

    def marker(self, text: str, line: int, *, in_tests: bool) -> str | None:
        """Take a `##[…]` line; `in_tests` says that a test session goes on, whose text may be marked so.

        The result is the text behind `##[error]` and its like where the runner has only coloured a line
        that a tool has printed; None where the line is the runner's own.
        """
        word, _, rest = text[3:].partition("]")
        if word == "group":
            self._open(rest)
            return None
        if word == "endgroup":
            self.group, self.inside_run, self._in_script = None, False, False
            return None
        if word == "error":
            return self._error(rest, line, in_tests)
        return rest if word in ("warning", "notice") else None

    def echoed(self, text: str) -> bool:
        """Take a line of the block that shows what a step will run.

        False if the block is none: a group that a program has opened under such a title.
        """
        bare = text.lstrip(ECHO)
        if self._opening:
            self._opening = False
            settings = text.startswith((ECHO, "shell: ", "env:", "with:"))
            if not settings and bare.strip() != self.script[0]:
                self.inside_run = self._in_script = False
                return False
            self.script = [] if text[:1] == ECHO or bare.strip() == self.script[0] else self.script
        if self._in_script and not bare.startswith(("shell: ", "env:", "with:")):
            if len(self.script) < COMMANDS_KEPT:
                self.script.append(bare[:500])
            if len(self.commands) < COMMANDS_KEPT and bare.strip():
                self.commands.append(bare[:500])
            return True
        self._in_script = False
        found = _LOCATION.search(bare) if "pythonLocation" in bare else None
        if found is not None:
            self.facts.setdefault("location", found[1])
        return True

    def head(self, text: str) -> None:
        """Take a line of the job's head or of a set-up step, if it is one."""
        if self.group == "Operating System":
            self.system.append(text.strip()[:200])
        elif self.group in ("Runner Image", "Virtual Environment"):
            key, _, value = text.partition(": ")
            if key in ("Image", "Environment"):
                self.facts.setdefault("image", value.strip()[:200])
        if text.startswith(HEADS):
            self._head(text)

    def checkout(self, text: str) -> bool:
        """Take a line of actions/checkout that tells the commit; False if it is none."""
        if self.commit_follows:
            self.commit_follows = False
            if _COMMIT.fullmatch(text.strip()):
                self.facts.setdefault("commit", text.strip(" '"))
                return True
        self.commit_follows = text.startswith("[command]") and text.rstrip().endswith(_ASKS_COMMIT)
        return self.commit_follows

    def _head(self, text: str) -> None:
        if text.startswith("Complete job name: "):
            self.facts.setdefault("job_name", text[19:].strip())
            self.saw_head = True
        elif text.startswith("Syncing repository: "):
            self.facts.setdefault("repository", text[20:].strip())
        elif text.startswith("Working directory is '"):
            self.facts.setdefault("workspace", text[22:].rstrip().removesuffix("'"))
        elif text.startswith("Requested labels: "):
            self.labels = tuple(label.strip() for label in text[18:].split(",") if label.strip())
        elif text.startswith("Current runner version"):
            self.saw_head = True
        elif text.startswith("Cleaning up orphan"):
            self.saw_end = True
        elif found := _SETUP_PYTHON.match(text):
            self.facts["setup_python"] = found[1]

    def report(self, kind: str, message: str, line: int | None, tool: str | None = None) -> None:
        """Keep one error, at most `ANNOTATIONS_KEPT` of each kind."""
        self.reported[kind] += 1
        if self.reported[kind] <= ANNOTATIONS_KEPT:
            self.errors.append(LoggedError(kind, message.strip()[:2000], line, self.step, tool))

    def _open(self, title: str) -> None:
        self.saw_group = True
        self.group = title.strip()
        self.inside_run = title.startswith("Run ")
        self._in_script = self._opening = self.inside_run
        if self.inside_run:
            self.step = title.strip()[:200]
            self.script = [title[4:].strip()[:500]]

    def _error(self, message: str, line: int, in_tests: bool) -> str | None:
        kind = _kind_of(message)
        if kind == "annotation" or (in_tests and not _RUNNER_SAYS.match(message)):
            return message
        if kind == "exit-code" and (found := _EXIT.match(message.strip())):
            self.exit_code = int(found[1])
        self.report(kind, message, line)
        return None


def _kind_of(message: str) -> str:
    """What kind of error an error command of the runner is; `annotation` if it only marks a tool's line."""
    if message.startswith("Process completed with exit code"):
        return "exit-code"
    if _CANCELLED.match(message):
        return "cancelled"
    if _TIMED_OUT.search(message[:2000]):
        return "timeout"
    if _LOST_RUNNER.search(message[:2000]):
        return "infrastructure"
    return "setup" if _SET_UP.search(message[:2000]) else "annotation"
