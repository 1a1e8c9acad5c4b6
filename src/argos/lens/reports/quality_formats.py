"""The quality report and its parts as JSON, Markdown and HTML, and as GitHub's annotations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from argos.lens.reports import text
from argos.lens.reports.markdown import block, code
from argos.lens.reports.quality import FileRow, QualityReport, sentence
from argos.model.quality import SEVERITIES, ScanSummary, Sighting
from argos.stats.quality import Hotspot, QualityRegression

VERSION = 1
ANNOTATIONS = 50
"""GitHub shows so many for a job; what comes after them is dropped without a word."""

SUMMARY_CHARACTERS = 65_535
ROWS = 20
_WORDS = {"ERROR": "error", "WARNING": "warning", "INFO": "notice"}


# JSON


def render_json(report: QualityReport) -> str:
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(report: QualityReport) -> dict[str, Any]:
    return {
        "report": "quality",
        "version": VERSION,
        "sentence": sentence(report),
        "project": report.project,
        "space": report.space,
        "window": report.window,
        "generated_at": report.generated_at.isoformat(),
        "command": report.command,
        "totals": {
            "violations": report.total,
            "by_severity": {severity: report.by_severity.get(severity, 0) for severity in SEVERITIES},
            "files": report.scanned,
            "lines": report.lines,
            "score": rounded(report.score),
            "recent_score": rounded(report.recent_score),
            "worst_score": rounded(report.worst_score),
        },
        "tools": [
            {
                "tool": row.tool,
                "violations": row.total,
                "score": rounded(row.score),
                "newest": scan(row.newest),
            }
            for row in report.tools
        ],
        "scans": [scan(each) for each in report.scans],
        "files": [file_document(row) for row in report.files],
        "codes": [{"tool": tool, "code": name, "violations": number} for tool, name, number in report.codes],
        "new": [violation(each) for each in report.new],
    }


def rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 2)


def scan(each: ScanSummary) -> dict[str, Any]:
    return {
        "execution_id": each.execution_id,
        "tool": each.tool,
        "rule": each.rule,
        "at": each.at.isoformat(),
        "status": each.status.value,
        "files": each.files,
        "lines": each.lines,
        "violations": each.total,
        "by_severity": dict(each.by_severity),
        "by_code": dict(each.by_code),
        "new": each.new,
        "fixed": each.fixed,
        "commit": each.commit,
        "branch": each.branch,
    }


def file_document(row: FileRow) -> dict[str, Any]:
    return {
        **hotspot(row.spot),
        "trend": row.trend.direction.value,
        "trend_points": list(row.trend.points),
        "trend_sentence": row.trend.sentence,
    }


def hotspot(spot: Hotspot) -> dict[str, Any]:
    return {
        "file": spot.path,
        "violations": spot.violations,
        "points": spot.points,
        "lines": spot.lines,
        "score": rounded(spot.score),
        "commits": spot.commits,
        "by_code": dict(spot.by_code),
    }


def violation(each: Sighting) -> dict[str, Any]:
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


def regression(each: QualityRegression) -> dict[str, Any]:
    return {
        "file": each.path,
        "before": each.before,
        "after": each.after,
        "violation": None if each.violation is None else violation(each.violation),
    }


# Markdown


def render_markdown(report: QualityReport) -> str:
    """The worst 20 files and codes, and what is new. Lines end with `\\n`."""
    parts = [f"# {sentence(report)}", _about(report)]
    if not report.scans:
        parts.append("This command runs a linter by rule and records what it finds:")
        parts.append(block(f"anvil execute --rule NAME --space {text.quoted(report.space)}"))
        return _joined(parts)
    parts += _crashes(report)
    parts += [
        "## Tools",
        table(("Tool", "Violations", "Score", "New", "Fixed", "Newest scan"), _tools(report)),
    ]
    if report.new:
        parts += [f"## New in the newest scans ({count_of(report.new)})", violations_table(report.new)]
    if report.files:
        parts += ["## Worst files", table(("File", "Violations", "Points", "Score", "Trend"), _files(report))]
        codes = [(code(name), code(tool), text.count(number)) for tool, name, number in report.codes[:ROWS]]
        parts += ["## Codes", table(("Code", "Tool", "Violations"), codes)]
    parts.append(_scores(report))
    return _joined(parts)


def _about(report: QualityReport) -> str:
    named = [f"Project {code(report.project)}"] if report.project else []
    written = f"written {text.moment(report.generated_at)}"
    return ", ".join([*named, f"space {code(report.space)}", written]) + "."


def _crashes(report: QualityReport) -> list[str]:
    return [
        f"**{code(each.tool)} crashed** in its newest scan {code(each.execution_id)}; what stands is older."
        for each in report.crashed
    ]


def _tools(report: QualityReport) -> list[tuple[str, ...]]:
    return [
        (
            code(row.tool),
            text.count(row.total),
            score_words(row.score),
            text.count(row.newest.new),
            text.count(row.newest.fixed),
            text.moment(row.newest.at),
        )
        for row in report.tools
    ]


def _files(report: QualityReport) -> list[tuple[str, ...]]:
    return [
        (
            code(row.spot.path),
            text.count(row.spot.violations),
            text.count(row.spot.points),
            score_words(row.spot.score),
            row.trend.direction.value,
        )
        for row in report.files[:ROWS]
    ]


def _scores(report: QualityReport) -> str:
    return (
        "Score = 100 / (1 + d / 20), d = points per 100 lines; an error is 5 points, a warning 2, "
        "a remark 1. "
        f"Files changed in the last 30 days: {score_words(report.recent_score)}; "
        f"worst tenth of the files: {score_words(report.worst_score)}."
    )


def score_words(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"


def violations_table(found: Sequence[Sighting], rows: int = ROWS) -> str:
    """The first violations as a table, and how many were left out."""
    shown = [
        (code(place(each)), code(each.code), each.severity.lower(), code(each.message[:200]))
        for each in found[:rows]
    ]
    left = f"\n\n{text.count(len(found) - rows)} more are left out." if len(found) > rows else ""
    return table(("Where", "Code", "Severity", "Message"), shown) + left


def place(each: Sighting) -> str:
    return ":".join(str(part) for part in (each.path, each.line, each.column) if part is not None)


def count_of(found: Sequence[object]) -> str:
    return text.count(len(found))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


# GitHub


@dataclass(frozen=True, slots=True)
class GitHubOutput:
    """`commands` are the annotations for the log, `summary` is Markdown for the job's summary page."""

    commands: str
    summary: str


def github(found: Sequence[Sighting], head: str, advice: str) -> GitHubOutput:
    """Annotations and a summary within GitHub's limits; both say what they left out.

    The errors come first, so that they are what is shown of many.
    """
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    ranked = sorted(found, key=lambda each: order.get(each.severity, len(order)))
    room = ANNOTATIONS if len(ranked) <= ANNOTATIONS else ANNOTATIONS - 1
    lines = [_annotation(each) for each in ranked[:room]]
    if len(ranked) > room:
        left = len(ranked) - room
        more = f"{left} more violations have no annotation; the summary and --format json list them."
        lines.append(f"::notice title=Left out::{_escaped(more)}")
    return GitHubOutput("".join(f"{line}\n" for line in lines), summary(ranked, head, advice))


def _annotation(each: Sighting) -> str:
    properties = [f"file={_property(each.path)}"] if each.path else []
    properties += [f"line={each.line}"] if each.line is not None else []
    properties += [f"col={each.column}"] if each.column is not None else []
    properties.append(f"title={_property(f'{each.tool} {each.code}')}")
    word = _WORDS.get(each.severity, "warning")
    return f"::{word} {','.join(properties)}::{_escaped(text.visible(each.message))}"


def _escaped(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _escaped(text.visible(words)).replace(":", "%3A").replace(",", "%2C")


def summary(found: Sequence[Sighting], head: str, advice: str) -> str:
    """A Markdown page of at most 65,535 bytes in UTF-8, which are never more characters than that."""
    rows = len(found)
    while True:
        parts = [f"## {head}"]
        if found:
            parts.append(violations_table(found, rows))
        page = _joined([*parts, advice] if advice else parts)
        if len(page.encode("utf-8", "replace")) <= SUMMARY_CHARACTERS or not rows:
            return page
        rows = rows * 3 // 4
