"""The tests report as one JSON document; its shape is described in docs/guide/reports.md."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from argos.lens.reports.tests import LastFailure, RuleSaving, TestRow, TestsReport, sentence
from argos.lens.reports.text import rerun_command
from argos.model.execution import Execution
from argos.stats import rates
from argos.stats.stability import Stability

VERSION = 1
"""Grows when a key changes its meaning or goes away; new keys may come without it."""


def render(report: TestsReport) -> str:
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(report: TestsReport) -> dict[str, Any]:
    return {
        "report": "tests",
        "version": VERSION,
        "sentence": sentence(report),
        "project": report.project,
        "space": report.space,
        "window": report.window,
        "generated_at": _time(report.generated_at),
        "command": report.command,
        "totals": {
            "tests": len(report.tests),
            **{label.value.replace(" ", "_"): len(report.having(label)) for label in Stability},
            "gone": report.gone,
            "mean_duration_s": report.total_mean_s,
        },
        "newest": report.newest.execution_id if report.newest else None,
        "changes": {name: list(entities) for name, entities in asdict(report.changes).items()},
        "executions": [_execution(execution) for execution in report.executions],
        "tests": [_test(test, report) for test in report.tests],
        "slowest": [test.entity for test in report.slowest],
        "rules": [_saving(saving) for saving in report.savings],
        "other_spaces": report.other_spaces,
    }


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "execution_id": execution.execution_id,
        "rule": execution.rule,
        "started_at": _time(execution.started_at),
        "status": execution.status.value,
        "complete": execution.complete,
        "shard": execution.shard,
        "commit": execution.commit,
        "branch": execution.branch,
        "dirty": execution.dirty,
        "selected": execution.selected,
        "counts": {**asdict(execution.counts), "total": execution.counts.total},
        "duration_s": execution.duration_s,
        "full_duration_s": execution.full_duration_s,
    }


def _test(test: TestRow, report: TestsReport) -> dict[str, Any]:
    failing, executed, results = test.health.counts
    shown: dict[str, Any] = {
        "entity": test.entity,
        "stability": test.stability.value,
        "failure_rate": test.failure_rate,
        "failure_rate_interval": list(rates.wilson_interval(failing, executed)),
        "failing": failing,
        "executed": executed,
        "results": results,
        "flips": test.health.flips,
        "recent": test.recent,
        "mean_s": test.mean_s,
        "p95_s": test.p95_s,
        "total_runs": test.total_runs,
        "last_run": _time(test.last_run),
        "last_failure": _time(test.last_failure),
        "rerun": rerun_command(test.entity),
    }
    if (failure := report.failures.get(test.entity)) is not None:
        shown["error"] = _failure(failure)
    if (evidence := report.trends.get(test.entity)) is not None:
        shown["trend"] = asdict(evidence) | {"direction": evidence.direction.value}
    return shown


def _failure(failure: LastFailure) -> dict[str, Any]:
    return {
        "at": _time(failure.result.started_at),
        "outcome": failure.result.outcome.value,
        "message": failure.result.message,
        "traceback": failure.result.traceback,
        "failing_streak": failure.streak,
        "failing_since": failure.since.execution_id if failure.since else None,
        "failing_from_start": failure.from_start,
    }


def _saving(saving: RuleSaving) -> dict[str, Any]:
    return {**asdict(saving), "saved_s": saving.saved_s}


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
