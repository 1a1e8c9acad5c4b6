from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.stats import ci_health
from argos.stats.ci_health import Outcome, Trouble
from argos.stats.trend import Direction

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def outcome(green, hours=0.0, **values):
    return Outcome(MONDAY + timedelta(hours=hours), green, **values)


@pytest.mark.parametrize(
    "day, week",
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-W01"),
        (datetime(2027, 1, 3, tzinfo=UTC), "2026-W53"),
        (datetime(2027, 1, 4, tzinfo=UTC), "2027-W01"),
        (datetime(2026, 1, 5, 1, tzinfo=timezone(timedelta(hours=2))), "2026-W01"),
    ],
)
def test_a_week_is_that_of_iso_8601_in_utc(day, week):
    assert ci_health.week(day) == week


def test_a_week_without_results_is_shown_without_a_rate():
    weeks = ci_health.weekly([outcome(True), outcome(False, 1), outcome(True, 15 * 24)])
    assert [(each.name, each.green, each.red, each.rate) for each in weeks] == [
        ("2026-W02", 1, 1, 0.5),
        ("2026-W03", 0, 0, None),
        ("2026-W04", 1, 0, 1.0),
    ]


def test_weeks_go_on_over_the_turn_of_a_year():
    weeks = ci_health.weekly([outcome(True, -24 * 14), outcome(True)])
    assert [each.name for each in weeks] == ["2025-W52", "2026-W01", "2026-W02"]


def test_what_was_cancelled_enters_no_rate():
    (found,) = ci_health.by([outcome(True), outcome(None), outcome(None)], lambda _: "all")
    assert (found.rate, found.decided, found.undecided) == (1.0, 1, 2)


def test_python_3_10_comes_after_3_9_and_unknown_ones_are_left_out():
    found = ci_health.by(
        [outcome(True, python=version) for version in ("3.10", "3.9", None)], lambda each: each.python
    )
    assert [each.name for each in found] == ["3.9", "3.10"]


def test_times_are_the_median_and_the_95th_percentile_of_those_that_are_known():
    outcomes = [outcome(True, job="test", duration_s=float(n)) for n in range(1, 102)] + [
        outcome(True, job="test")
    ]
    (found,) = ci_health.times(outcomes, lambda each: each.job, lambda each: each.duration_s)
    assert (found.n, found.median_s, found.p95_s) == (101, 51.0, 96.0)


def test_a_repair_lasts_from_the_first_red_to_the_next_green_of_the_same_line():
    outcomes = [
        outcome(True, 0, line="main"),
        outcome(False, 1, line="main"),
        outcome(False, 2, line="main"),
        outcome(None, 2.5, line="main"),
        outcome(True, 2.7, line="other"),
        outcome(True, 4, line="main"),
    ]
    found = ci_health.repairs(outcomes, MONDAY)
    assert found.closed == (3 * 3600.0,)
    assert (found.mean_s, found.still_red) == (3 * 3600.0, ())


def test_a_line_that_is_still_red_is_in_no_mean():
    found = ci_health.repairs([outcome(False, 1, line="main")], MONDAY + timedelta(hours=3))
    assert found.mean_s is None
    assert [(each.line, each.open_s) for each in found.still_red] == [("main", 2 * 3600.0)]


def test_red_results_that_grow_are_a_trend():
    outcomes = [outcome(True, n) for n in range(10)] + [outcome(False, n) for n in range(10, 15)]
    assert ci_health.health_trend(reversed(outcomes)).direction is Direction.DEGRADING


def test_the_matrix_of_priorities_follows_its_formula():
    troubles = [
        Trouble("Flaky tests", count=8, red_runs=9, blocked_jobs=16, effort=2.0),
        Trouble("Platform-specific (Windows)", count=26, red_runs=4, blocked_jobs=36, effort=1.0),
        Trouble("Setup", count=1, red_runs=1, blocked_jobs=1, effort=0.5),
    ]
    rows = ci_health.prioritised(troubles, red_runs=100, red_jobs=100)
    assert [(row.category, row.impact, row.effort, row.priority) for row in rows] == [
        ("Platform-specific (Windows)", "Medium", "Medium", "Medium"),
        ("Flaky tests", "Medium", "High", "Medium"),
        ("Setup", "Low", "Low", "Low"),
    ]
    assert [row.impact_score for row in rows] == pytest.approx([0.12, 0.12, 0.01])
    assert [row.score for row in rows] == pytest.approx([0.12, 0.06, 0.02])


def test_without_red_runs_nothing_has_an_impact():
    (row,) = ci_health.prioritised([Trouble("x", 1, 1, 1, 1.0)], 0, 0)
    assert (row.impact_score, row.priority) == (0.0, "Low")


outcomes = st.lists(
    st.builds(
        outcome,
        st.sampled_from([True, False, None]),
        st.floats(0, 3000),
        line=st.sampled_from(["a", "b"]),
        os=st.none() | st.sampled_from(["linux", "windows"]),
    ),
    max_size=30,
)


@given(outcomes)
def test_every_decided_result_is_in_exactly_one_week(found):
    weeks = ci_health.weekly(found)
    assert sum(each.green + each.red + each.undecided for each in weeks) == len(found)
    assert all(each.rate is None or each.low <= each.rate <= each.high for each in weeks)


@given(outcomes)
def test_one_more_green_result_never_lowers_a_rate(found):
    (before,) = ci_health.by([*found, outcome(True)], lambda _: "all")
    (after,) = ci_health.by([*found, outcome(True), outcome(True)], lambda _: "all")
    assert before.rate is not None
    assert after.rate is not None
    assert before.rate <= after.rate


@given(outcomes)
def test_repairs_are_never_negative_and_never_more_than_the_red_results(found):
    repairs = ci_health.repairs(found, MONDAY + timedelta(hours=4000))
    reds = sum(each.green is False for each in found)
    assert all(seconds >= 0 for seconds in repairs.closed)
    assert len(repairs.closed) + len(repairs.still_red) <= reds
