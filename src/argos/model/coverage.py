"""Coverage as the tools report it: which lines of which file ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """One file: `lines` are the statements, `missing` those that did not run, both from 1, ascending.

    `branches` is (taken, all), None where branches were not measured.
    """

    path: str
    lines: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    branches: tuple[int, int] | None = None

    @property
    def statements(self) -> int:
        return len(self.lines)

    @property
    def covered(self) -> int:
        return len(self.lines) - len(self.missing)

    @property
    def percent(self) -> float | None:
        """Percent of statements, and of branches where measured, that ran; None without statements.

        (covered statements + taken branches) / (statements + branches), as coverage.py counts.
        """
        taken, every = self.branches or (0, 0)
        total = self.statements + every
        return 100.0 * (self.covered + taken) / total if total else None


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """The files of one report by path, as the report names them, with `/`.

    `unreadable` are parts of the report that were passed over, one sentence each. `sources` are the
    folders that the paths are relative to, if the report names any. `stated` is the total that the
    report itself gives, in percent; it is all there is where a report holds rates but no lines.
    """

    files: Mapping[str, FileCoverage] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    stated: float | None = None

    @property
    def total(self) -> float | None:
        """Percent over all files, weighted by their statements and branches; None without any."""
        possible = sum(f.statements + (f.branches or (0, 0))[1] for f in self.files.values())
        reached = sum(f.covered + (f.branches or (0, 0))[0] for f in self.files.values())
        return 100.0 * reached / possible if possible else None
