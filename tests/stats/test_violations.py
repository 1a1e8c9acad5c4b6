"""Identity over edits. The edits are real ones; what must come of them is said by hand."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argos.model.quality import NOWHERE, Sighting, Surroundings
from argos.stats.assignment import assign, parts
from argos.stats.surroundings import Source
from argos.stats.violations import compare, pair, sightings
from argos.tools import ruff

ORIGINAL = '''\
import os
import sys


def load(path, default=None):
    """Read a file."""
    value = open(path).read()
    unused = 1
    if value == None:
        return default
    return undefined_name(value, "a rather long line that goes on and on until it is beyond any limit there may be")


class Store:
    def put(self, key, value):
        unused = 2
        self.items[key] = value

    def get(self, key, default = None):
        unused = 3
        if key == None:
            return default
        return self.items[key]
'''


def scan(text: str, path: str = "shop/store.py") -> list[Sighting]:
    """What ruff finds in a text."""
    argv = ["check", "--isolated", "--preview", "--no-cache", "--select=E,F,W,N,D1", "--output-format=json"]
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", *argv, "--stdin-filename", path, "-"],
        input=text,
        capture_output=True,
        encoding="utf-8",
    )
    found = json.loads(ran.stdout)
    for each in found:
        each["filename"] = path
    return sightings(ruff.read(json.dumps(found)).violations, lambda _: Source(text))


def described(found: tuple[Sighting, ...]) -> list[tuple[str, str]]:
    return sorted((each.code, each.around.symbol) for each in found)


def changes(before: str, after: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Codes and symbols of what an edit made new and what it fixed."""
    comparison = compare(scan(before), scan(after))
    return described(comparison.new), described(comparison.fixed)


def test_the_original_has_violations_of_many_kinds():
    assert {"F401", "F841", "E711", "F821", "E501", "E251"} <= {each.code for each in scan(ORIGINAL)}


def test_nothing_is_new_in_the_same_text():
    comparison = compare(scan(ORIGINAL), scan(ORIGINAL))
    assert (comparison.new, comparison.fixed, comparison.moved) == ((), (), ())


def test_lines_added_above_move_everything_and_make_nothing_new():
    after = '"""The shop\'s store.\n\nOf things.\n"""\n\nimport json\n\njson.loads("1")\n' + ORIGINAL
    comparison = compare(scan(ORIGINAL), scan(after))
    assert [each.code for each in comparison.fixed] == ["D100"]
    assert {each.code for each in comparison.new} <= {"E402"}
    assert len(comparison.moved) == len(scan(ORIGINAL)) - 1


def test_one_fixed_among_equal_ones_is_the_one_that_was_fixed():
    after = ORIGINAL.replace("        unused = 2\n", "")
    assert changes(ORIGINAL, after) == ([], [("F841", "Store.put")])


def test_one_added_among_equal_ones_is_the_one_that_was_added():
    both = ORIGINAL.replace("    unused = 1\n", "    unused = 1\n    other = 4\n")
    assert changes(ORIGINAL, both) == ([("F841", "load")], [])


def test_a_function_moved_within_its_file_takes_its_violations_along():
    head, body, rest = ORIGINAL.partition("def load(")
    function, _, methods = (body + rest).partition("\n\nclass Store")
    after = f"{head}class Store{methods}\n\n{function}"
    assert after.index("class Store") < after.index("def load")
    assert changes(ORIGINAL, after) == ([], [])


def test_a_formatter_makes_nothing_new():
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=60", "-"],
        input=ORIGINAL,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert formatted != ORIGINAL
    new, fixed = changes(ORIGINAL, formatted)
    assert {code for code, _ in new} <= {"E501"}
    assert {code for code, _ in fixed} == {"E251"}


def test_a_renamed_file_keeps_its_violations():
    old, new = scan(ORIGINAL, "shop/store.py"), scan(ORIGINAL, "shop/shelf.py")
    comparison = compare(old, new, {"shop/store.py": "shop/shelf.py"})
    assert (comparison.new, comparison.fixed) == ((), ())
    assert len(comparison.moved) == len(old)


def test_a_function_moved_to_another_file_is_recognised_there():
    start = ORIGINAL.index("def load(")
    end = ORIGINAL.index("\n\nclass Store")
    left, moved = ORIGINAL[:start] + ORIGINAL[end:].lstrip("\n"), ORIGINAL[start:end] + "\n"
    old = scan(ORIGINAL)
    comparison = compare(old, [*scan(left), *scan(moved, "shop/load.py")])
    taken_along = {(each.code, each.path) for _, each in comparison.kept if each.path == "shop/load.py"}
    assert {("F841", "shop/load.py"), ("E711", "shop/load.py"), ("F821", "shop/load.py")} <= taken_along


def test_two_names_on_one_line_are_two_violations():
    before, after = "import os, sys\n", "import os, json\n"
    comparison = compare(scan(before), scan(after))
    assert [each.message for each in comparison.new] == ["`json` imported but unused"]
    assert [each.message for each in comparison.fixed] == ["`sys` imported but unused"]


def test_another_number_in_a_message_is_the_same_violation():
    assert changes(ORIGINAL, ORIGINAL.replace("goes on and on", "goes on and on and on")) == ([], [])


def test_without_source_the_message_and_the_nearest_line_decide():
    def at(line: int, message: str = "m") -> Sighting:
        return Sighting("a.py", "flake8", "E501", message, "INFO", line)

    comparison = compare([at(3), at(9), at(20)], [at(10), at(21)])
    assert [each.line for each in comparison.fixed] == [3]
    assert comparison.new == ()


def test_a_violation_of_a_whole_file_stays_the_same_one():
    whole = Sighting("a.py", "black", "would-reformat", "m", "INFO")
    assert compare([whole], [whole]).new == ()
    assert len(compare([whole], [Sighting("b.py", "black", "would-reformat", "m", "INFO")]).new) == 1


def test_in_a_file_with_very_many_the_one_that_went_away_is_found():
    """More than are weighed pair by pair: every second line is the same, every third was edited."""

    def at(number: int, *, edited: bool = False) -> Sighting:
        line = 7 if number % 2 else 1000 + number
        around = Surroundings("f", line, 5, 99 if edited else number + 1, number + 2)
        return Sighting("gen.py", "ruff", "E501", f"too long ({80 + edited})", "INFO", number + 1, 80, around)

    old = [at(number) for number in range(1500)]
    new = [at(number, edited=number % 3 == 0) for number in range(1500) if number != 300]
    comparison = compare(old, new)
    assert comparison.new == ()
    assert [each.line for each in comparison.fixed] == [301]


PLACES = st.builds(
    Sighting,
    path=st.sampled_from(["a.py", "b.py"]),
    tool=st.just("t"),
    code=st.sampled_from(["A", "B"]),
    message=st.sampled_from(["m 1", "m 2", "'x' m"]),
    severity=st.just("INFO"),
    line=st.none() | st.integers(1, 30),
    column=st.none() | st.integers(1, 3),
    around=st.just(NOWHERE)
    | st.builds(Surroundings, st.sampled_from(["", "f"]), *(st.integers(0, 2) for _ in range(4))),
)


@given(st.lists(PLACES, max_size=12), st.lists(PLACES, max_size=12))
def test_each_is_paired_at_most_once_and_only_with_its_own_code(old, new):
    pairs = pair(old, new)
    assert len(set(pairs.values())) == len(pairs)
    for before, after in pairs.items():
        assert (old[before].tool, old[before].code) == (new[after].tool, new[after].code)


@given(st.lists(PLACES, max_size=12), st.randoms())
def test_a_scan_in_another_order_is_the_same_scan(found, chance):
    shuffled = list(found)
    chance.shuffle(shuffled)
    comparison = compare(found, shuffled)
    assert (comparison.new, comparison.fixed) == ((), ())


@given(st.lists(PLACES, max_size=12), PLACES)
def test_an_added_violation_adds_exactly_one_new_one(found, added):
    comparison = compare(found, [*found, added])
    assert (len(comparison.new), comparison.fixed) == (1, ())


# The assignment


def cost_of(costs: dict[int, dict[int, float]], unassigned: float, pairs: dict[int, int]) -> float:
    return sum(costs[row][pairs[row]] if row in pairs else unassigned for row in costs)


def cheapest(costs: dict[int, dict[int, float]], unassigned: float) -> float:
    """The least cost, by trying everything."""
    rows = list(costs)
    choices = [[None, *costs[row]] for row in rows]
    best = float("inf")
    for taken in itertools.product(*choices):
        columns = [column for column in taken if column is not None]
        if len(set(columns)) == len(columns):
            chosen = {row: column for row, column in zip(rows, taken, strict=True) if column is not None}
            best = min(best, cost_of(costs, unassigned, chosen))
    return best


@settings(deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 6), st.dictionaries(st.integers(0, 5), st.integers(0, 20), max_size=4), max_size=5
    )
)
def test_the_assignment_is_the_cheapest_there_is(costs):
    pairs = assign(costs, 12.0)
    assert len(set(pairs.values())) == len(pairs)
    assert cost_of(costs, 12.0, pairs) == cheapest(costs, 12.0)


def test_the_first_best_partner_is_given_up_where_that_is_better_on_the_whole():
    assert assign({0: {0: 1.0, 1: 2.0}, 1: {0: 1.0}}, 40.0) == {0: 1, 1: 0}


def test_rows_fall_into_parts_that_share_no_column():
    assert parts({0: {0: 1}, 1: {1: 1}, 2: {0: 1}, 3: {}}) == [[0, 2], [1], [3]]


def test_a_large_assignment_ends_soon():
    chance = random.Random(1)
    costs = {row: {chance.randrange(900): chance.random() for _ in range(16)} for row in range(900)}
    assert len(assign(costs, 40.0)) > 800


# Surroundings


def test_a_symbol_is_the_dotted_name_of_what_encloses_a_line():
    source = Source(
        "x = 1\nclass A:\n    def f(\n        self,\n    ):\n        return 1\n\n    y = 2\nz = 3\n"
    )
    symbols = [source.symbol(line) for line in range(1, 10)]
    assert symbols == ["", "A", "A.f", "A.f", "A.f", "A.f", "A.f", "A", ""]


def test_lines_within_a_long_string_end_no_function():
    source = Source('def f():\n    text = """\ndef no(): pass\n"""\n    return text\n')
    assert source.symbol(5) == "f"


@pytest.mark.parametrize("line", [None, 0, 4, 10**9])
def test_a_place_outside_the_file_has_no_surroundings(line):
    assert Source("a\nb\n").around(line) == NOWHERE


def test_a_formatter_does_not_change_a_lines_digest():
    one, other = Source("x = f( 'a',b )\n"), Source('x = f("a", b,)\n')
    assert one.around(1).line == other.around(1).line != 0


def test_lines_are_counted_as_editors_do():
    assert [Source(text).lines for text in ("", "a", "a\n", "a\r\nb", "a\n\n")] == [0, 1, 1, 2, 2]


@given(st.text(max_size=300), st.integers(1, 20), st.integers(1, 40))
def test_any_text_has_surroundings(text, line, column):
    assert Source(text).around(line, column) is not None
