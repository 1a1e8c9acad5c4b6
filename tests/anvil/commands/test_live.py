from __future__ import annotations

import io
from dataclasses import dataclass, field, replace

import pytest

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
    return Live(ProgressLine(io.StringIO()))


def drawn(now: Standing, columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The line as a terminal of so many columns shows it."""
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = io.StringIO()
    Live(ProgressLine(terminal, enabled=True))(now)
    return terminal.getvalue().removeprefix("\r").removesuffix("\x1b[K")


def standing(part: OnePart, picked: int, **durations: float) -> Standing:
    return Standing([part], picked, durations, 2.0, 12.0)  # type: ignore[list-item]


def test_before_there_are_picks_it_says_what_is_done() -> None:
    assert live().texts(standing(OnePart([]), 0)) == ["collecting  12s"]


def test_it_counts_passed_and_failed_and_names_the_running_test(monkeypatch: pytest.MonkeyPatch) -> None:
    part = OnePart(["a", "b", "c"])
    part.journals[0].results += [a_result("a"), a_result("b", "failed")]
    part.journals[0].running["c"] = 0.0
    assert drawn(standing(part, 3), 80, monkeypatch) == "2/3 1 passed 1 failed 12s c"


def test_on_a_narrow_terminal_the_test_gives_way_and_not_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    tests = [f"t{number}" for number in range(2013)]
    part = OnePart(tests)
    part.journals[0].results += [a_result(test) for test in tests[:418]]
    part.journals[0].results += [a_result(test, "failed") for test in tests[418:420]]
    part.journals[0].running["tests/test_a_long_name.py::test_with_a_long_name[and-parameters]"] = 0.0
    now = standing(part, 2013, **dict.fromkeys(tests, 0.025))
    assert drawn(now, 20, monkeypatch) == "420/2013 2 failed"
    assert drawn(now, 32, monkeypatch) == "420/2013 418 passed 2 failed"
    assert drawn(now, 40, monkeypatch) == "420/2013 418 passed 2 failed 12s"
    assert drawn(now, 60, monkeypatch).startswith("420/2013 418 passed 2 failed 12s ...")
    full = drawn(now, 90, monkeypatch)
    assert full.startswith("420/2013 418 passed 2 failed 12s, about 40s left ...")
    assert full.endswith("long_name[and-parameters]")
    assert len(full) < 90


def test_what_is_left_comes_from_recorded_durations() -> None:
    part, line = OnePart(["a", "b", "c"]), live()
    durations = {"a": 10.0, "b": 20.0}
    assert line.texts(standing(part, 3, **durations))[0].endswith("12s, about 32s left")
    part.journals[0].results.append(a_result("b"))
    assert line.texts(standing(part, 3, **durations))[0].endswith("12s, about 12s left")


def test_a_rerun_counts_once_with_its_last_outcome() -> None:
    part, line = OnePart(["a"]), live()
    part.journals[0].results.append(a_result("a", "failed"))
    assert line.texts(standing(part, 1))[0].startswith("1/1  0 passed  1 failed")
    part.journals[0].results.append(a_result("a", "passed", attempt=1))
    assert line.texts(standing(part, 1))[0].startswith("1/1  1 passed  0 failed")


def test_the_head_is_printed_once_as_soon_as_the_selection_is_known_and_somebody_sees_it() -> None:
    seen: list[Standing] = []
    unseen: list[Standing] = []
    now = standing(OnePart(["a"]), 1)
    line = Live(ProgressLine(io.StringIO(), enabled=True), seen.append)
    line(now)
    assert (seen, line.headed) == ([], False)
    for _ in range(2):
        line(replace(now, chosen=True))
    assert (len(seen), line.headed) == (1, True)
    Live(ProgressLine(io.StringIO()), unseen.append)(replace(now, chosen=True))
    assert unseen == []
