from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.config.globs import literal_folder, matcher

NODE = "tests/unit/test_a.py::TestX::test_slow[a::b/c-1]"


@pytest.mark.parametrize(
    "pattern",
    [
        ".",
        "tests",
        "tests/",
        "./tests",
        "tests/unit",
        "tests/unit/test_a.py",
        "tests/unit/test_a.py::TestX",
        "tests/unit/test_a.py::TestX::test_slow",
        NODE,
        "tests/*",
        "tests/u*/test_?.py",
        "tests/unit/test_[abc].py",
        "tests/unit/test_[!b-z].py",
        "**",
        "tests/**",
        "**/test_*.py",
        "tests/**/test_*.py",
        "tests/unit/**/test_a.py",
        "**/unit/**/test_a.py",
        "**/**/test_a.py",
        "tests/**/unit",
        "tests/unit/test_a.py::*",
        "tests/unit/test_a.py::TestX::*",
        "tests/unit/test_a.py::Test?::test_slow[*",
        "tests/unit/test_a.py::*slow*",
        "tests/**::*slow*",
        "tests/**/test_*.py::TestX",
        "*::test_slow*",
        "*::test_slow[a::b/c-*]",
        "*::TestX::*",
        "**::test_slow",
        "*::*",
    ],
)
def test_a_pattern_matches_what_lies_in_it(pattern: str) -> None:
    assert matcher([pattern])(NODE) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "test",
        "tests/uni",
        "unit",
        "test_a.py",
        "tests/test_a.py",
        "tests/unit/test_a",
        "tests/unit/test_a.py::Test",
        "tests/unit/test_a.py::TestX::test_slow[a",
        "tests/unit/test_a.py::TestX::test_slo",
        "*.py",
        "tests/*.py",
        "tests/**/unit.py",
        "tests/**/test_b*",
        "tests/unit/test_[b-z].py",
        "tests/unit/test_[z-a].py",
        "tests?unit",
        "tests[/]unit/test_a.py",
        "tests/unit/test_a.py::test_slow*",
        "tests/unit/test_a.py::TestX::test_slow[[a]*",
        "*::slow*",
        "*::test_fast*",
        "tests/unit/*::TestY*",
        "TESTS",
    ],
)
def test_a_pattern_matches_nothing_outside_it(pattern: str) -> None:
    assert matcher([pattern])(NODE) is None


def test_two_stars_also_stand_for_no_folder_at_all() -> None:
    assert matcher(["tests/**/test_*.py"])("tests/test_a.py::test_b") is not None


def test_a_wildcard_of_the_file_part_never_reaches_into_the_name_of_a_test() -> None:
    assert matcher(["tests/*.txt"])("tests/test_a.py::test_b[x.txt]") is None


def test_brackets_in_the_name_of_a_test_are_plain_text() -> None:
    match = matcher(["a.py::test_x[1-2]"])
    assert match("a.py::test_x[1-2]") == "a.py::test_x[1-2]"
    assert match("a.py::test_x1") is None


def test_a_file_with_brackets_in_its_name_can_be_written_as_it_is() -> None:
    assert matcher(["app/[slug]/test_x.py"])("app/[slug]/test_x.py::test_a") is not None


def test_the_first_pattern_that_matches_is_the_reason() -> None:
    match = matcher(["tests/b", "tests/**/test_a.py", "tests/unit", "."])
    assert match("tests/unit/test_a.py::t") == "tests/**/test_a.py"
    assert match("tests/unit/test_b.py::t") == "tests/unit"
    assert match("other/test_b.py::t") == "."


def test_no_pattern_matches_nothing() -> None:
    assert matcher([])("tests/test_a.py::test_b") is None


names = st.text(alphabet="ab[]*?:./-x", min_size=1, max_size=12)


@given(st.lists(names, min_size=1, max_size=4), names)
def test_every_node_id_matches_itself(file: list[str], test: str) -> None:
    parts = [part.replace("/", "").replace(":", "").strip(".") or "a" for part in file]
    node_id = f"{'/'.join(parts)}::{test}"
    assert matcher([node_id])(node_id) == node_id


@given(st.text(), st.text())
def test_any_text_is_a_pattern(pattern: str, node_id: str) -> None:
    assert matcher([pattern])(node_id) in (pattern, None)


@given(st.text("ab*?[]!-", max_size=8), st.text("ab-!", min_size=1, max_size=6))
def test_within_one_folder_a_pattern_means_what_the_shell_means(pattern: str, name: str) -> None:
    if fnmatch.fnmatchcase(name, pattern) and pattern:
        assert matcher([f"d/{pattern}"])(f"d/{name}::t") is not None
    elif pattern not in ("", name) and "**" not in pattern:
        assert matcher([f"d/{pattern}"])(f"d/{name}::t") is None


def test_a_pattern_of_many_stars_comes_to_an_end() -> None:
    # By trying every way to divide a name among the stars, the end would be centuries away.
    match = matcher(["*a" * 30 + "b", "x::" + "*a" * 30 + "b", "**/a/" * 20 + "b"])
    assert match("a" * 3000 + "::" + "a" * 3000) is None
    assert match("x::" + "a" * 5000) is None
    assert match("a/" * 1000 + "c") is None


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("tests/test_*.py", "tests"),
        ("forge/tests/**/test_*.py", "forge/tests"),
        ("tests/test_a.py", "tests"),
        ("test_*.py", "."),
        ("**/test_*.py", "."),
        ("./a/*/tests/x.py", "a"),
    ],
)
def test_the_literal_folder_is_the_part_before_the_first_wildcard(pattern: str, folder: str) -> None:
    assert literal_folder(pattern) == folder
