from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.model.execution import Pick, Selection
from argos.store import encoding
from builders import NOON

TEXT = st.text(st.characters(exclude_categories=[]))


@given(TEXT)
def test_clean_text_can_be_stored_and_is_clean(text: str):
    cleaned = encoding.clean(text)
    assert "\0" not in cleaned.encode("utf-8").decode("utf-8")
    assert encoding.clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_ordinary_text_is_left_as_it_is(text: str):
    assert encoding.clean(text) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_kept_to_the_microsecond(time: datetime):
    assert encoding.time(encoding.microseconds(time)) == time


@given(st.integers(100, 65_000_000_000))
def test_a_packed_duration_is_within_a_thousandth(duration_us: int):
    (seconds,) = encoding.halves(encoding.half(duration_us))
    assert seconds == pytest.approx(duration_us / 1e6, rel=1e-3)


def test_a_key_has_22_characters_for_any_name():
    keys = {encoding.key("test", name) for name in ("", "a", "é" * 10_000)}
    assert {len(key) for key in keys} == {22}
    assert len(keys) == 3


def test_type_and_name_cannot_be_confused():
    assert encoding.key("a", "bc") != encoding.key("ab", "c")


PICKS = st.lists(st.builds(Pick, st.sampled_from(["a", "b", "c", "é", "1"]), st.text("xy é", max_size=3)))


@given(PICKS, st.sets(st.sampled_from(["a", "b", "c", "é", "1"])))
def test_any_selection_unpacks_as_it_was_packed(picks: list[Pick], known: set[str]):
    ids = {name: number * 7 + 1 for number, name in enumerate(sorted(known))}
    names = {number: name for name, number in ids.items()}
    selection = Selection(tuple(picks), ("gone",))
    packed = encoding.pack_selection(selection, ids)
    assert encoding.unpack_selection(packed, lambda _: names) == selection
    assert encoding.selected_ids(packed) == {ids[pick.entity] for pick in picks if pick.entity in ids}


def test_ten_thousand_picks_for_one_reason_take_little_room():
    names = [f"tests/test_module.py::test_{number}" for number in range(10_000)]
    selection = Selection(tuple(Pick(name, "matches tests/**") for name in names))
    packed = encoding.pack_selection(selection, {name: number + 1 for number, name in enumerate(names)})
    assert len(packed) < 1000


def test_times_of_other_zones_are_one_moment():
    from datetime import timezone

    assert encoding.microseconds(NOON.astimezone(timezone(timedelta(hours=3)))) == encoding.microseconds(NOON)
