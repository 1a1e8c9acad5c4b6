from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.coverage import CoverageReport
from argos.tools import cobertura, coverage_json

CASES = Path(__file__).parent.parent / "cases" / "coverage"
VERSIONS = ("coverage-5.5", "coverage-6.5", "coverage-7.17")


def recorded(name: str) -> CoverageReport:
    with (CASES / name).open("rb") as stream:
        return coverage_json.read(stream)


def of(value: Any) -> CoverageReport:
    return coverage_json.read(io.BytesIO(value if isinstance(value, bytes) else json.dumps(value).encode()))


def an_entry(**fields: Any) -> dict[str, Any]:
    return {"executed_lines": [1, 2], "missing_lines": [3], **fields}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_report_agrees_with_the_xml_of_the_same_run(version: str) -> None:
    read = recorded(f"{version}-branch.json").files["src/pkg/core.py"]
    with (CASES / f"{version}-branch.xml").open("rb") as stream:
        same = cobertura.read(stream).files["pkg/core.py"]
    assert (read.lines, read.missing, read.branches) == (same.lines, same.missing, same.branches)


def test_a_line_0_is_left_out() -> None:
    """coverage.py 5 takes the first instruction of a module of Python 3.11 for one."""
    assert recorded("coverage-5.5-branch.json").unreadable == (
        "src/pkg/core.py names a line 0; it is left out.",
    )


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_the_total_is_the_one_that_coverage_py_states(version: str) -> None:
    read = recorded(f"{version}-branch.json")
    assert read.total == pytest.approx(read.stated)


def test_branches_that_were_not_measured_are_none() -> None:
    assert recorded("coverage-7.17-line.json").files["src/pkg/core.py"].branches is None


def test_windows_paths_get_slashes_and_meet() -> None:
    read = of(
        {"files": {"src\\a.py": an_entry(), "src/a.py": an_entry(executed_lines=[3], missing_lines=[1])}}
    )
    assert read.files["src/a.py"].lines == (1, 2, 3)
    assert read.files["src/a.py"].missing == ()


@pytest.mark.parametrize(
    "entry",
    [
        None, [], {}, an_entry(executed_lines="1"), an_entry(executed_lines=[-1]), an_entry(missing_lines=[True]),
        an_entry(executed_lines=[1.5]), an_entry(missing_lines=[[1]]),
    ],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_passed_over_with_a_sentence(entry: Any) -> None:
    read = of({"files": {"bad.py": entry, "good.py": an_entry()}})
    assert list(read.files) == ["good.py"]
    assert "bad.py" in read.unreadable[0]


def test_branches_that_do_not_add_up_are_told() -> None:
    entry = an_entry(summary={"covered_branches": 3, "num_branches": 2})
    assert "do not add up" in of({"meta": {"branch_coverage": True}, "files": {"a.py": entry}}).unreadable[0]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b'{"files": []}', b"\xff\xfe", b"[" * 200_000, b'{"a": ' + b"9" * 9000 + b"}"],
)
def test_what_is_no_report_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(ArgosError, match="no JSON report of coverage.py"):
        of(data)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["files", "meta", "totals", "a.py", "executed_lines", "missing_lines", "summary", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_no_values_crash_the_reader(value: Any) -> None:
    for report in (value, {"files": value}, {"files": {"a.py": value}, "meta": value, "totals": value}):
        try:
            read = of(report)
        except ArgosError:
            continue
        assert all(set(file.missing) <= set(file.lines) for file in read.files.values())


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    try:
        of(data)
    except ArgosError as refused:
        assert "JSON report" in refused.what
