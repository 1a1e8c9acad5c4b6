"""The pure parts: bounded text, ids, globs, selections."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from argos.anvil.plugin import argos_pytest as plugin

any_text = st.text(st.characters(codec=None, exclude_categories=()))


@given(any_text, st.integers(0, 50))
def test_clipped_text_keeps_its_ends_and_counts_what_is_missing(text, limit):
    clipped = plugin.clip(text, limit)
    if len(text) <= limit:
        assert clipped == text
    else:
        head, tail = limit - limit // 2, limit // 2
        note = f"\n[... {len(text) - limit} characters left out ...]\n"
        assert clipped == text[:head] + note + text[len(text) - tail :]


@given(any_text)
def test_a_name_is_printable_on_one_line_and_survives_a_second_time(nodeid):
    names = plugin.Names("", "/project")
    name = names.test("test_a.py::" + nodeid)

    assert not set("\n\r\0") & set(name)
    name.encode("utf-8")
    assert names.test(name) == name
    assert json.loads(json.dumps(name)) == name


def test_the_file_part_of_an_id_is_normalised_and_the_rest_is_not():
    names = plugin.Names("forge/", "/project/forge")

    assert names.test("../lib/./test_a.py::T::test[../x]") == "lib/test_a.py::T::test[../x]"


def matches(glob: str, path: str) -> bool:
    return re.compile(plugin.glob_pattern(glob)).match(path) is not None


def test_globs_cross_folders_only_with_two_stars():
    assert matches("tests/*.py", "tests/test_a.py")
    assert not matches("tests/*.py", "tests/deep/test_a.py")
    assert matches("tests/**/*.py", "tests/test_a.py")
    assert matches("tests/**/*.py", "tests/very/deep/test_a.py")
    assert matches("**/test_?.py", "test_a.py")
    assert matches("tests/**", "tests/a/b.py")
    assert not matches("tests/**/x.py", "testsx.py")
    assert matches("t[a-c]/[!x].py", "tb/y.py")
    assert not matches("t[a-c]/[!x].py", "tb/x.py")
    assert matches("a+b.py", "a+b.py")
    assert not matches("a.py", "a.pyx")
    assert not matches("a.py", "axpy")


@given(st.text("abc/.[]^\\-!", min_size=1))
def test_a_glob_without_stars_matches_itself_or_is_a_set_of_characters(path):
    assert matches(path, path) or "[" in path


@given(st.lists(st.integers(-3, 12)))
def test_chosen_positions_exist_and_come_once_in_the_order_asked_for(run):
    ids = [str(n) for n in range(10)]
    positions = plugin.chosen(ids, {"run": run})

    assert positions == [n for n in dict.fromkeys(run) if n in range(10)]


def test_an_id_that_several_tests_share_chooses_them_all():
    assert plugin.chosen(["a", "b", "a"], {"run_ids": ["a", "gone", "a"]}) == [0, 2]


def test_the_group_of_a_worker_is_told_from_an_at_sign_in_a_parameter():
    assert plugin.ungrouped("t.py::test@g") == "t.py::test"
    assert plugin.ungrouped("t.py::test[a@b]@g_h") == "t.py::test[a@b]"
    assert plugin.ungrouped("t.py::test[a@b]") == "t.py::test[a@b]"
