from __future__ import annotations

import shlex
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.lens.reports import text


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.0004, "< 0.1 %"),
        (1 / 30, "3.3 %"),
        (0.05, "5 %"),
        (1 / 3, "33 %"),
        (0.995, "99.5 %"),
        (0.9996, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_a_rate_is_shown_as_a_percentage(rate, shown):
    assert text.percent(rate) == shown


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_rounding_never_makes_a_rate_0_or_100_percent(rate):
    assert text.percent(rate) not in ("0 %", "100 %")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0 ms"),
        (0.00042, "0.42 ms"),
        (0.0123, "12 ms"),
        (0.999, "999 ms"),
        (3.214, "3.21 s"),
        (9.9999, "10.0 s"),
        (59.94, "59.9 s"),
        (59.99, "1 min 00 s"),
        (3725, "1 h 02 min"),
        (-2.0, "-2.00 s"),
    ],
)
def test_a_duration_is_shown_in_the_unit_that_fits(value, shown):
    assert text.seconds(value) == shown


def test_a_time_is_shown_in_utc():
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert text.moment(at) == "2026-02-28 23:30 UTC"


def test_the_middle_of_a_long_name_gives_way():
    name = "tests/a.py::" + "x" * 500 + "::end"
    assert len(text.cut_name(name)) <= text.LONGEST_NAME
    assert text.cut_name(name).startswith("tests/a.py::")
    assert text.cut_name(name).endswith("::end")


@given(st.text())
def test_a_visible_text_is_one_printable_line(name):
    assert text.visible(name).isprintable()


@given(st.text())
def test_lines_keep_nothing_but_line_ends_that_does_not_print(output):
    assert all(line.isprintable() for line in text.lines(output).split("\n"))


def test_terminal_colours_are_taken_out_of_messages():
    assert text.first_line("\n\x1b[31m\x1b[1mE  boom\x1b[0m\nmore") == "E  boom"


def test_the_end_of_a_long_text_starts_with_a_whole_line():
    long = "\n".join(f"line {number}" for number in range(2000))
    kept, left_out = text.end_of(long)
    assert kept.startswith("line ")
    assert kept.endswith("line 1999")
    assert len(kept) + left_out == len(long)


def test_one_endless_line_is_cut_too():
    kept, left_out = text.end_of("x" * 10_000)
    assert (len(kept), left_out) == (text.LONGEST_TRACEBACK, 10_000 - text.LONGEST_TRACEBACK)


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]), min_size=1))
def test_a_shell_reads_the_name_of_the_test_back_from_the_command(name):
    assert shlex.split(text.rerun_command(name)) == ["python", "-m", "pytest", name]


def test_a_name_that_cannot_be_pasted_runs_its_file():
    assert text.rerun_command("tests/a.py::t[\x1b]") == "python -m pytest tests/a.py"
    assert text.rerun_command("\x1b") == "anvil execute --rule all"
