from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.config.quantities import parse_age, parse_duration, parse_rate
from argos.errors import ArgosError


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("15%", 0.15),
        ("15", 0.15),
        ("0.15", 0.15),
        (15, 0.15),
        (0.15, 0.15),
        (20.0, 0.2),
        (" 15 % ", 0.15),
        ("1%", 0.01),
        ("0.5%", 0.005),
        ("100%", 1.0),
        (100, 1.0),
        (0, 0.0),
        ("0%", 0.0),
        ("1.5", 0.015),
        (".5", 0.5),
    ],
)
def test_a_rate_is_percent_above_one_and_a_fraction_below(written: str | float, rate: float) -> None:
    assert parse_rate(written) == rate


@pytest.mark.parametrize("written", ["1", 1, 1.0, "1.0", " 1 "])
def test_a_bare_one_is_refused_since_it_can_be_both(written: str | float) -> None:
    with pytest.raises(ArgosError, match=r"Write 1% or 100%\."):
        parse_rate(written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ten",
        "-5%",
        -5,
        "101%",
        100.5,
        "1e400",
        "nan",
        "inf",
        "15%%",
        "1,5",
        "\u0661\u0665%",
        True,
        "9" * 400,
    ],
)
def test_what_is_no_rate_is_refused(written: str | float) -> None:
    with pytest.raises(ArgosError):
        parse_rate(written)


@given(st.floats(min_value=0.01, max_value=100).map(lambda n: round(n, 4)))
def test_percent_with_and_without_its_sign_agree(percent: float) -> None:
    assert 0 < parse_rate(f"{percent}%") <= 1
    if percent > 1:
        assert parse_rate(percent) == parse_rate(f"{percent}%")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h 30m 5s", 5405),
        ("2.5s", 2.5),
        ("300", 300),
        (0.5, 0.5),
        ("5min", 300),
        ("0s", 0),
    ],
)
def test_durations_are_hours_minutes_and_seconds(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", " ", "s", "90x", "5m1h", "-5s", "1h1h", "inf", "1e3", True, "9" * 400 + "h"]
)
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ArgosError):
        parse_duration(written)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("written", "age"),
    [
        ("90d", timedelta(days=90)),
        ("2w", timedelta(weeks=2)),
        ("12h", timedelta(hours=12)),
        (" 1 d ", timedelta(days=1)),
    ],
)
def test_ages_are_hours_days_and_weeks(written: str, age: timedelta) -> None:
    assert parse_age(written) == age


@pytest.mark.parametrize("written", ["", "90", "d", "-1d", "1.5d", "1y", "9" * 20 + "d", "9" * 5000 + "d"])
def test_what_is_no_age_is_refused(written: str) -> None:
    with pytest.raises(ArgosError):
        parse_age(written)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (parse_rate, parse_duration, parse_age):
        try:
            parse(text)
        except ArgosError as error:
            assert len(str(error)) < 250
