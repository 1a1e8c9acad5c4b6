"""Test roots: the folders whose tests run together in one pytest process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from argos.config.pytest_settings import PYTHON_FILES, PytestSettings, settings_of


@dataclass(frozen=True, slots=True)
class TestRoot:
    """A folder of tests; every path is relative to the project's root, with `/`, the root itself `.`.

    `path` is what pytest is given, `rootdir` the nearest folder at or above it that holds pytest's
    configuration, `.` if none does. `patterns` are globs of its test files: a Python file that
    matches none is not a test, whatever its name. `nested` are the folders in it that are roots of
    their own.
    """

    __test__ = False  # pytest: a value, not a test class

    path: str
    rootdir: str
    patterns: tuple[str, ...]
    nested: tuple[str, ...] = ()


def build_roots(project_root: Path, patterns: Mapping[str, Sequence[str]]) -> tuple[TestRoot, ...]:
    """Roots from folder to patterns, in this order; a folder without patterns gets pytest's own."""
    roots = []
    for path, written in patterns.items():
        folder, settings = nearest_settings(project_root, path)
        nested = tuple(other for other in patterns if other != path and contains(path, other))
        own = tuple(written) or default_patterns(path, settings)
        roots.append(TestRoot(path, folder, own, nested))
    return tuple(roots)


def nearest_settings(project_root: Path, path: str) -> tuple[str, PytestSettings]:
    """The folder whose pytest configuration rules `path`, and the configuration; `.` if there is none."""
    for folder in (PurePosixPath(path), *PurePosixPath(path).parents):
        if (settings := settings_of(project_root / folder)) is not None:
            return folder.as_posix(), settings
    return ".", PytestSettings()


def default_patterns(path: str, settings: PytestSettings) -> tuple[str, ...]:
    """The test files below a folder as pytest's `python_files` has them, and its doctests if it runs them."""
    globs = [*(settings.python_files or PYTHON_FILES), *settings.doctest_files]
    return tuple(dict.fromkeys(join(path, f"**/{name}") for name in globs))


def join(folder: str, path: str) -> str:
    return path if folder == "." else f"{folder}/{path}"


def contains(folder: str, path: str) -> bool:
    """Whether `path` is the folder or lies in it."""
    return folder in (".", path) or path.startswith(f"{folder}/")
