"""Plays the part of anvil for the plugin: writes its settings, answers its question, reads its journal."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

import argos
from targets import default_target, edge_target, newest_target, target  # noqa: F401

PLUGIN_FOLDER = Path(argos.__file__).parent / "anvil" / "plugin"
LIMITS = {"message": 4000, "traceback": 32768, "output": 65536}
PATIENCE_S = 60.0
T = TypeVar("T")


@dataclass
class Recorded:
    """What a run left: exit code, printed text, and the events of all its journals in order of file name."""

    exit: int
    printed: str
    folder: Path

    @property
    def journals(self) -> dict[str, list[dict[str, Any]]]:
        return {
            path.stem: [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
            for path in sorted(self.folder.glob("*.jsonl"))
        }

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for events in self.journals.values() for event in events if event["t"] == kind]

    @property
    def results(self) -> list[dict[str, Any]]:
        return self.events("result")

    @property
    def outcomes(self) -> dict[str, str]:
        """Test name (without the file) to the outcome of its last attempt."""
        return {result["id"].partition("::")[2]: result["outcome"] for result in self.results}

    def result(self, name: str) -> dict[str, Any]:
        (found,) = [result for result in self.results if result["id"].endswith(name)]
        return found

    @property
    def collected(self) -> list[str]:
        event = self.events("collected")[0]
        return json.loads((self.folder / event["ids_file"]).read_text(encoding="utf-8"))


@dataclass
class Session:
    """A started pytest, which waits for an answer once it has collected."""

    process: subprocess.Popen[str]
    folder: Path
    name: str
    started: float = field(default_factory=time.monotonic)

    def answer(self, selection: Mapping[str, Any]) -> None:
        draft = self.folder / "draft"
        draft.write_text(json.dumps(selection), encoding="utf-8")
        draft.replace(self.folder / f"{self.name}.selection.json")

    def until(self, kind: str) -> dict[str, Any]:
        """Waits for the first event of a kind in any journal of the session."""
        return self._until(lambda: next((event for event in self._events() if event["t"] == kind), None))

    def until_exists(self, path: Path) -> None:
        self._until(lambda: path.exists() or None)

    def _events(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("*.jsonl")):
            *lines, _ = path.read_bytes().split(b"\n")
            yield from map(json.loads, lines)

    def _until(self, there: Callable[[], T | None]) -> T:
        while time.monotonic() - self.started < PATIENCE_S:
            found = there()
            if found is not None:
                return found
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.01)
        raise AssertionError(f"nothing came within {PATIENCE_S} s")

    def end(self) -> Recorded:
        printed, _ = self.process.communicate(timeout=PATIENCE_S)
        return Recorded(self.process.returncode, printed, self.folder)


@dataclass
class Project:
    """A project under validation in a folder of its own."""

    root: Path
    python: Path
    sessions: list[Session] = field(default_factory=list)

    def write(self, files: Mapping[str, str]) -> Project:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def start(
        self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None,
        launcher: Sequence[str] = (), **settings: Any,
    ) -> Session:  # fmt: skip
        folder = self.root.parent / f"journal{len(self.sessions)}"
        folder.mkdir()
        given = {"journal": str(folder), "name": "0", "prefix": "", "files": None, "patterns": None, "nested": [],
                 "overrides": [], "user_args": [], "pythonpath": None, "parent": os.getpid(), "dry_run": False,
                 "limits": LIMITS, **settings}  # fmt: skip
        config = folder / "config.json"
        config.write_text(json.dumps(given), encoding="utf-8")
        argv = [*launcher, str(self.python), "-m", "pytest", "-p", "argos_pytest", *given["user_args"], *args]
        process = subprocess.Popen(
            argv, cwd=cwd or self.root, env=self._environ(config, env or {}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        self.sessions.append(Session(process, folder, given["name"]))
        return self.sessions[-1]

    def _environ(self, config: Path, env: Mapping[str, str]) -> dict[str, str]:
        foreign = ("PYTEST", "COV", "PYTHONDONTWRITEBYTECODE")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own = {"ARGOS_PLUGIN_CONFIG": str(config), "PYTHONPATH": str(PLUGIN_FOLDER), "NO_COLOR": "1"}
        return {**inherited, **own, **env}

    def run(self, *args: str, answer: Mapping[str, Any] | None = None, **settings: Any) -> Recorded:
        """Runs pytest to its end; without an answer it is told not to ask."""
        if answer is None:
            return self.start(*args, wait=False, **settings).end()
        session = self.start(*args, **settings)
        session.answer(answer)
        return session.end()


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Project]]:
    """Makes the project with the given files, for the given interpreter; ends what it left running."""
    made: list[Project] = []

    def make(python: Path, files: Mapping[str, str]) -> Project:
        root = tmp_path_factory.mktemp("project") / "root"
        root.mkdir()
        made.append(Project(root, python).write({"pytest.ini": "[pytest]\n", **files}))
        return made[-1]

    yield make
    for session in (session for project in made for session in project.sessions):
        if session.process.poll() is None:
            session.process.kill()
            session.process.communicate()


@pytest.fixture(scope="session")
def project(make_project: Callable[..., Project], target: Path) -> Callable[..., Project]:  # noqa: F811
    """The same in every supported environment."""
    return lambda files: make_project(target, files)


@pytest.fixture(scope="session")
def edge_project(make_project: Callable[..., Project], edge_target: Path) -> Callable[..., Project]:  # noqa: F811
    """The same in the oldest and the newest environment."""
    return lambda files: make_project(edge_target, files)


@pytest.fixture(scope="session")
def plain_project(make_project: Callable[..., Project], default_target: Path) -> Callable[..., Project]:  # noqa: F811
    """The same in one ordinary environment."""
    return lambda files: make_project(default_target, files)
