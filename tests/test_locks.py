from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from argos import locks


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = locks.FileLock(tmp_path / "lock"), locks.FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_a_lock_can_be_asked_about_without_taking_it(tmp_path: Path) -> None:
    lock = locks.FileLock(tmp_path / "lock")
    lock.acquire()
    assert locks.held(tmp_path / "lock")
    lock.release()
    assert not locks.held(tmp_path / "lock")


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from argos.locks import FileLock\n"
        f"lock = FileLock(Path({str(tmp_path / 'lock')!r})); print(lock.acquire(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert locks.held(tmp_path / "lock")
        holder.kill()
        holder.wait()
    assert not locks.held(tmp_path / "lock")
