"""Lines outside test sessions that tell why a job failed: network, disk, memory, missing programs, crashes.

Each is recognised by the form in which a program reports it, at the start of its line. Words alone, such as
`timeout` in a setting or in the name of a test, say nothing.
"""

from __future__ import annotations

import re

_NETWORK = (
    "Could not resolve host",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Connection reset by peer",
    "Connection timed out",
    "Connection refused",
    "Network is unreachable",
    "TLS connect error",
    "TLS handshake timeout",
    "SSL_ERROR",
    "Read timed out",
    "Failed to connect to",
    "The requested URL returned error: 5",
    "The requested URL returned error: 429",
    "HTTP Error 5",
    "HTTP error 5",
    "502 Bad Gateway",
    "503 Service",
    "504 Gateway",
    "toomanyrequests",
    "API rate limit exceeded",
    "No space left on device",
    "Cannot allocate memory",
    "unexpected disconnect",
    "RPC failed",
    "Max retries exceeded",
    "certificate verify failed",
    "EAI_AGAIN",
    "ECONNRESET",
    "Failed to fetch http",
)
_STARTS = (
    "ERROR",
    "Error",
    "error",
    "fatal:",
    "curl: ",
    "E: ",
    "W: Failed",
    "npm ERR!",
    "npm error",
    "WARNING: Retrying",
    "Segmentation fault",
    "Fatal Python error",
    "Killed",
    "Bus error",
    "Windows fatal exception",
    "Aborted (core dumped)",
    "make: ***",
    "make[",
    "ModuleNotFoundError: ",
    "ImportError while loading conftest",
    "/",
    "bash: ",
    "sh: ",
    "zsh: ",
    "docker: Error",
    "Unable to find image",
    "The command ",
)
_RULES = (
    (
        "crash",
        None,
        re.compile(r"\S+: line \d+: +\d+ (?:Segmentation fault|Killed|Aborted|Bus error|Illegal)"),
    ),
    (
        "crash",
        None,
        re.compile(r"Segmentation fault|Fatal Python error: |Bus error|Windows fatal exc|Aborted \(core"),
    ),
    (
        "crash",
        None,
        re.compile(r"Killed(?:$| +[\w/])|make(?:\[\d+\])?: \*\*\* .*(?:Killed|Segmentation fault)"),
    ),
    ("setup", "pytest", re.compile(r"ERROR: (?:usage: .*pytest|file or directory not found: |not found: )")),
    ("setup", "pytest", re.compile(r"ImportError while loading conftest ")),
    (
        "setup",
        None,
        re.compile(r"(?:/\S*|bash|sh|zsh): .{0,300}: (?:command not found|No such file or directory)"),
    ),
    ("setup", None, re.compile(r"/\S+: No module named \S+$")),
    ("setup", "docker", re.compile(r"docker: Error response from daemon: ")),
    ("setup", "tox", re.compile(r"ERROR: +InterpreterNotFound: ")),
)


_RULE = re.compile("|".join(f"(?P<rule{number}>{rule[2].pattern})" for number, rule in enumerate(_RULES)))
STARTS = frozenset(start[:2] for start in _STARTS)
"""The first two characters of every line that `evidence` may know, but of those that begin with a path."""
_OF_PATHS = (" No module named ", " Segmentation fault", " Killed", " Aborted", " Bus error")
_MISSING = ("command not found", "No such file or directory")


def evidence(text: str) -> tuple[str, str | None] | None:
    """The kind of error that a line reports, and the tool that reports it; None for all other lines."""
    if not text.startswith(_STARTS):
        return None
    if text[0] == "/" and not text.endswith(_MISSING) and not any(word in text for word in _OF_PATHS):
        return None
    text = text[:1200]
    found = _RULE.match(text)
    if found is not None:
        kind, tool, _ = _RULES[int((found.lastgroup or "rule0").removeprefix("rule"))]
        return kind, tool
    if text[0] != "/" and any(phrase in text for phrase in _NETWORK):
        return "infrastructure", None
    return None
