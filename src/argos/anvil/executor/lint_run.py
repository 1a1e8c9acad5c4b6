"""One run of a linter over files: how it is found, called and listened to."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import ModuleType

from argos import git, process
from argos.config.project import Interpreter
from argos.errors import ArgosError
from argos.model.ci import LintViolation
from argos.model.quality import ToolOutput
from argos.tools.linters import LINTERS

LONGEST_COMMAND = 24_000 if sys.platform == "win32" else 96_000
"""Characters of file names in one command; Windows takes 32,767 in all, Linux at least 128 KiB."""

TIMEOUT_S = 3600.0
MANY_FILES = 50
SHOWN_LINES = 5

_NOT_THERE = "No module named"
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class LintRun:
    """What came of a run. `crash` says why the tool did not do its work, None if it did.

    `files` are those that were looked at: not those that were gone by then. `elsewhere` counts
    findings in files that nobody asked about.
    """

    output: ToolOutput
    files: tuple[str, ...]
    crash: str | None = None
    elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    output: ToolOutput
    crash: str | None


def run(
    tool: str,
    files: Sequence[str],
    *,
    root: Path,
    interpreter: Interpreter,
    options: Sequence[str],
    environ: Mapping[str, str],
) -> LintRun:
    """Runs the project's own linter on files, in as many commands as their names need, side by side.

    Raises `ArgosError` where the tool is missing, saying how to install it.
    """
    module = LINTERS[tool]
    there = tuple(path for path in files if (root / path).is_file())
    if not there:
        return LintRun(ToolOutput(), ())
    program = _program(tool, root, interpreter, environ)
    parallel = module.PARALLEL if len(there) >= MANY_FILES else ()
    call = _Call(module, (*program, *module.ARGUMENTS, *parallel, *options), root, _quiet(environ))
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        parts = list(pool.map(call.on, _portions(there)))
    output = sum((part.output for part in parts), ToolOutput())
    crash = next((part.crash for part in parts if part.crash is not None), None)
    remaining = tuple(path for path in there if (root / path).is_file())
    inside = _inside(output, set(remaining), root)
    elsewhere = sum(1 for each in output.violations if _is_elsewhere(each, set(there), root))
    return LintRun(inside, remaining, crash, elsewhere)


def _program(tool: str, root: Path, interpreter: Interpreter, environ: Mapping[str, str]) -> tuple[str, ...]:
    """How the tool is called: as a module of the project's Python, else as the program on its PATH."""
    own = (str(interpreter.path), "-m", tool)
    tried = process.run((*own, "--version"), cwd=root, timeout_s=TIMEOUT_S, env=_quiet(environ))
    if tried.returncode == 0 or _NOT_THERE not in tried.stderr:
        return own
    beside = str(interpreter.path.parent)
    found = shutil.which(tool, path=os.pathsep.join((beside, environ.get("PATH", ""))))
    if found is None:
        raise ArgosError(
            f"{tool} is not installed for {interpreter.path} ({interpreter.origin}), nor is it on PATH.",
            next_step=f"Install it with: {interpreter.path} -m pip install {tool}",
        )
    return (found,)


def _quiet(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what makes tools print colours, or in another encoding than UTF-8."""
    loud = ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "MYPY_FORCE_COLOR", "PYTHONWARNINGS")
    kept = {name: value for name, value in git.outside_of_hooks(environ).items() if name not in loud}
    return {**kept, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}


def _portions(files: Sequence[str]) -> Iterator[tuple[str, ...]]:
    portion: list[str] = []
    length = 0
    for path in files:
        if portion and length + len(path) > LONGEST_COMMAND:
            yield tuple(portion)
            portion, length = [], 0
        portion.append(path)
        length += len(path) + 3
    if portion:
        yield tuple(portion)


@dataclass(frozen=True, slots=True)
class _Call:
    module: ModuleType
    argv: tuple[str, ...]
    root: Path
    env: Mapping[str, str]

    def on(self, files: tuple[str, ...]) -> _Part:
        """Runs on some files; once more without those that vanished meanwhile, or with older arguments."""
        part, refused = self._try(files)
        if part.crash is None:
            return self._beyond_broken(files, part)
        left = tuple(path for path in files if (self.root / path).is_file())
        if left != files:
            return self.on(left) if left else _Part(ToolOutput(), None)
        if refused and self.module.FALLBACK is not None and self.module.ARGUMENTS[0] in self.argv:
            at = self.argv.index(self.module.ARGUMENTS[0])
            rest = self.argv[at + len(self.module.ARGUMENTS) :]
            return replace(self, argv=(*self.argv[:at], *self.module.FALLBACK, *rest)).on(files)
        return part

    def _beyond_broken(self, files: tuple[str, ...], part: _Part) -> _Part:
        """Goes on where the tool has looked at nothing else because of files that it cannot read."""
        broken = {relative(path, self.root) for path in part.output.broken}
        rest = tuple(path for path in files if path not in broken)
        if not self.module.STOPS_AT_BROKEN_FILES or not broken or not rest or rest == files:
            return part
        other = self.on(rest)
        return _Part(part.output + other.output, other.crash)

    def _try(self, files: tuple[str, ...]) -> tuple[_Part, bool]:
        # A file's name may begin with "-", which "./" keeps from being taken for an option.
        names = [f"./{path}" if path.startswith("-") else path for path in files]
        try:
            done = process.run((*self.argv, *names), cwd=self.root, timeout_s=TIMEOUT_S, env=self.env)
        except ArgosError as error:
            return _Part(ToolOutput(), error.what), False
        spoken = done.stderr if self.module.ON_STANDARD_ERROR else done.stdout
        output: ToolOutput = self.module.read(spoken)
        crash = _crash(self.module, done, output)
        return _Part(output, crash), crash is not None and "--" in done.stderr


def _crash(module: ModuleType, done: process.Completed, output: ToolOutput) -> str | None:
    """Why a run is none: how it ended, and the last words of the tool."""
    traceback = _TRACEBACK in done.stderr or any(_TRACEBACK in line for line in output.not_understood)
    silent = done.returncode != 0 and not output.violations
    # Black explains a file that it cannot parse with a traceback now and then.
    explained = bool(output.broken) and module.ON_STANDARD_ERROR
    if done.returncode in module.FOUND and not silent and (not traceback or explained):
        return None
    words = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-SHOWN_LINES:]
    said = f": {' / '.join(words)[:600]}" if words else ""
    return f"{module.NAME} ended with {process.describe_exit(done.returncode)}{said}"


def _inside(output: ToolOutput, files: set[str], root: Path) -> ToolOutput:
    """The findings in the files that were asked about, with paths relative to the project."""
    kept = [replace(each, path=relative(each.path or "", root)) for each in output.violations]
    broken = tuple(relative(path, root) for path in output.broken)
    return ToolOutput(
        tuple(each for each in kept if each.path in files),
        output.not_understood,
        tuple(path for path in broken if path in files),
    )


def _is_elsewhere(each: LintViolation, files: set[str], root: Path) -> bool:
    return relative(each.path or "", root) not in files


def relative(path: str, root: Path) -> str:
    """A path of a tool's output relative to the project, with `/`; as it is where it lies outside."""
    plain = PurePosixPath(path.replace("\\", "/"))
    for base in dict.fromkeys((root.as_posix(), Path(os.path.realpath(root)).as_posix())):
        if plain.is_relative_to(base):
            return plain.relative_to(base).as_posix()
    return (
        PurePosixPath(os.path.normpath(plain)).as_posix() if path and not plain.is_absolute() else str(plain)
    )
