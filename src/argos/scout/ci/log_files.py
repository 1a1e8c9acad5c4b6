"""The logs of jobs on disk: compressed, one file each, with a cap on what all take together.

`<folder>/<run id>/<attempt>-<job id>.log.gz`. Files appear whole or not at all, so that any number of
processes may save, read and tidy at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import BinaryIO

from argos.errors import ArgosError
from argos.scout.ci.archives import Guarded

CAP_BYTES = 2 * 1024**3
# Logs shrink to a tenth on the fastest level already; the sync has no time for a better one.
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 256 * 1024
_ABANDONED_S = 24 * 3600.0
_RUN = re.compile(r"\d{1,19}")
_LOG = re.compile(r"\d+-\d+\.log\.gz")


@dataclass(frozen=True, slots=True)
class Dropped:
    """The logs of a run that were deleted to keep within the cap: how many, and their bytes on disk."""

    run_id: int
    logs: int
    bytes: int


class LogFiles:
    """The logs below `folder`. `cap_bytes` is of the compressed files, held by `enforce_cap`."""

    def __init__(self, folder: Path, cap_bytes: int = CAP_BYTES) -> None:
        self.folder = folder
        self.cap_bytes = cap_bytes

    def path(self, run_id: int, attempt: int, job_id: int) -> Path:
        return self.folder / str(run_id) / f"{attempt}-{job_id}.log.gz"

    def has(self, run_id: int, attempt: int, job_id: int) -> bool:
        return self.path(run_id, attempt, job_id).is_file()

    def save(self, run_id: int, attempt: int, job_id: int, stream: BinaryIO | Iterable[bytes]) -> Path:
        """Compresses a log from a file or from pieces; the path of the file.

        A log that was there is replaced. If the stream raises, nothing is left behind.
        """
        path = self.path(run_id, attempt, job_id)
        part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            _compress(_pieces(stream), part)
            _put(part, path)
        except OSError as error:
            raise ArgosError(
                f"The log cannot be kept: {error.strerror or error}.", where=str(path)
            ) from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return path

    def open(self, run_id: int, attempt: int, job_id: int) -> BinaryIO | None:
        """The log as it came, to be closed by the caller; None if there is none.

        Reading raises `ArgosError` where the file is damaged.
        """
        path = self.path(run_id, attempt, job_id)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        return io.BufferedReader(_Stored(file, path), _CHUNK)

    @property
    def size(self) -> int:
        """Bytes on disk of all logs."""
        return sum(size for _, _, size in self._kept())

    def enforce_cap(self) -> list[Dropped]:
        """Deletes the logs of the oldest runs until the rest is within the cap; what was deleted.

        Runs are deleted whole, the one with the lowest id first. Files that a killed process has begun
        a day ago or earlier are deleted too, and are not among the answer.
        """
        runs: dict[int, list[tuple[Path, int]]] = {}
        for run_id, path, size in self._kept():
            runs.setdefault(run_id, []).append((path, size))
        total = sum(size for files in runs.values() for _, size in files)
        dropped = []
        for run_id in sorted(runs):
            if total <= self.cap_bytes:
                break
            deleted = [size for path, size in runs[run_id] if _delete(path)]
            total -= sum(size for _, size in runs[run_id])
            dropped.append(Dropped(run_id, len(deleted), sum(deleted)))
            with contextlib.suppress(OSError):
                (self.folder / str(run_id)).rmdir()
        self._delete_abandoned()
        return dropped

    def _kept(self) -> Iterator[tuple[int, Path, int]]:
        """Run id, path and size of each log. Files that vanish meanwhile are left out."""
        for folder in _listed(self.folder):
            if not _RUN.fullmatch(folder.name):
                continue
            for entry in _listed(folder):
                if _LOG.fullmatch(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        yield int(folder.name), Path(entry.path), entry.stat().st_size

    def _delete_abandoned(self) -> None:
        for folder in _listed(self.folder):
            for entry in _listed(folder):
                with contextlib.suppress(FileNotFoundError):
                    if entry.name.endswith(".part") and entry.stat().st_mtime < time.time() - _ABANDONED_S:
                        _delete(Path(entry.path))


class _Stored(Guarded):
    """The text of a compressed file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(
            GzipFile(fileobj=file, mode="rb"),  # type: ignore[arg-type]
            lambda why: ArgosError(
                f"The kept log cannot be read: {why}.",
                where=str(path),
                next_step="Delete the file; the next sync fetches it again while GitHub has it.",
            ),
            (BadGzipFile, EOFError, zlib.error),
        )
        self._file = file

    def close(self) -> None:
        super().close()
        self._file.close()


def _pieces(stream: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    if hasattr(stream, "read"):
        while piece := stream.read(_CHUNK):
            yield piece
    else:
        yield from stream


def _compress(pieces: Iterator[bytes], path: Path) -> None:
    pack = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    with io.BufferedWriter(_created(path), _CHUNK) as file:
        for piece in pieces:
            file.write(pack.compress(piece))
        file.write(pack.flush())


def _created(path: Path) -> io.FileIO:
    """A new file. The folder may be deleted by a process that tidies, between any two moments."""
    for _ in range(20):
        with contextlib.suppress(FileNotFoundError):
            return path.open("wb", buffering=0)
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb", buffering=0)


def _put(part: Path, path: Path) -> None:
    try:
        part.replace(path)
    except PermissionError:
        # Windows replaces no file that is being read; a log never changes, so the one there will do.
        if not path.is_file():
            raise


def _delete(path: Path) -> bool:
    """Whether this call has deleted the file; one that is in use on Windows is left for the next time."""
    try:
        path.unlink()
    except (FileNotFoundError, PermissionError):
        return False
    return True


def _listed(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """What a folder holds; nothing if it is gone or is none."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
