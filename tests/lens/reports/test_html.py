from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argos.lens.reports import charts, html
from argos.lens.reports.tests import Changes, RuleSaving, row
from argos.model.execution import Counts, ExecutionStatus
from builders import NOON, a_record, a_tests_report, an_execution

HOSTILE = [
    "tests/a.py::t[</script><img src=x onerror=alert(1)>]",
    "tests/a.py::t['\"><svg onload=alert(1)>]",
    "tests/a.py::t[${7*7}{{ 7*7 }}{% raw %}<%= 1 %>]",
    "tests/a.py::t[<!--<script>]",
    "tests/a.py::t[&lt;b&gt;&amp;]",
    "tests/a.py::t[\u202egnp.exe\u2066\u200f]",
    "tests/a.py::t[\u2028\u2029\x00\x1b[31m\n]",
    "tests/a.py::t[`|`a\\|b`]",
    "tests/ä/שלום.py::t[日本]",
    "tests/a.py::t[" + "x" * 10_000 + "]",
]


def the_data(source: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', source, re.DOTALL).group(1))


def test_the_title_is_the_answer(page):
    source = html.render(a_tests_report({"a": "FF", "b": "PF", "c": "PP"}))
    assert "<title>1 test is broken, 1 is flaky; 1 passes.</title>" in source
    assert "1 test is broken, 1 is flaky; 1 passes." in page(source).text


def test_an_empty_database_names_the_command_that_fills_it(page):
    text = page(html.render(a_tests_report({}, space="local", other_spaces={"ci": 3}))).text
    assert "No results in the space “local” yet." in text
    assert "anvil execute --rule all --space local" in text
    assert "lens report tests --space ci" in text


def test_the_page_asks_for_nothing_from_elsewhere(page):
    source = html.render(a_tests_report({"a": "PF"}))
    read = page(source)
    for tag, attributes in read.elements:
        for name in ("src", "action", "formaction", "data", "background"):
            assert name not in attributes
        assert attributes.get("href", "#").startswith("#"), tag
    assert "url(" not in re.sub(r"url\(#\w+\)", "", source)
    assert "@import" not in source


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(page):
    source = html.render(a_tests_report())
    (policy,) = [
        m["content"] for m in page(source).all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for kind, tag in (("style-src", "style"), ("script-src", "script")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"


def test_no_element_carries_style_or_script_in_an_attribute(page):
    report = a_tests_report(
        {"a": "PF"}, executions=(an_execution(counts=Counts(3, 1, 1, 1, 1, 1), duration_s=1),)
    )
    for _, attributes in page(html.render(report)).elements:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("recent", ["FF", "PF", "PP"])
def test_hostile_text_stays_text_wherever_it_comes_from(page, name, recent):
    execution = an_execution(
        rule=name,
        commit=name,
        branch=name,
        shard=name,
        counts=Counts(1, 1),
        status=ExecutionStatus.INTERRUPTED,
    )
    source = html.render(
        a_tests_report(
            {name: recent},
            message=name,
            space=name,
            project=name,
            command=name,
            executions=(execution,),
            newest=execution,
            changes=Changes(*[(name,)] * 6),
            savings=(RuleSaving(name, 1, 1, 1, 1, 1.0, 2.0, False),),
        )
    )
    read = page(source)
    assert len(read.all("script")) == 2
    assert {"img", "iframe", "object", "link"}.isdisjoint(tag for tag, _ in read.elements)
    assert not any(attribute.startswith("on") for _, attributes in read.elements for attribute in attributes)
    assert source.lower().count("</script") == 2
    assert not re.search("[\u2028\u2029\u202a-\u202e\u2066-\u2069\x00\x1b]", source)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_whole_name_of_a_failing_test_can_be_read(page, name):
    shown = page(html.render(a_tests_report({name: "FF"}))).text
    assert html.text.visible(name) in shown


def test_control_characters_are_shown_as_escapes(page):
    shown = page(html.render(a_tests_report({"t[\u202egnp]": "FF"}, message="\x1b[31mred\x1b[0m\a"))).text
    assert "t[\\u202egnp]" in shown
    assert "red\\x07" in shown


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=50))
def test_any_name_survives_the_embedded_data(name):
    source = html.render(a_tests_report({f"f::{name}": "PP"}))
    data = the_data(source)
    file, rest = data["tests"][0][:2]
    assert data["files"][file] + rest == html.text.visible(f"f::{name}")


def test_embedded_json_holds_no_character_that_could_end_it():
    embedded = html.embedded({"<&>\u2028é": "</script>"})
    assert embedded.isascii()
    assert not set("<>&") & set(embedded)
    assert json.loads(embedded) == {"<&>\u2028é": "</script>"}


def test_the_record_is_told_in_letters_and_in_words(page):
    read = page(html.render(a_tests_report({"a": "PPFES"})))
    assert "··FES" in read.text
    assert "5 results, oldest first: PPFES" in [span.get("aria-label") for span in read.all("span")]


def test_every_listed_test_shows_the_command_that_runs_it_again(page):
    read = page(html.render(a_tests_report({"tests/a.py::t[x y]": "PF"})))
    assert "python -m pytest 'tests/a.py::t[x y]'" in [b.get("data-copy") for b in read.all("button")]


def test_a_long_traceback_is_cut_at_a_line_and_says_so(page):
    long = "\n".join(f"line {number} " + "x" * 60 for number in range(400))
    shown = page(html.render(a_tests_report({"a": "FF"}, message=long))).text
    assert "line 399" in shown
    assert "earlier characters left out" in shown


def test_only_the_worst_fifty_are_listed_and_the_page_says_how_many_there_are(page):
    shown = page(html.render(a_tests_report({f"t{number}": "FF" for number in range(60)}))).text
    assert "Broken: 60 tests" in shown
    assert "The first 50 of 60" in shown


def test_every_execution_of_the_picture_leads_to_its_row_of_the_table(page):
    runs = tuple(an_execution(f"e{n}", counts=Counts(passed=1), duration_s=1.0) for n in range(3))
    read = page(html.render(a_tests_report({"a": "PP"}, executions=runs)))
    ids = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    assert {f"#execution-{n}" for n in range(3)} <= {link["href"] for link in read.all("a")}
    assert {f"execution-{n}" for n in range(3)} <= ids


def test_ids_are_unique_and_links_lead_somewhere(page):
    read = page(html.render(a_tests_report({"a": "FF", "b": "PF"})))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in read.all("a")} <= set(ids)


def test_an_execution_without_results_or_duration_is_drawn(page):
    read = page(
        html.render(a_tests_report({"a": "PP"}, executions=(an_execution(status=ExecutionStatus.RUNNING),)))
    )
    assert "running" in read.text


def test_ten_thousand_tests_stay_under_three_megabytes():
    rows = tuple(
        row(
            a_record(
                f"tests/unit/area_{n % 40}/test_module_{n % 400}.py::TestThing::test_{n}[case]", "P" * 30
            ),
            30,
        )
        for n in range(10_000)
    )
    assert len(html.render(a_tests_report({}, tests=rows, generated_at=NOON)).encode()) < 3_000_000


class TestInABrowser:
    def test_the_table_of_all_tests_is_filled(self, show):
        shown = show(html.render(a_tests_report({f"tests/a.py::t{n}": "PF" for n in range(120)})))
        assert shown.console == ""
        assert "120 tests" in shown.page.text
        assert "page 1 of 3" in shown.page.text

    def test_the_address_holds_filter_sort_and_page(self, show):
        records = {f"tests/a.py::t{n}": "PF" for n in range(120)} | {"tests/b.py::other": "PP"}
        shown = show(html.render(a_tests_report(records)), "#all?q=A.PY+t1&sort=-name&state=flaky")
        assert "31 of 121 tests" in shown.page.text
        (first, *_) = [cell["title"] for cell in shown.page.all("td") if cell.get("title")]
        assert first == "tests/a.py::t19"
        assert [h.get("aria-sort") for h in shown.page.all("th") if h.get("aria-sort") == "descending"]

    def test_hostile_names_do_nothing_but_stand_there(self, show):
        source = html.render(a_tests_report(dict.fromkeys(HOSTILE, "PF"), message=HOSTILE[0]))
        shown = show(source)
        assert shown.console == ""
        assert "img" not in {tag for tag, _ in shown.page.elements}
        titles = {cell["title"] for cell in shown.page.all("td") if cell.get("title")}
        assert titles == {html.text.visible(name) for name in HOSTILE}

    def test_a_script_that_is_not_the_pages_own_is_refused(self, show):
        source = html.render(a_tests_report()).replace(
            "<footer", "<script>document.title='taken'</script><footer"
        )
        shown = show(source)
        assert "Content Security Policy" in shown.console
        assert "taken" not in shown.page.text

    def test_an_address_from_elsewhere_breaks_nothing(self, show):
        shown = show(html.render(a_tests_report()), "#all?sort=__proto__&page=-7&state=nonsense&q=%00")
        assert shown.console == ""
        assert "0 of 1 tests" in shown.page.text


def test_no_text_of_the_picture_gets_smaller_than_ten_pixels():
    source = html.render(a_tests_report({"a": "PF"}))
    narrowest = int(re.search(r"\.timeline \{[^}]*min-width: (\d+)px", source)[1])
    size = int(re.search(r"\.timeline text \{[^}]*font-size: (\d+)px", source)[1])
    assert size * narrowest / charts.WIDTH >= 10


def test_what_is_hidden_in_a_wide_table_scrolls_with_it_and_not_with_the_page():
    source = html.render(a_tests_report({"a": "PF"}))
    assert re.search(r"\.unseen \{[^}]*position: absolute", source)
    assert re.search(r"\.scroll \{[^}]*position: relative", source)
