"""`lens analyze quality` and `lens report quality`, by what they print and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from argos.lens.reports import quality_formats as formats
from argos.model.quality import Sighting
from argos.store.database import open_database
from builders import anvil, lens, project, write

SOURCE = "import os\n\n\ndef f():\n    return x\n" + "# a line\n" * 95


def shop(root: Path) -> Path:
    return project(root, {"a.py": SOURCE, "b.py": SOURCE})


def scanned(root: Path, *lines: str, files: str = "a.py\nb.py\n", space: str = "local") -> str:
    """Records a scan of both files with these findings; its id."""
    write(root, {"out.txt": "\n".join(lines) + "\n", "files.txt": files})
    more = ("--tool", "flake8", "--files-from", root / "files.txt", "--space", space, "--json")
    return anvil("quality", "import", root / "out.txt", *more, project=root).json["scans"][0]["execution_id"]


def analyze(root: Path, *args: str):
    return lens("analyze", "quality", *args, project=root)


OLD = "a.py:1:1: F401 'os' imported but unused"
NEW = "a.py:5:12: F821 undefined name 'x'"
REMARK = "b.py:6:80: E501 line too long (99 > 79 characters)"


def test_a_new_violation_fails_and_what_to_do_is_said(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD)
    scanned(root, OLD, NEW)
    ran = analyze(root)
    assert ran.code == 1
    assert "a.py:5:12" in ran.out and "F821" in ran.out and "1 before, 2 now" in ran.out
    assert "1 new violation; 1 file with more than before" in ran.out
    assert "Fix the new violations" in ran.out


def test_a_regression_is_reported_once(tmp_path):
    root = shop(tmp_path)
    for found in ([OLD], [OLD, NEW], [OLD, NEW]):
        scanned(root, *found)
    ran = analyze(root)
    assert (ran.code, ran.out.strip()) == (0, "0 new violations")


def test_a_scan_of_no_file_hides_no_regression(tmp_path):
    root = shop(tmp_path)
    for found in ([OLD], [OLD, NEW]):
        scanned(root, *found)
    scanned(root, "", files="\n")
    assert analyze(root).code == 1


def test_two_named_scans_are_compared(tmp_path):
    root = shop(tmp_path)
    first = scanned(root, OLD)
    second = scanned(root, OLD, NEW)
    scanned(root, OLD, NEW, REMARK)
    told = analyze(root, "--current", second, "--baseline", first, "--json").json
    assert [each["violation"]["code"] for each in told["regressions"] if each["violation"]] == ["F821"]
    assert analyze(root, "--current", second).code == 1
    assert analyze(root, "--current", first).code == 0
    assert analyze(root, "--baseline", first).code == 2


def test_what_stays_in_files_that_were_not_scanned_is_no_regression(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD, REMARK)
    scanned(root, OLD, files="a.py\n")
    assert analyze(root).code == 0
    scanned(root, OLD, REMARK)
    assert analyze(root).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="A broken pipe is another error there.")
def test_a_gate_that_is_not_met_is_told_also_without_a_reader(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD)
    scanned(root, OLD, NEW)
    program = "import sys; from argos.lens.cli import main; sys.argv = ['lens', 'analyze', 'quality']; main()"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_single_scan_has_nothing_to_be_compared_with(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD)
    ran = analyze(root)
    assert (ran.code, "Nothing to compare" in ran.out) == (0, True)


def test_hotspots_are_a_gate_where_a_number_is_given(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD, NEW, REMARK)
    assert analyze(root, "--criteria", "hotspots").code == 0
    ran = analyze(root, "--criteria", "hotspots", "--min-violations", "2", "--format", "json")
    assert ran.code == 1
    (spot,) = ran.json["hotspots"]
    assert (spot["file"], spot["violations"], spot["points"], spot["lines"]) == ("a.py", 2, 7, 100)
    assert analyze(root, "--criteria", "hotspots", "--min-violations", "3").code == 0


def test_the_score_is_over_all_scanned_files(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD, NEW, REMARK)
    told = analyze(root, "--criteria", "score", "--json").json
    assert told["score"] == pytest.approx(100 / (1 + 4 / 20), abs=0.01)
    assert (told["lines"], told["files"], told["met"]) == (200, 2, True)
    assert analyze(root, "--criteria", "score", "--min-score", "80").code == 0
    below = analyze(root, "--criteria", "score", "--min-score", "90")
    assert (below.code, "at least 90 is asked for" in below.out) == (1, True)


def test_a_score_of_nothing_meets_no_gate(tmp_path):
    assert analyze(shop(tmp_path), "--criteria", "score", "--min-score", "1").code == 1


@pytest.mark.parametrize(
    "form, mark", [("md", "| Where | Code |"), ("github", "::error file=a.py,line=5,col=12")]
)
def test_every_format_names_the_violation(tmp_path, form, mark):
    root = shop(tmp_path)
    scanned(root, OLD)
    scanned(root, OLD, NEW)
    ran = analyze(root, "--format", form)
    assert ran.code == 1
    assert mark in ran.out and "F821" in ran.out


def test_the_summary_goes_to_the_file_that_github_names(tmp_path, monkeypatch):
    root = shop(tmp_path)
    scanned(root, OLD)
    scanned(root, OLD, NEW)
    page = tmp_path / "summary.md"
    page.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    ran = analyze(root, "--format", "github")
    assert "## " not in ran.out
    assert page.read_text(encoding="utf-8").startswith("before\n## 1 new violation")


def test_formats_that_contradict_each_other_are_refused(tmp_path):
    assert analyze(shop(tmp_path), "--json", "--format", "md").code == 2


# GitHub's limits


def many(count: int, message: str = "undefined name 'x'") -> list[Sighting]:
    one = Sighting("a.py", "flake8", "F401", message, "WARNING", 1, 1)
    return [replace(one, line=n + 1) for n in range(count - 1)] + [replace(one, severity="ERROR", line=9999)]


def test_fifty_annotations_are_kept_and_the_rest_is_counted():
    lines = formats.github(many(120), "head", "").commands.splitlines()
    assert len(lines) == 50
    assert lines[0].startswith("::error file=a.py,line=9999")
    assert "71 more violations have no annotation" in lines[-1]
    assert len(formats.github(many(50), "head", "").commands.splitlines()) == 50


@pytest.mark.parametrize("message", ["m" * 500, "ü`|<>" * 40, "%\n::error::x"])
def test_a_summary_stays_within_its_limit_and_says_what_it_left_out(message):
    page = formats.github(many(3000, message), "head", "What to do.").summary
    assert len(page) <= len(page.encode()) <= 65_535
    assert "more are left out" in page
    assert page.endswith("What to do.\n")


def test_a_message_cannot_begin_a_command_of_its_own():
    commands = formats.github(many(1, "a\n::error::b%0A"), "h", "").commands
    assert commands.count("\n") == 1
    assert "%250A" in commands


# The report


def test_an_empty_report_says_how_to_begin(tmp_path):
    ran = lens("report", "quality", "--format", "md", project=shop(tmp_path))
    assert (ran.code, "No scan has been recorded yet" in ran.out, "anvil execute --rule" in ran.out) == (
        0,
        True,
        True,
    )


def test_the_report_holds_what_stands_what_is_new_and_where_it_is_worst(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD)
    scanned(root, OLD, NEW, REMARK)
    told = lens("report", "quality", "--format", "json", project=root).json
    assert told["totals"]["by_severity"] == {"ERROR": 1, "WARNING": 1, "INFO": 1}
    assert [each["file"] for each in told["files"]] == ["a.py", "b.py"]
    assert told["files"][0]["trend"] == "degrading"
    assert {each["code"] for each in told["new"]} == {"F821", "E501"}
    assert [each["violations"] for each in told["scans"]] == [1, 3]
    markdown = lens("report", "quality", "--format", "md", project=root).out
    assert "# 3 violations (1 error, 1 warning, 1 remark) in 2 scanned files, score 83.3 of 100" in markdown


def test_the_page_is_one_file_that_loads_nothing_and_escapes_everything(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD)
    scanned(root, "a.py:1:1: F401 '<script>alert(1)</script>' imported but unused")
    ran = lens("report", "quality", "--output", root / "q.html", project=root)
    page = (root / "q.html").read_text(encoding="utf-8")
    assert ran.code == 0
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "src=" not in page and "href=" not in page
    assert "<rect" in page


def test_a_crash_is_told_in_every_form(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD)
    write(root, {
        ".lens/rules.yaml": "rules:\n  - {name: r, criteria: all, executor: {type: flake8}}\n",
        "flake8.py": "import sys\nif '--version' not in sys.argv:\n    raise ValueError\n",
    })  # fmt: skip
    assert anvil("execute", "--rule", "r", project=root).code == 1
    assert "crashed" in lens("report", "quality", "--format", "md", project=root).out
    assert "crashed" in lens("report", "quality", "--output", "-", project=root).out
    told = json.loads(lens("report", "quality", "--format", "json", project=root).out)
    assert [each["status"] for each in told["scans"]] == ["complete", "crashed"]
    assert told["totals"]["violations"] == 1
    open_database(root).close()


def test_what_stands_is_written_as_sarif_with_fingerprints_that_outlive_line_shifts(tmp_path):
    root = shop(tmp_path)
    scanned(root, OLD, NEW)

    def results() -> dict[str, tuple[int, str]]:
        ran = lens("report", "quality", "--output", root / "q.sarif", project=root)
        assert ran.code == 0
        (run,) = json.loads((root / "q.sarif").read_text(encoding="utf-8"))["runs"]
        return {
            each["ruleId"]: (
                each["locations"][0]["physicalLocation"]["region"]["startLine"],
                each["partialFingerprints"]["argosIdentity/v1"],
            )
            for each in run["results"]
        }

    before = results()
    write(root, {"a.py": "# new\n" + SOURCE})
    scanned(root, OLD.replace(":1:1", ":2:1"), NEW.replace(":5:12", ":6:12"))
    after = results()
    assert {code: place for code, (place, _) in after.items()} == {"F401": 2, "F821": 6}
    assert {code: mark for code, (_, mark) in after.items()} == {
        code: mark for code, (_, mark) in before.items()
    }
