from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.lens.reports.charts import LANE_HEIGHT, LEFT, WIDTH, timeline
from argos.model.execution import Counts
from builders import an_execution

counts = st.builds(Counts, *[st.integers(0, 10_000)] * 6)
executions = st.lists(
    st.builds(an_execution, counts=counts, duration_s=st.none() | st.floats(0, 1e5)), min_size=1, max_size=60
)


def test_the_newest_execution_stands_at_the_right_edge():
    picture = timeline([an_execution("old"), an_execution("new")])
    last = picture.slots[-1]
    assert last.x + last.width == pytest.approx(WIDTH)


def test_few_executions_are_no_wider_than_a_twelfth():
    (slot,) = timeline([an_execution()]).slots
    assert slot.width == (WIDTH - LEFT) / 12


def test_failures_have_a_scale_of_their_own():
    failing, ran, _ = timeline([an_execution(counts=Counts(passed=9_998, failed=2))]).lanes
    assert [bar.height for bar in failing.bars] == [LANE_HEIGHT]
    assert failing.largest == "2"
    assert ran.largest == "10,000"


def test_complete_runs_are_joined_by_a_line_and_partial_ones_are_not():
    runs = [an_execution(duration_s=d, complete=c) for d, c in ((10.0, True), (1.0, False), (5.0, True))]
    picture = timeline(runs)
    assert [mark.complete for mark in picture.lanes[2].marks] == [True, False, True]
    assert len(picture.full_line.split()) == 2


@given(executions)
def test_everything_stays_inside_its_lane(runs):
    picture = timeline(runs)
    for lane in picture.lanes:
        for bar in lane.bars:
            assert LEFT - 0.01 <= bar.x <= bar.x + bar.width <= WIDTH + 0.01
            assert lane.top - 0.01 <= bar.y <= bar.y + bar.height <= lane.base + 0.01
        for mark in lane.marks:
            assert lane.top - 0.01 <= mark.y <= lane.base + 0.01


@given(counts)
def test_the_bars_of_an_execution_add_up_to_its_tests(tally):
    _, ran, _ = timeline([an_execution(counts=tally)]).lanes
    assert sum(bar.height for bar in ran.bars) == pytest.approx(LANE_HEIGHT if tally.total else 0)
