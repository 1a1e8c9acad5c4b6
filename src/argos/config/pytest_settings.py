"""What pytest's own configuration says of where tests are, read without running anything."""

from __future__ import annotations

import configparser
import os
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON_FILES = ("test_*.py", "*_test.py")
# In pytest's order: the first file of a folder that holds its table counts.
_FILES: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("pytest.toml", ("pytest",), True),
    (".pytest.toml", ("pytest",), True),
    ("pytest.ini", ("pytest",), True),
    (".pytest.ini", ("pytest",), True),
    ("pyproject.toml", ("tool.pytest", "tool.pytest.ini_options"), False),
    ("tox.ini", ("pytest",), False),
    ("setup.cfg", ("tool:pytest",), False),
)
NAMES = frozenset(name for name, _, _ in _FILES)
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PytestSettings:
    """The settings that decide which files hold tests; empty where the file leaves pytest's default."""

    testpaths: tuple[str, ...] = ()
    python_files: tuple[str, ...] = ()
    norecursedirs: tuple[str, ...] = ()
    addopts: tuple[str, ...] = ()

    @property
    def doctest_files(self) -> tuple[str, ...]:
        """Globs of the Python files that `addopts` has searched for doctests."""
        return ("*.py",) if "--doctest-modules" in self.addopts else ()

    @property
    def separate_modules(self) -> bool:
        """Whether modules of the same name in different folders get along."""
        return "--import-mode=importlib" in self.addopts


def settings_of(folder: Path) -> PytestSettings | None:
    """The settings in a folder's own files, None if it holds none.

    A file that cannot be parsed counts as one without settings: pytest itself says what is wrong.
    """
    for name, tables, even_empty in _FILES:
        path = folder / name
        if not os.path.isfile(path):  # noqa: PTH113 - never raises, as in a folder that may not be entered
            continue
        contents = _read(path)
        found = [contents[table] for table in tables if table in contents]
        if found or even_empty:
            return _settings({key: value for table in found for key, value in table.items()})
    return None


def tables_of(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The tables of a TOML or INI file by dotted name; empty if it is missing or cannot be parsed."""
    return _read(path) if os.path.isfile(path) else {}  # noqa: PTH113 - never raises


def _read(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("utf-8-sig")
        return _toml(text) if path.suffix == ".toml" else _ini(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, configparser.Error, RecursionError):
        return {}


def _toml(text: str) -> dict[str, Mapping[str, Any]]:
    tables: dict[str, Mapping[str, Any]] = {}
    waiting: list[tuple[str, Any]] = list(tomllib.loads(text).items())
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            tables[name] = value
            waiting += [(f"{name}.{inner}", part) for inner, part in value.items() if isinstance(part, dict)]
    return tables


def _ini(text: str) -> dict[str, Mapping[str, Any]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _settings(table: Mapping[str, Any]) -> PytestSettings:
    return PytestSettings(
        testpaths=_words(table.get("testpaths")),
        python_files=_words(table.get("python_files")),
        norecursedirs=_words(table.get("norecursedirs")),
        addopts=_words(table.get("addopts")),
    )


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(word) for word in value)
    try:
        return tuple(shlex.split(value)) if isinstance(value, str) else ()
    except ValueError:  # a quote that is not closed
        return tuple(value.split())
