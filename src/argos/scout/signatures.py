"""The error without what changes from run to run, so that one cause is one signature.

A signature is `ExceptionType: text @ file:function`: the first line of the message with its variable
parts replaced by words in angle brackets, and the innermost frame of the project's own code where a
traceback names one. Two failures of different tests with the same signature have, as far as a log can
tell, one cause.

Replaced are addresses, absolute paths (temporary folders, homes and checkouts with them), numbers and
line numbers, ports, hosts, worker names, UUIDs, hashes, points in time and durations. Backslashes of
paths become slashes, the members of a set or dict are sorted, colours are dropped. Kept are the type
of the exception, its words, names with digits in them (`utf8`), exit codes and error numbers of the
operating system (`[Errno 2]`, `exit code 4`), for those tell errors apart.
"""

from __future__ import annotations

import re

LONGEST_TEXT = 240
LONGEST_FRAME = 120
LONGEST = LONGEST_TEXT + len(" @ ") + LONGEST_FRAME
_READ_AT_MOST = 4_000  # characters of a message; what comes later never reaches the signature
_READ_FRAMES = 20_000  # characters at the end of a traceback, where the innermost frames are

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")
_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ")

# In the order in which they are applied: the longer form before the one that is a part of it.
_VARIABLE = (
    (re.compile(r"(?<=\w)\\{1,2}(?=[\w.])"), "/"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<uuid>"),
    (
        re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\w)"),
        "<time>",
    ),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b0[xX][0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), "<host>"),
    (re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b"), "<hash>"),
    (re.compile(r"\bgw\d+\b"), "<worker>"),
    (
        re.compile(
            r"(?<![\w.])[-+]?\d+(?:\.\d+)? ?(?:ns|us|\u00b5s|ms|s|m|h|secs?|seconds?|mins?|minutes?|hours?)\b"
        ),
        "<duration>",
    ),
)
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)|(?<=[^\W\d_]-)\d+\b")
_MEANT = re.compile(
    r"(?:\[?(?:errno|winerror) -?\d+\]?|\b(?:exit|return|returned|status|http|code|signal)"
    r"(?: code| status| exit status| error)?[ :=]{1,2}-?\d{1,10}\b|\bpython ?\d\.\d+)",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(
    r"(?<![\w/\\.<>])(?!//)(?:[A-Za-z]:|\\\\\?|~)?[\\/]{1,2}"
    r"(?:[\w.+~@%$-]+(?: [\w.+~@%$-]+(?=[\\/]))?[\\/]{1,2})*[\w.+~@%$-]*"
)
_NAMED_FILE = re.compile(r"(?!tmp|temp)[A-Za-z_][A-Za-z_-]*\.[A-Za-z]{1,6}", re.IGNORECASE)
_BRACES = re.compile(r"\{([^{}\[\]()]*)\}")
_SUFFIX = re.compile(r" @ (\S{1,120})$")
_PLAIN_ASSERT = re.compile(r"^AssertionError: (?=assert\b)")

_FRAMES = re.compile(
    r"""^[ ]*File\ "(?P<python>[^"\n]{1,500})",\ line\ \d+(?:,\ in\ (?P<name>[^\s]{1,200}))?
       |^(?P<pytest>[^\s:][^:\n]{0,499}\.pyx?|[A-Za-z]:[^:\n]{1,499}\.pyx?):\d+:
        (?:\ in\ (?P<short>[^\s]{1,200}))?""",
    re.MULTILINE | re.VERBOSE,
)
_FOREIGN = re.compile(
    r"site-packages|dist-packages|[/\\]lib(?:64)?[/\\]python\d|hostedtoolcache|Python\.framework"
    r"|[/\\]Python\d+[/\\]Lib[/\\]|^<|[/\\]_pytest[/\\]|[/\\]importlib[/\\]",
    re.IGNORECASE,
)
_CHECKOUT = re.compile(
    r"^(?:/home/runner/work|/Users/runner/work|/__w|[A-Za-z]:/a)/[^/]+/[^/]+/|^/github/workspace/|^(?:\./)+"
)
_RAISED = re.compile(r"E {2,}(\S.*)$")


def signature(message: str, traceback: str | None = None) -> str:
    """The error without its variable parts, at most LONGEST characters, never empty.

    `message` is what the runner prints beside the test (`ValueError: no 3 in [1, 2]`), its first line
    counts; a message that pytest has cut short (`Value...`) is completed from the traceback. A
    signature is its own signature.
    """
    text = _first_line(message)
    frame = own_frame(traceback) if traceback else None
    if traceback and (not text or text.endswith("...")):
        text = _raised(traceback) or text
    if frame is None and (found := _SUFFIX.search(text)):
        text, frame = text[: found.start()], found.group(1)
    text = _settled(text) or "unknown error"
    return f"{text} @ {frame}" if frame else text


def own_frame(traceback: str) -> str | None:
    """`file:function` of the innermost frame in the project's own code; None if there is none.

    The file is reduced to its last three parts, so that checkouts in different places agree; the
    function is absent where the traceback does not name it (pytest's long form).
    """
    innermost = None
    for found in _FRAMES.finditer(plain(traceback[-_READ_FRAMES:])):
        path = found["python"] or found["pytest"]
        if not _FOREIGN.search(path):
            innermost = _frame(path, found["name"] or found["short"])
    return innermost


def plain(text: str) -> str:
    """The text without colours and control characters, with `\\n` as the only end of a line."""
    return _ANSI.sub("", text.replace("\r\n", "\n"))


def _frame(path: str, function: str | None) -> str:
    inside = _CHECKOUT.sub("", re.sub(r"\\+", "/", path))
    short = "/".join(part for part in inside.split("/")[-3:] if part)
    place = re.sub(r"\s+", "_", f"{short}:{function}" if function else short)
    return place[-LONGEST_FRAME:]


def _first_line(message: str) -> str:
    lines = plain(message[:_READ_AT_MOST]).strip().splitlines()
    return _STAMP.sub("", lines[0]).strip() if lines else ""


def _raised(traceback: str) -> str | None:
    """The first line of the last exception in a traceback as pytest or Python prints it."""
    lines = plain(traceback[-_READ_FRAMES:]).rstrip().split("\n")
    begun, inside = None, False
    for line in lines:
        marked = _RAISED.match(line)
        if marked and not inside:
            begun = str(marked.group(1))
        inside = bool(marked)
    return begun or lines[-1].strip() or None


def _settled(text: str) -> str:
    """Normalised until nothing changes: cutting and replacing may each make room for the other."""
    for _ in range(8):
        before, text = text, _normalised(text)[:LONGEST_TEXT].strip()
        if text == before:
            break
    return text


def _normalised(text: str) -> str:
    text = _PLAIN_ASSERT.sub("", text)
    text = _ABSOLUTE.sub(_path, text)
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    text = _numbers(text)
    text = _BRACES.sub(_sorted, text)
    return re.sub(r"\s+", " ", text)


def _path(found: re.Match[str]) -> str:
    """`<path>`, with the file's name where that is a name and not made up by the run."""
    if len(found.group()) < 2 or not re.search(r"\w", found.group()):
        return found.group()
    name = re.split(r"[\\/]", found.group())[-1]
    return f"<path>/{name}" if _NAMED_FILE.fullmatch(name) else "<path>"


def _numbers(text: str) -> str:
    """Every number as `<n>`, but for those that are the meaning of the error."""
    parts, end = [], 0
    for kept in _MEANT.finditer(text):
        parts += [_NUMBER.sub("<n>", text[end : kept.start()]), kept.group()]
        end = kept.end()
    return "".join((*parts, _NUMBER.sub("<n>", text[end:])))


def _sorted(found: re.Match[str]) -> str:
    return "{" + ", ".join(sorted(item.strip() for item in found.group(1).split(","))) + "}"
