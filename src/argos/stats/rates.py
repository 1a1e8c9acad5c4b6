"""Failure rates over a packed record: outcome letters, oldest first (`P F E S x X`).

A window is a number of newest results. Skips take a place in the window but are not executed
results; failed and error are failing, everything else that was executed is not.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple


class Failures(NamedTuple):
    """How many results in a window failed, were executed, and were recorded at all."""

    failing: int
    executed: int
    results: int


def newest(recent: str, window: int | None = None) -> str:
    """The newest `window` letters of a record, all of them for None.

    Raises ValueError for a window below 1.
    """
    if window is None:
        return recent
    if window < 1:
        raise ValueError(f"a window holds at least 1 result, not {window}")
    return recent[-window:]


def executed(letters: str) -> str:
    """The record without its skips."""
    return letters.replace("S", "") if "S" in letters else letters


def failures(recent: str, window: int | None = None) -> Failures:
    letters = newest(recent, window)
    failing = letters.count("F") + letters.count("E")
    return Failures(failing, len(letters) - letters.count("S"), len(letters))


def failed_in_last(recent: str, window: int) -> int:
    """Number of failing results among the newest `window`."""
    letters = newest(recent, window)
    return letters.count("F") + letters.count("E")


def failure_rate(recent: str, window: int | None = None) -> float | None:
    """Share of failed among executed outcomes, 0..1; None if nothing was executed. Skips do not count."""
    failing, ran, _ = failures(recent, window)
    return failing / ran if ran else None


def wilson_interval(failing: int, ran: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds 0..1 between which the true rate lies with this confidence; (0, 1) if nothing ran.

    The score interval of Wilson (1927), without continuity correction: unlike the textbook
    interval it is sensible for few results and for rates of 0 and 1.
    """
    if not ran:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = failing / ran
    centre = rate + z * z / (2 * ran)
    spread = z * sqrt(rate * (1 - rate) / ran + z * z / (4 * ran * ran))
    scale = 1 + z * z / ran
    low = 0.0 if failing == 0 else (centre - spread) / scale
    high = 1.0 if failing == ran else (centre + spread) / scale
    return low, high
