"""What a build is made of: targets that need each other, and ranges of lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LineRange:
    """Lines of a file, counted from 1, both ends included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last:
            raise ValueError(f"not a range of lines: {self.first}-{self.last}")

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, line: int) -> bool:
        return self.first <= line < self.first + len(self)

    def overlaps(self, other: LineRange) -> bool:
        return any(line in other for line in range(self.first, self.first + len(self)))


def build_order(needs: dict[str, list[str]]) -> list[str]:
    """Targets so that each comes after what it needs; raises ValueError for a cycle."""
    done: list[str] = []
    open_targets: list[str] = []

    def visit(target: str) -> None:
        if target in done:
            return
        if target in open_targets:
            raise ValueError("cycle: " + " -> ".join([*open_targets, target]))
        open_targets.append(target)
        for needed in needs.get(target, []):
            visit(needed)
        open_targets.pop()
        done.append(target)

    for name in needs:
        visit(name)
    return done
