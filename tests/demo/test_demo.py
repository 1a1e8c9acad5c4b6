from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from demo import __main__ as demo
from demo import project as projects

SCRIPTS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def example(home: Path) -> projects.Project:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projects, "HOME", home)
        return projects.example()


@pytest.fixture(scope="module")
def runs(example: projects.Project) -> list[demo.Run]:
    return demo.story(example)


def execute(example: projects.Project, *argv: object) -> dict[str, object]:
    environment = {
        **os.environ,
        "VIRTUAL_ENV": sys.prefix,
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [str(part) for part in argv], cwd=example.path, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_demo_breaks_and_mends_one_line(example, runs):
    assert [run.failing > 0 for run in runs] == [False, True, True, True, True, False]
    assert example.mistake.right in (example.path / example.mistake.file).read_text(encoding="utf-8")


def test_the_rules_on_history_pick_few_tests_and_find_every_failure(runs):
    everything, failing = runs[2].selected, runs[2].failing
    assert everything > 60
    assert [run.selected for run in runs[3:]] == [failing] * 3
    assert failing < everything / 10


def test_the_summary_says_what_each_run_picked_and_why(example, runs):
    table = demo.summary(example, runs)
    assert f"{runs[3].selected} of {runs[0].selected}" in table
    assert "failed 2 of its last 3" in table
    assert "named after forge/forge/models.py, which has changed" in table


def test_the_demo_refuses_a_line_that_is_not_there(tmp_path):
    (tmp_path / "module.py").write_text("x = 1\nx = 1\n", encoding="utf-8")
    twice = projects.Mistake("module.py", "x = 1", "x = 2")
    with pytest.raises(projects.SetupFailed, match="2 times"):
        twice.make(tmp_path)


def test_a_run_that_picks_something_else_stops_the_demo(runs):
    with pytest.raises(demo.Unexpected, match="had failed"):
        demo.check([*runs[:3], runs[0]])


def test_the_baseline_script_runs_all_packages(example, runs):
    told = execute(example, sys.executable, "scripts/run_baseline_execution.py", "--json")
    folders = {result["entity"].partition("/")[0] for result in told["results"]}
    assert folders == {"forge", "anvil", "scout"}
    assert told["counts"]["passed"] == runs[0].selected


@pytest.fixture(scope="module")
def configured(home: Path, example: projects.Project, runs: list[demo.Run]) -> projects.Project:
    """The example with the history of the demo, and with its own configuration again."""
    path = shutil.copytree(example.path, home / "configured")
    for folder in (".anvil", ".lens"):
        shutil.copytree(projects.EXAMPLE / folder, path / folder, dirs_exist_ok=True)
    return replace(example, path=path)


@pytest.mark.parametrize(
    "rule", ["quick-check", "argos-critical-path", "argos-commit-check", "argos-focus-flaky"]
)
def test_each_rule_of_the_example_picks_some_tests_and_not_all(configured, runs, rule):
    told = execute(configured, SCRIPTS / "anvil", "execute", "--rule", rule, "--dry-run", "--json")
    assert 0 < len(told["selected"]) < runs[0].selected


def test_tests_of_the_same_module_name_are_told_apart(runs):
    modules = {result["entity"].partition("::")[0] for result in runs[0].told["results"]}
    assert {"forge/tests/test_models.py", "scout/tests/test_models.py"} <= modules


def test_init_writes_the_configuration_that_the_demo_runs_with(example, runs):
    for file in (".anvil/config.yaml", ".lens/rules.yaml"):
        written = (example.path / file).read_text(encoding="utf-8")
        assert written != (projects.EXAMPLE / file).read_text(encoding="utf-8")


def test_the_rest_of_the_example_is_left_as_it_is(example, runs):
    beside = shutil.ignore_patterns("__pycache__", ".argos", ".git", ".pytest_cache", ".anvil", ".lens")
    for path in projects.EXAMPLE.rglob("*"):
        relative = path.relative_to(projects.EXAMPLE)
        if path.is_file() and not any(beside("", [part]) for part in relative.parts):
            assert (example.path / relative).read_bytes() == path.read_bytes()
