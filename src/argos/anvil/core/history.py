"""What is known before a run: the entities' recent outcomes, their durations, the changed files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection


def file_of(entity: str) -> str:
    """The file part of a node id or pattern: what stands before the first `::`."""
    return entity.partition("::")[0]


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
        """Packed recent outcomes of each entity that failed in one of them, oldest first."""
        from argos.store import statistics

        return dict(statistics.recent_outcomes(self._connect(), space=self.space, failing_only=True))

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
