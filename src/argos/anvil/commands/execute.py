"""`anvil execute`: selects by a rule, runs, remembers, and says what happened."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.anvil.commands import lint
from argos.console import edge
from argos.workplace import Workplace, complete_rules

if TYPE_CHECKING:
    from argos.anvil.executor.pytest_executor import ExecutionResult, Standing
    from argos.config.project import Interpreter, ProjectConfig
    from argos.model.execution import Pick
    from argos.model.rule import Rule

SHOWN_FAILURES = 10
SHOWN_REASONS = 5
SHOWN_LINES = 12


@click.command(short_help="Run the tests that a rule selects.")
@click.option(
    "--rule",
    "rule_name",
    required=True,
    metavar="NAME",
    shell_complete=complete_rules,
    help="A rule of .lens/rules.yaml, or built in: all, failed-in-last, failure-rate, changed.",
)
@click.option("--dry-run", is_flag=True, help="Show the selection with its reasons; run and record nothing.")
@click.option(
    "--space", default="local", show_default=True, help="Where this run belongs: local, ci, nightly, …"
)
@click.option(
    "--workers", default="1", metavar="N|auto", show_default=True, help="Number of pytest processes at once."
)
@click.option("--shard", metavar="I/N", help="Run only the I-th of N parts, the same parts on every machine.")
@click.option(
    "--timeout", metavar="S", help="Seconds (or 90s, 5m) a single test may take; the run stops there."
)
@click.option("-v", "--verbose", is_flag=True, help="Show pytest's own output as it comes.")
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST ARGS]")
@edge.common_options
def execute(
    rule_name: str,
    dry_run: bool,
    space: str,
    workers: str,
    shard: str | None,
    timeout: str | None,
    verbose: bool,
    pytest_args: tuple[str, ...],
    project: Path | None,
    as_json: bool,
) -> None:
    """Run the tests that a rule selects, with the project's own interpreter, and remember every result.

    A rule whose executor is a linter looks at files instead: those that it selects.

    Options of pytest may follow after `--`; what to run is said by the rule.

    \b
    Example:
      anvil execute --rule quick-check
      anvil execute --rule all --workers auto --timeout 5m
      anvil execute --rule failed-in-last --dry-run
      anvil execute --rule all --shard 1/4 --space ci -- -p no:randomly

    Exit code: 0 fine or nothing to run, 1 tests failed or the run was cut short, 2 refused, 130 Ctrl-C.
    """
    from argos.anvil.commands.live import Live
    from argos.anvil.executor.pytest_executor import Options, PytestExecutor
    from argos.config.project import resolve_interpreter, with_rule_options
    from argos.console.progress import ProgressLine

    place = Workplace(project)
    rule = _enabled(place.rules.get(rule_name))
    if rule.executor in lint.EXECUTORS:
        _refuse_of_pytest(rule, {"--shard": shard, "--timeout": timeout, "-- PYTEST ARGS": pytest_args})
        _stop_on_termination()
        code = lint.execute(place, rule, space=_space(space), dry_run=dry_run, as_json=as_json)
        if not dry_run:
            _mirror(place)
        raise SystemExit(code)
    rule = _runnable(rule, place.project)
    interpreter = resolve_interpreter(place.project, os.environ)
    options = Options(
        space=_space(space),
        workers=_workers(workers),
        shard=_shard(shard),
        timeout_s=_timeout(timeout),
        user_args=_without_paths(pytest_args),
        command=("anvil", *sys.argv[1:]),
        echo=sys.stderr.buffer if verbose else None,
        watched=sys.stderr.isatty() and not verbose,
    )
    line = ProgressLine(sys.stderr, enabled=False if verbose else None)
    configured = with_rule_options(place.project, rule.options)
    live = Live(line, None if dry_run else lambda standing: _print_head_early(standing, rule, interpreter))
    executor = PytestExecutor(configured, interpreter, lambda: place.database, options, live)
    _stop_on_termination()
    try:
        result = executor.preview(rule) if dry_run else executor.execute_with_rule(rule)
    finally:
        line.clear()
    if not dry_run:
        _mirror(place)
    with edge.readers_may_leave():
        if as_json:
            edge.print_json(document(result))
        elif dry_run:
            _print_preview(result, rule, interpreter)
        else:
            _print_result(result, rule, interpreter, headed=live.headed and sys.stdout.isatty())
    raise SystemExit(result.execution.exit_code or 0)


def document(result: ExecutionResult) -> dict[str, Any]:
    """The stable JSON shape of an execution; seconds, and `full_duration_s` null before a full run."""
    execution = result.execution
    counts = execution.counts
    return {
        "execution_id": None if execution.status.value == "preview" else execution.execution_id,
        "rule": execution.rule,
        "space": execution.space,
        "status": execution.status.value,
        "selected": [{"entity": pick.entity, "reason": pick.reason} for pick in result.selection.picks],
        "gone": list(execution.gone),
        "counts": {
            "selected": execution.selected,
            "passed": counts.passed,
            "failed": counts.failed,
            "error": counts.error,
            "skipped": counts.skipped,
            "xfailed": counts.xfailed,
            "xpassed": counts.xpassed,
            "not_run": execution.not_run,
        },
        "duration_s": execution.duration_s,
        "full_duration_s": execution.full_duration_s,
        "running": list(execution.running),
        "notes": list(execution.notes),
        "commit": execution.commit,
        "branch": execution.branch,
        "dirty": execution.dirty,
        "python": execution.python_version,
        "pytest": execution.pytest_version,
        "interpreter": execution.interpreter,
        "platform": execution.platform,
        "results": [
            {
                "entity": each.entity,
                "outcome": each.outcome.value,
                "duration_s": round(each.duration_s, 6),
                "message": each.message,
                "attempt": each.attempt,
            }
            for each in result.results
        ],
    }


def _runnable(rule: Rule, project: ProjectConfig) -> Rule:
    from argos.errors import ArgosError

    if not project.pytest_enabled:
        raise ArgosError(
            "pytest is disabled for this project.",
            where=str(project.source),
            next_step="Set enabled: true under validators: pytest:.",
        )
    if rule.executor != "pytest":
        raise ArgosError(
            f"The rule {rule.name!r} needs the executor {rule.executor!r}, which this version does not run.",
            where=rule.source,
            next_step=f"It runs rules with executor type pytest, {', '.join(sorted(lint.EXECUTORS))}.",
        )
    return rule


def _enabled(rule: Rule) -> Rule:
    from argos.errors import ArgosError

    if not rule.enabled:
        raise ArgosError(
            f"The rule {rule.name!r} is disabled.", where=rule.source, next_step="Set enabled: true there."
        )
    return rule


def _refuse_of_pytest(rule: Rule, given: dict[str, Any]) -> None:
    from argos.errors import ArgosError

    for option in (name for name, value in given.items() if value):
        raise ArgosError(
            f"{option} is for pytest, and the rule {rule.name!r} runs {rule.executor}.",
            where=rule.source,
            next_step="Leave it out.",
        )


def _space(text: str) -> str:
    if not text or len(text) > 50 or not all(c.isalnum() or c in "-_." for c in text):
        raise click.BadParameter("at most 50 letters, digits, '-', '_' and '.'", param_hint="--space")
    return text


def _workers(text: str) -> int:
    if text == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter("a number from 1, or auto", param_hint="--workers")
    return int(text)


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise click.BadParameter("I/N with I from 1 to N, as in 1/4", param_hint="--shard")
    return int(index), int(count)


def _timeout(text: str | None) -> float | None:
    from argos.config.quantities import parse_duration

    if text is None:
        return None
    with edge.said_by("--timeout"):
        seconds = parse_duration(text)
    if seconds <= 0:
        raise click.BadParameter("more than 0 seconds", param_hint="--timeout")
    return seconds


def _without_paths(pytest_args: tuple[str, ...]) -> tuple[str, ...]:
    from argos.anvil.executor.arguments import named_paths
    from argos.errors import ArgosError

    if paths := named_paths(pytest_args):
        raise ArgosError(
            f"What to run is said by the rule, not by a path: {_line(' '.join(paths))}.",
            next_step="Put it among the groups: of a rule with criteria: group in .lens/rules.yaml, "
            "and name that rule with --rule.",
        )
    return pytest_args


def _stop_on_termination() -> None:
    """A polite kill and a closed terminal are answered as Ctrl-C is: stop, record, say so."""
    import signal

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, stop)


def _mirror(place: Workplace) -> None:
    from argos.store import rules as mirror

    with place.database.write() as connection:
        mirror.mirror(connection, list(place.rules.rules.values()))


# What is printed at the end


def _print_preview(result: ExecutionResult, rule: Rule, interpreter: Interpreter) -> None:
    from argos.console.progress import plural

    picks = result.selection.picks
    click.echo(
        f"rule {rule.name} would pick {plural(len(picks), 'test')}; {interpreter.path} ({interpreter.origin})"
    )
    for pick in picks:
        click.echo(f"{_line(pick.entity)}  ({_line(pick.reason)})")
    _print_gone_and_notes(result)
    if not picks:
        click.echo(_why_nothing(rule, result))


def _print_result(result: ExecutionResult, rule: Rule, interpreter: Interpreter, *, headed: bool) -> None:
    execution = result.execution
    if not headed:
        versions = execution.python_version, execution.pytest_version
        _print_head(rule, interpreter, versions, result.selection.picks)
    _print_failures(result)
    _print_gone_and_notes(result)
    if not result.selection.picks and not result.results and execution.status.value == "finished":
        click.echo(_why_nothing(rule, result))
    click.echo(_summary(result))


def _print_head_early(standing: Standing, rule: Rule, interpreter: Interpreter) -> None:
    """On the terminal that the progress is seen on, before the tests have ended."""
    sessions = [journal.session for part in standing.parts for journal in part.journals if journal.session]
    first = sessions[0] if sessions else {}
    _print_head(rule, interpreter, (first.get("python"), first.get("pytest")), standing.picks, err=True)


def _print_head(
    rule: Rule,
    interpreter: Interpreter,
    versions: tuple[str | None, str | None],
    picks: Sequence[Pick],
    *,
    err: bool = False,
) -> None:
    from argos.console.progress import plural

    python, pytest = versions
    known = f"Python {python}, pytest {pytest}, " if python else ""
    click.echo(f"rule {rule.name}: {known}{interpreter.path} ({interpreter.origin})", err=err)
    click.echo(f"picked {plural(len(picks), 'test')}" + (":" if picks else ""), err=err)
    reasons = Counter(pick.reason for pick in picks)
    shown = reasons.most_common(SHOWN_REASONS)
    for reason, count in shown:
        click.echo(f"  {count:>6}  {_line(reason)}", err=err)
    if len(reasons) > len(shown):
        rest = reasons.total() - sum(count for _, count in shown)
        click.echo(f"  {rest:>6}  for {len(reasons) - len(shown)} other reasons; --json lists all", err=err)


def _print_failures(result: ExecutionResult) -> None:
    from argos.console.progress import plural

    last = {each.entity: each for each in result.results}
    failing = [each for each in last.values() if each.outcome.failing]
    for each in failing[:SHOWN_FAILURES]:
        click.echo(click.style(f"\n{each.outcome.value.upper()} {_line(each.entity)}", fg="red"))
        lines = (each.message or "").splitlines()
        for text in lines[:SHOWN_LINES]:
            click.echo(f"  {_line(text)}")
        if len(lines) > SHOWN_LINES:
            click.echo(f"  … {len(lines) - SHOWN_LINES} more lines")
    if len(failing) > SHOWN_FAILURES:
        click.echo(f"\nand {plural(len(failing) - SHOWN_FAILURES, 'more failing test')}")
    if failing:
        click.echo(f"\ntracebacks: anvil history show {result.execution.execution_id}")


def _print_gone_and_notes(result: ExecutionResult) -> None:
    from argos.console.progress import plural

    execution = result.execution
    if execution.gone:
        shown = ", ".join(map(_line, execution.gone[:3]))
        more = f" and {len(execution.gone) - 3} more" if len(execution.gone) > 3 else ""
        click.echo(f"gone, so not run: {shown}{more}")
    for test in execution.running:
        click.echo(f"running when it stopped: {_line(test)}")
    if execution.not_run:
        click.echo(f"{plural(execution.not_run, 'picked test')} had no result")
    for note in execution.notes:
        click.echo(f"note: {note}")


def _summary(result: ExecutionResult) -> str:
    from argos.anvil.commands.history import outcome_words
    from argos.console.progress import clock

    execution = result.execution
    took = clock(execution.duration_s or 0.0)
    beside = ""
    full = execution.full_duration_s
    if full and execution.duration_s is not None and execution.duration_s < full and result.results:
        beside = f" ({execution.duration_s / full:.0%} of the full run's {clock(full)})"
    colour = "red" if execution.exit_code else "green"
    return click.style(outcome_words(execution), fg=colour) + f" in {took}{beside}, {execution.execution_id}"


def _why_nothing(rule: Rule, result: ExecutionResult) -> str:
    from argos.anvil.core.rule_engine import describe, is_everything

    if is_everything(rule) and not result.collected:
        return "Nothing to run: pytest found no test, or its filters left none."
    return f"Nothing to run: no test matches the rule's criteria ({describe(rule.criterion)})."


def _line(text: str) -> str:
    from argos.console.tables import one_line

    return one_line(text)
