"""What stands in a space as SARIF, for GitHub's code scanning and the like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from argos import __version__
from argos.model.quality import Sighting
from argos.tools import sarif


def render(standing: Sequence[Sighting]) -> str:
    """SARIF whose fingerprints do not change with line numbers, and not from machine to machine."""
    violations = (each.violation for each in standing)
    return sarif.write(zip(violations, identities(standing), strict=True), version=__version__)


def identities(found: Iterable[Sighting]) -> list[str]:
    """A text for each violation: what it is recognised by, and which it is among those alike in that."""
    seen: Counter[tuple[object, ...]] = Counter()
    texts = []
    for each in found:
        key = (each.tool, each.code, each.path, each.around.symbol, each.around.line, each.message)
        texts.append("\0".join(map(str, (*key, seen[key]))))
        seen[key] += 1
    return texts
