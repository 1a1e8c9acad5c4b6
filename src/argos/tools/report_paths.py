"""Paths as reports name them, and which files of the project they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from argos.model.coverage import CoverageReport, FileCoverage

_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")
MAX_UNMATCHED_SHOWN = 20


def slashed(path: str) -> str:
    """A path with `/`, without `.` parts; a Windows path keeps its drive. Empty stays empty."""
    path = path.strip().replace("\\", "/")
    return str(PurePosixPath(path)) if path else ""


def project_paths(report: CoverageReport, exists: Callable[[str], bool]) -> CoverageReport:
    """The report with paths relative to the project; files that the project does not have are left out.

    `exists` answers for a path relative to the project's root, with `/`. A path is tried as it stands,
    then under each of the report's `sources`, then without its leading folders, one after the other:
    what remains of `/home/runner/work/r/r/src/a.py` on another machine is `src/a.py`. The longest
    that exists is taken. Files that meet in one path are merged; what is left out is told in
    `unreadable`, by name up to 20 files.
    """
    files: dict[str, FileCoverage] = {}
    unmatched: list[str] = []
    for path, file in report.files.items():
        found = next((each for each in _candidates(path, report.sources) if exists(each)), None)
        if found is None:
            unmatched.append(path)
        elif found in files:
            files[found] = merged(files[found], replace(file, path=found))
        else:
            files[found] = replace(file, path=found)
    return replace(report, files=files, unreadable=(*report.unreadable, *_left_out(unmatched)))


def merged(one: FileCoverage, other: FileCoverage) -> FileCoverage:
    """Two reports of the same file: a line ran if it ran in either.

    Which branches were taken is not known, only how many: the greater number stands, which is the
    least that both together took.
    """
    lines = set(one.lines) | set(other.lines)
    ran = (set(one.lines) - set(one.missing)) | (set(other.lines) - set(other.missing))
    branches = one.branches or other.branches
    if one.branches and other.branches:
        branches = (max(one.branches[0], other.branches[0]), max(one.branches[1], other.branches[1]))
    return FileCoverage(one.path, tuple(sorted(lines)), tuple(sorted(lines - ran)), branches)


def _candidates(path: str, sources: Iterable[str]) -> Iterator[str]:
    """Project paths that a report's path can mean, the likeliest first."""
    absolute = _ABSOLUTE.match(path) is not None
    wholes = [] if absolute else [f"{source}/{path}" for source in sources]
    if not absolute:
        yield from _within(path)
    for whole in wholes:
        if not _ABSOLUTE.match(whole):
            yield from _within(slashed(whole))
    for whole in wholes or [path]:
        yield from _tails(whole)
    if not absolute:
        yield from _tails(path)


def _within(path: str) -> Iterator[str]:
    if ".." not in path.split("/"):
        yield path


def _tails(path: str) -> Iterator[str]:
    """What remains of a path without its first part, its first two, …, down to the file's name."""
    parts = [part for part in path.split("/") if part]
    for first in range(1, len(parts)):
        if ".." not in parts[first:]:
            yield "/".join(parts[first:])


def _left_out(unmatched: list[str]) -> Iterator[str]:
    for path in unmatched[:MAX_UNMATCHED_SHOWN]:
        yield f"{path} is no file of the project; it is left out."
    if (more := len(unmatched) - MAX_UNMATCHED_SHOWN) and more > 0:
        yield f"{more} more files are not of the project; they are left out."
