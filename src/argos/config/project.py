"""The project under validation: its root, its interpreter, its test roots and pytest's options."""

from __future__ import annotations

import glob
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from argos.config.discovery import VENVS, discover
from argos.config.globs import literal_folder
from argos.config.project_file import ProjectFile, PytestOptions, PytestValidator, Validators
from argos.config.pytest_settings import settings_of
from argos.config.roots import TestRoot as TestRoot
from argos.config.roots import build_roots, contains
from argos.config.schema import validate, without
from argos.config.yaml_source import Document, KeyPath, Problem, read
from argos.errors import ArgosError

FILE = ".anvil/config.yaml"
_MARKERS = (".anvil", ".lens", ".git")
_PYTEST: KeyPath = ("validators", "pytest")


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """A project's configuration; what the file leaves open is discovered or None.

    `timeout_s` is how long one test may run, `pytest_args` what pytest is given besides, `source` the
    file that was read, None if there is none. `validators` holds the file's other sections as typed.
    """

    root: Path
    name: str
    python: str | None = None
    database: str | None = None
    roots: tuple[TestRoot, ...] = ()
    timeout_s: float | None = None
    pytest_args: tuple[str, ...] = ()
    pytest_enabled: bool = True
    source: Path | None = None
    validators: Validators = field(default_factory=Validators)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that runs a project's tests, and where that was said, in words to print."""

    path: Path
    origin: str


def find_project_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds .anvil, .lens or .git; else `start`. Absolute."""
    start = start.absolute()
    above = (folder for folder in (start, *start.parents) if any((folder / m).exists() for m in _MARKERS))
    return next(above, start)


def load_project(directory: Path) -> ProjectConfig:
    """The configuration of the project in `directory`, discovered where no file says it.

    Raises `ArgosError` that lists every mistake in the file.
    """
    config, problems = _load(directory)
    if config is None or problems:
        raise mistakes_error(problems)
    return config


def problems_in_project(directory: Path) -> list[Problem]:
    """Every mistake in the project's configuration file, in its order."""
    return sorted(_load(directory)[1])


def mistakes_error(problems: Sequence[Problem]) -> ArgosError:
    """One refusal that names every mistake, one a line."""
    first, *more = sorted(problems)
    where = f"{first.file}:{first.line}:{first.column}"
    lines = "".join(f"\n{problem}" for problem in more)
    after = "Correct them; `anvil rules check` shows what is left." if more else None
    return ArgosError(f"{first.message}{lines}", where=where, next_step=f"\n{after}" if after else None)


def with_rule_options(config: ProjectConfig, options: Mapping[str, Any]) -> ProjectConfig:
    """The configuration with what a rule's `executor: {type: pytest, options}` adds to or sets over it."""
    own = PytestOptions.model_validate(options)
    return replace(
        config,
        pytest_args=(*config.pytest_args, *own.arguments),
        timeout_s=config.timeout_s if own.timeout is None else own.timeout,
    )


@dataclass(frozen=True, slots=True)
class Home:
    """The environment that Argos itself runs in, which is the project's only if pytest is there as well."""

    prefix: Path
    has_pytest: bool

    def is_at(self, folder: Path) -> bool:
        return os.path.realpath(folder) == os.path.realpath(self.prefix)


def home() -> Home:
    return Home(Path(sys.prefix), importlib.util.find_spec("pytest") is not None)


def resolve_interpreter(
    config: ProjectConfig, environ: Mapping[str, str], own: Home | None = None
) -> Interpreter:
    """The configured interpreter, else the active or the project's virtual environment's, else PATH's.

    Links are kept, since a virtual environment's Python is a link to the one it was made from. Argos'
    own environment (`own`, else that of this process) is passed over, unless it is the project's
    folder's or nothing else is named and pytest is in it.
    Raises `ArgosError` when the first of these that is named is missing or cannot be executed.
    """
    if config.python:
        return _configured(config, config.python, environ)
    own = own or home()
    active = environ.get("VIRTUAL_ENV")
    mine = [name for name in VENVS if os.path.isfile(config.root / name / "pyvenv.cfg")]  # noqa: PTH113 - never raises
    if active and (not own.is_at(Path(active)) or any(own.is_at(config.root / name) for name in mine)):
        return _of_environment(Path(active), "VIRTUAL_ENV", "Deactivate it")
    if mine:
        return _of_environment(config.root / mine[0], mine[0], "Make it anew")
    if active and own.has_pytest:
        return _of_environment(Path(active), "VIRTUAL_ENV", "Deactivate it")
    return _on_path(environ, own)


_SAY_PYTHON = f"Name the project's interpreter with `python:` in {FILE}."


def _on_path(environ: Mapping[str, str], own: Home) -> Interpreter:
    command = "python" if sys.platform == "win32" else "python3"
    passed_over = None
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(command, path=folder) if folder else None
        if found is None:
            continue
        if own.has_pytest or not own.is_at(_prefix(Path(found))):
            return Interpreter(Path(found).absolute(), f"{command} on PATH")
        passed_over = found
    if passed_over is not None or environ.get("VIRTUAL_ENV"):
        raise ArgosError(
            f"The only Python found is that of Argos itself ({own.prefix}), which has no pytest.",
            next_step=_SAY_PYTHON,
        )
    raise ArgosError(f"No {command} was found on PATH.", next_step=_SAY_PYTHON)


def _prefix(python: Path) -> Path:
    """The environment that a Python lies in: on Windows also its own folder."""
    folder = python.parent
    return folder.parent if folder.name.lower() in ("bin", "scripts") else folder


def _configured(config: ProjectConfig, written: str, environ: Mapping[str, str]) -> Interpreter:
    origin = f"python: in {FILE}"
    path = config.root / Path(written).expanduser()
    if path.is_dir():
        return _of_environment(path, origin, "Correct it")
    if _executable(path):
        return Interpreter(path, origin)
    is_path = any(mark in written for mark in ("/", os.sep, "~"))
    found = None if is_path else shutil.which(written, path=environ.get("PATH"))
    if found:
        return Interpreter(Path(found).absolute(), origin)
    what = "cannot be executed" if path.exists() else "does not exist"
    named = f"{path}" if is_path else f"{written}, looked for on PATH and in {config.root},"
    raise ArgosError(f"The interpreter {named} {what}.", where=FILE, next_step="Correct `python:` there.")


def _of_environment(folder: Path, origin: str, remedy: str) -> Interpreter:
    places = [folder / "Scripts" / "python.exe", folder / "bin" / "python", folder / "bin" / "python3"]
    found = next(filter(_executable, places), None)
    if found is None:
        raise ArgosError(
            f"The virtual environment {folder} ({origin}) has no Python that can be executed.",
            next_step=f"{remedy}, or name another one with `python:` in {FILE}.",
        )
    return Interpreter(found.absolute(), origin)


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _load(directory: Path) -> tuple[ProjectConfig | None, list[Problem]]:
    directory = directory.absolute()
    source = directory / FILE
    if not os.path.lexists(source):
        found = discover(directory)
        return ProjectConfig(directory, found.name, roots=found.roots), []
    document = read(source, FILE)
    if document.data is None:
        return None, list(document.problems)
    written, problems = validate(ProjectFile, document.data, document)
    if written is None:
        wrong = [problem.path for problem in problems]
        # What is right is checked for itself: every mistake is told at once.
        written, _ = validate(ProjectFile, without(document.data, wrong), document)
        if written is None or ("project", "root") in wrong or ("project",) in wrong:
            return None, [*document.problems, *problems]
    config, more = _config(written, directory, document)
    return config, [*document.problems, *problems, *more]


def _config(
    written: ProjectFile, directory: Path, document: Document
) -> tuple[ProjectConfig | None, list[Problem]]:
    project, validators = written.project, written.validators or Validators()
    folder = (project and project.root) or "."
    if (mistake := mistake_of_path(folder)) is not None:
        return None, [document.problem(("project", "root"), mistake)]
    root = directory / folder
    if not os.path.isdir(root):  # noqa: PTH112 - never raises
        return None, [document.problem(("project", "root"), f'"root" names no folder: {root}.')]
    pytest = validators.pytest or PytestValidator()
    options = pytest.options or PytestOptions()
    roots, problems = _roots(pytest, root, document)
    config = ProjectConfig(
        root=root,
        name=(project and project.name) or root.name,
        python=written.python,
        database=written.database,
        roots=roots,
        timeout_s=options.timeout,
        pytest_args=(*options.arguments, *_ignored(root, pytest)),
        pytest_enabled=pytest.enabled is not False,
        source=directory / FILE,
        validators=validators,
    )
    return config, problems


def _roots(
    pytest: PytestValidator, root: Path, document: Document
) -> tuple[tuple[TestRoot, ...], list[Problem]]:
    """The roots that the file names, else those that its patterns lie in, else what is discovered."""
    files = pytest.discovery
    patterns = (files and files.patterns) or []
    problems = _path_problems(pytest, root, document)
    wrong = {problem.path for problem in problems}
    if any(path[: len(_PYTEST) + 1] == (*_PYTEST, "roots") for path in wrong):
        return (), problems
    if pytest.roots:
        assigned: dict[str, list[str]] = {_normal(path): [] for path in pytest.roots}
        outside = [(*_PYTEST, "discovery", "patterns", place) for place in _assign(patterns, assigned)]
        message = "This pattern lies in none of the roots above. Add its folder to `roots`."
        problems += [document.problem(path, message) for path in outside if path not in wrong]
        return build_roots(root, assigned), problems
    if problems:
        return (), problems
    if patterns:
        return build_roots(root, _folders_of(patterns, root)), []
    return discover(root).roots, []


def _ignored(root: Path, pytest: PytestValidator) -> Iterator[str]:
    """Excluded files as pytest's arguments, in which `*` also stands for `/` and paths are absolute."""
    for pattern in (pytest.discovery and pytest.discovery.exclude) or ():
        for variant in dict.fromkeys((pattern, f"/{pattern}".replace("/**/", "/")[1:])):
            yield f"--ignore-glob={glob.escape(str(root))}{os.sep}{_normal(variant)}"


def _path_problems(pytest: PytestValidator, root: Path, document: Document) -> list[Problem]:
    files = pytest.discovery
    lists: list[tuple[KeyPath, Sequence[str]]] = [
        (("roots",), pytest.roots or ()),
        (("discovery", "patterns"), (files and files.patterns) or ()),
        (("discovery", "exclude"), (files and files.exclude) or ()),
    ]
    problems = [
        document.problem((*_PYTEST, *path, place), message)
        for path, texts in lists
        for place, text in enumerate(texts)
        if (message := mistake_of_path(text)) is not None
    ]
    for place, text in enumerate(pytest.roots or ()):
        if mistake_of_path(text) is None and not os.path.isdir(root / text):  # noqa: PTH112 - never raises
            missing = f"There is no folder {text} in {root}."
            problems.append(document.problem((*_PYTEST, "roots", place), missing))
    return problems


def mistake_of_path(written: str) -> str | None:
    """What is wrong with a path or glob that has to lie in the project; None if nothing is."""
    file = written.partition("::")[0]
    if "\\" in file:
        return 'Write "/" between folders, on Windows as well.'
    if file.startswith(("/", "~")) or file[1:2] == ":":
        return "Write paths relative to the project's root."
    if ".." in file.split("/"):
        return "This path leads out of the project."
    return None


def _assign(patterns: Sequence[str], roots: dict[str, list[str]]) -> list[int]:
    """Adds each pattern to the innermost root that holds it; the places of those that none does."""
    outside = []
    for place, pattern in enumerate(patterns):
        holding = [path for path in roots if contains(path, literal_folder(pattern))]
        if holding:
            roots[max(holding, key=len)].append(_normal(pattern))
        else:
            outside.append(place)
    return outside


def _folders_of(patterns: Sequence[str], root: Path) -> dict[str, list[str]]:
    """The existing folders that patterns lie in, with `*` in their folder part expanded."""
    found: dict[str, list[str]] = {}
    for pattern in map(_normal, patterns):
        above, _, name = pattern.rpartition("/")
        expanded = "*" in above and "**" not in above
        folders = [literal_folder(pattern)] if not expanded else [
            path.relative_to(root).as_posix() for path in sorted(root.glob(above)) if path.is_dir()
        ]  # fmt: skip
        for folder in folders:
            if (root / folder).is_dir():
                own = f"{folder}/{name}" if expanded else pattern
                found.setdefault(folder, []).append(own)
    return _folded(found, root)


def _folded(folders: dict[str, list[str]], root: Path) -> dict[str, list[str]]:
    """Without folders inside others, unless they have a pytest configuration of their own."""
    found: dict[str, list[str]] = {}
    for folder, patterns in folders.items():
        own = settings_of(root / folder) is not None
        home = folder if own else min((path for path in folders if contains(path, folder)), key=len)
        found.setdefault(home, []).extend(patterns)
    return found


def _normal(path: str) -> str:
    return PurePosixPath(path).as_posix()
