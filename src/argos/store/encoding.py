"""How values are packed into columns, and back. Pure; nothing here touches a database."""

from __future__ import annotations

import json
import struct
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from argos.model.execution import Outcome, Pick, Selection

OUTCOMES = tuple(Outcome)
"""The outcomes by their stored number: 0 passed, 1 failed … 5 xpassed."""

CODES = {outcome: number for number, outcome in enumerate(OUTCOMES)}

CODES_BY_TEXT = {outcome.value: number for outcome, number in CODES.items()}
"""The same by the outcome's text, which is hashed faster than a member of an enum."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_pack_half = struct.Struct("<e").pack
_LARGEST_HALF = 65504.0  # seconds, 18 hours


def clean(text: str) -> str:
    """The text as both databases can hold it: no lone surrogates and no NUL, both written as escapes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def cleaned(text: str | None) -> str | None:
    return None if text is None else clean(text)


def key(entity_type: str, entity_id: str) -> str:
    """22 characters that stand for an entity of any length: its 128-bit BLAKE2b, URL-safe base64."""
    digest = blake2b(f"{entity_type}\0{entity_id}".encode(), digest_size=16).digest()
    return urlsafe_b64encode(digest)[:22].decode("ascii")


def microseconds(time: datetime) -> int:
    """Microseconds since 1970 in UTC; `time` is aware."""
    return (time - _EPOCH) // _MICROSECOND


def time(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def optional_time(us: int | None) -> datetime | None:
    return None if us is None else time(us)


def half(duration_us: int) -> bytes:
    """A duration as half-precision seconds: two bytes, within 0.05 %, at most 18 hours."""
    seconds = duration_us / 1e6
    return _pack_half(seconds if seconds < _LARGEST_HALF else _LARGEST_HALF)


def halves(packed: bytes) -> tuple[float, ...]:
    """The seconds that `half` packed, one after the other."""
    return struct.unpack(f"<{len(packed) // 2}e", packed)


def texts(values: tuple[str, ...]) -> str:
    """A tuple of texts as a JSON list."""
    return json.dumps([clean(value) for value in values], ensure_ascii=False)


def pack_selection(selection: Selection, ids: Mapping[str, int]) -> bytes:
    """A selection as compressed JSON.

    An entity in `ids` is written as the difference of its id to the one before, any other by its
    name, and each distinct reason once. Ten thousand picks in the order of their ids that share one
    reason pack into some hundred bytes.
    """
    reasons: dict[str, int] = {}
    entities: list[int | str] = []
    previous = 0
    for pick in selection.picks:
        reasons.setdefault(clean(pick.reason), len(reasons))
        number = ids.get(clean(pick.entity))
        entities.append(clean(pick.entity) if number is None else number - previous)
        previous = previous if number is None else number
    document = {
        "reasons": list(reasons),
        "entities": entities,
        "why": [reasons[clean(pick.reason)] for pick in selection.picks],
        "gone": [clean(name) for name in selection.gone],
    }
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8"), 6)


def unpack_selection(packed: bytes, names: Callable[[set[int]], Mapping[int, str]]) -> Selection:
    """The selection that `pack_selection` packed; `names` gives the names of a set of ids."""
    document = json.loads(zlib.decompress(packed))
    entities = _absolute(document["entities"])
    known = names({entity for entity in entities if isinstance(entity, int)})
    picks = (
        Pick(known[entity] if isinstance(entity, int) else entity, document["reasons"][why])
        for entity, why in zip(entities, document["why"], strict=True)
    )
    return Selection(tuple(picks), tuple(document["gone"]))


def selected_ids(packed: bytes) -> set[int]:
    """The ids that a packed selection refers to."""
    document: dict[str, Any] = json.loads(zlib.decompress(packed))
    return {entity for entity in _absolute(document["entities"]) if isinstance(entity, int)}


def _absolute(entities: list[int | str]) -> list[int | str]:
    """Ids from differences; names as they are."""
    absolute: list[int | str] = []
    previous = 0
    for entity in entities:
        if isinstance(entity, int):
            previous = entity = previous + entity
        absolute.append(entity)
    return absolute
