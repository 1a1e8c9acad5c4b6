"""Executions over time as shapes: three lanes above one another that share the time axis.

Units are those of the SVG's view box. Time runs left to right with the newest execution at the
right edge; a lane has a scale of its own, so that 2 failures among 10,000 passes can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from argos.lens.reports.text import count, moment, seconds
from argos.model.execution import Execution, ExecutionStatus

WIDTH = 960
LEFT = 56
TOP = 28
LANE_HEIGHT = 64
LANE_GAP = 36
FEWEST_SLOTS = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `kind` is the outcome that it stands for."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the duration lane: a square for a complete run, a ring for a partial one."""

    x: float
    y: float
    complete: bool


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A heading, its largest value as text, the base line's height and what stands on it."""

    heading: str
    largest: str
    top: float
    base: float
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one execution on the time axis and the words that hovering shows."""

    x: float
    width: float
    words: str
    target: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture; `full_line` joins the durations of complete runs ("x,y x,y ...")."""

    width: int
    height: float
    lanes: tuple[Lane, ...]
    slots: tuple[Slot, ...]
    full_line: str
    first: str
    last: str


def timeline(executions: Sequence[Execution]) -> Timeline:
    """The picture of at least one execution, given oldest first."""
    pitch = (WIDTH - LEFT) / max(len(executions), FEWEST_SLOTS)
    start = WIDTH - pitch * len(executions)
    places = [start + pitch * index for index in range(len(executions))]
    failing = _failing_lane(executions, places, pitch)
    ran = _ran_lane(executions, places, pitch)
    spent = _duration_lane(executions, places, pitch)
    return Timeline(
        width=WIDTH,
        height=spent.base + 24,
        lanes=(failing, ran, spent),
        slots=tuple(
            Slot(x, pitch, words(execution), f"execution-{index}")
            for index, (x, execution) in enumerate(zip(places, executions, strict=True))
        ),
        full_line=" ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in spent.marks if mark.complete),
        first=moment(executions[0].started_at),
        last=moment(executions[-1].started_at),
    )


def words(execution: Execution) -> str:
    """One execution in a line, as hovering over it shows: when, rule, counts, duration."""
    tally = execution.counts
    parts = [
        f"{tally.passed:,} passed",
        f"{tally.failed:,} failed",
        f"{tally.error:,} errors",
        f"{tally.skipped:,} skipped",
    ]
    kind = "full run, " if execution.complete else ""
    state = "" if execution.status is ExecutionStatus.FINISHED else f" ({execution.status.value})"
    return (
        f"{moment(execution.started_at)}, rule {execution.rule}{state}: {kind}"
        f"{', '.join(parts)}, {seconds(execution.duration_s)}"
    )


def _lane_place(index: int) -> tuple[float, float]:
    top = TOP + index * (LANE_HEIGHT + LANE_GAP)
    return top, top + LANE_HEIGHT


def _failing_lane(executions: Sequence[Execution], places: Sequence[float], pitch: float) -> Lane:
    top, base = _lane_place(0)
    largest = max(e.counts.failing for e in executions)
    bars: list[Bar] = []
    labels = []
    for x, execution in zip(places, executions, strict=True):
        stack = (("failed", execution.counts.failed), ("error", execution.counts.error))
        bars += _stacked(stack, largest, x, pitch, base)
        if execution.counts.failing and pitch >= 24:
            height = LANE_HEIGHT * execution.counts.failing / largest
            labels.append(Label(x + pitch / 2, base - height - 4, count(execution.counts.failing)))
    return Lane("Failing tests", count(largest), top, base, tuple(bars), labels=tuple(labels))


def _ran_lane(executions: Sequence[Execution], places: Sequence[float], pitch: float) -> Lane:
    top, base = _lane_place(1)
    largest = max(e.counts.total for e in executions)
    bars: list[Bar] = []
    for x, execution in zip(places, executions, strict=True):
        tally = execution.counts
        stack = (
            ("passed", tally.passed),
            ("expected", tally.xfailed + tally.xpassed),
            ("skipped", tally.skipped),
            ("failed", tally.failed),
            ("error", tally.error),
        )
        bars += _stacked(stack, largest, x, pitch, base)
    return Lane("Tests run", count(largest), top, base, tuple(bars))


def _duration_lane(executions: Sequence[Execution], places: Sequence[float], pitch: float) -> Lane:
    top, base = _lane_place(2)
    largest = max((e.duration_s or 0.0 for e in executions), default=0.0)
    marks = tuple(
        Mark(x + pitch / 2, base - LANE_HEIGHT * execution.duration_s / (largest or 1.0), execution.complete)
        for x, execution in zip(places, executions, strict=True)
        if execution.duration_s is not None
    )
    return Lane("Duration", seconds(largest), top, base, marks=marks)


def _stacked(
    stack: Iterable[tuple[str, int]], largest: int, x: float, pitch: float, base: float
) -> list[Bar]:
    """Bars on top of one another from the base line up, with a gap to the next execution."""
    gap = min(4.0, pitch * 0.2)
    bars, y = [], base
    for kind, number in stack:
        height = LANE_HEIGHT * number / (largest or 1)
        y -= height
        if number:
            bars.append(Bar(kind, x + gap / 2, y, pitch - gap, height))
    return bars
