"""`failure-rate`: failed in at least `threshold` of its newest `window` results; 10 % of 20 by default."""

from __future__ import annotations

from collections.abc import Sequence

from argos.anvil.core.history import History, file_of, reasons_for
from argos.model.rule import Criterion

NAME = "failure-rate"
WINDOW = 20
THRESHOLD = 0.10


def _reasons(criterion: Criterion, history: History) -> dict[str, str]:
    from argos.stats.rates import failures

    window = criterion.window or WINDOW
    threshold = THRESHOLD if criterion.threshold is None else criterion.threshold
    reasons = {}
    for entity, recent in history.failing.items():
        failing, executed, _ = failures(recent, window)
        if failing and failing / executed >= threshold:
            reasons[entity] = f"failed {failing} of its last {executed}, {failing / executed:.0%}"
    return reasons


def matches(criterion: Criterion, entities: Sequence[str], history: History) -> dict[str, str]:
    return reasons_for(entities, _reasons(criterion, history))


def candidates(criterion: Criterion, history: History) -> set[str]:
    return set(_reasons(criterion, history))


def files(criterion: Criterion, history: History) -> set[str] | None:
    return {file_of(entity) for entity in candidates(criterion, history)}
