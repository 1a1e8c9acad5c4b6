"""What a sync remembers: answers of GitHub with their ETags, and which stretches of time it has seen."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import sqlalchemy as sa

from argos.store.database import Database
from argos.store.tables import ci_cursors, etags

# An address that holds anything else might hold a signature.
_HARMLESS = frozenset(
    (
        *("page", "per_page", "after", "before", "direction", "filter", "name", "exclude_pull_requests"),
        *("actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"),
    )
)
_KEPT = 2000


class StoredEtags:
    """Answers that GitHub need not send again, by their address.

    Only addresses without anything secret are kept, and of those the ones that were used last.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, url: str) -> tuple[str, bytes] | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(etags.c.etag, etags.c.body).where(etags.c.url == url)).first()
        return None if row is None else (row.etag, zlib.decompress(row.body))

    def put(self, url: str, etag: str, body: bytes) -> None:
        if not harmless(url):
            return
        row = {"etag": etag, "body": zlib.compress(body, 1), "used_at": datetime.now(UTC)}
        with self._database.write() as connection:
            known = connection.execute(sa.update(etags).where(etags.c.url == url).values(row)).rowcount
            if not known:
                connection.execute(sa.insert(etags).values(url=url, **row))
                _forget_the_oldest(connection)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time of which every run of a scope is known, by when runs were created.

    Both ends belong to it. `final` says that no run is older.
    """

    oldest: datetime
    newest: datetime
    final: bool = False


def stretches(connection: sa.Connection, scope: str) -> list[Stretch]:
    """What is known of a scope, newest first; a scope is a repository with what its sync is limited to."""
    held = connection.scalar(sa.select(ci_cursors.c.stretches).where(ci_cursors.c.scope == scope))
    return [
        Stretch(datetime.fromisoformat(oldest), datetime.fromisoformat(newest), final)
        for oldest, newest, final in held or []
    ]


def save_stretches(connection: sa.Connection, scope: str, every: Iterable[Stretch]) -> None:
    held = [[s.oldest.isoformat(), s.newest.isoformat(), s.final] for s in every]
    mine = ci_cursors.c.scope == scope
    if not connection.execute(sa.update(ci_cursors).where(mine).values(stretches=held)).rowcount:
        connection.execute(sa.insert(ci_cursors).values(scope=scope, stretches=held))


def joined(every: Iterable[Stretch]) -> list[Stretch]:
    """Stretches that touch or overlap as one, newest first."""
    merged: list[Stretch] = []
    for each in sorted(every, key=lambda stretch: (stretch.newest, stretch.oldest), reverse=True):
        if merged and each.newest >= merged[-1].oldest:
            last = merged.pop()
            merged.append(Stretch(min(last.oldest, each.oldest), last.newest, last.final or each.final))
        else:
            merged.append(each)
    return merged


def harmless(url: str) -> bool:
    """Whether an address holds nothing secret: no user, and only parameters of the API's own lists."""
    try:
        parts = urlsplit(url)
        named = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        return False
    return "@" not in parts.netloc and not parts.fragment and named <= _HARMLESS


def _forget_the_oldest(connection: sa.Connection) -> None:
    count = connection.scalar(sa.select(sa.func.count()).select_from(etags)) or 0
    if count > _KEPT:
        oldest = sa.select(etags.c.url).order_by(etags.c.used_at).limit(count - _KEPT)
        connection.execute(sa.delete(etags).where(etags.c.url.in_(oldest)))
