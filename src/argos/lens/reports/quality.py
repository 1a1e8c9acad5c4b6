"""The quality report as a value: what stands, how it came about, where it is worst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from argos.lens.reports.text import count
from argos.model.quality import SEVERITIES, ScanStatus, ScanSummary, Sighting
from argos.stats import quality as figures

if TYPE_CHECKING:
    from sqlalchemy import Connection

LISTED = 50
"""Files, codes and violations in each of the lists that a report shows in full."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file with what stands in it, and where that goes over its newest scans."""

    spot: figures.Hotspot
    trend: figures.Trend


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One tool: what stands of it by severity, its score, and its newest scan."""

    tool: str
    by_severity: Mapping[str, int]
    score: float | None
    newest: ScanSummary

    @property
    def total(self) -> int:
        return sum(self.by_severity.values())


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything that a quality report shows.

    `scans` are the newest `window` of the space, oldest first. `files` are those with violations, the
    worst first. `new` is what the newest scan of each tool found and the one before it did not.
    `recent_score` is that of the files that were changed in the last 30 days, None if there are none.
    """

    space: str
    window: int
    generated_at: datetime
    project: str = ""
    command: str = ""
    scans: tuple[ScanSummary, ...] = ()
    tools: tuple[ToolRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    codes: tuple[tuple[str, str, int], ...] = ()
    new: tuple[Sighting, ...] = ()
    by_severity: Mapping[str, int] = field(default_factory=dict)
    lines: int = 0
    scanned: int = 0
    score: float | None = None
    recent_score: float | None = None
    worst_score: float | None = None

    @property
    def total(self) -> int:
        return sum(self.by_severity.values())

    @property
    def crashed(self) -> tuple[ScanSummary, ...]:
        return tuple(row.newest for row in self.tools if row.newest.status is ScanStatus.CRASHED)


def collect(
    connection: Connection,
    *,
    space: str,
    window: int,
    now: datetime,
    project: str = "",
    command: str = "",
    commits: Mapping[str, int] | None = None,
) -> QualityReport:
    """Reads the report of a space. `commits` is how often each file was changed lately, if that is known."""
    from argos.store import quality

    scans = quality.summaries(connection, space=space, limit=max(window, 1) * 10)
    standing = [each.sighting for each in quality.standing(connection, space)]
    history = quality.file_scans(connection, space=space, window=window)
    lines = {path: number for path, number in quality.lines_of(connection).items() if path in history}
    spots = figures.hotspots(standing, lines)
    trends = {
        path: figures.trend([figures.points(scan.by_severity) for scan in history[path]])
        for path in (spot.path for spot in spots)
        if path in history
    }
    codes = Counter((each.tool, each.code) for each in standing)
    touched = {path for path, number in (commits or {}).items() if number and path in history}
    worst = {spot.path for spot in spots[: max(len(history) // 10, 1)]}
    return QualityReport(
        space=space,
        window=window,
        generated_at=now,
        project=project,
        command=command,
        scans=tuple(scans[:window][::-1]),
        tools=tuple(_tools(scans, standing, lines)),
        files=tuple(FileRow(spot, trends.get(spot.path, figures.trend([]))) for spot in spots),
        codes=tuple((tool, code, number) for (tool, code), number in codes.most_common()),
        new=tuple(_new(connection, scans)),
        by_severity=figures.severities(standing),
        lines=sum(lines.values()),
        scanned=len(history),
        score=score_of(standing, lines) if history else None,
        recent_score=score_of(standing, lines, touched) if touched else None,
        worst_score=score_of(standing, lines, worst) if spots else None,
    )


def score_of(
    standing: Sequence[Sighting], lines: Mapping[str, int], files: set[str] | None = None
) -> float | None:
    """The score of some files, or of all; None where no line of them is known."""
    known = {path: number for path, number in lines.items() if files is None or path in files}
    total = sum(known.values())
    if not total:
        return None
    return figures.score(figures.severities(each for each in standing if each.path in known), total)


def _tools(
    scans: Sequence[ScanSummary], standing: Sequence[Sighting], lines: Mapping[str, int]
) -> list[ToolRow]:
    newest: dict[str, ScanSummary] = {}
    for scan in scans:
        newest.setdefault(scan.tool, scan)
    rows = []
    for tool, scan in sorted(newest.items()):
        mine = [each for each in standing if each.tool == tool]
        rows.append(ToolRow(tool, figures.severities(mine), score_of(mine, lines), scan))
    return rows


def _new(connection: Connection, scans: Sequence[ScanSummary]) -> list[Sighting]:
    from argos.store import quality_compare

    found: list[Sighting] = []
    for current, before in newest_pairs(scans):
        regressions = quality_compare.regressions(connection, current.execution_id, before.execution_id)
        found += [each.violation for each in regressions if each.violation is not None]
    return found


def newest_pairs(
    scans: Sequence[ScanSummary], tool: str | None = None
) -> list[tuple[ScanSummary, ScanSummary]]:
    """For each tool its newest scan and the one before it, of scans newest first.

    Those that crashed and those that looked at no file say nothing.
    """
    by_tool: dict[str, list[ScanSummary]] = {}
    for scan in scans:
        if scan.status is ScanStatus.COMPLETE and scan.files and tool in (None, scan.tool):
            by_tool.setdefault(scan.tool, []).append(scan)
    return [(found[0], found[1]) for _, found in sorted(by_tool.items()) if len(found) > 1]


def sentence(report: QualityReport) -> str:
    """The report in one sentence."""
    if not report.scans:
        return "No scan has been recorded yet"
    score = "" if report.score is None else f", score {report.score:.1f} of 100"
    names = zip(SEVERITIES, ("error", "warning", "remark"), strict=True)
    worst = [
        count(number, name) for severity, name in names if (number := report.by_severity.get(severity, 0))
    ]
    parts = f" ({', '.join(worst)})" if worst else ""
    return f"{count(report.total, 'violation')}{parts} in {count(report.scanned, 'scanned file')}{score}"
