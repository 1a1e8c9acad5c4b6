"""What git knows of the project: the commit, the branch, and the files that have changed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from argos import process
from argos.errors import ArgosError

TIMEOUT_S = 60.0
# A hook's git sets these relative to the folder it runs in; the project's root may be another one.
_OF_A_HOOK = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
_DIFF = ("diff", "--raw", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--ignore-cr-at-eol")
_COMMIT = re.compile("[0-9a-fA-F]{4,64}")
_OWN_FOLDER = ".argos/"


@dataclass(frozen=True, slots=True)
class GitState:
    """Where the work tree stands; every field is None outside a repository.

    `commit` is None before the first commit, `branch` on a detached HEAD. `dirty` says that a tracked
    file differs from the commit in more than its line ends; untracked files do not count.
    """

    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None


def outside_of_hooks(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what git sets for its hooks, which would send any git to the user's index."""
    return {name: value for name, value in environ.items() if name not in _OF_A_HOOK}


def state(root: Path) -> GitState:
    """The state of the repository that holds `root`. Never fails: without git it is all None."""
    if shutil.which("git") is None or _git(root, "rev-parse", "--is-inside-work-tree") != "true\n":
        return GitState()
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    branch = _git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    changes = [_git(root, *_DIFF), _git(root, *_DIFF, "--cached")]
    return GitState(
        commit=commit.strip() or None if commit else None,
        branch=branch.strip() or None if branch else None,
        dirty=None if None in changes else any(True for out in changes for _ in _changed(out or "")),
    )


def top(root: Path) -> Path | None:
    """The folder of the work tree that holds `root`; None outside of any, and without git."""
    if shutil.which("git") is None:
        return None
    found = _git(root, "rev-parse", "--show-toplevel")
    return Path(found.rstrip("\n")) if found and found.strip() else None


def changed_files(root: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The changed files below `root`, relative to it, sorted.

    With `CHANGED_FILES` in the environment these are exactly the files named there, one a line (a
    line that is no file may also be several names between spaces). They may be relative to the root
    or to the repository; those that are gone are left out. Otherwise they are the staged, unstaged and
    untracked files of git, without those that differ in their line ends only. Of the deleted ones only
    Python files that are no test files are among them: the tests named after those may fail now.

    Raises `ArgosError` when there is neither the variable nor a repository.
    """
    if "CHANGED_FILES" in environ:
        return tuple(sorted(set(_named(environ["CHANGED_FILES"], root))))
    untracked = _required(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    tracked = [
        path
        for staged in ((), ("--cached",))
        for path in _changed(_required(root, *_DIFF, "--relative", *staged))
    ]
    found = {path for path in (*untracked, *tracked) if not path.startswith(_OWN_FOLDER)}
    return tuple(sorted(path for path in found if (root / path).is_file() or _deleted_source(root, path)))


def renames(root: Path, commit: str) -> dict[str, str]:
    """From a file's former path to its present one, for what git sees as renamed since a commit's hash.

    Both relative to `root`; files outside of it are left out. Empty without git, and for a commit that
    the repository does not have.
    """
    if not _COMMIT.fullmatch(commit):
        return {}  # it may begin like an option
    how = ("--name-status", "-z", "-M", "--diff-filter=R", "--relative", "--no-ext-diff")
    told = _where_there_is_git(root, "diff", *how, commit, "--")
    fields = iter((told or "").split("\0"))
    return {next(fields): next(fields) for status in fields if status.startswith("R")}


def own_files(root: Path) -> list[str] | None:
    """The files below `root` that git knows or would take up, relative to it; None outside a repository."""
    told = _where_there_is_git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return None if told is None else sorted({path for path in told.split("\0") if path})


def commits_by_file(root: Path, days: int) -> dict[str, int]:
    """How many commits of the last days changed each file below `root`; empty without git."""
    how = ("--name-only", "--format=", "--relative", "--no-renames", "-z")
    told = _where_there_is_git(root, "log", f"--since={days}.days", *how)
    counts: dict[str, int] = {}
    for path in (told or "").replace("\n", "\0").split("\0"):
        if path:
            counts[path] = counts.get(path, 0) + 1
    return counts


def _deleted_source(root: Path, path: str) -> bool:
    name = PurePath(path)
    test = name.stem.startswith("test_") or name.stem.endswith("_test")
    return name.suffix == ".py" and not test and not os.path.lexists(root / path)


def _where_there_is_git(root: Path, *arguments: str) -> str | None:
    return None if shutil.which("git") is None else _git(root, *arguments)


def _git(root: Path, *arguments: str) -> str | None:
    done = _run(root, *arguments)
    return done.stdout if done.returncode == 0 else None


def _required(root: Path, *arguments: str) -> str:
    done = _run(root, *arguments)
    if done.returncode == 0:
        return done.stdout
    said = next(iter(done.stderr.splitlines()), "").removeprefix("fatal: ")
    raise ArgosError(
        f"git cannot tell which files have changed: {said or f'it ended with {done.returncode}'}.",
        where=str(root),
        next_step="Run this inside a git repository, or name the files in the variable CHANGED_FILES.",
    )


def _run(root: Path, *arguments: str) -> process.Completed:
    command = ["git", "--no-optional-locks", *arguments]
    return process.run(command, cwd=root, timeout_s=TIMEOUT_S, env=outside_of_hooks(os.environ))


def _changed(diff: str) -> Iterator[str]:
    """The paths in `git diff --raw --numstat -z` that changed in more than their line ends.

    Raw records are `:modes and status NUL path NUL` and come first; then `added TAB removed TAB path
    NUL` follow, which count no line of a file whose line ends alone differ.
    """
    raw: dict[str, str] = {}
    lines: dict[str, str] = {}
    fields = iter(diff.split("\0"))
    for field in fields:
        if field.startswith(":"):
            raw[next(fields)] = field
        elif field:
            added, removed, path = field.split("\t", 2)
            lines[path] = f"{added} {removed}"
    for path, record in raw.items():
        old_mode, new_mode, _, _, status = record[1:].split(" ")
        if status != "M" or old_mode != new_mode or lines.get(path, "0 0") != "0 0":
            yield path


def _named(written: str, root: Path) -> Iterator[str]:
    for line in filter(None, (line.strip() for line in re.split(r"[\r\n\0]+", written))):
        name = _unquoted(line)
        names = [name] if _exists(name, root) or " " not in name else name.split()
        for each in names:
            if (path := _below(each, root)) is not None:
                yield path


def _exists(name: str, root: Path) -> bool:
    return any((folder / name).is_file() for folder in _bases(root))


def _below(name: str, root: Path) -> str | None:
    """The path relative to `root`, None for a file outside it or one that is gone."""
    for base in _bases(root):
        if (base / name).is_file():
            path = PurePath(os.path.relpath(base / name, root)).as_posix()
            return None if path.startswith("../") else path
    return None


def _bases(root: Path) -> tuple[Path, ...]:
    """The folders that a named file may be relative to: the root, then the top of its repository."""
    above = next((folder for folder in root.parents if (folder / ".git").exists()), None)
    return (root,) if above is None or (root / ".git").exists() else (root, above)


_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def _unquoted(name: str) -> str:
    """A name as it is; git puts those with special characters in quotes when told no `-z`."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name

    def plain(escape: re.Match[bytes]) -> bytes:
        code = escape[1]
        return bytes([int(code, 8) & 255]) if len(code) == 3 else _LETTERS.get(code, code)

    return _ESCAPE.sub(plain, name[1:-1].encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
