from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.scout import log_lines
from argos.scout.log_lines import Templates, differing_lines, ranked

GREEN = """\
\ufeff2026-02-02T18:01:28.4726886Z Current runner version: '2.331.0'
2026-02-02T18:01:28.4761234Z Azure Region: westus
2026-02-02T18:01:30.0198143Z ##[group]Run pip install -r requirements.txt
2026-02-02T18:01:30.0198143Z \x1b[36;1mpip install -r requirements.txt\x1b[0m
2026-02-02T18:01:30.0198143Z ##[endgroup]
2026-02-02T18:01:38.8344337Z Downloading attrs-25.1.0-py3-none-any.whl (63 kB)
2026-02-02T18:01:39.0000000Z Successfully installed attrs-25.1.0
2026-02-02T18:01:51.6081910Z ##[group]Run pytest -v
2026-02-02T18:01:51.6081910Z \x1b[36;1mpytest -v\x1b[0m
2026-02-02T18:01:51.6081910Z ##[endgroup]
2026-02-02T18:01:53.0000000Z tests/test_a.py::test_one PASSED [ 50%]
2026-02-02T18:01:53.0000000Z warning: an error that is always there
2026-02-02T18:01:53.0000000Z tests/test_a.py::test_two PASSED [100%]
2026-02-02T18:01:53.9639601Z ============ 2 passed in 1.89s ============
2026-02-02T18:01:54.0000000Z Post job cleanup.
2026-02-02T18:01:54.1000000Z Cleaning up orphan processes
""".splitlines()

RED = """\
\ufeff2026-02-03T08:00:28.4726886Z Current runner version: '2.332.1'
2026-02-03T08:00:28.4761234Z Azure Region: westus
2026-02-03T08:00:30.0198143Z ##[group]Run pip install -r requirements.txt
2026-02-03T08:00:30.0198143Z \x1b[36;1mpip install -r requirements.txt\x1b[0m
2026-02-03T08:00:30.0198143Z ##[endgroup]
2026-02-03T08:00:38.8344337Z Downloading attrs-25.3.0-py3-none-any.whl (64 kB)
2026-02-03T08:00:39.0000000Z Successfully installed attrs-25.3.0
2026-02-03T08:00:51.6081910Z ##[group]Run pytest -v
2026-02-03T08:00:51.6081910Z \x1b[36;1mpytest -v\x1b[0m
2026-02-03T08:00:51.6081910Z ##[endgroup]
2026-02-03T08:00:53.0000000Z tests/test_a.py::test_one PASSED [ 50%]
2026-02-03T08:00:53.0000000Z warning: an error that is always there
2026-02-03T08:00:53.0000000Z tests/test_a.py::test_two \x1b[31mFAILED\x1b[0m [100%]
2026-02-03T08:00:53.1000000Z     def test_two():
2026-02-03T08:00:53.1000000Z >       assert order() == 3
2026-02-03T08:00:53.1000000Z E       assert 4 == 3
2026-02-03T08:00:53.9639601Z ============ 1 failed, 1 passed in 1.89s ============
2026-02-03T08:00:53.9700000Z ##[error]Process completed with exit code 1.
2026-02-03T08:00:54.0000000Z ##[group]Run upload
2026-02-03T08:00:54.0000000Z ##[endgroup]
2026-02-03T08:00:54.0000000Z error: nothing to upload
2026-02-03T08:00:54.0000000Z Post job cleanup.
2026-02-03T08:00:54.1000000Z Cleaning up orphan processes
""".splitlines()


def texts(lines):
    return [line.text for line in lines]


def test_the_error_comes_first_with_its_number_and_step():
    best = ranked(differing_lines(RED, [GREEN]))[0]
    assert (best.number, best.text, best.step) == (16, "E       assert 4 == 3", "pytest -v")


def test_a_test_that_passes_in_green_is_not_mistaken_for_one_that_fails():
    assert "tests/test_a.py::test_two FAILED [100%]" in texts(differing_lines(RED, [GREEN]))


def test_what_green_logs_have_as_well_is_noise():
    shown = texts(ranked(differing_lines(RED, [GREEN])))
    assert "warning: an error that is always there" not in shown
    assert not any("attrs" in text or "runner version" in text for text in shown)


def test_what_every_red_log_has_is_noise():
    shown = texts(differing_lines(RED, [GREEN]))
    assert not any(text.startswith(("##[error]Process completed", "Post job", "Cleaning")) for text in shown)


def test_a_step_that_ran_after_the_failing_one_is_not_the_cause():
    assert "error: nothing to upload" not in texts(ranked(differing_lines(RED, [GREEN])))


def test_without_a_green_log_the_marked_lines_are_shown():
    shown = texts(ranked(differing_lines(RED)))
    assert shown[0] == "E       assert 4 == 3"
    assert "tests/test_a.py::test_two FAILED [100%]" in shown


def test_a_failing_step_without_any_mark_is_shown_by_its_end():
    red = ["##[group]Run make", "##[endgroup]", *(f"line {n}" for n in "abcdefghijklmnop")]
    red += ["##[error]Process completed with exit code 2."]
    shown = texts(differing_lines(red))
    assert shown[-1] == "line p"
    assert len(shown) == log_lines.TAIL


def test_echoed_commands_are_not_output():
    red = ["##[group]Run echo", "\x1b[36;1mecho 'Error: no'; exit 1\x1b[0m", "##[endgroup]", "ValueError: no"]
    assert texts(ranked(differing_lines(red))) == ["ValueError: no"]


def test_a_line_that_repeats_is_shown_a_few_times_only():
    red = [f"##[error]lost {n}" for n in range(100)]
    assert len(ranked(differing_lines(red))) == log_lines.MOST_REPEATS


def test_words_that_vary_between_green_logs_become_wildcards():
    templates = Templates()
    for region in ("westus", "eastus"):
        templates.learn(f"The job was placed in the region {region} of the cloud")
    assert templates.knows("The job was placed in the region northus of the cloud")
    assert not templates.knows("The job was lost in the region northus of the cloud")


def test_an_outcome_is_never_a_wildcard():
    templates = Templates()
    for name in ("alpha", "beta"):
        templates.learn(f"check of the module {name} has passed")
    assert templates.knows("check of the module gamma has passed")
    assert not templates.knows("check of the module alpha has failed")


def test_templates_are_bounded(monkeypatch):
    monkeypatch.setattr(log_lines, "MOST_TEMPLATES", 10)
    templates = Templates()
    forms = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(100)]
    for form in forms:
        templates.learn(form)
    assert sum(templates.knows(form) for form in forms) == 10


def test_a_progress_bar_is_read_in_its_last_state():
    assert texts(differing_lines(["0%\r50%\rValueError: no\n"])) == ["ValueError: no"]


@pytest.mark.parametrize("limit", [-1, 0])
def test_no_lines_are_asked_for(limit):
    assert differing_lines(RED, [GREEN], limit) == []


lines = st.lists(
    st.text(max_size=30)
    | st.sampled_from([*RED, *GREEN, "##[error]x", "E   y", "##[group]Run z", "Traceback (most"]),
    max_size=40,
)


@given(lines, st.lists(lines, max_size=2), st.integers(1, 12))
def test_lines_are_few_in_order_and_those_of_the_log(red, greens, limit):
    found = differing_lines(red, greens, limit)
    numbers = [line.number for line in found]
    assert len(found) <= limit
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= len(red) for number in numbers)


@given(lines)
def test_a_log_does_not_differ_from_itself_in_telling_lines(log):
    marked = [line for line in ranked(differing_lines(log, [log])) if line.score > 1]
    assert marked == []


def test_real_logs_of_two_cells_lead_to_the_error():
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "ci" / "run-21601435348"
    if not folder.is_dir():
        pytest.skip("no real logs beside the project")
    red = (folder / "5_Test Python 3.8 on ubuntu-latest.txt").read_text(encoding="utf-8").splitlines()
    green = (folder / "12_Test Python 3.11 on macos-latest.txt").read_text(encoding="utf-8").splitlines()
    for greens in ([], [green]):
        best = ranked(differing_lines(red, greens))[0]
        assert (best.number, best.text) == (316, "E   TypeError: 'type' object is not subscriptable")
