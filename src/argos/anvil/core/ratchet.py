"""The baseline as a ratchet: what is fixed goes out of it, and nothing new comes in unasked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from argos.model.quality import Sighting
from argos.stats.violations import pair


@dataclass(frozen=True, slots=True)
class Tightened:
    """The entries that the baseline should hold, how they came about, and how many new ones were refused."""

    entries: tuple[Sighting, ...]
    added: int = 0
    removed: int = 0
    refused: int = 0


def tightened(
    old: Sequence[Sighting] | None,
    standing: Sequence[Sighting],
    scanned: Collection[str],
    *,
    accept_new: bool = False,
) -> Tightened:
    """A baseline brought up to what stands now; without an old one all that stands is taken in.

    Entries that are still there stay as they are written, so that the file changes only where
    something was fixed. Of tools that no scan has run nothing is known; their entries stay.
    """
    if old is None:
        return Tightened(tuple(standing), added=len(standing))
    pairs = pair(old, standing)
    taken = set(pairs.values())
    kept = [each for place, each in enumerate(old) if place in pairs or each.tool not in scanned]
    new = [each for place, each in enumerate(standing) if place not in taken]
    return Tightened(
        (*kept, *(new if accept_new else ())),
        added=len(new) if accept_new else 0,
        removed=len(old) - len(kept),
        refused=0 if accept_new else len(new),
    )
