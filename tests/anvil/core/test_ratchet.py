from __future__ import annotations

from dataclasses import replace

from argos.anvil.core.ratchet import tightened
from argos.model.quality import Sighting, Surroundings


def a_sighting(number: int, tool: str = "ruff") -> Sighting:
    around = Surroundings(f"f{number}", number, 2, 3, 4)
    return Sighting("a.py", tool, "F401", f"'x{number}' unused", "WARNING", number, around=around)


def test_the_first_baseline_takes_in_everything():
    result = tightened(None, [a_sighting(1), a_sighting(2)], {"ruff"})
    assert (len(result.entries), result.added, result.refused) == (2, 2, 0)


def test_what_is_fixed_goes_out_and_nothing_new_comes_in():
    result = tightened([a_sighting(1), a_sighting(2)], [a_sighting(2), a_sighting(3)], {"ruff"})
    assert result.entries == (a_sighting(2),)
    assert (result.added, result.removed, result.refused) == (0, 1, 1)


def test_new_ones_come_in_where_that_is_asked_for():
    result = tightened([a_sighting(1)], [a_sighting(1), a_sighting(3)], {"ruff"}, accept_new=True)
    assert (set(result.entries), result.added, result.refused) == ({a_sighting(1), a_sighting(3)}, 1, 0)


def test_an_entry_stays_as_it_is_written_though_its_neighbourhood_has_changed():
    old = a_sighting(1)
    now = replace(old, line=50, around=replace(old.around, before=99))
    assert tightened([old], [now], {"ruff"}).entries == (old,)


def test_entries_of_a_tool_that_no_scan_has_run_stay():
    result = tightened([a_sighting(1, "pylint")], [], {"ruff"})
    assert (len(result.entries), result.removed) == (1, 0)
