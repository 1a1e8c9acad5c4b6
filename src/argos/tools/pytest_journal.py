"""The journal that the pytest plugin writes, one JSON object a line: its text becomes a tally of what ran.

A journal may end anywhere, for the process that writes it can be killed at any instant: a last line
without its line end is left for later, a line that is no JSON object is counted and passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from argos.model.execution import Outcome, TestResult

Event = dict[str, Any]


@dataclass
class Journal:
    """What one process has written so far. `feed` adds text; the rest is read off.

    `running` maps the id of a test that has started and not ended to its start (epoch seconds).
    `unreadable` counts lines that are no events.
    """

    worker: str | None = None
    session: Event | None = None
    refused: Event | None = None
    collected: Event | None = None
    finish: Event | None = None
    results: list[TestResult] = field(default_factory=list)
    overridden: list[tuple[str, str]] = field(default_factory=list)
    gates: list[str] = field(default_factory=list)
    collection_errors: list[str] = field(default_factory=list)
    running: dict[str, float] = field(default_factory=dict)
    unreadable: int = 0
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Takes the bytes that have come since the last call."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            handler = getattr(self, "_on_" + event["t"])
        except (ValueError, TypeError, KeyError, AttributeError):
            self.unreadable += 1
            return
        try:
            handler(event)
        except (ValueError, TypeError, KeyError, OverflowError):
            self.unreadable += 1

    def _on_session(self, event: Event) -> None:
        self.session = event
        self.worker = event.get("worker")

    def _on_refused(self, event: Event) -> None:
        self.refused = event

    def _on_override(self, event: Event) -> None:
        self.overridden.append((str(event["option"]), str(event.get("why", ""))))

    def _on_collected(self, event: Event) -> None:
        self.collected = event

    def _on_start(self, event: Event) -> None:
        self.running[event["id"]] = float(event["at"])

    def _on_result(self, event: Event) -> None:
        self.results.append(_result(event, self.worker))
        self.running.pop(event["id"], None)
        if event.get("when") == "collect":
            self.collection_errors.append(event["id"])

    def _on_gate(self, event: Event) -> None:
        self.gates.append(str(event["what"]))

    def _on_finish(self, event: Event) -> None:
        self.finish = event


def merged(journals: Iterable[Journal]) -> list[TestResult]:
    """The results of all processes of one execution, each test's attempts numbered in order of their start.

    Every process counts for itself: a test whose worker of pytest-xdist has died may have a first
    attempt in two journals.
    """
    results = [result for journal in journals for result in journal.results]
    if len({(result.entity, result.attempt) for result in results}) == len(results):
        return results
    count: dict[str, int] = {}
    numbered = []
    for result in sorted(results, key=lambda result: result.started_at):
        numbered.append(replace(result, attempt=count.get(result.entity, 0)))
        count[result.entity] = numbered[-1].attempt + 1
    return numbered


def _result(event: Event, worker: str | None) -> TestResult:
    params = event.get("params")
    return TestResult(
        entity=event["id"],
        outcome=Outcome(event["outcome"]),
        started_at=datetime.fromtimestamp(event["at"], UTC),
        setup_s=float(event.get("setup", 0.0)),
        call_s=float(event.get("call", 0.0)),
        teardown_s=float(event.get("teardown", 0.0)),
        attempt=int(event.get("attempt", 0)),
        worker=worker,
        parameters=None if params is None else json.dumps(params, sort_keys=True),
        message=event.get("message"),
        traceback=event.get("traceback"),
        output=event.get("output"),
    )
