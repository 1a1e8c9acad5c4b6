"""Under pytest-xdist each worker keeps a journal, and the controller speaks for the dead."""

from __future__ import annotations

import pytest

TEN = {"test_a.py": "".join(f"def test_{n}(): pass\n" for n in range(10))}


def test_each_worker_writes_what_it_ran(project):
    run = project(TEN).run("-n2", answer={"run": "all"}, prefix="forge/")

    assert sorted(run.journals) == ["0", "0-gw0", "0-gw1"]
    assert sorted(result["id"] for result in run.results) == [f"forge/test_a.py::test_{n}" for n in range(10)]
    assert sorted(event["worker"] or "" for event in run.events("session")) == ["", "gw0", "gw1"]
    assert [event["t"] for event in run.journals["0"]] == ["session", "finish"]
    assert [event["ids_file"] for event in run.events("collected")] == [
        "0-gw0.collected.json",
        "0-gw1.collected.json",
    ]
    assert run.exit == 0


def test_all_workers_run_the_same_selection(edge_project):
    run = edge_project(TEN).run("-n2", "-p", "no:randomly", answer={"run": [7, 1]})

    assert sorted(result["id"] for result in run.results) == ["test_a.py::test_1", "test_a.py::test_7"]
    assert run.exit == 0, run.printed


def test_a_test_that_kills_its_worker_is_an_error(project):
    suite = {"test_a.py": "import os\ndef test_1(): pass\ndef test_2(): os._exit(3)\ndef test_3(): pass\n"}
    run = project(suite).run("-n1", "-p", "no:randomly", answer={"run": "all"})

    assert run.outcomes == {"test_1": "passed", "test_2": "error", "test_3": "passed"}
    crashed = run.result("test_2")
    assert crashed in run.journals["0"]
    assert "crashed" in crashed["message"]
    assert (crashed["when"], run.exit) == ("crash", 1)


def test_a_file_that_cannot_be_collected_is_told_once(plain_project):
    run = plain_project({**TEN, "test_bad.py": "import not_there\n"}).run("-n2", answer={"run": "all"})

    assert [result["id"] for result in run.results if result["outcome"] == "error"] == ["test_bad.py"]


def test_the_group_of_a_test_is_not_part_of_its_name(make_project, newest_target):
    suite = {
        "test_a.py": """
        import os, pytest
        @pytest.mark.xdist_group("g")
        def test_grouped(): pass
        @pytest.mark.xdist_group("g")
        def test_crashes(): os._exit(3)
        @pytest.mark.parametrize("x", ["a@b"])
        def test_at(x): pass
        """
    }
    run = make_project(newest_target, suite).run("-n2", "--dist=loadgroup", answer={"run": "all"})

    assert run.outcomes == {"test_grouped": "passed", "test_crashes": "error", "test_at[a@b]": "passed"}
    assert {event["id"].partition("::")[2] for event in run.events("start")} == set(run.outcomes)


def test_the_environment_of_a_worker_is_the_projects(edge_project):
    suite = {
        "test_a.py": """
        import os, sys
        def test_environment():
            assert "ARGOS_PLUGIN_CONFIG" not in os.environ
            assert os.environ["PYTHONPATH"] == "mine"
            assert os.path.basename(sys.path[-1]) == "plugin"
        """
    }
    run = edge_project(suite).run("-n1", pythonpath="mine")

    assert run.outcomes == {"test_environment": "passed"}, run.results


def test_reruns_in_a_worker_are_attempts(edge_project):
    suite = {"test_a.py": "state = []\ndef test_1():\n    state.append(1)\n    assert len(state) > 1\n"}
    run = edge_project(suite).run("-n1", "--reruns=1")

    assert [(result["attempt"], result["outcome"]) for result in run.results] == [
        (0, "failed"),
        (1, "passed"),
    ]


GATES = ["lf", "stepwise", "maxfail", "markexpr", "keyword", "deselect", "collectonly", "setuponly"]
GATED = {
    "test_a.py": """
        import pytest
        def test_fails(): assert 0
        def test_fails_too(): assert 0
        def test_passes(): pass
        def test_passes_too(): pass
        @pytest.mark.slow
        def test_slow(): pass
        @pytest.mark.slow
        def test_slow_too(): pass
    """,
}
GATED_OUTCOMES = {
    "test_fails": "failed", "test_fails_too": "failed", "test_passes": "passed", "test_passes_too": "passed",
    "test_slow": "passed", "test_slow_too": "passed",
}  # fmt: skip


def gated_ini(addopts: str) -> str:
    return f"[pytest]\nmarkers = slow\naddopts = -p no:randomly {addopts}\n"


@pytest.mark.parametrize(
    "gate",
    [
        "--lf",
        "--sw",
        "--sw-skip",
        "-x",
        "-m 'not slow'",
        "-k passes",
        "--deselect=test_a.py::test_slow",
        "--setup-plan",
    ],
)
def test_the_workers_do_not_obey_what_is_overridden(edge_project, gate):
    project_ = edge_project({**GATED, "pytest.ini": gated_ini("")})
    project_.run()  # leaves failures in pytest's cache
    run = project_.write({"pytest.ini": gated_ini(f"-n 2 {gate}")}).run(overrides=GATES)

    assert run.outcomes == GATED_OUTCOMES, run.printed
    assert sorted(run.journals) == ["0", "0-gw0", "0-gw1"]
    assert len(run.results) == len(GATED_OUTCOMES)
    assert len(run.events("override")) == 1


def test_the_workers_obey_what_the_user_asks_for(edge_project):
    project_ = edge_project({**GATED, "pytest.ini": gated_ini("-n 2 -k passes")})
    run = project_.run(overrides=GATES, user_args=["-m", "slow", "--deselect=test_a.py::test_slow_too"])

    assert run.outcomes == {"test_slow": "passed"}


def test_the_workers_obey_what_is_not_overridden(edge_project):
    project_ = edge_project({**GATED, "pytest.ini": gated_ini("-n 2 -k passes -m 'not slow'")})

    assert set(project_.run(overrides=["markexpr"]).outcomes) == {"test_passes", "test_passes_too"}
