"""Lint rules run for real: with Ruff and mypy, and with programs that misbehave as some do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from argos.anvil.executor import lint_run
from argos.anvil.executor.lint_executor import LintExecutor, LintOptions
from argos.config.project import Interpreter, load_project
from argos.config.rules import load_rules
from argos.errors import ArgosError
from argos.store import quality
from argos.store.database import open_database
from builders import anvil, project, write

RULES = """
rules:
  - name: all-ruff
    criteria: all
    executor: {type: ruff}
  - name: changed
    criteria: group
    groups: ["${CHANGED_FILES}"]
    executor: {type: ruff}
  - name: problematic
    criteria: failure-rate
    threshold: 20.0
    window: 10
    executor: {type: ruff}
  - name: types
    criteria: all
    executor: {type: mypy}
  - name: fake
    criteria: all
    executor: {type: flake8}
"""
BAD = "import os\n\n\ndef f():\n    return x\n"
FINE = "A = 1\n"


def shop(root: Path, **files: str) -> Path:
    sources = {name.replace("__", "/") + ".py": text for name, text in files.items()}
    return project(root, {".lens/rules.yaml": RULES, **sources})


def fake(root: Path, body: str) -> None:
    """A program that stands in for flake8 in this project: `python -m flake8` finds it first."""
    version = "import sys\nif '--version' in sys.argv:\n    sys.exit(0)\n"
    (root / "flake8.py").write_text(version + body, encoding="utf-8")


def execute(root: Path, rule: str, *more: str):
    return anvil("execute", "--rule", rule, *more, project=root)


def document(root: Path, rule: str, *more: str) -> dict[str, object]:
    return execute(root, rule, "--json", *more).json


def executor(root: Path, environ: dict[str, str] | None = None) -> LintExecutor:
    database = open_database(root)
    options = LintOptions(environ=environ) if environ is not None else LintOptions()
    return LintExecutor(
        load_project(root), Interpreter(Path(sys.executable), "test"), lambda: database, options
    )


def test_a_rule_runs_its_linter_and_fails_on_what_it_finds(tmp_path):
    ran = execute(shop(tmp_path, pkg__a=BAD, pkg__b=FINE), "all-ruff")
    assert ran.code == 1
    assert "pkg/a.py:1:8: F401" in ran.out
    assert "2 violations (1 error, 1 warning) in 2 files, 2 new, 0 fixed" in ran.out
    assert "anvil quality baseline" in ran.out


def test_a_clean_project_is_fine(tmp_path):
    ran = execute(shop(tmp_path, a=FINE), "all-ruff")
    assert (ran.code, "score 100.0 of 100" in ran.out) == (0, True)


def test_the_document_holds_everything(tmp_path):
    told = document(shop(tmp_path, a=BAD), "all-ruff")
    assert (told["tool"], told["status"], told["counts"]["violations"], told["crash"]) == (
        "ruff",
        "finished",
        2,
        None,
    )
    assert {each["code"] for each in told["new"]} == {"F401", "F821"}
    assert told["violations"][0]["file"] == "a.py"
    assert [each["symbol"] for each in told["violations"]] == [None, "f"]


def test_only_the_changed_files_are_looked_at(tmp_path, monkeypatch):
    root = shop(tmp_path, a=BAD, test_a=BAD, gone=FINE)
    monkeypatch.setenv("CHANGED_FILES", "a.py\nno-such.py\nREADME.md")
    told = document(root, "changed")
    assert told["selected"] == [{"entity": "a.py", "reason": "a.py has changed"}]
    monkeypatch.setenv("CHANGED_FILES", "")
    nothing = execute(root, "changed")
    assert (nothing.code, "picked 0 files" in nothing.out) == (0, True)


def test_files_with_recent_violations_are_picked_by_their_history(tmp_path):
    root = shop(tmp_path, a=BAD, b=FINE)
    execute(root, "all-ruff")
    told = document(root, "problematic")
    assert [(each["entity"], each["reason"]) for each in told["selected"]] == [
        ("a.py", "violations in 1 of its last 1 scans, 100%")
    ]


def test_a_dry_run_shows_the_files_and_records_nothing(tmp_path):
    root = shop(tmp_path, a=BAD)
    ran = execute(root, "all-ruff", "--dry-run")
    assert (ran.code, ran.out) == (0, "rule all-ruff would look at 1 file with ruff\na.py  (every file)\n")
    assert document(root, "all-ruff", "--dry-run")["status"] == "preview"
    with open_database(root).read() as connection:
        assert quality.summaries(connection) == []


def test_a_second_scan_knows_what_is_new_and_what_is_fixed(tmp_path):
    root = shop(tmp_path, a=BAD)
    execute(root, "all-ruff")
    write(root, {"a.py": "import json\n\n\n# moved\ndef f():\n    return x\n"})
    told = document(root, "all-ruff")
    assert [each["message"] for each in told["new"]] == ["`json` imported but unused"]
    assert [each["message"] for each in told["fixed"]] == ["`os` imported but unused"]
    assert told["counts"]["moved"] == 1


def test_a_deleted_file_takes_its_violations_with_it(tmp_path):
    root = shop(tmp_path, a=BAD, b=FINE)
    execute(root, "all-ruff")
    (root / "a.py").unlink()
    told = document(root, "all-ruff")
    assert (told["counts"]["fixed"], told["counts"]["violations"]) == (2, 0)


def test_a_renamed_file_keeps_its_violations(tmp_path):
    root = shop(tmp_path, a=BAD)
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for command in (["init"], ["add", "-A"], ["commit", "-m", "x"]):
        subprocess.run([*run, *command], cwd=root, check=True, capture_output=True)
    execute(root, "all-ruff")
    subprocess.run(["git", "mv", "a.py", "b.py"], cwd=root, check=True)
    told = document(root, "all-ruff")
    assert (told["new"], told["fixed"], told["counts"]["moved"]) == ([], [], 2)


def test_a_syntax_error_is_a_violation_and_the_other_files_are_still_checked(tmp_path):
    root = shop(tmp_path, a="def f() -> int:\n    return 'x'\n", b="def broken(:\n")
    for rule, code in (("all-ruff", "invalid-syntax"), ("types", "syntax")):
        told = document(root, rule)
        assert code in {each["code"] for each in told["violations"] if each["file"] == "b.py"}
    assert "return-value" in {each["code"] for each in told["violations"] if each["file"] == "a.py"}


def test_the_projects_own_configuration_holds_unless_argos_says_otherwise(tmp_path):
    root = shop(tmp_path, a="import os\n")
    write(root, {"ruff.toml": 'lint.ignore = ["F401"]\n'})
    assert execute(root, "all-ruff").code == 0
    config = "version: 1.0\npython: {}\nvalidators:\n  ruff:\n    options: {{ignore: [E501]}}\n"
    write(root, {".anvil/config.yaml": config.format(sys.executable)})
    assert execute(root, "all-ruff").code == 0
    config = "version: 1.0\npython: {}\nvalidators:\n  ruff:\n    options: {{select: [I]}}\n"
    write(root, {".anvil/config.yaml": config.format(sys.executable), "a.py": "import sys\nimport os\n"})
    assert document(root, "all-ruff")["violations"][0]["code"] == "I001"


def test_patterns_and_exclusions_choose_the_files(tmp_path):
    root = shop(tmp_path, forge__a=BAD, forge__tests__b=BAD, other__c=BAD)
    config = (
        "version: 1.0\npython: {}\nvalidators:\n  ruff:\n    discovery:\n"
        '      patterns: ["forge/**/*.py"]\n      exclude: ["*/tests/*"]\n'
    )
    write(root, {".anvil/config.yaml": config.format(sys.executable)})
    assert [each["entity"] for each in document(root, "all-ruff")["selected"]] == ["forge/a.py"]


def test_a_disabled_linter_is_refused(tmp_path):
    root = shop(tmp_path, a=BAD)
    config = "version: 1.0\nvalidators:\n  ruff:\n    enabled: false\n"
    write(root, {".anvil/config.yaml": config})
    ran = execute(root, "all-ruff")
    assert (ran.code, "ruff is disabled" in ran.err) == (2, True)


def test_a_missing_linter_is_refused_with_the_command_that_installs_it(tmp_path, monkeypatch):
    root = shop(tmp_path, a=BAD)
    monkeypatch.setenv("PATH", "")
    ran = execute(root, "fake")
    assert ran.code == 2
    assert "flake8 is not installed" in ran.err
    assert "-m pip install flake8" in ran.err


@pytest.mark.parametrize(
    "body, said",
    [
        ("raise ValueError('boom')", "ValueError: boom"),
        ("print('There was a critical error'); sys.exit(1)", "There was a critical error"),
        ("import os; os.abort()", "flake8 ended with"),
        ("print('usage'); sys.exit(2)", "exit code 2"),
    ],
    ids=["traceback", "own-words", "signal", "usage"],
)
def test_a_linter_that_crashes_is_crashed_and_never_clean(tmp_path, body, said):
    root = shop(tmp_path, a=BAD)
    fake(root, "print('a.py:1:1: F401 unused'); sys.exit(1)\n")
    execute(root, "fake")
    fake(root, body)
    told = document(root, "fake")
    assert (told["status"], told["score"]) == ("crashed", None)
    assert said in told["crash"]
    assert (told["counts"]["fixed"], execute(root, "fake").code) == (0, 1)
    with open_database(root).read() as connection:
        assert len(quality.standing(connection, "local", "flake8")) == 1


def test_a_traceback_beside_violations_is_a_crash(tmp_path):
    root = shop(tmp_path, a=BAD)
    fake(root, "print('a.py:1:1: F401 unused')\nraise ValueError('half way')\n")
    assert document(root, "fake")["status"] == "crashed"


def test_lines_that_are_not_understood_are_told(tmp_path):
    root = shop(tmp_path, a=BAD)
    fake(root, "print('a.py:1:1: F401 unused'); print('hm?'); sys.exit(1)\n")
    told = document(root, "fake")
    assert (told["not_understood"], told["counts"]["violations"]) == (["hm?"], 1)
    assert told["notes"] == ["Not understood: 1 line of flake8, the first: hm?"]


def test_colours_absolute_paths_and_foreign_files_do_not_matter(tmp_path):
    root = shop(tmp_path, a=BAD)
    body = (
        "import os\nprint('\\x1b[1m' + os.path.abspath('a.py') + '\\x1b[m:1:1: \\x1b[31mF401\\x1b[m unused')\n"
        "print('/usr/lib/x.py:1:1: F401 unused')\nsys.exit(1)\n"
    )
    fake(root, body)
    told = document(root, "fake")
    assert [each["file"] for each in told["violations"]] == ["a.py"]
    assert told["notes"] == ["Left out: 1 finding in files that were not selected."]


def test_a_file_that_vanishes_while_the_linter_runs_is_left_out(tmp_path):
    root = shop(tmp_path, a=BAD, z=BAD)
    body = (
        "import os\nfor f in sys.argv:\n    if f.endswith('z.py'):\n        os.unlink(f); sys.exit(2)\n"
        "print('a.py:1:1: F401 unused'); sys.exit(1)\n"
    )
    fake(root, body)
    told = document(root, "fake")
    assert (told["status"], told["counts"]["violations"]) == ("finished", 1)


def test_many_files_are_shared_out_over_several_commands(tmp_path, monkeypatch):
    monkeypatch.setattr(lint_run, "LONGEST_COMMAND", 40)
    root = shop(tmp_path, **{f"module_{n}": BAD for n in range(9)})
    told = document(root, "all-ruff")
    assert (told["counts"]["files"], told["counts"]["violations"]) == (9, 18)


def test_options_of_pytest_are_refused_for_a_linter(tmp_path):
    ran = execute(shop(tmp_path, a=BAD), "all-ruff", "--shard", "1/2")
    assert (ran.code, "--shard is for pytest" in ran.err) == (2, True)


def test_wrong_options_of_a_rule_are_found_where_they_are_written(tmp_path):
    rules = (
        "rules:\n  - name: r\n    criteria: all\n    executor: {type: flake8, options: {max_lin_length: 3}}\n"
    )
    root = project(tmp_path, {".lens/rules.yaml": rules})
    ran = execute(root, "r")
    assert ran.code == 2
    assert 'Did you mean "max_line_length"?' in ran.err


def test_names_that_begin_with_a_dash_are_files(tmp_path):
    root = shop(tmp_path)
    write(root, {"-x.py": BAD})
    assert document(root, "all-ruff")["counts"]["violations"] == 2


# Regressions and trends


def test_regressions_between_two_scans_and_the_trend_of_a_file(tmp_path):
    root = shop(tmp_path, a=FINE, b=BAD)
    lint = executor(root)
    rule = load_rules(root).get("all-ruff")
    first = lint.execute_with_rule(rule)
    write(root, {"a.py": BAD})
    second = lint.execute_with_rule(rule)
    found = lint.detect_quality_regressions(second.execution.execution_id, first.execution.execution_id)
    assert [(each.path, each.before, each.after) for each in found] == [("a.py", 0, 2)] * 3
    assert [each.violation.code for each in found if each.violation] == ["F401", "F821"]
    assert lint.calculate_quality_trend("a.py").direction.value == "degrading"
    assert lint.calculate_quality_trend("b.py", window=1).direction.value == "stable"
    with pytest.raises(ArgosError, match="No scan has looked at"):
        lint.calculate_quality_trend("c.py")


# The baseline


def test_with_a_baseline_only_new_violations_fail(tmp_path):
    root = shop(tmp_path, a=BAD)
    execute(root, "all-ruff")
    kept = anvil("quality", "baseline", project=root)
    assert (kept.code, "holds 2 known violations" in kept.out) == (0, True)
    assert execute(root, "all-ruff").code == 0
    write(root, {"a.py": "# a line more\nimport json\n" + BAD})
    ran = execute(root, "all-ruff")
    assert ran.code == 1
    assert "1 violation that the baseline does not hold to fix" in ran.out
    refused = anvil("quality", "baseline", project=root)
    assert "1 new violation not taken in" in refused.out
    assert anvil("quality", "baseline", "--accept-new", project=root).code == 0
    assert execute(root, "all-ruff").code == 0


def test_a_baseline_is_a_ratchet(tmp_path):
    root = shop(tmp_path, a=BAD)
    execute(root, "all-ruff")
    anvil("quality", "baseline", project=root)
    write(root, {"a.py": "def f():\n    return x\n"})
    ran = execute(root, "all-ruff")
    assert (ran.code, "take them out of the baseline" in ran.out) == (0, True)
    assert anvil("quality", "baseline", "--check", project=root).code == 1
    assert anvil("quality", "baseline", "--json", project=root).json["removed"] == 1
    assert anvil("quality", "baseline", "--check", project=root).code == 0
    write(root, {"a.py": BAD})
    assert execute(root, "all-ruff").code == 1


def test_a_baseline_without_a_scan_is_refused(tmp_path):
    ran = anvil("quality", "baseline", project=shop(tmp_path, a=BAD))
    assert (ran.code, "No scan is recorded" in ran.err) == (2, True)


def test_a_baseline_that_a_merge_has_broken_is_refused_with_its_place(tmp_path):
    root = shop(tmp_path, a=BAD)
    write(root, {".anvil/quality-baseline.txt": "<<<<<<< HEAD\n"})
    ran = execute(root, "all-ruff")
    assert (ran.code, "quality-baseline.txt:1" in ran.err) == (2, True)


# Imports


def test_what_a_linter_wrote_elsewhere_is_recorded(tmp_path):
    root = shop(tmp_path, a=BAD)
    write(
        root,
        {
            "out.txt": "/home/me/shop/a.py:1:1: F401 'os' imported but unused\na.py:5:12: F821 undefined name 'x'\n"
        },
    )
    ran = anvil("quality", "import", root / "out.txt", "--space", "ci", "--json", project=root)
    (scan,) = ran.json["scans"]
    assert (ran.code, scan["tool"], scan["space"], scan["counts"]["violations"]) == (0, "flake8", "ci", 2)
    assert [each["symbol"] for each in scan["violations"]] == [None, "f"]


def test_a_file_that_is_said_to_be_looked_at_is_clean_without_a_finding(tmp_path):
    root = shop(tmp_path, a=BAD)
    write(
        root, {"one.txt": "a.py:5:12: F821 undefined name 'x'\n", "list.txt": "a.py\nb.py\n", "two.txt": "\n"}
    )
    anvil("quality", "import", root / "one.txt", project=root)
    names = ("--tool", "flake8", "--files-from", root / "list.txt")
    (scan,) = anvil("quality", "import", root / "two.txt", *names, "--json", project=root).json["scans"]
    assert scan["counts"]["fixed"] == 1


def test_sarif_of_two_tools_makes_two_scans(tmp_path):
    def run(name: str) -> dict[str, object]:
        where = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}
        result = {"ruleId": "R", "message": {"text": "m"}, "locations": [where]}
        return {"tool": {"driver": {"name": name}}, "results": [result]}

    root = shop(tmp_path, a=BAD)
    write(root, {"x.sarif": json.dumps({"runs": [run("One"), run("Two")]})})
    scans = anvil("quality", "import", root / "x.sarif", "--json", project=root).json["scans"]
    assert [scan["tool"] for scan in scans] == ["one", "two"]


def test_a_bad_file_among_good_ones_leaves_nothing_recorded(tmp_path):
    root = shop(tmp_path, a=BAD)
    write(root, {"good.txt": "a.py:1:1: F401 m\n", "bad.txt": "nothing of the kind\n"})
    ran = anvil("quality", "import", root / "good.txt", root / "bad.txt", project=root)
    assert (ran.code, "none of these" in ran.err) == (2, True)
    missing = anvil("quality", "import", root / "no.txt", project=root)
    assert (missing.code, "cannot be read" in missing.err) == (2, True)
    with open_database(root).read() as connection:
        assert quality.summaries(connection) == []


def test_text_as_powershell_writes_it_is_read(tmp_path):
    root = shop(tmp_path, a=BAD)
    (root / "out.txt").write_bytes("a.py:1:1: F401 'os' imported but unused\r\n".encode("utf-16"))
    assert len(anvil("quality", "import", root / "out.txt", "--json", project=root).json["scans"]) == 1


def test_paths_of_another_machine_are_found_in_the_project(tmp_path):
    root = shop(tmp_path, pkg__a=BAD)
    write(
        root,
        {"out.txt": "D:\\a\\shop\\shop\\pkg\\a.py:5:12: F821 undefined name 'x'\n/old/gone.py:1:1: F401 m\n"},
    )
    (scan,) = anvil("quality", "import", root / "out.txt", "--json", project=root).json["scans"]
    assert [(each["file"], each["symbol"]) for each in scan["violations"]] == [
        ("pkg/a.py", "f"),
        ("/old/gone.py", None),
    ]
    assert scan["notes"] == ["Not in the project (any more): 1 file of the report."]


def test_the_report_of_another_project_is_refused(tmp_path):
    root = shop(tmp_path, a=BAD)
    write(root, {"out.txt": "src/other.py:5:12: F821 undefined name 'x'\n"})
    ran = anvil("quality", "import", root / "out.txt", project=root)
    assert (ran.code, "None of the 1 files that flake8 names is in this project" in ran.err) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such devices")
def test_a_report_that_names_a_device_makes_nobody_read_it(tmp_path):
    root = shop(tmp_path, a=BAD)
    write(root, {"out.txt": "/dev/zero:5:12: F821 m\na.py:1:1: F401 m\n../../../dev/zero:1:1: F401 m\n"})
    assert anvil("quality", "import", root / "out.txt", project=root).code == 0
