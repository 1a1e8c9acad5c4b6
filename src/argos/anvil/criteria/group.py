"""`group`: matches a glob over node ids, files or folders; `${CHANGED_FILES}` stands for the changed files.

A changed test file picks its tests, a changed `conftest.py` the tests of its folder, and a changed
source file the test files that are named after it (`models.py`: `test_models.py`, `models_test.py`).
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from argos.anvil.core.history import History, file_of
from argos.config.globs import matcher
from argos.model.rule import Criterion

NAME = "group"
CHANGED = "${CHANGED_FILES}"
MAGIC = frozenset("*?[")


def matches(criterion: Criterion, entities: Sequence[str], history: History) -> dict[str, str]:
    reasons: dict[str, str] = {}
    patterns = [pattern for pattern in criterion.groups if pattern != CHANGED]
    if patterns:
        match = matcher(patterns)
        for entity in entities:
            if (pattern := match(entity)) is not None:
                reasons[entity] = f"matches {pattern}"
    if CHANGED in criterion.groups:
        by_file = _reasons_of_changed(history.changed_files, {file_of(entity) for entity in entities})
        for entity in entities:
            if entity not in reasons and (reason := by_file.get(file_of(entity))) is not None:
                reasons[entity] = reason
    return reasons


def candidates(criterion: Criterion, _history: History) -> set[str]:
    """Node ids that are written out: a test that a rule names and that is gone is to be reported."""
    return {p for p in criterion.groups if "::" in p and p != CHANGED and not MAGIC & set(p)}


def files(criterion: Criterion, history: History) -> set[str] | None:
    found: set[str] = set()
    for pattern in criterion.groups:
        part = _changed_part(history) if pattern == CHANGED else _files_of(pattern, history.root)
        if part is None:
            return None
        found |= part
    return found


def _files_of(pattern: str, root: Path) -> set[str] | None:
    path = file_of(pattern).rstrip("/")
    if not path or path.split("/")[0] in ("*", "**", "."):
        return None
    found: set[str] = set()
    literal = os.path.lexists(root / path)
    names = [path] if literal else glob.glob(path, root_dir=root, recursive=True)  # noqa: PTH207 - forgiving
    for name in names:
        found |= _files_below(root, name)
    return found


def _files_below(root: Path, name: str) -> set[str]:
    if not (root / name).is_dir():
        return {PurePosixPath(name.replace(os.sep, "/")).as_posix()}
    return {
        Path(folder, file).relative_to(root).as_posix()
        for folder, _, names in os.walk(root / name)
        for file in names
    }


def _changed_part(history: History) -> set[str] | None:
    if not history.changed_files:
        return set()
    # Which test files a changed source file is about is only known once the files are seen.
    return set(history.changed_files) if all(map(_is_test, history.changed_files)) else None


def _is_test(file: str) -> bool:
    stem = PurePosixPath(file).stem
    return stem.startswith("test_") or stem.endswith("_test")


def _reasons_of_changed(changed: Sequence[str], test_files: set[str]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    named_after = {f"{prefix}{PurePosixPath(file).stem}{suffix}": file
                   for file in changed if file.endswith(".py") and not _is_test(file)
                   for prefix, suffix in (("test_", ""), ("", "_test"))}  # fmt: skip
    folders = {
        PurePosixPath(file).parent: file for file in changed if PurePosixPath(file).name == "conftest.py"
    }
    for file in test_files:
        path = PurePosixPath(file)
        above = next((folders[folder] for folder in path.parents if folder in folders), None)
        if file in changed:
            reasons[file] = f"{file} has changed"
        elif above is not None:
            reasons[file] = f"{above} above it has changed"
        elif path.stem in named_after:
            reasons[file] = f"named after {named_after[path.stem]}, which has changed"
    return reasons
