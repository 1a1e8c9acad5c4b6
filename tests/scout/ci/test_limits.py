"""What answers say about limits."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.scout.ci import limits
from argos.scout.ci.limits import RateLimit

NOW = 1_800_000_000.0
USED_UP = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW + 90))}


def wait_s(status: int, headers: dict[str, str], message: str = "", refusals: int = 0) -> float | None:
    wait = limits.refusal(status, headers, message, now=NOW, refusals=refusals)
    return None if wait is None else wait.seconds


def test_retry_after_goes_before_the_reset() -> None:
    assert wait_s(403, {**USED_UP, "retry-after": "17"}) == 17
    assert wait_s(429, {**USED_UP, "retry-after": formatdate(NOW + 30, usegmt=True)}) == 30


def test_the_reset_counts_when_nothing_remains() -> None:
    assert wait_s(403, USED_UP) == 91
    assert wait_s(429, USED_UP) == 91


def test_without_either_a_minute_doubles() -> None:
    assert [wait_s(429, {}, refusals=refusals) for refusals in range(4)] == [60, 120, 240, 480]
    assert wait_s(403, {"x-ratelimit-remaining": "12"}, "You have exceeded a secondary rate limit.") == 60


def test_a_403_that_speaks_of_no_limit_is_none() -> None:
    assert wait_s(403, {"x-ratelimit-remaining": "12"}, "Resource not accessible by integration") is None
    assert wait_s(403, {}) is None


def test_an_unavailable_service_may_name_a_time_too() -> None:
    assert wait_s(503, {"retry-after": "5"}) == 5
    assert wait_s(503, {}) is None


def test_times_of_an_answer_are_of_the_servers_clock() -> None:
    """This machine is an hour ahead."""
    headers = {**USED_UP, "date": formatdate(NOW, usegmt=True)}
    wait = limits.refusal(403, headers, "", now=NOW + 3600, refusals=0)
    assert wait is not None
    assert wait.seconds == 91


def test_a_reset_that_has_passed_is_waited_for_a_moment() -> None:
    assert wait_s(403, {**USED_UP, "x-ratelimit-reset": str(int(NOW - 500))}) == 1


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(
            ["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit", "date"]
        ),
        st.text(max_size=30) | st.integers().map(str) | st.floats().map(str),
    ),
    st.text(max_size=20),
    st.integers(0, 5),
)
def test_whatever_headers_say_a_wait_is_a_number_of_seconds(
    status: int, headers: dict[str, str], message: str, refusals: int
) -> None:
    seconds = wait_s(status, headers, message, refusals)
    assert seconds is None or seconds >= 1
    limits.stated(headers)


def rate(remaining: int, minute: int = 0, limit: int = 5000) -> RateLimit:
    return RateLimit(limit, remaining, datetime(2026, 11, 1, 8, minute, tzinfo=UTC))


def test_of_answers_that_overtake_each_other_the_lower_remainder_is_believed() -> None:
    assert limits.newer(rate(10), rate(11)) == rate(10)
    assert limits.newer(rate(11), rate(10)) == rate(10)
    assert limits.newer(rate(10), rate(4999, minute=30)) == rate(4999, minute=30)
    assert limits.newer(rate(4999, minute=30), rate(10)) == rate(4999, minute=30)
    assert limits.newer(None, rate(10)) == rate(10)


@pytest.mark.parametrize("reset", ["9" * 30, "1e300", "-5", "soon", ""])
def test_a_reset_that_is_no_moment_is_no_statement(reset: str) -> None:
    headers = {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    assert limits.stated(headers) is None
    assert wait_s(403, headers) == 60
