"""The quality report as one HTML file without a script, which needs no network and no other file."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from argos import __version__
from argos.lens.reports import text
from argos.lens.reports.html import TEMPLATES
from argos.lens.reports.quality import LISTED, QualityReport, sentence
from argos.lens.reports.quality_formats import place, score_words
from argos.model.quality import SEVERITIES

POLICY = "default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'"
WIDTH, HEIGHT, FEWEST = 960, 120, 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One severity of one scan in the chart; `words` is what hovering shows."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    words: str


def render(report: QualityReport) -> str:
    """The whole page. Lines end with `\\n`; write it as UTF-8 without changing them."""
    style = (TEMPLATES / "quality.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(
        visible=text.visible, count=text.count, moment=text.moment, score=score_words, place=place
    )
    return environment.get_template("quality.html").render(
        report=report,
        title=sentence(report),
        bars=bars(report),
        width=WIDTH,
        height=HEIGHT,
        largest=max((scan.total for scan in report.scans), default=0),
        listed=LISTED,
        severities=SEVERITIES,
        policy=POLICY.format(style=f"'sha256-{digest}'"),
        style=Markup(style),  # noqa: S704  a file of this package
        version=__version__,
    )


def bars(report: QualityReport) -> list[Bar]:
    """The scans over time, newest at the right, errors at the bottom of each."""
    largest = max((scan.total for scan in report.scans), default=0)
    slot = WIDTH / max(len(report.scans), FEWEST)
    left = WIDTH - slot * len(report.scans)
    found = []
    for place_, scan in enumerate(report.scans):
        base = float(HEIGHT)
        for severity in SEVERITIES:
            number = scan.by_severity.get(severity, 0)
            height = HEIGHT * number / largest if largest else 0.0
            base -= height
            if number:
                words = f"{text.moment(scan.at)}, {scan.tool}: {text.count(number)} {severity.lower()}"
                x = left + place_ * slot + slot * 0.1
                found.append(
                    Bar(
                        severity.lower(),
                        round(x, 2),
                        round(base, 2),
                        round(slot * 0.8, 2),
                        round(height, 2),
                        words,
                    )
                )
    return found
