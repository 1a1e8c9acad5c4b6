"""The direction of the imports, and that what is registered is documented."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from argos.anvil.cli import anvil
from argos.lens.cli import lens
from argos.scout.cli import scout

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "argos"
PLUGIN = SOURCE / "anvil" / "plugin"
MARKDOWN = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "benchmarks/*.md")
    for path in REPOSITORY.glob(pattern)
)
CRITERIA = sorted(
    path.stem.replace("_", "-")
    for path in (SOURCE / "anvil" / "criteria").glob("*.py")
    if path.stem[0] != "_"
)


def leaves(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """The commands that do something, each with the words that a user types for it."""
    if not isinstance(command, click.Group):
        yield words, command
        return
    for name, each in command.commands.items():
        yield from leaves(f"{words} {name}", each)


COMMANDS = [*leaves("anvil", anvil), *leaves("lens", lens), *leaves("scout", scout)]


def imported_names(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def anchors(markdown: str) -> set[str]:
    """The fragments that the headings of a page can be reached by, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", without_code(markdown), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(markdown: str) -> str:
    return re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)


def test_imports_go_down_only():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    argv = [sys.executable, "-c", code, "--no-cache", "--no-logo"]
    told = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_contracts_name_every_module():
    """A new package has to be entered into every contract that lists the packages one by one."""
    config = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["name"]: each for each in config["tool"]["importlinter"]["contracts"]}
    modules = {f"argos.{path.stem}" for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    modules -= {"argos.__init__", "argos.__pycache__"}
    database = contracts["Only the store knows the database library"]["source_modules"]
    programs = contracts["Only argos.process starts programs"]["source_modules"]
    assert modules - set(database) == {"argos.store"}
    assert modules - set(programs) == {"argos.process"}


@pytest.mark.parametrize("path", sorted(PLUGIN.glob("*.py")), ids=lambda path: path.name)
def test_the_plugin_needs_the_standard_library_only(path):
    assert imported_names(path) - sys.stdlib_module_names <= {"pytest", "_pytest"}


def test_only_the_client_of_github_knows_http():
    clients = {"aiohttp", "http", "httpcore2", "httpx2", "requests", "urllib3"}
    users = {path.name for path in SOURCE.rglob("*.py") if clients & imported_names(path)}
    assert users == {"github_actions.py"}


@pytest.mark.parametrize("module", ["argos.anvil.cli", "argos.lens.cli", "argos.scout.cli"])
def test_a_command_starts_without_the_heavy_libraries(module):
    heavy = {"alembic", "apscheduler", "asyncio", "httpx2", "jinja2", "psycopg", "pydantic", "rich"}
    heavy |= {"sqlalchemy", "sqlite3", "yaml"}
    code = f"import sys, {module}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert heavy.isdisjoint(told.stdout.split())


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_is_documented(name):
    guide = (REPOSITORY / "docs" / "guide" / "rules.md").read_text(encoding="utf-8")
    assert f"`{name}`" in guide


@pytest.mark.parametrize("words, command", COMMANDS, ids=[words for words, _ in COMMANDS])
def test_every_command_is_documented_with_an_example(words, command):
    pages = [page.read_text(encoding="utf-8") for page in (REPOSITORY / "docs" / "guide").glob("*.md")]
    assert any(words in page for page in pages)
    assert words in (command.help or "").partition("Example")[2]


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_every_link_leads_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, fragment = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        if not linked.exists() or (fragment and fragment not in anchors(linked.read_text(encoding="utf-8"))):
            broken.append(target)
    assert not broken


def test_every_guide_is_reachable_from_the_readme():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for guide in (REPOSITORY / "docs" / "guide").glob("*.md"):
        assert f"docs/guide/{guide.name}" in readme
