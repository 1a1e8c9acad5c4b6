"""What is known before a run: the entities' recent outcomes, their durations, the changed files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection


def file_of(entity: str) -> str:
    """The file part of a node id or pattern: what stands before the first `::`."""
    return entity.partition("::")[0]


def reasons_for(entities: Sequence[str], reasons: Mapping[str, str]) -> dict[str, str]:
    """The reason of each entity that has one itself, or whose file has one for not being collected."""
    found = {}
    for entity in entities:
        if entity in reasons:
            found[entity] = reasons[entity]
        elif file_of(entity) in reasons:
            found[entity] = f"collecting its file {reasons[file_of(entity)]}"
    return found


class History:
    """Facts of one space, each read once and only when a criterion asks for it.

    `connect` gives the open database connection; it is not called before the first fact is wanted.
    `changed` gives the changed files relative to the project's root.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        space: str,
        root: Path,
        changed: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._connect = connect
        self._changed = changed
        self.space = space
        self.root = root

    @cached_property
    def failing(self) -> dict[str, str]:
        """Packed recent outcomes of each entity that failed in one of them, oldest first.

        Tests that are gone are among them, for they may be back: on another branch, say. A file that
        could not be collected is an entity too; it is among them until it is collected again.
        """
        from argos.store import statistics

        every = statistics.recent_outcomes(self._connect(), space=self.space, failing_only=True, gone=True)
        if all("::" in entity for entity, _ in every):
            return dict(every)
        there = dict(statistics.recent_outcomes(self._connect(), space=self.space, failing_only=True))
        return {entity: recent for entity, recent in every if "::" in entity or entity in there}

    @cached_property
    def recent(self) -> dict[str, str]:
        """Packed recent outcomes of every entity that ever ran in this space."""
        from argos.store import statistics

        return dict(statistics.recent_outcomes(self._connect(), space=self.space, failing_only=False))

    @cached_property
    def durations(self) -> dict[str, float]:
        """Mean seconds of each entity's recent results."""
        from argos.store import statistics

        seconds: dict[str, float] = statistics.durations(self._connect(), space=self.space)
        return seconds

    @cached_property
    def changed_files(self) -> tuple[str, ...]:
        return self._changed()
