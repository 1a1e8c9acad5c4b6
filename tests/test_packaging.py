"""The wheel: what is in it, and that it works far away from this repository."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import argos

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "argos"
# Parts of a dependency's own interface that its authors ship as a distribution of their own.
COMES_WITH = {"pydantic-core": "pydantic", "markupsafe": "jinja2"}
LEFT_OUT = ("ARGOS_DATABASE_URL", "CHANGED_FILES", "PYTHONPATH", "VIRTUAL_ENV")
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


def run(*argv: object, cwd: Path, **environment: str) -> str:
    """Runs a program with a plain environment, as on a machine that knows nothing of this repository."""
    plain = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env={**plain, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=REPOSITORY)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands in a fresh virtual environment that holds the wheel.

    The dependencies are lent by the environment of the tests: a path file adds its packages, but not
    its path files, so that the editable installation of this repository stays out.
    """
    home = tmp_path_factory.mktemp("far away") / "tools"
    run(sys.executable, "-m", "venv", home, cwd=home.parent)
    python = home / SCRIPTS / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=home.parent)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home.parent)
    lent = "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (Path(packages.strip()) / "lent.pth").write_text(lent, encoding="utf-8")
    return home / SCRIPTS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project" / "tests"
    folder.mkdir(parents=True)
    (folder / "test_sums.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n", encoding="utf-8")
    return folder.parent


def test_the_wheel_holds_everything_that_is_not_code(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    beside = {
        path.relative_to(SOURCE.parent).as_posix()
        for path in SOURCE.rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".pyo") and path.name != ".DS_Store"
    }
    assert beside <= inside
    assert "argos/anvil/plugin/argos_pytest.py" in inside
    assert any(name.startswith("argos/store/migrations/versions/") for name in inside)
    assert any(name.startswith("argos/lens/reports/templates/") for name in inside)


def test_the_wheel_holds_no_tests(wheel):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"argos", f"argos-{argos.__version__}.dist-info"}


def test_the_wheel_asks_for_everything_it_imports(wheel):
    metadata = zipfile.ZipFile(wheel).read(f"argos-{argos.__version__}.dist-info/METADATA").decode()
    asked = {normal(name) for name in re.findall(r"^Requires-Dist: ([\w.-]+)", metadata, flags=re.MULTILINE)}
    imported: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if "plugin" not in path.relative_to(SOURCE).parts:
            imported |= imports(path)
    owners = packages_distributions()
    others = imported - sys.stdlib_module_names - {"argos"}
    needed = {normal(owner) for name in others for owner in owners[name]}
    assert {COMES_WITH.get(owner, owner) for owner in needed} <= asked


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in [*plain, *parts] if name}


@pytest.mark.parametrize("program", ["anvil", "lens"])
def test_an_installed_command_tells_its_version(commands, tmp_path, program):
    assert argos.__version__ in run(commands / program, "--version", cwd=tmp_path)


def test_the_installed_wheel_runs_a_project_and_reports(commands, project):
    run(commands / "anvil", "init", cwd=project)
    python = {"VIRTUAL_ENV": sys.prefix}
    told = json.loads(
        run(commands / "anvil", "execute", "--rule", "baseline-all-tests", "--json", cwd=project, **python)
    )
    assert [result["outcome"] for result in told["results"]] == ["passed"]
    run(commands / "lens", "report", "tests", "--format", "html", "--output", "report.html", cwd=project)
    assert "test_sum" in (project / "report.html").read_text(encoding="utf-8")


def test_the_installed_code_is_not_this_repository(commands, tmp_path):
    where = run(commands / "python", "-c", "import argos; print(argos.__file__)", cwd=tmp_path)
    assert commands.parent in Path(where.strip()).parents
