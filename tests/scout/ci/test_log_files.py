"""Logs on disk: whole or not there, within a cap, whoever else is at work."""

from __future__ import annotations

import gzip
import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.scout.ci.log_files import Dropped, LogFiles


@pytest.fixture
def logs(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path / ".argos" / "logs")


def read(logs: LogFiles, run_id: int, attempt: int, job_id: int) -> bytes | None:
    stream = logs.open(run_id, attempt, job_id)
    if stream is None:
        return None
    with stream:
        return stream.read()


def test_a_log_is_kept_compressed_and_read_as_it_came(logs: LogFiles) -> None:
    log = b"\xef\xbb\xbf2026-11-01T08:00:00.0000000Z hello\r\n" * 20_000
    path = logs.save(1, 2, 3, io.BytesIO(log))
    assert path == logs.folder / "1" / "2-3.log.gz"
    assert path.stat().st_size * 20 < len(log)
    assert gzip.decompress(path.read_bytes()) == log
    assert read(logs, 1, 2, 3) == log
    assert logs.size == path.stat().st_size


def test_what_is_not_kept_is_none(logs: LogFiles) -> None:
    assert logs.open(1, 1, 1) is None
    assert not logs.has(1, 1, 1)
    assert logs.size == 0
    assert logs.enforce_cap() == []


def test_attempts_are_kept_apart(logs: LogFiles) -> None:
    logs.save(1, 1, 7, [b"first"])
    logs.save(1, 2, 7, [b"sec", b"ond"])
    assert (read(logs, 1, 1, 7), read(logs, 1, 2, 7)) == (b"first", b"second")
    assert logs.has(1, 2, 7)


@given(st.lists(st.binary(max_size=50)))
def test_pieces_of_any_size_make_one_log(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    logs = LogFiles(tmp_path_factory.getbasetemp() / "pieces")
    logs.save(1, 1, 1, iter(pieces))
    assert read(logs, 1, 1, 1) == b"".join(pieces)


def test_lines_can_be_read_one_by_one(logs: LogFiles) -> None:
    logs.save(1, 1, 1, [b"one\ntwo\n", b"three"])
    stream = logs.open(1, 1, 1)
    assert stream is not None
    with stream:
        assert list(stream) == [b"one\n", b"two\n", b"three"]


def test_a_source_that_fails_leaves_nothing_and_harms_no_log_that_was_there(logs: LogFiles) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("broke off")

    logs.save(1, 1, 1, [b"old"])
    for job_id in (1, 2):
        with pytest.raises(ValueError, match="broke off"):
            logs.save(1, 1, job_id, broken())
    assert read(logs, 1, 1, 1) == b"old"
    assert not logs.has(1, 1, 2)
    assert [file.name for file in (logs.folder / "1").iterdir()] == ["1-1.log.gz"]


def test_the_oldest_runs_go_first_and_whole(logs: LogFiles) -> None:
    for run_id in (100, 9, 20):
        for job_id in (1, 2):
            logs.save(run_id, 1, job_id, [os.urandom(1000)])
    each = logs.path(9, 1, 1).stat().st_size
    logs.cap_bytes = 5 * each
    assert logs.enforce_cap() == [Dropped(9, 2, 2 * each)]
    assert not (logs.folder / "9").exists()
    assert logs.size == 4 * each
    assert logs.enforce_cap() == []
    logs.cap_bytes = 0
    assert [dropped.run_id for dropped in logs.enforce_cap()] == [20, 100]
    assert logs.size == 0


def test_files_of_others_are_neither_counted_nor_deleted(logs: LogFiles) -> None:
    logs.save(1, 1, 1, [b"x"])
    other = logs.folder / "1" / "notes.txt"
    other.write_bytes(b"mine")
    (logs.folder / "notes").mkdir()
    (logs.folder / "readme").write_bytes(b"mine")
    logs.cap_bytes = 0
    logs.enforce_cap()
    assert other.read_bytes() == b"mine"
    assert (logs.folder / "notes").is_dir()
    assert logs.size == 0


def test_what_a_killed_process_has_begun_is_deleted_after_a_day(logs: LogFiles) -> None:
    logs.save(1, 1, 1, [b"x"])
    young, old = (logs.folder / "1" / name for name in (".1-2.log.gz.1-1.part", ".1-3.log.gz.1-1.part"))
    young.write_bytes(b"")
    old.write_bytes(b"")
    os.utime(old, (time.time() - 90_000,) * 2)
    logs.enforce_cap()
    assert young.exists()
    assert not old.exists()
    assert logs.has(1, 1, 1)


@pytest.mark.parametrize("damage", [b"", b"not gzip at all", "cut", "flip"])
def test_a_damaged_log_is_told_with_its_place(logs: LogFiles, damage: bytes | str) -> None:
    path = logs.save(1, 1, 1, [os.urandom(100_000)])
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(raw[:-2000])
    elif damage == "flip":
        raw[50_000] ^= 0xFF
        path.write_bytes(raw)
    else:
        assert isinstance(damage, bytes)
        path.write_bytes(damage)
    if damage == b"":
        assert read(logs, 1, 1, 1) == b""  # an empty file is an empty stream
        return
    with pytest.raises(ArgosError, match="The kept log cannot be read"):
        read(logs, 1, 1, 1)


def test_many_save_read_and_tidy_at_once(logs: LogFiles) -> None:
    logs.cap_bytes = 20_000
    log = os.urandom(2000)

    def work(number: int) -> bytes | None:
        logs.save(number % 7, 1, number % 3, [log])
        LogFiles(logs.folder, 5_000).enforce_cap()
        return read(logs, number % 7, 1, number % 3)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(work, range(200)))
    assert found <= {log, None}
    assert not list(logs.folder.rglob("*.part"))
    assert logs.size <= 20_000


def test_a_folder_that_cannot_be_made_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "logs").write_bytes(b"a file")
    with pytest.raises(ArgosError, match="The log cannot be kept"):
        LogFiles(tmp_path / "logs").save(1, 1, 1, [b"x"])
