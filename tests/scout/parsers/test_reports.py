from __future__ import annotations

import gzip
import io
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.scout.parsers.reports import HEAD_BYTES, ReportKind, identify

CASES = Path(__file__).parent.parent.parent / "cases"
STAMP = "2026-02-02T18:01:28.4726886Z "


def a_zip(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "text " * 50)
    return written.getvalue()


@pytest.mark.parametrize("path", sorted((CASES / "junit").glob("*.xml")), ids=lambda path: path.name)
def test_reports_of_tests_are_known_whatever_they_are_called(path: Path) -> None:
    assert identify(path.read_bytes()[:HEAD_BYTES], "coverage.xml") is ReportKind.JUNIT


@pytest.mark.parametrize("path", sorted((CASES / "coverage").iterdir()), ids=lambda path: path.name)
def test_reports_of_coverage_are_known_whatever_they_are_called(path: Path) -> None:
    kinds = {".xml": ReportKind.COBERTURA, ".json": ReportKind.COVERAGE_JSON, ".info": ReportKind.LCOV}
    assert identify(path.read_bytes()[:HEAD_BYTES], "x.txt") is kinds[path.suffix]


@pytest.mark.parametrize(
    "text",
    [
        STAMP + "##[group]Operating System\n",
        "\ufeff" + STAMP + "hello\n",
        f"test\tSet up job\t{STAMP}hello\n",
        "some text\n##[error]Process completed with exit code 1.\n",
        "+ pytest\n============ test session starts ============\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_log_is_known_by_its_lines(text: str, encoding: str) -> None:
    assert identify(text.encode(encoding), "noname") is ReportKind.GITHUB_LOG


def test_text_is_a_log_where_its_name_says_so() -> None:
    assert identify(b"anything", "job-logs.txt") is ReportKind.GITHUB_LOG
    assert identify(b"anything", "C:\\logs\\Job.LOG") is ReportKind.GITHUB_LOG
    assert identify(b"anything", "notes.md") is ReportKind.OTHER


@pytest.mark.parametrize(
    "names",
    [
        ["0_test (ubuntu-latest, 3.11).txt", "test (ubuntu-latest, 3.11)/system.txt"],
        ["test/1_Set up job.txt"],
        ["-1_test.txt"],
    ],
)
def test_the_logs_of_a_run_are_told_from_other_zips(names: list[str]) -> None:
    assert identify(a_zip(*names), "x.zip") is ReportKind.LOG_ZIP


@pytest.mark.parametrize("names", [["reports/junit.xml"], ["coverage.xml", "notes.txt"], []])
def test_another_zip_is_an_archive(names: list[str]) -> None:
    assert identify(a_zip(*names), "0_logs.zip") is ReportKind.ARCHIVE


def test_the_database_of_coverage_py_is_known_by_its_schema(tmp_path: Path) -> None:
    for table, kind in (("coverage_schema", ReportKind.COVERAGE_SQLITE), ("other", ReportKind.OTHER)):
        with closing(sqlite3.connect(tmp_path / table)) as database:
            database.execute(f"CREATE TABLE {table} (version integer)")
            database.commit()
        assert identify((tmp_path / table).read_bytes()[:HEAD_BYTES], "data") is kind


def test_a_database_is_believed_its_name() -> None:
    assert identify(b"SQLite format 3\0", "out/.coverage.host.123") is ReportKind.COVERAGE_SQLITE


@pytest.mark.parametrize(
    "head",
    [
        b"", b"   ", b"\0\1\2\3" * 100, gzip.compress(b"text"), b'{"a": 1}', b"[1]", b"<html><testsuite/>",
        b"<report name='jacoco'/>", b'<coverage generated="1" clover="3.2.0"><project/></coverage>', b"\x80\x04\x95cos\n",
    ],
)  # fmt: skip
def test_the_rest_is_other(head: bytes) -> None:
    assert identify(head, "file.bin") is ReportKind.OTHER


def test_what_stands_before_the_outermost_element_is_passed_over() -> None:
    before = '<?xml version="1.0"?>\n<!-- <coverage/> --><!DOCTYPE testsuite [<!ENTITY a "<coverage>">]>\n'
    assert identify(before.encode() + b"<testsuite>") is ReportKind.JUNIT


def test_a_name_decides_where_the_head_ends_too_early() -> None:
    comment = b"<!-- " + b"x" * 100
    assert identify(comment, "TEST-com.example.xml") is ReportKind.JUNIT
    assert identify(comment, "out/cobertura-coverage.xml") is ReportKind.COBERTURA
    assert identify(comment, "page.xml") is ReportKind.OTHER


@given(st.binary(max_size=400), st.text(max_size=20))
def test_no_bytes_and_no_name_crash(head: bytes, name: str) -> None:
    assert identify(head, name) in ReportKind


STARTS = st.sampled_from(
    [b"PK\x03\x04", b"<!--", b"<?", b"<!DOCTYPE [", b"\xff\xfe", b"{", b"TN:", b"#", b"\t\t", b"<", b"\n"]
)


@given(st.lists(STARTS, max_size=30))
def test_no_mixture_of_beginnings_crashes(parts: list[bytes]) -> None:
    assert identify(b"".join(parts)) in ReportKind
