"""`all`: everything; with `groups`, everything that matches one of them."""

from __future__ import annotations

from collections.abc import Sequence

from argos.anvil.core.history import History
from argos.anvil.criteria import group
from argos.model.rule import Criterion

NAME = "all"
REASON = "every test"


def matches(criterion: Criterion, entities: Sequence[str], history: History) -> dict[str, str]:
    if criterion.groups:
        return group.matches(criterion, entities, history)
    return dict.fromkeys(entities, REASON)


def candidates(criterion: Criterion, history: History) -> set[str]:
    return group.candidates(criterion, history) if criterion.groups else set()


def files(criterion: Criterion, history: History) -> set[str] | None:
    return group.files(criterion, history) if criterion.groups else None
