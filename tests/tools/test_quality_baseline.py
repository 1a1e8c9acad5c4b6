from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.quality import Sighting, Surroundings
from argos.tools import quality_baseline


def a_sighting(path: str = "a.py", number: int = 1, **fields: object) -> Sighting:
    around = Surroundings(f"f{number}", number, 2, 3, 4)
    usual = {
        "tool": "ruff",
        "code": "F401",
        "message": f"'x{number}' unused",
        "severity": "WARNING",
        "line": number,
    }
    return Sighting(path=path, around=around, **{**usual, **fields})  # type: ignore[arg-type]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=12)
SIGHTINGS = st.builds(
    Sighting,
    path=TEXT.filter(lambda text: text[0] != "#" and "%7C" not in text),
    tool=st.just("ruff"),
    code=TEXT.filter(lambda text: "%7C" not in text),
    message=TEXT,
    severity=st.sampled_from(["ERROR", "WARNING", "INFO"]),
    line=st.none() | st.integers(1, 9),
    around=st.builds(
        Surroundings, st.sampled_from(["", "A.f"]), *(st.integers(0, 2**32 - 1) for _ in range(4))
    ),
)


@given(st.lists(SIGHTINGS, max_size=6))
def test_what_is_written_is_read_back_without_its_lines(found):
    back = quality_baseline.load(quality_baseline.dump(found))
    assert sorted(map(repr, back)) == sorted(repr(replace(each, line=None, column=None)) for each in found)


def test_the_file_holds_no_line_number_and_no_total():
    moved = [replace(a_sighting(number=n), line=n + 100, column=9) for n in range(3)]
    assert quality_baseline.dump(moved) == quality_baseline.dump([a_sighting(number=n) for n in range(3)])


def test_a_line_that_is_none_is_refused_with_its_place():
    text = quality_baseline.dump([a_sighting()]) + "<<<<<<< ours\n"
    with pytest.raises(ArgosError) as refused:
        quality_baseline.load(text)
    assert refused.value.where == ".anvil/quality-baseline.txt:4"


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_two_branches_that_change_neighbouring_lines_do_not_conflict(tmp_path):
    file = tmp_path / quality_baseline.FILE
    file.parent.mkdir()
    (tmp_path / quality_baseline.ATTRIBUTES).write_text(quality_baseline.ATTRIBUTE)

    def commit(numbers: list[int]) -> None:
        file.write_text(quality_baseline.dump([a_sighting(number=n) for n in numbers]), encoding="utf-8")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-m", "x")

    git(tmp_path, "init", "-b", "main")
    commit([1, 2, 3, 6])
    git(tmp_path, "checkout", "-b", "other")
    commit([1, 3, 5, 6])
    git(tmp_path, "checkout", "main")
    commit([1, 2, 4, 6])
    git(tmp_path, "merge", "other", "-m", "merged")
    merged = {each.message for each in quality_baseline.load(file.read_text(encoding="utf-8"))}
    assert {f"'x{n}' unused" for n in (1, 4, 5, 6)} <= merged
