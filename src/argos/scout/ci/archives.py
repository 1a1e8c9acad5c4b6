"""Zip archives from strangers: logs of runs and artifacts, not believed in what they say of themselves."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from argos.errors import ArgosError

MAX_ENTRIES = 20_000
MAX_BYTES = 4 * 1024**3
# What the list of entries may take, on average, for each entry that is allowed.
LISTED_BYTES = 1024
_CHUNK = 256 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
# The ways in which the zip library says that an archive is broken.
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?")
_UNWRITABLE = re.compile(r'[<>:"|?*]')
_JOB_LOG = re.compile(r"(-?\d+)_(.*)\.txt", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive. `stream` can be read until the next entry is asked for.

    `name` has `/` between its parts and leads nowhere but down; `size` is what the archive declares,
    and the stream ends in an `ArgosError` where that is not true.
    """

    name: str
    size: int
    stream: BinaryIO


@dataclass(frozen=True, slots=True)
class JobLog:
    """The log of one job in the log archive of a run.

    `name` is the job's name as far as the archive keeps it: without `/` and `:`, cut to 90 characters,
    ` (1)` behind a name that was there before. `number` is not the order of the jobs.
    """

    number: int
    name: str
    stream: BinaryIO


class Guarded(io.RawIOBase):
    """A stream that ends in an `ArgosError` where the one below is broken or longer than `limit` bytes."""

    def __init__(
        self,
        below: BinaryIO,
        refusal: Callable[[str], ArgosError],
        broken: tuple[type[Exception], ...] = _BROKEN,
        limit: int | None = None,
    ) -> None:
        super().__init__()
        self._below = below
        self._refusal = refusal
        self._broken = broken
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            piece = self._below.read(len(view))
        except self._broken as error:
            raise self._refusal(f"it is damaged ({error})") from error
        if self._left is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise self._refusal("it holds more than it declares")
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._below.close()
        super().close()


class _Listing(io.FileIO):
    """The file of an archive; refuses to be read in a piece that only a bomb's list of entries fills."""

    def __init__(self, path: Path, largest: int) -> None:
        super().__init__(path, "rb")
        self._largest = largest
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._largest:
            raise ArgosError("The archive lists more entries than are allowed.", where=str(self._path))
        return super().read(-1 if size is None else size) or b""


def entries(zip_path: Path, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> Iterator[Entry]:
    """The files of an archive, in its order; nothing is written.

    Raises `ArgosError` with the entry's name for one that leads out of the archive, is a link or a
    device, is encrypted, damaged or packed in a way other than stored or deflated, and for an archive
    that is none, or holds more entries or bytes than allowed.
    """
    with _opened(zip_path, max_entries) as archive:
        files = _files(archive, zip_path, max_entries, max_bytes)
        for info, parts in files:
            with _stream(archive, info, zip_path) as stream:
                yield Entry("/".join(parts), info.file_size, stream)


def extract(
    zip_path: Path, folder: Path, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
) -> list[Path]:
    """Writes the files of an archive below `folder`, all or none; the paths, in the archive's order.

    Beyond what `entries` refuses, these are refused before anything is written: two entries of one name,
    also if they differ in upper and lower case only, a file that is also a folder, and names that not
    every file system can hold. Files that are there already are replaced.
    """
    with _opened(zip_path, max_entries) as archive:
        files = _files(archive, zip_path, max_entries, max_bytes)
        _check_names([parts for _, parts in files], zip_path)
        written: list[Path] = []
        try:
            for info, parts in files:
                with _stream(archive, info, zip_path) as stream:
                    written.append(_written(stream, folder, parts))
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise
    return written


def job_logs(
    zip_path: Path, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
) -> Iterator[JobLog]:
    """The logs of jobs in the log archive of a run; the files of single steps are left out.

    Raises as `entries` does.
    """
    for entry in entries(zip_path, max_entries=max_entries, max_bytes=max_bytes):
        found = _JOB_LOG.fullmatch(entry.name)
        if found is not None and "/" not in entry.name:
            yield JobLog(int(found[1][:18]), found[2], entry.stream)


@contextlib.contextmanager
def _opened(path: Path, max_entries: int) -> Iterator[zipfile.ZipFile]:
    try:
        listing = _Listing(path, max_entries * LISTED_BYTES + 0x1_0000)
    except OSError as error:
        raise ArgosError(
            f"The archive cannot be read: {error.strerror or error}.", where=str(path)
        ) from error
    with listing:
        try:
            archive = zipfile.ZipFile(listing)
        except (*_BROKEN, OSError) as error:
            raise ArgosError(
                "This is not a zip archive, or it is damaged.",
                where=str(path),
                next_step="Download it again.",
            ) from error
        with archive:
            yield archive


def _files(
    archive: zipfile.ZipFile, path: Path, max_entries: int, max_bytes: int
) -> list[tuple[zipfile.ZipInfo, tuple[str, ...]]]:
    """The entries that are files, checked, each with the parts of its name."""
    infos = archive.infolist()
    if len(infos) > max_entries:
        raise ArgosError(
            f"The archive has {len(infos):,} entries; {max_entries:,} are allowed.", where=str(path)
        )
    declared = sum(info.file_size for info in infos)
    if declared > max_bytes:
        raise ArgosError(
            f"The archive would unpack to {declared:,} bytes; {max_bytes:,} are allowed.", where=str(path)
        )
    checked = [(info, _parts(info, path)) for info in infos]
    return [(info, parts) for info, parts in checked if not info.is_dir()]


def _parts(info: zipfile.ZipInfo, path: Path) -> tuple[str, ...]:
    """The parts of an entry's name; raises for an entry that is not to be touched."""
    name = info.orig_filename
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise _refused(info, path, "its path is absolute")
    if "\\" in name or ".." in parts or (not parts and not info.is_dir()):
        raise _refused(info, path, "its path leads out of the archive")
    if any(not letter.isprintable() and ord(letter) < 0xA0 for letter in name):
        raise _refused(info, path, "its name holds control characters")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(info, path, "it is a link or a device")
    if info.flag_bits & _ENCRYPTED:
        raise _refused(info, path, "it is encrypted")
    if info.compress_type not in _METHODS:
        raise _refused(info, path, "it is packed in a way that is not read here")
    return parts


def _check_names(files: Sequence[tuple[str, ...]], path: Path) -> None:
    """Raises for names that cannot all be written on every file system."""
    taken: dict[tuple[str, ...], str] = {}
    folders: set[tuple[str, ...]] = set()
    for parts in files:
        name = "/".join(parts)
        for part in parts:
            if _RESERVED.fullmatch(part) or _UNWRITABLE.search(part) or part.endswith((".", " ")):
                raise ArgosError(
                    f'Entry "{name}" has a name that not every system can hold.', where=str(path)
                )
        key = tuple(part.casefold() for part in parts)
        if key in taken:
            raise ArgosError(f'Entries "{taken[key]}" and "{name}" have the same name.', where=str(path))
        taken[key] = name
        folders.update(key[:depth] for depth in range(1, len(key)))
    for key in folders & taken.keys():
        raise ArgosError(f'Entry "{taken[key]}" is a file and a folder.', where=str(path))


@contextlib.contextmanager
def _stream(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Iterator[BinaryIO]:
    try:
        below = archive.open(info)
    except (*_BROKEN, OSError) as error:
        raise _refused(info, path, f"it is damaged ({error})") from error
    guarded = Guarded(below, lambda why: _refused(info, path, why), limit=info.file_size)  # type: ignore[arg-type]
    with io.BufferedReader(guarded, _CHUNK) as stream:
        yield stream


def _written(stream: BinaryIO, folder: Path, parts: tuple[str, ...]) -> Path:
    """The file, which appears whole or not at all. A link that is in the way is not followed."""
    path = folder.joinpath(*parts)
    part = path.with_name(f"{path.name[:150]}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(folder.resolve()):
            raise ArgosError("A link leads out of the folder to unpack in.", where=str(path))
        with part.open("xb") as file:
            while piece := stream.read(_CHUNK):
                file.write(piece)
        part.replace(path)
    except OSError as error:
        raise ArgosError(
            f"The file cannot be written: {error.strerror or error}.", where=str(path)
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def _refused(info: zipfile.ZipInfo, path: Path, why: str) -> ArgosError:
    name = ascii(info.orig_filename[:200]).strip("'\"")
    return ArgosError(f'Entry "{name}" is refused: {why}.', where=str(path))
