"""Numbers, times and untrusted text as a report shows them.

Names of tests, messages and output come from other people's code. Nothing here escapes for HTML or
Markdown, that is the renderer's part; here characters that would not show become visible escapes
and long text is cut with a word about it.
"""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime

from argos.console.tables import one_line

LONGEST_NAME = 160
LONGEST_TRACEBACK = 6000
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def visible(text: str) -> str:
    """One line in which control and direction marks are shown as escapes (`\\n`, `\\u202e`)."""
    return text if text.isprintable() else one_line(text)


def lines(text: str) -> str:
    """Text of several lines without terminal colours; other control characters are shown as escapes."""
    plain = _COLOURS.sub("", text).replace("\r\n", "\n").expandtabs(4)
    return "\n".join(visible(line) for line in plain.split("\n"))


def cut_name(text: str) -> str:
    """A visible name of at most 160 characters; the middle gives way, for the ends tell names apart."""
    name = visible(text)
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def first_line(text: str | None) -> str:
    """The first line with something in it, cut to 200 characters; empty for None."""
    stripped = lines(text or "").strip()
    line = stripped.split("\n", 1)[0]
    return line if len(line) <= 200 else f"{line[:199]}…"


def end_of(text: str) -> tuple[str, int]:
    """The end of a long text in whole lines, and how many characters were left out before it."""
    plain = lines(text)
    if len(plain) <= LONGEST_TRACEBACK:
        return plain, 0
    kept = plain[-LONGEST_TRACEBACK:]
    kept = kept[kept.find("\n") + 1 :]
    return kept, len(plain) - len(kept)


def count(number: int, noun: str = "") -> str:
    """`1 test`, `1,204 tests`; without a noun the number alone."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(rate: float | None) -> str:
    """A rate 0..1 as `3.3 %` or `100 %`; a dash for None. Rounding never makes 0 or 100 of another rate."""
    if rate is None:
        return "–"
    value = rate * 100
    if 0 < value < 0.1:
        return "< 0.1 %"
    if 99.9 < value < 100:
        return "> 99.9 %"
    digits = 1 if 0 < value < 10 or 99 < value < 100 else 0
    return f"{value:.{digits}f}".removesuffix(".0") + " %"


def seconds(value: float | None) -> str:
    """`0.4 ms`, `12 ms`, `3.21 s`, `2 min 05 s`, `1 h 02 min`; a dash for None; a minus for negatives."""
    if value is None:
        return "–"
    if value < 0:
        return f"-{seconds(-value)}"
    if value < 0.9995:
        return f"{value * 1000:.2g} ms" if value < 0.0995 else f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60:02d} min"


def moment(at: datetime | None) -> str:
    """`2026-03-01 09:30 UTC`; a dash for None."""
    return "–" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def quoted(text: str) -> str:
    """One argument of a shell command, with control characters shown as escapes."""
    return shlex.quote(visible(text))


def rerun_command(entity: str) -> str:
    """The shell command that runs one test from the project's root.

    A name with characters that a terminal would act on cannot be pasted: its file is run instead.
    """
    for name in (entity, entity.partition("::")[0]):
        if name.isprintable():
            return f"python -m pytest {quoted(name)}"
    return "anvil execute --rule all"
