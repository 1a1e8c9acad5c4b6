"""`scout ci show`: what happened in a run or a job, from what has been brought home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.scout.commands.fetch import job_document, run_document
from argos.scout.commands.place import CIPlace

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.model.ci import LoggedError, LogReport, WorkflowJob, WorkflowRun
    from argos.model.execution import TestResult
    from argos.scout.log_lines import LogLine

GREEN_LOGS = 3
SHOWN_FAILURES = 10
SHOWN_LINES = 40
SHOWN_REASONS = 3
MESSAGE_LINES = 12


@click.command(short_help="What happened in a run or a job.")
@click.argument("what", metavar="RUN|JOB")
@click.option(
    "--lines",
    type=click.IntRange(0),
    default=SHOWN_LINES,
    show_default=True,
    metavar="N",
    help="Lines of a job's log that matter.",
)
@edge.common_options
def show(what: str, lines: int, project: Path | None, as_json: bool) -> None:
    """Show a run with its jobs and failing tests, or a job with the lines of its log that matter.

    The lines that matter are those that the last green logs of the same job do not have.

    \b
    Example:
      scout ci show 12345
      scout ci show 67890 --lines 80
    """
    from argos.store import ci, ci_past

    number = ci.run_number_in(what)
    if number is None:
        raise click.BadParameter(
            f"{what!r} is no run and no job: write 12345 or ci-12345.", param_hint="RUN|JOB"
        )
    place = CIPlace(project)
    with place.database.read() as connection:
        if ci_past.known_run(connection, number):
            _show_run(connection, ci.run(connection, number), as_json)
        else:
            _show_job(connection, place, ci.job(connection, number), lines, as_json)


# A run


def _show_run(connection: Connection, run: WorkflowRun, as_json: bool) -> None:
    from argos.model.ci import RED
    from argos.store import ci

    every = ci.jobs(connection, [run.run_id])
    jobs = ci.latest_of(every)
    failing = {job.job_id: _failing(connection, job) for job in jobs}
    if as_json:
        tests = {job_id: [_test_document(each) for each in found] for job_id, found in failing.items()}
        document = run_document(run, every)
        for job in document["jobs"]:
            job["failures"] = tests.get(job["job_id"], [])
        edge.print_json(document)
        return
    _print_facts(_run_facts(run))
    _print_jobs(connection, jobs, {job_id: len(found) for job_id, found in failing.items()})
    _print_by_test(jobs, failing)
    _print_reasons(connection, [job for job in jobs if job.conclusion in RED and not failing[job.job_id]])
    red = next((job for job in jobs if job.conclusion in RED), None)
    if red is not None:
        click.echo(f"\nlines that matter: scout ci show {red.job_id}")


def _print_reasons(connection: Connection, jobs: Sequence[WorkflowJob]) -> None:
    """Why jobs are red in which no test is known to have failed."""
    from argos.console.tables import one_line
    from argos.store import ci

    reports = ci.reports(connection, [job.job_id for job in jobs])
    for job in jobs:
        errors = reports[job.job_id].errors if job.job_id in reports else ()
        click.echo(click.style(f"\n{one_line(job.name)}", fg="red"))
        for error in errors[:SHOWN_REASONS]:
            line = "" if error.line is None else f"line {error.line}: "
            click.echo(f"  {one_line(line + error.message)}")
        if not errors:
            click.echo("  its log does not say why" if job.job_id in reports else "  its log is not here")


def _run_facts(run: WorkflowRun) -> list[tuple[str, str]]:
    from argos.console.progress import clock

    attempt = f", attempt {run.run_attempt}" if run.run_attempt > 1 else ""
    number = "" if run.run_number is None else f" #{run.run_number}"
    return [
        ("run", f"{run.run_id}{attempt}: {run.workflow_name}{number}"),
        ("title", run.title or "-"),
        ("conclusion", run.conclusion or run.status or "-"),
        ("commit", f"{(run.commit or '-')[:8]} on {run.branch or 'no branch'} ({run.event or 'no event'})"),
        ("took", "-" if run.duration_s is None else clock(run.duration_s)),
        ("link", run.url or "-"),
    ]


def _print_jobs(connection: Connection, jobs: Sequence[WorkflowJob], failing: dict[int, int]) -> None:
    from argos.console.progress import clock
    from argos.console.tables import Column, print_table
    from argos.store import ci

    states = ci.states(connection, [job.job_id for job in jobs])
    click.echo()
    print_table(
        [
            Column("Job", flexible=True),
            Column("Conclusion"),
            Column("Failing", right=True),
            Column("Ran on", optional=True),
            Column("Took", right=True, optional=True),
            Column("Failing step", flexible=True, optional=True),
            Column("Log", optional=True),
            Column("Id", optional=True),
        ],
        [
            (
                job.name,
                job.conclusion or job.status or "-",
                failing[job.job_id] or "-",
                " ".join(filter(None, (job.runner_os, job.python_version))) or "-",
                "-" if job.duration_s is None else clock(job.duration_s),
                job.failing_step.name if job.failing_step else "-",
                states[job.job_id].log_state.value,
                job.job_id,
            )
            for job in jobs
        ],
    )


def _print_by_test(jobs: Sequence[WorkflowJob], failing: dict[int, list[TestResult]]) -> None:
    """Each failing test once, with the jobs in which it fails and its first error."""
    from argos.console.progress import plural
    from argos.console.tables import one_line

    names = {job.job_id: job.name for job in jobs}
    by_test: dict[str, list[tuple[str, TestResult]]] = {}
    for job_id, found in failing.items():
        for result in found:
            by_test.setdefault(result.entity, []).append((names[job_id], result))
    shown = sorted(by_test.items(), key=lambda item: (-len(item[1]), item[0]))
    for test, seen in shown[:SHOWN_FAILURES]:
        where = (
            f"{len(seen)} of {plural(len(jobs), 'job')}" if len(seen) > 3 else ", ".join(n for n, _ in seen)
        )
        click.echo(click.style(f"\n{seen[0][1].outcome.value.upper()} {one_line(test)}", fg="red"))
        click.echo(f"  in {one_line(where)}")
        _print_message(seen[0][1].message)
    if len(shown) > SHOWN_FAILURES:
        click.echo(f"\nand {plural(len(shown) - SHOWN_FAILURES, 'more failing test')}; --json lists all")


# A job


def _show_job(connection: Connection, place: CIPlace, job: WorkflowJob, limit: int, as_json: bool) -> None:
    from argos.store import ci

    failing = _failing(connection, job)
    report = ci.reports(connection, [job.job_id]).get(job.job_id)
    lines = _telling_lines(connection, place, job, limit)
    if as_json:
        from argos.scout.parsers.ci_log_parser import error_document

        edge.print_json(
            {
                **job_document(job),
                "failures": [_test_document(each) for each in failing],
                "errors": [error_document(each) for each in (report.errors if report else ())],
                "exit_code": report.exit_code if report else None,
                "lines": [{"number": line.number, "step": line.step, "text": line.text} for line in lines],
            }
        )
        return
    _print_facts(_job_facts(job, report))
    for result in failing[:SHOWN_FAILURES]:
        _print_failure(result)
    if len(failing) > SHOWN_FAILURES:
        click.echo(f"\nand {len(failing) - SHOWN_FAILURES} more; --json lists all")
    _print_errors(report.errors if report else ())
    _print_lines(lines)


def _job_facts(job: WorkflowJob, report: LogReport | None) -> list[tuple[str, str]]:
    from argos.console.progress import clock

    step = job.failing_step
    code = "" if report is None or report.exit_code is None else f" (exit code {report.exit_code})"
    return [
        ("job", f"{job.job_id}: {job.name}"),
        ("run", f"{job.run_id}, attempt {job.run_attempt}"),
        ("conclusion", (job.conclusion or job.status or "-") + code),
        ("failing", "-" if step is None else f"step {step.number}: {step.name}"),
        ("ran on", " ".join(filter(None, (job.runner_os, job.python_version))) or "-"),
        ("took", "-" if job.duration_s is None else clock(job.duration_s)),
        ("link", job.url or "-"),
    ]


def _telling_lines(connection: Connection, place: CIPlace, job: WorkflowJob, limit: int) -> list[LogLine]:
    """The lines that the last green logs of the same job do not have; none without a log on disk."""
    from argos.model.ci import RED
    from argos.scout.log_lines import differing_lines
    from argos.store import ci_past

    if job.conclusion not in RED and job.conclusion != "cancelled":
        return []
    with ExitStack() as files:
        red = _log(place, job, files)
        if red is None:
            return []
        greens = []
        for green in ci_past.green_jobs_like(connection, job, limit=GREEN_LOGS):
            log = _log(place, green, files)
            if log is not None:
                greens.append(log)
        return differing_lines(red, greens, limit)


def _log(place: CIPlace, job: WorkflowJob, files: ExitStack) -> Iterator[str] | None:
    stream = place.log_files.open(job.run_id, job.run_attempt, job.job_id)
    if stream is None:
        return None
    return files.enter_context(TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="\n"))


# Both


def _failing(connection: Connection, job: WorkflowJob) -> list[TestResult]:
    """The last attempt of each test that failed in a job."""
    from argos.store import ci

    last = {result.entity: result for result in ci.recorded_results(connection, job.job_id)}
    return [result for result in last.values() if result.outcome.failing]


def _test_document(result: TestResult) -> dict[str, Any]:
    return {
        "entity": result.entity,
        "outcome": result.outcome.value,
        "message": result.message,
        "traceback": result.traceback,
        "duration_s": result.duration_s,
    }


def _print_facts(facts: Sequence[tuple[str, str]]) -> None:
    from argos.console.tables import one_line

    for title, value in facts:
        click.echo(f"{title:<11}{one_line(value)}")


def _print_failure(result: TestResult) -> None:
    from argos.console.tables import one_line

    click.echo(click.style(f"\n{result.outcome.value.upper()} {one_line(result.entity)}", fg="red"))
    _print_message(result.traceback or result.message)


def _print_message(text: str | None) -> None:
    """The end of a traceback or message, which is where the error stands."""
    from argos.console.tables import one_line

    lines = (text or "").splitlines()
    if len(lines) > MESSAGE_LINES:
        click.echo(f"  … {len(lines) - MESSAGE_LINES} lines before")
    for line in lines[-MESSAGE_LINES:]:
        click.echo(f"  {one_line(line)}")


def _print_errors(errors: Sequence[LoggedError]) -> None:
    from argos.console.tables import one_line

    if errors:
        click.echo("\nerrors")
    for error in errors[:SHOWN_FAILURES]:
        line = "" if error.line is None else f"line {error.line}: "
        click.echo(f"  {one_line(line + error.message)}")


def _print_lines(lines: Sequence[LogLine]) -> None:
    from argos.console.tables import one_line

    if lines:
        click.echo("\nlines that matter")
    before: int | None = None
    for line in lines:
        if before is not None and line.number > before + 1:
            click.echo("  …")
        text = f"  {line.number:>6}  {one_line(line.text)}"
        click.echo(click.style(text, bold=True) if line.score else text)
        before = line.number
