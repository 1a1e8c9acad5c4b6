from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.model.ci import LoggedTest, LogReport, TestSession, WorkflowJob
from argos.scout.patterns import failures_of
from argos.scout.reproduce import LONGEST_ARGUMENTS, recipe, script

COMMIT = "34e114876b0b11c390a56381ad16ebd13914f8d5"
GREEN = "a26af69be951a213d495a4c3e4e4022e16d87065"
HOSTILE = "tests/test_a.py::test_x[$(touch pwned) `touch pwned` '; touch pwned; # \" \\ ü\n&|]"

JOB = WorkflowJob(
    6789,
    12345,
    "test (ubuntu-latest, 3.8)",
    labels=("ubuntu-latest",),
    python_version="3.8",
    commit=COMMIT,
    conclusion="failure",
    completed_at=datetime(2026, 2, 2, tzinfo=UTC),
)
LOG = LogReport(
    sessions=(
        TestSession(
            platform="linux",
            python="3.8.18",
            rootdir="/home/runner/work/shop/shop/backend",
            tests=(LoggedTest("tests/test_a.py::test_x", "failed", message="ValueError: no"),),
        ),
    ),
    workspace="/home/runner/work/shop/shop",
    packages={"pytest": "8.3.5", "attrs": "25.1.0", "shop": "0.1.0"},
    commands=("pip install -e .[test]", "PYTHONHASHSEED=77 pytest tests -v -n 4 -p no:randomly --cov=shop"),
)


def made(job=JOB, log=LOG, **values):
    return recipe(job, log, failures_of(job, log), "ann/shop", **values)


def with_tests(*nodeids):
    tests = tuple(LoggedTest(nodeid, "failed", message="x") for nodeid in nodeids)
    return replace(LOG, sessions=(replace(LOG.sessions[0], tests=tests),))


def test_a_recipe_is_the_commit_the_interpreter_the_packages_and_the_tests_of_the_job():
    found = made(green_commit=GREEN)
    assert (found.commit, found.green_commit, found.image, found.folder) == (
        COMMIT,
        GREEN,
        "python:3.8.18",
        "backend",
    )
    assert found.packages == {"attrs": "25.1.0", "pytest": "8.3.5"}
    assert found.tests == ("tests/test_a.py::test_x",)
    assert found.possible


def test_the_environment_is_that_of_the_runner():
    assert made().environment == {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "TZ": "UTC",
        "COLUMNS": "80",
        "PYTHONHASHSEED": "77",
    }


def test_options_that_bear_on_the_outcome_are_kept_and_others_are_not():
    assert made().options == ("-n", "4", "-p", "no:randomly")


def test_the_projects_own_package_is_installed_from_its_files_not_from_an_index():
    found = made()
    assert found.installs_project
    assert "shop" not in found.packages
    assert "--no-deps --editable ." in script(found)


@pytest.mark.parametrize(
    "rootdir, workspace, folder",
    [
        ("/home/runner/work/shop/shop", "/home/runner/work/shop/shop", "."),
        (r"D:\a\shop\shop\backend", None, "backend"),
        ("/Users/runner/work/shop/shop/a/b", None, "a/b"),
        ("/home/runner/work/shop/shop/../../../etc", "/home/runner/work/shop/shop", "."),
        ("/elsewhere", "/home/runner/work/shop/shop", "."),
        (None, None, "."),
    ],
)
def test_the_folder_is_where_pytest_ran_within_the_checkout(rootdir, workspace, folder):
    log = replace(LOG, workspace=workspace, sessions=(replace(LOG.sessions[0], rootdir=rootdir),))
    assert made(log=log).folder == folder


@pytest.mark.parametrize("system, name", [("windows-latest", "Windows"), ("macos-15", "macOS")])
def test_a_container_cannot_show_another_system_and_the_nearest_linux_cell_is_the_control(system, name):
    siblings = [
        replace(JOB, job_id=number, name=f"test (ubuntu, {python})", python_version=python)
        for number, python in enumerate(("3.12", "3.9", "3.8"))
    ]
    found = made(replace(JOB, labels=(system,)), siblings=siblings)
    assert not found.possible
    assert name in (found.reason or "")
    assert found.control_job == "test (ubuntu, 3.8)"


def test_a_log_without_a_failing_test_runs_them_all_and_says_so():
    found = made(log=with_tests())
    assert found.test_command[:3] == ("python", "-m", "pytest")
    assert any("all tests are run" in note for note in found.notes)


def test_names_of_tests_that_are_too_long_for_a_command_become_their_files():
    found = made(
        log=with_tests(*(f"tests/test_a.py::test_x[{n}{'x' * 99}]" for n in range(LONGEST_ARGUMENTS // 100)))
    )
    assert found.tests == ("tests/test_a.py",)
    assert any("files are run" in note for note in found.notes)


def test_a_test_is_never_taken_for_an_option_or_a_file_of_options():
    assert made(log=with_tests("-rf", "@args")).test_command[-2:] == ("./-rf", "./@args")


@pytest.mark.parametrize("commit", [None, "", "main; rm -rf /", "--upload-pack=x"])
def test_without_a_commit_there_is_no_recipe(commit):
    with pytest.raises(ArgosError, match="at which commit"):
        made(replace(JOB, commit=commit))


def test_without_a_python_there_is_no_recipe():
    log = replace(LOG, sessions=(), setup_python="$(x)")
    with pytest.raises(ArgosError, match="which Python"):
        made(replace(JOB, python_version=None), log)


def test_a_recipe_runs_at_least_once():
    with pytest.raises(ArgosError, match="at least once"):
        made(repeats=0)


def test_a_distribution_that_is_named_after_project_and_package_is_the_projects_own():
    log = replace(LOG, packages={"shop-cart": "0.1.0", "shop-api-client": "2.0"})
    assert made(log=log, own_packages=["cart"]).packages == {"shop-api-client": "2.0"}


def test_names_that_are_no_packages_are_left_out_and_said_to_be():
    log = replace(
        LOG, packages={"attrs": "25.1.0", "--index-url": "http://x", "a b": "1", "ok": "1; touch x"}
    )
    found = made(log=log)
    assert found.packages == {"attrs": "25.1.0"}
    assert any("3 entries" in note for note in found.notes)


def test_the_document_is_json():
    assert json.loads(json.dumps(made().document()))["test_command"][-1] == "tests/test_a.py::test_x"


anything = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=60
)


@given(
    st.lists(anything, min_size=1, max_size=4, unique=True),
    anything,
    anything,
    st.dictionaries(anything, anything, max_size=3),
)
def test_nothing_of_a_log_leaves_its_quotes(nodeids, name, command, packages):
    """Every line that holds a test splits into exactly the words that it was made of."""
    log = replace(with_tests(*nodeids), packages=packages, commands=(command, f"pytest -o {command}"))
    found = made(replace(JOB, name=name), log)
    text = script(found)
    for argv in (found.test_command, found.install_command or ()):
        assert shlex.split(shlex.join(argv)) == list(argv)
    begin = text.index("-m pytest") + len("-m pytest")
    words = shlex.split(
        text[begin : text.index(" || status=$?", begin + len(shlex.join(found.test_command[3:])))]
    )
    assert words == list(found.test_command[3:])
    comments = [line for line in text.split("\n")[1:] if line.startswith("#")]
    assert len(comments) == 1 + len(found.notes)


STUB = """\
#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / "calls", "a", encoding="utf-8") as calls:
    calls.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + chr(10))
if sys.argv[1:2] == ["rev-parse"]:
    print(here / "clone")
if {refused!r} in sys.argv:
    sys.exit(1)
if "none" in sys.argv and {failing!r} in " ".join(sys.argv):
    sys.exit({code})
"""


def played(folder, text, failing=COMMIT, code=1, refused=None):
    """Runs a script with a git and a docker that only write down how they were called."""
    for name in ("git", "docker"):
        stub = folder / name
        stub.write_text(
            STUB.format(python=sys.executable, failing=failing, code=code, refused=refused), encoding="utf-8"
        )
        stub.chmod(0o755)
    (folder / "calls").unlink(missing_ok=True)
    path = os.pathsep.join((str(folder), os.environ["PATH"]))
    argv = [shutil.which("sh") or "sh", "-c", text]
    told = subprocess.run(
        argv, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, encoding="utf-8", check=False
    )
    calls = [json.loads(line) for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]
    return told, calls


posix = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("sh"), reason="the script is for a POSIX shell"
)


@posix
def test_the_script_runs_the_control_first_and_gives_both_rates(tmp_path):
    told, calls = played(tmp_path, script(made(green_commit=GREEN, repeats=3)))
    assert told.returncode == 0, told.stderr
    assert f"At {GREEN} the tests failed 0 of 3 times." in told.stdout
    assert f"At {COMMIT} the tests failed 3 of 3 times.\nReproduced." in told.stdout
    assert [
        "git",
        "worktree",
        "add",
        "--detach",
        f"{tmp_path}/clone/.argos/reproduce/{GREEN}/files",
        GREEN,
    ] in calls
    tests = [call for call in calls if "none" in call]
    assert len(tests) == 6
    assert tests[0][-8:] == [
        "/venv/bin/python",
        "-m",
        "pytest",
        "-n",
        "4",
        "-p",
        "no:randomly",
        "tests/test_a.py::test_x",
    ]


@posix
def test_a_package_that_cannot_be_had_is_left_out_and_the_others_are_installed(tmp_path):
    told, calls = played(tmp_path, script(made(repeats=1)), refused="attrs==25.1.0")
    assert "Left out, for it cannot be had: attrs==25.1.0" in told.stdout
    assert [call[-1] for call in calls if "--no-deps" in call][-2:] == ["pytest==8.3.5", "."]


@posix
def test_without_pins_the_newest_pytest_and_the_project_with_its_requirements_are_installed(tmp_path):
    _, calls = played(tmp_path, script(made(log=replace(LOG, packages={}), repeats=1)))
    assert [call[-1] for call in calls if "install" in call] == ["pip", "pytest", "."]
    assert not any("--no-deps" in call for call in calls)


@posix
def test_a_control_that_fails_blames_the_container(tmp_path):
    told, _ = played(tmp_path, script(made(green_commit=GREEN)), failing=GREEN)
    assert told.returncode == 1
    assert "The control did not pass" in told.stdout


@posix
def test_a_failure_that_does_not_show_is_not_reproduced(tmp_path):
    told, _ = played(tmp_path, script(made(repeats=2)), failing="another commit")
    assert told.returncode == 1
    assert "the tests failed 0 of 2 times.\nNot reproduced." in told.stdout


@posix
def test_a_turn_that_ran_no_tests_is_no_failure(tmp_path):
    told, _ = played(tmp_path, script(made(repeats=2)), code=4)
    assert "the tests failed 0 of 0 times." in told.stdout


@posix
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(anything, min_size=1, max_size=2, unique=True))
def test_a_hostile_name_reaches_pytest_as_it_is_and_does_nothing_else(tmp_path, nodeids):
    found = made(log=with_tests(HOSTILE, *nodeids), repeats=1)
    told, calls = played(tmp_path, script(found))
    assert told.returncode == 0, told.stderr
    (call,) = (call for call in calls if "none" in call)
    assert call[-len(found.tests) :] == list(found.test_command[-len(found.tests) :])
    assert not list(tmp_path.rglob("pwned"))
