"""One pytest process of an execution: how it is started, what it has written, how it ended."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from argos import git, process
from argos.config.project import TestRoot
from argos.tools.pytest_journal import Journal

PLUGIN = "argos_pytest"
PLUGIN_FOLDER = Path(__file__).parents[1] / "plugin"
SETTLE_S = 5.0
LIMITS = {"message": 4_000, "traceback": 32_768, "output": 65_536}


@dataclass(frozen=True, slots=True)
class Target:
    """What all parts of one execution have in common."""

    project_root: Path
    interpreter: Path
    folder: Path
    pytest_args: tuple[str, ...] = ()
    user_args: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    dry_run: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)


class Part:
    """Runs the tests of one root, or a share of them, in one pytest process.

    Life: `start`, then `read` again and again; `collected` holds the ids of the tests that exist as
    soon as pytest has collected; it waits until `answer` says which of them run.
    """

    def __init__(self, name: str, root: TestRoot, target: Target, *, files: set[str] | None) -> None:
        self.name = name
        self.root = root
        self.collected: list[str] | None = None
        self.answered = False
        self.assigned: list[str] = []
        self.exit_code: int | None = None
        self.stopped: str | None = None
        self._target = target
        self._files = files
        self._process: process.Process | None = None
        self._journals: dict[str, tuple[io.FileIO, Journal]] = {}
        self._seen: dict[tuple[str | None, str], float] = {}
        self._last_event = self._settled = time.monotonic()

    @property
    def started(self) -> bool:
        return self._process is not None

    @property
    def running(self) -> bool:
        return self._process is not None and self.exit_code is None

    @property
    def waiting(self) -> bool:
        """Whether it has collected and does nothing until it is answered."""
        return self.running and self.collected is not None and not self.answered

    @property
    def journals(self) -> list[Journal]:
        return [journal for _, journal in self._journals.values()]

    def start(self, echo: BinaryIO | None, on_end: threading.Event) -> None:
        config = self._target.folder / f"{self.name}.config.json"
        config.write_text(json.dumps(self._config()), encoding="utf-8")
        self._process = process.Process(
            self._command(),
            cwd=self._rootdir,
            env=self._environ(config),
            output=self._target.folder / f"{self.name}.output",
            echo=echo,
            on_end=on_end,
        )
        self._last_event = time.monotonic()

    @property
    def _rootdir(self) -> Path:
        return self._target.project_root / self.root.rootdir

    def _command(self) -> list[str]:
        folder = os.path.relpath(self._target.project_root / self.root.path, self._rootdir)
        return [
            str(self._target.interpreter),
            "-m",
            "pytest",
            "-p",
            PLUGIN,
            f"--rootdir={self._rootdir}",
            "--continue-on-collection-errors",
            *self._target.pytest_args,
            *self._target.user_args,
            folder,
        ]

    def _config(self) -> dict[str, Any]:
        target = self._target
        return {
            "journal": str(target.folder),
            "name": self.name,
            "prefix": "" if self.root.rootdir == "." else self.root.rootdir + "/",
            "files": None if self._files is None else sorted(self._files),
            "patterns": list(self.root.patterns) or None,
            "nested": list(self.root.nested),
            "overrides": list(target.overrides),
            "user_args": list(target.user_args),
            "pythonpath": target.environ.get("PYTHONPATH"),
            "parent": os.getpid(),
            "dry_run": target.dry_run,
            "limits": LIMITS,
        }

    def _environ(self, config: Path) -> dict[str, str]:
        environ = git.outside_of_hooks(self._target.environ)
        environ["ARGOS_PLUGIN_CONFIG"] = str(config)
        paths = [str(PLUGIN_FOLDER), environ.get("PYTHONPATH", "")]
        environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        return activated(environ, self._target.interpreter)

    def read(self) -> int:
        """Takes in what pytest has written since the last call; the number of new results."""
        self.exit_code = self.exit_code if self._process is None else self._process.ended()
        before = self.result_count
        # Many times a second, in large suites beside a busy pytest: plain calls, no path objects.
        for name in sorted(os.listdir(self._target.folder)):  # noqa: PTH208
            if name == f"{self.name}.jsonl" or (name.startswith(f"{self.name}-") and name.endswith(".jsonl")):
                self._read_file(name)
        if self.collected is None:
            self._read_collected()
        return self.result_count - before

    def _read_file(self, name: str) -> None:
        if name not in self._journals:
            stream = (self._target.folder / name).open("rb", buffering=0)
            self._journals[name] = (stream, Journal())
        stream, journal = self._journals[name]
        data = stream.read()
        if data:
            self._settle(stream)
            journal.feed(data)
            self._last_event = time.monotonic()

    def _settle(self, stream: io.FileIO) -> None:
        """Every few seconds, has the system put the journal on the disk itself, in case the power fails."""
        if os.name == "posix" and time.monotonic() - self._settled > SETTLE_S:
            os.fsync(stream.fileno())
            self._settled = time.monotonic()

    def _read_collected(self) -> None:
        for journal in self.journals:
            if journal.collected is not None:
                text = (self._target.folder / journal.collected["ids_file"]).read_text(encoding="utf-8")
                self.collected = json.loads(text)
                return

    def answer(self, ids: Sequence[str] | None) -> None:
        """Tells the waiting process to run these tests in this order; None for all it has collected."""
        document = {"run": "all"} if ids is None else {"run_ids": list(ids)}
        path = self._target.folder / f"{self.name}.selection.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(document), encoding="utf-8")
        Path(draft).replace(path)
        self.answered = True
        self.assigned = list(ids if ids is not None else self.collected or ())
        self._last_event = time.monotonic()

    @property
    def result_count(self) -> int:
        return sum(len(journal.results) for journal in self.journals)

    @property
    def running_tests(self) -> tuple[str, ...]:
        return tuple(test for journal in self.journals for test in journal.running)

    @property
    def finished(self) -> bool:
        """Whether pytest came to its own end, with or without failures."""
        return any(journal.finish is not None and journal.worker is None for journal in self.journals)

    def silent_for(self) -> float:
        """Seconds since the process last wrote an event or was answered."""
        return time.monotonic() - self._last_event

    def longest_running(self) -> tuple[str, float] | None:
        """The test that has been running longest, with the seconds since it was first seen running."""
        now = time.monotonic()
        running = {(journal.worker, test) for journal in self.journals for test in journal.running}
        self._seen = {key: self._seen.get(key, now) for key in running}
        if not self._seen:
            return None
        (_, test), since = min(self._seen.items(), key=lambda item: item[1])
        return test, now - since

    def close(self) -> None:
        """Lets go of the journals' files; nothing is read after that."""
        for stream, _ in self._journals.values():
            stream.close()

    def output(self) -> str:
        return "" if self._process is None else self._process.output()

    def interrupt(self) -> None:
        if self._process is not None and self.running:
            self._process.interrupt()

    def end(self, patience_s: float) -> None:
        """Waits so long for the process to end by itself, then kills it with its children."""
        if self._process is not None and self._process.wait(patience_s) is None:
            self._process.kill()
            self._process.wait(5.0)

    def abort(self, why: str) -> None:
        """Stops a process that hangs, with its children; faulthandler's stacks are then in its output."""
        self.stopped = why
        if self._process is not None:
            self._process.abort()
            self._process.wait(2.0)
            self._process.kill()
            self._process.wait(5.0)


def activated(environ: dict[str, str], interpreter: Path) -> dict[str, str]:
    """The environment as an activated virtual environment has it, if the interpreter lies in one."""
    folder = interpreter.parent
    if not (folder.parent / "pyvenv.cfg").is_file():
        return environ
    path = environ.get("PATH", "")
    if str(folder) not in path.split(os.pathsep):
        path = os.pathsep.join(p for p in (str(folder), path) if p)
    return {**environ, "PATH": path, "VIRTUAL_ENV": str(folder.parent)}


def shares(ids: Sequence[str], count: int, durations: Mapping[str, float]) -> list[list[str]]:
    """Splits tests over `count` processes, file by file, the longest file to the least loaded first.

    Longest-processing-time-first rule (Graham 1969). A test without a recorded duration counts as the
    mean of the others. Within a share the tests keep their order.
    """
    typical = sum(durations.values()) / len(durations) if durations else 1.0
    cost: dict[str, float] = {}
    for test in ids:
        file = test.partition("::")[0]
        cost[file] = cost.get(file, 0.0) + durations.get(test, typical)
    loads = [0.0] * count
    owner: dict[str, int] = {}
    for file in sorted(cost, key=lambda file: (-cost[file], file)):
        least = loads.index(min(loads))
        owner[file] = least
        loads[least] += cost[file]
    split: list[list[str]] = [[] for _ in range(count)]
    for test in ids:
        split[owner[test.partition("::")[0]]].append(test)
    return split


def in_shard(entity: str, index: int, count: int) -> bool:
    """Whether a test belongs to shard `index` (from 1) of `count`.

    A hash of the node id alone decides, so that machines that share nothing agree on the split.
    """
    import zlib

    return zlib.crc32(entity.encode("utf-8", "surrogatepass")) % count == index - 1
