from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.model.execution import OUTCOMES
from argos.stats import rates

records = st.text(alphabet="PFESxX", max_size=100)
windows = st.none() | st.integers(1, 120)


def test_the_rate_is_the_share_of_failing_among_executed_results():
    assert rates.failure_rate("PPFSES") == 2 / 4


def test_nothing_executed_has_no_rate():
    assert rates.failure_rate("") is None
    assert rates.failure_rate("SSS") is None


def test_the_window_counts_the_newest_results_and_skips_take_a_place_in_it():
    assert rates.failures("FFFPS", 3) == (1, 2, 3)


def test_a_window_larger_than_the_record_is_the_whole_record():
    assert rates.failures("PF", 50) == rates.failures("PF")


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_below_one_is_refused(window):
    with pytest.raises(ValueError, match="at least 1 result"):
        rates.failure_rate("PF", window)


def test_expected_failures_are_executed_and_do_not_fail():
    assert rates.failures("xX") == (0, 2, 2)


@given(records, windows)
def test_counting_letters_agrees_with_asking_each_outcome(recent, window):
    outcomes = [OUTCOMES[letter] for letter in deque(recent, maxlen=window)]
    failing = sum(outcome.failing for outcome in outcomes)
    assert rates.failures(recent, window) == (failing, sum(o.executed for o in outcomes), len(outcomes))


@given(records, st.integers(1, 120))
def test_failed_in_last_counts_the_failing_results_of_the_window(recent, window):
    assert rates.failed_in_last(recent, window) == rates.failures(recent, window).failing


@given(records)
def test_a_pass_never_raises_the_failure_rate(recent):
    before = rates.failure_rate(recent)
    assert rates.failure_rate(recent + "P") <= (1 if before is None else before)


@given(records)
def test_a_failure_never_lowers_the_failure_rate(recent):
    assert rates.failure_rate(recent + "F") >= (rates.failure_rate(recent) or 0)


@given(records, windows)
def test_a_skip_outside_any_window_changes_nothing(recent, window):
    assert rates.failure_rate("S" + recent) == rates.failure_rate(recent)


@pytest.mark.parametrize(
    ("failing", "ran", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)],
)
def test_the_wilson_interval_gives_the_published_bounds(failing, ran, low, high):
    assert rates.wilson_interval(failing, ran) == pytest.approx((low, high), abs=5e-5)


def test_nothing_is_known_of_the_rate_of_a_test_that_never_ran():
    assert rates.wilson_interval(0, 0) == (0.0, 1.0)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_holds_the_observed_rate_and_stays_between_0_and_1(case):
    failing, ran = case
    low, high = rates.wilson_interval(failing, ran)
    assert 0 <= low <= failing / ran <= high <= 1


@given(st.integers(1, 50), st.integers(1, 50))
def test_more_results_at_the_same_rate_narrow_the_wilson_interval(failing, passing):
    few = rates.wilson_interval(failing, failing + passing)
    many = rates.wilson_interval(2 * failing, 2 * (failing + passing))
    assert many[1] - many[0] < few[1] - few[0]
