from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from argos import __version__
from argos.lens.cli import chosen_format
from argos.lens.cli import lens as group
from argos.model.execution import Counts, ExecutionStatus
from argos.store import executions
from argos.store.database import open_database
from builders import NOON, a_result, an_execution, lens


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one execution of two tests, of which one failed."""
    (tmp_path / ".anvil").mkdir()
    results = [a_result("tests/a.py::good"), a_result("tests/a.py::bad", "failed", message="no")]
    database = open_database(tmp_path)
    with database.write() as connection:
        executions.start(connection, an_execution("e1", counts=Counts.of(results)))
        executions.record(connection, "e1", results)
    database.close()
    return tmp_path


def test_every_help_page_has_an_example(project):
    for command in ((), ("report",), ("report", "tests")):
        assert "Example" in CliRunner().invoke(group, [*command, "--help"]).output, command


def test_the_html_report_is_written_to_the_output(project, tmp_path):
    file = tmp_path / "out.html"
    done = lens(
        "report",
        "tests",
        "--space",
        "local",
        "--window",
        "30",
        "--format",
        "html",
        "--output",
        file,
        project=project,
    )
    assert done.code == 0
    assert done.out == ""
    assert str(file) in done.err
    assert "1 test is broken; 1 passes." in file.read_text(encoding="utf-8")


def test_without_an_output_html_goes_to_the_projects_argos_folder_and_says_so(project):
    done = lens("report", "tests", project=project)
    file = project / ".argos" / "reports" / "tests.html"
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert str(file) in done.err


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_json_goes_to_standard_output_and_nothing_else_does(project, option):
    done = lens("report", "tests", *option, project=project)
    assert done.json["sentence"] == "1 test is broken; 1 passes."
    assert done.err == ""


def test_markdown_goes_to_standard_output(project):
    assert lens("report", "tests", "--format", "md", project=project).out.startswith(
        "# 1 test is broken; 1 passes."
    )


def test_the_outputs_ending_chooses_the_format(project, tmp_path):
    lens("report", "tests", "--output", tmp_path / "r.json", project=project)
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["report"] == "tests"


@pytest.mark.parametrize(
    ("form", "output", "as_json", "chosen"),
    [
        (None, None, False, "html"),
        (None, Path("r.MD"), False, "md"),
        (None, Path("r.txt"), False, "html"),
        ("md", Path("r.json"), False, "md"),
        (None, Path("r.md"), True, "json"),
    ],
)
def test_an_option_is_stronger_than_an_ending(form, output, as_json, chosen):
    assert chosen_format(form, output, as_json) == chosen


def test_contradicting_formats_are_refused(project):
    done = lens("report", "tests", "--json", "--format", "md", project=project)
    assert done.code == 2
    assert "contradict" in done.err


def test_a_dash_is_standard_output(project):
    assert lens("report", "tests", "--format", "html", "--output", "-", project=project).out.startswith(
        "<!doctype html>"
    )


def test_the_folder_of_the_output_is_made(project, tmp_path):
    file = tmp_path / ".lens" / "results" / "r.html"
    assert lens("report", "tests", "--output", file, project=project).code == 0
    assert file.exists()


def test_an_output_below_a_file_is_refused(project, tmp_path):
    (tmp_path / "taken").write_text("in the way")
    done = lens("report", "tests", "--output", tmp_path / "taken" / "r.html", project=project)
    assert done.code == 2
    assert "could not be written" in done.err
    assert "taken" in done.err


def test_a_reports_folder_that_cannot_be_made_is_refused(project):
    (project / ".argos" / "reports").write_text("in the way")
    done = lens("report", "tests", project=project)
    assert done.code == 2
    assert "could not be written" in done.err


def test_a_refused_write_leaves_nothing_behind(project, tmp_path):
    folder = tmp_path / "taken.html"
    (folder / "inside").mkdir(parents=True)
    before = sorted(tmp_path.iterdir())
    done = lens("report", "tests", "--output", folder, project=project)
    assert done.code == 2
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits.")
def test_the_report_can_be_read_by_others_as_any_new_file(project, tmp_path):
    (tmp_path / "plain").touch()
    lens("report", "tests", "--output", tmp_path / "r.html", project=project)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "r.html")}
    assert len(modes) == 1


@pytest.mark.parametrize("window", ["0", "101", "many"])
def test_a_window_beyond_what_is_kept_is_refused(project, window):
    done = lens("report", "tests", "--window", window, project=project)
    assert done.code == 2
    assert "--window" in done.err


def test_an_empty_project_gets_a_report_that_names_the_command(tmp_path):
    done = lens("report", "tests", "--format", "md", project=tmp_path)
    assert done.code == 0
    assert "anvil execute --rule all" in done.out


def test_a_space_without_results_names_the_others(project):
    done = lens("report", "tests", "--space", "ci", "--json", project=project)
    assert done.json["other_spaces"] == {"local": 2}


def test_a_running_execution_is_no_obstacle(project):
    database = open_database(project)
    with database.write() as connection:
        executions.start(connection, an_execution("e2", started_at=NOON, status=ExecutionStatus.RUNNING))
    database.close()
    assert lens("report", "tests", "--json", project=project).json["newest"] == "e1"


def test_the_version_is_printed():
    assert CliRunner().invoke(group, ["--version"]).output == f"lens {__version__}\n"


@pytest.mark.parametrize("command", [[], ["report"], ["report", "tests"]])
def test_every_command_has_help(command):
    done = CliRunner().invoke(group, [*command, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output
