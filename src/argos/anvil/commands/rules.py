"""`anvil rules`: which rules there are, what one says, and every mistake in the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.workplace import Workplace, complete_rules

if TYPE_CHECKING:
    from argos.model.rule import Criterion, Rule


@click.group(short_help="List, show and check the rules.")
def rules() -> None:
    """List, show and check the rules of `.lens/rules.yaml`.

    \b
    Example:
      anvil rules list
      anvil rules show quick-check
      anvil rules check
    """


@rules.command("list", short_help="Every rule and what it picks.")
@edge.common_options
def list_rules(project: Path | None, as_json: bool) -> None:
    """List every rule with its criteria and where it is written.

    \b
    Example:
      anvil rules list
    """
    from argos.anvil.core.rule_engine import describe
    from argos.console.progress import plural
    from argos.console.tables import Column, print_table
    from argos.store import rules as mirror

    place = Workplace(project)
    book = place.rules
    with place.database.write() as connection:
        mirror.mirror(connection, list(book.rules.values()))
    if as_json:
        edge.print_json({"rules": [document(rule) for rule in book.rules.values()]})
    else:
        print_table(
            [
                Column("Rule", flexible=True),
                Column("Picks", flexible=True),
                Column("Executor", optional=True),
                Column("Written in", optional=True),
            ],
            [
                (
                    rule.name,
                    describe(rule.criterion) + _caps(rule),
                    rule.executor + _disabled(rule),
                    rule.source,
                )
                for rule in book.rules.values()
            ],
        )
    if book.problems:
        mistakes = plural(len(book.problems), "mistake")
        click.echo(f"anvil: {mistakes} in the files; see `anvil rules check`.", err=True)


@rules.command(short_help="One rule as it holds after extends.")
@click.argument("name", shell_complete=complete_rules)
@edge.common_options
def show(name: str, project: Path | None, as_json: bool) -> None:
    """Show one rule as it holds after `extends`.

    \b
    Example:
      anvil rules show quick-check
    """
    from argos.anvil.core.rule_engine import describe

    rule = Workplace(project).rules.get(name)
    if as_json:
        edge.print_json(document(rule))
        return
    lines = [
        ("name", rule.name),
        ("description", rule.description),
        ("picks", describe(rule.criterion) + _caps(rule)),
    ]
    lines += [
        ("executor", rule.executor),
        ("enabled", "yes" if rule.enabled else "no"),
        ("written in", rule.source),
    ]
    lines += [(f"option {key}", str(value)) for key, value in rule.options.items()]
    for title, value in lines:
        if value:
            click.echo(f"{title:<12} {value}")


@rules.command(short_help="Every mistake in the configuration files.")
@edge.common_options
def check(project: Path | None, as_json: bool) -> None:
    """Print every mistake in both configuration files as file:line:column, and exit with 1 if there are any.

    \b
    Example:
      anvil rules check
    """
    from argos.config.project import problems_in_project
    from argos.console.progress import plural

    place = Workplace(project)
    problems = sorted([*problems_in_project(place.root), *place.rules.problems])
    if as_json:
        edge.print_json(
            {
                "problems": [
                    {"file": p.file, "line": p.line, "column": p.column, "message": p.message}
                    for p in problems
                ]
            }
        )
    else:
        for problem in problems:
            click.echo(str(problem))
        count = len(place.rules.rules)
        click.echo(plural(len(problems), "mistake") if problems else f"no mistakes; {plural(count, 'rule')}")
    raise SystemExit(edge.GATE_NOT_MET if problems else 0)


def document(rule: Rule) -> dict[str, Any]:
    """A rule as JSON: rates 0..1, durations in seconds, absent keys null."""
    return {
        "name": rule.name,
        "description": rule.description,
        "enabled": rule.enabled,
        "criterion": _criterion(rule.criterion),
        "limit": rule.limit,
        "budget_s": rule.budget_s,
        "executor": rule.executor,
        "options": rule.options,
        "source": rule.source,
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    if criterion.parts:
        name = "all" if criterion.name == "every" else criterion.name
        return {name: [_criterion(part) for part in criterion.parts]}
    return {
        "criteria": criterion.name,
        "window": criterion.window,
        "threshold": criterion.threshold,
        "groups": list(criterion.groups),
    }


def _caps(rule: Rule) -> str:
    from argos.anvil.core.rule_engine import cap_words

    words = cap_words(rule)
    return f", with a {' and a '.join(words)}" if words else ""


def _disabled(rule: Rule) -> str:
    return "" if rule.enabled else " (disabled)"
