"""The folder `.argos` in which Argos keeps its own files for a project, out of git's sight."""

from __future__ import annotations

from pathlib import Path

NAME = ".argos"


def own(project_root: Path) -> Path:
    """The folder, made if it is not there. Raises OSError where it cannot be written."""
    folder = project_root / NAME
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder


def journals(project_root: Path) -> Path:
    """Where the journals of executions lie that run or were not recorded whole; it may not be there."""
    return project_root / NAME / "journal"
