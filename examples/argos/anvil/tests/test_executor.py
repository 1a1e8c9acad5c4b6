import pytest
from anvil.executor import spread


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_nothing_is_lost(workers):
    names = {f"test_{number}": float(number) for number in range(5)}
    parts = spread(names, workers)
    assert sorted(name for part in parts for name in part) == sorted(names)


def test_the_longest_goes_first():
    assert spread({"short": 1.0, "long": 9.0}, 1) == [["long", "short"]]


def test_loads_are_even():
    assert spread({"a": 3.0, "b": 2.0, "c": 1.0}, 2) == [["a"], ["b", "c"]]


def test_no_worker_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        spread({}, 0)
