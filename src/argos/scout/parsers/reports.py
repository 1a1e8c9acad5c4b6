"""What a file is that somebody hands over: a log, a report of tests, a report of coverage."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath

HEAD_BYTES = 64 * 1024


class ReportKind(StrEnum):
    """The kinds of file that are told apart; `ARCHIVE` is a zip of anything but logs."""

    GITHUB_LOG = "github log"
    LOG_ZIP = "log zip"
    ARCHIVE = "zip"
    JUNIT = "junit"
    COBERTURA = "cobertura"
    COVERAGE_JSON = "coverage json"
    LCOV = "lcov"
    COVERAGE_SQLITE = "coverage sqlite"
    OTHER = "other"


def identify(head: bytes, name: str = "") -> ReportKind:
    """What a file is by its first bytes, best `HEAD_BYTES` of them, and where they are silent by its name.

    Only looked at: nothing is unpacked, opened or run. A `github log` is any text that a job may have
    printed; `other` is what no reader here understands.
    """
    file = PurePosixPath(name.replace("\\", "/")).name.lower()
    if head.startswith(b"SQLite format 3\0"):
        return _database(head, file)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ReportKind.LOG_ZIP if any(map(_LOG_ENTRY.fullmatch, _entries(head))) else ReportKind.ARCHIVE
    text = _text(head)
    if text is None or not text.strip():
        return ReportKind.OTHER
    if (found := _by_content(text)) is not None:
        return found
    return _by_name(text, file)


# `0_test (ubuntu-latest, 3.11).txt`, `test/system.txt`, `test/2_Run actions_checkout@v4.txt`
_LOG_ENTRY = re.compile(r"-?[0-9]+_[^/]*\.txt|[^/]+/(?:system|-?[0-9]+_[^/]*)\.txt")
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{7}Z"
_LOG = re.compile(
    rf"^\ufeff?(?:[^\t\n]*\t[^\t\n]*\t\ufeff?)?{_STAMP}(?: |$)"
    r"|^##\[(?:group|section|command|error|warning)\]|^=+ test session starts =+",
    re.MULTILINE,
)
_LCOV = re.compile(r"(?:#[^\n]*\n|\s)*+(?:TN|SF):")
_BEFORE_ROOT = (("<!--", "-->"), ("<?", "?>"))
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*(?:\[[^\]]*\]\s*)?>")
_ROOT = re.compile(r"<([A-Za-z_][\w.-]*)([^>]*)")


def _database(head: bytes, file: str) -> ReportKind:
    """coverage.py's own database: its schema stands in the first page."""
    ours = b"coverage_schema" in head or file.startswith(".coverage")
    return ReportKind.COVERAGE_SQLITE if ours else ReportKind.OTHER


def _entries(head: bytes) -> Iterator[str]:
    """The names of a zip's first files, as far as the head reaches."""
    for entry in re.finditer(rb"PK\x03\x04", head):
        length = int.from_bytes(head[entry.start() + 26 : entry.start() + 28], "little")
        yield head[entry.start() + 30 : entry.start() + 30 + length].decode("utf-8", "replace")


def _text(head: bytes) -> str | None:
    """The head as text; None for what is none."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace").removeprefix("\ufeff")
    # Logs hold a NUL here and there; in what is no text every fourth byte is one, or so.
    if head.count(0) * 20 > len(head):
        return None
    return head.decode("utf-8", "replace").removeprefix("\ufeff")


def _by_content(text: str) -> ReportKind | None:
    start = text.lstrip()
    if start.startswith("<"):
        return _xml(start)
    if start.startswith("{"):
        ours = '"branch_coverage"' in text and '"meta"' in text
        return ReportKind.COVERAGE_JSON if ours else None
    if _LCOV.match(text):
        return ReportKind.LCOV
    return ReportKind.GITHUB_LOG if _LOG.search(text) else None


def _xml(text: str) -> ReportKind | None:
    """By the outermost element; a `<coverage>` may also be Clover's."""
    root = _root(text)
    if root is None:
        return None
    if root[1] in ("testsuites", "testsuite"):
        return ReportKind.JUNIT
    if root[1] == "coverage":
        return ReportKind.OTHER if "clover=" in root[2] or "generated=" in root[2] else ReportKind.COBERTURA
    return ReportKind.OTHER


def _root(text: str) -> re.Match[str] | None:
    """The outermost element's name and attributes; None if the text ends before it."""
    place = 0
    while True:
        while text[place : place + 1].isspace():
            place += 1
        doctype = _DOCTYPE.match(text, place)
        closing = next((end for begin, end in _BEFORE_ROOT if text.startswith(begin, place)), None)
        if doctype is not None:
            place = doctype.end()
        elif closing is None:
            return _ROOT.match(text, place)
        elif (end := text.find(closing, place)) < 0:
            return None
        else:
            place = end + len(closing)


def _by_name(text: str, file: str) -> ReportKind:
    if text.lstrip().startswith("<"):
        if file.endswith(".xml") and re.search(r"junit|^test", file):
            return ReportKind.JUNIT
        return (
            ReportKind.COBERTURA if re.search(r"(?:coverage|cobertura).*\.xml$", file) else ReportKind.OTHER
        )
    return ReportKind.GITHUB_LOG if file.endswith((".txt", ".log")) else ReportKind.OTHER
