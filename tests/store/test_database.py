from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from argos.errors import ArgosError
from argos.store import administration, bulk, executions, statistics, upgrades
from argos.store.database import Database, open_database
from argos.store.tables import HEAD, METADATA
from builders import a_result, an_execution
from postgres import Server

NOBODY = 65534

CRASHING = """
    import sys
    from datetime import timedelta
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from builders import NOON, a_result, an_execution
    from argos.errors import ArgosError
    from argos.store import executions
    from argos.store.database import open_database
"""


def script(source: str) -> list[str]:
    """The command line that runs a script with the builders and the store imported."""
    prelude = CRASHING.format(tests=str(Path(__file__).parent.parent))
    return [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(source)]


def fill(database: Database, name: str = "one", results: int = 3) -> None:
    with database.write() as connection:
        executions.start(connection, an_execution(name))
        executions.record(connection, name, [a_result(f"t{number}") for number in range(results)])


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [execution.execution_id for execution in executions.recent(connection, limit=100)]


def refusal(root: Path, url: str | None = None) -> ArgosError:
    with pytest.raises(ArgosError) as refused:
        open_database(root, url)
    assert refused.value.next_step
    return refused.value


def file_of(root: Path) -> Path:
    return root / ".argos" / "argos.db"


def a_filled_file(root: Path) -> Path:
    database = open_database(root)
    fill(database, results=200)
    database.close()
    return file_of(root)


def test_a_new_project_gets_a_file_that_git_does_not_see(tmp_path: Path):
    database = open_database(tmp_path)
    assert database.path == file_of(tmp_path)
    assert (tmp_path / ".argos" / ".gitignore").read_text() == "*\n"
    assert (database.dialect, database.revision()) == ("sqlite", HEAD)
    database.close()


def test_what_was_recorded_is_there_after_reopening(url: str | None, tmp_path: Path):
    first = open_database(tmp_path, url)
    fill(first)
    first.close()
    second = open_database(tmp_path, url)
    assert names(second) == ["one"]
    second.close()


def test_an_sqlite_url_is_relative_to_the_project(tmp_path: Path):
    database = open_database(tmp_path, "sqlite:///shared/history.db")
    database.close()
    assert database.path == tmp_path / "shared" / "history.db"
    assert database.path.exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://me:secret@host/db", "SQLite or PostgreSQL, not in mysql"),
        ("me:secret@host", "cannot be read"),
        ("sqlite://", "in memory forgets"),
        ("sqlite:///:memory:", "in memory forgets"),
    ],
)
def test_other_urls_are_refused_without_showing_a_password(tmp_path: Path, url: str, message: str):
    refused = refusal(tmp_path, url)
    assert message in str(refused)
    assert "secret" not in str(refused)


def test_a_server_that_cannot_be_reached_is_refused_without_showing_the_password(tmp_path: Path):
    refused = refusal(tmp_path, "postgres://me:secret@127.0.0.1:1/db")
    assert "cannot be reached" in str(refused)
    assert "secret" not in str(refused)
    assert "127.0.0.1" in str(refused)


def test_a_missing_postgresql_database_is_refused(postgres: Server, tmp_path: Path):
    assert 'database "none" does not exist' in str(refusal(tmp_path, postgres.url("none")))


def test_a_postgresql_database_in_another_encoding_is_refused(postgres: Server, tmp_path: Path):
    url = postgres.create(options="ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    assert "encoded in LATIN1" in str(refusal(tmp_path, url))


def test_postgresql_without_its_driver_says_what_to_install(tmp_path: Path):
    without = """
        import sys
        sys.modules["psycopg"] = None
        try:
            open_database(Path("."), "postgresql://localhost/db")
        except ArgosError as refusal:
            print(refusal)
    """
    done = subprocess.run(script(without), capture_output=True, text=True, cwd=tmp_path, check=True)
    assert 'pip install "argos[postgres]"' in done.stdout


def test_the_password_of_a_url_is_hidden(postgres: Server, tmp_path: Path):
    url = postgres.create().replace("argos@", "argos:secret@")
    database = open_database(tmp_path, f"{url}?application_name=hidden&connect_timeout=5")
    assert database.url == url.replace("secret", "***")
    assert database.where == database.url
    database.close()


def test_a_transaction_that_fails_leaves_nothing(database: Database):
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        executions.start(connection, an_execution("one"))
        raise ZeroDivisionError
    assert names(database) == []


def test_a_bug_in_a_query_is_not_explained_away(database: Database):
    with pytest.raises(Exception, match="nonsense") as bug, database.read() as connection:
        connection.exec_driver_sql("SELECT * FROM nonsense")
    assert not isinstance(bug.value, ArgosError)


RECORDER = """
    database = open_database(Path(sys.argv[1]), sys.argv[2] or None)
    name = sys.argv[3]
    with database.write() as connection:
        executions.start(connection, an_execution(name))
    for number in range(30):
        with database.write() as connection:
            batch = [a_result(f"t{n}", "failed" if n % 2 else "passed", attempt=number,
                              started_at=NOON + timedelta(seconds=number)) for n in range(20)]
            executions.record(connection, name, batch[:: -1 if name == "two" else 1])
"""


def test_two_processes_that_record_at_once_lose_nothing(url: str | None, tmp_path: Path):
    both = [subprocess.Popen([*script(RECORDER), str(tmp_path), url or "", name]) for name in ("one", "two")]
    assert [process.wait(60) for process in both] == [0, 0]
    database = open_database(tmp_path, url)
    with database.read() as connection:
        assert len(executions.results(connection, "one")) == len(executions.results(connection, "two")) == 600
    assert administration.check(database) == []
    database.close()


def test_processes_that_open_a_new_project_at_once_make_one_database(tmp_path: Path, postgres: Server):
    for url in ("", postgres.create()):
        opening = script("open_database(Path(sys.argv[1]), sys.argv[2] or None).close()")
        several = [subprocess.Popen([*opening, str(tmp_path), url]) for _ in range(3)]
        assert [process.wait(60) for process in several] == [0, 0, 0]


KILLED = """
    database = open_database(Path(sys.argv[1]), sys.argv[2] or None)
    with database.write() as connection:
        executions.start(connection, an_execution("kept"))
        executions.record(connection, "kept", [a_result("kept")])
    with database.write() as connection:
        executions.start(connection, an_execution("lost"))
        executions.record(connection, "lost", [a_result(f"t{n}") for n in range(2000)])
        print("now", flush=True)
        sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no kill -9")
def test_kill_in_the_middle_of_a_recording_leaves_the_transactions_before_it(url: str | None, tmp_path: Path):
    argv = [*script(KILLED), str(tmp_path), url or ""]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        os.kill(process.pid, signal.SIGKILL)
    database = open_database(tmp_path, url)
    assert names(database) == ["kept"]
    assert administration.check(database) == []
    fill(database, "after")
    database.close()


def test_a_full_disk_is_refused_and_what_was_there_stays(tmp_path: Path):
    database = open_database(tmp_path)
    fill(database, "before")
    with database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(ArgosError, match="disk is full") as refused:
        fill(database, "too much", results=2000)
    assert refused.value.where == str(file_of(tmp_path))
    assert names(database) == ["before"]
    assert administration.check(database) == []
    database.close()


LIMITED = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    database = open_database(Path(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        with database.write() as connection:
            executions.start(connection, an_execution("too much"))
            executions.record(connection, "too much", [a_result("t" * 100 + str(n)) for n in range(9000)])
    except ArgosError as refusal:
        print(refusal)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_write_that_the_system_refuses_is_explained_and_what_was_there_stays(tmp_path: Path):
    file = a_filled_file(tmp_path)
    done = subprocess.run([*script(LIMITED), str(tmp_path)], capture_output=True, text=True, check=True)
    assert str(file) in done.stdout
    assert "was recorded before is intact" in done.stdout
    database = open_database(tmp_path)
    assert names(database) == ["one"]
    assert administration.check(database) == []
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of one megabyte, where this machine lets the tests mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    argv = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(argv, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_is_refused_and_what_was_there_stays(small_disk: Path):
    database = open_database(small_disk)
    fill(database, "before")
    with pytest.raises(ArgosError, match="intact"):
        fill(database, "too much", results=20_000)
    assert names(database) == ["before"]
    database.close()


def test_a_full_disk_refuses_a_new_database(small_disk: Path):
    (small_disk / "ballast").write_bytes(b"x" * 1024 * 1024)
    refusal(small_disk)


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """Root may write everywhere; it becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other rights on Windows")
@pytest.mark.parametrize("existing", [False, True])
def test_a_folder_that_cannot_be_written_is_refused(existing: bool):
    root = Path(tempfile.mkdtemp())  # not under tmp_path, which only its owner may enter
    before = a_filled_file(root).read_bytes() if existing else b""
    folders = [root, *([root / ".argos"] if existing else [])]
    for folder in folders[::-1]:
        folder.chmod(0o555)
    try:
        with as_an_ordinary_user():
            assert "writable" in str(refusal(root))
        if existing:
            assert file_of(root).read_bytes() == before
    finally:
        for folder in folders:
            folder.chmod(0o755)
        shutil.rmtree(root)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path):
    file = file_of(tmp_path)
    file.parent.mkdir()
    file.write_bytes(b"These are my notes and they are precious. " * 100)
    assert "not an SQLite database" in str(refusal(tmp_path))
    assert file.read_bytes().startswith(b"These are my notes")


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path):
    file = a_filled_file(tmp_path)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)
    assert "damaged" in str(refusal(tmp_path))


def test_damage_inside_is_found_by_the_check_or_refused(tmp_path: Path):
    file = a_filled_file(tmp_path)
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8192] = b"\xff" * 8192
    file.write_bytes(content)
    try:
        database = open_database(tmp_path)
        problems = administration.check(database)
        database.close()
    except ArgosError as refused:
        problems = [str(refused)]
    assert any("damaged" in problem for problem in problems)


def test_the_schema_of_a_newer_argos_is_refused_and_left_alone(tmp_path: Path):
    file = a_filled_file(tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    refused = refusal(tmp_path)
    assert "schema 0999" in str(refused)
    assert "newer Argos" in str(refused)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM results").fetchone() == (200,)


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path, postgres: Server):
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection, connection:
        connection.execute("CREATE TABLE results (mine)")
    assert "already has a table 'results'" in str(refusal(tmp_path, "sqlite:///app.db"))
    url = postgres.create()
    postgres.execute("CREATE TABLE entities (mine int)", url.rpartition("/")[2])
    assert "already has a table 'entities'" in str(refusal(tmp_path, url))


def fill_revision_0001(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            """INSERT INTO executions (execution_id, entity_type, rule, space, started_us, status, complete)
            VALUES ('old', 'test', 'all', 'local', 1000000, 'finished', true)"""
        )
        names = [("test", f"t{n}", f"k{n}") for n in (1, 2, 3)]
        bulk.insert(connection, "entities", "entity_type, entity_id, key", names)
        columns = "execution, entity, attempt, outcome, started_ms, setup_us, call_us, teardown_us"
        bulk.insert(connection, "results", columns, [(1, n, 0, 0, 0, 0, 0, 0) for n in (1, 2, 3)])
        columns = "entity, space, passed, duration_us, last_run_us, recent, recent_failing, recent_durations"
        counted = [(n, "local", 1, 0, 1000000, "P", 0, b"\0\0") for n in (1, 2, 3)]
        bulk.insert(connection, "statistics", columns, counted)


def an_older_database(root: Path, url: str | None = None) -> None:
    database = open_database(root, url, upgrade=False)
    assert upgrades.upgrade(database, datetime(2026, 1, 1, tzinfo=UTC), to="0001") == ["0001"]
    fill_revision_0001(database)
    database.close()


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_an_older_schema_is_upgraded_with_its_data(where: str, tmp_path: Path, postgres: Server):
    url = postgres.create() if where == "postgresql" else None
    an_older_database(tmp_path, url)
    database = open_database(tmp_path, url)
    assert database.revision() == HEAD
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM execution_history").scalar_one() == 3
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    with database.write() as connection:
        executions.start(connection, an_execution("older", started_at=long_ago))
        executions.record(connection, "older", [a_result("t1", "failed", started_at=long_ago)])
    with database.read() as connection:
        assert ("t1", "FP") in statistics.recent_outcomes(connection, space="local", failing_only=False)
    assert administration.check(database) == []
    database.close()


def test_an_older_file_is_kept_as_it_was_before_the_upgrade(tmp_path: Path):
    an_older_database(tmp_path)
    open_database(tmp_path).close()
    (kept,) = (tmp_path / ".argos" / "backups").iterdir()
    assert kept.name.startswith("argos-0001-2")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert connection.execute("SELECT count(*) FROM results").fetchone() == (3,)


def test_a_new_database_leaves_no_backup(tmp_path: Path):
    open_database(tmp_path).close()
    assert not (tmp_path / ".argos" / "backups").exists()


def test_an_upgrade_that_fails_leaves_the_old_schema(tmp_path: Path):
    an_older_database(tmp_path)
    with closing(sqlite3.connect(file_of(tmp_path))) as connection, connection:
        connection.execute("CREATE TABLE entity_statistics (in_the_way)")  # the second view of revision 0002
    with pytest.raises(Exception, match="entity_statistics"):
        open_database(tmp_path)
    with closing(sqlite3.connect(file_of(tmp_path))) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert (
            connection.execute("SELECT name FROM sqlite_master WHERE name = 'execution_history'").fetchall()
            == []
        )


def test_the_known_head_is_that_of_the_migrations():
    assert upgrades.head() == HEAD


def test_the_migrations_make_the_tables_that_the_code_knows(url: str | None, tmp_path: Path):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    database = open_database(tmp_path, url)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_opening_an_up_to_date_database_loads_neither_alembic_nor_the_orm(tmp_path: Path):
    open_database(tmp_path).close()
    source = """
        database = open_database(Path(sys.argv[1]))
        with database.write() as connection:
            executions.start(connection, an_execution("one"))
            executions.record(connection, "one", [a_result()])
        print(sorted({"alembic", "sqlalchemy.orm"} & set(sys.modules)))
    """
    done = subprocess.run([*script(source), str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
