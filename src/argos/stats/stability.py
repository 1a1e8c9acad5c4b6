"""Passing, flaky or broken: what a packed record says about a test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from argos.stats import rates


class Stability(str, Enum):
    """What the executed results of a window have in common.

    A test that always fails is broken, never flaky: flaky needs both a result that failed and one
    that did not. NOT_RUN is a window without an executed result.
    """

    PASSING = "passing"
    FLAKY = "flaky"
    BROKEN = "broken"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Assessment:
    """One record over one window.

    `flips` counts the changes between failing and not failing, `streak` the newest executed
    results that ended alike, `failing_now` says how those ended (False if nothing was executed).
    """

    stability: Stability
    counts: rates.Failures
    flips: int
    streak: int
    failing_now: bool

    @property
    def failure_rate(self) -> float | None:
        """Share of failed among executed outcomes, 0..1; None if nothing was executed."""
        return self.counts.failing / self.counts.executed if self.counts.executed else None


def stability(recent: str, window: int | None = None) -> Stability:
    return _label(*rates.failures(recent, window)[:2])


def is_flaky(recent: str, window: int | None, threshold: float) -> bool:
    """Whether the window holds both failing and other executed results, and fails at least this often.

    `threshold` is a rate 0..1; 0 asks only for one failing result and one that did not fail.
    """
    failing, ran, _ = rates.failures(recent, window)
    return 0 < failing < ran and failing / ran >= threshold


def flips(recent: str, window: int | None = None) -> int:
    """Changes between failing and not failing among executed results; 0 for a steady record."""
    return sum(before != after for before, after in pairwise(_failing(recent, window)))


def failing_streak(recent: str, window: int | None = None) -> int:
    """Number of newest executed results that all failed; 0 if the newest did not fail."""
    marks = _failing(recent, window)
    return len(marks) - len(marks.rstrip("F"))


def assess(recent: str, window: int | None = None) -> Assessment:
    counts = rates.failures(recent, window)
    label = _label(counts.failing, counts.executed)
    if label is not Stability.FLAKY:
        return Assessment(label, counts, 0, counts.executed, label is Stability.BROKEN)
    marks = _failing(recent, window)
    streak = len(marks) - len(marks.rstrip(marks[-1]))
    changes = sum(before != after for before, after in pairwise(marks))
    return Assessment(label, counts, changes, streak, marks[-1] == "F")


def _label(failing: int, ran: int) -> Stability:
    if not ran:
        return Stability.NOT_RUN
    if not failing:
        return Stability.PASSING
    return Stability.BROKEN if failing == ran else Stability.FLAKY


_MARKS = str.maketrans({"F": "F", "E": "F", "P": "P", "x": "P", "X": "P", "S": None})


def _failing(recent: str, window: int | None) -> str:
    """The executed results of the window as `F` for failing and `P` for all others."""
    return rates.newest(recent, window).translate(_MARKS)
