"""The commands as their users meet them: what they print, their JSON, their exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from argos.anvil.commands.history import outcome_words
from argos.model.execution import Counts, ExecutionStatus
from builders import an_execution, anvil, project, write

FLAKY = """
import pathlib
def test_good(): pass
def test_broken(): assert 0, "always"
def test_flaky():
    counter = pathlib.Path("counter")
    runs = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(runs + 1))
    assert runs % 2
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a good, a broken and a flaky test, each with four results."""
    root = project(tmp_path, {"tests/test_a.py": FLAKY})
    for _ in range(4):
        anvil("execute", "--rule", "all", project=root)
    return root


def test_init_writes_what_execute_needs_and_never_overwrites(tmp_path: Path) -> None:
    root = write(tmp_path, {"tests/test_a.py": "def test_one(): pass\n"})
    first = anvil("init", project=root)
    assert (first.code, "wrote     .anvil/config.yaml" in first.out) == (0, True)
    (root / ".lens/rules.yaml").write_text("rules: []\n", encoding="utf-8")
    second = anvil("init", "--json", project=root)
    assert [file["written"] for file in second.json["files"]] == [False, False]
    assert (root / ".lens/rules.yaml").read_text(encoding="utf-8") == "rules: []\n"


def test_the_rules_that_init_writes_are_without_mistakes_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    root = write(tmp_path, {"tests/test_a.py": "def test_one(): pass\n"})
    subprocess.run(["git", "init", "-q", root], check=True)
    anvil("init", project=root)
    checked = anvil("rules", "check", project=root)
    assert (checked.code, checked.out.startswith("no mistakes")) == (0, True), checked.out
    for rule in ("baseline-all-tests", "quick-check", "commit-check", "rerun-failures", "focus-flaky"):
        ran = anvil("execute", "--rule", rule, project=root)
        assert ran.code == 0, (rule, ran.err)


def test_rules_list_shows_the_built_in_rules_and_where_each_is_written(tmp_path: Path) -> None:
    root = project(
        tmp_path, {".lens/rules.yaml": "rules:\n  - {name: quick, criteria: group, groups: [tests]}\n"}
    )
    rules = {rule["name"]: rule for rule in anvil("rules", "list", "--json", project=root).json["rules"]}
    assert {"quick", "all", "failed-in-last", "failure-rate", "changed"} <= set(rules)
    assert rules["quick"]["source"].startswith(".lens/rules.yaml:")
    assert rules["all"]["source"] == "built in"
    listed = anvil("rules", "list", project=root).out
    assert "quick" in listed
    assert "group tests" in listed


def test_an_unknown_rule_is_refused_with_what_was_perhaps_meant(tmp_path: Path) -> None:
    root = project(tmp_path, {".lens/rules.yaml": "rules:\n  - {name: quick-check, criteria: all}\n"})
    ran = anvil("execute", "--rule", "quik", project=root)
    assert ran.code == 2
    assert 'Did you mean "quick-check"?' in ran.err


def test_check_prints_every_mistake_of_both_files_with_its_place(tmp_path: Path) -> None:
    files = {
        ".anvil/config.yaml": "version: 1.0\nvalidatros: {}\n",
        ".lens/rules.yaml": "rules:\n  - name: a\n    criteria: al\n  - name: a\n    criteria: all\n    window: 0\n",
    }
    ran = anvil("rules", "check", project=write(tmp_path, files))
    assert ran.code == 1
    assert ".anvil/config.yaml:2:1" in ran.out
    assert ".lens/rules.yaml:3:" in ran.out
    assert ".lens/rules.yaml:6:" in ran.out


def test_rules_show_prints_a_rule_as_it_holds_after_extends(tmp_path: Path) -> None:
    rules = "rules:\n  - {name: base, criteria: failure-rate, threshold: 15%, window: 10}\n  - {name: wide, extends: base, window: 30}\n"
    root = project(tmp_path, {".lens/rules.yaml": rules})
    shown = anvil("rules", "show", "wide", "--json", project=root).json
    assert (shown["criterion"]["threshold"], shown["criterion"]["window"]) == (0.15, 30)
    assert "failure-rate 15% in the last 30" in anvil("rules", "show", "wide", project=root).out


def test_a_rule_for_another_executor_is_refused(tmp_path: Path) -> None:
    rules = "rules:\n  - {name: lint, criteria: all, executor: {type: flake8}}\n"
    root = project(tmp_path, {"tests/test_a.py": "", ".lens/rules.yaml": rules})
    ran = anvil("execute", "--rule", "lint", project=root)
    assert ran.code == 2
    assert "flake8" in ran.err


def test_the_summary_compares_with_the_full_run_where_the_selection_was_faster(shop: Path) -> None:
    with contextlib.closing(sqlite3.connect(shop / ".argos/argos.db")) as connection, connection:
        connection.execute("UPDATE executions SET duration_s = 3600 WHERE complete")
    ran = anvil("execute", "--rule", "failed-in-last", project=shop)
    assert "% of the full run's 1h00m)" in ran.out


def test_the_summary_says_what_was_picked_and_why_and_shows_the_failures(shop: Path) -> None:
    ran = anvil("execute", "--rule", "failed-in-last", project=shop)
    assert ran.code == 1
    assert "picked 2 tests" in ran.out
    assert "failed 4 of its last 4" in ran.out
    assert "FAILED tests/test_a.py::test_broken" in ran.out
    assert "always" in ran.out


def test_stats_tell_broken_from_flaky(shop: Path) -> None:
    found = anvil("stats", "flaky", "--threshold", "10", "--window", "30", "--json", project=shop).json
    assert [each["entity"] for each in found["flaky"]] == ["tests/test_a.py::test_flaky"]
    assert [each["entity"] for each in found["broken"]] == ["tests/test_a.py::test_broken"]
    assert found["flaky"][0]["failure_rate"] == 0.5
    assert found["flaky"][0]["flips"] == 3
    shown = anvil("stats", "flaky", project=shop).out
    assert "50%" in shown
    assert "broken, failed every time: 1 test\n" in shown


def test_a_rate_of_one_is_refused_for_it_can_be_two_things(shop: Path) -> None:
    ran = anvil("stats", "flaky", "--threshold", "1", project=shop)
    assert ran.code == 2
    assert "Write 1% or 100%" in ran.err


@pytest.mark.parametrize(
    ("sort", "first"), [("failure-rate", "test_broken"), ("last-failure", "test_broken")]
)
def test_stats_are_sorted_as_asked(shop: Path, sort: str, first: str) -> None:
    found = anvil(
        "stats", "show", "--type", "test", "--window", "20", "--sort", sort, "--json", project=shop
    ).json
    assert found["entities"][0]["entity"].endswith(first)
    assert anvil("stats", "show", "--sort", sort, project=shop).code == 0


def test_stats_sorted_by_duration_begin_with_the_slowest(tmp_path: Path) -> None:
    source = "import time\ndef test_quick(): pass\ndef test_slow(): time.sleep(0.3)\n"
    root = project(tmp_path, {"tests/test_a.py": source})
    anvil("execute", "--rule", "all", project=root)
    found = anvil("stats", "show", "--sort", "duration", "--json", project=root).json["entities"]
    assert found[0]["entity"].endswith("test_slow")
    assert found[0]["avg_duration_s"] >= 0.3
    assert found[0]["p95_duration_s"] >= 0.29


def test_the_statistics_of_one_test_come_with_its_trend_and_evidence(shop: Path) -> None:
    found = anvil("stats", "show", "--entity", "test_flaky", "--json", project=shop).json
    assert (found["total_runs"], found["failed"], found["recent"]) == (4, 2, "FPFP")
    assert found["trend"]["direction"] == "stable"
    assert found["trend"]["test"]
    assert "trend" in anvil("stats", "show", "--entity", "test_flaky", project=shop).out


def test_a_kind_of_entity_that_is_not_recorded_is_refused(tmp_path: Path) -> None:
    ran = anvil("stats", "show", "--type", "module", project=project(tmp_path, {}))
    assert ran.code == 2
    assert "the only kind recorded is test" in ran.err


def test_the_guide_lists_every_field_of_an_execution() -> None:
    from dataclasses import fields

    from argos.model.execution import Execution

    guide = Path(__file__).parents[3] / "docs/guide/json.md"
    section = guide.read_text(encoding="utf-8").split("## The fields of an execution")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
    assert listed == {field.name for field in fields(Execution)}


def test_an_empty_space_says_where_results_are(shop: Path) -> None:
    assert "there are some in 'local' (3 tests)" in anvil("stats", "show", "--space", "ci", project=shop).out


def test_a_project_without_results_says_which_command_makes_some(tmp_path: Path) -> None:
    root = project(tmp_path, {})
    for command in (["stats", "show"], ["stats", "flaky"], ["history", "list"]):
        ran = anvil(*command, project=root)
        assert (ran.code, "anvil execute --rule all" in ran.out) == (0, True), ran


def test_history_shows_executions_and_one_with_its_tracebacks(shop: Path) -> None:
    listed = anvil("history", "list", "--limit", "2", "--json", project=shop).json["executions"]
    assert len(listed) == 2
    shown = anvil("history", "show", listed[0]["execution_id"], project=shop).out
    assert "FAILED tests/test_a.py::test_broken" in shown
    assert 'assert 0, "always"' in shown
    assert "3 picked in space local" in shown


def test_history_shows_the_results_of_a_test_by_a_part_of_its_name(shop: Path) -> None:
    shown = anvil("history", "show", "test_flaky", "--json", project=shop).json
    assert shown["entity"] == "tests/test_a.py::test_flaky"
    assert [result["outcome"] for result in shown["results"]] == ["passed", "failed", "passed", "failed"]
    assert "test_flaky" in anvil("history", "show", "test_flaky", project=shop).out


def test_what_is_neither_execution_nor_test_is_refused(shop: Path) -> None:
    for what in ("local-nothing", "tests/test_a.py::test_nothing"):
        ran = anvil("history", "show", what, project=shop)
        assert ran.code == 2
        assert what in ran.err


def test_the_database_is_told_copied_checked_and_pruned(shop: Path, tmp_path: Path) -> None:
    info = anvil("db", "info", "--json", project=shop).json
    assert (info["executions"], info["entities"], info["results"]) == (4, 3, 12)
    assert "4 executions" in anvil("db", "info", project=shop).out
    assert anvil("db", "check", project=shop).out == "no problems\n"
    assert "up to date" in anvil("db", "upgrade", project=shop).out
    assert anvil("db", "backup", tmp_path / "copy.db", project=shop).code == 0
    assert anvil("db", "backup", tmp_path / "copy.db", project=shop).code == 2
    kept = anvil("db", "prune", "--keep-last", "1", "--dry-run", "--json", project=shop).json
    assert (kept["executions"], kept["dry_run"]) == (3, True)
    assert len(anvil("history", "list", "--json", project=shop).json["executions"]) == 4
    anvil("db", "prune", "--keep-last", "1", project=shop)
    assert len(anvil("history", "list", "--json", project=shop).json["executions"]) == 1
    assert anvil("db", "check", project=shop).code == 0


@pytest.mark.parametrize("arguments", [[], ["--keep", "90d", "--keep-last", "3"], ["--keep", "soon"]])
def test_pruning_wants_to_know_what_to_keep(shop: Path, arguments: list[str]) -> None:
    assert anvil("db", "prune", *arguments, project=shop).code == 2


def test_a_database_that_is_none_is_refused_and_left_as_it_is(shop: Path) -> None:
    file = shop / ".argos/argos.db"
    for wal in shop.glob(".argos/argos.db-*"):
        wal.unlink()
    file.write_bytes(b"this is no database at all" * 100)
    ran = anvil("execute", "--rule", "all", project=shop)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert file.read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers", "0"],
        ["--workers", "many"],
        ["--shard", "4/3"],
        ["--shard", "x"],
        ["--timeout", "-1"],
        ["--timeout", "soon"],
        ["--space", "a/b"],
        ["--space", ""],
    ],
)
def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    ran = anvil("execute", "--rule", "all", *arguments, project=project(tmp_path, {"tests/test_a.py": ""}))
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_the_rules_are_mirrored_in_the_database(shop: Path) -> None:
    with sqlite3.connect(shop / ".argos/argos.db") as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM execution_rules")}
    connection.close()
    assert {"all", "failed-in-last", "failure-rate", "changed"} <= names


def test_the_plans_columns_are_readable_in_the_database(shop: Path) -> None:
    connection = sqlite3.connect(shop / ".argos/argos.db")
    rows = connection.execute(
        "SELECT entity_id, entity_type, status, space, metadata FROM execution_history WHERE status = 'FAILED'"
    ).fetchall()
    statistics = connection.execute(
        "SELECT total_runs, passed, failed, failure_rate FROM entity_statistics WHERE entity_id LIKE '%test_flaky'"
    ).fetchall()
    connection.close()
    assert len(rows) == 6
    assert json.loads(rows[0][4]) == {"rule": "all"}
    assert statistics == [(4, 2, 2, 0.5)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(tmp_path: Path, shell: str) -> None:
    code = "from argos.anvil.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "completion", shell], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0
    assert "_ANVIL_COMPLETE" in done.stdout


def test_rule_names_are_completed(tmp_path: Path) -> None:
    write(tmp_path, {".lens/rules.yaml": "rules:\n  - {name: quick-check, criteria: all}\n"})
    done = subprocess.run(
        [sys.executable, "-c", "from argos.anvil.cli import main; main()"],
        env={**os.environ, "_ANVIL_COMPLETE": "bash_complete", "COMP_WORDS": "anvil execute --rule qui", "COMP_CWORD": "3"},
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert "quick-check" in done.stdout


def test_every_command_has_help_with_an_example_and_the_common_options(tmp_path: Path) -> None:
    import click

    from argos.anvil.cli import anvil as group

    def commands(one: click.Command) -> list[click.Command]:
        return (
            [leaf for child in one.commands.values() for leaf in commands(child)]
            if isinstance(one, click.Group)
            else [one]
        )

    for command in commands(group):
        assert "Example" in (command.help or ""), command.name
        if command.name != "completion":
            options = {name for parameter in command.params for name in parameter.opts}
            assert {"--json", "--project"} <= options, command.name


def test_there_is_no_colour_in_a_pipe(shop: Path) -> None:
    ran = anvil("execute", "--rule", "all", project=shop)
    assert "\x1b" not in ran.out + ran.err


def test_a_project_folder_that_does_not_exist_is_refused_and_not_made(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for command in (
        ["init"],
        ["execute", "--rule", "all"],
        ["rules", "list"],
        ["stats", "show"],
        ["db", "info"],
    ):
        ran = anvil(*command, project=gone)
        assert (ran.code, "does not exist" in ran.err) == (2, True), command
    assert not gone.exists()


def test_init_without_a_test_does_not_send_to_a_command_that_refuses(tmp_path: Path) -> None:
    assert anvil("init", project=tmp_path).out.endswith(
        "Next: write a test, then anvil execute --rule baseline-all-tests\n"
    )


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["execute", "--rule", "all", "--timeout", "soon"], "--timeout"),
        (["stats", "flaky", "--threshold", "much"], "--threshold"),
        (["db", "prune", "--keep", "long"], "--keep"),
    ],
)
def test_a_refused_value_names_its_option(tmp_path: Path, command: list[str], option: str) -> None:
    ran = anvil(*command, project=project(tmp_path, {"tests/test_a.py": "def test_a(): pass\n"}))
    assert (ran.code, f"anvil: {option}: " in ran.err) == (2, True)


def test_figures_are_told_as_they_were_asked_for(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "tests/test_a.py": "def test_a(): pass\n",
            ".lens/rules.yaml": "rules: [{name: short, criteria: all, budget: 0.001s}]\n",
        },
    )
    anvil("execute", "--rule", "all", project=root)
    assert "at 1.5% in" in anvil("stats", "flaky", "--threshold", "1.5", project=root).out
    assert "budget of 0.001s" in anvil("rules", "show", "short", project=root).out
    assert "1 execution, 1 result, 1 entity" in anvil("db", "info", project=root).out


def test_one_result_has_one_duration(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_a.py": "import time\ndef test_a(): time.sleep(0.0123)\n"})
    anvil("execute", "--rule", "all", project=root)
    (test,) = anvil("stats", "show", "--json", project=root).json["entities"]
    assert test["p95_duration_s"] == pytest.approx(test["avg_duration_s"], rel=1e-9)


def test_an_execution_that_runs_is_said_to_be_running() -> None:
    running = an_execution(status=ExecutionStatus.RUNNING)
    assert outcome_words(running) == "running"
    assert outcome_words(replace(running, counts=Counts(passed=3))) == "running: 3 passed"


@pytest.mark.skipif(sys.platform == "win32", reason="Needs a pseudo-terminal.")
def test_on_a_terminal_the_head_comes_before_the_tests_and_once(tmp_path: Path) -> None:
    import pty

    root = project(tmp_path, {"tests/test_a.py": "def test_a(): pass\n"})
    main, terminal = pty.openpty()
    program = "from argos.anvil.cli import main; main()"
    argv = [sys.executable, "-c", program, "execute", "--rule", "all", "--project", str(root)]
    with subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal, cwd=root) as running:
        os.close(terminal)
        printed = b""
        with contextlib.suppress(OSError):  # how Linux tells that nobody writes any more
            while chunk := os.read(main, 4096):
                printed += chunk
    os.close(main)
    text = printed.decode()
    assert running.returncode == 0
    assert text.count("rule all: Python ") == text.count("picked 1 test:") == 1
    assert text.index("picked 1 test:") < text.index("1 passed")
