"""What the words of an error say about its cause: one rule for each form that tools are known to print.

Each rule is a fact about a tool or a platform: what it prints, which cause that speaks for, how often
that is right (the weight, see `argos.scout.patterns`), and what to do about it. Rules look at the
message and the end of the traceback, never at names of tests, configuration or statistics: the word
"timeout" alone is no rule.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from argos.model.ci import Failure, PatternType
from argos.scout.signatures import plain

_LOOK_AT = 4_000  # characters of the message, and of the end of the traceback


@dataclass(frozen=True, slots=True)
class Clue:
    """One reason for one kind of cause. `weight` 0..1 is the chance that it is right by itself."""

    kind: PatternType
    weight: float
    sentence: str
    fix: str | None = None
    runner_os: str | None = None
    python_version: str | None = None
    run_id: int | None = None
    job_id: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """`sentence` and `fix` may name the groups of the pattern; `os` is the system that it speaks of."""

    kind: PatternType
    weight: float
    pattern: re.Pattern[str]
    sentence: str
    fix: str
    os: str | None = None


def _rule(
    kind: PatternType, weight: float, pattern: str, sentence: str, fix: str, os: str | None = None
) -> _Rule:
    return _Rule(kind, weight, re.compile(pattern, re.MULTILINE), sentence, fix, os)


_P, _V, _T = PatternType.PLATFORM, PatternType.PYTHON, PatternType.TIMEOUT
_S, _I, _B = PatternType.SETUP, PatternType.INFRASTRUCTURE, PatternType.BUG

_RULES = (
    # Operating systems
    _rule(
        _P,
        0.7,
        r"\[WinError 1314\]|symbolic link privilege not held",
        "Windows refuses to make a symbolic link without a privilege.",
        "Skip the test where `os.symlink` is refused, or copy the file instead of linking it.",
        "windows",
    ),
    _rule(
        _P,
        0.6,
        r"\[WinError 32\]",
        "Windows refuses to touch a file that is still open.",
        "Close the file (a `with` block; databases and logging handlers too) before it is moved or deleted.",
        "windows",
    ),
    _rule(
        _P,
        0.5,
        r"\[WinError (?P<number>\d{1,5})\]",
        "The error is one of Windows itself (WinError {number}).",
        "Look WinError {number} up, and test the code on Windows.",
        "windows",
    ),
    _rule(
        _P,
        0.6,
        r"'(?:charmap|cp1252|cp437)' codec can't (?:en|de)code|UnicodeDecodeError: 'gbk'",
        "Text was read or written in the system's own encoding, which is not UTF-8 on Windows.",
        'Name the encoding wherever text is read or written: `open(path, encoding="utf-8")`.',
        "windows",
    ),
    _rule(
        _P,
        0.75,
        r"No module named '(?P<module>fcntl|pwd|grp|resource|termios|posix|pty|tty|_?curses)'",
        "`{module}` does not exist on Windows.",
        "Import `{module}` only where `sys.platform` is not `win32`, and do without it elsewhere.",
        "windows",
    ),
    _rule(
        _P,
        0.75,
        r"No module named '(?P<module>winreg|msvcrt|_winapi|winsound)'",
        "`{module}` exists on Windows only.",
        "Import `{module}` only where `sys.platform` is `win32`.",
    ),
    _rule(
        _P,
        0.75,
        r"module '(?:os|signal|time|socket)' has no attribute '(?P<name>fork|getuid|geteuid|getgid"
        r"|uname|mkfifo|killpg|setsid"
        r"|getpgid|statvfs|SIGKILL|SIGALRM|SIGHUP|SIGUSR\d|alarm|setitimer|tzset|AF_UNIX|chown|getloadavg)'",
        "`{name}` does not exist on Windows.",
        "Guard `{name}` with `hasattr` or `sys.platform`.",
        "windows",
    ),
    _rule(
        _P,
        0.45,
        r"/private/(?:var|tmp)/",
        "On macOS a temporary folder is reached through a link (`/private`).",
        "Compare paths after `Path.resolve()`.",
        "macos",
    ),
    _rule(
        _P,
        0.4,
        r"^E? *(?:AssertionError: )?assert .*\\r\\n",
        "The compared texts differ in `\\r\\n`.",
        'Open text with `newline=""` or compare `splitlines()`; set `* text=auto` in `.gitattributes`.',
    ),
    # Python versions
    _rule(
        _V,
        0.65,
        r"'type' object is not subscriptable",
        "`list[int]` and the like cannot be evaluated before Python 3.9.",
        "Begin the module with `from __future__ import annotations`, or use `typing.List` there.",
    ),
    _rule(
        _V,
        0.65,
        r"unsupported operand type\(s\) for \|: '(?:type|NoneType|_\w+|ABCMeta)' and",
        "`int | None` cannot be evaluated before Python 3.10.",
        "Begin the module with `from __future__ import annotations`, or use `typing.Optional` there.",
    ),
    _rule(
        _V,
        0.75,
        r"No module named '(?P<module>tomllib|zoneinfo|graphlib|compression|annotationlib)'",
        "`{module}` came into the standard library with a newer Python.",
        "Depend on the backport of `{module}` for older versions (an environment marker), or drop "
        "these versions.",
    ),
    _rule(
        _V,
        0.75,
        r"No module named '(?P<module>distutils|imp|asyncore|asynchat|smtpd|cgi|cgitb|crypt|imghdr"
        r"|telnetlib|pipes|nntplib"
        r"|lib2to3|audioop)(?:\.[\w.]+)?'",
        "`{module}` was removed from the standard library.",
        "Replace `{module}`, or depend on what replaces it.",
    ),
    _rule(
        _V,
        0.55,
        r"cannot import name '(?P<name>\w+)' from '(?P<module>typing|collections|enum|functools"
        r"|asyncio|itertools|datetime"
        r"|contextlib|dataclasses|inspect|types|unittest\.mock)'",
        "This Python's `{module}` has no `{name}`.",
        "Import `{name}` from a backport (such as `typing_extensions`) where it is missing.",
    ),
    _rule(
        _V,
        0.4,
        r"^(?:E +)?SyntaxError: ",
        "The interpreter cannot read the syntax.",
        "Write it in the oldest syntax that the project supports, or raise `requires-python`.",
    ),
    _rule(
        _V,
        0.4,
        r"got an unexpected keyword argument '(?P<name>slots|kw_only|strict|missing_ok"
        r"|dirs_exist_ok|delete_on_close|walk_up)'",
        "The keyword `{name}` is newer than some Pythons.",
        "Leave `{name}` out where the interpreter is older.",
    ),
    # Time limits
    _rule(
        _T,
        0.9,
        r"Failed: Timeout \(?>(?P<limit>[\d.]{1,12})s\)?|^\++ Timeout \++$",
        "pytest-timeout ended the test.",
        "Find what it waits for in the traceback; raise the limit only if the work itself takes that long.",
    ),
    _rule(
        _T,
        0.95,
        r"exceeded the maximum execution time of (?P<limit>\w{1,20})",
        "The job ran into its limit of {limit}.",
        "Look for the test that was running last; split the job, or raise `timeout-minutes` above {limit}.",
    ),
    _rule(
        _T,
        0.95,
        r"has timed out after (?P<limit>\d{1,6}) minutes",
        "The step ran into its limit of {limit} minutes.",
        "Look for the last lines that the step printed; raise `timeout-minutes` only if it still "
        "made progress.",
    ),
    _rule(
        _T,
        0.6,
        r"exit code 124\b",
        "Exit code 124 is that of `timeout`, which ended the command.",
        "Find out what the command waited for, or give `timeout` more time.",
    ),
    _rule(
        _T,
        0.6,
        r"^(?:E +)?(?:subprocess\.)?TimeoutExpired\b|^(?:E +)?(?:asyncio\.(?:exceptions\.)?)?TimeoutError\b",
        "The code under test waited longer than it allows itself.",
        "Wait for the event, not for a time; if the limit must stay, scale it on slow machines.",
    ),
    # Dependencies and set-up
    _rule(
        _S,
        0.9,
        r"No matching distribution found for (?P<package>[^\s\"']{1,120})",
        "pip finds no `{package}` for this cell.",
        "Check that `{package}` exists for this Python and platform, and loosen or pin it with an "
        "environment marker.",
    ),
    _rule(
        _S,
        0.9,
        r"satisfies the requirement (?P<package>[^\s\"']{1,120})",
        "pip finds no version that satisfies `{package}`.",
        "Loosen the requirement of `{package}`, or add an environment marker for this Python.",
    ),
    _rule(
        _S,
        0.9,
        r"ResolutionImpossible|(?:have|has) conflicting dependencies",
        "The requirements contradict each other.",
        "Resolve them together (`pip install --dry-run`, `uv pip compile`), and pin the outcome.",
    ),
    _rule(
        _S,
        0.85,
        r"(?:Failed building wheel for|Failed to build"
        r"|Could not build wheels for) (?P<package>[\w.,-]{1,120})",
        "`{package}` has no wheel for this cell and could not be built.",
        "Pin a version of `{package}` that ships a wheel for this Python and platform, or install "
        "its build tools.",
    ),
    _rule(
        _S,
        0.85,
        r"[Rr]equires a different Python|requires Python (?P<wanted>[<>=~!][^\s]{1,40})",
        "A package does not support this Python.",
        "Pin its last version that does, with an environment marker.",
    ),
    _rule(
        _S,
        0.9,
        r"[Vv]ersion '?(?P<version>[\w.^~<>=*-]{1,40})'? with arch\w* \S{1,20} (?:was )?not found",
        "The runner has no Python {version} for its architecture.",
        'Ask for a version that the runner\'s image offers, or keep the older image; quote it (`"3.10"`).',
    ),
    _rule(
        _S,
        0.85,
        r"manifest unknown|manifest for \S+ not found|pull access denied",
        "The container image cannot be pulled.",
        "Check the image's name and tag, and that the job may read it.",
    ),
    _rule(
        _S,
        0.8,
        r"error: unrecognized arguments: (?P<arguments>[^\n]{1,160})",
        "A plugin for `{arguments}` is not installed.",
        "Install the plugin that brings `{arguments}` in this job.",
    ),
    _rule(
        _S,
        0.9,
        r"No module named '?pytest'?$|pytest: (?:command )?not found",
        "pytest is not installed.",
        "Install the project's test requirements in this job.",
    ),
    # The machines and the network
    _rule(
        _I,
        0.95,
        r"received a shutdown signal|lost communication with the server|runner encountered an error",
        "The runner itself went away.",
        "Run the job again; if it recurs, look at the runner's memory and disk.",
    ),
    _rule(
        _I,
        0.9,
        r"Failed to download action|Unable to resolve action|Failed to download archive",
        "GitHub could not provide an action.",
        "Run the job again; if it recurs, check the action's name and version.",
    ),
    _rule(
        _I,
        0.75,
        r"Could not resolve host|Temporary failure in name resolution|getaddrinfo failed"
        r"|Name or service not known",
        "A host name could not be resolved.",
        "Run the job again; a test should not need the network at all.",
    ),
    _rule(
        _I,
        0.55,
        r"Connection reset by peer|Connection timed out|Read timed out|TLS handshake"
        r"|RemoteDisconnected|\[SSL: ",
        "A network connection broke.",
        "Run the job again; retry downloads, and keep tests off the network.",
    ),
    _rule(
        _I,
        0.7,
        r"\b50[0234] (?:Server Error|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)",
        "A server answered with a fault of its own.",
        "Run the job again; cache what is downloaded.",
    ),
    _rule(
        _I,
        0.85,
        r"No space left on device|not enough space on the disk",
        "The runner's disk was full.",
        "Delete what the job does not need before it starts, or write less.",
    ),
    _rule(
        _I,
        0.85,
        r"rate limit exceeded|toomanyrequests|429 Too Many Requests",
        "A service refused further requests.",
        "Authenticate the requests or cache their answers.",
    ),
    _rule(
        _I,
        0.55,
        r"exit code 137\b",
        "Exit code 137 is a kill from outside, most often for want of memory.",
        "Watch the memory of the step; run fewer workers at once.",
    ),
)

_BY_KIND = {
    "timeout": (_T, 0.9),
    "infrastructure": (_I, 0.85),
    "setup": (_S, 0.85),
    "gate": (_B, 0.6),
    "lint": (_B, 0.8),
    "crash": (_B, 0.4),
    "internal-error": (_B, 0.4),
}
_MISSING = re.compile(r"No module named '?(?P<module>[A-Za-z_][\w]*)(?:\.[\w.]+)?'?")
_COMPARED = re.compile(r"'(?P<left>[^'\n]{1,200})' (?:==|!=|in|not in) '(?P<right>[^'\n]{1,200})'")
_PLUGIN_FIXTURES = {
    "mocker": "pytest-mock",
    "benchmark": "pytest-benchmark",
    "httpx_mock": "pytest-httpx",
    "requests_mock": "requests-mock",
    "qtbot": "pytest-qt",
    "datadir": "pytest-datadir",
    "freezer": "pytest-freezer",
    "aiohttp_client": "pytest-aiohttp",
    "httpserver": "pytest-httpserver",
    "snapshot": "a snapshot plugin such as syrupy",
}
_NO_FIXTURE = re.compile(r"fixture '(?P<name>\w{1,80})' not found")


def clues(failure: Failure, own_packages: Iterable[str] = ()) -> Iterator[Clue]:
    """What one failure's own words say; at most one clue for each rule. Nothing for an unknown error."""
    text = plain(f"{failure.message[:_LOOK_AT]}\n{(failure.traceback or '')[-_LOOK_AT:]}")
    named = failure.kind in _BY_KIND
    if named:
        kind, weight = _BY_KIND[failure.kind or ""]
        yield Clue(kind, weight, f"The log says: {_short(failure.message)}")
    said: set[PatternType] = set()
    for rule in _RULES:
        found = rule.pattern.search(text)
        if found and rule.kind not in said:  # the rules go from the special to the general
            said.add(rule.kind)
            words = {name: _short(value or "?", 80) for name, value in found.groupdict().items()}
            weight = (
                rule.weight * 0.5 if named and _BY_KIND[failure.kind or ""][0] is rule.kind else rule.weight
            )
            yield Clue(rule.kind, weight, _filled(rule.sentence, words), _filled(rule.fix, words), rule.os)
    yield from _missing_module(text, failure, frozenset(own_packages))
    yield from _missing_fixture(text)
    yield from _separators(text)


def _filled(sentence: str, words: dict[str, str]) -> str:
    """The words put in place of `{name}`; braces within the words stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found.group(1), found.group()), sentence)


def _short(text: str, length: int = 160) -> str:
    line = " ".join(plain(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _missing_module(text: str, failure: Failure, own: frozenset[str]) -> Iterator[Clue]:
    found = _MISSING.search(text)
    if not found or found["module"] in sys.stdlib_module_names | _KNOWN:
        return
    module = found["module"]
    if module in own or module in _folders(failure.nodeid):
        fix = f"Check that `{module}` is committed, spelt alike on every system, and installed in this job."
        yield Clue(_B, 0.75, f"`{module}` is the project's own package and cannot be imported.", fix)
    else:
        fix = f"Add `{module}` (or the distribution that holds it) to what this job installs."
        yield Clue(_S, 0.75, f"`{module}` is not the project's own package and is not installed.", fix)


_KNOWN = frozenset(
    re.findall(
        r"\w+",
        "tomllib zoneinfo graphlib compression annotationlib distutils imp asyncore asynchat smtpd cgi cgitb "
        "crypt imghdr telnetlib pipes nntplib lib2to3 audioop fcntl pwd grp resource termios posix pty tty "
        "curses _curses winreg msvcrt _winapi winsound pytest",
    )
)
"""What has a rule of its own, whichever Python and system Argos itself runs on."""


def _folders(nodeid: str | None) -> frozenset[str]:
    path = (nodeid or "").partition("::")[0].replace("\\", "/")
    return frozenset(path.split("/")[:-1])


def _missing_fixture(text: str) -> Iterator[Clue]:
    found = _NO_FIXTURE.search(text)
    plugin = _PLUGIN_FIXTURES.get(found["name"]) if found else None
    if found and plugin:
        sentence = f"The fixture `{found['name']}` comes from a plugin that is not installed."
        yield Clue(_S, 0.7, sentence, f"Install {plugin} in this job.")


def _separators(text: str) -> Iterator[Clue]:
    """Two compared texts that are equal but for `\\` and `/`."""
    for found in _COMPARED.finditer(text):
        left, right = (re.sub(r"\\+", "/", found[side]) for side in ("left", "right"))
        if ("\\" in found["left"]) != ("\\" in found["right"]) and (left in right or right in left):
            sentence = f"The compared paths differ only in their separators: {_short(found.group(), 100)}"
            yield Clue(_P, 0.7, sentence, "Compare `Path` objects, or `path.as_posix()`.", "windows")
            return
