"""What surrounds a line of source, in a form that neither line shifts nor a formatter change.

Tokens are words and punctuation; what formatters add, take away or exchange (blanks, line ends,
commas, parentheses, quotes, backslashes) is no token. Nothing is parsed, so broken source, and source
that is no Python, has surroundings too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from zlib import crc32

from argos.model.quality import NOWHERE, Surroundings

NEAR = 8
"""How many tokens before and after a line are its neighbourhood."""

POINTED = 6
"""How many tokens from a column on make out the point."""

REACH = 12
"""How many lines are searched for these, at most."""

LONGEST_LINE = 2000
"""Characters of a line that are looked at: generated files have lines of megabytes."""

_TOKEN = re.compile(r"\w+|[^\w\s,()'\"\\;]")
_DEFINITION = re.compile(r"([ \t]*)(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")
_TRIPLE = re.compile(r"\"\"\"|'''")
_CLOSING = (")", "]", "}")


class Source:
    """One file's text, cut into tokens where it is asked about."""

    def __init__(self, text: str) -> None:
        self._lines = re.split(r"\r\n?|\n", text)
        self._tokens: dict[int, list[str]] = {}
        self._symbols: list[str] | None = None

    @property
    def lines(self) -> int:
        """How many lines the file has; a last line without an end counts, an empty one does not."""
        return len(self._lines) - (self._lines[-1] == "")

    def around(self, line: int | None, column: int | None = None) -> Surroundings:
        """The surroundings of a place counted from 1; of no place, or one beyond the end, none."""
        if line is None or not 1 <= line <= len(self._lines):
            return NOWHERE
        return Surroundings(
            self.symbol(line),
            _digest(self._of(line)),
            _digest(self._from(line, column)),
            _digest(self._before(line)),
            _digest(self._after(line)),
        )

    def symbol(self, line: int) -> str:
        """The dotted name of the function or class that a line lies in, by indentation; empty for none."""
        if self._symbols is None:
            self._symbols = _symbols(self._lines)
        return self._symbols[line - 1]

    def _of(self, line: int) -> list[str]:
        found = self._tokens.get(line)
        if found is None:
            found = self._tokens[line] = _TOKEN.findall(self._lines[line - 1][:LONGEST_LINE])
        return found

    def _from(self, line: int, column: int | None) -> list[str]:
        if column is None:
            return []
        rest = _TOKEN.findall(self._lines[line - 1][column - 1 : column - 1 + LONGEST_LINE])
        return [*rest[:POINTED], *islice(self._following(line), max(POINTED - len(rest), 0))]

    def _before(self, line: int) -> list[str]:
        found: list[str] = []
        for number in range(line - 1, max(line - 1 - REACH, 0), -1):
            found = self._of(number)[-NEAR:] + found
            if len(found) >= NEAR:
                break
        return found[-NEAR:]

    def _after(self, line: int) -> list[str]:
        return list(islice(self._following(line), NEAR))

    def _following(self, line: int) -> Iterable[str]:
        for number in range(line + 1, min(line + REACH, len(self._lines)) + 1):
            yield from self._of(number)


def _digest(tokens: list[str]) -> int:
    """32 bits that stand for tokens; 0 for none."""
    return crc32(" ".join(tokens).encode("utf-8", "surrogatepass")) if tokens else 0


def _symbols(lines: list[str]) -> list[str]:
    """For each line its enclosing definition; a line that defines one is inside it.

    Lines of a string over several lines, blank ones and those that close a bracket change nothing.
    """
    found: list[str] = []
    open_ones: list[tuple[int, str]] = []
    name = ""
    quoted = False
    for line in lines:
        text = line.lstrip()
        if text and not quoted and not text.startswith(_CLOSING):
            indent = len(line) - len(text)
            if open_ones and open_ones[-1][0] >= indent:
                open_ones = [each for each in open_ones if each[0] < indent]
                name = open_ones[-1][1] if open_ones else ""
            if text.startswith(("def", "class", "async")) and (made := _DEFINITION.match(line)):
                name = f"{name}.{made[2]}" if name else made[2]
                open_ones.append((indent, name))
        found.append(name)
        if ('"""' in line or "'''" in line) and len(_TRIPLE.findall(line)) % 2:
            quoted = not quoted
    return found
