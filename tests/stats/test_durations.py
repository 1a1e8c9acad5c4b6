from __future__ import annotations

from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.stats import durations

seconds = st.floats(0, 65504, allow_subnormal=False)
samples = st.lists(seconds, min_size=1, max_size=100)


def test_nothing_recorded_has_no_mean_and_no_percentile():
    assert durations.mean([]) is None
    assert durations.median([]) is None
    assert durations.percentile([], 95) is None


def test_the_percentile_is_interpolated_between_the_closest_ranks():
    assert durations.percentile([1.0, 2.0, 3.0, 4.0], 95) == pytest.approx(3.85)


def test_the_median_of_an_even_number_lies_between_the_middle_two():
    assert durations.median([4.0, 1.0, 3.0, 2.0]) == 2.5


@pytest.mark.parametrize("percent", [-1, 100.5])
def test_a_percentile_outside_0_to_100_is_refused(percent):
    with pytest.raises(ValueError, match="between 0 and 100"):
        durations.percentile([1.0], percent)


@given(st.lists(seconds, min_size=2, max_size=50))
def test_percentiles_agree_with_the_inclusive_quantiles_of_the_standard_library(values):
    assert durations.percentile(values, 95) == pytest.approx(quantiles(values, n=20, method="inclusive")[18])


@given(samples, st.floats(0, 100), st.floats(0, 100))
def test_a_higher_percent_never_gives_a_smaller_percentile(values, one, other):
    low, high = sorted((one, other))
    assert durations.percentile(values, low) <= durations.percentile(values, high)


@given(samples)
def test_mean_and_percentiles_lie_within_the_values(values):
    assert min(values) <= durations.percentile(values, 95) <= max(values)
    assert min(values) - 1e-9 <= durations.mean(values) <= max(values) + 1e-9
