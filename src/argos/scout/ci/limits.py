"""GitHub's limits: what an answer says about them, and how long to wait before the next request.

The order is the one that GitHub documents: `retry-after`, else the primary limit that is used up, else
at least a minute that doubles. Both limits answer with 403 or 429; the text of the message is no
contract, so it only tells a limit without headers from a missing permission.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST_S = 1.0
WITHOUT_HEADERS_S = 60.0
_WORDS_OF_A_LIMIT = ("rate limit", "abuse")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The primary limit: `remaining` of `limit` requests until `resets_at`."""

    limit: int
    remaining: int
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds until the next request may go out, and why, as words that follow "waiting: "."""

    seconds: float
    why: str


def stated(headers: Mapping[str, str]) -> RateLimit | None:
    """The limit that an answer states; None if it states none. Names of headers are in lower case."""
    limit = _number(headers.get("x-ratelimit-limit"))
    remaining = _number(headers.get("x-ratelimit-remaining"))
    reset = _number(headers.get("x-ratelimit-reset"))
    if limit is None or remaining is None or reset is None:
        return None
    resets_at = moment(reset)
    return None if resets_at is None else RateLimit(int(limit), int(remaining), resets_at)


def newer(known: RateLimit | None, told: RateLimit) -> RateLimit:
    """Of two statements the one to believe: parallel answers may arrive in another order than they left."""
    if known is None or told.resets_at > known.resets_at or told.limit != known.limit:
        return told
    if told.resets_at < known.resets_at:
        return known
    return min(known, told, key=lambda rate: rate.remaining)


def refusal(
    status: int, headers: Mapping[str, str], message: str, *, now: float, refusals: int
) -> Wait | None:
    """The wait that a refusing answer asks for; None if it is not a limit that refuses.

    `now` is this machine's clock in epoch seconds, used if the answer has no `date`: the times in an
    answer are of the server's clock. `refusals` is how often this request was refused before.
    """
    if status not in (403, 429, 503):
        return None
    now = _date(headers.get("date")) or now
    asked = _retry_after(headers.get("retry-after"), now)
    if asked is not None:
        return Wait(max(asked, SHORTEST_S), "GitHub asks for it")
    if status == 503:
        return None
    if headers.get("x-ratelimit-remaining", "").strip() == "0":
        return used_up(stated(headers), now)
    if status == 429 or any(words in message.lower() for words in _WORDS_OF_A_LIMIT):
        return Wait(WITHOUT_HEADERS_S * 2**refusals, "GitHub's secondary rate limit is reached")
    return None


def used_up(rate: RateLimit | None, now: float) -> Wait:
    """The wait for the primary limit to begin anew."""
    if rate is None:
        return Wait(WITHOUT_HEADERS_S, "the rate limit is used up")
    # One second more: the moment of the reset is cut to whole seconds.
    seconds = max(rate.resets_at.timestamp() - now + 1, SHORTEST_S)
    return Wait(
        seconds, f"the rate limit of {rate.limit:,} requests is used up until {rate.resets_at:%H:%M} UTC"
    )


def server_time(headers: Mapping[str, str], otherwise: float) -> float:
    """The server's clock in epoch seconds, `otherwise` if the answer has no `date`."""
    return _date(headers.get("date")) or otherwise


def moment(epoch_s: float) -> datetime | None:
    """An aware UTC datetime; None for a number that is no moment."""
    try:
        return datetime.fromtimestamp(epoch_s, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _retry_after(value: str | None, now: float) -> float | None:
    """Seconds, from a number of seconds or an HTTP date."""
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    date = _date(value)
    return None if date is None else date - now


def _date(value: str | None) -> float | None:
    try:
        return None if value is None else parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
