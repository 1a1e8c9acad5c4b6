from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.stats import matrix
from argos.stats.matrix import Cell, benjamini_hochberg, chi_squared_tail, corrected, dependence

SYSTEMS = ("linux", "macos", "windows")
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12")


def cells(fails, runs=1):
    """A full matrix of systems and Pythons, by system within run and Python."""
    return [
        Cell(system, int(fails(system, python)), int(not fails(system, python)), f"{run} {python}")
        for run, system, python in product(range(runs), SYSTEMS, PYTHONS)
    ]


def test_the_lady_tasting_tea():
    """Fisher, The Design of Experiments (1935): 3 of 4 cups right; two-sided p = 34/70."""
    found = dependence([Cell("milk", 3, 1), Cell("tea", 1, 3)], alpha=1)
    assert found.p_value == pytest.approx(34 / 70)
    assert found.test == matrix.EXACT


def test_a_table_of_two_rows_agrees_with_scipy():
    """scipy.stats.fisher_exact([[8, 2], [1, 5]]) of scipy 1.17.1."""
    found = dependence([Cell("a", 8, 2), Cell("b", 1, 5)])
    assert found.p_value == pytest.approx(0.034965034965034975)


def test_strata_agree_with_the_exact_test_of_r():
    """mantelhaen.test(Rabbits, exact = TRUE) of R: penicillin at five doses, p-value = 0.03994."""
    rabbits = {
        "1/8": ((0, 6), (0, 5)),
        "1/4": ((3, 3), (0, 6)),
        "1/2": ((6, 0), (2, 4)),
        "1": ((5, 1), (6, 0)),
        "4": ((2, 0), (5, 0)),
    }
    found = dependence(
        [
            Cell(delay, died, cured, dose)
            for dose, rows in rabbits.items()
            for delay, (cured, died) in zip(("none", "1.5h"), rows, strict=True)
        ]
    )
    assert found.p_value == pytest.approx(0.03994, abs=5e-6)
    assert found.test == matrix.EXACT_STRATIFIED


def test_a_failure_on_one_system_is_found_in_a_single_run():
    found = dependence(cells(lambda system, _: system == "windows"))
    assert found.p_value == pytest.approx(3 / 3**5)
    assert (found.failing, found.effect, found.significant()) == (("windows",), 1.0, True)


def test_a_failure_that_follows_the_python_version_does_not_depend_on_the_system():
    found = dependence(cells(lambda _, python: python == "3.8", runs=5))
    assert found.p_value is None
    assert "all of them failed or all of them passed" in (found.too_little or "")


def test_a_version_that_ran_on_one_system_only_is_not_blamed_for_it():
    """Everything on Windows fails, and 3.8 runs on Windows alone: held still, 3.8 is no worse."""
    table = [Cell("3.8", 1, 0, "windows")] * 20
    table += [Cell("3.11", 1, 0, "windows"), *[Cell("3.11", 0, 1, "linux")] * 20]
    assert not dependence(table).significant()
    confounded = [Cell(cell.level, cell.failed, cell.passed) for cell in table]
    assert dependence(confounded).significant()


def test_a_bad_commit_is_not_taken_for_a_bad_system():
    """Windows joined the matrix late, and all that ran since is red everywhere."""
    table = [Cell("linux", 0, 1, f"run {n}") for n in range(20)]
    table += [Cell(system, 1, 0, f"run {n}") for n in range(20, 30) for system in ("linux", "windows")]
    assert dependence(table).p_value is None


@pytest.mark.parametrize(
    "table, reason",
    [
        ([], "Nothing ran."),
        ([Cell("3.8", 3, 1)], "Only 3.8 ran"),
        ([Cell("a", 0, 3), Cell("b", 0, 3)], "Nothing failed."),
        ([Cell("a", 3, 0), Cell("b", 3, 0)], "Nothing passed"),
        ([Cell("a", 1, 0, "x"), Cell("b", 0, 1, "y")], "No two levels ran in the same run"),
        ([Cell("a", 1, 0), Cell("b", 0, 1)], "Too few cells ran"),
    ],
)
def test_too_little_data_is_said_with_its_reason(table, reason):
    found = dependence(table)
    assert found.p_value is None
    assert not found.significant()
    assert reason in (found.too_little or "")


def test_many_strata_are_tested_by_a_named_approximation():
    table = [
        Cell(python, int(python == "3.8"), int(python != "3.8"), f"{run} {system}")
        for run, system, python in product(range(60), SYSTEMS, PYTHONS)
    ]
    found = dependence(table)
    assert found.test == matrix.APPROXIMATE
    assert found.failing == ("3.8",)
    assert found.significant(1e-6)


def test_the_approximation_is_close_to_the_exact_test_where_both_are_possible(monkeypatch):
    table = [
        Cell(level, failed, 200 - failed, str(n))
        for n in range(3)
        for level, failed in (("a", 80 + n), ("b", 98 - n))
    ]
    exact = dependence(table)
    monkeypatch.setattr(matrix, "LARGEST_WORK", 0)
    close = dependence(table)
    assert (exact.test, close.test) == (matrix.EXACT_STRATIFIED, matrix.APPROXIMATE)
    assert close.p_value == pytest.approx(exact.p_value, rel=0.2)


@pytest.mark.parametrize(
    "statistic, freedom, tail",
    [(3.841459, 1, 0.05), (5.991465, 2, 0.05), (7.814728, 3, 0.05), (11.0705, 5, 0.05), (3.3, 4, 0.50893226)],
)
def test_the_tail_of_chi_squared_agrees_with_published_tables(statistic, freedom, tail):
    """The usual table of critical values; the last from scipy.stats.chi2.sf of scipy 1.17.1."""
    assert chi_squared_tail(statistic, freedom) == pytest.approx(tail, abs=1e-6)


def test_the_correction_agrees_with_scipy():
    """scipy.stats.false_discovery_control([.01, .04, .03, .005]) of scipy 1.17.1."""
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_a_table_that_could_not_reach_the_level_costs_the_others_nothing():
    clear = dependence(cells(lambda system, _: system == "windows"))
    small = dependence([Cell("a", 1, 0), Cell("b", 0, 1)])
    alone, beside = corrected([clear])[0], corrected([clear, *[small] * 50])[0]
    assert alone.adjusted == beside.adjusted == clear.p_value


@given(st.lists(st.floats(0, 1), max_size=30))
def test_a_correction_never_makes_a_p_value_smaller_and_keeps_their_order(values):
    adjusted = benjamini_hochberg(values)
    assert all(0 <= value <= after <= 1 for value, after in zip(values, adjusted, strict=True))
    ordered = [after for _, after in sorted(zip(values, adjusted, strict=True))]
    assert ordered == sorted(ordered)


small_table = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=3)


def permutation_p(table):
    """The probability of all tables at most as likely as this one, over every placing of the failures."""
    members = [level for level, (failed, passed) in enumerate(table) for _ in range(failed + passed)]
    failures = sum(failed for failed, _ in table)
    counts = Counter(
        tuple(sum(members[i] == level for i in chosen) for level in range(len(table)))
        for chosen in combinations(range(len(members)), failures)
    )
    observed = counts[tuple(failed for failed, _ in table)]
    return Fraction(sum(n for n in counts.values() if n <= observed), sum(counts.values()))


@given(small_table)
def test_the_p_value_is_that_of_all_permutations(table):
    found = dependence([Cell(str(level), *pair) for level, pair in enumerate(table)], alpha=1.1)
    if found.p_value is not None:
        assert found.p_value == pytest.approx(float(permutation_p(table)))


@given(st.lists(small_table, min_size=1, max_size=4), st.randoms())
def test_neither_the_order_of_the_cells_nor_the_names_of_the_levels_matter(strata, random):
    table = [
        Cell(str(level), *pair, str(number))
        for number, each in enumerate(strata)
        for level, pair in enumerate(each)
    ]
    renamed = [Cell(str(9 - int(cell.level)), cell.failed, cell.passed, cell.stratum) for cell in table]
    random.shuffle(renamed)
    before, after = dependence(table), dependence(renamed)
    assert before.p_value == after.p_value
    assert before.smallest_p == after.smallest_p


@given(st.lists(small_table, min_size=1, max_size=4))
def test_the_p_value_lies_between_the_smallest_one_and_1(strata):
    found = dependence(
        Cell(str(level), *pair, str(number))
        for number, each in enumerate(strata)
        for level, pair in enumerate(each)
    )
    assert 0 < found.smallest_p <= 1
    if found.p_value is not None:
        assert found.smallest_p <= found.p_value <= 1
