"""Statistics of tests from what is remembered: totals over their life, rates over a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from argos.config.quantities import parse_rate
from argos.errors import ArgosError
from argos.stats import durations, rates
from argos.stats.stability import Assessment, Stability, assess, is_flaky
from argos.stats.trend import Trend, trend
from argos.store import statistics as records

if TYPE_CHECKING:
    from sqlalchemy import Connection

LARGEST_WINDOW = 100


@dataclass(frozen=True, slots=True)
class EntityStats:
    """One entity in one space.

    `total_runs`, `passed` (with xfailed and xpassed), `failed` (with errors), `skipped`, the failure
    rate and the mean duration are those of the entity's whole life when no window is given, else of
    its newest `window` results; the 95th percentile and `recent` speak of at most the newest 100.
    `failure_rate` is the share of failed among executed results, 0..1, None if nothing was executed;
    durations are seconds.
    """

    entity: str
    space: str
    total_runs: int
    passed: int
    failed: int
    skipped: int
    failure_rate: float | None
    avg_duration: float | None
    p95_duration: float | None
    last_run: datetime | None
    last_failure: datetime | None
    recent: str
    assessment: Assessment


class StatisticsCalculator:
    """Reads statistics through a SQLAlchemy connection or session.

    They are kept up in the transaction that records a result, so nothing here scans history.
    """

    def __init__(self, db_session: Connection) -> None:
        self.db = db_session

    def calculate_entity_stats(
        self,
        entity_id: str,
        window: int | None = None,
        *,
        space: str | None = "local",
        entity_type: str = "test",
    ) -> EntityStats:
        """Raises `ArgosError` for an entity without results in the space."""
        found = records.records(self.db, entity_type=entity_type, space=space, entity=entity_id)
        if not found:
            raise ArgosError(
                f"There is no result of {entity_id} in space {space!r}.", next_step="See `anvil stats show`."
            )
        return _stats(found[0], _checked(window))

    def calculate_all_stats(
        self, entity_type: str = "test", window: int | None = None, *, space: str | None = "local"
    ) -> list[EntityStats]:
        """Of every entity that is not gone, in no particular order."""
        _checked(window)
        found = records.records(self.db, entity_type=entity_type, space=space)
        return [_stats(record, window) for record in found if not record.gone]

    def get_flaky_entities(
        self,
        threshold: float | str = 5.0,
        window: int = 20,
        *,
        space: str = "local",
        entity_type: str = "test",
    ) -> list[str]:
        """Entities that both passed and failed in the window, at least so often; the worst first.

        The threshold is written as on the command line: `5.0`, `"5%"` and `0.05` are five percent.
        An entity that always failed is broken, not flaky, and not among them.
        """
        rate = parse_rate(threshold)
        return [entity for entity, _ in self.flaky(rate, window, space=space, entity_type=entity_type)]

    def flaky(
        self, threshold: float, window: int, *, space: str, entity_type: str = "test"
    ) -> list[tuple[str, Assessment]]:
        """The same with the evidence; `threshold` is a rate 0..1."""
        found = records.recent_outcomes(self.db, entity_type=entity_type, space=space, failing_only=True)
        flaky = [
            (e, assess(recent, window))
            for e, recent in found
            if is_flaky(recent, _checked(window), threshold)
        ]
        return sorted(flaky, key=lambda item: (-(item[1].failure_rate or 0), -item[1].flips, item[0]))

    def broken(self, window: int, *, space: str, entity_type: str = "test") -> list[tuple[str, Assessment]]:
        """Entities whose every executed result in the window failed."""
        found = records.recent_outcomes(self.db, entity_type=entity_type, space=space, failing_only=True)
        assessed = ((entity, assess(recent, _checked(window))) for entity, recent in found)
        return sorted((e, a) for e, a in assessed if a.stability is Stability.BROKEN)

    def get_failure_trend(
        self, entity_id: str, window: int = 50, *, space: str | None = "local", entity_type: str = "test"
    ) -> Trend:
        """Improving, degrading or stable, with the test's name and evidence; see `argos.stats.trend`."""
        return trend(
            self.calculate_entity_stats(entity_id, space=space, entity_type=entity_type).recent, window
        )


def _checked(window: int | None) -> int | None:
    if window is not None and not 1 <= window <= LARGEST_WINDOW:
        raise ArgosError(
            f"A window of {window} results cannot be had.",
            next_step=f"Ask for 1 to {LARGEST_WINDOW}, the newest results that Argos keeps at hand.",
        )
    return window


def _stats(record: records.EntityRecord, window: int | None) -> EntityStats:
    recent = rates.newest(record.recent, window)
    seconds = record.recent_durations[-window:] if window else record.recent_durations
    failing, executed, results = rates.failures(recent)
    average = durations.mean(seconds)
    if window is None:
        results, failing = record.total_runs, record.failed + record.error
        executed = results - record.skipped
        average = record.total_duration_s / results if results else None
    percentile = durations.percentile(seconds, 95)
    kept = durations.mean(seconds)
    if percentile and kept and average and results == len(seconds):
        # The newest durations are kept rounded, the total is exact: with all of them at hand they agree.
        percentile *= average / kept
    return EntityStats(
        entity=record.entity,
        space=record.space,
        total_runs=results,
        passed=executed - failing,
        failed=failing,
        skipped=results - executed,
        failure_rate=failing / executed if executed else None,
        avg_duration=average,
        p95_duration=percentile,
        last_run=record.last_run,
        last_failure=record.last_failure,
        recent=recent,
        assessment=assess(recent),
    )
