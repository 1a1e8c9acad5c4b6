"""What `anvil execute` does for a rule whose executor is a linter, and how its findings are printed."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge

if TYPE_CHECKING:
    from argos.anvil.executor.lint_executor import LintExecutor, LintResult
    from argos.config.project import Interpreter
    from argos.model.execution import Selection
    from argos.model.quality import Sighting
    from argos.model.rule import Rule
    from argos.workplace import Workplace

EXECUTORS = frozenset({"flake8", "black", "isort", "pylint", "ruff", "mypy"})
SHOWN_VIOLATIONS = 50
SHOWN_REASONS = 5


def execute(place: Workplace, rule: Rule, *, space: str, dry_run: bool, as_json: bool) -> int:
    """Runs the rule's linter and prints what it found; the exit code."""
    from argos.anvil.executor.lint_executor import LintExecutor, LintOptions
    from argos.config.project import resolve_interpreter

    interpreter = resolve_interpreter(place.project, os.environ)
    options = LintOptions(space, ("anvil", *sys.argv[1:]))
    executor = LintExecutor(place.project, interpreter, lambda: place.database, options)
    if dry_run:
        return _preview(executor, rule, as_json)
    result = executor.execute_with_rule(rule)
    with edge.readers_may_leave():
        if as_json:
            edge.print_json(document(result))
        else:
            _print_head(rule, result.selection, interpreter)
            print_result(result)
    return result.execution.exit_code or 0


def document(result: LintResult) -> dict[str, Any]:
    """The stable JSON shape of a scan; `score` is null where the tool crashed."""
    execution = result.execution
    severities = Counter(each.severity for each in result.sightings)
    return {
        "execution_id": execution.execution_id,
        "rule": execution.rule,
        "tool": result.tool,
        "space": execution.space,
        "status": "crashed" if result.crash else execution.status.value,
        "crash": result.crash,
        "selected": [{"entity": pick.entity, "reason": pick.reason} for pick in result.selection.picks],
        "counts": {
            "files": execution.selected - execution.not_run,
            "violations": len(result.sightings),
            "errors": severities["ERROR"],
            "warnings": severities["WARNING"],
            "info": severities["INFO"],
            "new": len(result.comparison.new),
            "fixed": len(result.comparison.fixed),
            "moved": len(result.comparison.moved),
            "failing": len(result.failing),
        },
        "lines": result.lines,
        "score": None if result.score is None else round(result.score, 2),
        "baseline": result.has_baseline,
        "violations": [violation_document(each) for each in result.sightings],
        "failing": [violation_document(each) for each in result.failing],
        "new": [violation_document(each) for each in result.comparison.new],
        "fixed": [violation_document(each) for each in result.comparison.fixed],
        "not_understood": list(result.not_understood),
        "notes": list(execution.notes),
        "duration_s": execution.duration_s,
        "commit": execution.commit,
        "branch": execution.branch,
        "dirty": execution.dirty,
    }


def violation_document(each: Sighting) -> dict[str, Any]:
    return {
        "file": each.path,
        "line": each.line,
        "column": each.column,
        "severity": each.severity,
        "code": each.code,
        "message": each.message,
        "tool": each.tool,
        "symbol": each.around.symbol or None,
    }


def _preview(executor: LintExecutor, rule: Rule, as_json: bool) -> int:
    from argos.console.progress import plural
    from argos.console.tables import one_line

    selection, notes = executor.select(rule)
    picks = selection.picks
    if as_json:
        selected = [{"entity": pick.entity, "reason": pick.reason} for pick in picks]
        edge.print_json(
            {"execution_id": None, "rule": rule.name, "tool": rule.executor, "status": "preview",
             "selected": selected, "notes": list(notes)}
        )  # fmt: skip
        return 0
    click.echo(f"rule {rule.name} would look at {plural(len(picks), 'file')} with {rule.executor}")
    for pick in picks:
        click.echo(f"{one_line(pick.entity)}  ({one_line(pick.reason)})")
    for note in notes:
        click.echo(f"note: {note}")
    return 0


def _print_head(rule: Rule, selection: Selection, interpreter: Interpreter) -> None:
    from argos.console.progress import plural
    from argos.console.tables import one_line

    click.echo(f"rule {rule.name}: {rule.executor}, {interpreter.path} ({interpreter.origin})")
    picks = selection.picks
    click.echo(f"picked {plural(len(picks), 'file')}" + (":" if picks else ""))
    reasons = Counter("changed" if p.reason.endswith("has changed") else p.reason for p in picks)
    for reason, count in reasons.most_common(SHOWN_REASONS):
        click.echo(f"  {count:>6}  {one_line(reason)}")


def print_result(result: LintResult) -> None:
    """The violations that fail the run, then the sum of it and what to do."""
    from argos.console.progress import plural

    _print_violations(result.failing)
    for note in result.execution.notes:
        click.echo(f"note: {note}")
    if result.crash:
        click.echo(click.style(f"{result.tool} crashed", fg="red") + f", {result.execution.execution_id}")
        return
    colour = "red" if result.failing else "green"
    click.echo(click.style(_sum(result), fg=colour) + f", {result.execution.execution_id}")
    if result.failing:
        unknown = "that the baseline does not hold " if result.has_baseline else ""
        advice = (
            "Fix them" if result.has_baseline else "Fix them, or keep today's with: anvil quality baseline"
        )
        click.echo(f"{plural(len(result.failing), 'violation')} {unknown}to fix. {advice}.")
    if result.healed:
        gone = plural(result.healed, "known violation")
        click.echo(f"{gone} of these files gone; take them out of the baseline with: anvil quality baseline")


def _print_violations(found: Sequence[Sighting]) -> None:
    from argos.console.tables import one_line

    colours = {"ERROR": "red", "WARNING": "yellow"}
    for each in found[:SHOWN_VIOLATIONS]:
        place = ":".join(str(part) for part in (each.path, each.line, each.column) if part is not None)
        code = click.style(one_line(each.code), fg=colours.get(each.severity))
        click.echo(f"{one_line(place)}: {code} {one_line(each.message)}")
    if len(found) > SHOWN_VIOLATIONS:
        click.echo(f"and {len(found) - SHOWN_VIOLATIONS} more; --json lists all")


def _sum(result: LintResult) -> str:
    from argos.console.progress import plural

    severities = Counter(each.severity for each in result.sightings)
    names = (("ERROR", "error"), ("WARNING", "warning"), ("INFO", "remark"))
    parts = ", ".join(plural(severities[key], name) for key, name in names if severities[key])
    files = result.execution.selected - result.execution.not_run
    found = plural(len(result.sightings), "violation") + (f" ({parts})" if parts else "")
    changes = f"{len(result.comparison.new)} new, {len(result.comparison.fixed)} fixed since the last scan"
    score = "" if result.score is None or not result.lines else f", score {result.score:.1f} of 100"
    return f"{found} in {plural(files, 'file')}, {changes}{score}"
