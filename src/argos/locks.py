"""A lock on a file that the operating system lets go when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FILE = "lock"


class FileLock:
    """Holds the lock of a file from a successful `acquire` to `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock without waiting; False if another holds it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(descriptor):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def held(path: Path) -> bool:
    """Whether some process holds the lock of an existing file."""
    lock = FileLock(path)
    if lock.acquire():
        lock.release()
        return False
    return True


# Windows locks are mandatory for the bytes they cover: a byte far behind the end disturbs no reader.
_WINDOWS_BYTE = 0x7FFF_FFFF


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(descriptor, _WINDOWS_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
