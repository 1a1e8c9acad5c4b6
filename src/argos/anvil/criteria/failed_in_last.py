"""`failed-in-last`: failed at least once in its own newest results, 5 unless `window` says more."""

from __future__ import annotations

from collections.abc import Sequence

from argos.anvil.core.history import History, file_of, reasons_for
from argos.model.rule import Criterion

NAME = "failed-in-last"
WINDOW = 5


def _reasons(criterion: Criterion, history: History) -> dict[str, str]:
    from argos.stats.rates import failures

    window = criterion.window or WINDOW
    reasons = {}
    for entity, recent in history.failing.items():
        failing, _, results = failures(recent, window)
        if failing:
            reasons[entity] = (
                f"failed {failing} of its last {results}" if results > 1 else "failed when it last ran"
            )
    return reasons


def matches(criterion: Criterion, entities: Sequence[str], history: History) -> dict[str, str]:
    return reasons_for(entities, _reasons(criterion, history))


def candidates(criterion: Criterion, history: History) -> set[str]:
    return set(_reasons(criterion, history))


def files(criterion: Criterion, history: History) -> set[str] | None:
    return {file_of(entity) for entity in candidates(criterion, history)}
