from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.model.quality import Sighting
from argos.stats import quality
from argos.stats.quality import Direction

COUNTS = st.dictionaries(st.sampled_from(["ERROR", "WARNING", "INFO"]), st.integers(0, 500))


def a_sighting(path: str = "a.py", severity: str = "INFO", line: int = 1, code: str = "E501") -> Sighting:
    return Sighting(path, "flake8", code, "m", severity, line)


@pytest.mark.parametrize(
    "counts, lines, score",
    [({}, 0, 100.0), ({}, 500, 100.0), ({"INFO": 1}, 0, 0.0), ({"INFO": 20}, 100, 50.0),
     ({"ERROR": 4}, 100, 50.0), ({"WARNING": 10}, 100, 50.0), ({"INFO": 1}, 100, 100 / 1.05)],
)  # fmt: skip
def test_the_score_follows_its_formula(counts, lines, score):
    assert quality.score(counts, lines) == pytest.approx(score)


@given(COUNTS, st.integers(1, 10_000))
def test_a_score_lies_between_0_and_100(counts, lines):
    assert 0 < quality.score(counts, lines) <= 100


@given(COUNTS, st.integers(1, 10_000), st.sampled_from(["ERROR", "WARNING", "INFO"]))
def test_a_violation_more_lowers_the_score_and_a_line_more_raises_it(counts, lines, severity):
    score = quality.score(counts, lines)
    more = {**counts, severity: counts.get(severity, 0) + 1}
    assert quality.score(more, lines) < score
    assert quality.score(more, lines + 1) > quality.score(more, lines)


@given(st.integers(1, 100), st.integers(1, 10_000))
def test_an_error_weighs_more_than_a_warning_and_that_more_than_a_remark(count, lines):
    error, warning, remark = (quality.score({s: count}, lines) for s in ("ERROR", "WARNING", "INFO"))
    assert error < warning < remark


def test_hotspots_are_the_worst_files_first_and_those_that_were_touched_before_others():
    found = [*[a_sighting("calm.py")] * 9, *[a_sighting("busy.py", "ERROR")] * 2, a_sighting("one.py")]
    assert [spot.path for spot in quality.hotspots(found, {}, least=2)] == ["busy.py", "calm.py"]
    touched = quality.hotspots(found, {"calm.py": 90}, commits={"calm.py": 3, "one.py": 1})
    assert [spot.path for spot in touched] == ["calm.py", "one.py", "busy.py"]
    assert (touched[0].violations, touched[0].commits, touched[0].by_code) == (9, 3, {"E501": 9})
    assert touched[0].score == pytest.approx(quality.score({"INFO": 9}, 90))
    assert touched[1].score is None


def test_regressions_are_new_violations_and_files_with_more_of_them():
    old, new = a_sighting("a.py", line=1), a_sighting("a.py", line=5)
    found = quality.regressions([old, new, a_sighting("b.py")], [old, a_sighting("b.py")], [new])
    assert [(each.path, each.before, each.after, each.violation) for each in found] == [
        ("a.py", 1, 2, new),
        ("a.py", 1, 2, None),
    ]


@pytest.mark.parametrize(
    "points, direction",
    [([], "stable"), ([4], "stable"), ([4, 4, 4], "stable"), ([4, 4, 6], "degrading"), ([6, 4, 4], "improving"),
     ([5, 6, 5, 6, 5], "stable"), ([9, 1, 9, 1, 9, 1, 8], "stable"), ([10, 10, 10, 10, 8], "improving")],
)  # fmt: skip
def test_a_trend_is_where_the_points_go(points, direction):
    assert quality.trend(points).direction is Direction(direction)


@given(st.lists(st.integers(0, 20), max_size=20))
def test_time_turned_round_turns_the_trend_round(points):
    forward, backward = quality.trend(points), quality.trend(points[::-1])
    assert forward.agreement == -backward.agreement
    opposite = {Direction.IMPROVING: Direction.DEGRADING, Direction.DEGRADING: Direction.IMPROVING}
    assert backward.direction is opposite.get(forward.direction, Direction.STABLE)


def test_a_trend_says_its_evidence():
    assert (
        quality.trend([4, 6]).sentence == "Degrading: from 4 to 6 points over 2 scans (Kendall's tau +1.00)."
    )
    assert "too few scans" in quality.trend([4]).sentence
