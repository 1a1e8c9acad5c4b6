import pytest
from forge.models import LineRange, build_order


@pytest.mark.parametrize("first, last, length", [(1, 1, 1), (1, 2, 2), (3, 7, 5), (10, 19, 10)])
def test_a_range_counts_both_its_ends(first, last, length):
    assert len(LineRange(first, last)) == length


@pytest.mark.parametrize("line", [3, 4, 5])
def test_a_range_holds_both_its_ends(line):
    assert line in LineRange(3, 5)


@pytest.mark.parametrize("line", [1, 2, 6, 7])
def test_a_range_ends(line):
    assert line not in LineRange(3, 5)


@pytest.mark.parametrize("first, last", [(0, 1), (2, 1), (-3, -1)])
def test_an_impossible_range_is_refused(first, last):
    with pytest.raises(ValueError, match="not a range"):
        LineRange(first, last)


@pytest.mark.parametrize("other", [LineRange(1, 3), LineRange(5, 9), LineRange(4, 4), LineRange(1, 9)])
def test_ranges_that_share_a_line_overlap(other):
    assert LineRange(3, 5).overlaps(other)


@pytest.mark.parametrize("other", [LineRange(1, 2), LineRange(6, 9)])
def test_neighbours_do_not_overlap(other):
    assert not LineRange(3, 5).overlaps(other)


def test_what_is_needed_is_built_first(needs):
    assert build_order(needs) == ["core", "ui", "app"]


def test_a_cycle_is_named():
    with pytest.raises(ValueError, match="a -> b -> a"):
        build_order({"a": ["b"], "b": ["a"]})
