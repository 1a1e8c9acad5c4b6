"""Reports among files: test sessions of JUnit files, coverage of any kind, whatever the files are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import BinaryIO

from argos.errors import ArgosError
from argos.model.ci import TestSession
from argos.model.coverage import CoverageReport
from argos.scout.parsers.reports import HEAD_BYTES, ReportKind, identify
from argos.tools import cobertura, coverage_json, junit, lcov

_COVERAGE: dict[ReportKind, Callable[[BinaryIO], CoverageReport]] = {
    ReportKind.COBERTURA: cobertura.read,
    ReportKind.COVERAGE_JSON: coverage_json.read,
    ReportKind.LCOV: lcov.read,
}


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file and what it tells.

    `problem` says why it could not be read, None if it could; `left_out` are parts of it that were
    passed over, one sentence each.
    """

    path: Path
    kind: ReportKind
    sessions: tuple[TestSession, ...] = ()
    coverage: CoverageReport | None = None
    problem: str | None = None
    left_out: tuple[str, ...] = ()


def kind_of(path: Path) -> ReportKind:
    """What a file is, by its first bytes. Raises OSError."""
    with path.open("rb") as stream:
        return identify(stream.read(HEAD_BYTES), path.name)


def read_file(path: Path, kind: ReportKind) -> ReportFile:
    """A report of tests or of coverage; other kinds tell nothing."""
    try:
        with path.open("rb") as stream:
            if kind is ReportKind.JUNIT:
                # Runners of GitHub keep UTC, and older reports write times without a zone.
                tests = junit.read_report(stream, zone=UTC)
                return ReportFile(path, kind, tuple(tests.sessions), left_out=tuple(tests.unreadable))
            if kind in _COVERAGE:
                coverage = _COVERAGE[kind](stream)
                return ReportFile(path, kind, coverage=coverage, left_out=coverage.unreadable)
    except ArgosError as error:
        return ReportFile(path, kind, problem=str(error))
    except OSError as error:
        return ReportFile(path, kind, problem=f"It cannot be read: {error.strerror or error}.")
    return ReportFile(path, kind)


def read_files(paths: Iterable[Path]) -> Iterator[ReportFile]:
    """The reports among files, in their order; what is no report is passed over."""
    for path in paths:
        kind = kind_of(path)
        if kind is ReportKind.JUNIT or kind in _COVERAGE:
            yield read_file(path, kind)
