"""A real PostgreSQL server for the tests, started once in a run and gone after it.

Without the server's programs the tests that ask for it are skipped; where `CI` is set they fail.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ADDRESS = "127.0.0.1"
MISSING = "initdb and postgres are not on PATH nor under /usr/lib/postgresql; install a PostgreSQL server"


@dataclass
class Server:
    """A running server; each database of it is made for one test."""

    port: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        return f"postgresql://argos@{ADDRESS}:{self.port}/{database}"

    def create(self, template: str = "template0", options: str = "") -> str:
        """Makes a database that nobody else uses; its URL."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {options}")
        return self.url(name)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def running() -> Iterator[Server]:
    programs = _programs()
    if programs is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with tempfile.TemporaryDirectory(prefix="argos-postgres-") as folder:
        user = _unprivileged_user(Path(folder))
        data = Path(folder) / "data"
        run = [programs / "initdb", "--pgdata", data, "--username=argos", "--auth=trust"]
        _call([*run, "--encoding=UTF8", "--no-locale", "--no-sync"], user)
        port = _free_port()
        control = [programs / "pg_ctl", "--pgdata", data, "--wait"]
        options = f"-p {port} -h {ADDRESS} -k '' -c fsync=off -c max_connections=60"
        _call([*control, "--log", Path(folder) / "log", "--options", options, "start"], user)
        try:
            yield Server(port)
        finally:
            _call([*control, "--mode=immediate", "stop"], user)


def _programs() -> Path | None:
    """The folder of initdb and postgres, the newest where there are several."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("pg_ctl")
    folders = [*installed[::-1], *([Path(on_path).parent] if on_path else [])]
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def _unprivileged_user(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: then another user, who gets the folder."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd  # not on Windows

    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return user


def _call(argv: list[str | Path], user: str | None) -> None:
    # The server inherits the output of pg_ctl, which therefore is no pipe.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        done = subprocess.run(argv, user=user, cwd="/", stdout=output, stderr=output, timeout=60)
        output.seek(0)
        assert done.returncode == 0, output.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port
