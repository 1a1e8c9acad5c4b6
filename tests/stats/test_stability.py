from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.stats import rates
from argos.stats.stability import Stability, assess, failing_streak, flips, is_flaky, stability

records = st.text(alphabet="PFESxX", max_size=100)
windows = st.none() | st.integers(1, 120)


@pytest.mark.parametrize(
    ("recent", "label"),
    [
        ("", Stability.NOT_RUN),
        ("SS", Stability.NOT_RUN),
        ("PPxX", Stability.PASSING),
        ("FFEF", Stability.BROKEN),
        ("FSSE", Stability.BROKEN),
        ("PF", Stability.FLAKY),
        ("Ex", Stability.FLAKY),
    ],
)
def test_the_label_says_what_the_executed_results_have_in_common(recent, label):
    assert stability(recent) is label


def test_only_the_window_decides():
    assert stability("PPPPFFF", 3) is Stability.BROKEN
    assert stability("FFFFPPP", 3) is Stability.PASSING


@given(st.text(alphabet="FES", min_size=1), windows, st.floats(0, 1))
def test_a_test_that_always_fails_is_never_flaky(recent, window, threshold):
    assert not is_flaky(recent, window, threshold)


@given(records, windows, st.floats(0, 1))
def test_a_flaky_test_is_labelled_flaky_and_reaches_the_threshold(recent, window, threshold):
    expected = (
        stability(recent, window) is Stability.FLAKY and rates.failure_rate(recent, window) >= threshold
    )
    assert is_flaky(recent, window, threshold) == expected


def test_the_threshold_itself_is_reached():
    assert is_flaky("F" + "P" * 9, 10, 0.1)
    assert not is_flaky("F" + "P" * 9, 10, 0.11)


def test_flips_count_changes_and_ignore_skips_and_kinds_of_failure():
    assert flips("PPFSEPXF") == 3


@given(records)
def test_reading_a_record_backwards_keeps_its_flips(recent):
    assert flips(recent) == flips(recent[::-1])


def test_the_failing_streak_is_the_newest_run_of_failures():
    assert failing_streak("PFPFSE") == 2
    assert failing_streak("FFP") == 0
    assert failing_streak("") == 0


@given(records, windows)
def test_an_assessment_agrees_with_the_single_questions(recent, window):
    whole = assess(recent, window)
    assert whole.stability is stability(recent, window)
    assert whole.flips == flips(recent, window)
    assert whole.failure_rate == rates.failure_rate(recent, window)
    assert (whole.streak if whole.failing_now else 0) == failing_streak(recent, window)


@given(records, windows)
def test_a_record_is_flaky_exactly_when_it_flips(recent, window):
    assert (stability(recent, window) is Stability.FLAKY) == (flips(recent, window) > 0)
