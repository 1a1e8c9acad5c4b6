from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from argos.model.execution import Counts, Execution, ExecutionStatus, Outcome
from argos.tools import execution_header
from argos.tools.pytest_journal import Journal, merged


def line(**event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"


START = line(t="start", at=5.0, id="tests/test_a.py::test_x")
RESULT = line(t="result", at=5.0, id="tests/test_a.py::test_x", outcome="failed", setup=0.1, call=0.2, teardown=0.3,
              message="assert 1 == 2", params={"n": "1"})  # fmt: skip


def read(*pieces: bytes) -> Journal:
    journal = Journal()
    for piece in pieces:
        journal.feed(piece)
    return journal


def test_a_result_is_read_with_its_phases() -> None:
    (result,) = read(START, RESULT).results
    assert result.entity == "tests/test_a.py::test_x"
    assert result.outcome is Outcome.FAILED
    assert (result.setup_s, result.call_s, result.teardown_s) == (0.1, 0.2, 0.3)
    assert result.started_at == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert result.parameters == '{"n": "1"}'


def test_a_test_that_started_and_did_not_end_is_running() -> None:
    assert read(START).running == {"tests/test_a.py::test_x": 5.0}
    assert read(START, RESULT).running == {}


def test_a_line_that_is_cut_off_waits_for_its_rest() -> None:
    journal = read(START, RESULT[:20])
    assert journal.results == []
    journal.feed(RESULT[20:])
    assert len(journal.results) == 1


def test_lines_that_are_no_events_are_counted_and_passed_over() -> None:
    journal = read(
        b"\xff\xfe\n",
        b"[]\n",
        b'{"t": "feed"}\n',
        line(t="result", id="x"),
        line(t="start", at="x", id="y"),
        RESULT,
    )
    assert journal.unreadable == 5
    assert len(journal.results) == 1


def test_a_collection_error_is_a_result_of_its_file() -> None:
    journal = read(line(t="result", at=1.0, id="tests/test_b.py", outcome="error", when="collect"))
    assert journal.collection_errors == ["tests/test_b.py"]


def test_what_was_overridden_and_which_gate_failed_is_kept() -> None:
    journal = read(
        line(t="override", option="-x", why="it stops early"), line(t="gate", what="Coverage too low")
    )
    assert journal.overridden == [("-x", "it stops early")]
    assert journal.gates == ["Coverage too low"]


def test_first_attempts_in_two_journals_are_numbered_by_their_start() -> None:
    died = line(t="result", at=1.0, id="a::b", outcome="error")
    again = line(t="result", at=2.0, id="a::b", outcome="passed")
    results = merged([read(again), read(died)])
    assert [(result.attempt, result.outcome.value) for result in results] == [(0, "error"), (1, "passed")]


@given(st.binary(), st.lists(st.integers(0, 400)))
def test_any_bytes_in_any_pieces_are_read_without_an_error(noise: bytes, cuts: list[int]) -> None:
    data = START + noise + b"\n" + RESULT
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    journal = read(*(data[a:b] for a, b in pairwise(places)))
    assert journal.results[-1].entity == "tests/test_a.py::test_x"


def test_an_execution_comes_back_from_its_header() -> None:
    execution = Execution(
        "local-1", "all", "local", datetime(2026, 1, 2, 3, tzinfo=UTC), ExecutionStatus.INTERRUPTED,
        counts=Counts(passed=3, failed=1), gone=("a::b",), notes=("x",), command=("anvil", "execute"), shard="1/2",
    )  # fmt: skip
    assert execution_header.load(execution_header.dump(execution)) == execution
