from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from argos.config.yaml_source import MAX_VALUES, Date, did_you_mean, parse, read


@pytest.fixture(params=["libyaml", "pure Python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with both of PyYAML's parsers; not every installation has the fast one."""
    if request.param == "pure Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML is installed without libyaml here.")


def problems(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [str(problem) for problem in parse(raw, "f").problems]


def test_text_numbers_truth_lists_and_mappings_are_plain_data() -> None:
    raw = b"a: [1, -2, 1.5, true, No, ~, x, '1', \"2\"]\nb: {c: 2024-01-01}\n"
    document = parse(raw, "f")
    assert document.data == {
        "a": [1, -2, 1.5, True, False, None, "x", "1", "2"],
        "b": {"c": Date("2024-01-01")},
    }
    assert document.problems == ()


def test_every_value_and_key_has_its_place() -> None:
    document = parse(b"rules:\n  - name: x\n    groups:\n      - a\n", "f")
    assert document.positions["rules", 0, "groups", 0] == (4, 9)
    assert document.keys["rules", 0, "groups"] == (3, 5)
    assert str(document.problem(("rules", 0, "groups", 7), "Hm.")) == "f:4:7: Hm."


@pytest.mark.parametrize("raw", [b"", b"\n", b"# nothing yet\n", b"---\n", b"null", b"\xef\xbb\xbf"])
def test_an_empty_file_holds_nothing_and_is_fine(raw: bytes) -> None:
    document = parse(raw, "f")
    assert (document.data, document.problems) == ({}, ())


def test_an_alias_stands_for_what_its_anchor_holds() -> None:
    assert parse(b"a: &x [1, {b: 2}]\nc: *x\n", "f").data == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\t- b", "f:2:1: A tab stands here. Indent with spaces only."),
        ("a: 'x", "f:1:4: The quote that opens here is never closed."),
        ("a: [1, 2", "f:1:4: The bracket that opens here is not closed, or a comma is missing."),
        ("rules: [[[[[[\n", "f:1:13: The bracket that opens here is not closed, or a comma is missing."),
        ("a: [b, }\n", "f:1:4: The bracket that opens here is not closed, or a comma is missing."),
        ("a:\n  - *::test_slow*", 'f:2:6: A text that begins with "*" must be in quotes.'),
        (
            "a:\n  - *x",
            'f:2:5: No anchor "x" is defined above. A text that begins with "*" must be in quotes.',
        ),
        ("a: b: c", "f:1:5: A colon does not fit here. Check the indentation or quote the text."),
        ("a: 1\na: 2", 'f:2:1: The key "a" stands twice; it is already in line 1.'),
        ("a: &a [*a]", 'f:1:8: The anchor "a" holds itself.'),
        ("a: 1\n---\nb: 2", "f:2:1: A second document begins here. A configuration file holds one."),
        (
            "a: !!python/object:os.system x",
            'f:1:4: YAML tags are not read here. Remove "!!python/object:os.system", or quote the text.',
        ),
        ("a: !x {}", 'f:1:4: YAML tags are not read here. Remove "!x", or quote the text.'),
        ("- a", 'f:1:1: The file must hold keys at its top level, such as "rules:" or "project:".'),
        (
            "a: &x {}\nb:\n  <<: *x",
            "f:3:3: Merge keys (<<) are not read here. Write the keys out; a rule can use `extends`.",
        ),
        ("1: a", "f:1:1: This key is not text in YAML. Put it in quotes."),
        ("? [a]\n: b", "f:1:3: A key must be text, not a list or a mapping."),
        ("rules:\n- a\nb\n", 'f:3:1: A colon is missing here, or a text over several lines needs "|".'),
        (
            "a:\n  b: 1\n c: 2",
            "f:3:2: This does not fit the lines above. Check the indentation, the dashes and the colons.",
        ),
        ("a: @x", "f:1:4: A text cannot begin with this character. Put it in quotes."),
    ],
)
def test_a_mistake_has_its_place_and_a_plain_sentence(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_bytes_that_are_not_utf8_have_their_place() -> None:
    assert problems(b"a: 1\nb: \xff") == ["f:2:4: This is not UTF-8. Save the file as UTF-8."]
    assert problems("a: ü".encode("utf-16")) == ["f:1:1: This is not UTF-8. Save the file as UTF-8."]


def test_control_characters_have_their_place() -> None:
    assert problems(b"a: 1\r\nb: x\0") == ["f:2:5: The character U+0000 cannot stand in YAML. Remove it."]


def test_the_first_of_two_equal_keys_counts_and_both_documents_are_checked() -> None:
    assert parse(b"a: 1\na: 2", "f").data == {"a": 1}
    assert problems("a: 1\n---\nb: [") != problems("a: 1\n---\nb: []")


@pytest.mark.parametrize(
    "raw",
    [
        b"a: " + b"[" * 500_000,
        b"- " * 200_000,
        b"{a: " * 100_000,
        b"a: &a0 [x]\n" + b"".join(b"k%d: &a%d [*a%d]\n" % (i, i, i - 1) for i in range(1, 2_000)),
    ],
    ids=["flow", "block", "mappings", "aliases"],
)
def test_depth_has_a_bound(raw: bytes) -> None:
    (problem,) = problems(raw)
    assert "nested more than 50 deep" in problem


@pytest.mark.parametrize(
    "raw",
    [
        b"a: [" + b"x," * (MAX_VALUES + 1) + b"]",
        b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)),
    ],
    ids=["wide", "bomb"],
)
def test_the_number_of_values_has_a_bound_that_counts_aliases_too(raw: bytes) -> None:
    (problem,) = problems(raw)
    assert "more than 100,000 values" in problem


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    tracemalloc.start()
    document = read(huge, "huge.yaml")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [str(p) for p in document.problems] == [
        "huge.yaml:1:1: The file is larger than 1 MiB, which no configuration is."
    ]
    assert peak < 4 * 1024 * 1024


def test_a_missing_file_and_a_folder_are_mistakes(tmp_path: Path) -> None:
    assert "cannot be read" in read(tmp_path / "none.yaml", "f").problems[0].message
    assert read(tmp_path, "f").problems[0].message == "This is not a file."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="There are no named pipes here.")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read(tmp_path / "pipe", "f").problems[0].message == "This is not a file."


def test_a_close_word_is_offered() -> None:
    assert did_you_mean("grups", ["groups", "window"]) == ' Did you mean "groups"?'
    assert did_you_mean("zzz", ["groups", "window"]) == ""


syntax = st.text(alphabet="ab01:-?[]{},&*!|>'\"%@`#~<. \n\t\r\\", max_size=60)


@given(
    st.one_of(
        st.binary(max_size=80),
        syntax.map(str.encode),
        st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")),
    )
)
def test_any_bytes_give_data_or_mistakes(raw: bytes) -> None:
    document = parse(raw, "f")
    assert document.data is not None or document.problems
    lines = raw.count(b"\n") + raw.count(b"\r") + 2 + len(raw)
    assert all(p.line >= 1 and p.column >= 1 and p.line <= lines and p.message for p in document.problems)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15) + 1, 10**15 - 1) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5).filter(lambda k: k != "<<"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5).filter(lambda k: k != "<<"), values, max_size=3))
def test_what_pyyaml_writes_is_read_back(data: dict[str, object]) -> None:
    document = parse(yaml.safe_dump(data).encode("utf-8"), "f")
    if not document.problems:
        assert document.data == data
    else:
        assert all("cannot stand in YAML" in p.message for p in document.problems)


def test_digits_that_begin_with_zero_are_text() -> None:
    assert parse(b"{a: 08, b: 0, c: -5, '08': 1}", "f").data == {"a": "08", "b": 0, "c": -5, "08": 1}
