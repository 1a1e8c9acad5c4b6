"""Reads the lines that pytest prints."""

from __future__ import annotations

import re

LINE = re.compile(r"^(?P<test>\S+::.+?) (?P<outcome>PASSED|FAILED|SKIPPED|ERROR)\b")
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)")


def outcome(line: str) -> tuple[str, str] | None:
    """The test and its outcome, None for a line that tells neither."""
    found = LINE.match(line)
    return (found["test"], found["outcome"]) if found else None


def totals(line: str) -> dict[str, int]:
    """Counts by outcome of a closing line such as `2 failed, 3 passed in 0.12s`."""
    return {word.rstrip("s"): int(number) for number, word in COUNT.findall(line)}
