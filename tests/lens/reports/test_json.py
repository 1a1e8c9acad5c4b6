from __future__ import annotations

import json
import re
from pathlib import Path

from argos.lens.reports import json as renderer
from argos.lens.reports.tests import Changes, RuleSaving
from argos.model.execution import Counts
from builders import NOON, a_tests_report, an_execution

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "reports.md"


def a_full_report() -> dict:
    saving = RuleSaving("quick", 2, 10, 1, 2, 3.0, 20.0, False)
    execution = an_execution("e9", counts=Counts(passed=1, failed=1))
    report = a_tests_report(
        {"a": "FF", "b": "PP", "c": "S"},
        executions=(execution,),
        newest=execution,
        changes=Changes(began=("a",)),
        savings=(saving,),
        other_spaces={"ci": 2},
        gone=4,
    )
    return json.loads(renderer.render(report))


def test_the_totals_count_each_test_once():
    totals = a_full_report()["totals"]
    assert (totals["tests"], totals["broken"], totals["flaky"], totals["passing"], totals["not_run"]) == (
        3,
        1,
        0,
        1,
        1,
    )
    assert totals["gone"] == 4


def test_a_test_carries_its_figures_with_their_n():
    test = a_full_report()["tests"][0]
    assert (test["entity"], test["stability"], test["failure_rate"]) == ("a", "broken", 1.0)
    assert (test["failing"], test["executed"], test["results"], test["recent"]) == (2, 2, 2, "FF")
    assert test["error"]["message"] == "assert 1 == 2"
    assert test["trend"]["direction"] == "stable"


def test_a_passing_test_has_neither_error_nor_trend():
    test = a_full_report()["tests"][1]
    assert "error" not in test
    assert "trend" not in test


def test_times_carry_their_offset():
    assert a_full_report()["generated_at"] == NOON.isoformat()
    assert NOON.isoformat().endswith("+00:00")


def test_a_test_without_executed_results_has_null_figures():
    test = a_full_report()["tests"][2]
    assert (test["failure_rate"], test["mean_s"], test["failure_rate_interval"]) == (None, None, [0.0, 1.0])


def keys(document: object) -> set[str]:
    if isinstance(document, dict):
        return set(document) | set().union(*map(keys, document.values()), set())
    return set().union(*map(keys, document), set()) if isinstance(document, list) else set()


def test_every_key_is_described_in_the_guide_and_the_guide_describes_no_others():
    (described,) = re.findall(
        r"## The JSON document(.*?)(?:\n## |\Z)", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    named = set(re.findall(r"`([a-z_0-9]+)`", described))
    assert keys(a_full_report()) - {"ci"} == named
