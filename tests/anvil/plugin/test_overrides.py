"""Gates and filters that a project set for its whole suite, and what becomes of them in a selected run."""

from __future__ import annotations

import pytest

ALL = ["lf", "stepwise", "maxfail", "markexpr", "keyword", "deselect", "collectonly", "setuponly", "cov_fail_under",
       "numprocesses", "last-failed-no-failures"]  # fmt: skip
SUITE = {
    "test_a.py": """
        import pytest
        def test_fails(): assert 0
        def test_passes(): pass
        @pytest.mark.slow
        def test_slow(): pass
    """,
}
NAMES = ["test_fails", "test_passes", "test_slow"]


def ini(addopts: str) -> str:
    return f"[pytest]\nmarkers = slow\naddopts = -p no:randomly {addopts}\n"


def overridden(run) -> list[str]:
    return [event["option"] for event in run.events("override")]


@pytest.mark.parametrize(
    ("addopts", "options"),
    [
        (
            "-m 'not slow' -k passes --deselect=test_a.py::test_slow --stepwise --maxfail=2",
            ["--stepwise", "--maxfail=2", "-m 'not slow'", "-k passes", "--deselect=test_a.py::test_slow"],
        ),
        ("--collect-only -x", ["-x", "--collect-only"]),
        ("--setup-only", ["--setup-only"]),
        ("--setup-plan --setup-show", ["--setup-plan"]),
        ("-n 2 --dist=loadfile", ["-n 2 --dist=loadfile"]),
    ],
    ids=["filters", "collect-only", "setup-only", "setup-plan", "workers"],
)
def test_options_of_the_project_are_overridden_and_told(project, addopts, options):
    run = project({**SUITE, "pytest.ini": ini(addopts)}).run(overrides=ALL)

    assert list(run.outcomes) == NAMES, run.printed
    assert list(run.journals) == ["0"]
    assert overridden(run) == options
    assert all(event["why"] for event in run.events("override"))


def test_options_from_the_environment_are_overridden_too(plain_project):
    run = plain_project({**SUITE, "pytest.ini": ini("")}).run(
        overrides=ALL, env={"PYTEST_ADDOPTS": "-x -k slow"}
    )

    assert list(run.outcomes) == NAMES
    assert overridden(run) == ["-x", "-k slow"]


@pytest.mark.parametrize(("addopts", "option"), [("--lf", "--lf"), ("--sw", "--stepwise")])
def test_what_failed_last_does_not_narrow_the_run(edge_project, addopts, option):
    project_ = edge_project({**SUITE, "pytest.ini": ini(addopts)})
    project_.run()
    run = project_.run(overrides=ALL)

    assert list(run.outcomes) == NAMES
    assert overridden(run) == [option]


def test_failed_first_stays_and_orders_the_run(edge_project):
    project_ = edge_project(
        {**SUITE, "test_0.py": "def test_0(): pass\n", "pytest.ini": ini("--ff --lfnf=none")}
    )
    project_.run("test_a.py", "-o", "addopts=")
    run = project_.run(overrides=ALL)

    assert sorted(run.outcomes) == ["test_0", *NAMES]
    assert next(iter(run.outcomes)) == "test_fails"
    assert overridden(run) == ["--last-failed-no-failures=none"]


COVERED = {
    "lib.py": "def used():\n    return 1\n\n\ndef unused():\n    a = 1\n    b = 2\n    return a + b\n",
    "test_lib.py": "import lib\ndef test_used(): assert lib.used()\n",
}


@pytest.mark.parametrize(
    ("addopts", "coveragerc", "option"),
    [
        ("--cov=lib --cov-fail-under=99", "", "--cov-fail-under=99"),
        ("--cov=lib", "[report]\nfail_under = 99\n", "fail_under=99 of coverage"),
    ],
    ids=["option", "configuration"],
)
def test_a_coverage_gate_for_the_whole_suite_is_no_gate_for_a_part(project, addopts, coveragerc, option):
    suite = {**COVERED, "pytest.ini": ini(addopts), ".coveragerc": coveragerc}
    run = project(suite).run(overrides=ALL)

    assert run.exit == 0, run.printed
    assert overridden(run) == [option]
    assert "lib.py" in run.printed  # coverage is still measured and shown


def test_a_gate_that_is_not_overridden_is_told_when_it_fails(plain_project):
    run = plain_project({**COVERED, "pytest.ini": ini("--cov=lib --cov-fail-under=99")}).run()

    assert run.exit == 1
    assert [event["what"] for event in run.events("gate")] == [
        "Coverage failure: total of 50 is less than fail-under=99"
    ]


def test_an_ordinary_failure_is_no_gate(plain_project):
    assert not plain_project(SUITE).run().events("gate")


def test_what_the_user_asks_for_wins(edge_project):
    project_ = edge_project(
        {**SUITE, "pytest.ini": ini("-k slow --deselect=test_a.py::test_passes --maxfail=3")}
    )
    run = project_.run(
        overrides=ALL, user_args=["-m", "not slow", "--deselect", "test_a.py::test_fails", "-x"]
    )

    assert list(run.outcomes) == ["test_passes"]
    assert overridden(run) == ["-k slow", "--deselect=test_a.py::test_passes"]


def test_the_users_own_coverage_gate_stays(edge_project):
    run = edge_project({**COVERED, "pytest.ini": ini("--cov=lib --cov-fail-under=1")}).run(
        overrides=ALL, user_args=["--cov-fail-under=99"]
    )

    assert run.exit == 1
    assert overridden(run) == []


def test_an_option_without_effect_is_not_told(plain_project):
    addopts = "--maxfail=0 -n0 --dist=no --cov-fail-under=0 --lfnf=none -m ''"
    run = plain_project({**SUITE, "pytest.ini": ini(addopts)}).run(overrides=ALL)

    assert list(run.outcomes) == NAMES
    assert overridden(run) == []


def test_only_the_named_options_are_overridden(plain_project):
    run = plain_project({**SUITE, "pytest.ini": ini("-x -k passes")}).run(overrides=["maxfail"])

    assert list(run.outcomes) == ["test_passes"]
    assert overridden(run) == ["-x"]


def test_a_plan_that_the_user_asks_for_runs_no_test(edge_project):
    run = edge_project({**SUITE, "pytest.ini": ini("--setup-show")}).run(
        overrides=ALL, user_args=["--setup-plan"]
    )

    assert overridden(run) == []
    assert (run.exit, run.results) == (0, [])


def test_a_project_without_the_plugins_is_fine(plain_project):
    addopts = "-p no:cacheprovider -p no:xdist -p no:cov -p no:pytest_cov -p no:stepwise -x"
    run = plain_project({**SUITE, "pytest.ini": ini(addopts)}).run(overrides=ALL)

    assert list(run.outcomes) == NAMES
    assert overridden(run) == ["-x"]
