"""Spreads work over workers."""

from __future__ import annotations


def spread(durations: dict[str, float], workers: int) -> list[list[str]]:
    """Names by worker, longest first, each to the worker that has least to do."""
    if workers < 1:
        raise ValueError("at least one worker is needed")
    loads = [0.0] * workers
    parts: list[list[str]] = [[] for _ in range(workers)]
    for name in sorted(durations, key=lambda one: (-durations[one], one)):
        least = loads.index(min(loads))
        parts[least].append(name)
        loads[least] += durations[name]
    return parts
