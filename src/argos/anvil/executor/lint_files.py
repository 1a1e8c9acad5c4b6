"""Which files a linter looks at: those that its section and a rule choose, each with its reason."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from argos import git
from argos.anvil.core.history import History
from argos.anvil.core.rule_engine import Chosen, RuleEngine
from argos.anvil.criteria.group import CHANGED
from argos.config.globs import matcher
from argos.model.execution import Pick, Selection
from argos.model.rule import Criterion, Rule

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.config.project import ProjectConfig

SUFFIXES = (".py", ".pyi")
_NEVER = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env"})


class FileHistory(History):
    """The history of files: a file has failed in a scan that found something in it."""

    @cached_property
    def recent(self) -> dict[str, str]:
        from argos.store import quality
        from argos.store.tables import RECENT

        scans = quality.file_scans(self._connect(), space=self.space, window=RECENT)
        return {
            path: "".join("F" if sum(scan.by_severity.values()) else "P" for scan in history)
            for path, history in scans.items()
        }

    @cached_property
    def failing(self) -> dict[str, str]:
        return {path: letters for path, letters in self.recent.items() if "F" in letters}

    @cached_property
    def durations(self) -> dict[str, float]:
        return {}


def section(project: ProjectConfig, tool: str) -> Any | None:
    """The linter's section under `validators:`, None where the file has none."""
    return getattr(project.validators, tool, None)


def project_files(project: ProjectConfig, tool: str) -> list[str]:
    """The Python files that a linter is for, sorted, relative to the project.

    Those that git knows or would take up, outside a repository all but those of environments and
    caches; of these, those that match `discovery: patterns:` and no `exclude:` of the tool's section,
    in whose patterns `*` stands for `/` as well.
    """
    found = git.own_files(project.root)
    every = found if found is not None else sorted(_walk(project.root))
    python = [path for path in every if path.endswith(SUFFIXES) and (project.root / path).is_file()]
    own = section(project, tool)
    discovery = own.discovery if own else None
    if discovery and discovery.patterns:
        match = matcher(discovery.patterns)
        python = [path for path in python if match(path) is not None]
    excluded = (discovery and discovery.exclude) or []
    return [path for path in python if not any(_is_excluded(path, pattern) for pattern in excluded)]


def _is_excluded(path: str, pattern: str) -> bool:
    plain = pattern.rstrip("/")
    return any(fnmatchcase(text, form) for text in (path, f"/{path}") for form in (plain, f"{plain}/*"))


def _walk(root: Path) -> Iterator[str]:
    for name, folders, files in os.walk(root):
        folders[:] = [
            f
            for f in folders
            if not f.startswith(".") and f not in _NEVER and not Path(name, f, "pyvenv.cfg").is_file()
        ]
        for file in files:
            yield PurePosixPath(Path(name, file).relative_to(root)).as_posix()


def choose(
    rule: Rule,
    files: list[str],
    *,
    root: Path,
    space: str,
    connect: Callable[[], Connection],
    environ: Mapping[str, str],
) -> Chosen:
    """What a rule picks of the files. `${CHANGED_FILES}` stands for exactly the files that have changed."""

    def changed() -> tuple[str, ...]:
        return git.changed_files(root, environ)

    engine = RuleEngine(connect, space=space, root=root, changed=changed)
    history = FileHistory(connect, space=space, root=root, changed=changed)
    engine.history = history
    plain = dataclasses.replace(rule, criterion=_resolved(rule.criterion, history))
    chosen = engine.select(plain, files)
    changes = set(history.changed_files) if _mentions_changes(rule.criterion) else set()
    picks = tuple(
        Pick(pick.entity, f"{pick.entity} has changed" if pick.entity in changes else _worded(pick.reason))
        for pick in chosen.selection.picks
    )
    there = set(files)
    gone = tuple(path for path in chosen.selection.gone if path not in there and path not in changes)
    return Chosen(Selection(picks, gone), chosen.notes)


def _worded(reason: str) -> str:
    """The reason that a criterion gives for a test, in the words for a file."""
    found = re.fullmatch(r"failed (\d+) of its last (\d+)(.*)", reason)
    if found:
        return f"violations in {found[1]} of its last {found[2]} scans{found[3]}"
    return {"every test": "every file", "failed when it last ran": "violations in its last scan"}.get(
        reason, reason
    )


def _resolved(criterion: Criterion, history: History) -> Criterion:
    """The criterion with the changed files in the place of `${CHANGED_FILES}`.

    A changed source file would otherwise pick the test files that are named after it.
    """
    parts = tuple(_resolved(part, history) for part in criterion.parts)
    if CHANGED not in criterion.groups:
        return dataclasses.replace(criterion, parts=parts)
    groups = tuple(each for each in criterion.groups if each != CHANGED) + history.changed_files
    # Without a group `all` would be everything, while here nothing has changed.
    return dataclasses.replace(criterion, name="group", groups=groups, parts=parts)


def _mentions_changes(criterion: Criterion) -> bool:
    return CHANGED in criterion.groups or any(map(_mentions_changes, criterion.parts))
