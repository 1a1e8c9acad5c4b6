from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.coverage import CoverageReport
from argos.tools import cobertura, lcov

CASES = Path(__file__).parent.parent / "cases" / "coverage"


def recorded(name: str) -> CoverageReport:
    with (CASES / name).open("rb") as stream:
        return lcov.read(stream)


def of(text: str | bytes) -> CoverageReport:
    return lcov.read(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def of_one_file(*lines: str) -> CoverageReport:
    return of("\n".join(["SF:a.py", *lines, "end_of_record", ""]))


@pytest.mark.parametrize("version", ["coverage-6.5", "coverage-7.17"])
def test_the_report_agrees_with_the_xml_of_the_same_run(version: str) -> None:
    read = recorded(f"{version}-branch.info").files["src/pkg/core.py"]
    with (CASES / f"{version}-branch.xml").open("rb") as stream:
        same = cobertura.read(stream).files["pkg/core.py"]
    assert (read.lines, read.missing, read.branches) == (same.lines, same.missing, same.branches)


def test_the_report_of_istanbul_is_read() -> None:
    file = recorded("istanbul.info").files["sum.js"]
    assert (file.lines, file.missing, file.branches) == ((2, 3, 5, 8, 10), (3, 8), (1, 2))


def test_branches_that_were_not_measured_are_none() -> None:
    assert recorded("coverage-7.17-line.info").files["src/pkg/core.py"].branches is None


def test_blocks_of_one_file_are_one_file_and_each_way_out_counts_once() -> None:
    read = recorded("lcov-2.info")
    (file,) = read.files.values()
    assert (file.lines, file.missing) == ((3, 5, 7, 11, 12), (11, 12))
    assert file.branches == (2, 3)
    assert read.unreadable == ()


def test_a_branch_may_be_an_expression_with_commas() -> None:
    read = of_one_file("DA:3,1", "BRDA:3,0,f(a, b) == c,1", "BRDA:3,0,f(a, b) != c,-")
    assert read.files["a.py"].branches == (1, 2)


@pytest.mark.parametrize(
    "hits, ran", [("1", True), ("0", False), ("-3", False), ("1e+05", True), ("0.5", True)]
)
def test_hits_may_be_any_number(hits: str, ran: bool) -> None:
    assert of_one_file(f"DA:3,{hits}").files["a.py"].missing == (() if ran else (3,))


@pytest.mark.parametrize(
    "bad", ["DA:", "DA:x,1", "DA:3", "DA:3,=====", "DA:0,1", "DA:9999999999,1", "BRDA:1,2", "SF:"]
)
def test_a_line_that_makes_no_sense_is_passed_over_with_a_sentence(bad: str) -> None:
    read = of_one_file("DA:1,1", bad)
    assert read.files["a.py"].lines == (1,)
    assert "Line 3 cannot be read" in read.unreadable[0]


def test_a_file_with_a_number_of_lines_but_no_lines_is_told() -> None:
    assert of_one_file("LF:10", "LH:5").unreadable == ("a.py has a number of lines but no lines.",)


def test_a_report_that_is_cut_off_is_told() -> None:
    read = of("SF:a.py\nDA:1,1\nDA:2,")
    assert read.files["a.py"].lines == (1,)
    assert "ends within a.py" in read.unreadable[-1]


def test_windows_paths_and_line_ends_are_read() -> None:
    assert of("\ufeffTN:\r\nSF:src\\a.py\r\nDA:1,1\r\nend_of_record\r\n").files["src/a.py"].lines == (1,)


def test_a_line_without_end_is_passed_over() -> None:
    read = of("SF:a.py\nFN:1," + "x" * 1_000_000 + "\nDA:2,1\nend_of_record\n")
    assert read.files["a.py"].lines == (2,)


@pytest.mark.parametrize("text", ["", "TN:\n", "DA:1,1\nend_of_record\n", "<coverage/>", "\0"])
def test_what_is_no_report_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ArgosError, match="no lcov tracefile"):
        of(text)


WORDS = st.sampled_from(
    ["SF:", "DA:", "BRDA:", "BRF:", "LF:", "end_of_record", "\n", ",", "-", "1", "3", "a", "²", "e9"]
)


@given(st.lists(WORDS, max_size=60))
def test_no_mixture_of_its_words_crashes_the_reader(words: list[str]) -> None:
    read = of("SF:a.py\n" + "".join(words))
    assert all(set(file.missing) <= set(file.lines) for file in read.files.values())
    assert read.total is None or 0 <= read.total <= 100


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    assert "a.py" in of(b"SF:a.py\n" + data).files


HITS = st.dictionaries(st.integers(1, 5000), st.integers(0, 3), max_size=60)


@given(HITS)
def test_every_line_is_read_as_it_was_written(hits: dict[int, int]) -> None:
    file = of_one_file(*(f"DA:{number},{n}" for number, n in hits.items())).files["a.py"]
    assert file.lines == tuple(sorted(hits))
    assert file.missing == tuple(sorted(number for number, n in hits.items() if not n))
