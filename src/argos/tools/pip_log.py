"""What installers print: what was installed, and why an installation failed (pip, uv, conda, poetry)."""

from __future__ import annotations

import re

INSTALLED = "Successfully installed "
PACKAGES_KEPT = 20_000

_PIN = re.compile(r"(?P<name>[A-Za-z0-9](?:[\w.-]*?[A-Za-z0-9])?)-(?P<version>\d[\w.!+]*)")
_UV_PIN = re.compile(r" \+ (?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>\d[\w.!+-]*)")
_FAILURES = (
    (
        "pip",
        re.compile(r"ERROR: (?:No matching distribution found for|Could not find a version that satisfies)"),
    ),
    (
        "pip",
        re.compile(r"ERROR: ResolutionImpossible|ERROR: Cannot install .* because these package versions"),
    ),
    (
        "pip",
        re.compile(r"(?:ERROR: )?(?:Failed|Could not) buil(?:d|ding) (?:wheels? for|installable wheels)"),
    ),
    ("pip", re.compile(r"ERROR: Failed to build ")),
    ("pip", re.compile(r"(?:ERROR: Failed building|  ERROR: Failed building)")),
    (
        "pip",
        re.compile(r"(?: *)(?:error|ERROR): (?:subprocess-exited-with-error|metadata-generation-failed)"),
    ),
    ("pip", re.compile(r"ERROR: (?:Could not install packages|Could not open requirements file)")),
    ("pip", re.compile(r"ERROR: (?:Package .* requires a different Python|Ignored the following versions)")),
    (
        "pip",
        re.compile(
            r"ERROR: (?:THESE PACKAGES DO NOT MATCH THE HASHES|Invalid requirement|.* is not a supported)"
        ),
    ),
    ("pip", re.compile(r"(?:ERROR: )?(?:pip\._vendor\.|pip\._internal\.)\S*(?:Error|Impossible)")),
    ("uv", re.compile(r" *× (?:No solution found|Failed to (?:build|download|fetch|resolve))")),
    ("uv", re.compile(r"error: (?:Failed to (?:build|download|fetch|prepare)|No interpreter found for)")),
    (
        "conda",
        re.compile(r"(?:ResolvePackageNotFound|PackagesNotFoundError|UnsatisfiableError|LibMambaUnsat)"),
    ),
    ("poetry", re.compile(r"(?:SolverProblemError|Because .{1,300} version solving failed)")),
    (
        "apt",
        re.compile(
            r"E: (?:Unable to locate package|Package '.{1,100}' has no installation candidate|Unable to f)"
        ),
    ),
    ("apt", re.compile(r"E: (?:Failed to fetch|Could not get lock)")),
)
_STARTS = (
    *("ERROR: ", "  ERROR: ", "error: ", "  error: ", "  × ", " × ", "× ", "E: ", "Failed ", "Could not "),
    *("pip._", "ResolveP", "PackagesNot", "Unsatisfiable", "LibMamba", "SolverProblem", "Because "),
)
STARTS = frozenset(start[:2] for start in (*_STARTS, INSTALLED, " + "))
"""The first two characters of every line that this module may know."""
_FAILURE = re.compile(
    "|".join(f"(?P<rule{number}>{rule[1].pattern})" for number, rule in enumerate(_FAILURES))
)


def installed(text: str) -> dict[str, str]:
    """Versions by name of `Successfully installed a-1.0 b-2.0`, or of uv's ` + a==1.0`; empty otherwise."""
    if text.startswith(INSTALLED):
        pins = (_PIN.fullmatch(word) for word in text[len(INSTALLED) :].split())
        return {pin["name"]: pin["version"] for pin in pins if pin is not None}
    if text.startswith(" + ") and (found := _UV_PIN.fullmatch(text.rstrip())):
        return {found["name"]: found["version"]}
    return {}


def failure(text: str) -> str | None:
    """The installer that says in this line that it failed; None if it is no such line."""
    if not text.startswith(_STARTS):
        return None
    found = _FAILURE.match(text[:1000])
    return _FAILURES[int((found.lastgroup or "rule0").removeprefix("rule"))][0] if found else None
