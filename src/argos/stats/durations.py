"""Location and spread of recorded durations, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; None for no values."""
    return fsum(values) / len(values) if values else None


def median(values: Sequence[float]) -> float | None:
    return percentile(values, 50)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The value below which `percent` (0..100) of the values lie; None for no values.

    Linear interpolation between the two closest ranks: definition 7 of Hyndman and Fan (1996),
    the default of NumPy and of spreadsheets. Raises ValueError for a percent outside 0..100.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"a percentile lies between 0 and 100, not at {percent}")
    if not values:
        return None
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return _between(ordered[below], ordered[above], position - below)


def _between(low: float, high: float, share: float) -> float:
    """Interpolates without leaving [low, high] to rounding."""
    return min(max(low + (high - low) * share, low), high)
