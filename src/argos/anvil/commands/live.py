"""The live line of an execution: how far it is, and how long it still takes by recorded durations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from argos.console.progress import ProgressLine, clock

if TYPE_CHECKING:
    from argos.anvil.executor.pytest_executor import Standing
    from argos.model.execution import Outcome, TestResult


class Live:
    """Draws an execution's standing; takes in only the results that are new since it last drew.

    Where the line is seen, `head` is called once before it: as soon as the selection is known. `headed`
    says that it was.
    """

    def __init__(self, line: ProgressLine, head: Callable[[Standing], None] | None = None) -> None:
        self.headed = False
        self._head = head
        self._line = line
        self._seen: dict[tuple[str, int], int] = {}
        self._last: dict[str, Outcome] = {}
        self._left_s: float | None = None

    def __call__(self, standing: Standing) -> None:
        if self._head is not None and not self.headed and standing.chosen and self._line.enabled:
            self._line.clear()
            self._head(standing)
            self.headed = True
        if self._line.due():
            running = [test for part in standing.parts for test in part.running_tests]
            detail = running[0] if running and standing.picked else ""
            self._line.draw(*self.texts(standing), detail=detail)

    def texts(self, standing: Standing) -> list[str]:
        """`420/2013  418 passed  2 failed  12s, about 40s left`, then the same in fewer words."""
        for result in self._new(standing):
            if self._left_s is not None and result.entity not in self._last:
                self._left_s -= _expected(standing, result.entity)
            self._last[result.entity] = result.outcome
        if not standing.picked:
            collecting = any(part.collected is None for part in standing.parts)
            return [f"{'collecting' if collecting else 'ending'}  {clock(standing.elapsed_s)}"]
        count = Counter(outcome.value for outcome in self._last.values())
        failed = count["failed"] + count["error"]
        done, passed = f"{len(self._last)}/{standing.picked}", f"{count['passed']} passed"
        time = clock(standing.elapsed_s) + self._remaining(standing)
        figures = f"{done}  {passed}  {failed} failed"
        elapsed = f"{figures}  {clock(standing.elapsed_s)}"
        return [f"{figures}  {time}", elapsed, figures, f"{done}  {failed} failed"]

    def _new(self, standing: Standing) -> list[TestResult]:
        new: list[TestResult] = []
        for part in standing.parts:
            for number, journal in enumerate(part.journals):
                start = self._seen.get((part.name, number), 0)
                new += journal.results[start:]
                self._seen[part.name, number] = len(journal.results)
        return new

    def _remaining(self, standing: Standing) -> str:
        if not standing.durations:
            return ""
        if self._left_s is None:
            assigned = [test for part in standing.parts for test in part.assigned if test not in self._last]
            self._left_s = sum(_expected(standing, test) for test in assigned)
        at_once = max(sum(part.running for part in standing.parts), 1)
        return f", about {clock(max(self._left_s, 0.0) / at_once)} left"


def _expected(standing: Standing, test: str) -> float:
    return standing.durations.get(test, standing.typical_s)
