import sys


def test_fail():
    print("____ test_pass ____")
    print("=================================== FAILURES ===================================")
    print("__________________________________ test_inner __________________________________")
    print("E   AssertionError: inner")
    print("=========================== short test summary info ============================")
    print("FAILED test_inner.py::test_inner - AssertionError: inner")
    print("============================== 1 failed in 0.01s ===============================")
    assert False


def test_ok():
    pass


def test_nested():
    print("============================= test session starts ==============================")
    print("platform linux -- Python 3.1.0, pytest-0.1, pluggy-1.7.0")
    print("collected 99 items")
    print("test_inner.py::test_inner PASSED                                         [100%]")
    print("============================== 99 passed in 0.01s ==============================")
    raise KeyError("after the inner run")
