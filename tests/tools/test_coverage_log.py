"""Coverage tables as they are printed, by every generation of coverage.py and pytest-cov."""

from __future__ import annotations

import pytest

from argos.tools.coverage_log import CoverageTables


def tables(*lines: str) -> CoverageTables:
    reader = CoverageTables()
    for number, line in enumerate(lines, 1):
        reader.take(line, number)
    reader.close()
    return reader


HEAD = "Name                      Stmts   Miss  Cover   Missing"
RULE = "-------------------------------------------------------"


@pytest.mark.parametrize(
    ("row", "total"),
    [
        ("TOTAL    2101    201    90%", 90.0),
        ("TOTAL      11      4      4      1    67%", 67.0),
        ("TOTAL                           1091     39  96.43%", 96.43),
        ("TOTAL       0      0   100%", 100.0),
    ],
)
def test_the_total_row_may_have_branches_and_decimals(row, total):
    assert tables(HEAD, RULE, "a.py   5   0   100%", RULE, row).found == total


def test_each_file_has_its_percent_and_a_posix_path():
    read = tables(
        HEAD,
        RULE,
        "shop\\a b.py    153    115    25%   139-167, 185",
        "shop/b.py   2  0   100%",
        RULE,
        "TOTAL  155  115  26%",
    )
    assert read.files == {"shop/a b.py": 25.0, "shop/b.py": 100.0}


def test_a_row_may_be_wrapped():
    read = tables(
        HEAD,
        RULE,
        "a/very/long/path/of/a/module.py",
        "      10      5    50%   1-5,",
        "    9-12",
        "TOTAL  10  5  50%",
    )
    assert (read.files, read.found) == ({"a/very/long/path/of/a/module.py": 50.0}, 50.0)


def test_a_table_of_one_file_has_no_total_row_in_old_versions():
    assert tables(HEAD, RULE, "a.py   4   1   75%", "", "next step").found == 75.0


def test_a_markdown_table_is_a_table():
    read = tables("| Name    |    Stmts |     Miss |   Cover |", "|-------- | -------: | -------: | ------: |",
                  "| a\\_b.py |       20 |        5 |     75% |", "| **TOTAL** |   **20** | **5** | **75%** |")  # fmt: skip
    assert read.files == {"a_b.py": 75.0}


def test_the_sentence_on_the_limit_is_a_gate_and_tells_the_total_without_a_table():
    read = tables("FAIL Required test coverage of 76% not reached. Total coverage: 61.22%")
    assert (read.found, [gate.kind for gate in read.gates], read.gates[0].line) == (61.22, ["gate"], 1)
    assert tables("Coverage failure: total of 12 is less than fail-under=99").gates[0].tool == "coverage"
    reached = tables("Required test coverage of 90.0% reached. Total coverage: 96.43%")
    assert (reached.found, reached.gates) == (96.43, [])


def test_without_a_table_nothing_is_known():
    read = tables("TOTAL  10  5  50%", "a.py  10  5  50%")
    assert (read.found, read.files) == (None, {})
