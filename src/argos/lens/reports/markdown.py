"""The tests report as Markdown for a pull request, a chat or a job summary.

Untrusted text only ever stands in code: there GitHub's Markdown knows no links, mentions, HTML or
emphasis. What could leave a code span or a table's cell is written as character references.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from argos.lens.reports import text
from argos.lens.reports.tests import LISTED, TestRow, TestsReport, sentence
from argos.model.execution import Execution, ExecutionStatus
from argos.stats.stability import Stability

ROWS = 20
EXECUTIONS = 10
_LEAVES_CODE = re.compile(r"[`|]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def render(report: TestsReport) -> str:
    """The report's worst and slowest 20 tests and newest 10 executions. Lines end with `\\n`."""
    parts = [f"# {sentence(report)}", _about(report)]
    if not report.tests:
        return _joined([*parts, *_empty(report)])
    parts += _changes(report) + _trend(report.executions)
    parts += _tests("Broken", report.having(Stability.BROKEN), report)
    parts += _tests("Flaky", report.having(Stability.FLAKY), report)
    parts += _slowest(report) + _savings(report)
    parts.append(
        f"Rates and durations are over each test's own newest {text.count(report.window, 'result')}; "
        f"skips are not executed. Tests gone from the project and not counted: {text.count(report.gone)}."
    )
    return _joined(parts)


def code(untrusted: str) -> str:
    """Untrusted text as inline code that also holds in a table's cell; a dash for empty text."""
    shown = text.visible(untrusted)
    if not shown.strip():
        return "–"
    if _LEAVES_CODE.search(shown):
        return f"<code>{_PUNCTUATION.sub(lambda found: f'&#{ord(found.group())};', shown)}</code>"
    return f"`{shown}`"


def block(untrusted: str) -> str:
    """Untrusted lines as a fenced block that they cannot close."""
    longest = max((len(run) for run in re.findall("`+", untrusted)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{untrusted}\n{fence}"


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _about(report: TestsReport) -> str:
    named = [f"Project {code(report.project)}"] if report.project else []
    ran = [text.count(len(report.executions), "execution")] if report.tests else []
    return (
        ", ".join(
            [*named, f"space {code(report.space)}", *ran, f"written {text.moment(report.generated_at)}"]
        )
        + "."
    )


def _empty(report: TestsReport) -> list[str]:
    command = f"anvil execute --rule all --space {text.quoted(report.space)}"
    parts = ["This command runs all tests and records their results:", block(command)]
    if report.other_spaces:
        others = ", ".join(f"{code(s)} ({text.count(n, 'test')})" for s, n in report.other_spaces.items())
        parts.append(f"Other spaces with results: {others}.")
    return parts


def _changes(report: TestsReport) -> list[str]:
    run = report.newest
    if run is None:
        return []
    head = (
        f"{text.moment(run.started_at)}, rule {code(run.rule)}{_commit(run)}: "
        f"{text.count(run.counts.total, 'test')} in {text.seconds(run.duration_s)}, "
        f"{text.count(run.counts.failing)} failed."
    )
    changes = report.changes
    kinds = (
        ("failed that did not fail before", changes.began),
        ("failed as before", changes.still),
        ("passed after failing before", changes.mended),
        ("passed only on a rerun", changes.rescued),
        ("ran for the first time and did not fail", changes.new),
        ("no longer exist", changes.gone),
    )
    lines = [f"- {text.count(len(found), 'test')} {words}: {_some(found)}" for words, found in kinds if found]
    return ["## What changed in the newest execution", head, "\n".join(lines) or "Nothing."]


def _some(entities: Sequence[str]) -> str:
    shown = ", ".join(code(text.cut_name(entity)) for entity in entities[:5])
    return shown if len(entities) <= 5 else f"{shown} and {text.count(len(entities) - 5)} more"


def _commit(run: Execution) -> str:
    changed = " with uncommitted changes" if run.dirty else ""
    return f" at {code(run.commit[:10])}{changed}" if run.commit else ""


def _trend(executions: Sequence[Execution]) -> list[str]:
    rows = [
        (
            text.moment(run.started_at),
            code(text.cut_name(run.rule)),
            run.status.value
            if run.status is not ExecutionStatus.FINISHED
            else "full"
            if run.complete
            else "part",
            text.count(run.counts.total),
            text.count(run.counts.passed),
            text.count(run.counts.failing),
            text.count(run.counts.skipped),
            text.seconds(run.duration_s),
        )
        for run in reversed(executions[-EXECUTIONS:])
    ]
    headings = ("Started", "Rule", "Kind", "Run:", "Passed:", "Failed:", "Skipped:", "Duration:")
    title = f"## Newest {len(rows)} of {text.count(len(executions), 'execution')}"
    return [title, _table(headings, rows)] if rows else []


def _tests(word: str, tests: Sequence[TestRow], report: TestsReport) -> list[str]:
    if not tests:
        return []
    rows = [
        (
            code(text.cut_name(test.entity)),
            f"{test.failing} of {test.executed} ({text.percent(test.failure_rate)})",
            str(test.health.flips),
            code(test.recent),
            _last_error(test, report),
        )
        for test in tests[:ROWS]
    ]
    table = _table(("Test", "Failed:", "Flips:", "Record, newest right", "Last error"), rows)
    return [
        f"## {word}: {text.count(len(tests), 'test')}",
        table,
        *_rest(tests),
        *_rerun(word, tests, report),
    ]


def _rest(tests: Sequence[TestRow]) -> list[str]:
    return [f"And {text.count(len(tests) - ROWS)} more."] if len(tests) > ROWS else []


def _rerun(word: str, tests: Sequence[TestRow], report: TestsReport) -> list[str]:
    space = text.quoted(report.space)
    again = [f"anvil execute --rule failed-in-last --space {space}"] if word == "Broken" else []
    return [
        "To run them again:",
        block("\n".join([*again, *(text.rerun_command(test.entity) for test in tests[:ROWS])])),
    ]


def _last_error(test: TestRow, report: TestsReport) -> str:
    failure = report.failures.get(test.entity)
    return code(text.first_line(failure.result.message)) if failure else "–"


def _slowest(report: TestsReport) -> list[str]:
    total = report.total_mean_s
    rows = [
        (
            code(text.cut_name(test.entity)),
            text.seconds(test.mean_s),
            text.seconds(test.p95_s),
            text.percent((test.mean_s or 0.0) / total),
            str(test.executed),
        )
        for test in report.slowest[: min(ROWS, LISTED)]
    ]
    if not rows:
        return []
    table = _table(("Test", "Mean:", "95th percentile:", "Share of all:", "Results:"), rows)
    return [f"## Slowest {text.count(len(rows), 'test')}, of {text.seconds(total)} for all", table]


def _savings(report: TestsReport) -> list[str]:
    rows = [
        (
            code(text.cut_name(saving.rule)),
            str(saving.executions),
            text.count(round(saving.tests_run / saving.executions)),
            text.count(saving.failing),
            str(saving.compared),
            text.seconds(saving.used_s) if saving.compared else "–",
            text.seconds(saving.full_s) if saving.compared else "–",
            text.seconds(saving.saved_s) if saving.compared else "–",
        )
        for saving in report.savings
    ]
    headings = (
        "Rule",
        "Executions:",
        "Tests run, mean:",
        "Failures found:",
        "Compared:",
        "Time used:",
        "Full runs:",
        "Saved:",
    )
    return ["## What each rule saved", _table(headings, rows)] if rows else []


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a heading that ends with a colon is that of a column of numbers."""
    head = [heading.removesuffix(":") for heading in headings]
    rule = ["---:" if heading.endswith(":") else "---" for heading in headings]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
