"""Virtual environments with real pytests, as projects under validation have them.

Each is a Python and a list of pinned requirements (`requirements/targets/*.txt`). It is made once, with
`pip install --require-hashes`, and kept in `.cache/targets` under a name that changes with what is in it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements" / "targets"
CACHE = ROOT / ".cache" / "targets"

# (Python, stack): the ends of what is supported, and the middle.
SUPPORTED = (("3.8", "pytest-6.2"), ("3.11", "pytest-7.4"), ("3.13", "pytest-8.4"), ("3.13", "pytest-9"))
# What does not depend on versions is tested with the Python that is surely there.
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
DEFAULT = (RUNNING, "pytest-7.4" if sys.version_info < (3, 13) else "pytest-9")
NEWEST = SUPPORTED[-1]


def interpreter(python: str, stack: str) -> Path:
    """The `python` of an environment that holds the stack.

    `python` is a version without the last part, `stack` the name of a file in `requirements/targets`.
    Without that Python the calling test is skipped; so it is if the requirements cannot be installed,
    but where `CI` is set it then fails.
    """
    base = find_python(python)
    if base is None:
        pytest.skip(f"There is no Python {python} on this machine: install it with pyenv, or put it on PATH.")
    requirements = REQUIREMENTS / f"{stack}.txt"
    made_of = f"{base}\n{requirements.read_text(encoding='utf-8')}"
    folder = CACHE / f"{stack}-py{python}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    if not folder.exists():
        _make(base, requirements, folder)
    return _python_of(folder)


@cache
def find_python(version: str) -> Path | None:
    """An interpreter of this version: the running one, one of pyenv's, or one on PATH."""
    if version == RUNNING:
        return Path(sys.executable)
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    on_path = shutil.which(f"python{version}")
    if pyenv or on_path is None:
        return pyenv[-1] if pyenv else None
    starts = subprocess.run([on_path, "-c", ""], capture_output=True, check=False).returncode == 0
    return Path(on_path) if starts else None


def _make(base: Path, requirements: Path, folder: Path) -> None:
    """Builds beside the final place and moves, so that another test run never sees half an environment."""
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        _run([str(base), "-m", "venv", str(draft)])
        _run([str(_python_of(draft)), "-m", "pip", "install", "-q", "--no-warn-script-location",
              "--disable-pip-version-check", "--require-hashes", "-r", str(requirements)])  # fmt: skip
        draft.rename(folder)
    except OSError:
        if not folder.exists():  # made by another test run in the meantime
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        _give_up(f"The test environment could not be made ({' '.join(argv[1:4])}): {reason}")


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _give_up(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session", params=SUPPORTED, ids="-py".join)
def target(request: pytest.FixtureRequest) -> Path:
    """The interpreter of each supported environment in turn."""
    return interpreter(*request.param)


@pytest.fixture(scope="session", params=(SUPPORTED[0], SUPPORTED[-1]), ids="-py".join)
def edge_target(request: pytest.FixtureRequest) -> Path:
    """The interpreters of the oldest and the newest supported environment."""
    return interpreter(*request.param)


@pytest.fixture(scope="session")
def default_target() -> Path:
    """The interpreter of one ordinary environment, for what does not depend on versions."""
    return interpreter(*DEFAULT)


@pytest.fixture(scope="session")
def newest_target() -> Path:
    """The interpreter of the newest environment."""
    return interpreter(*NEWEST)
