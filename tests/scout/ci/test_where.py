from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.model.ci import LogReport, TestSession, WorkflowJob
from argos.scout.ci.where import Place, python_version, where
from argos.scout.ci.workflow_file import planned_jobs


def a_job(name: str = "test", *labels: str) -> WorkflowJob:
    return WorkflowJob(job_id=1, run_id=1, name=name, labels=labels)


def a_session(python: str | None = None, **fields: Any) -> TestSession:
    return TestSession(python=python, **fields)


def a_log(*sessions: TestSession, **fields: Any) -> LogReport:
    return LogReport(sessions=sessions, **fields)


def named(name: str) -> Place:
    return where(a_job(name))


@pytest.mark.parametrize(
    "name, family, label, python",
    [
        ("test (ubuntu-latest, 3.11)", "linux", "ubuntu-latest", "3.11"),
        ("Test Python 3.8 on windows-latest", "windows", "windows-latest", "3.8"),
        ("py311-linux", "linux", None, "3.11"),
        ("caller / callee (3.11)", None, None, "3.11"),
        ("matrix (3.9) / test (3.12)", None, None, "3.12"),
        ("Build & Test (o3 - cross)", None, None, None),
        ("tests (3.10.14, macos-14)", "macos", "macos-14", "3.10.14"),
        ("cp313t-win_amd64", "windows", None, "3.13t"),
        ("test (macos-13-xlarge, pypy-3.10)", "macos", "macos-13-xlarge", "pypy3.10"),
        ("darwin py27", "macos", None, "2.7"),
        ("test (3.14.0-rc.1)", None, None, "3.14.0-rc.1"),
        ("3.15-dev", None, None, "3.15"),
        ("Python v3.9", None, None, "3.9"),
        ("python_version: 3.10", None, None, "3.10"),
        ("linux and windows", None, None, None),
    ],
)
def test_a_job_name_is_free_text(
    name: str, family: str | None, label: str | None, python: str | None
) -> None:
    place = named(name)
    assert (place.os_family, place.os_label, place.python) == (family, label, python)


@pytest.mark.parametrize(
    "name",
    [
        "build (20)", "Node 18.3.12", "node 3.9", "Django 3.2", "django-3.9", "ruby-3.3", "check (alpine3.19)",
        "OpenSSL 3.5", "v3.9", "Python 3", "py3", "3.x", "happy311", "release 13.9", "1.3.9.2",
    ],
)  # fmt: skip
def test_a_number_may_be_of_another_tool(name: str) -> None:
    assert named(name).python is None


def test_another_tool_beside_python_does_not_disturb() -> None:
    assert named("test (Django 4.2, 3.9)").minor == "3.9"
    assert named("Python 3.9, SQLAlchemy 3.11").minor == "3.9"
    assert named("py38-django32").minor == "3.8"


def test_two_versions_are_no_answer() -> None:
    place = named("Python 3.8 and 3.9")
    assert place.python is None
    assert "3.8, 3.9" in place.evidence[-1]


@pytest.mark.parametrize("name", ["test (ubuntu-latest, 3.1)", "Python 3.1"])
def test_3_1_is_not_3_10(name: str) -> None:
    place = named(name)
    assert place.python is None
    assert "may be 3.10" in place.evidence[-1]


def test_a_log_proves_that_3_1_is_3_10() -> None:
    assert where(a_job("test (3.1)"), a_log(setup_python="3.10.14")).minor == "3.10"


def test_the_session_header_is_trusted_most() -> None:
    log = a_log(a_session("3.8.18", platform="linux"), setup_python="3.12.1", image="windows-2025")
    place = where(a_job("test (macos-14, 3.9)", "macos-14"), log)
    assert (place.os_family, place.python, place.minor) == ("linux", "3.8.18", "3.8")
    assert place.os_label is None, "the image is the host's, not the container's"
    assert "session header" in place.evidence[0]


@pytest.mark.parametrize(
    "platform, family", [("linux", "linux"), ("linux2", "linux"), ("win32", "windows"), ("darwin", "macos")]
)
def test_a_platform_of_pytest_is_a_family(platform: str, family: str) -> None:
    assert where(a_job(), a_log(a_session(platform=platform))).os_family == family


def test_sessions_of_several_pythons_are_no_single_answer() -> None:
    place = where(a_job("test (3.9)"), a_log(a_session("3.11.4"), a_session("3.12.1")))
    assert (place.python, place.minor) == (None, None)
    assert "3.11, 3.12" in place.evidence[-1]


def test_sessions_that_differ_in_the_last_number_agree_on_the_rest() -> None:
    place = where(a_job(), a_log(a_session("3.11.4"), a_session("3.11.5"), a_session()))
    assert (place.python, place.minor) == ("3.11", "3.11")


def test_an_environment_of_tox_has_its_own_interpreter() -> None:
    log = a_log(a_session(environment="py39-django42"), setup_python="3.12.1")
    assert where(a_job(), log).python == "3.9"


def test_what_was_set_up_makes_an_environment_of_the_same_version_exact() -> None:
    log = a_log(a_session(environment="py312"), setup_python="3.12.1")
    assert where(a_job(), log).python == "3.12.1"


def test_several_environments_are_no_single_answer() -> None:
    log = a_log(a_session(environment="py39"), a_session(environment="py310"), setup_python="3.12.1")
    assert where(a_job("test (3.12)"), log).python is None


def test_an_environment_without_a_version_leaves_what_was_set_up() -> None:
    assert where(a_job(), a_log(a_session(environment="lint"), setup_python="3.12.1")).python == "3.12.1"


def test_the_image_is_more_exact_than_the_label() -> None:
    place = where(a_job("x", "ubuntu-latest"), a_log(image="ubuntu-24.04", os="Ubuntu"))
    assert (place.os_family, place.os_label) == ("linux", "ubuntu-24.04")


def test_labels_of_own_and_larger_runners_are_understood() -> None:
    assert where(a_job("x", "self-hosted", "Linux", "X64")).os_family == "linux"
    assert where(a_job("x", "self-hosted", "Linux", "X64")).os_label == "linux"
    assert where(a_job("x", "windows-2022-16core")).os_label == "windows-2022"
    assert where(a_job("x", "ubuntu-24.04-arm")).os_label == "ubuntu-24.04-arm"
    assert where(a_job("x", "ubuntu-slim")).os_label == "ubuntu-slim"


@pytest.mark.parametrize(
    "workspace, family",
    [
        ("D:\\a\\demo\\demo", "windows"),
        ("/Users/runner/work/demo", "macos"),
        ("/home/runner/work/x", "linux"),
        ("/w", None),
    ],
)
def test_the_paths_of_the_log_tell_the_system(workspace: str, family: str | None) -> None:
    assert where(a_job(), a_log(workspace=workspace)).os_family == family


def test_nothing_is_known_of_a_job_that_says_nothing() -> None:
    place = where(a_job("deploy"))
    assert place == Place(
        evidence=("Nothing tells the operating system.", "Nothing tells the Python version.")
    )


@pytest.mark.parametrize(
    "text, expected",
    [
        ("3.8.18", ("3.8.18", "3.8")),
        ("3.10.14[pypy-7.3.17-final]", ("pypy3.10.14", "pypy3.10")),
        ("pypy-3.10-v7.3.17", ("pypy3.10", "pypy3.10")),
        ("3.13.1t", ("3.13.1t", "3.13t")),
        ("3.14.0a7+", ("3.14.0a7+", "3.14")),
        ("2.7.18", ("2.7.18", "2.7")),
        ("3.1", None),
        ("3.10.1.2", None),
        ("20.11", None),
        ("", None),
    ],
)
def test_versions_are_as_precise_as_written(text: str, expected: tuple[str, str] | None) -> None:
    assert python_version(text) == expected


WORKFLOW = """
on: [push]
jobs:
  test:
    name: Tests on ${{ matrix.os }} with ${{ matrix.flavour }}
    runs-on: ${{ matrix.os }}
    strategy:
      matrix:
        os: [ubuntu-22.04, windows-2022]
        flavour: [old, new]
        include:
          - {flavour: old, py: "3.8"}
          - {flavour: new, py: "3.12"}
        exclude:
          - {os: windows-2022, flavour: old}
    steps:
      - uses: actions/setup-python@v5
        with: {python-version: "${{ matrix.py }}"}
  plain:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/setup-python@v5
        with: {python-version: 3.11}
  floats:
    runs-on: macos-14
    strategy: {matrix: {python-version: [3.9, 3.10]}}
  boxed:
    runs-on: ubuntu-latest
    container: {image: "docker.io/library/python:3.9-slim"}
  computed:
    runs-on: ${{ fromJSON(needs.x.outputs.os) }}
    strategy: {matrix: "${{ fromJSON(needs.x.outputs.matrix) }}"}
"""


def planned(name: str) -> Place:
    return where(a_job(name), None, WORKFLOW)


def test_the_matrix_of_the_workflow_file_tells_what_names_do_not() -> None:
    place = planned("Tests on ubuntu-22.04 with old")
    assert (place.os_label, place.python) == ("ubuntu-22.04", "3.8")
    assert "workflow file" in place.evidence[-1]
    assert planned("Tests on windows-2022 with new").python == "3.12"
    assert planned("Tests on windows-2022 with old").python is None, "this cell is excluded"


def test_a_job_without_a_matrix_is_found_by_its_key() -> None:
    assert planned("plain").python == "3.11"
    assert planned("plain").os_label == "ubuntu-latest"


def test_a_number_that_yaml_has_cut_is_ambiguous_and_others_are_not() -> None:
    assert planned("floats (3.9)").python == "3.9"
    assert planned("floats (3.1)").python is None
    assert "may be 3.10" in planned("floats (3.1)").evidence[-1]


def test_a_container_has_its_own_python() -> None:
    assert planned("boxed").python == "3.9"


def test_expressions_are_not_evaluated() -> None:
    place = planned("computed")
    assert (place.os_family, place.python) == (None, None)


def test_an_entry_of_include_that_changes_an_axis_is_a_cell_of_its_own() -> None:
    text = 'jobs: {t: {strategy: {matrix: {py: ["3.8"], include: [{py: "3.13", os: windows-2022}]}}}}'
    assert [(job.name, job.python) for job in planned_jobs(text)] == [
        ("t (3.8)", "3.8"),
        ("t (3.13, windows-2022)", "3.13"),
    ]


def test_jobs_of_one_name_are_believed_where_they_agree() -> None:
    text = "jobs: {t: {name: same, runs-on: macos-14, strategy: {matrix: {py: ['3.8', '3.9']}}}}"
    place = where(a_job("same"), None, text)
    assert (place.os_label, place.python) == ("macos-14", None)


@pytest.mark.parametrize(
    "text",
    [
        "", "jobs", "jobs: []", "jobs: {a: 1}", "jobs: {a: {strategy: 3}}", "jobs: {a: {steps: 3, runs-on: {}}}",
        "jobs: {a: {strategy: {matrix: {x: [[1]], include: 3}}}}", "jobs: {a: {strategy: {matrix: {include: [1, {x: {}}]}}}}",
        "[" * 5000, "jobs: &a {b: *a}", "!!python/object/apply:os.system [ls]", "\0", "jobs: {a: {container: [1]}}",
        "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d]",
    ],
)  # fmt: skip
def test_a_workflow_file_that_makes_no_sense_tells_nothing(text: str) -> None:
    assert where(a_job("a"), None, text).python is None


def test_a_matrix_without_end_is_cut_off() -> None:
    axis = "[" + ",".join(str(n) for n in range(100)) + "]"
    axes = ", ".join(f"a{n}: {axis}" for n in range(6))
    assert len(planned_jobs(f"jobs: {{t: {{strategy: {{matrix: {{{axes}}}}}}}}}")) == 256


@given(st.text(max_size=80))
def test_no_name_crashes_and_every_python_has_a_minor(name: str) -> None:
    place = named(name)
    assert (place.python is None) == (place.minor is None)
    assert place.evidence


PIECES = st.sampled_from(
    ["py", "python", "3", ".", "1", "11", " ", "-", "(", ")", "ubuntu-", "latest", "and", "t", "/", "v"]
)


@given(st.lists(PIECES, max_size=20))
def test_no_mixture_of_its_words_crashes_or_yields_3_1(pieces: list[str]) -> None:
    assert named("".join(pieces)).minor != "3.1"


@given(st.text(alphabet="jobs: {}[]\n-matrixpy'3.1&*!", max_size=100))
def test_no_workflow_file_crashes(text: str) -> None:
    assert isinstance(planned_jobs("jobs:\n" + text), list)
