import pytest


def test_pass():
    pass


def test_fail():
    print("=== 3 passed in 0.01s ===")
    print("tests/x.py::fake PASSED [ 10%]")
    print("FAILED test_a.py::ghost - nothing")
    assert [1, 2] == [1, 3]


@pytest.fixture
def broken():
    raise RuntimeError("no database")


@pytest.fixture
def closing():
    yield
    raise ValueError("cannot close")


def test_setup_error(broken):
    pass


def test_teardown_error(closing):
    pass


@pytest.mark.skip(reason="not today (really)")
def test_skip():
    pass


@pytest.mark.xfail(reason="known - bug")
def test_xfail():
    assert 0


@pytest.mark.xfail
def test_xpass():
    pass


@pytest.mark.parametrize("value", ["a b", "x - y", "p[q", "http://h:80/::z", "\xfc", "z PASSED w", "] - end"])
def test_param(value):
    assert value in ("a b", "p[q"), "line one\nFAILED test_a.py::ghost - nope\nERROR other.py - end"


class TestX:
    def test_method(self):
        raise TypeError("bad\nFAILED tests/q.py::y - z")
