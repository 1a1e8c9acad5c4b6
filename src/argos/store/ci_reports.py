"""What a job's log told, as compressed JSON and back. Pure; nothing here touches a database.

Of the tests only those that failed or were rerun are kept: the others stand in the history.
Fields that a value does not have, as of another version of Argos, are passed over.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from argos.model.ci import LintViolation, LoggedError, LoggedTest, LogReport, TestSession

_T = TypeVar("_T")
_LEVEL = 6


def pack(report: LogReport) -> bytes:
    sessions = tuple(dataclasses.replace(session, tests=_remarkable(session)) for session in report.sessions)
    document = _plain(dataclasses.replace(report, sessions=sessions))
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode("ascii"), _LEVEL)


def unpack(packed: bytes) -> LogReport:
    document: dict[str, Any] = json.loads(zlib.decompress(packed))
    document["sessions"] = tuple(map(_session, document.get("sessions", ())))
    document["lint"] = tuple(_value(LintViolation, each) for each in document.get("lint", ()))
    document["errors"] = tuple(_value(LoggedError, each) for each in document.get("errors", ()))
    return _value(LogReport, document)


def _remarkable(session: TestSession) -> tuple[LoggedTest, ...]:
    return tuple(test for test in session.tests if test.failing or test.reruns)


def _session(document: dict[str, Any]) -> TestSession:
    started = document.get("started_at")
    document["started_at"] = None if started is None else datetime.fromisoformat(started)
    document["tests"] = tuple(_value(LoggedTest, each) for each in document.get("tests", ()))
    return _value(TestSession, document)


def _value(kind: type[_T], document: dict[str, Any]) -> _T:
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in document.items()
            if name in known
        }
    )


def _plain(value: Any) -> Any:
    """A value as JSON: dataclasses and mappings as objects, times as ISO texts. Defaults are left out."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(held)
            for field in dataclasses.fields(value)
            if (held := getattr(value, field.name)) != field.default
        }
    if isinstance(value, Mapping):
        return {str(name): _plain(held) for name, held in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(held) for held in value]
    return value.isoformat() if isinstance(value, datetime) else value
