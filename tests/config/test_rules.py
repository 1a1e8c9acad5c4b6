from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.config.rules import RuleBook, load_rules
from argos.errors import ArgosError
from argos.model.rule import Criterion
from builders import write

PLAN = """
rules:
  - name: baseline-all-tests
    description: Run all tests (baseline)
    criteria: all
    executor:
      type: pytest
      options:
        verbose: true

  - name: quick-check
    description: Quick sanity checks
    criteria: group
    groups:
      - "forge/tests/test_models.py"
      - "scout/tests/test_parser.py"

  - name: argos-commit-check
    criteria: failure-rate
    threshold: 0.15
    window: 10

  - name: argos-rerun-failures
    criteria: failed-in-last
    window: 5

  - name: argos-coverage-critical
    criteria: group
    groups:
      - "forge/models"
    executor:
      type: pytest-cov
      options:
        cov-report: html
        cov-fail-under: 95

  - name: argos-lint-changed
    criteria: group
    groups:
      - "${CHANGED_FILES}"
    executor:
      type: flake8

  - name: argos-lint-problematic
    criteria: failure-rate
    threshold: 20.0
    window: 10
    executor:
      type: flake8
"""


def book(root: Path, text: str, **shared: str) -> RuleBook:
    write(
        root,
        {".lens/rules.yaml": text, **{f".lens/{name}.yaml": content for name, content in shared.items()}},
    )
    return load_rules(root)


def rule_text(body: str) -> str:
    lines = body.strip().split("\n")
    return "rules:\n  - name: x\n" + "\n".join(f"    {line}" for line in lines) + "\n"


def mistakes(root: Path, text: str, **shared: str) -> list[str]:
    return [str(problem).removeprefix(".lens/rules.yaml:") for problem in book(root, text, **shared).problems]


def test_the_plan_s_own_rules_have_no_mistakes(tmp_path: Path) -> None:
    rules = book(tmp_path, PLAN)
    assert rules.problems == []
    assert list(rules.rules)[:2] == ["baseline-all-tests", "quick-check"]
    assert rules.get("argos-commit-check").criterion == Criterion("failure-rate", window=10, threshold=0.15)
    assert rules.get("argos-lint-problematic").criterion.threshold == 0.2
    assert rules.get("argos-lint-problematic").executor == "flake8"
    assert rules.get("argos-coverage-critical").options == {"cov-report": "html", "cov-fail-under": 95}
    assert rules.get("baseline-all-tests").source == ".lens/rules.yaml:2"


@pytest.mark.parametrize("text", [None, "", "rules:\n", "# nothing\n", "rules: []\n"])
def test_without_rules_there_are_the_built_in_ones(tmp_path: Path, text: str | None) -> None:
    rules = load_rules(tmp_path) if text is None else book(tmp_path, text)
    assert rules.problems == []
    assert list(rules.rules) == ["all", "failed-in-last", "failure-rate", "changed"]
    assert rules.get("changed").criterion == Criterion("group", groups=("${CHANGED_FILES}",))


def test_a_rule_takes_the_place_of_a_built_in_one(tmp_path: Path) -> None:
    rules = book(tmp_path, "rules: [{name: all, criteria: group, groups: [tests]}]")
    assert rules.get("all").criterion == Criterion("group", groups=("tests",))
    assert list(rules.rules) == ["all", "failed-in-last", "failure-rate", "changed"]


def test_criteria_combine(tmp_path: Path) -> None:
    rules = book(
        tmp_path,
        """
        rules:
          - name: mix
            any:
              - criteria: failed-in-last
              - all:
                  - criteria: group
                    groups: [tests]
                  - not: {criteria: group, groups: [tests/slow]}
            limit: 50
            budget: 1h30m
        """,
    )
    assert rules.problems == []
    rule = rules.get("mix")
    fast = Criterion("not", parts=(Criterion("group", groups=("tests/slow",)),))
    both = Criterion("every", parts=(Criterion("group", groups=("tests",)), fast))
    assert rule.criterion == Criterion("any", parts=(Criterion("failed-in-last"), both))
    assert (rule.limit, rule.budget_s) == (50, 5400)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("criteria: al", '3:15: Unknown criteria "al". Did you mean "all"? Known are all, group, failed-in-last, failure-rate.'),
        ("criteria: group\ngrups: [a]", '4:5: Unknown key "grups". Did you mean "groups"?'),
        ("criteria: group", '3:15: The criteria group needs "groups", a list of globs.'),
        ("criteria: group\ngroups: tests", '4:13: "groups" must be a list: write "- tests" in a line of its own.'),
        ("criteria: group\ngroups: []", '4:13: "groups" must name at least one glob.'),
        ("criteria: group\ngroups: [a, '']", "4:17: A group must not be empty."),
        ("criteria: group\ngroups: ['tests\\unit']", '4:14: Write "/" between folders, on Windows as well.'),
        ("criteria: group\ngroups: [/tests]", "4:14: Write paths relative to the project's root."),
        ("criteria: group\ngroups: ['${CHANGED_FILE}']", '4:14: Nothing stands for "${CHANGED_FILE}". Did you mean "${CHANGED_FILES}"?'),
        ("criteria: group\ngroups: ['tests/${X}']", '4:14: Nothing stands for "tests/${X}". Only ${CHANGED_FILES} is known.'),
        ("criteria: group\ngroups: [5]", '4:14: "groups" must be text, not the number 5. Put it in quotes.'),
        ("criteria: all\nwindow: 5", '4:5: "window" means nothing for criteria all.'),
        ("criteria: failed-in-last\nthreshold: 15%", '4:5: "threshold" means nothing for criteria failed-in-last.'),
        ("criteria: failed-in-last\nwindow: 0", '4:13: "window" must be at least 1, not 0.'),
        ("criteria: failed-in-last\nwindow: 101", '4:13: "window" must be at most 100: Argos keeps the newest 100 results of each test.'),
        ("criteria: failed-in-last\nwindow: five", '4:13: "window" must be a whole number, not "five".'),
        ("criteria: failed-in-last\nwindow: 5.5", '4:13: "window" must be a whole number, not the number 5.5.'),
        ("criteria: failed-in-last\nwindow: true", '4:13: "window" must be a whole number, not true.'),
        ("criteria: failure-rate\nthreshold: 1", "4:16: A rate of 1 can be 1 % or 100 %. Write 1% or 100%."),
        ("criteria: failure-rate\nthreshold: 120%", "4:16: The rate 120% is above 100 %. Write at most 100%."),
        ("criteria: failure-rate\nthreshold: [1]", '4:16: "threshold" must be a single value such as 15 or 90s.'),
        ("criteria: all\nlimit: 0", '4:12: "limit" must be at least 1, not 0.'),
        ("criteria: all\nbudget: soon", '4:13: "soon" is not a duration. Write a duration as 90s, 5m or 1h30m.'),
        ("criteria: all\nbudget: 0s", '4:13: "budget" must be more than 0 seconds.'),
        ("criteria: all\nenabled: maybe", '4:14: "enabled" must be true or false, not "maybe".'),
        ("criteria: all\ndescription: 2024-01-01", '4:18: "description" must be text, not the date 2024-01-01. Put it in quotes.'),
        ("criteria: all\nany: [{criteria: all}]", "2:5: One of criteria, any, all and not is needed; this has criteria and any."),
        ("description: none", "2:5: One of criteria, any, all and not is needed; this has none of them."),
        ("any: []", '3:10: "any" must hold at least one condition.'),
        ("any: {criteria: all}", '3:10: "any" must be a list, not keys.'),
        ("any: [all]", '3:11: "any" must hold keys, not "all".'),
        ("not: [{criteria: all}]", '3:10: "not" must hold keys, not a list.'),
        ("any: [{window: 5}]", "3:11: One of criteria, any, all and not is needed; this has none of them."),
        ("any: [{criteria: all, windw: 5}]", '3:27: Unknown key "windw". Did you mean "window"?'),
        ("any: [{not: {criteria: all, windw: 5}}]", '3:33: Unknown key "windw". Did you mean "window"?'),
        ("any: [{criteria: all}]\nwindow: 5", '4:5: "window" means nothing for "any"; write it inside the conditions.'),
        ("criteria: all\nexecutor: {type: pyest}", "4:22: \"type\" must be pytest, pytest-cov, flake8, black, isort, pylint, ruff or mypy, not \"pyest\"."),
        ("criteria: all\nexecutor: {options: {verbos: true}}", '4:26: Unknown key "verbos". Did you mean "verbose"?'),
        ("criteria: all\nexecutor: {options: {capture: nope}}", '4:35: "capture" must be no, fd, sys or tee-sys, not "nope".'),
        ("criteria: all\nextends: nobody", '4:14: There is no rule "nobody" to extend.'),
        ("criteria: all\nextends: x", "4:14: The rule extends itself."),
        ("criteria: all\ncriteria: all", '4:5: The key "criteria" stands twice; it is already in line 3.'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_has_its_place_and_a_plain_sentence(
    tmp_path: Path, body: str, expected: str
) -> None:
    assert mistakes(tmp_path, rule_text(body)) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rulez: []", '1:1: Unknown key "rulez". Did you mean "rules"?'),
        ("rules: {}", '1:8: "rules" must be a list, not keys.'),
        ("rules: [x]", "1:9: A rule must hold keys such as name: and criteria:."),
        ("rules: [{criteria: all}]", '1:9: The key "name" is missing.'),
        ("rules: [{name: 2024-01-01, criteria: all}]", '1:16: "name" must be text, not the date 2024-01-01. Put it in quotes.'),
        ("rules: [{name: 5, criteria: all}]", '1:16: "name" must be text, not the number 5. Put it in quotes.'),
        ("rules: [{name: ' ', criteria: all}]", '1:16: "name" must be visible text on one line, without spaces around it.'),
        ("rules: [{name: a, criteria: all}, {name: a, criteria: all}]", '1:42: The rule "a" is written twice; it is already in line 1.'),
        ("extends: {}", '1:10: "extends" must be text or a list of texts.'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_has_its_place_and_a_plain_sentence(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert mistakes(tmp_path, text) == [expected]


def test_every_mistake_is_found_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = "rules:\n  - {name: a, criteria: al, limit: 0}\n  - {name: b, criteria: group}\n  - {name: c}\nzzz: 1\n"
    assert [line.split(": ")[0] for line in mistakes(tmp_path, text)] == [
        "2:25",
        "2:36",
        "3:25",
        "4:5",
        "5:1",
    ]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("criteria: group\nlimit: 0", ["3:15", "4:12"]),
        ("criteria: all\nwindow: 5\nenabled: maybe", ["4:5", "5:14"]),
        ("extends: nobody\nlimit: 0", ["3:14", "4:12"]),
        ("any: [{criteria: group}, {criteria: all, windw: 5}]", ["3:22", "3:46"]),
        ("criteria: all\nlimit: 0\nexecutor: {options: {verbos: true}}", ["4:12", "5:26"]),
        ("criteria: failed-in-last\nwindow: 0\nthreshold: 5%", ["4:13", "5:5"]),
    ],
)
def test_what_does_not_fit_together_is_told_beside_wrong_values(
    tmp_path: Path, body: str, places: list[str]
) -> None:
    assert [line.split(": ")[0] for line in mistakes(tmp_path, rule_text(body))] == places


def test_mistakes_elsewhere_do_not_stop_a_rule(tmp_path: Path) -> None:
    rules = book(tmp_path, "rules:\n  - {name: good, criteria: all}\n  - {name: bad, criteria: al}\n")
    assert rules.get("good").criterion == Criterion("all")
    with pytest.raises(ArgosError, match=r'^.lens/rules.yaml:3:27: Unknown criteria "al"\.'):
        rules.get("bad")


def test_of_two_rules_with_one_name_neither_is_taken(tmp_path: Path) -> None:
    rules = book(tmp_path, "rules:\n  - {name: a, criteria: all}\n  - {name: a, criteria: failed-in-last}\n")
    with pytest.raises(ArgosError, match="written twice"):
        rules.get("a")


def test_no_rule_is_taken_from_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ArgosError, match=r"^.lens/rules.yaml:2:1: A tab stands here"):
        book(tmp_path, "rules:\n\t- name: a\n").get("all")


def test_a_name_that_is_close_is_offered(tmp_path: Path) -> None:
    with pytest.raises(ArgosError) as refused:
        book(tmp_path, PLAN).get("quik")
    assert str(refused.value) == 'No rule "quik" in .lens/rules.yaml. Did you mean "quick-check"?'


def test_without_a_file_no_rule_is_said_to_be_missing_in_it(tmp_path: Path) -> None:
    with pytest.raises(ArgosError) as refused:
        load_rules(tmp_path).get("quick")
    assert str(refused.value).startswith('No rule "quick" is built in, and there is no .lens/rules.yaml yet.')


def test_a_rule_inherits_every_key_that_it_does_not_set(tmp_path: Path) -> None:
    rules = book(
        tmp_path,
        """
        rules:
          - {name: child, extends: parent, window: 3}
          - {name: parent, extends: grand, description: Mine, limit: 7}
          - {name: grand, criteria: failure-rate, threshold: 15%, window: 10, budget: 90s}
        """,
    )
    assert rules.problems == []
    rule = rules.get("child")
    assert rule.criterion == Criterion("failure-rate", window=3, threshold=0.15)
    assert (rule.description, rule.limit, rule.budget_s) == ("Mine", 7, 90)


def test_a_condition_of_its_own_replaces_the_inherited_one(tmp_path: Path) -> None:
    rules = book(
        tmp_path,
        """
        rules:
          - {name: base, criteria: failure-rate, threshold: 15%, window: 10}
          - {name: a, extends: base, criteria: failed-in-last}
          - {name: b, extends: base, any: [{criteria: all}]}
        """,
    )
    assert rules.problems == []
    assert rules.get("a").criterion == Criterion("failed-in-last", window=10)
    assert rules.get("b").criterion == Criterion("any", parts=(Criterion("all"),))


def test_a_rule_can_extend_a_built_in_one_even_of_its_own_name(tmp_path: Path) -> None:
    rules = book(tmp_path, "rules: [{name: failure-rate, extends: failure-rate, window: 50}]")
    assert rules.get("failure-rate").criterion == Criterion("failure-rate", window=50, threshold=0.1)


def test_rules_that_extend_each_other_are_mistakes(tmp_path: Path) -> None:
    text = "rules:\n  - {name: a, extends: b}\n  - {name: b, extends: c}\n  - {name: c, extends: a}\n"
    rules = book(tmp_path, text)
    assert [str(p) for p in rules.problems] == [
        ".lens/rules.yaml:2:24: The rule extends itself: a -> b -> c -> a."
    ]
    for name in "abc":
        with pytest.raises(ArgosError, match="extends itself"):
            rules.get(name)


def test_a_chain_of_rules_has_a_bound(tmp_path: Path) -> None:
    chain = "".join(f"  - {{name: r{i}, extends: r{i + 1}}}\n" for i in range(2_000))
    rules = book(tmp_path, f"rules:\n{chain}  - {{name: r2000, criteria: all}}\n")
    assert rules.get("r1999").criterion == Criterion("all")
    with pytest.raises(ArgosError, match="More than 50 rules extend each other here"):
        rules.get("r0")


def test_a_rule_whose_parent_has_mistakes_names_them(tmp_path: Path) -> None:
    rules = book(tmp_path, "rules:\n  - {name: a, extends: b}\n  - {name: b, criteria: al}\n")
    assert len(rules.problems) == 1
    with pytest.raises(ArgosError, match="rules.yaml:3:25"):
        rules.get("a")


SHARED = """
rules:
  - {name: quick, criteria: failed-in-last, window: 3}
  - {name: theirs, criteria: all}
"""


def test_a_shared_file_lends_its_rules_and_the_nearer_one_wins(tmp_path: Path) -> None:
    rules = book(
        tmp_path,
        "extends: team.yaml\nrules: [{name: quick, criteria: failed-in-last, window: 9}]",
        team="extends: [far.yaml]\nrules: [{name: quick, criteria: all}, {name: team, criteria: all}]",
        far="rules: [{name: team, criteria: failed-in-last}, {name: far, criteria: all}]",
    )
    assert rules.problems == []
    assert rules.get("quick").criterion.window == 9
    assert rules.get("team").source == ".lens/team.yaml:2"
    assert rules.get("far").source == ".lens/far.yaml:1"


def test_a_rule_can_extend_the_shared_rule_of_its_own_name(tmp_path: Path) -> None:
    rules = book(
        tmp_path, "extends: [team.yaml]\nrules: [{name: quick, extends: quick, limit: 5}]", team=SHARED
    )
    assert (rules.get("quick").criterion.window, rules.get("quick").limit) == (3, 5)


def test_mistakes_in_a_shared_file_are_named_with_that_file(tmp_path: Path) -> None:
    rules = book(tmp_path, "extends: team.yaml", team="rules: [{name: a, criteria: al}]")
    assert str(rules.problems[0]).startswith(".lens/team.yaml:1:29: Unknown criteria")


def test_a_shared_file_that_is_missing_is_a_mistake_where_it_is_named(tmp_path: Path) -> None:
    rules = book(tmp_path, "extends:\n  - none.yaml\nrules: [{name: a, criteria: all}]")
    assert [str(p) for p in rules.problems] == [
        f".lens/rules.yaml:2:5: There is no file {tmp_path / '.lens' / 'none.yaml'}."
    ]
    with pytest.raises(ArgosError, match="There is no file"):
        rules.get("a")


@pytest.mark.skipif(os.name == "nt", reason="Links need a privilege on Windows.")
def test_a_rules_file_that_is_a_link_to_itself_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / ".lens").mkdir()
    (tmp_path / ".lens/rules.yaml").symlink_to("rules.yaml")
    rules = load_rules(tmp_path)
    assert [str(p).startswith(".lens/rules.yaml:1:1: The file cannot be read") for p in rules.problems] == [
        True
    ]
    with pytest.raises(ArgosError, match="cannot be read"):
        rules.get("all")


@pytest.mark.skipif(os.name == "nt", reason="Links need a privilege on Windows.")
def test_a_shared_file_that_is_a_link_to_itself_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / ".lens").mkdir()
    (tmp_path / ".lens/loop.yaml").symlink_to("loop.yaml")
    rules = book(tmp_path, "extends: loop.yaml\nrules: [{name: a, criteria: all}]")
    assert [str(p).startswith(".lens/loop.yaml:1:1: The file cannot be read") for p in rules.problems] == [
        True
    ]


@pytest.mark.parametrize("written", ["~nobody-of-this-name/rules.yaml", '"a\\0b.yaml"', "x" * 5_000])
def test_a_shared_file_whose_name_cannot_be_is_a_mistake(tmp_path: Path, written: str) -> None:
    rules = book(tmp_path, f"extends: {written}\nrules: [{{name: a, criteria: all}}]")
    assert len(rules.problems) == 1
    assert str(rules.problems[0]).startswith(".lens/rules.yaml:1:10: ")


def test_a_shared_file_outside_the_project_is_named_without_detours(tmp_path: Path) -> None:
    write(tmp_path, {"shared/team.yaml": "rules: [{name: theirs, criteria: all}]\n"})
    rules = book(tmp_path / "shop", "extends: ../../shared/team.yaml")
    assert rules.get("theirs").source == f"{tmp_path / 'shared' / 'team.yaml'}:1"


@pytest.mark.skipif(os.name == "nt", reason="Links need a privilege on Windows.")
def test_a_shared_file_behind_a_linked_folder_is_named_where_it_is(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/lens/rules.yaml": "extends: ../team.yaml\n"})
    write(tmp_path, {"elsewhere/team.yaml": "rules: [{name: theirs, criteria: all}]\n", "shop/x": ""})
    (tmp_path / "shop/.lens").symlink_to("../elsewhere/lens")
    source = load_rules(tmp_path / "shop").get("theirs").source
    assert source == f"{(tmp_path / 'elsewhere/team.yaml').resolve()}:1"


def test_files_that_extend_each_other_are_mistakes(tmp_path: Path) -> None:
    rules = book(tmp_path, "extends: team.yaml", team="extends: rules.yaml\n" + SHARED.strip())
    assert [str(p) for p in rules.problems] == [
        ".lens/team.yaml:1:10: This file extends itself by way of .lens/rules.yaml."
    ]
    assert rules.get("theirs").criterion == Criterion("all")


def test_one_shared_file_may_be_reached_in_two_ways(tmp_path: Path) -> None:
    rules = book(
        tmp_path, "extends: [a.yaml, b.yaml]", a="extends: team.yaml", b="extends: team.yaml", team=SHARED
    )
    assert rules.problems == []
    assert "theirs" in rules.rules


words = st.sampled_from(
    [
        "rules",
        "name",
        "criteria",
        "all",
        "any",
        "not",
        "group",
        "groups",
        "window",
        "extends",
        "executor",
        "options",
        "x",
    ]
)
data = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(words, data, max_size=6), max_size=3))
def test_any_data_gives_rules_or_mistakes(
    tmp_path_factory: pytest.TempPathFactory, entries: list[object]
) -> None:
    rules = book(tmp_path_factory.mktemp("p"), json.dumps({"rules": entries}))
    named = {e["name"] for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)}
    assert named <= {*rules.rules, *rules.broken}
    assert bool(rules.broken) <= bool(rules.problems)
