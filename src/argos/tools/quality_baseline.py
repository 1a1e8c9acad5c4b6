"""The baseline of known violations: one line each, without line numbers and without totals.

A violation is written as what it is recognised by, so that the file changes only where violations
come and go. It is sorted by path, and merged by union: two branches never conflict in it.

    path | tool | code | symbol | digests of the surroundings | severity | message
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from argos.errors import ArgosError
from argos.model.quality import SEVERITIES, Sighting, Surroundings

FILE = ".anvil/quality-baseline.txt"
ATTRIBUTES = ".anvil/.gitattributes"
ATTRIBUTE = "quality-baseline.txt merge=union\n"

_HEAD = (
    "# Violations that are known and do not fail a run: `anvil quality baseline` writes this file.\n"
    "# path | tool | code | symbol | surroundings | severity | message\n"
)
_DIGESTS = re.compile(r"[0-9a-f]{32}|-")
_SEPARATOR = " | "
_FIELDS = 7


def dump(known: Iterable[Sighting]) -> str:
    """The whole file. Two violations that are alike in all but their line have two equal lines."""
    return _HEAD + "".join(f"{line}\n" for line in sorted(map(_line, known)))


def load(text: str, where: str = FILE) -> list[Sighting]:
    """The violations of a baseline, without lines and columns.

    Raises `ArgosError` with the place of a line that is none, such as what a failed merge leaves.
    """
    found = []
    for number, line in enumerate(text.removeprefix("﻿").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        each = _parsed(line)
        if each is None:
            raise ArgosError(
                "This line is no violation.",
                where=f"{where}:{number}",
                next_step="Take it out, or write the file anew with `anvil quality baseline --accept-new`.",
            )
        found.append(each)
    return found


def _line(each: Sighting) -> str:
    around = each.around
    digests = "".join(f"{number:08x}" for number in (around.line, around.point, around.before, around.after))
    fields = (each.path, each.tool, each.code, around.symbol, digests.replace("0" * 32, "-"), each.severity)
    return _SEPARATOR.join((*map(_field, fields), " ".join(each.message.split())))


def _field(text: str) -> str:
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return " ".join(plain.split()).replace("|", "%7C")


def _parsed(line: str) -> Sighting | None:
    fields = line.split(_SEPARATOR, _FIELDS - 1)
    if len(fields) != _FIELDS:
        return None
    path, tool, code, symbol, digests, severity = (each.strip().replace("%7C", "|") for each in fields[:-1])
    if not _DIGESTS.fullmatch(digests) or severity not in SEVERITIES:
        return None
    numbers = [0] * 4 if digests == "-" else [int(digests[at : at + 8], 16) for at in range(0, 32, 8)]
    return Sighting(path, tool, code, fields[-1], severity, around=Surroundings(symbol, *numbers))
