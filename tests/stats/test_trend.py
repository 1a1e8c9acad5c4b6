from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.stats import trend as trends
from argos.stats.trend import Direction, trend

records = st.text(alphabet="PFESxX", max_size=100)


def test_failures_at_the_newer_end_are_degrading():
    assert trend("P" * 10 + "F" * 5).direction is Direction.DEGRADING


def test_failures_at_the_older_end_are_improving():
    assert trend("F" * 5 + "P" * 10).direction is Direction.IMPROVING


@pytest.mark.parametrize("recent", ["", "S", "P", "F", "PF", "FFFFFFFF", "PPPPPPPP", "PFPFPFPFPF"])
def test_without_evidence_a_record_is_stable(recent):
    assert trend(recent).direction is Direction.STABLE


def test_one_late_failure_among_few_results_is_no_trend():
    assert trend("PPPPPPPPPF").direction is Direction.STABLE


def test_one_late_failure_after_forty_passes_is_a_trend_at_five_percent():
    evidence = trend("P" * 40 + "F")
    assert evidence.p_value == pytest.approx(2 / 41)
    assert evidence.direction is Direction.DEGRADING


def test_only_the_window_is_tested():
    assert trend("F" * 50 + "P" * 50, window=50).direction is Direction.STABLE


def test_the_evidence_names_test_statistic_and_both_rates():
    evidence = trend("PPPPPFFFFF")
    assert evidence.test == trends.EXACT
    assert (evidence.n, evidence.failures, evidence.statistic) == (10, 5, 25)
    assert evidence.p_value == pytest.approx(2 / 252)
    assert (evidence.earlier_rate, evidence.later_rate) == (0.0, 1.0)
    assert evidence.sentence == (
        "Degrading: failed 0 of the earlier 5 and 5 of the later 5 executed results "
        "(Wilcoxon-Mann-Whitney rank-sum, exact, two-sided p = 0.008)."
    )


def test_a_single_result_is_said_to_be_too_few():
    assert trend("F").sentence == "Stable: too few executed results for a trend (n = 1)."


def pairs_with_the_failure_newer(letters: str) -> int:
    return sum(a != "F" and b == "F" for a, b in combinations(letters, 2))


@given(st.text(alphabet="PF", min_size=1, max_size=9))
def test_the_exact_p_value_agrees_with_counting_every_arrangement(letters):
    n, failing = len(letters), letters.count("F")
    arrangements = [
        pairs_with_the_failure_newer("".join("F" if place in chosen else "P" for place in range(n)))
        for chosen in combinations(range(n), failing)
    ]
    observed = pairs_with_the_failure_newer(letters)
    at_most = sum(u <= observed for u in arrangements) / len(arrangements)
    at_least = sum(u >= observed for u in arrangements) / len(arrangements)
    evidence = trend(letters)
    assert evidence.statistic == observed
    assert evidence.p_value == pytest.approx(min(1.0, 2 * min(at_most, at_least)))


OPPOSITE = {
    Direction.IMPROVING: Direction.DEGRADING,
    Direction.DEGRADING: Direction.IMPROVING,
    Direction.STABLE: Direction.STABLE,
}


@given(records)
def test_reversing_the_record_swaps_improving_and_degrading(recent):
    forwards, backwards = trend(recent, 100), trend(recent[::-1], 100)
    assert backwards.direction is OPPOSITE[forwards.direction]
    assert backwards.p_value == pytest.approx(forwards.p_value)


@given(records)
def test_skips_and_kinds_of_failure_do_not_change_the_trend(recent):
    plain = recent.replace("S", "").replace("E", "F")
    assert trend(recent, 100).p_value == trend(plain, 100).p_value


@given(records)
def test_a_p_value_is_a_probability(recent):
    assert 0 < trend(recent, 100).p_value <= 1


@pytest.mark.parametrize("failing", [7, 20, 50])
def test_the_normal_approximation_is_close_to_the_exact_value(failing):
    others = 100 - failing
    for share in (0.3, 0.4, 0.5):
        statistic = int(failing * others * share)
        exact = trends._exact(statistic, failing, others)
        assert trends._normal(statistic, failing, others) == pytest.approx(exact, abs=0.01)


def test_a_full_record_beyond_the_exact_range_names_the_approximation():
    assert trend("P" * 50 + "F" * 50, 100).test == trends.NORMAL
    assert trend("P" * 50 + "F" * 50, 100).direction is Direction.DEGRADING
