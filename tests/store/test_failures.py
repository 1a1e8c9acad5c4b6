from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from argos.errors import ArgosError
from argos.store.failures import explained


def advice(file: Path) -> str:
    """What is said of a file that is no database."""
    file.write_bytes(b"no database at all " * 100)
    connection = sqlite3.connect(file)
    try:
        with pytest.raises(ArgosError) as refused, explained(str(file)):
            connection.execute("SELECT * FROM executions")
    finally:
        connection.close()
    return str(refused.value.next_step)


def test_the_folder_of_backups_is_named_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    assert f"Restore a backup (see {tmp_path / 'backups'})," in advice(tmp_path / "argos.db")


def test_no_folder_of_backups_is_named_that_does_not_exist(tmp_path: Path) -> None:
    assert "backups" not in advice(tmp_path / "argos.db")


def test_the_files_that_belong_to_a_damaged_database_go_with_it(tmp_path: Path) -> None:
    assert "with the -wal and -shm files beside it" in advice(tmp_path / "argos.db")
