"""XML from strangers, read as a stream: one guarded pass of expat for every reader of XML.

Nothing outside the file is ever opened and no entity is ever expanded: a file that declares one is
read no further. Depth, size and the length of one piece of markup are limited. XML that is cut off or
broken yields what stands before the damage, and a sentence.

Tolerated, because reports in the wild have them: blank space before the declaration, control
characters that XML forbids, and the multi-byte encodings that expat does not know.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO
from xml.parsers import expat

from argos.errors import ArgosError

CHUNK_BYTES = 1024 * 1024
MAX_BYTES = 1024 * 1024 * 1024
MAX_MARKUP_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100

Attributes = Mapping[str, str]

# Expat reads UTF-8, UTF-16 and every encoding of one byte a character; these it has to be given as UTF-8.
_MULTI_BYTE = frozenset({
    "big5", "big5hkscs", "cp932", "cp936", "cp949", "cp950", "euc_jis_2004", "euc_jp", "euc_kr", "gb18030",
    "gb2312", "gbk", "johab", "shift_jis", "shift_jis_2004", "utf_32", "utf_32_be", "utf_32_le",
})  # fmt: skip
_UTF_16 = {"utf-16le": (codecs.BOM_UTF16_LE, b"<\0"), "utf-16be": (codecs.BOM_UTF16_BE, b"\0<")}
_DECLARED = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,40})["']""")
_FORBIDDEN = bytes(code for code in range(32) if code not in b"\t\n\r")
_FORBIDDEN_REFERENCE = re.compile(
    rb"&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));"
)
_NEXT_STEP = "Check how the file was written."


class StopReading(Exception):
    """Raised by a handler to end the reading; what was read before counts. Holds the sentence."""


def scan(
    stream: BinaryIO,
    *,
    start: Callable[[str, dict[str, str]], object],
    end: Callable[[str], object] | None = None,
    text: Callable[[str], object] | None = None,
    rewrite: Callable[[bytes], bytes] | None = None,
) -> str | None:
    """Reads the whole stream; a sentence about where and why reading ended early, None if it did not.

    `start` gets each element's name and attributes, `end` its name, `text` the character data in
    pieces. Names keep their namespace prefix. `rewrite` sees the bytes before expat does, in chunks
    that end behind a `>` and only where the encoding agrees with ASCII; what it returns is parsed.

    Raises nothing of its own: broken XML, unknown encodings and files beyond the limits are sentences.
    """
    return _Scan(start, end, text).run(stream, rewrite)


def required(root: str | None, expected: tuple[str, ...], ended: str | None, what: str) -> None:
    """Raises `ArgosError` unless the file's outermost element is an `expected` one."""
    if root in expected:
        return
    if root is None:
        raise ArgosError(f"This is no {what}. {ended or 'It holds no XML.'}", next_step=_NEXT_STEP)
    raise ArgosError(f"This is no {what}: its outermost element is <{root[:60]}>.", next_step=_NEXT_STEP)


class _Scan:
    """One pass. Counts the depth around the handlers of the reader."""

    def __init__(
        self,
        start: Callable[[str, dict[str, str]], object],
        end: Callable[[str], object] | None,
        text: Callable[[str], object] | None,
    ) -> None:
        self._start = start
        self._end = end
        self._text = text
        self._depth = 0

    def run(self, stream: BinaryIO, rewrite: Callable[[bytes], bytes] | None) -> str | None:
        encoding, chunks = _encoded(_chunks(stream))
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = _refuse_entity
        try:
            self._feed(parser, chunks, rewrite)
            parser.Parse(b"", True)
        except StopReading as stopped:
            return str(stopped)
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code) or "it is broken"
            return f"The XML ends or breaks in line {error.lineno}: {said}."
        except (LookupError, ValueError):
            # What Python says to expat of an encoding that it does not have or cannot map.
            return "The XML is in an encoding that cannot be read."
        except (OSError, EOFError) as error:
            return f"The file cannot be read to its end: {error}."
        return None

    def _feed(
        self,
        parser: expat.XMLParserType,
        chunks: Iterator[bytes],
        rewrite: Callable[[bytes], bytes] | None,
    ) -> None:
        size = fed = 0
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_BYTES:
                raise StopReading(
                    f"The XML is larger than {MAX_BYTES // 1024**2:,} MiB; the rest is not read."
                )
            data = chunk if rewrite is None else rewrite(chunk)
            fed += len(data)
            parser.Parse(data, False)
            # Markup that never ends is looked at again with each chunk, which takes quadratic time.
            if fed - max(parser.CurrentByteIndex, 0) > MAX_MARKUP_BYTES + len(data):
                raise StopReading(
                    f"One piece of markup is longer than {MAX_MARKUP_BYTES // 1024**2} MiB; "
                    f"reading ends in line {parser.CurrentLineNumber}."
                )

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise StopReading(f"Elements are nested more than {MAX_DEPTH} deep; reading ends there.")
        self._start(name, attributes)

    def _on_end(self, name: str) -> None:
        self._depth -= 1
        if self._end is not None:
            self._end(name)


def _refuse_entity(name: str, *_: object) -> None:
    raise StopReading(
        f"The XML declares the entity {name[:60]!r}, which no report needs; reading ends there."
    )


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in pieces that end behind a `>`, so that markup is not cut, where that is possible."""
    rest = b""
    while block := stream.read(CHUNK_BYTES):
        block = rest + block
        cut = block.rfind(b">") + 1 or len(block)
        yield block[:cut]
        rest = block[cut:]
    if rest:
        yield rest


def _encoded(chunks: Iterator[bytes]) -> tuple[str | None, Iterator[bytes]]:
    """The encoding that expat has to be told (None: it finds out itself), and chunks that it can read."""
    first = next(chunks, b"")
    whole = _again(first, chunks)
    if first.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-8", _decoded(whole, "utf_32")
    for encoding, beginnings in _UTF_16.items():
        if first.startswith(beginnings):
            return encoding, whole
    declared = _DECLARED.match(first.removeprefix(codecs.BOM_UTF8).lstrip()[:400])
    name = _codec(declared[1].decode("ascii")) if declared else ""
    if name in _MULTI_BYTE:
        return "utf-8", _cleaned(_decoded(whole, name))
    if name.startswith("utf_16"):
        # The declaration itself was read as ASCII, so the file was written anew since.
        return "utf-8", _cleaned(whole)
    return None, _cleaned(whole)


def _again(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from chunks


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name.replace("-", "_")
    except LookupError:
        return ""


def _decoded(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(name)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", True).encode()


def _cleaned(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Without what XML forbids and reports hold all the same."""
    started = False
    for chunk in chunks:
        clean = chunk.translate(None, _FORBIDDEN)
        if not started:
            clean = clean.removeprefix(codecs.BOM_UTF8).lstrip()
            started = bool(clean)
        if b"&#" in clean:
            clean = _FORBIDDEN_REFERENCE.sub(b"?", clean)
        yield clean
