from __future__ import annotations

from dataclasses import dataclass, field

from argos.anvil.commands.live import Live
from argos.anvil.executor.pytest_executor import Standing
from argos.console.progress import ProgressLine
from argos.tools.pytest_journal import Journal
from builders import a_result


@dataclass
class OnePart:
    """What the live line asks of a part."""

    assigned: list[str]
    journals: list[Journal] = field(default_factory=lambda: [Journal()])
    name: str = "0"
    running: bool = True
    collected: list[str] | None = None

    @property
    def running_tests(self) -> tuple[str, ...]:
        return tuple(self.journals[0].running)


def live() -> Live:
    import io

    return Live(ProgressLine(io.StringIO()))


def standing(part: OnePart, picked: int, **durations: float) -> Standing:
    return Standing([part], picked, durations, 2.0, 12.0)  # type: ignore[list-item]


def test_before_there_are_picks_it_says_what_is_done() -> None:
    assert live().text(standing(OnePart([]), 0)) == "collecting  12s"


def test_it_counts_passed_and_failed_and_names_the_running_test() -> None:
    part = OnePart(["a", "b", "c"])
    part.journals[0].results += [a_result("a"), a_result("b", "failed")]
    part.journals[0].running["c"] = 0.0
    assert live().text(standing(part, 3)) == "2/3  1 passed  1 failed  12s  c"


def test_what_is_left_comes_from_recorded_durations() -> None:
    part, line = OnePart(["a", "b", "c"]), live()
    durations = {"a": 10.0, "b": 20.0}
    assert line.text(standing(part, 3, **durations)).endswith("12s, about 32s left")
    part.journals[0].results.append(a_result("b"))
    assert line.text(standing(part, 3, **durations)).endswith("12s, about 12s left")


def test_a_rerun_counts_once_with_its_last_outcome() -> None:
    part, line = OnePart(["a"]), live()
    part.journals[0].results.append(a_result("a", "failed"))
    assert line.text(standing(part, 1)).startswith("1/1  0 passed  1 failed")
    part.journals[0].results.append(a_result("a", "passed", attempt=1))
    assert line.text(standing(part, 1)).startswith("1/1  1 passed  0 failed")
