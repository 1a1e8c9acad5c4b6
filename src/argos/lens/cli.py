"""The `lens` command."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argos import __version__
from argos.console import edge
from argos.errors import ArgosError
from argos.lens.commands import quality
from argos.workplace import Workplace

if TYPE_CHECKING:
    from argos.lens.reports.tests import TestsReport

FORMATS = ("html", "md", "json")
DEFAULT_OUTPUT = Path(".argos", "reports", "tests.html")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lens", message="%(prog)s %(version)s")
def lens() -> None:
    """Reports on what anvil remembers.

    Example:  lens report tests --window 30 --output tests.html
    """


@lens.group(short_help="Write a report as one file.")
def report() -> None:
    """Write a report as one file.

    \b
    Example:
      lens report tests --window 30 --output tests.html
    """


@report.command("tests", short_help="Broken, flaky and slow tests; what rules saved.")
@click.option("--space", default="local", show_default=True, help="Whose results: those of this space.")
@click.option(
    "--window",
    type=click.IntRange(1, 100),
    default=30,
    show_default=True,
    help="The newest results of each test, and the newest executions, that are looked at.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="html, md or json; without it, what the output's name ends with, else html.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to write; - is standard output. Without it html goes to .argos/reports/tests.html, "
    "md and json to standard output.",
)
@edge.common_options
def tests(
    space: str, window: int, form: str | None, output: Path | None, project: Path | None, as_json: bool
) -> None:
    """Which tests are broken, flaky or slow, and what each rule saved.

    Example:  lens report tests --space local --window 30 --format html --output tests.html
    """
    form = chosen_format(form, output, as_json)
    root, text = _tests_report(project, space, window, form)
    if output is None and form == "html":
        output = root / DEFAULT_OUTPUT
    if output is None or str(output) == "-":
        click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
        return
    write(output, text)
    click.echo(f"Report written to {output}", err=True)


def chosen_format(form: str | None, output: Path | None, as_json: bool) -> str:
    """The format that the options ask for. Raises `ArgosError` if they contradict one another."""
    if as_json:
        if form not in (None, "json"):
            raise ArgosError(
                f"--json and --format {form} contradict each other.", next_step="Give one of them."
            )
        return "json"
    if form is not None:
        return form
    ending = output.suffix.lstrip(".").lower() if output else ""
    return {"md": "md", "markdown": "md", "json": "json"}.get(ending, "html")


def write(path: Path, text: str) -> None:
    """Writes the file whole or not at all, in a folder that is made if need be.

    Raises `ArgosError` where that is not possible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:40]}-", dir=path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _not_written(path, error) from error


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _not_written(path: Path, error: OSError) -> ArgosError:
    return ArgosError(
        f"The report could not be written: {error.strerror or error}.",
        where=str(path),
        next_step="Name a file in a folder that can be written with --output.",
    )


def _tests_report(project: Path | None, space: str, window: int, form: str) -> tuple[Path, str]:
    """The project's root and the finished text."""
    from argos.lens.reports.tests import collect

    place = Workplace(project)
    with place.database.read() as connection:
        report = collect(
            connection,
            space=space,
            window=window,
            now=datetime.now(UTC),
            project=place.project.name,
            command=f"lens report tests --space {shlex.quote(space)} --window {window}",
        )
    return place.project.root, _renderer(form)(report)


def _renderer(form: str) -> Callable[[TestsReport], str]:
    if form == "json":
        from argos.lens.reports import json

        return json.render
    if form == "md":
        from argos.lens.reports import markdown

        return markdown.render
    from argos.lens.reports import html

    return html.render


@lens.group(short_help="Ask a question, and fail where its gate is not met.")
def analyze() -> None:
    """Ask a question of what is recorded, and fail where its gate is not met.

    \b
    Example:
      lens analyze quality --criteria regressions
    """


report.add_command(quality.report_quality)
analyze.add_command(quality.analyze_quality)
edge.completion_command(lens, "lens")


def main() -> None:
    edge.main(lens, "lens")
