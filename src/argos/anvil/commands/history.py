"""`anvil history`: past executions, one of them, or all results of one test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.workplace import Workplace

if TYPE_CHECKING:
    from argos.model.execution import Execution, TestResult


@click.group(short_help="Past executions and results.")
def history() -> None:
    """Show past executions, one of them, or the results of one test.

    \b
    Example:
      anvil history list
      anvil history show local-20260131-101500-3f2a
      anvil history show tests/test_models.py::test_save
    """


@history.command("list", short_help="Executions, the newest first.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--space", help="Only executions of this space.")
@click.option("--rule", help="Only executions of this rule.")
@edge.common_options
def list_executions(
    limit: int, space: str | None, rule: str | None, project: Path | None, as_json: bool
) -> None:
    """List executions, the newest first.

    \b
    Example:
      anvil history list --rule quick-check --limit 5
    """
    from argos.console.progress import clock
    from argos.console.tables import Column, print_table
    from argos.store import executions

    with Workplace(project).database.read() as connection:
        found = executions.recent(connection, limit=limit, space=space, rule=rule)
    if as_json:
        edge.print_json({"executions": [document(each) for each in found]})
        return
    if not found:
        click.echo("No executions yet. `anvil execute --rule all` records the first.")
        return
    print_table(
        [
            Column("Execution"),
            Column("Outcome", flexible=True),
            Column("Rule", flexible=True, optional=True),
            Column("Took", right=True, optional=True),
            Column("Started", optional=True),
            Column("Picked", right=True, optional=True),
            Column("Commit", optional=True),
        ],
        [
            (
                each.execution_id,
                outcome_words(each),
                each.rule,
                "-" if each.duration_s is None else clock(each.duration_s),
                f"{each.started_at.astimezone():%Y-%m-%d %H:%M}",
                each.selected,
                _commit(each),
            )
            for each in found
        ],
    )


@history.command(short_help="One execution, or the results of one test.")
@click.argument("what", metavar="EXECUTION|TEST")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Results of a test.")
@edge.common_options
def show(what: str, limit: int, project: Path | None, as_json: bool) -> None:
    """Show one execution with its failures, or the newest results of one test.

    EXECUTION is an id or its beginning; TEST is a node id or a part of it that is unique.

    \b
    Example:
      anvil history show tests/test_models.py::test_save
    """
    from argos.errors import ArgosError
    from argos.store import entities, executions

    with Workplace(project).database.read() as connection:
        try:
            execution = executions.find(connection, what)
        except ArgosError as no_execution:
            try:
                entity = entities.find(connection, what)
            except ArgosError as no_entity:
                raise (no_entity if "::" in what or "/" in what else no_execution) from None
            _show_test(entity, entities.history(connection, entity, limit=limit), as_json)
            return
        results = executions.results(connection, execution.execution_id)
        selection = executions.selection(connection, execution.execution_id)
    if as_json:
        picks = [{"entity": pick.entity, "reason": pick.reason} for pick in selection.picks]
        edge.print_json(
            {**document(execution), "picks": picks, "results": [result_document(r) for r in results]}
        )
        return
    _show_execution(execution, results)


def document(execution: Execution) -> dict[str, Any]:
    """An execution as JSON: durations in seconds, times in ISO 8601 UTC."""
    from dataclasses import asdict

    fields = asdict(execution)
    fields["status"] = execution.status.value
    fields["started_at"] = execution.started_at.isoformat()
    return fields


def result_document(result: TestResult) -> dict[str, Any]:
    return {
        "entity": result.entity,
        "outcome": result.outcome.value,
        "started_at": result.started_at.isoformat(),
        "duration_s": round(result.duration_s, 6),
        "setup_s": result.setup_s,
        "call_s": result.call_s,
        "teardown_s": result.teardown_s,
        "attempt": result.attempt,
        "worker": result.worker,
        "parameters": result.parameters,
        "message": result.message,
        "traceback": result.traceback,
        "output": result.output,
    }


def outcome_words(execution: Execution) -> str:
    """Counts and state in one line, as pytest words them: `2 failed, 118 passed`, `interrupted: 3 passed`."""
    counts = execution.counts
    numbers = {
        "failed": counts.failed,
        "errors" if counts.error > 1 else "error": counts.error,
        "passed": counts.passed,
        "skipped": counts.skipped,
        "xfailed": counts.xfailed,
        "xpassed": counts.xpassed,
    }
    words = ", ".join(f"{number} {name}" for name, number in numbers.items() if number) or "nothing ran"
    status = execution.status.value
    if status == "running" and not counts.total:
        return status
    return words if status == "finished" else f"{status}: {words}"


def _commit(execution: Execution) -> str:
    if execution.commit is None:
        return "-"
    return execution.commit[:8] + ("+" if execution.dirty else "")


def _show_execution(execution: Execution, results: list[TestResult]) -> None:
    from argos.console.progress import clock, plural
    from argos.console.tables import one_line

    facts = [
        ("execution", execution.execution_id),
        ("rule", f"{execution.rule}, {execution.selected} picked in space {execution.space}"),
        ("outcome", outcome_words(execution)),
        ("started", f"{execution.started_at.astimezone():%Y-%m-%d %H:%M:%S}"),
        ("took", "-" if execution.duration_s is None else clock(execution.duration_s)),
        ("full run", "-" if execution.full_duration_s is None else clock(execution.full_duration_s)),
        ("commit", f"{_commit(execution)} on {execution.branch or 'no branch'}"),
        (
            "python",
            f"{execution.python_version} ({execution.interpreter}), pytest {execution.pytest_version}",
        ),
        ("platform", execution.platform or "-"),
        ("command", " ".join(execution.command)),
    ]
    for title, value in facts:
        click.echo(f"{title:<10} {one_line(value)}")
    if execution.not_run:
        click.echo(f"{'not run':<10} {plural(execution.not_run, 'picked test')} had no result")
    for test in execution.running:
        click.echo(f"{'running':<10} {one_line(test)} when it was interrupted")
    for test in execution.gone:
        click.echo(f"{'gone':<10} {one_line(test)}")
    for note in execution.notes:
        click.echo(f"{'note':<10} {one_line(note)}")
    for result in results:
        if result.outcome.failing:
            click.echo(f"\n{result.outcome.value.upper()} {one_line(result.entity)}")
            for text in (result.traceback or result.message, result.output):
                if text:
                    click.echo("\n".join("  " + one_line(line) for line in text.splitlines()))


def _show_test(entity: str, found: list[tuple[Execution, TestResult]], as_json: bool) -> None:
    from argos.console.progress import clock
    from argos.console.tables import Column, print_table

    if as_json:
        rows = [
            {"execution_id": e.execution_id, "commit": e.commit, "space": e.space, **result_document(r)}
            for e, r in found
        ]
        edge.print_json({"entity": entity, "results": rows})
        return
    click.echo(entity)
    print_table(
        [
            Column("Execution"),
            Column("Outcome"),
            Column("Took", right=True, optional=True),
            Column("Message", flexible=True, optional=True),
            Column("Started", optional=True),
            Column("Commit", optional=True),
        ],
        [
            (
                execution.execution_id,
                result.outcome.value + (f" (attempt {result.attempt + 1})" if result.attempt else ""),
                clock(result.duration_s) if result.duration_s >= 1 else f"{result.duration_s * 1000:.1f}ms",
                (result.message or "").split("\n")[0],
                f"{result.started_at.astimezone():%Y-%m-%d %H:%M}",
                _commit(execution),
            )
            for execution, result in found
        ],
    )
