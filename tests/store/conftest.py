from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres as postgresql
from argos.store.database import Database, open_database
from argos.store.tables import METADATA


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Server]:
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="session")
def shared_url(postgres: postgresql.Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PostgreSQL database with the schema that the tests share, one after the other."""
    url = postgres.create()
    open_database(tmp_path_factory.mktemp("shared"), url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The address of a database without rows: None for the SQLite file of the project `tmp_path`."""
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("shared_url")
    server: postgresql.Server = request.getfixturevalue("postgres")
    server.execute(f"TRUNCATE {', '.join(METADATA.tables)} RESTART IDENTITY", address.rpartition("/")[2])
    return address


@pytest.fixture
def database(url: str | None, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path, url)
    yield opened
    opened.close()
