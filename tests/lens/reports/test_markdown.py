from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from argos.lens.reports import markdown, text
from argos.lens.reports.tests import Changes, RuleSaving
from argos.model.execution import Counts
from builders import NOON, a_tests_report, an_execution

HOSTILE = [
    "t[`|`a\\|b`]",
    "t[</td></table><img src=x onerror=alert(1)>]",
    "t[[link](javascript:alert(1))]",
    "t[@everyone #1 ![](http://x)]",
    "t[a\n| b |\n# c]",
    "t[\u202egnp]",
    "t[``` \\` \\\\| &#96; &lt;]",
    " ",
]


class Cells(HTMLParser):
    """Elements of rendered Markdown and the text of its code."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.code: list[str] = []
        self.feed(MarkdownIt("commonmark").enable("table").render(source))
        self.close()

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "code":
            self.code.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "code":
            self.code[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


def test_the_first_line_is_the_answer():
    assert markdown.render(a_tests_report({"a": "FF", "b": "PP"})).startswith(
        "# 1 test is broken; 1 passes.\n"
    )


def test_an_empty_database_names_the_command_that_fills_it():
    shown = markdown.render(a_tests_report({}, other_spaces={"ci": 1}))
    assert "anvil execute --rule all --space local" in shown
    assert "`ci` (1 test)" in shown


def test_broken_flaky_and_slow_tests_and_rules_are_there():
    saving = RuleSaving("quick", 2, 10, 1, 2, 3.0, 20.0, False)
    shown = markdown.render(a_tests_report({"a": "FF", "b": "PF", "c": "PP"}, savings=(saving,)))
    assert "## Broken: 1 test" in shown
    assert "| `a` | 2 of 2 (100 %) | 0 | `FF` | `assert 1 == 2` |" in shown
    assert "| `b` | 1 of 2 (50 %) | 1 | `PF` | `assert 1 == 2` |" in shown
    assert "## Slowest 3 tests" in shown
    assert "| `quick` | 2 | 5 | 1 | 2 | 3.00 s | 20.0 s | 17.0 s |" in shown
    assert "python -m pytest a" in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_stays_in_its_cell_as_code(name):
    execution = an_execution(rule=name, commit=name, counts=Counts(1, 1))
    report = a_tests_report(
        {name: "PF"},
        message=name,
        space=name,
        project=name,
        executions=(execution,),
        newest=execution,
        changes=Changes(*[(name,)] * 6),
        savings=(RuleSaving(name, 1, 1, 1, 1, 1.0, 2.0, False),),
        generated_at=NOON,
    )
    ordinary = Cells(markdown.render(a_tests_report({"t": "PF"}, message="m", executions=(execution,))))
    shown = Cells(markdown.render(report))
    assert {"img", "a", "script", "em", "strong"}.isdisjoint(shown.tags)
    assert set(shown.tags) - {"ul", "li", "/ul", "/li"} <= set(ordinary.tags)
    assert shown.tags.count("table") == 4


@given(st.text(max_size=30) | st.text(alphabet="`|\\ a<&;#9*_[]()!@\n", max_size=30))
def test_any_text_in_a_cell_is_read_back_as_code(untrusted):
    table = f"| A | B |\n| --- | --- |\n| {markdown.code(untrusted)} | end |"
    cells = Cells(table)
    assert cells.tags.count("td") == 2
    assert "".join(cells.code).strip() == text.visible(untrusted).strip()


@given(st.text(alphabet="`~a \n", max_size=40))
def test_no_text_closes_its_block(untrusted):
    tags = Cells(markdown.block(untrusted)).tags
    assert tags == ["pre", "code", "/code", "/pre"]
