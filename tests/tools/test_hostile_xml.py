from __future__ import annotations

import io
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.tools import hostile_xml


def elements(data: bytes | BinaryIO) -> tuple[list[str], str | None]:
    names: list[str] = []
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    return names, hostile_xml.scan(stream, start=lambda name, _: names.append(name))


class Broken(io.RawIOBase):
    """A stream that ends in an error, as a damaged archive's does."""

    def __init__(self, data: bytes, error: Exception) -> None:
        self.pieces = [data]
        self.error = error

    def read(self, _: int = -1) -> bytes:
        if not self.pieces:
            raise self.error
        return self.pieces.pop()


def test_whole_xml_ends_without_a_word() -> None:
    assert elements(b"<a><b/></a>") == (["a", "b"], None)


@pytest.mark.parametrize("error", [OSError("no disk"), EOFError("cut off")])
def test_a_stream_that_breaks_yields_what_came_before(error: Exception) -> None:
    names, ended = elements(Broken(b"<a><b/>", error))
    assert names == ["a", "b"]
    assert ended == f"The file cannot be read to its end: {error}."


@pytest.mark.parametrize("encoding", ["klingon", "utf-7", "hex", "idna", "x" * 40])
def test_an_encoding_that_is_not_known_is_a_sentence(encoding: str) -> None:
    names, ended = elements(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode())
    assert names == []
    assert ended is not None


@pytest.mark.parametrize(
    "encoding", ["utf-32", "utf-16-le", "utf-16-be", "utf-16", "gb18030", "euc-jp", "koi8-r", "cp1251"]
)
def test_known_encodings_are_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><a>Я</a>'
    assert elements(text.encode(encoding)) == (["a"], None)


def test_the_line_of_the_damage_is_named() -> None:
    assert elements(b"<a>\n<b>\n</a>") == (["a", "b"], "The XML ends or breaks in line 3: mismatched tag.")


def test_a_reader_can_stop() -> None:
    def stop(name: str, attributes: dict[str, str]) -> None:
        raise hostile_xml.StopReading("Enough.")

    assert hostile_xml.scan(io.BytesIO(b"<a/>"), start=stop) == "Enough."


def test_what_is_too_large_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_xml, "MAX_BYTES", 100)
    names, ended = elements(b"<a>" + b"<b/>" * 100)
    assert names == []
    assert ended is not None
    assert "larger" in ended


def test_markup_is_not_cut_between_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_xml, "CHUNK_BYTES", 7)
    data = b'<a x="1234567890"><bcdefghij/>\x00 text &#27; <k/></a>'
    assert elements(data) == (["a", "bcdefghij", "k"], None)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"<a>", b"\xff\xfe", b'<?xml version="1.0" encoding="gbk"?>']),
)
def test_no_bytes_crash(data: bytes, before: bytes) -> None:
    names, ended = elements(before + data)
    assert isinstance(names, list)
    assert ended is None or ended.endswith(".")
