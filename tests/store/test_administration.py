from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from argos.errors import ArgosError
from argos.model.execution import ExecutionStatus, Pick, Selection
from argos.store import administration, entities, executions, statistics
from argos.store.database import Database, open_database
from argos.store.tables import HEAD, REVISIONS
from builders import NOON, a_result, an_execution


def ran(
    database: Database, name: str, *tests: str, day: int = 0, outcome: str = "passed", **fields: object
) -> None:
    """An execution of this day that recorded one result for each test."""
    start = NOON + timedelta(days=day)
    with database.write() as connection:
        executions.start(connection, an_execution(name, started_at=start, **fields))
        executions.record(connection, name, [a_result(test, outcome, started_at=start) for test in tests])


def kept(database: Database) -> list[str]:
    with database.read() as connection:
        return [execution.execution_id for execution in executions.recent(connection, limit=100)]


def test_the_size_of_an_empty_database_is_known(database: Database):
    info = administration.info(database)
    assert (info.executions, info.entities, info.results, info.oldest, info.newest) == (0, 0, 0, None, None)
    assert (info.revision, info.head, info.bytes_per_result) == (HEAD, HEAD, None)
    assert info.size_bytes > 0


def test_info_counts_what_is_there(database: Database):
    ran(database, "one", "a", "b")
    ran(database, "two", "a", day=1)
    info = administration.info(database)
    assert (info.executions, info.entities, info.results) == (2, 2, 3)
    assert (info.oldest, info.newest) == (NOON, NOON + timedelta(days=1))
    assert info.bytes_per_result == info.size_bytes / 3
    assert info.location == database.where


def test_info_on_a_database_without_a_schema_says_what_an_upgrade_would_do(tmp_path: Path):
    database = open_database(tmp_path, upgrade=False)
    info = administration.info(database)
    assert (info.revision, info.head, info.executions) == (None, HEAD, 0)
    assert administration.upgrade(database) == list(REVISIONS)
    assert administration.upgrade(database) == []
    database.close()


def test_a_backup_is_a_whole_database(tmp_path: Path):
    database = open_database(tmp_path)
    ran(database, "one", "a", "b")
    administration.backup(database, tmp_path / "copies" / "copy.db")
    copy = open_database(tmp_path, "sqlite:///copies/copy.db")
    assert kept(copy) == ["one"]
    assert administration.check(copy) == []
    assert [file.name for file in (tmp_path / "copies").iterdir() if file.suffix == ".part"] == []
    copy.close()
    database.close()


def test_a_backup_overwrites_nothing(tmp_path: Path):
    database = open_database(tmp_path)
    (tmp_path / "mine.db").write_text("precious")
    with pytest.raises(ArgosError, match="already"):
        administration.backup(database, tmp_path / "mine.db")
    assert (tmp_path / "mine.db").read_text() == "precious"
    database.close()


def test_a_backup_that_cannot_be_written_is_refused(tmp_path: Path):
    database = open_database(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgosError, match="cannot be written"):
        administration.backup(database, tmp_path / "file" / "copy.db")
    database.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_backup_of_postgresql_names_the_command_to_use(database: Database, tmp_path: Path):
    with pytest.raises(ArgosError) as refusal:
        administration.backup(database, tmp_path / "copy.db")
    assert f"pg_dump --format=custom --file={tmp_path / 'copy.db'} 'postgresql://" in str(refusal.value)


def test_a_sound_database_has_no_problems(database: Database):
    ran(database, "one", "a", "b", outcome="failed")
    assert administration.check(database) == []


@pytest.mark.parametrize("damage", ["DELETE FROM statistics", "UPDATE statistics SET recent = 'F'"])
def test_wrong_statistics_are_named(database: Database, damage: str):
    ran(database, "one", "a", "b")
    with database.write() as connection:
        connection.exec_driver_sql(f"{damage} WHERE entity = 1")
    assert administration.check(database) == ["The statistics of a in local are not what its results say."]


def test_references_to_what_is_not_there_are_counted(tmp_path: Path):
    database = open_database(tmp_path)
    ran(database, "one", "a", "b")
    with closing(sqlite3.connect(tmp_path / ".argos" / "argos.db")) as connection, connection:
        connection.execute("DELETE FROM entities")
    assert "2 rows of results refer to entities that are not there." in administration.check(database)
    database.close()


def test_prune_wants_to_be_told_what(database: Database):
    with pytest.raises(ArgosError, match="what to prune"):
        administration.prune(database)


def test_prune_by_age_deletes_whole_executions(database: Database):
    for day in range(4):
        ran(database, f"day-{day}", "a", day=day)
    pruned = administration.prune(database, older_than=NOON + timedelta(days=2))
    assert (pruned.executions, pruned.results, pruned.entities) == (2, 2, 0)
    assert kept(database) == ["day-3", "day-2"]


def test_prune_by_number_keeps_the_newest_of_each_space(database: Database):
    for day in range(3):
        ran(database, f"local-{day}", "a", day=day)
        ran(database, f"ci-{day}", "a", day=day, space="ci")
    administration.prune(database, keep_last=1)
    assert set(kept(database)) == {"local-2", "ci-2"}


def test_what_either_limit_spares_is_kept(database: Database):
    for day in range(4):
        ran(database, f"day-{day}", "a", day=day)
    administration.prune(database, older_than=NOON + timedelta(days=3), keep_last=2)
    assert kept(database) == ["day-3", "day-2"]


def test_the_newest_complete_execution_is_never_pruned(database: Database):
    ran(database, "older", "a", complete=True)
    ran(database, "complete", "a", day=1, complete=True)
    ran(database, "partial", "a", day=2)
    administration.prune(database, keep_last=0)
    assert kept(database) == ["complete"]


def test_an_execution_that_is_running_is_never_pruned(database: Database):
    ran(database, "running", "a", status=ExecutionStatus.RUNNING)
    assert administration.prune(database, keep_last=0).executions == 0
    assert kept(database) == ["running"]


def test_statistics_after_pruning_are_those_of_what_remains(database: Database):
    ran(database, "old", "a", "b", outcome="failed")
    ran(database, "new", "a", day=1)
    administration.prune(database, keep_last=1)
    with database.read() as connection:
        assert [(r.entity, r.recent, r.total_runs) for r in statistics.records(connection, space=None)] == [
            ("a", "P", 1)
        ]
        assert statistics.recent_outcomes(connection, space="local", failing_only=True) == []
    assert administration.check(database) == []


def test_an_entity_of_which_nothing_is_left_goes_too(database: Database):
    ran(database, "old", "a", "b")
    ran(database, "new", "a", day=1)
    assert administration.prune(database, keep_last=1).entities == 1
    with database.read() as connection, pytest.raises(ArgosError):
        entities.find(connection, "b")


def test_an_entity_that_a_selection_still_names_stays(database: Database):
    ran(database, "old", "a", "b")
    ran(database, "new", "a", day=1)
    selection = Selection((Pick("b", "failed 1 of its last 1"), Pick("a", "matches *")))
    with database.write() as connection:
        executions.save_selection(connection, "new", selection)
    assert administration.prune(database, keep_last=1).entities == 0
    ran(database, "next", "c", day=2)
    with database.read() as connection:
        assert executions.selection(connection, "new") == selection


def test_a_dry_run_counts_and_deletes_nothing(database: Database):
    ran(database, "old", "a", "b")
    ran(database, "new", "a", day=1)
    planned = administration.prune(database, keep_last=1, dry_run=True)
    assert len(kept(database)) == 2
    done = administration.prune(database, keep_last=1)
    assert (planned.executions, planned.results, planned.entities) == (1, 2, 1)
    assert (done.executions, done.results, done.entities) == (1, 2, 1)


def test_pruning_gives_sqlite_space_back_to_the_disk(tmp_path: Path):
    database = open_database(tmp_path)
    for day in range(6):
        ran(database, f"day-{day}", *(f"tests/test_module.py::test_{n}" for n in range(3000)), day=day)
    before = administration.info(database).size_bytes
    pruned = administration.prune(database, keep_last=1)
    assert pruned.bytes_freed == before - administration.info(database).size_bytes
    assert pruned.bytes_freed > 5 * 3000 * 20
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() == 0
    assert administration.check(database) == []
    database.close()
