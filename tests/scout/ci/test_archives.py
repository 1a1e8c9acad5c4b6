"""Archives as GitHub makes them, and as those do who want to break out or fill the disk."""

from __future__ import annotations

import io
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.scout.ci import archives


def written(path: Path, files: Mapping[str, bytes] | list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            info = zipfile.ZipInfo(name)
            info.filename = name  # as written: the constructor changes separators on Windows
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def special(path: Path, name: str, mode: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
    return path


def contents(path: Path, **limits: int) -> dict[str, bytes]:
    return {entry.name: entry.stream.read() for entry in archives.entries(path, **limits)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.zip"


def test_files_are_extracted_with_their_folders(path: Path, tmp_path: Path) -> None:
    files = {"a.txt": b"1", "deep/er/b.xml": b"2" * 300_000, "./c": b"", "empty/": b""}
    found = archives.extract(written(path, files), tmp_path / "out")
    assert [file.relative_to(tmp_path / "out").as_posix() for file in found] == [
        "a.txt",
        "deep/er/b.xml",
        "c",
    ]
    assert found[1].read_bytes() == b"2" * 300_000
    assert not list((tmp_path / "out").rglob("*.part"))


def test_entries_are_read_without_writing(path: Path, tmp_path: Path) -> None:
    assert contents(written(path, {"a": b"1", "b/c": b"2"})) == {"a": b"1", "b/c": b"2"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "a/../../evil", "/etc/passwd", "//server/share", "C:/evil", "c:evil", "..\\evil", "a\\b", "..",
        "a/..", ".", "bell\a",
    ],
)  # fmt: skip
def test_an_entry_that_leads_out_is_refused_by_name(path: Path, tmp_path: Path, name: str) -> None:
    written(path, [("fine", b"1"), (name, b"2")])
    with pytest.raises(ArgosError, match="is refused: its (path|name)"):
        archives.extract(path, tmp_path / "out")
    with pytest.raises(ArgosError, match="is refused: its (path|name)"):
        contents(path)
    assert not (tmp_path / "out").exists()


def test_a_name_with_a_nul_is_not_cut_but_refused(path: Path) -> None:
    raw = written(path, {"fine.txtX.exe": b"1"}).read_bytes()
    path.write_bytes(raw.replace(b"fine.txtX.exe", b"fine.txt\0.exe"))
    with pytest.raises(ArgosError, match="control characters"):
        contents(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(path: Path, tmp_path: Path, kind: int) -> None:
    special(path, "innocent", kind | 0o777)
    with pytest.raises(ArgosError, match=r'Entry "innocent" is refused: it is a link or a device'):
        archives.extract(path, tmp_path / "out")


@pytest.mark.parametrize(
    "name",
    [
        "CON",
        "nul.txt",
        "a/COM1",
        "aux .log",
        "lpt².x",
        "conin$",
        "dot.",
        "blank ",
        "a:stream",
        "what?",
        "a|b",
    ],
)
def test_names_that_windows_cannot_hold_are_refused_everywhere(path: Path, tmp_path: Path, name: str) -> None:
    written(path, [("fine", b""), (name, b"2")])
    with pytest.raises(ArgosError, match="not every system can hold|path is absolute"):
        archives.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("second", ["dir/name", "DIR/Name", "dir//name", "dir/./name"])
def test_two_entries_of_one_name_are_refused(path: Path, tmp_path: Path, second: str) -> None:
    written(path, [("dir/name", b"1"), (second, b"2")])
    with pytest.raises(ArgosError, match="have the same name"):
        archives.extract(path, tmp_path / "out")


def test_a_file_that_is_also_a_folder_is_refused(path: Path, tmp_path: Path) -> None:
    written(path, [("a", b"1"), ("A/b", b"2")])
    with pytest.raises(ArgosError, match=r'"a" is a file and a folder'):
        archives.extract(path, tmp_path / "out")


def test_an_encrypted_entry_is_refused(path: Path) -> None:
    raw = bytearray(written(path, {"secret": b"1"}).read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(ArgosError, match="it is encrypted"):
        contents(path)


def test_an_unusual_packing_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", "1")
    with pytest.raises(ArgosError, match="packed in a way"):
        contents(path)


def test_too_many_entries_are_refused(path: Path) -> None:
    written(path, {f"file-{number}": b"" for number in range(30)})
    assert len(contents(path, max_entries=30)) == 30
    with pytest.raises(ArgosError, match="has 30 entries; 29 are allowed"):
        contents(path, max_entries=29)


def test_a_list_of_entries_as_large_as_a_bomb_is_not_even_read(path: Path) -> None:
    written(path, {f"{number:0200d}": b"" for number in range(2000)})
    with pytest.raises(ArgosError, match="lists more entries than are allowed"):
        contents(path, max_entries=10)


def test_a_bomb_that_declares_its_size_is_refused_before_unpacking(path: Path) -> None:
    written(path, {"a": bytes(1_000_000), "b": bytes(1_000_000)})
    with pytest.raises(ArgosError, match="unpack to 2,000,000 bytes; 1,500,000 are allowed"):
        contents(path, max_bytes=1_500_000)


def test_a_bomb_that_lies_about_its_size_is_stopped_there(path: Path, tmp_path: Path) -> None:
    raw = written(path, {"a.txt": b"fine", "bomb": bytes(50_000_000)}).read_bytes()
    path.write_bytes(raw.replace(struct.pack("<L", 50_000_000), struct.pack("<L", 1000)))
    tracemalloc.start()
    with pytest.raises(ArgosError, match='Entry "bomb" is refused'):
        archives.extract(path, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]  # all or none


def test_an_archive_that_breaks_off_or_is_none_is_refused(path: Path, tmp_path: Path) -> None:
    raw = written(path, {"a": os.urandom(5000)}).read_bytes()
    for broken in (b"", b"PK", b"<html>", raw[:-30], raw[30:]):
        path.write_bytes(broken)
        with pytest.raises(ArgosError):
            contents(path)
    with pytest.raises(ArgosError, match="cannot be read"):
        contents(tmp_path / "absent.zip")


def test_damage_within_an_entry_names_it(path: Path) -> None:
    raw = bytearray(written(path, {"a": b"1" * 100, "hurt": os.urandom(5000)}).read_bytes())
    at = raw.index(b"hurt") + 1000
    raw[at : at + 4] = bytes(byte ^ 0xFF for byte in raw[at : at + 4])
    path.write_bytes(raw)
    with pytest.raises(ArgosError, match='Entry "hurt" is refused: it is damaged'):
        contents(path)


@given(st.data())
def test_no_damage_anywhere_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1_build.txt", b"log " * 50)
        archive.writestr("build/system.txt", b"x")
    raw = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "a.zip"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        assert sum(len(content) for content in contents(path, max_bytes=10_000).values()) <= 10_000
        archives.extract(path, path.parent / "out", max_bytes=10_000)
    except ArgosError:
        assert not [file for file in (path.parent / "out").rglob("*") if file.is_file()]


def test_an_archive_of_the_large_format_is_read(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", allowZip64=True) as archive,
        archive.open("a", "w", force_zip64=True) as file,
    ):
        file.write(b"1" * 1000)
    assert contents(path) == {"a": b"1" * 1000}


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_that_lies_in_the_folder_is_not_followed(path: Path, tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    folder.mkdir()
    (folder / "dir").symlink_to(outside)
    with pytest.raises(ArgosError, match="leads out of the folder"):
        archives.extract(written(path, {"dir/a": b"1"}), folder)
    (outside / "kept").write_bytes(b"old")
    (folder / "file").symlink_to(outside / "kept")
    archives.extract(written(path, {"file": b"new"}), folder)
    assert (outside / "kept").read_bytes() == b"old"
    assert (folder / "file").read_bytes() == b"new"


# Logs of runs


def logs(path: Path) -> list[tuple[int, str, bytes]]:
    return [(log.number, log.name, log.stream.read()) for log in archives.job_logs(path)]


def test_job_logs_of_a_run_with_files_for_each_step(path: Path) -> None:
    written(
        path,
        {
            "0_test (ubuntu-latest, 3.11).txt": b"a",
            "test (ubuntu-latest, 3.11)/1_Set up job.txt": b"no",
            "test (ubuntu-latest, 3.11)/2_Run tests.txt": b"no",
            "1_build.txt": b"b",
            "1_build (1).txt": b"c",
        },
    )
    assert logs(path) == [
        (0, "test (ubuntu-latest, 3.11)", b"a"),
        (1, "build", b"b"),
        (1, "build (1)", b"c"),
    ]


def test_job_logs_of_a_run_without_files_for_steps(path: Path) -> None:
    written(path, {"2_lint.txt": b"l", "lint/system.txt": b"no", "1_a_b.txt": b"t", "readme.txt": b"no"})
    assert logs(path) == [(2, "lint", b"l"), (1, "a_b", b"t")]
