"""What linters found, scan after scan: written as differences, read back as if each scan were whole."""

from __future__ import annotations

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import sqlalchemy as sa

from argos.errors import ArgosError
from argos.model.quality import (
    NOWHERE,
    SEVERITIES,
    Scan,
    ScannedFile,
    ScanStatus,
    ScanSummary,
    Sighting,
    Surroundings,
)
from argos.stats.violations import Comparison, pair
from argos.store import bulk
from argos.store.encoding import clean, key, time
from argos.store.quality_tables import (
    lint_files,
    lint_findings,
    lint_heads,
    lint_messages,
    lint_scans,
    lint_set_ranges,
    lint_sets,
    lint_streams,
    lint_tallies,
)
from argos.store.tables import executions

_AROUND = struct.Struct("<4I")
_FINDING_COLUMNS = 'id, origin, stream, file, message, line, "column", symbol, around, since'


class Known(NamedTuple):
    """A finding as it is stored: its row, its identity, and where it was last seen."""

    row: int
    identity: int
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class FileScan:
    """How one file fared in one scan: how many findings of each severity it had."""

    scan: int
    by_severity: Mapping[str, int]


# Writing


def record(
    connection: sa.Connection,
    execution_id: str,
    scan: Scan,
    *,
    gone: Collection[str] = (),
    status: ScanStatus = ScanStatus.COMPLETE,
) -> Comparison:
    """Adds a scan to an execution that is recorded already; what is new, fixed and kept by it.

    Compared are the files of the scan with what the same tool found in them before, in the same space.
    What is known of other files stays, except of those that are `gone`. The findings of a crashed scan
    are not kept: it is recorded as crashed, and everything stays as it was.
    """
    with bulk.without_collections():
        return _record(connection, execution_id, scan, gone, status)


def _record(
    connection: sa.Connection, execution_id: str, scan: Scan, gone: Collection[str], status: ScanStatus
) -> Comparison:
    execution, space = _execution(connection, execution_id)
    stream = _stream(connection, space, scan.tool)
    crashed = status is ScanStatus.CRASHED
    found: Sequence[Sighting] = () if crashed else scan.sightings
    scanned = {each.path: each for each in scan.files}
    for each in found:
        if each.path not in scanned:
            scanned[each.path] = ScannedFile(each.path)
    left = () if crashed else [path for path in (*gone, *scan.renames) if path not in scanned]
    files = _identify_files(connection, scanned.values(), left)
    number = _next(connection, lint_scans)
    comparison = Comparison()
    if not crashed:
        changes = _Changes(connection, stream, number, files, scan.renames)
        comparison = changes.write(found, {files[path] for path in (*scanned, *left) if path in files})
    lines = [each.lines for each in scanned.values() if each.lines is not None]
    row = {
        "id": number,
        "execution": execution,
        "stream": stream,
        "set_id": _file_set(connection, [files[path] for path in scanned]),
        "tally": _tally(connection, found),
        "lines": sum(lines) if lines else None,
        "crashed": crashed,
        "new": len(comparison.new),
        "fixed": len(comparison.fixed),
    }
    connection.execute(sa.insert(lint_scans).values(row))
    return comparison


class _Changes:
    """Turns the findings of a scan into the rows that differ from what is stored."""

    def __init__(
        self,
        connection: sa.Connection,
        stream: int,
        scan: int,
        files: Mapping[str, int],
        renames: Mapping[str, str],
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._scan = scan
        self._files = files
        self._renames = renames

    def write(self, found: Sequence[Sighting], looked_at: set[int]) -> Comparison:
        by_file: dict[int, list[Sighting]] = defaultdict(list)
        for each in found:
            by_file[self._files[each.path]].append(each)
        now = {file: _digest(sightings) for file, sightings in by_file.items()}
        before = self._heads()
        changed = {file for file in looked_at if now.get(file) != before.get(file)}
        if not changed:
            return Comparison()
        new = [each for file in sorted(changed) for each in by_file.get(file, ())]
        comparison = self._replace(_open(self._connection, self._stream, changed), new)
        self._set_heads({file: now[file] for file in changed if file in now}, changed)
        return comparison

    def _heads(self) -> dict[int, int]:
        columns = sa.select(lint_heads.c.file, lint_heads.c.digest)
        return dict(bulk.fetch(self._connection, columns.where(lint_heads.c.stream == self._stream)))

    def _set_heads(self, digests: Mapping[int, int], changed: Collection[int]) -> None:
        mine = (lint_heads.c.stream == self._stream) & bulk.among(
            self._connection, lint_heads.c.file, changed
        )
        self._connection.execute(sa.delete(lint_heads).where(mine))
        rows = [(self._stream, file, digest) for file, digest in sorted(digests.items())]
        bulk.insert(self._connection, "lint_heads", "stream, file, digest", rows)

    def _replace(self, known: Sequence[Known], new: Sequence[Sighting]) -> Comparison:
        old = [each.sighting for each in known]
        pairs = pair(old, new, self._renames)
        same = {before for before, after in pairs.items() if old[before] == _cleaned(new[after])}
        identities = {after: known[before].identity for before, after in pairs.items() if before not in same}
        taken = set(pairs.values())
        ended = [(self._scan, each.row) for place, each in enumerate(known) if place not in same]
        bulk.execute(self._connection, "UPDATE lint_findings SET until = ? WHERE id = ?", ended)
        fresh = [place for place in range(len(new)) if place not in taken]
        self._insert([(new[place], identities.get(place)) for place in sorted([*fresh, *identities])])
        return Comparison(
            new=tuple(new[place] for place in fresh),
            fixed=tuple(each for place, each in enumerate(old) if place not in pairs),
            kept=tuple((old[before], new[after]) for before, after in sorted(pairs.items())),
        )

    def _insert(self, added: Sequence[tuple[Sighting, int | None]]) -> None:
        if not added:
            return
        messages = _identify_messages(self._connection, [each for each, _ in added])
        first = _next(self._connection, lint_findings)
        rows = [
            (
                first + place,
                origin,
                self._stream,
                self._files[each.path],
                messages[(each.tool, each.code, each.severity, each.message)],
                each.line,
                each.column,
                clean(each.around.symbol),
                _pack(each.around),
                self._scan,
            )
            for place, (each, origin) in enumerate(added)
        ]
        bulk.insert(self._connection, "lint_findings", _FINDING_COLUMNS, rows)


def _execution(connection: sa.Connection, execution_id: str) -> tuple[int, str]:
    query = sa.select(executions.c.id, executions.c.space).where(executions.c.execution_id == execution_id)
    row = connection.execute(query).one()
    return row.id, row.space


def _stream(connection: sa.Connection, space: str, tool: str) -> int:
    mine = (lint_streams.c.space == clean(space)) & (lint_streams.c.tool == clean(tool))
    found: int | None = connection.scalar(sa.select(lint_streams.c.id).where(mine))
    if found is None:
        connection.execute(sa.insert(lint_streams).values(space=clean(space), tool=clean(tool)))
        return int(connection.execute(sa.select(lint_streams.c.id).where(mine)).scalar_one())
    return found


def _next(connection: sa.Connection, table: sa.Table) -> int:
    """The first free id. There is one writer at a time, so nobody else takes it."""
    return int(connection.scalar(sa.select(sa.func.max(table.c.id))) or 0) + 1


def _identify_files(
    connection: sa.Connection, scanned: Iterable[ScannedFile], left: Iterable[str]
) -> dict[str, int]:
    """The ids of files by their path; scanned ones are added, others are left out where not known."""
    known = {
        path: (number, lines)
        for path, number, lines in bulk.fetch(
            connection, sa.select(lint_files.c.path, lint_files.c.id, lint_files.c.lines)
        )
    }
    first = _next(connection, lint_files)
    found = {path: known[clean(path)][0] for path in left if clean(path) in known}
    added: list[tuple[Any, ...]] = []
    resized: list[tuple[Any, ...]] = []
    for each in scanned:
        path = clean(each.path)
        if path not in known:
            known[path] = (first + len(added), each.lines)
            added.append((known[path][0], key("file", path), path, each.lines))
        elif each.lines is not None and known[path][1] != each.lines:
            resized.append((each.lines, known[path][0]))
        found[each.path] = known[path][0]
    bulk.insert(connection, "lint_files", "id, key, path, lines", added)
    bulk.execute(connection, "UPDATE lint_files SET lines = ? WHERE id = ?", resized)
    return found


def _identify_messages(
    connection: sa.Connection, sightings: Sequence[Sighting]
) -> dict[tuple[str, str, str, str], int]:
    wanted = dict.fromkeys((each.tool, each.code, each.severity, each.message) for each in sightings)
    keys = {parts: key("lint", "\0".join(map(clean, parts))) for parts in wanted}
    given = bulk.listed(connection, list(keys.values()))
    query = sa.select(lint_messages.c.key, lint_messages.c.id)
    query = query.select_from(given.join(lint_messages, lint_messages.c.key == given.c.value))
    known = dict(bulk.fetch(connection, query))
    first = _next(connection, lint_messages)
    added: list[tuple[Any, ...]] = []
    for parts, digest in keys.items():
        if digest not in known:
            known[digest] = first + len(added)
            added.append((known[digest], digest, *map(clean, parts)))
    bulk.insert(connection, "lint_messages", "id, key, tool, code, severity, message", added)
    return {parts: known[digest] for parts, digest in keys.items()}


def _file_set(connection: sa.Connection, files: Iterable[int]) -> int:
    """The id of a set of files, as ranges of their ids; equal sets are stored once."""
    numbers = sorted(set(files))
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    digest = key("set", json.dumps(ranges))
    found: int | None = connection.scalar(sa.select(lint_sets.c.id).where(lint_sets.c.key == digest))
    if found is None:
        found = _next(connection, lint_sets)
        connection.execute(sa.insert(lint_sets).values(id=found, key=digest, files=len(numbers)))
        rows = [(found, low, high) for low, high in ranges]
        bulk.insert(connection, "lint_set_ranges", "set_id, first_file, last_file", rows)
    return found


def _tally(connection: sa.Connection, sightings: Sequence[Sighting]) -> int:
    by_code = Counter(each.code for each in sightings)
    by_severity = Counter(each.severity for each in sightings)
    counts = [by_severity[severity] for severity in SEVERITIES]
    ordered = {clean(code): by_code[code] for code in sorted(by_code)}
    digest = key("tally", json.dumps([counts, ordered]))
    found: int | None = connection.scalar(sa.select(lint_tallies.c.id).where(lint_tallies.c.key == digest))
    if found is None:
        found = _next(connection, lint_tallies)
        errors, warnings, info = counts
        values = {"id": found, "key": digest, "errors": errors, "warnings": warnings, "info": info}
        connection.execute(sa.insert(lint_tallies).values(**values, by_code=ordered))
    return found


def _digest(sightings: Iterable[Sighting]) -> int:
    """64 bits that stand for the findings of one file, in any order."""
    lines = [
        f"{e.line}\0{e.column}\0{e.tool}\0{e.code}\0{e.severity}\0{e.message}\0{e.around.symbol}"
        f"\0{e.around.line}\0{e.around.point}\0{e.around.before}\0{e.around.after}"
        for e in sightings
    ]
    lines.sort()
    raw = blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little", signed=True)


def _pack(around: Surroundings) -> bytes:
    if not (around.line or around.point or around.before or around.after):
        return b""
    return _AROUND.pack(around.line, around.point, around.before, around.after)


def _unpack(symbol: str, packed: bytes) -> Surroundings:
    if not packed:
        return Surroundings(symbol) if symbol else NOWHERE
    return Surroundings(symbol, *_AROUND.unpack(packed))


def _cleaned(each: Sighting) -> Sighting:
    """As it would come back from the database."""
    texts = (each.path, each.tool, each.code, each.message, each.severity)
    if all(text.isascii() for text in (*texts, each.around.symbol)):
        return each
    around = each.around
    cleaned = Surroundings(clean(around.symbol), around.line, around.point, around.before, around.after)
    path, tool, code, message, severity = map(clean, texts)
    return Sighting(path, tool, code, message, severity, each.line, each.column, cleaned)


def forget(connection: sa.Connection) -> None:
    """Deletes the findings that ended before the oldest scan that is left, and what only they used."""
    oldest = sa.select(sa.func.min(lint_scans.c.id)).where(lint_scans.c.stream == lint_findings.c.stream)
    ended = lint_findings.c.until.is_not(None)
    newest = sa.select(sa.func.max(lint_scans.c.id)).scalar_subquery()
    bound = sa.func.coalesce(oldest.scalar_subquery(), newest + 1, lint_findings.c.until)
    connection.execute(sa.delete(lint_findings).where(ended & (lint_findings.c.until <= bound)))
    for table, user in (
        (lint_messages, lint_findings.c.message),
        (lint_tallies, lint_scans.c.tally),
        (lint_set_ranges, lint_scans.c.set_id),
        (lint_sets, lint_scans.c.set_id),
    ):
        number = table.c.set_id if table is lint_set_ranges else table.c.id
        connection.execute(sa.delete(table).where(number.not_in(sa.select(user))))


# Reading

_FINDING = (
    lint_findings.c.id,
    lint_findings.c.origin,
    lint_files.c.path,
    lint_messages.c.tool,
    lint_messages.c.code,
    lint_messages.c.message,
    lint_messages.c.severity,
    lint_findings.c.line,
    lint_findings.c.column,
    lint_findings.c.symbol,
    lint_findings.c.around,
)
_IN_FULL = lint_findings.join(lint_files, lint_files.c.id == lint_findings.c.file).join(
    lint_messages, lint_messages.c.id == lint_findings.c.message
)


def _fetch(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Known]:
    query = sa.select(*_FINDING).select_from(_IN_FULL).where(condition)
    ordered = query.order_by(
        lint_files.c.path, lint_findings.c.line, lint_findings.c.column, lint_findings.c.id
    )
    return [
        Known(
            row,
            row if origin is None else origin,
            Sighting(path, tool, code, message, severity, line, column, _unpack(symbol, around)),
        )
        for (row, origin, path, tool, code, message, severity, line, column, symbol, around) in bulk.fetch(
            connection, ordered
        )
    ]


def _open(connection: sa.Connection, stream: int, files: Collection[int]) -> list[Known]:
    among = bulk.among(connection, lint_findings.c.file, files)
    mine = (lint_findings.c.stream == stream) & lint_findings.c.until.is_(None)
    return _fetch(connection, mine & among)


def standing(connection: sa.Connection, space: str, tool: str | None = None) -> list[Known]:
    """What is found now in a space: of each file what its newest scan found, by path and line."""
    streams = sa.select(lint_streams.c.id).where(lint_streams.c.space == space)
    if tool is not None:
        streams = streams.where(lint_streams.c.tool == tool)
    return _fetch(connection, lint_findings.c.until.is_(None) & lint_findings.c.stream.in_(streams))


def found_in(connection: sa.Connection, execution_id: str) -> list[Known]:
    """What one scan found, by path and line; nothing for a crashed one. Raises `ArgosError` for no scan."""
    scan = _scan(connection, execution_id)
    if scan.crashed:
        return []
    ranges = sa.exists().where(
        lint_set_ranges.c.set_id == scan.set_id,
        lint_findings.c.file.between(lint_set_ranges.c.first_file, lint_set_ranges.c.last_file),
    )
    there = (lint_findings.c.stream == scan.stream) & _at(scan.id)
    return _fetch(connection, there & ranges)


def standing_at(connection: sa.Connection, execution_id: str) -> list[Known]:
    """What was known to be there after a scan in all files of its stream, looked at in it or before."""
    scan = _scan(connection, execution_id)
    return _fetch(connection, (lint_findings.c.stream == scan.stream) & _at(scan.id))


def files_of(connection: sa.Connection, execution_id: str) -> set[str]:
    """The paths that a scan looked at."""
    scan = _scan(connection, execution_id)
    inside = lint_files.c.id.between(lint_set_ranges.c.first_file, lint_set_ranges.c.last_file)
    query = sa.select(lint_files.c.path).join(lint_set_ranges, inside)
    return set(connection.scalars(query.where(lint_set_ranges.c.set_id == scan.set_id)))


def lines_of(connection: sa.Connection) -> dict[str, int]:
    """How many lines files had when they were last scanned, by path; only those whose text was at hand."""
    query = sa.select(lint_files.c.path, lint_files.c.lines).where(lint_files.c.lines.is_not(None))
    return dict(bulk.fetch(connection, query))


def known_files(connection: sa.Connection, space: str, tool: str) -> list[str]:
    """The paths in which a tool's findings stand in a space."""
    query = (
        sa.select(lint_files.c.path)
        .join(lint_heads, lint_heads.c.file == lint_files.c.id)
        .join(lint_streams, lint_streams.c.id == lint_heads.c.stream)
        .where(lint_streams.c.space == space, lint_streams.c.tool == tool)
    )
    return list(connection.scalars(query.order_by(lint_files.c.path)))


def summaries(
    connection: sa.Connection, *, space: str | None = None, tool: str | None = None, limit: int = 30
) -> list[ScanSummary]:
    """The newest scans, newest first."""
    query = (
        sa.select(
            *_columns(lint_scans, "new", "fixed", "crashed", "lines"),
            lint_sets.c.files,
            *_columns(lint_tallies, "errors", "warnings", "info", "by_code"),
            *_columns(lint_streams, "tool", "space"),
            *_columns(executions, "execution_id", "rule", "started_us", "commit", "branch"),
        )
        .join(executions, executions.c.id == lint_scans.c.execution)
        .join(lint_sets, lint_sets.c.id == lint_scans.c.set_id)
        .join(lint_tallies, lint_tallies.c.id == lint_scans.c.tally)
        .join(lint_streams, lint_streams.c.id == lint_scans.c.stream)
        .order_by(lint_scans.c.id.desc())
        .limit(limit)
    )
    if space is not None:
        query = query.where(lint_streams.c.space == space)
    if tool is not None:
        query = query.where(lint_streams.c.tool == tool)
    return [_summary(row) for row in connection.execute(query)]


def _summary(row: Any) -> ScanSummary:
    return ScanSummary(
        execution_id=row.execution_id,
        tool=row.tool,
        space=row.space,
        rule=row.rule,
        at=time(row.started_us),
        status=ScanStatus.CRASHED if row.crashed else ScanStatus.COMPLETE,
        files=row.files,
        lines=row.lines,
        by_severity=dict(zip(SEVERITIES, (row.errors, row.warnings, row.info), strict=True)),
        by_code=row.by_code,
        new=row.new,
        fixed=row.fixed,
        commit=row.commit,
        branch=row.branch,
    )


def file_scans(connection: sa.Connection, *, space: str, window: int) -> dict[str, list[FileScan]]:
    """How each file fared in the newest `window` scans that looked at it, oldest first.

    Scans of several tools count one by one, each with its own findings.
    """
    scans = connection.execute(
        sa.select(*_columns(lint_scans, "id", "stream", "set_id"))
        .join(lint_streams, lint_streams.c.id == lint_scans.c.stream)
        .where(lint_streams.c.space == space, ~lint_scans.c.crashed)
        .order_by(lint_scans.c.id.desc())
    ).all()
    ranges = _ranges(connection, {scan.set_id for scan in scans})
    spans = _spans(connection, {scan.stream for scan in scans})
    found: dict[int, list[FileScan]] = {}
    waiting = {file for parts in ranges.values() for low, high in parts for file in range(low, high + 1)}
    for scan in scans:
        for file in [each for low, high in ranges[scan.set_id] for each in range(low, high + 1)]:
            if file in waiting:
                history = found.setdefault(file, [])
                history.append(FileScan(scan.id, _counts_at(spans.get((scan.stream, file), ()), scan.id)))
                if len(history) == window:
                    waiting.discard(file)
        if not waiting:
            break
    paths = dict(bulk.fetch(connection, sa.select(lint_files.c.id, lint_files.c.path)))
    return {paths[file]: history[::-1] for file, history in found.items()}


def _counts_at(spans: Iterable[tuple[str, int, int | None]], scan: int) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for severity, since, until in spans:
        if since <= scan and (until is None or until > scan):
            counts[severity] = counts.get(severity, 0) + 1
    return counts


def _ranges(connection: sa.Connection, sets: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {number: [] for number in sets}
    for number, low, high in bulk.fetch(connection, sa.select(lint_set_ranges)):
        if number in found:
            found[number].append((low, high))
    return found


def _spans(
    connection: sa.Connection, streams: Collection[int]
) -> dict[tuple[int, int], list[tuple[str, int, int | None]]]:
    query = sa.select(
        *_columns(lint_findings, "stream", "file"),
        lint_messages.c.severity,
        *_columns(lint_findings, "since", "until"),
    ).join(lint_messages, lint_messages.c.id == lint_findings.c.message)
    found: dict[tuple[int, int], list[tuple[str, int, int | None]]] = defaultdict(list)
    among = bulk.among(connection, lint_findings.c.stream, streams)
    for stream, file, severity, since, until in bulk.fetch(connection, query.where(among)):
        found[(stream, file)].append((severity, since, until))
    return found


def _columns(table: sa.Table, *names: str) -> list[sa.Column[Any]]:
    return [table.c[name] for name in names]


def _at(scan: int) -> sa.ColumnElement[bool]:
    since, until = lint_findings.c.since, lint_findings.c.until
    return (since <= scan) & (until.is_(None) | (until > scan))


def _scan(connection: sa.Connection, execution_id: str) -> Any:
    query = (
        sa.select(*_columns(lint_scans, "id", "stream", "set_id", "crashed"))
        .join(executions, executions.c.id == lint_scans.c.execution)
        .where(executions.c.execution_id == clean(execution_id))
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise ArgosError(
            f"No scan {execution_id!r} has been recorded.",
            next_step="`lens report quality --format md` shows the recorded scans.",
        )
    return found
