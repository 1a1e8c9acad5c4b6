"""`scout ci parse`: what job logs say, without a network and without a database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from argos.console import edge

if TYPE_CHECKING:
    from argos.model.ci import LogReport, TestSession

SHOWN_FAILURES = 20
SHOWN_FINDINGS = 10


@click.command(short_help="Read job logs: sessions, failing tests, findings.")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@edge.json_option
def parse(logs: tuple[Path, ...], as_json: bool) -> None:
    """Read job logs and say what they hold: test sessions, failing tests, coverage, findings, errors.

    LOG is a job's log as GitHub, `gh run view --log` or a browser saved it, compressed with gzip or not;
    - is standard input. Several logs with --json give one document each, in a list.

    \b
    Example:
      scout ci parse job.log
      gh run view 12345 --log-failed | scout ci parse - --json
    """
    from argos.scout.parsers.ci_log_parser import CILogParser, document

    reports = [(path, _parsed(CILogParser(), path)) for path in logs]
    if as_json:
        documents = [document(report) for _, report in reports]
        edge.print_json(documents[0] if len(documents) == 1 else documents)
        return
    for path, report in reports:
        if len(reports) > 1:
            click.echo(f"== {path}")
        print_report(report)


def _parsed(parser: object, path: Path) -> LogReport:
    from argos.errors import ArgosError
    from argos.scout.parsers.ci_log_parser import CILogParser

    assert isinstance(parser, CILogParser)
    if str(path) == "-":
        return parser.parse(sys.stdin.buffer)
    try:
        with opened(path) as stream:
            return parser.parse(stream)
    except (OSError, EOFError) as error:
        raise ArgosError(
            f"The log cannot be read: {getattr(error, 'strerror', None) or error}.",
            where=str(path),
            next_step="Give the path of a job's log.",
        ) from error


def opened(path: Path) -> BinaryIO:
    """The log's bytes, uncompressed if need be. Raises `OSError`; `ArgosError` for what is no log."""
    import gzip

    from argos.errors import ArgosError
    from argos.scout.parsers.reports import HEAD_BYTES, ReportKind, identify

    stream = path.open("rb")
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if not head.startswith(b"\x1f\x8b"):
        kind = identify(head, path.name)
        if kind not in (ReportKind.GITHUB_LOG, ReportKind.OTHER):
            stream.close()
            raise ArgosError(
                f"This is no log of a job but a file of the kind {kind.value}.",
                where=str(path),
                next_step="Take it in with: scout ci import",
            )
        return stream
    stream.close()
    return gzip.open(path, "rb")  # type: ignore[return-value]


def print_report(report: LogReport) -> None:
    """Prints what a log says, the failing tests last of each session."""
    from argos.console.progress import plural
    from argos.console.tables import one_line

    where = " ".join(filter(None, (report.os, report.os_version)))
    click.echo(f"{plural(report.lines, 'line')}{', ' + one_line(where) if where else ''}")
    for session in report.sessions:
        _print_session(session)
    if not report.sessions:
        click.echo("no test session")
    if report.coverage_total is not None:
        click.echo(f"coverage {report.coverage_total:g}%")
    for violation in report.lint[:SHOWN_FINDINGS]:
        place = ":".join(str(part) for part in (violation.path, violation.line, violation.column) if part)
        click.echo(one_line(f"{violation.tool}  {place}  {violation.code} {violation.message}"))
    if len(report.lint) > SHOWN_FINDINGS:
        click.echo(f"and {plural(len(report.lint) - SHOWN_FINDINGS, 'more finding')}; --json lists all")
    for error in report.errors:
        line = "" if error.line is None else f"line {error.line}: "
        click.echo(click.style(one_line(f"{line}{error.message}"), fg="red"))
    if report.truncated:
        click.echo("the log ends before the job did")


def _count(word: str, number: int) -> str:
    """A count as pytest words it: `1 error`, `2 subtests passed`."""
    if number == 1 and word in ("errors", "warnings"):
        word = word[:-1]
    return f"{number} {word.replace('_', ' ')}"


def _print_session(session: TestSession) -> None:
    from argos.console.progress import clock, plural
    from argos.console.tables import one_line

    versions = [
        session.platform,
        f"Python {session.python}" if session.python else None,
        f"pytest {session.pytest}" if session.pytest else None,
    ]
    nothing = "no tests ran" if session.complete else "no summary"
    words = ", ".join(_count(word, number) for word, number in session.counts.items()) or nothing
    took = "" if session.duration_s is None else f" in {clock(session.duration_s)}"
    name = f"{session.environment}: " if session.environment else ""
    click.echo(one_line(f"{name}{', '.join(filter(None, versions)) or 'session'}: {words}{took}"))
    if not session.complete:
        click.echo("  the session did not come to its summary: its totals are not known")
    elif session.consistent is False:
        click.echo("  the tests that the log names do not add up to its summary")
    for test in session.failures[:SHOWN_FAILURES]:
        message = (test.message or "").partition("\n")[0]
        click.echo(
            click.style(one_line(f"  {test.outcome.upper()} {test.nodeid}"), fg="red")
            + (f"  {one_line(message)}" if message else "")
        )
    if len(session.failures) > SHOWN_FAILURES:
        click.echo(f"  and {plural(len(session.failures) - SHOWN_FAILURES, 'more failing test')}")
