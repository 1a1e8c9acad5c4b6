"""Sets up the project that the demo runs: Babel, as its authors published it, or `examples/argos`.

Everything lies in `.demo/`: the archive, a virtual environment for the project's own tests, and
the unpacked project as a git repository with one commit. The project is unpacked anew each time,
so the demo always begins without history.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
HOME = REPOSITORY / ".demo"
REQUIREMENTS = REPOSITORY / "requirements" / "demo.txt"
ARCHIVE_PIN = REPOSITORY / "requirements" / "demo-project.txt"
EXAMPLE = REPOSITORY / "examples" / "argos"
VENV = HOME / "venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


class SetupFailed(Exception):
    """A step of the set-up did not work; the text is the end of what the program printed."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One line of the project, and the same line with an error in it."""

    file: str
    right: str
    wrong: str

    def make(self, project: Path) -> int:
        """Writes the error into the project and returns the number of its line, counted from 1."""
        return self._replace(project, self.right, self.wrong)

    def mend(self, project: Path) -> int:
        return self._replace(project, self.wrong, self.right)

    def _replace(self, project: Path, old: str, new: str) -> int:
        path = project / self.file
        before = path.read_bytes()
        found = before.count(old.encode())
        if found != 1:
            raise SetupFailed(f"{self.file} holds the line {old!r} {found} times, expected once")
        path.write_bytes(before.replace(old.encode(), new.encode()))
        return before[: before.index(old.encode())].count(b"\n") + 1


@dataclass(frozen=True, slots=True)
class Project:
    """A project that is ready to run, the environment that runs its tests, and a mistake to try."""

    name: str
    path: Path
    environment: Path
    mistake: Mistake


def babel() -> Project:
    """Fetches what is missing, unpacks Babel anew. Raises `SetupFailed`, as without a network."""
    HOME.mkdir(exist_ok=True)
    fresh = _environment()
    archive = _archive()
    path = HOME / "babel-2.17.0"
    shutil.rmtree(path, ignore_errors=True)
    _unpack(archive)
    if fresh:
        _pip("install", "--no-deps", "--no-index", "--no-build-isolation", "--editable", str(path))
        _stamp().write_text(_wanted(), encoding="utf-8")
    _commit(path)
    # Off by one: the closing quote of every string in a message catalogue is kept.
    mistake = Mistake(
        file="babel/messages/pofile.py",
        right=".sub(replace_escapes, string[1:-1])",
        wrong=".sub(replace_escapes, string[1:])",
    )
    return Project("Babel 2.17.0", path, VENV, mistake)


def example() -> Project:
    """Copies `examples/argos`; its tests run in the environment that Argos itself runs in."""
    HOME.mkdir(exist_ok=True)
    path = HOME / "example"
    shutil.rmtree(path, ignore_errors=True)
    # Without its own configuration: `anvil init` writes it, as in any project.
    left_out = ("__pycache__", ".argos", ".pytest_cache", ".anvil", ".lens")
    shutil.copytree(EXAMPLE, path, ignore=shutil.ignore_patterns(*left_out))
    _commit(path)
    # Off by one: the last line of every range is lost.
    mistake = Mistake(
        file="forge/forge/models.py",
        right="return self.last - self.first + 1",
        wrong="return self.last - self.first",
    )
    return Project("examples/argos", path, Path(sys.prefix), mistake)


def _environment() -> bool:
    """Makes the project's virtual environment; False if the one that is there is still right."""
    if _stamp().is_file() and _stamp().read_text(encoding="utf-8") == _wanted():
        return False
    _run(sys.executable, "-m", "venv", "--clear", str(VENV))
    _pip("install", "--require-hashes", "--requirement", str(REQUIREMENTS))
    return True


def _stamp() -> Path:
    return VENV / "argos-demo-stamp"


def _wanted() -> str:
    return f"{sys.version}\n{REQUIREMENTS.read_text(encoding='utf-8')}"


def _archive() -> Path:
    """The source archive with the pinned checksum, downloaded only once."""
    downloads = HOME / "download"
    pinned = re.findall(r"--hash=sha256:(\w+)", ARCHIVE_PIN.read_text(encoding="utf-8"))
    for archive in downloads.glob("*.tar.gz"):
        if hashlib.sha256(archive.read_bytes()).hexdigest() in pinned:
            return archive
    shutil.rmtree(downloads, ignore_errors=True)
    pin = ("--require-hashes", "--requirement", str(ARCHIVE_PIN), "--dest", str(downloads))
    _pip("download", "--no-deps", "--no-build-isolation", "--no-binary=:all:", *pin)
    return next(downloads.glob("*.tar.gz"))


def _unpack(archive: Path) -> None:
    # The filter keeps the archive's owners out, whom git would not trust; Python 3.11.0 to 3.11.3 have none.
    with tarfile.open(archive) as members:
        if hasattr(tarfile, "data_filter"):
            members.extraction_filter = tarfile.data_filter
        members.extractall(HOME)


def _commit(path: Path) -> None:
    """One commit, whatever the user's own git settings are, so that executions have one to name."""
    settings = {
        "user.name": "Demo",
        "user.email": "demo@example.invalid",
        "commit.gpgsign": "false",
        "core.autocrlf": "false",
        "core.hooksPath": str(path / ".git" / "no-hooks"),
    }
    git = [
        "git",
        "-C",
        str(path),
        *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
    ]
    _run(*git, "init", "--quiet", "--template=", "--initial-branch=main")
    _run(*git, "add", "--all", "--force")
    _run(*git, "commit", "--quiet", "--message", "As published")
    _run(*git, "config", "core.autocrlf", "false")


def _pip(*arguments: str) -> None:
    _run(str(VENV_PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise SetupFailed(f"{' '.join(argv[:4])} … ended with exit code {done.returncode}:\n{last}")
