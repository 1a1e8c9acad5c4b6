"""One live line on a terminal: how far long work is and how long it still takes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import TextIO

DETAIL_MIN = 12


class ProgressLine:
    """Rewrites one line of a terminal at most ten times a second; writes nothing elsewhere."""

    INTERVAL_S = 0.1

    def __init__(self, stream: TextIO, *, enabled: bool | None = None) -> None:
        self._stream = stream
        self._enabled = stream.isatty() if enabled is None else enabled
        self._drawn_at = 0.0
        self._drawn = False

    @property
    def enabled(self) -> bool:
        """Whether somebody sees the line."""
        return self._enabled

    def due(self) -> bool:
        """Whether a new text would be drawn now: composing one may be spared otherwise."""
        return self._enabled and time.monotonic() - self._drawn_at >= self.INTERVAL_S

    def draw(self, *texts: str, detail: str = "") -> None:
        """Draws what `fitted` makes of the texts and the detail."""
        if not self._enabled:
            return
        width = shutil.get_terminal_size().columns - 1
        line = fitted(texts, detail, width)
        self._stream.write("\r" + shorten(line, width, self._stream.encoding) + "\x1b[K")
        self._stream.flush()
        self._drawn_at = time.monotonic()
        self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False


def fitted(texts: Sequence[str], detail: str, width: int) -> str:
    """The first text that fits with as much of the detail's end as can be read; else without a detail.

    The last text is for where none of the others fits: it is not taken to make room for the detail.
    """
    needed = min(len(detail), DETAIL_MIN) + 2 if detail else 0
    roomy = (text for text in texts[:-1] or texts if len(text) + needed <= width)
    line = next(roomy, None)
    if line is None or not detail:
        return next((text for text in texts if len(text) <= width), texts[-1])
    room = width - len(line) - 2
    return f"{line}  {detail if len(detail) <= room else '...' + detail[len(detail) - room + 3 :]}"


def shorten(text: str, width: int, encoding: str | None) -> str:
    """The text in one line of at most `width` characters that the encoding can show."""
    line = " ".join(text.split())
    line = line.encode(encoding or "ascii", "replace").decode(encoding or "ascii")
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= width else line[: max(width - 3, 0)] + "..."


def plural(count: int, noun: str) -> str:
    """`1 test`, `2 tests`: a number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def clock(seconds: float) -> str:
    """A duration for people: `0.4s`, `12s`, `3m05s`, `2h07m`, `21d13h`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
