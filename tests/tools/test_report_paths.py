from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.model.coverage import CoverageReport, FileCoverage
from argos.tools.report_paths import merged, project_paths, slashed


def a_report(*paths: str, sources: tuple[str, ...] = ()) -> CoverageReport:
    return CoverageReport({path: FileCoverage(path, (1, 2), (2,)) for path in paths}, sources=sources)


PROJECT = {"src/pkg/a.py", "pkg/b.py", "a.py", "tests/test_a.py"}


@pytest.mark.parametrize(
    "path, sources, expected",
    [
        ("src/pkg/a.py", (), "src/pkg/a.py"),
        ("pkg/a.py", ("/home/runner/work/demo/demo/src",), "src/pkg/a.py"),
        ("pkg/a.py", ("D:/a/demo/demo/src",), "src/pkg/a.py"),
        ("pkg/a.py", ("src",), "src/pkg/a.py"),
        ("/home/runner/work/demo/demo/src/pkg/a.py", (), "src/pkg/a.py"),
        ("C:/demo/tests/test_a.py", (), "tests/test_a.py"),
        ("pkg/b.py", ("/elsewhere/src",), "pkg/b.py"),
        ("../src/pkg/a.py", (), "src/pkg/a.py"),
    ],
)
def test_a_path_is_found_in_the_project(path: str, sources: tuple[str, ...], expected: str) -> None:
    found = project_paths(a_report(path, sources=sources), PROJECT.__contains__)
    assert list(found.files) == [expected]
    assert found.files[expected].path == expected


def test_what_is_not_of_the_project_is_left_out_and_told() -> None:
    found = project_paths(a_report("/usr/lib/python3/json.py", "a.py"), PROJECT.__contains__)
    assert list(found.files) == ["a.py"]
    assert found.unreadable == ("/usr/lib/python3/json.py is no file of the project; it is left out.",)


def test_many_that_are_left_out_are_summed_up() -> None:
    found = project_paths(a_report(*(f"/x/{n}.py" for n in range(50))), PROJECT.__contains__)
    assert len(found.unreadable) == 21
    assert found.unreadable[-1].startswith("30 more files")


def test_paths_that_mean_one_file_are_merged() -> None:
    files = {
        "/ci/src/pkg/a.py": FileCoverage("/ci/src/pkg/a.py", (1, 2), (1, 2), (1, 4)),
        "src/pkg/a.py": FileCoverage("src/pkg/a.py", (1, 3), (3,), (2, 4)),
    }
    found = project_paths(CoverageReport(files), PROJECT.__contains__)
    assert found.files == {"src/pkg/a.py": FileCoverage("src/pkg/a.py", (1, 2, 3), (2, 3), (2, 4))}


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=2))
def test_a_path_never_leads_out_of_the_project(path: str, sources: list[str]) -> None:
    asked: list[str] = []

    def exists(candidate: str) -> bool:
        asked.append(candidate)
        return False

    report = a_report(slashed(path), sources=tuple(map(slashed, sources)))
    project_paths(report, exists)
    assert not any(each.startswith("/") or ".." in each.split("/") for each in asked)


LINES = st.sets(st.integers(1, 20))


@given(LINES, LINES, LINES, LINES)
def test_merging_never_loses_a_line_that_ran(
    a: set[int], ran_a: set[int], b: set[int], ran_b: set[int]
) -> None:
    one = FileCoverage("a", tuple(sorted(a)), tuple(sorted(a - ran_a)))
    other = FileCoverage("a", tuple(sorted(b)), tuple(sorted(b - ran_b)))
    both = merged(one, other)
    assert set(both.lines) == a | b
    assert set(both.lines) - set(both.missing) == (a & ran_a) | (b & ran_b)
    assert merged(other, one) == both
