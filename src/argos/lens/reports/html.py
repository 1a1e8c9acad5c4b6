"""The tests report as one HTML file that needs no network and no other file.

Everything that came from tests reaches the page as text: through Jinja's escaping, or as JSON that
the script writes with `textContent`. A content security policy lets only the page's own style
and script run, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from argos import __version__
from argos.lens.reports import charts, text
from argos.lens.reports.tests import LISTED, TestRow, TestsReport, sentence
from argos.stats import rates
from argos.stats.stability import Stability

TEMPLATES = Path(__file__).parent / "templates"
POLICY = "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
LABELS = tuple(Stability)


def render(report: TestsReport) -> str:
    """The whole page. Lines end with `\\n`; write it as UTF-8 without changing them."""
    style, script = _asset("tests.css"), _asset("tests.js")
    return (
        _environment()
        .get_template("tests.html")
        .render(
            report=report,
            title=sentence(report),
            broken=report.having(Stability.BROKEN),
            flaky=report.having(Stability.FLAKY),
            listed=LISTED,
            timeline=charts.timeline(report.executions) if report.executions else None,
            policy=POLICY.format(style=_hash(style), script=_hash(script)),
            style=Markup(style),  # noqa: S704  a file of this package
            script=Markup(script),  # noqa: S704  a file of this package
            data=Markup(embedded(_table(report))),  # noqa: S704  escaped by `embedded`
            version=__version__,
        )
    )


def embedded(document: Any) -> str:
    """JSON that may stand inside a `<script>` element: no `<`, `>`, `&` and nothing beyond ASCII."""
    compact = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return compact.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def runs(letters: str) -> list[tuple[str, int]]:
    """Equal outcome letters side by side, counted: `PPF` is P twice, F once."""
    return [(letter, len(list(group))) for letter, group in groupby(letters)]


def breakable(name: str) -> Markup:
    """A name of a test that a browser may wrap before each `::`."""
    return Markup("<wbr>::").join(name.split("::"))


def interval(test: TestRow) -> str:
    """The 95 % interval of a test's failure rate in words."""
    low, high = rates.wilson_interval(test.failing, test.executed)
    return f"{text.percent(low)} to {text.percent(high)}"


def _table(report: TestsReport) -> dict[str, Any]:
    """All tests compactly, in the order of the report: files once, durations in microseconds."""
    files: dict[str, int] = {}
    rows = []
    for test in report.tests:
        file, separator, rest = text.visible(test.entity).partition("::")
        rows.append(
            [
                files.setdefault(file, len(files)),
                separator + rest,
                LABELS.index(test.stability),
                *test.health.counts,
                test.health.flips,
                _microseconds(test.mean_s),
                _microseconds(test.p95_s),
                _epoch(test.last_run),
                _packed(test.recent),
                0 if test.entity.isprintable() else text.rerun_command(test.entity),
            ]
        )
    return {"files": list(files), "labels": [label.value for label in LABELS], "tests": rows}


@lru_cache(maxsize=4096)
def _packed(letters: str) -> str:
    """A record for the page's script: `PPPF` is `P3F`."""
    return "".join(letter + (str(number) if number > 1 else "") for letter, number in runs(letters))


def _microseconds(value: float | None) -> int | None:
    return None if value is None else round(value * 1e6)


def _epoch(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (
        text.visible,
        text.cut_name,
        text.first_line,
        text.end_of,
        text.count,
        text.percent,
        text.seconds,
    )
    for function in (*filters, text.moment, text.rerun_command, text.quoted, breakable, runs, interval):
        environment.filters[function.__name__] = function
    return environment


def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
