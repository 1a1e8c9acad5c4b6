"""Where a project's tests are, found without running any of its code."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from argos.config.globs import matcher
from argos.config.pytest_settings import NAMES, PYTHON_FILES, PytestSettings, settings_of, tables_of
from argos.config.roots import TestRoot, build_roots, contains, default_patterns, join
from argos.config.scaffold import write_files as write_files

VENVS = (".venv", "venv")
_NEVER = {"__pycache__", "node_modules", "site-packages", "build", "dist", "CVS", "_darcs", "venv", "env"}
_TESTS = re.compile(r"(?:.*[_-])?(?:unit)?tests?(?:[_-].*)?", re.IGNORECASE)
_SAMPLES = {"data", "example", "examples", "fixtures", "sample", "samples", "templates", "testdata", "vendor"}


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found in a project. Paths are relative to its root, with `/`.

    `test_files` are the files that belong to the roots, `packages` the folders of the importable
    packages, `interpreter` a virtual environment in the project, `repository` whether it lies in a git
    repository, `notes` sentences for the user.
    """

    name: str
    roots: tuple[TestRoot, ...]
    test_files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    interpreter: str | None = None
    repository: bool = False
    notes: tuple[str, ...] = ()


def discover(project_root: Path) -> Discovery:
    """Finds test roots by pytest's configuration and, where that is silent, by the names of folders.

    With `testpaths` at the project's root these are the roots. Otherwise folders that are named like
    tests or have a pytest configuration of their own are; those that share a configuration go
    together, unless equally named modules in them would collide in one process. A project without
    such folders has its tests beside `setup.py`, or beside its code. Test files elsewhere are left
    out and named in a note.
    """
    tree = _scan(project_root)
    patterns = _from_testpaths(project_root, tree) or _from_folders(tree)
    roots = build_roots(project_root, patterns)
    files = _files_of(roots, tree.tests)
    return Discovery(
        name=_project_name(project_root),
        roots=roots,
        test_files=files,
        packages=_packages(tree, roots),
        interpreter=next((name for name in VENVS if (project_root / name / "pyvenv.cfg").is_file()), None),
        repository=any((f / ".git").exists() for f in (project_root, *project_root.absolute().parents)),
        notes=tuple(_notes(tree, roots, set(files))),
    )


@dataclass(slots=True)
class _Tree:
    """The parts of a project's tree that matter, in walking order."""

    tests: list[str] = field(default_factory=list)
    modules: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[str, PytestSettings] = field(default_factory=dict)

    def is_package(self, folder: str) -> bool:
        return "__init__.py" in self.modules.get(folder, ())

    def ruling(self, folder: str) -> PytestSettings:
        here = PurePosixPath(folder)
        chain = (path.as_posix() for path in (here, *here.parents))
        return next((self.settings[path] for path in chain if path in self.settings), PytestSettings())


def _scan(project_root: Path) -> _Tree:
    tree = _Tree()
    for name, folders, files in os.walk(project_root):
        folder = Path(name).relative_to(project_root).as_posix()
        if NAMES & set(files) and (own := settings_of(Path(name))) is not None:
            tree.settings[folder] = own
        ruling = tree.ruling(folder)
        folders[:] = sorted(f for f in folders if _is_searched(Path(name, f), f, ruling))
        modules = sorted(file for file in files if file.endswith(".py"))
        if modules:
            tree.modules[folder] = modules
        globs = ruling.python_files or PYTHON_FILES
        tree.tests += [join(folder, file) for file in modules if _is_test(file, globs)]
    return tree


def _is_searched(path: Path, name: str, ruling: PytestSettings) -> bool:
    if name.startswith(".") or name.endswith((".egg-info", ".egg")) or name in _NEVER:
        return False
    if any(fnmatch.fnmatchcase(name, written) for written in ruling.norecursedirs):
        return False
    try:
        return not (path / "pyvenv.cfg").is_file() and not (path / "conda-meta").is_dir()
    except OSError:  # a folder that only another user may enter, such as a server's data
        return False


def _is_test(file: str, globs: Iterable[str]) -> bool:
    name = PurePosixPath(file).name
    return name != "conftest.py" and any(fnmatch.fnmatchcase(name, g.rpartition("/")[2]) for g in globs)


def _from_testpaths(project_root: Path, tree: _Tree) -> dict[str, list[str]]:
    """The folders that the root's `testpaths` name, and the files where it names files."""
    found: dict[str, list[str]] = {}
    for written in tree.settings.get(".", PytestSettings()).testpaths:
        for name in sorted(glob.glob(written, root_dir=project_root, recursive=True)):  # noqa: PTH207 - may be "../x"
            path = PurePosixPath(name.replace(os.sep, "/")).as_posix()
            if (project_root / path).is_file():
                found.setdefault(PurePosixPath(path).parent.as_posix(), []).append(path)
            elif not path.startswith(("/", "../")):
                found.setdefault(path, [])
    return found


def _from_folders(tree: _Tree) -> dict[str, list[str]]:
    homes: dict[str, list[str]] = defaultdict(list)
    for file in tree.tests:
        if (home := _home(file, tree)) is not None:
            homes[home].append(file)
    real = {home: files for home, files in homes.items() if not _SAMPLES & set(home.split("/"))}
    if homes:
        return _together(real or homes, tree)
    if beside_setup := [file for file in tree.tests if "/" not in file]:
        globs = tree.ruling(".").python_files or PYTHON_FILES
        return {".": [g for g in globs if any(fnmatch.fnmatchcase(file, g) for file in beside_setup)]}
    return {folder: [] for folder in sorted({_code_folder(file) for file in tree.tests})}


def _code_folder(file: str) -> str:
    parts = file.split("/")
    return "/".join(parts[:2]) if parts[0] in ("src", "lib") and len(parts) > 2 else parts[0]


def _home(file: str, tree: _Tree) -> str | None:
    """The folder of tests that a file belongs to: one with its own configuration, or one of that name."""
    folders = [folder.as_posix() for folder in reversed(PurePosixPath(file).parents)][1:]
    named = next((at for at, folder in enumerate(folders) if _TESTS.fullmatch(folder.split("/")[-1])), None)
    inside = folders[named].count("/") + 1 if named is not None else 0
    configured = [
        at
        for at, folder in enumerate(folders)
        if folder in tree.settings and not (named is not None and _SAMPLES & set(folder.split("/")[inside:]))
    ]
    at = configured[-1] if configured else None
    if at is not None and (testpaths := tree.settings[folders[at]].testpaths):
        below = [join(folders[at], path.strip("/")) for path in testpaths]
        return next((path for path in below if contains(path, file)), None)
    if at is None or (named is not None and at < named):
        return None if named is None else folders[named]
    return folders[at]


def _together(homes: dict[str, list[str]], tree: _Tree) -> dict[str, list[str]]:
    """Folders that share a configuration as one root, if plain pytest could run them in one process."""
    groups: dict[str, list[str]] = defaultdict(list)
    for home in homes:
        here = PurePosixPath(home)
        ruled_by = next((p.as_posix() for p in (here, *here.parents) if p.as_posix() in tree.settings), ".")
        groups[ruled_by].append(home)
    found: dict[str, list[str]] = {}
    for members in groups.values():
        if len(members) == 1 or _collide(members, tree):
            found |= {home: [] for home in members}
        else:
            above = os.path.commonpath(members).replace(os.sep, "/") or "."
            found[above] = _common_patterns(above, members, tree)
    return dict(sorted(found.items()))


def _common_patterns(above: str, homes: Sequence[str], tree: _Tree) -> list[str]:
    """Patterns for folders of tests in `above`; none are needed where nothing else there is like a test."""
    below = (file for file in tree.tests if contains(above, file))
    if all(any(contains(home, file) for home in homes) for file in below):
        return []
    return [pattern for home in homes for pattern in default_patterns(home, tree.ruling(home))]


def _collide(homes: Sequence[str], tree: _Tree) -> bool:
    """Whether two modules of these folders would have one name, so that one process can load only one."""
    owner: dict[str, str] = {}
    for home in homes:
        if tree.ruling(home).separate_modules:
            continue
        for folder in (folder for folder in tree.modules if contains(home, folder)):
            for file in tree.modules[folder]:
                name = _module_name(folder, file, tree)
                if file not in ("conftest.py", "__init__.py") and owner.setdefault(name, folder) != folder:
                    return True
    return False


def _module_name(folder: str, file: str, tree: _Tree) -> str:
    parts = [file]
    here = PurePosixPath(folder)
    while here.name and tree.is_package(here.as_posix()):
        parts.insert(0, here.name)
        here = here.parent
    return "/".join(parts)


def _files_of(roots: Sequence[TestRoot], tests: Sequence[str]) -> tuple[str, ...]:
    inside: set[str] = set()
    for root in roots:
        match = matcher(root.patterns)
        inside |= {f for f in tests if match(f) and not any(contains(folder, f) for folder in root.nested)}
    return tuple(file for file in tests if file in inside)


def _packages(tree: _Tree, roots: Sequence[TestRoot]) -> tuple[str, ...]:
    test_folders = {root.path for root in roots} & {
        PurePosixPath(file).parent.as_posix() for file in tree.tests
    }

    def is_code(folder: str) -> bool:
        if any(_TESTS.fullmatch(part) or part in _SAMPLES for part in folder.split("/")):
            return False
        return folder not in test_folders

    packages = (folder for folder in tree.modules if folder != "." and tree.is_package(folder))
    tops = (f for f in packages if not tree.is_package(PurePosixPath(f).parent.as_posix()))
    return tuple(sorted(folder for folder in tops if is_code(folder)))


def _project_name(project_root: Path) -> str:
    toml, ini = tables_of(project_root / "pyproject.toml"), tables_of(project_root / "setup.cfg")
    tables = (toml.get("project", {}), toml.get("tool.poetry", {}), ini.get("metadata", {}))
    names = (table.get("name") for table in tables)
    written = next((name for name in names if isinstance(name, str) and name.strip()), None)
    return (written or project_root.absolute().name or "project").strip()


def _notes(tree: _Tree, roots: Sequence[TestRoot], inside: set[str]) -> Iterable[str]:
    if not roots:
        yield "No test files were found. Name the folders of your tests under `roots:` in .anvil/config.yaml."
    stray = [file for file in tree.tests if file not in inside]
    if roots and stray:
        more = f" and {len(stray) - 3} more" if len(stray) > 3 else ""
        yield f"Left out, since they lie outside the test roots: {', '.join(stray[:3])}{more}."
