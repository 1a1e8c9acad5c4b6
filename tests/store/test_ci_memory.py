from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.store import ci_memory
from argos.store.ci_memory import StoredEtags, Stretch, joined
from argos.store.database import Database
from builders import NOON

API = "https://api.github.com/repos/octo/widgets/actions/runs?per_page=100"


def stretch(oldest: int, newest: int, *, final: bool = False) -> Stretch:
    return Stretch(NOON + timedelta(hours=oldest), NOON + timedelta(hours=newest), final)


def test_an_answer_is_kept_with_its_etag_and_replaced_by_a_newer_one(database: Database):
    etags = StoredEtags(database)
    assert etags.get(API) is None
    etags.put(API, '"one"', b"body")
    etags.put(API, '"two"', b"newer \x00 body")
    assert etags.get(API) == ('"two"', b"newer \x00 body")


@pytest.mark.parametrize(
    "address",
    [
        f"{API}&sig=secret",
        f"{API}&X-Amz-Signature=secret",
        "https://octo:secret@api.github.com/repos",
        "https://blob.example/log?se=2026&sp=r",
        "https://[broken",
    ],
)
def test_an_address_that_may_hold_a_secret_is_not_kept(database: Database, address: str):
    etags = StoredEtags(database)
    etags.put(address, '"one"', b"body")
    assert etags.get(address) is None


def test_the_answers_that_were_used_longest_ago_are_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ci_memory, "_KEPT", 3)
    etags = StoredEtags(database)
    for page in range(5):
        etags.put(f"{API}&page={page}", '"one"', b"")
    assert [etags.get(f"{API}&page={page}") is not None for page in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_stretches_are_kept_by_scope(database: Database):
    with database.write() as connection:
        ci_memory.save_stretches(connection, "a", [stretch(1, 2)])
        ci_memory.save_stretches(connection, "a", [stretch(3, 4), stretch(0, 2, final=True)])
    with database.read() as connection:
        assert ci_memory.stretches(connection, "a") == [stretch(3, 4), stretch(0, 2, final=True)]
        assert ci_memory.stretches(connection, "b") == []


def test_stretches_that_touch_are_one():
    assert joined([stretch(0, 2, final=True), stretch(5, 6), stretch(2, 4)]) == [
        stretch(5, 6),
        stretch(0, 4, final=True),
    ]


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda s: stretch(s[0], s[0] + s[1])))


@given(SPANS)
def test_joining_keeps_every_moment_and_adds_none(every: list[Stretch]):
    parts = joined(every)

    def covered(stretches: list[Stretch]) -> set[int]:
        return {
            half
            for half in range(80)
            if any(s.oldest <= NOON + timedelta(hours=half / 2) <= s.newest for s in stretches)
        }

    assert covered(parts) == covered(every)
    assert all(later.oldest > earlier.newest for later, earlier in itertools.pairwise(parts))
