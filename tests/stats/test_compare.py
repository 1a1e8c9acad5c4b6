from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.stats.compare import Cell, Observation, chance_of_only_there, compare

LINUX = Cell("ubuntu-24.04", "3.11")
WINDOWS = Cell("windows-2025", "3.11")


def side(**outcomes: str) -> dict[str, Observation]:
    return {name: Observation(outcome) for name, outcome in outcomes.items()}


def timed(**seconds: float) -> dict[str, Observation]:
    return {name: Observation("passed", duration) for name, duration in seconds.items()}


def ten_tests(factor: float = 1.0) -> dict[str, float]:
    """Ten tests of a tenth of a second to a second, each a little off the factor."""
    return {f"t{n}": (n + 1) / 10 * factor * (1 + (n % 3) / 100) for n in range(10)}


def test_a_test_that_passes_here_and_fails_there_names_the_cells():
    report = compare(side(a="passed"), {LINUX: side(a="passed"), WINDOWS: side(a="error")})
    (difference,) = report.passes_here_fails_there
    assert (difference.failing_in, difference.passing_in) == ((WINDOWS,), (LINUX,))
    assert not difference.everywhere
    assert report.differs
    assert report.agreeing == 0


def test_a_test_that_fails_here_and_passes_there_is_in_the_other_list():
    report = compare(side(a="failed"), {LINUX: side(a="xpassed"), WINDOWS: side(a="passed")})
    (difference,) = report.fails_here_passes_there
    assert (difference.nodeid, difference.here, difference.everywhere) == ("a", "failed", True)
    assert report.passes_here_fails_there == ()


def test_a_skip_says_nothing_of_either_side():
    report = compare(side(a="skipped", b="passed"), {LINUX: side(a="failed", b="skipped")})
    assert not report.differs
    assert report.agreeing == 2


def test_tests_that_are_missing_on_a_side_are_named():
    report = compare(side(a="passed", b="passed"), {LINUX: side(b="passed"), WINDOWS: side(c="passed")})
    assert (report.only_here, report.only_there, report.agreeing) == (("a",), ("c",), 1)


def test_each_cell_is_counted_for_itself():
    report = compare(side(), {LINUX: side(a="passed", b="failed", c="skipped")})
    (figures,) = report.cells
    assert (figures.tests, figures.passing, figures.failing, figures.factor) == (3, 1, 1, None)


def test_a_machine_that_is_slower_as_a_whole_makes_no_test_remarkable():
    report = compare(timed(**ten_tests()), {WINDOWS: timed(**ten_tests(2.5))})
    assert report.durations == ()
    assert report.cells[0].factor == pytest.approx(2.5, rel=0.03)


def test_a_test_that_is_slower_than_its_machine_makes_it_is_named():
    there = ten_tests(2.0) | {"t5": 12.0}
    report = compare(timed(**ten_tests()), {WINDOWS: timed(**there)})
    (slower,) = report.durations
    assert (slower.nodeid, slower.cell, slower.there_s) == ("t5", WINDOWS, 12.0)
    assert slower.ratio == pytest.approx(12.0 / slower.here_s)
    assert slower.against == pytest.approx(slower.ratio / 2.0, rel=0.03)
    assert slower.score > 3.5


def test_a_test_that_is_faster_has_a_negative_score():
    report = compare(timed(**ten_tests()), {LINUX: timed(**(ten_tests() | {"t9": 0.1}))})
    assert [(each.nodeid, each.score < 0) for each in report.durations] == [("t9", True)]


def test_a_difference_of_milliseconds_is_noise():
    report = compare(timed(**ten_tests(), x=0.001), {LINUX: timed(**ten_tests(), x=0.04)})
    assert report.durations == ()


def test_few_tests_tell_only_what_is_far_off():
    here = timed(a=1.0, b=1.0)
    assert compare(here, {LINUX: timed(a=3.9)}).durations == ()
    assert [each.nodeid for each in compare(here, {LINUX: timed(a=1.0, b=5.0)}).durations] == ["b"]


def test_durations_of_failing_tests_and_unknown_ones_are_not_compared():
    here = {
        "a": Observation("failed", 9.0),
        "b": Observation("passed", None),
        "c": Observation("passed", 0.0),
    }
    there = timed(a=1.0, b=1.0, c=1.0)
    assert compare(here, {LINUX: there}).cells[0].timed == 0


def test_the_chance_is_that_of_fishers_exact_test():
    # 3 failures in 4 results there, none in 4 here: 4 of the 56 ways to spread them.
    assert chance_of_only_there(3, 4, 4) == pytest.approx(4 / 56)
    assert chance_of_only_there(0, 4, 4) == 1.0


SIDES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Observation,
        st.sampled_from(["passed", "failed", "error", "skipped", "xfailed", "xpassed"]),
        st.none() | st.floats(0, 1e6),
    ),
)


@given(SIDES)
def test_a_side_does_not_differ_from_itself(here):
    report = compare(here, {LINUX: here})
    assert not report.differs
    assert (report.only_here, report.only_there, report.durations) == ((), (), ())
    assert report.agreeing == len(here)


@given(SIDES, SIDES)
def test_every_test_is_in_exactly_one_place_and_turning_the_sides_turns_the_lists(here, there):
    one, other = compare(here, {LINUX: there}), compare(there, {LINUX: here})
    places = len(one.passes_here_fails_there) + len(one.fails_here_passes_there)
    assert places + len(one.only_here) + len(one.only_there) + one.agreeing == len(here.keys() | there.keys())
    assert [d.nodeid for d in one.passes_here_fails_there] == [
        d.nodeid for d in other.fails_here_passes_there
    ]
    assert (one.only_here, one.only_there) == (other.only_there, other.only_here)


@pytest.mark.parametrize("seconds", [0.0, 5e-324, 1e-9])
def test_a_duration_that_no_clock_measures_has_no_ratio(seconds: float):
    report = compare(timed(a=2.0), {LINUX: timed(a=seconds)})
    assert (report.durations, report.agreeing) == ((), 1)


@given(st.floats(0.01, 100))
def test_the_factor_takes_the_whole_machine_out(factor: float):
    report = compare(timed(**ten_tests()), {LINUX: timed(**ten_tests(factor))})
    assert math.isclose(report.cells[0].factor or 0.0, factor, rel_tol=0.001)
