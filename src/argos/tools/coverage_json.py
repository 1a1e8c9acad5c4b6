"""The JSON report of coverage.py: `coverage json`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, BinaryIO

from argos.errors import ArgosError
from argos.model.coverage import CoverageReport, FileCoverage
from argos.tools.report_paths import merged, slashed

MAX_BYTES = 256 * 1024 * 1024
MAX_PROBLEMS = 100


def read(stream: BinaryIO) -> CoverageReport:
    """The files of a report of `coverage json`. Paths are as the report names them, but with `/`.

    A file's `lines` are its executed and its missing lines; excluded lines are neither. Branches are
    None unless the report says that they were measured. A file whose entry is not usable is passed
    over with a sentence in `unreadable`.

    Raises `ArgosError` for what is no such report, and for one that is cut off.
    """
    report = _loaded(stream)
    meta = report.get("meta")
    branches = bool(isinstance(meta, dict) and meta.get("branch_coverage"))
    files: dict[str, FileCoverage] = {}
    unreadable: list[str] = []
    for name, entry in report["files"].items():
        try:
            file = _file(slashed(name), entry, branches=branches)
        except (KeyError, TypeError, ValueError) as problem:
            unreadable.append(f"The entry of {name[:200]!r} cannot be read: {problem}.")
            continue
        if file.lines[:1] == (0,):
            # coverage.py 5 on Python 3.11 and later takes a module's first instruction for a line 0.
            unreadable.append(f"{file.path} names a line 0; it is left out.")
            file = replace(file, lines=file.lines[1:], missing=tuple(line for line in file.missing if line))
        files[file.path] = merged(files[file.path], file) if file.path in files else file
    return CoverageReport(files, tuple(unreadable[:MAX_PROBLEMS]), stated=_stated(report.get("totals")))


def _loaded(stream: BinaryIO) -> dict[str, Any]:
    try:
        raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES // 1024**2} MiB")
        report = json.loads(raw)
    except RecursionError:
        raise _no_report("its values are nested too deep") from None
    except (OSError, EOFError, ValueError) as problem:
        raise _no_report(str(problem)[:200]) from problem
    if not isinstance(report, dict) or not isinstance(report.get("files"), dict):
        raise _no_report('it has no "files"')
    return report


def _no_report(why: str) -> ArgosError:
    return ArgosError(
        f"This is no JSON report of coverage.py: {why}.",
        next_step="Write one with `coverage json`; reports of other tools are read as Cobertura XML or lcov.",
    )


def _file(path: str, entry: dict[str, Any], *, branches: bool) -> FileCoverage:
    executed = _lines(entry["executed_lines"])
    missing = _lines(entry["missing_lines"]) - executed
    return FileCoverage(
        path,
        tuple(sorted(executed | missing)),
        tuple(sorted(missing)),
        _branches(entry) if branches else None,
    )


def _lines(numbers: object) -> set[int]:
    if not isinstance(numbers, list):
        raise TypeError("its lines are no list")
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("a line number is no whole number")
    return set(numbers)


def _branches(entry: dict[str, Any]) -> tuple[int, int]:
    """(taken, all) from the summary, which every version writes; the lists are newer."""
    summary = entry["summary"]
    taken, every = summary["covered_branches"], summary["num_branches"]
    if type(taken) is not int or type(every) is not int or not 0 <= taken <= every:
        raise ValueError("its branches do not add up")
    return taken, every


def _stated(totals: object) -> float | None:
    percent = totals.get("percent_covered") if isinstance(totals, dict) else None
    usable = isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100
    return float(percent) if usable and percent is not None else None
