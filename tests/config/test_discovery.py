from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.config.discovery import Discovery, discover, write_files
from argos.config.project import load_project, problems_in_project
from argos.config.rules import load_rules
from argos.errors import ArgosError
from builders import write

TEST = "def test_a(): pass\n"


def tree(root: Path, *files: str, **contents: str) -> Discovery:
    """What is discovered in a project of these files; tests have a test in them, all else is empty."""
    texts = {name: TEST if "test" in name.rpartition("/")[2] else "" for name in files}
    return discover(write(root, {**texts, **contents}))


def roots(found: Discovery) -> dict[str, tuple[str, ...]]:
    return {root.path: root.patterns for root in found.roots}


def default(folder: str) -> tuple[str, ...]:
    return (f"{folder}/**/test_*.py", f"{folder}/**/*_test.py")


def test_a_folder_called_tests_is_the_root(tmp_path: Path) -> None:
    found = tree(tmp_path, "shop/__init__.py", "tests/unit/test_a.py", "tests/b_test.py", "tests/conftest.py")
    assert roots(found) == {"tests": default("tests")}
    assert found.roots[0].rootdir == "."
    assert found.test_files == ("tests/b_test.py", "tests/unit/test_a.py")
    assert found.packages == ("shop",)
    assert found.notes == ()


def test_testpaths_decide_when_the_project_has_them(tmp_path: Path) -> None:
    ini = "[pytest]\ntestpaths =\n    checks\n    src/*/tests\npython_files = check_*.py test_*.py\n"
    found = tree(
        tmp_path,
        "checks/check_a.py",
        "src/a/tests/test_a.py",
        "src/b/tests/test_b.py",
        "examples/tests/test_c.py",
        **{"pytest.ini": ini},
    )
    assert list(roots(found)) == ["checks", "src/a/tests", "src/b/tests"]
    assert roots(found)["checks"] == ("checks/**/check_*.py", "checks/**/test_*.py")
    assert found.notes == ("Left out, since they lie outside the test roots: examples/tests/test_c.py.",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["checks"]\n'),
        ("pyproject.toml", '[tool.pytest]\ntestpaths = ["checks"]\n'),
        ("pytest.toml", '[pytest]\ntestpaths = ["checks"]\n'),
        (".pytest.ini", "[pytest]\ntestpaths = checks\n"),
        ("tox.ini", "[tox]\nx = 1\n[pytest]\ntestpaths = checks\n"),
        ("setup.cfg", "[metadata]\nname = x\n[tool:pytest]\ntestpaths = checks\n"),
    ],
)
def test_testpaths_are_read_from_every_file_that_pytest_reads(tmp_path: Path, name: str, text: str) -> None:
    assert list(roots(tree(tmp_path, "checks/test_a.py", "tests/test_b.py", **{name: text}))) == ["checks"]


def test_testpaths_that_name_a_file_make_a_root_of_that_file(tmp_path: Path) -> None:
    found = tree(
        tmp_path, "all/test_a.py", "all/test_b.py", **{"pytest.ini": "[pytest]\ntestpaths = all/test_a.py\n"}
    )
    assert roots(found) == {"all": ("all/test_a.py",)}


def test_testpaths_that_name_nothing_are_passed_over(tmp_path: Path) -> None:
    found = tree(tmp_path, "tests/test_a.py", **{"pytest.ini": "[pytest]\ntestpaths = gone\n"})
    assert list(roots(found)) == ["tests"]


MONOREPO = [
    f"{part}/tests/{file}"
    for part in ("anvil", "forge", "scout")
    for file in ("conftest.py", "test_models.py")
]


def test_folders_with_their_own_configuration_are_roots_of_their_own(tmp_path: Path) -> None:
    found = tree(tmp_path, *MONOREPO, *(f"{part}/tests/pytest.ini" for part in ("anvil", "forge", "scout")))
    assert [(root.path, root.rootdir) for root in found.roots] == [
        (folder, folder) for folder in ("anvil/tests", "forge/tests", "scout/tests")
    ]


def test_a_configuration_above_the_tests_is_their_rootdir(tmp_path: Path) -> None:
    found = tree(
        tmp_path, *MONOREPO, **{"forge/pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n"}
    )
    assert {root.path: root.rootdir for root in found.roots} == {
        "anvil/tests": ".",
        "forge/tests": "forge",
        "scout/tests": ".",
    }


def test_equally_named_modules_without_packages_are_kept_apart(tmp_path: Path) -> None:
    assert list(roots(tree(tmp_path, *MONOREPO))) == ["anvil/tests", "forge/tests", "scout/tests"]


def test_equally_named_modules_in_packages_run_together_as_pytest_would(tmp_path: Path) -> None:
    packages = ["", "/a", "/a/tests", "/b", "/b/tests"]
    found = tree(
        tmp_path,
        "src/p/a/tests/test_m.py",
        "src/p/b/tests/test_m.py",
        *(f"src/p{p}/__init__.py" for p in packages),
    )
    assert roots(found) == {"src/p": default("src/p")}


def test_equally_named_modules_run_together_with_importlib(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        "a/tests/test_m.py",
        "b/tests/test_m.py",
        **{"pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n"},
    )
    assert roots(found) == {".": ("**/test_*.py", "**/*_test.py")}


def test_folders_that_run_together_leave_stray_files_between_them_out(tmp_path: Path) -> None:
    found = tree(tmp_path, "a/tests/test_a.py", "b/tests/test_b.py", "scripts/test_c.py")
    assert roots(found) == {".": (*default("a/tests"), *default("b/tests"))}
    assert found.test_files == ("a/tests/test_a.py", "b/tests/test_b.py")


def test_tests_inside_a_package_are_found(tmp_path: Path) -> None:
    found = tree(tmp_path, "src/shop/__init__.py", "src/shop/tests/__init__.py", "src/shop/tests/test_a.py")
    assert list(roots(found)) == ["src/shop/tests"]
    assert found.packages == ("src/shop",)


def test_tests_beside_setup_py_are_a_root_of_these_files_only(tmp_path: Path) -> None:
    found = tree(tmp_path, "setup.py", "shop.py", "test_a.py", "scripts/test_connection.py")
    assert roots(found) == {".": ("test_*.py",)}
    assert found.test_files == ("test_a.py",)


def test_stray_scripts_beside_a_real_root_are_left_out_and_named(tmp_path: Path) -> None:
    found = tree(
        tmp_path, "tests/test_a.py", "scripts/test_b.py", "test_c.py", "tools/x/test_d.py", "y/test_e.py"
    )
    assert list(roots(found)) == ["tests"]
    assert found.notes == (
        "Left out, since they lie outside the test roots: test_c.py, scripts/test_b.py, tools/x/test_d.py and 1 more.",
    )


def test_tests_beside_the_code_are_found_where_there_is_nothing_else(tmp_path: Path) -> None:
    assert list(roots(tree(tmp_path, "src/shop/__init__.py", "src/shop/test_a.py"))) == ["src/shop"]


def test_a_folder_of_tests_may_hold_a_root_of_its_own(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        "tests/test_a.py",
        "tests/slow/test_b.py",
        "tests/slow/pytest.ini",
        "tests/data/p/pytest.ini",
        "tests/data/p/test_x.py",
    )
    assert [(root.path, root.nested) for root in found.roots] == [
        ("tests", ("tests/slow",)),
        ("tests/slow", ()),
    ]


def test_examples_are_no_roots_unless_they_are_all_there_is(tmp_path: Path) -> None:
    assert list(roots(tree(tmp_path / "a", "tests/test_a.py", "examples/p/tests/test_b.py"))) == ["tests"]
    assert list(roots(tree(tmp_path / "b", "examples/p/tests/test_b.py"))) == ["examples/p/tests"]


def test_environments_and_build_folders_are_not_searched(tmp_path: Path) -> None:
    strange = [
        ".tox/tests/test_a.py",
        "build/tests/test_a.py",
        "my env/lib/tests/test_a.py",
        "my env/pyvenv.cfg",
    ]
    strange += ["node_modules/x/tests/test_a.py", "x.egg-info/tests/test_a.py", "legacy/tests/test_a.py"]
    found = tree(
        tmp_path, *strange, "tests/test_b.py", **{"setup.cfg": "[tool:pytest]\nnorecursedirs = leg*\n"}
    )
    assert list(roots(found)) == ["tests"]
    assert found.notes == ()


def test_doctests_in_modules_belong_when_the_project_runs_them(tmp_path: Path) -> None:
    ini = "[pytest]\ntestpaths = shop\naddopts = --doctest-modules\n"
    assert (
        "shop/**/*.py" in roots(tree(tmp_path, "shop/a.py", "shop/test_a.py", **{"pytest.ini": ini}))["shop"]
    )


def test_a_project_without_tests_says_so(tmp_path: Path) -> None:
    found = tree(tmp_path, "shop/__init__.py", "shop/contest.py")
    assert (found.roots, found.test_files) == ((), ())
    assert found.notes[0].startswith("No test files were found.")


@pytest.mark.parametrize("text", ["[tool.pytest", "[project]\nname = 5\n", "\x00", "name: x"])
def test_a_broken_project_file_is_left_to_pytest(tmp_path: Path, text: str) -> None:
    found = tree(
        tmp_path / "shop",
        "tests/test_a.py",
        **{"pyproject.toml": text, "setup.cfg": text, "pytest.ini": text},
    )
    assert (found.name, list(roots(found))) == ("shop", ["tests"])


def test_the_project_is_called_what_its_metadata_call_it(tmp_path: Path) -> None:
    assert tree(tmp_path / "x", **{"pyproject.toml": '[project]\nname = "shop"\n'}).name == "shop"
    assert tree(tmp_path / "y", **{"setup.cfg": "[metadata]\nname = shop\n"}).name == "shop"
    assert tree(tmp_path / "z").name == "z"


def test_nothing_of_the_project_is_run(tmp_path: Path) -> None:
    bomb = "raise SystemExit('run')"
    tree(tmp_path, **dict.fromkeys(["setup.py", "conftest.py", "tests/conftest.py", "tests/test_a.py"], bomb))


LAYOUTS = [
    ["tests/test_a.py", "shop/__init__.py"],
    MONOREPO,
    ["test_a.py", "setup.py"],
    ["a/tests/test_a.py", "b/tests/test_b.py", "scripts/test_c.py"],
    ["tests/test_a.py", "tests/slow/test_b.py", "tests/slow/pytest.ini"],
    ["ünï cödé/tests/test_ä ö.py", 'we"ird/tests/test_b.py', "wei'rd/tests/test_c.py"],
    ["README.md"],
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file names.")
@pytest.mark.parametrize("files", LAYOUTS)
def test_the_written_files_have_no_mistakes_and_say_what_was_found(tmp_path: Path, files: list[str]) -> None:
    found = tree(tmp_path, *files)
    assert [new for _, new in write_files(tmp_path, found)] == [True, True]
    rules = load_rules(tmp_path)
    assert rules.problems == []
    assert problems_in_project(tmp_path) == []
    assert list(rules.rules)[:5] == [
        "baseline-all-tests",
        "quick-check",
        "commit-check",
        "rerun-failures",
        "focus-flaky",
    ]
    project = load_project(tmp_path)
    assert (project.name, project.roots) == (found.name, found.roots)


def test_the_commented_keys_are_right_once_they_are_uncommented(tmp_path: Path) -> None:
    write_files(tmp_path, tree(tmp_path, "tests/test_a.py", "shop/__init__.py"))
    for name, words in ((".anvil/config.yaml", 9), (".lens/rules.yaml", 4)):
        lines = (tmp_path / name).read_text(encoding="utf-8").split("\n")
        shown = [line for line in lines if _is_commented_key(line)]
        assert len(shown) >= words
        text = "\n".join(line.replace("# ", "", 1) if line in shown else line for line in lines)
        (tmp_path / name).write_text(text.replace("extends: ../shared/rules.yaml\n", ""), encoding="utf-8")
    assert problems_in_project(tmp_path) == []
    assert load_rules(tmp_path).problems == []
    assert load_project(tmp_path).timeout_s == 300


def _is_commented_key(line: str) -> bool:
    return (
        re.match(r"\s*# (\s*- |\s*[a-z_]+:( [^ ]+$| \[|$)|  description: )", line) is not None
        and "/ all:" not in line
    )


@pytest.mark.parametrize("git", [True, False])
def test_changed_files_are_asked_for_only_inside_a_repository(tmp_path: Path, git: bool) -> None:
    if git:
        (tmp_path / ".git").mkdir()
    write_files(tmp_path, tree(tmp_path / "part", "tests/test_a.py"))
    rule = load_rules(tmp_path).get("commit-check")
    assert [part.name for part in rule.criterion.parts][2:] == (["group"] if git else [])


def test_files_that_exist_are_left_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    written = write_files(tmp_path, tree(tmp_path, "tests/test_a.py"))
    assert written == [(tmp_path / ".anvil/config.yaml", False), (tmp_path / ".lens/rules.yaml", True)]
    assert (tmp_path / ".anvil/config.yaml").read_text(encoding="utf-8") == "version: 1.0\n"
    assert [path.name for path in (tmp_path / ".lens").iterdir()] == ["rules.yaml"]


def test_a_file_in_the_way_is_a_refusal(tmp_path: Path) -> None:
    write(tmp_path, {".anvil": "not a folder"})
    with pytest.raises(ArgosError, match="cannot be written"):
        write_files(tmp_path, tree(tmp_path, "tests/test_a.py"))


folders = st.lists(st.sampled_from(["tests", "src", "a", "b", "data", "unit"]), max_size=3).map("/".join)
files = st.tuples(
    folders, st.sampled_from(["test_a.py", "test_b.py", "c_test.py", "__init__.py", "pytest.ini", "x.py"])
)


@given(st.lists(files, max_size=8))
def test_any_tree_is_discovered_and_every_test_of_a_root_lies_in_it(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]]
) -> None:
    found = tree(tmp_path_factory.mktemp("p"), *(f"{folder}/{name}".lstrip("/") for folder, name in names))
    paths = [root.path for root in found.roots]
    assert len(paths) == len(set(paths))
    assert all(any(p == "." or file.startswith(f"{p}/") for p in paths) for file in found.test_files)
    assert bool(found.test_files) == any("test" in name and name.endswith(".py") for _, name in names)


@pytest.mark.skipif(sys.platform == "win32", reason="Uses permissions as POSIX has them.")
def test_a_folder_that_may_not_be_entered_is_not_searched() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        root = write(
            Path(name), {"tests/test_a.py": "", "pgdata/tests/test_b.py": "", "pgdata/pytest.ini": ""}
        )
        root.chmod(0o755)
        (root / "pgdata").chmod(0o600)
        with as_an_ordinary_user():
            found = discover(root)
        (root / "pgdata").chmod(0o700)
    assert [test_root.path for test_root in found.roots] == ["tests"]


@contextlib.contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """For root no folder is closed: the user `nobody` meanwhile."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
