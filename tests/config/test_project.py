from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from argos.config.project import (
    Home,
    ProjectConfig,
    find_project_root,
    load_project,
    problems_in_project,
    resolve_interpreter,
    with_rule_options,
)
from argos.errors import ArgosError
from builders import write

PLAN = """
version: 1.0
project:
  name: argos
  root: .
  language: python

validators:
  pytest:
    enabled: true
    discovery:
      patterns:
        - "forge/tests/test_*.py"
        - "anvil/tests/test_*.py"
    options:
      verbose: true
      capture: no
      timeout: 300
    coverage:
      enabled: true
      options:
        source: [forge, anvil]
        omit:
          - "*/tests/*"
        fail_under: 90
        report: [term, html, xml]

  flake8:
    enabled: true
    discovery:
      patterns: ["forge/**/*.py"]
      exclude: ["*/tests/*"]
    options:
      max_line_length: 100
      max_complexity: 10
      ignore: [E203, W503]
      per_file_ignores:
        "__init__.py": F401

  black:
    enabled: true
    options:
      check: true
      line_length: 100

  isort:
    enabled: true
    options:
      check_only: true
      profile: black
"""

posix_only = pytest.mark.skipif(
    sys.platform == "win32", reason="Uses links and permissions as POSIX has them."
)


def configured(root: Path, text: str, *files: str) -> Path:
    return write(root, {".anvil/config.yaml": text, **dict.fromkeys(files, "")})


def mistakes(root: Path, text: str) -> list[str]:
    configured(root, text)
    return [str(problem).removeprefix(".anvil/config.yaml:") for problem in problems_in_project(root)]


def pytest_section(text: str) -> str:
    return "validators:\n  pytest:\n    " + text


def test_the_plan_s_own_configuration_has_no_mistakes(tmp_path: Path) -> None:
    project = load_project(configured(tmp_path, PLAN, "forge/tests/test_a.py", "anvil/tests/test_a.py"))
    assert (project.name, project.root, project.timeout_s) == ("argos", tmp_path, 300)
    assert project.pytest_args == ("-v", "--capture=no")
    assert [(root.path, root.patterns) for root in project.roots] == [
        ("forge/tests", ("forge/tests/test_*.py",)),
        ("anvil/tests", ("anvil/tests/test_*.py",)),
    ]
    flake8 = project.validators.flake8
    assert flake8 is not None
    assert flake8.options is not None
    assert flake8.options.per_file_ignores == {"__init__.py": ["F401"]}


@pytest.mark.parametrize("text", ["", "version: 1.0", "version: 1", "validators:\n  pytest:\n"])
def test_what_the_file_leaves_open_is_discovered(tmp_path: Path, text: str) -> None:
    project = load_project(configured(tmp_path, text, "tests/test_a.py"))
    assert [root.path for root in project.roots] == ["tests"]
    assert project.source == tmp_path / ".anvil/config.yaml"


def test_without_a_file_everything_is_discovered(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, {"tests/test_a.py": ""}))
    assert ([root.path for root in project.roots], project.source, project.name) == (
        ["tests"],
        None,
        tmp_path.name,
    )


def test_roots_get_the_patterns_that_lie_in_them(tmp_path: Path) -> None:
    text = pytest_section(
        "roots: [a/tests, a/tests/deep, ./b/]\n    discovery: {patterns: [a/tests/deep/**/t_*.py, a/tests/test_*.py]}"
    )
    project = load_project(configured(tmp_path, text, "a/tests/deep/t_a.py", "a/pytest.ini", "b/test_b.py"))
    assert [(r.path, r.rootdir, r.patterns, r.nested) for r in project.roots] == [
        ("a/tests", "a", ("a/tests/test_*.py",), ("a/tests/deep",)),
        ("a/tests/deep", "a", ("a/tests/deep/**/t_*.py",), ()),
        ("b", ".", ("b/**/test_*.py", "b/**/*_test.py"), ()),
    ]


@pytest.mark.parametrize(
    ("patterns", "folders"),
    [
        ("[test_*.py]", ["."]),
        ("[tests/test_*.py, tests/unit/test_*.py]", ["tests"]),
        ("['*/tests/test_*.py']", ["a/tests", "b/tests"]),
        ("['**/test_*.py']", ["."]),
        ("[gone/test_*.py]", []),
    ],
)
def test_patterns_alone_tell_the_roots(tmp_path: Path, patterns: str, folders: list[str]) -> None:
    text = pytest_section(f"discovery: {{patterns: {patterns}}}")
    files = ["tests/unit/test_a.py", "a/tests/test_a.py", "b/tests/test_a.py"]
    assert [root.path for root in load_project(configured(tmp_path, text, *files)).roots] == folders


def test_excluded_files_become_absolute_globs_for_pytest(tmp_path: Path) -> None:
    text = pytest_section("discovery: {exclude: ['tests/**/slow_*.py', tests/manual]}")
    assert load_project(configured(tmp_path, text)).pytest_args == tuple(
        f"--ignore-glob={tmp_path}{os.sep}{glob}"
        for glob in ("tests/**/slow_*.py", "tests/slow_*.py", "tests/manual")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 2.0", '1:10: "version" must be 1.0, the only version that this Argos knows, not 2.0.'),
        ("verison: 1.0", '1:1: Unknown key "verison". Did you mean "version"?'),
        ("project: x", '1:10: "project" must hold keys, not "x".'),
        ("project: {language: rust}", '1:21: "language" must be python, not "rust".'),
        ("project: {name: 2024-01-01}", '1:17: "name" must be text, not the date 2024-01-01. Put it in quotes.'),
        ("project: {name: 5}", '1:17: "name" must be text, not the number 5. Put it in quotes.'),
        ("python: ''", '1:9: "python" must not be empty.'),
        ("database: mydb", '1:11: "database" must be a URL such as postgresql://host/name or sqlite:///folder/file.db.'),
        ("database: 'mysql://user:secret@host/x'", '1:11: "database" must begin with postgresql:// or sqlite:///, not with mysql://.'),
        ("database: 'sqlite://'", '1:11: "database" must name a file, as sqlite:///folder/file.db does.'),
        ("validators: {pytets: {}}", '1:14: Unknown key "pytets". Did you mean "pytest"?'),
        ("validators: {black: {options: {line_lenght: 5}}}", '1:32: Unknown key "line_lenght". Did you mean "line_length"?'),
        (pytest_section("options: {capture: maybe}"), '3:24: "capture" must be no, fd, sys or tee-sys, not "maybe".'),
        (pytest_section("options: {capture: true}"), '3:24: "capture" must be no, fd, sys or tee-sys, not true.'),
        (pytest_section("options: {timeout: 0}"), '3:24: "timeout" must be more than 0 seconds.'),
        (pytest_section("options: {timeout: yes}"), '3:24: "timeout" must be a single value such as 15 or 90s.'),
        (pytest_section("options: {verbose: 1}"), '3:24: "verbose" must be true or false, not the number 1.'),
        (pytest_section("options: {args: -x}"), '3:21: "args" must be a list, not "-x".'),
        (pytest_section("roots: tests"), '3:12: "roots" must be a list, not "tests".'),
        (pytest_section("roots: [/tests]"), "3:13: Write paths relative to the project's root."),
        (pytest_section("roots: [../tests]"), "3:13: This path leads out of the project."),
        (pytest_section("roots: ['a\\b']"), '3:13: Write "/" between folders, on Windows as well.'),
        (pytest_section("roots: [.anvil]\n    discovery: {patterns: [x/test_*.py]}"),
         "4:28: This pattern lies in none of the roots above. Add its folder to `roots`."),
        (pytest_section("discovery: {patern: []}"), '3:17: Unknown key "patern". Did you mean "patterns"?'),
        (pytest_section("coverage: {options: {fail_under: high}}"), '3:38: "fail_under" must be a number, not "high".'),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_a_plain_sentence(tmp_path: Path, text: str, expected: str) -> None:
    assert mistakes(tmp_path, text) == [expected]


def test_a_folder_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, pytest_section("roots: [tsts]")) == [
        f"3:13: There is no folder tsts in {tmp_path}."
    ]
    assert mistakes(tmp_path, "project: {root: gone}") == [
        f'1:17: "root" names no folder: {tmp_path / "gone"}.'
    ]


def test_the_refusal_names_every_mistake(tmp_path: Path) -> None:
    configured(tmp_path, "version: 3\npython: 5\nx: 1\n")
    with pytest.raises(ArgosError) as refused:
        load_project(tmp_path)
    assert str(refused.value).split("\n") == [
        '.anvil/config.yaml:1:10: "version" must be 1.0, the only version that this Argos knows, not 3.',
        '.anvil/config.yaml:2:9: "python" must be text, not the number 5. Put it in quotes.',
        '.anvil/config.yaml:3:1: Unknown key "x". Known here: version, project, python, database, validators.',
        "Correct them; `anvil rules check` shows what is left.",
    ]


def test_a_password_in_a_wrong_database_address_is_not_shown(tmp_path: Path) -> None:
    assert "secret" not in "".join(mistakes(tmp_path, "database: 'user:secret@host'"))


def test_a_root_is_relative_to_the_configuration(tmp_path: Path) -> None:
    configured(tmp_path, "project: {root: code}", "code/tests/test_a.py")
    project = load_project(tmp_path)
    assert [root.path for root in project.roots] == ["tests"]
    assert project.root == tmp_path / "code"


@pytest.mark.parametrize("written", ["../..", "code/../../other", "/", "~"])
def test_a_root_outside_the_folder_is_a_mistake(tmp_path: Path, written: str) -> None:
    (mistake,) = mistakes(tmp_path, f"project: {{root: {written if written != '~' else repr('~')}}}")
    assert mistake.startswith("1:17: ")


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = pytest_section(
        "options: {verbose: 1, timeout: soon}\n    roots: [gone, ../x, tests]\n"
        "    discovery: {patterns: [/abs], exclude: ['a\\b']}\ndatabase: mysql://user:secret@host/x\n"
    )
    write(tmp_path, {"tests/test_a.py": ""})
    assert [line.split(": ")[0] for line in mistakes(tmp_path, text)] == [
        "3:24", "3:36", "4:13", "4:19", "5:28", "5:45", "6:11",
    ]  # fmt: skip


def test_a_pattern_outside_the_roots_is_told_beside_one_that_is_wrong(tmp_path: Path) -> None:
    text = pytest_section("roots: [tests]\n    discovery: {patterns: [/abs, other/test_*.py]}")
    write(tmp_path, {"tests/test_a.py": ""})
    assert [line.split(": ")[0] for line in mistakes(tmp_path, text)] == ["4:28", "4:34"]


def test_the_options_of_a_rules_executor_are_added_and_its_time_limit_holds(tmp_path: Path) -> None:
    config = load_project(tmp_path)
    changed = with_rule_options(config, {"verbose": True, "capture": False, "args": ["-x"], "timeout": "5m"})
    assert changed.pytest_args == (*config.pytest_args, "-v", "--capture=no", "-x")
    assert changed.timeout_s == 300
    assert with_rule_options(config, {}) == config


@pytest.mark.parametrize("marker", [".anvil", ".lens", ".git"])
def test_the_project_root_is_the_nearest_folder_with_a_marker(tmp_path: Path, marker: str) -> None:
    (tmp_path / "p" / marker).mkdir(parents=True)
    (tmp_path / "p/a/b").mkdir(parents=True)
    assert find_project_root(tmp_path / "p/a/b") == tmp_path / "p"


def an_environment(folder: Path) -> Path:
    """A folder like a virtual environment, whose Python is a link to the one that runs this."""
    python = folder / "bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (folder / "pyvenv.cfg").touch()
    return python


@posix_only
def test_the_interpreter_is_the_configured_one_then_the_active_then_the_projects_then_paths(
    tmp_path: Path,
) -> None:
    own, active = an_environment(tmp_path / ".venv"), an_environment(tmp_path / "active")
    other = an_environment(tmp_path / "my python")
    environ = {"VIRTUAL_ENV": str(tmp_path / "active"), "PATH": str(Path(sys.executable).parent)}

    def found(python: str | None, environ: dict[str, str]) -> tuple[Path, str]:
        interpreter = resolve_interpreter(ProjectConfig(tmp_path, "x", python=python), environ)
        return interpreter.path, interpreter.origin

    configured_here = "python: in .anvil/config.yaml"
    assert found("my python/bin/python", environ) == (other, configured_here)
    assert found("my python", environ) == (other, configured_here)
    assert found("python3", environ)[1] == configured_here
    assert found(None, environ) == (active, "VIRTUAL_ENV")
    assert found(None, {}) == (own, ".venv")
    (tmp_path / ".venv/pyvenv.cfg").unlink()
    path, origin = found(None, {"PATH": environ["PATH"]})
    assert (path.parent, origin) == (Path(sys.executable).parent, "python3 on PATH")


@posix_only
def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = an_environment(tmp_path / "home/env")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = ProjectConfig(tmp_path, "x", python="~/env/bin/python")
    assert resolve_interpreter(config, {}).path == python


@pytest.mark.parametrize(
    ("python", "environ", "message"),
    [
        ("gone/python", {}, "does not exist"),
        ("pythonX.Y", {"PATH": ""}, "pythonX.Y, looked for on PATH"),
        ("file", {"PATH": ""}, "cannot be executed"),
        ("folder", {}, "has no Python that can be executed"),
        (None, {"VIRTUAL_ENV": "/gone/env"}, r"\(VIRTUAL_ENV\) has no Python"),
        (None, {"PATH": ""}, "was found on PATH"),
    ],
)
def test_an_interpreter_that_cannot_run_is_a_refusal_with_a_next_step(
    tmp_path: Path, python: str | None, environ: dict[str, str], message: str
) -> None:
    write(tmp_path, {"file": "", "folder/x": ""})
    with pytest.raises(ArgosError, match=message) as refused:
        resolve_interpreter(ProjectConfig(tmp_path, "x", python=python), environ)
    assert refused.value.next_step


def test_a_broken_environment_in_the_project_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {".venv/pyvenv.cfg": ""})
    with pytest.raises(ArgosError, match="Make it anew"):
        resolve_interpreter(ProjectConfig(tmp_path, "x"), dict(os.environ, VIRTUAL_ENV=""))


@posix_only
def test_the_environment_of_argos_itself_is_not_taken_for_the_projects(tmp_path: Path) -> None:
    argos, other = an_environment(tmp_path / "argos"), an_environment(tmp_path / "other")
    python3 = other.with_name("python3")
    for python in (argos, other):
        python.with_name("python3").symlink_to(sys.executable)
    environ = {"VIRTUAL_ENV": str(tmp_path / "argos"), "PATH": f"{argos.parent}{os.pathsep}{other.parent}"}
    project = ProjectConfig(tmp_path / "shop", "shop")

    def found(has_pytest: bool, environ: dict[str, str]) -> Path:
        return resolve_interpreter(project, environ, Home(tmp_path / "argos", has_pytest)).path

    assert found(False, environ) == python3
    assert found(True, environ) == argos
    alone = {**environ, "PATH": str(argos.parent)}
    with pytest.raises(ArgosError, match="that of Argos itself") as refused:
        found(False, alone)
    assert "`python:`" in str(refused.value.next_step)
    own = an_environment(tmp_path / "shop/.venv")
    assert found(True, environ) == own
    assert (
        resolve_interpreter(project, {"VIRTUAL_ENV": str(own.parents[1])}, Home(own.parents[1], False)).path
        == own
    )
