"""`anvil stats`: failure rates and durations of tests, and which of them are flaky."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.workplace import Workplace

if TYPE_CHECKING:
    from argos.anvil.core.statistics import EntityStats
    from argos.stats.stability import Assessment
    from argos.store.database import Database

SPACE = click.option("--space", default="local", show_default=True, help="Where the results come from.")
SORTS = ("failure-rate", "duration", "last-failure")


@click.group(short_help="Failure rates, durations, flaky tests.")
def stats() -> None:
    """Show failure rates, durations and flaky tests.

    \b
    Example:
      anvil stats show --type test --window 20 --sort duration
      anvil stats flaky --threshold 10 --window 30
    """


@stats.command(short_help="Failure rates and durations of tests.")
@click.option("--type", "entity_type", default="test", show_default=True, help="The kind of entity: test.")
@click.option(
    "--window", type=click.IntRange(1, 100), help="Newest results of each test; all of its life without it."
)
@click.option("--entity", metavar="ID", help="One test, by its id or a part of it that is unique.")
@click.option("--sort", type=click.Choice(SORTS), default="failure-rate", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Rows of the table.")
@SPACE
@edge.common_options
def show(
    entity_type: str,
    window: int | None,
    entity: str | None,
    sort: str,
    limit: int,
    space: str,
    project: Path | None,
    as_json: bool,
) -> None:
    """Show totals, failure rate, mean and p95 duration, last run and last failure of tests.

    \b
    Example:
      anvil stats show --type test --window 20
      anvil stats show --entity test_models.py::test_save
    """
    from argos.anvil.core.statistics import StatisticsCalculator

    _refuse_unknown_kind(entity_type)
    place = Workplace(project)
    if entity is not None:
        _show_one(place, entity, entity_type, window, space, as_json)
        return
    with place.database.read() as connection:
        found = StatisticsCalculator(connection).calculate_all_stats(entity_type, window, space=space)
    found.sort(key=_order(sort))
    if as_json:
        edge.print_json({"space": space, "window": window, "entities": [document(each) for each in found]})
        return
    if not found:
        click.echo(_nothing(place.database, space))
        return
    _print_stats(found[:limit])
    if len(found) > limit:
        click.echo(f"{limit} of {len(found)} tests; --limit shows more, --json all.")


@stats.command(short_help="The tests that both passed and failed.")
@click.option("--threshold", default="10", show_default=True, help="Lowest failure rate: 10, 10% or 0.1.")
@click.option(
    "--window",
    type=click.IntRange(1, 100),
    default=30,
    show_default=True,
    help="Newest results of each test.",
)
@SPACE
@edge.common_options
def flaky(threshold: str, window: int, space: str, project: Path | None, as_json: bool) -> None:
    """List the tests that both passed and failed in the window, the worst first.

    A test that always fails is broken, not flaky: those are counted beneath the table.

    \b
    Example:
      anvil stats flaky --threshold 10 --window 30
    """
    from argos.anvil.core.statistics import StatisticsCalculator
    from argos.config.quantities import parse_rate
    from argos.console.progress import plural

    with edge.said_by("--threshold"):
        rate = parse_rate(threshold)
    place = Workplace(project)
    with place.database.read() as connection:
        calculator = StatisticsCalculator(connection)
        found = calculator.flaky(rate, window, space=space)
        broken = calculator.broken(window, space=space)
    if as_json:
        edge.print_json(
            {
                "space": space,
                "threshold": rate,
                "window": window,
                "flaky": [_assessment(entity, each) for entity, each in found],
                "broken": [_assessment(entity, each) for entity, each in broken],
            }
        )
        return
    _print_flaky(found)
    if not found:
        known = _nothing(place.database, space)
        click.echo(
            known
            if "No results" in known
            else f"No test is flaky at {rate * 100:.6g}% in its last {window} results."
        )
    if broken:
        click.echo(f"broken, failed every time: {plural(len(broken), 'test')}")
        _print_broken(broken[:20])
        if len(broken) > 20:
            click.echo(f"  and {len(broken) - 20} more; --json lists all")


def document(stats: EntityStats) -> dict[str, Any]:
    """One entity's statistics as JSON: rates 0..1, durations in seconds, times in ISO 8601 UTC."""
    return {
        "entity": stats.entity,
        "space": stats.space,
        "total_runs": stats.total_runs,
        "passed": stats.passed,
        "failed": stats.failed,
        "skipped": stats.skipped,
        "failure_rate": stats.failure_rate,
        "avg_duration_s": stats.avg_duration,
        "p95_duration_s": stats.p95_duration,
        "last_run": _iso(stats.last_run),
        "last_failure": _iso(stats.last_failure),
        "stability": stats.assessment.stability.value,
        "recent": stats.recent,
    }


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


def _assessment(entity: str, each: Assessment) -> dict[str, Any]:
    return {
        "entity": entity,
        "failure_rate": each.failure_rate,
        "failed": each.counts.failing,
        "executed": each.counts.executed,
        "results": each.counts.results,
        "flips": each.flips,
        "failing_now": each.failing_now,
        "streak": each.streak,
    }


def _order(sort: str) -> Any:
    if sort == "duration":
        return lambda each: (-(each.avg_duration or 0.0), each.entity)
    if sort == "last-failure":
        return lambda each: (-(each.last_failure.timestamp() if each.last_failure else 0.0), each.entity)
    return lambda each: (-(each.failure_rate or 0.0), -each.failed, each.entity)


def _print_stats(found: list[EntityStats]) -> None:
    from argos.console.progress import clock
    from argos.console.tables import Column, print_table

    figures = ["Failed", "Runs", "Mean", "Passed", "p95", "Skipped"]
    print_table(
        [
            Column("Test", flexible=True),
            Column("State"),
            Column("Rate", right=True),
            *(Column(heading, right=True, optional=True) for heading in figures),
            Column("Last failure", optional=True),
        ],
        [
            (
                each.entity,
                each.assessment.stability.value,
                "-" if each.failure_rate is None else f"{each.failure_rate:.0%}",
                each.failed,
                each.total_runs,
                _seconds(each.avg_duration, clock),
                each.passed,
                _seconds(each.p95_duration, clock),
                each.skipped,
                "-" if each.last_failure is None else f"{each.last_failure.astimezone():%Y-%m-%d %H:%M}",
            )
            for each in found
        ],
    )


def _seconds(value: float | None, clock: Any) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.1f}ms" if value < 1 else str(clock(value))


def _print_flaky(found: list[tuple[str, Assessment]]) -> None:
    from argos.console.tables import Column, print_table

    if not found:
        return
    print_table(
        [
            Column("Test", flexible=True),
            Column("Rate", right=True),
            Column("Failed", right=True),
            Column("Of", right=True, optional=True),
            Column("Flips", right=True, optional=True),
            Column("Now", optional=True),
        ],
        [
            (
                entity,
                f"{each.failure_rate:.0%}",
                each.counts.failing,
                each.counts.executed,
                each.flips,
                f"{'failing' if each.failing_now else 'passing'} for {each.streak}",
            )
            for entity, each in found
        ],
    )


def _print_broken(found: list[tuple[str, Assessment]]) -> None:
    from argos.console.tables import Column, print_table

    print_table(
        [Column("Test", flexible=True), Column("Failed", right=True)],
        [(entity, f"{each.counts.failing} of {each.counts.executed}") for entity, each in found],
    )


def _refuse_unknown_kind(entity_type: str) -> None:
    from argos.console.tables import one_line
    from argos.errors import ArgosError

    if entity_type != "test":
        raise ArgosError(
            f'There are no entities of the kind "{one_line(entity_type)}"; the only kind recorded is test.',
            where="--type",
            next_step="Give --type test, or leave it out.",
        )


def _show_one(
    place: Workplace, text: str, entity_type: str, window: int | None, space: str, as_json: bool
) -> None:
    from dataclasses import asdict

    from argos.anvil.core.statistics import StatisticsCalculator
    from argos.store import entities

    with place.database.read() as connection:
        entity = entities.find(connection, text, entity_type=entity_type)
        calculator = StatisticsCalculator(connection)
        each = calculator.calculate_entity_stats(entity, window, space=space, entity_type=entity_type)
        trend = calculator.get_failure_trend(entity, window or 50, space=space, entity_type=entity_type)
    if as_json:
        evidence = asdict(trend)
        evidence["direction"] = trend.direction.value
        edge.print_json({**document(each), "window": window, "trend": evidence})
        return
    _print_stats([each])
    click.echo(f"\nrecent, oldest first  {each.recent}")
    click.echo(f"trend                 {trend.sentence}")


def _nothing(database: Database, space: str) -> str:
    """Why a list of a space is empty."""
    from argos.store import statistics

    with database.read() as connection:
        spaces = statistics.spaces(connection)
    if spaces.get(space):
        return f"{spaces[space]} tests have results in space {space!r}."
    others = ", ".join(f"{name!r} ({count} tests)" for name, count in spaces.items())
    if others:
        return f"No results in space {space!r}; there are some in {others}: use --space."
    return "No results yet. `anvil execute --rule all` records the first."
