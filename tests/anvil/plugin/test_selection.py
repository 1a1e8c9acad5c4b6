"""Which tests run: what is collected, what the plugin is told, and what the project's own filters say."""

from __future__ import annotations

import os
import sys

import pytest

from targets import SUPPORTED, interpreter

FIVE = {"test_a.py": "def test_1(): pass\ndef test_2(): pass\ndef test_3(): pass\n",
        "test_b.py": "def test_4(): pass\ndef test_5(): pass\n"}  # fmt: skip
ORDERED = ("-p", "no:randomly")


def names(run) -> list[str]:
    return [result["id"].partition("::")[2] for result in run.results]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"run": "all"}, ["test_1", "test_2", "test_3", "test_4", "test_5"]),
        ({"run": "none"}, []),
        ({"run": [4, 0, 4, 99, -1]}, ["test_5", "test_1"]),
        ({"run_ids": ["test_b.py::test_4", "test_gone.py::x", "test_a.py::test_2"]}, ["test_4", "test_2"]),
    ],
    ids=["all", "none", "indices", "ids"],
)
def test_what_is_asked_for_runs_in_the_order_asked_for(edge_project, selection, expected):
    run = edge_project(FIVE).run(*ORDERED, answer=selection)

    assert names(run) == expected
    assert run.exit == (0 if expected else 5)
    deselected = 5 - len(expected)
    assert (f"{deselected} deselected" in run.printed) == bool(deselected)


def test_it_waits_for_an_answer_and_tells_first_what_it_collected(plain_project):
    session = plain_project(FIVE).start()
    event = session.until("collected")

    assert session.process.poll() is None
    assert (event["count"], event["deselected_count"], event["errors"]) == (5, 0, [])
    session.answer({"run": [0]})
    assert names(session.end()) == ["test_1"]


@pytest.mark.parametrize(
    ("environment", "args"),
    [
        (SUPPORTED[0], ["--random-order"]),
        (SUPPORTED[2], ["-p", "randomly"]),
        (SUPPORTED[3], ["--random-order"]),
    ],
    ids=["random-order old", "randomly", "random-order"],
)
def test_the_order_of_a_random_plugin_is_told_and_kept(make_project, environment, args):
    suite = {"test_c.py": "".join(f"def test_{n}(): pass\n" for n in range(10, 40))}
    run = make_project(interpreter(*environment), suite).run(*args, answer={"run": "all"})

    assert [result["id"] for result in run.results] == run.collected
    assert run.collected != sorted(run.collected)


def test_what_the_project_itself_deselects_is_told(edge_project):
    conftest = """
        def pytest_collection_modifyitems(config, items):
            dropped = [item for item in items if item.name == "test_2"]
            config.hook.pytest_deselected(items=dropped)
            items[:] = [item for item in items if item not in dropped]
    """
    run = edge_project({**FIVE, "conftest.py": conftest}).run(*ORDERED, answer={"run": [0]}, prefix="forge/")

    (event,) = run.events("collected")
    assert (event["deselected"], event["deselected_count"]) == (["forge/test_a.py::test_2"], 1)
    assert event["count"] == 4


def test_a_dry_run_tells_what_is_there_and_runs_nothing(edge_project):
    conftest = "def pytest_sessionfinish(): print('finished')\n"
    run = edge_project({**FIVE, "conftest.py": conftest}).start("--cov", "-n2", dry_run=True).end()

    assert run.exit == 0
    assert len(run.collected) == 5
    assert not run.events("start")
    assert run.events("finish")[0]["exit"] == 0


def test_a_dry_run_leaves_the_coverage_data_alone(plain_project):
    project = plain_project({**FIVE, ".coverage": "not to be touched"})
    project.start("--cov", dry_run=True).end()

    assert (project.root / ".coverage").read_text() == "not to be touched"


@pytest.mark.parametrize("option", ["--setup-only", "--collect-only"])
def test_a_run_that_executes_no_test_records_no_result(plain_project, option):
    assert plain_project(FIVE).run(option).results == []


TREE = {
    "pkg/__init__.py": "",
    "pkg/tests/__init__.py": "",
    "pkg/tests/test_a.py": "def test_1(): pass\n",
    "pkg/tests/test_b.py": "def test_2(): pass\n",
    "pkg/tests/deep/test_c.py": "def test_3(): pass\n",
    "scripts/test_stray.py": "raise SystemExit('a script, not a test')\n",
    "other/pytest.ini": "[pytest]\n",
    "other/test_o.py": "def test_4(): pass\n",
    "notes.txt": ">>> 1\n1\n",
}


def files(run) -> list[str]:
    return sorted({name.partition("::")[0] for name in run.collected})


def test_only_the_named_files_are_collected(project):
    wanted = ["forge/pkg/tests/test_b.py", "forge/pkg/tests/deep/test_c.py"]
    run = project(TREE).run("--doctest-glob=*.txt", files=wanted, prefix="forge/")

    assert files(run) == sorted(wanted)
    assert not run.events("collected")[0]["errors"]


def test_python_files_outside_the_patterns_and_nested_roots_are_left_out(edge_project):
    run = edge_project(TREE).run("--doctest-glob=*.txt", patterns=["pkg/**/test_*.py"], nested=["other"])

    assert files(run) == [
        "notes.txt",
        "pkg/tests/deep/test_c.py",
        "pkg/tests/test_a.py",
        "pkg/tests/test_b.py",
    ]


def test_what_the_project_ignores_stays_ignored(plain_project):
    tree = {**TREE, "conftest.py": "collect_ignore = ['pkg/tests/test_b.py']\n"}
    run = plain_project(tree).run(
        files=["pkg/tests/test_a.py", "pkg/tests/test_b.py"], nested=["other", "scripts"]
    )

    assert files(run) == ["pkg/tests/test_a.py"]


LAUNCHER = """
import json, os, subprocess, sys
config = json.load(open(os.environ["ARGOS_PLUGIN_CONFIG"]))
json.dump({**config, "parent": os.getpid()}, open(os.environ["ARGOS_PLUGIN_CONFIG"], "w"))
sys.exit(subprocess.call(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="There the parent is watched by its lock, not its process id.")
class TestTheParentEnds:
    def test_while_the_plugin_waits_for_an_answer(self, plain_project):
        session = plain_project(FIVE).start(launcher=[sys.executable, "-c", LAUNCHER])
        session.until("collected")
        session.process.kill()
        run = session.end()

        assert not run.events("start")
        assert run.events("finish")[0]["exit"] == 2
        assert "the process that started this run is gone" in run.printed

    def test_while_a_test_runs_then_that_test_is_the_last(self, edge_project):
        suite = {
            "test_a.py": """
            import os, time
            def test_1():
                parent = os.getppid()
                open("started", "w").close()
                while os.getppid() == parent: time.sleep(0.01)
            def test_2(): pass
            """
        }
        project_ = edge_project(suite)
        session = project_.start(*ORDERED, launcher=[sys.executable, "-c", LAUNCHER], wait=False)
        session.until_exists(project_.root / "started")
        session.process.kill()
        run = session.end()

        assert run.outcomes == {"test_1": "passed"}
        assert run.events("finish")[0]["exit"] == 2


def test_a_program_between_anvil_and_pytest_is_no_reason_to_stop(edge_project):
    wrapper = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]

    assert len(edge_project(FIVE).run(launcher=wrapper).results) == 5
