"""`lens analyze quality` and `lens report quality`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.errors import ArgosError
from argos.workplace import Workplace

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.model.quality import Sighting
    from argos.store.quality import Known

CRITERIA = ("regressions", "hotspots", "score")
FORMATS = ("table", "json", "md", "github")
TOUCHED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What an analysis says: `met` is whether the gate is met, `advice` what to do if it is not.

    `heads` and `rows` are the table, `violations` what GitHub's annotations are made of.
    """

    sentence: str
    document: dict[str, Any]
    met: bool = True
    advice: str = ""
    heads: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = field(default_factory=tuple)
    violations: Sequence[Sighting] = field(default_factory=tuple)


@click.command("quality", short_help="Regressions, hotspots and the score of code quality.")
@click.option("--criteria", type=click.Choice(CRITERIA), default="regressions", show_default=True)
@click.option("--space", default="local", show_default=True, help="Whose scans: those of this space.")
@click.option("--tool", help="Only this linter's scans; without it each linter's own.")
@click.option("--current", metavar="ID", help="regressions: the scan to look at; else each tool's newest.")
@click.option("--baseline", metavar="ID", help="regressions: the scan to compare with; else the one before.")
@click.option(
    "--min-violations",
    type=click.IntRange(1),
    help="hotspots: files with at least so many; given, it is a gate. [default: 1]",
)
@click.option("--min-score", type=click.FloatRange(0, 100), help="score: the lowest score that is fine.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: table]")
@edge.common_options
def analyze_quality(
    criteria: str,
    space: str,
    tool: str | None,
    current: str | None,
    baseline: str | None,
    min_violations: int | None,
    min_score: float | None,
    form: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Ask what the linters' scans say, and fail where a gate is not met.

    regressions: what the newest scan of each tool found that was not there before. hotspots: the files
    with the most violations, those changed in the last 30 days first. score: 0 to 100, by density and
    severity.

    \b
    Example:
      lens analyze quality --criteria regressions --format table
      lens analyze quality --criteria hotspots --min-violations 20 --format json
      lens analyze quality --criteria score --min-score 80

    Exit code: 0 the gate is met, 1 it is not, 2 refused.
    """
    if as_json and form not in (None, "json"):
        raise ArgosError(f"--json and --format {form} contradict each other.", next_step="Give one of them.")
    place = Workplace(project)
    with place.database.read() as connection:
        if criteria == "regressions":
            answer = _regressions(connection, space, tool, current, baseline)
        elif criteria == "hotspots":
            answer = _hotspots(connection, place.project.root, space, tool, min_violations)
        else:
            answer = _score(connection, place.project.root, space, tool, min_score)
    with edge.readers_may_leave():
        _print(answer, "json" if as_json else form or "table")
    raise SystemExit(0 if answer.met else edge.GATE_NOT_MET)


# The three questions


def _regressions(
    connection: Connection, space: str, tool: str | None, current: str | None, baseline: str | None
) -> Answer:
    from argos.lens.reports import quality_formats as formats
    from argos.lens.reports.text import count
    from argos.store import quality_compare

    pairs = _pairs(connection, space, tool, current, baseline)
    found = [each for now, before in pairs for each in quality_compare.regressions(connection, now, before)]
    new = [each.violation for each in found if each.violation is not None]
    grown = [each for each in found if each.violation is None]
    compared = [{"current": now, "baseline": before} for now, before in pairs]
    files = f"; {count(len(grown), 'file')} with more than before" if grown else ""
    sentence = (
        f"{count(len(new), 'new violation')}{files}"
        if pairs
        else "Nothing to compare: a tool needs two scans"
    )
    return Answer(
        sentence,
        {
            "criteria": "regressions",
            "compared": compared,
            "regressions": [formats.regression(e) for e in found],
        },
        met=not found,
        advice="Fix the new violations and scan again; what stays counts as known from the next scan on",
        heads=("Where", "Code", "Severity", "Message"),
        rows=[
            *((formats.place(each), each.code, each.severity.lower(), each.message) for each in new),
            *((each.path, "", "", f"{each.before} before, {each.after} now") for each in grown),
        ],
        violations=new,
    )


def _pairs(
    connection: Connection, space: str, tool: str | None, current: str | None, baseline: str | None
) -> list[tuple[str, str]]:
    from argos.lens.reports.quality import newest_pairs
    from argos.store import executions, quality

    if baseline is not None and current is None:
        raise ArgosError(
            "--baseline alone does not say what to compare with it.",
            next_step="Name the scan with --current.",
        )
    scans = quality.summaries(connection, space=space, tool=tool, limit=10_000)
    if current is None:
        return [(now.execution_id, before.execution_id) for now, before in newest_pairs(scans)]
    now = executions.find(connection, current).execution_id
    if baseline is not None:
        return [(now, executions.find(connection, baseline).execution_id)]
    own = next(
        (scan for scan in quality.summaries(connection, limit=100_000) if scan.execution_id == now), None
    )
    if own is None:
        raise ArgosError(f"{now} is no scan of a linter.", next_step="Name the execution of a lint rule.")
    older = quality.summaries(connection, space=own.space, tool=own.tool, limit=100_000)
    later = [scan.execution_id for scan in older if scan.status.value == "complete"]
    at = later.index(now) if now in later else len(later)
    return [(now, later[at + 1])] if at + 1 < len(later) else []


def _hotspots(connection: Connection, root: Path, space: str, tool: str | None, least: int | None) -> Answer:
    from argos import git
    from argos.lens.reports import quality_formats as formats
    from argos.lens.reports.text import count
    from argos.stats import quality as figures
    from argos.store import quality

    standing = [each.sighting for each in quality.standing(connection, space, tool)]
    commits = git.commits_by_file(root, TOUCHED_DAYS)
    spots = figures.hotspots(standing, quality.lines_of(connection), least=least or 1, commits=commits)
    return Answer(
        f"{count(len(spots), 'file')} with at least {count(least or 1, 'violation')}",
        {
            "criteria": "hotspots",
            "min_violations": least or 1,
            "hotspots": [formats.hotspot(s) for s in spots],
        },
        met=least is None or not spots,
        advice="Begin with the files at the top: they are changed most and have the most violations",
        heads=("File", "Violations", "Points", "Score", "Commits in 30 days", "Most frequent"),
        rows=[
            (
                spot.path,
                str(spot.violations),
                str(spot.points),
                formats.score_words(spot.score),
                str(spot.commits or 0),
                ", ".join(f"{code} {number}" for code, number in list(spot.by_code.items())[:3]),
            )
            for spot in spots
        ],
        violations=[_file_as_violation(spot) for spot in spots],
    )


def _file_as_violation(spot: Any) -> Sighting:
    from argos.model.quality import WARNING, Sighting

    return Sighting(spot.path, "lens", "hotspot", f"{spot.violations} violations in this file", WARNING, 1)


def _score(connection: Connection, root: Path, space: str, tool: str | None, least: float | None) -> Answer:
    from argos import git
    from argos.lens.reports import quality_formats as formats
    from argos.lens.reports.quality import score_of
    from argos.stats import quality as figures
    from argos.store import quality

    standing = [each.sighting for each in quality.standing(connection, space, tool)]
    scanned = quality.file_scans(connection, space=space, window=1)
    lines = {path: number for path, number in quality.lines_of(connection).items() if path in scanned}
    touched = {path for path in git.commits_by_file(root, TOUCHED_DAYS) if path in lines}
    spots = figures.hotspots(standing, lines)
    worst = {spot.path for spot in spots[: max(len(lines) // 10, 1)]}
    scores = {
        "score": score_of(standing, lines),
        "recent_score": score_of(standing, lines, touched) if touched else None,
        "worst_score": score_of(standing, lines, worst) if worst else None,
    }
    whole = scores["score"]
    met = least is None or (whole is not None and whole >= least)
    counts = figures.severities(standing)
    words = "unknown: no scan with source at hand is recorded" if whole is None else f"{whole:.1f} of 100"
    return Answer(
        f"Score {words}" + ("" if least is None else f", at least {least:g} is asked for"),
        {
            "criteria": "score",
            **{name: formats.rounded(value) for name, value in scores.items()},
            "min_score": least,
            "violations": dict(counts),
            "lines": sum(lines.values()),
            "files": len(lines),
        },
        met=met,
        advice="See where it pays to begin: lens analyze quality --criteria hotspots",
        heads=("Of", "Score"),
        rows=[
            ("all scanned files", formats.score_words(whole)),
            (f"files changed in {TOUCHED_DAYS} days", formats.score_words(scores["recent_score"])),
            ("the worst tenth of the files", formats.score_words(scores["worst_score"])),
        ],
    )


# How they are printed


def _print(answer: Answer, form: str) -> None:
    from argos.lens.reports import quality_formats as formats
    from argos.lens.reports.markdown import code

    advice = "" if answer.met else f"{answer.advice}."
    if form == "json":
        edge.print_json({**answer.document, "sentence": answer.sentence, "met": answer.met})
    elif form == "github":
        _print_github(answer, advice)
    elif form == "md":
        parts = [f"## {answer.sentence}"]
        if answer.rows:
            parts.append(formats.table(answer.heads, [tuple(map(code, row)) for row in answer.rows]))
        click.echo("\n\n".join([*parts, *([advice] if advice else [])]))
    else:
        _print_table(answer, advice)


def _print_table(answer: Answer, advice: str) -> None:
    from argos.console.tables import Column, print_table

    if answer.rows:
        last = len(answer.heads) - 1
        columns = [Column(head, flexible=place in (0, last)) for place, head in enumerate(answer.heads)]
        print_table(columns, answer.rows)
    click.echo(answer.sentence)
    if advice:
        click.echo(advice)


def _print_github(answer: Answer, advice: str) -> None:
    """Annotations on standard output; the summary in the file that GitHub names, else after them."""
    from argos.lens.reports import quality_formats as formats

    output = formats.github(answer.violations, answer.sentence, advice)
    click.echo(output.commands, nl=False)
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        click.echo(output.summary, nl=False)
        return
    try:
        with Path(file).open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(output.summary)
    except OSError as error:
        raise ArgosError(f"The job's summary cannot be written: {error.strerror}.", where=file) from error


@click.command("quality", short_help="Violations over time, worst files, the score.")
@click.option("--space", default="local", show_default=True, help="Whose scans: those of this space.")
@click.option(
    "--window",
    type=click.IntRange(1, 1000),
    default=30,
    show_default=True,
    help="The newest scans, of the space and of each file, that are looked at.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("html", "md", "json", "sarif")),
    help="html, md, json or sarif; without it, what the output's name ends with, else html.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to write; - is standard output. Without it html goes to .argos/reports/quality.html, "
    "the others to standard output.",
)
@edge.common_options
def report_quality(
    space: str, window: int, form: str | None, output: Path | None, project: Path | None, as_json: bool
) -> None:
    """Violations over time, what is new, the worst files and codes, and the score.

    Example:  lens report quality --space local --window 30 --format html --output quality.html
    """
    from argos import git
    from argos.lens.cli import chosen_format, write
    from argos.lens.reports.quality import collect
    from argos.store import quality

    if form is None and output is not None and output.suffix.lower() == ".sarif":
        form = "sarif"
    form = chosen_format(form, output, as_json)
    place = Workplace(project)
    with place.database.read() as connection:
        report = collect(
            connection,
            space=space,
            window=window,
            now=datetime.now(UTC),
            project=place.project.name,
            command=f"lens report quality --space {shlex.quote(space)} --window {window}",
            commits=git.commits_by_file(place.project.root, TOUCHED_DAYS),
        )
        standing = quality.standing(connection, space) if form == "sarif" else []
    text = _sarif(standing) if form == "sarif" else _renderer(form)(report)
    if output is None and form == "html":
        output = place.project.root / ".argos" / "reports" / "quality.html"
    if output is None or str(output) == "-":
        click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
        return
    write(output, text)
    click.echo(f"Report written to {output}", err=True)


def _sarif(standing: Sequence[Known]) -> str:
    from argos.lens.reports import quality_sarif

    return quality_sarif.render([each.sighting for each in standing])


def _renderer(form: str) -> Callable[[Any], str]:
    if form == "html":
        from argos.lens.reports import quality_html

        return quality_html.render
    from argos.lens.reports import quality_formats

    return quality_formats.render_json if form == "json" else quality_formats.render_markdown
