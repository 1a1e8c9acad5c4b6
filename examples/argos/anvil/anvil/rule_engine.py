"""Picks what a rule asks for."""

from __future__ import annotations

from fnmatch import fnmatchcase


def matching(names: list[str], globs: list[str]) -> list[str]:
    """The names that one of the globs matches, in their own order."""
    return [name for name in names if any(fnmatchcase(name, glob) for glob in globs)]


def failure_rate(outcomes: str) -> float | None:
    """Share of F among the letters P and F; None if there is neither."""
    failed, passed = outcomes.count("F"), outcomes.count("P")
    return failed / (failed + passed) if failed + passed else None


def failed_in_last(outcomes: str, window: int) -> bool:
    """Whether one of the newest `window` letters, which stand at the end, is an F."""
    return "F" in outcomes[-window:]
