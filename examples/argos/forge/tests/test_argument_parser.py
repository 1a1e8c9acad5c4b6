import pytest
from forge import argument_parser


@pytest.mark.parametrize("text, expected", [("0", 0), ("12", 12), ("2k", 2048), ("3M", 3 * 1024**2), ("1G", 1024**3)])
def test_a_size_has_a_unit(text, expected):
    assert argument_parser.size(text) == expected


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5k", "12kk", "twelve"])
def test_a_bad_size_is_refused(text):
    with pytest.raises(ValueError, match="not a size"):
        argument_parser.size(text)


@pytest.mark.parametrize("text", ["on", "ON", "yes", "True"])
def test_a_switch_is_on(text):
    assert argument_parser.switch(text) is True


@pytest.mark.parametrize("text", ["off", "No", "false"])
def test_a_switch_is_off(text):
    assert argument_parser.switch(text) is False


def test_a_bad_switch_is_refused():
    with pytest.raises(ValueError, match="neither on nor off"):
        argument_parser.switch("maybe")


def test_a_value_may_hold_an_equals_sign():
    assert argument_parser.definition("FLAGS=-O2 -DX=1") == ("FLAGS", "-O2 -DX=1")


@pytest.mark.parametrize("text", ["FLAGS", "=1", "1A=2", "a-b=c"])
def test_a_bad_definition_is_refused(text):
    with pytest.raises(ValueError, match="not a definition"):
        argument_parser.definition(text)
