"""Rates, durations and ages as people write them in rules and on command lines."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from argos.errors import ArgosError

_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_RATE = re.compile(rf"\s*({_NUMBER})\s*(%?)\s*")
_DURATION = re.compile(
    rf"\s*(?:(?P<h>{_NUMBER})\s*h)?\s*(?:(?P<m>{_NUMBER})\s*m(?:in)?)?\s*(?:(?P<s>{_NUMBER})\s*s)?\s*"
)
_SECONDS = re.compile(rf"\s*({_NUMBER})\s*")
_AGE = re.compile(r"\s*([0-9]+)\s*([hdw])\s*")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def parse_rate(written: str | float) -> float:
    """A rate 0..1; `15%`, `15` and `0.15` are all 0.15.

    A number above 1 is percent and one below 1 a fraction, so a bare 1 could be both and is refused.
    Raises `ArgosError` for that, for anything that is not a number, and outside 0 to 100 %.
    """
    found = None if isinstance(written, bool) else _RATE.fullmatch(str(written))
    if found is None:
        raise _refused("rate", written, "Write a rate as 15%, 15 or 0.15.")
    number, percent = float(found[1]), bool(found[2])
    if number == 1 and not percent:
        raise ArgosError(f"A rate of {written} can be 1 % or 100 %.", next_step="Write 1% or 100%.")
    if number > 100:
        raise ArgosError(f"The rate {_short(written)} is above 100 %.", next_step="Write at most 100%.")
    return number / 100 if percent or number > 1 else number


def parse_duration(written: str | float) -> float:
    """Seconds, 0 or more: `90s`, `5m`, `1h30m`; a bare number is seconds. Raises `ArgosError`."""
    text = "" if isinstance(written, bool) else str(written)
    if bare := _SECONDS.fullmatch(text):
        seconds = float(bare[1])
    elif (found := _DURATION.fullmatch(text)) and any(found.groups()):
        hours, minutes, rest = (float(part or 0) for part in found.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    else:
        raise _refused("duration", written, "Write a duration as 90s, 5m or 1h30m.")
    if not math.isfinite(seconds):
        raise _refused("duration", written, "Write a shorter one.")
    return seconds


def parse_age(written: str) -> timedelta:
    """How long ago: `90d`, `2w`, `12h`. Raises `ArgosError`."""
    found = _AGE.fullmatch(written)
    if found is None:
        raise _refused("age", written, "Write an age as 90d, 2w or 12h.")
    try:
        return timedelta(hours=float(found[1]) * _HOURS[found[2]])
    except OverflowError as error:
        raise _refused("age", written, "Write a shorter one, such as 90d.") from error


def _refused(kind: str, written: object, next_step: str) -> ArgosError:
    article = "an" if kind == "age" else "a"
    return ArgosError(f'"{_short(written)}" is not {article} {kind}.', next_step=next_step)


def _short(written: object) -> str:
    text = str(written)
    return text if len(text) <= 60 else f"{text[:57]}..."
