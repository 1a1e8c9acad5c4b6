from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.stats.likelihood import failure_likelihood

records = st.text(alphabet="PFESxX", max_size=100)


def test_an_unknown_test_is_expected_to_fail_once_in_twenty():
    assert failure_likelihood("") == pytest.approx(0.05)


@given(st.integers(1, 100))
def test_an_unknown_test_ranks_above_one_that_always_passed(passes):
    assert failure_likelihood("") > failure_likelihood("P" * passes)


def test_the_formula_is_the_mean_of_a_beta_distribution_with_decayed_observations():
    assert failure_likelihood("FP") == pytest.approx((1 + 0.9) / (20 + 1 + 0.9))


@given(records, records)
def test_a_newer_failure_counts_more_than_an_older_one(before, after):
    assert failure_likelihood(before + "PF" + after) > failure_likelihood(before + "FP" + after)


@given(records, records)
def test_turning_a_pass_into_a_failure_raises_the_likelihood(before, after):
    assert failure_likelihood(before + "F" + after) > failure_likelihood(before + "P" + after)


@given(records)
def test_one_more_pass_lowers_the_likelihood_and_one_more_failure_raises_it(recent):
    assert failure_likelihood(recent + "P") < failure_likelihood(recent) < failure_likelihood(recent + "F")


@given(records)
def test_skips_say_nothing_about_the_likelihood(recent):
    assert failure_likelihood(recent.replace("S", "")) == failure_likelihood(recent)
