from __future__ import annotations

from datetime import timedelta
from typing import Any

from argos.model.ci import CIFailurePattern, Evidence, PatternType
from argos.store import ci_patterns
from argos.store.database import Database
from builders import NOON

DAY = timedelta(days=1)


def a_pattern(**fields: Any) -> CIFailurePattern:
    usual: dict[str, Any] = {
        "pattern_type": PatternType.PLATFORM,
        "signature": "OSError: no",
        "description": "Fails on Windows.",
        "confidence": 0.9,
        "failure_count": 3,
        "first_seen": NOON,
        "last_seen": NOON + DAY,
        "test_nodeid": "tests/test_a.py::test_x",
        "runner_os": "windows",
        "suggested_fix": "Use os.path.",
        "reproduce": "scout ci reproduce --run-id 1 --job-id 2",
        "evidence": (Evidence("Fails in 3 of 3 cells.", 1, 2, 40), Evidence("Passes elsewhere.")),
        "tests": ("tests/test_a.py::test_x",),
        "run_ids": (1, 2),
    }
    return CIFailurePattern(**{**usual, **fields})


def save(database: Database, *patterns: CIFailurePattern) -> None:
    with database.write() as connection:
        ci_patterns.save(connection, patterns)


def found(database: Database, **wanted: Any) -> list[CIFailurePattern]:
    with database.read() as connection:
        return ci_patterns.found(connection, **wanted)


def test_a_pattern_reads_back_as_it_was(database: Database):
    bare = a_pattern(
        test_nodeid=None, runner_os=None, suggested_fix=None, reproduce=None, evidence=(), tests=()
    )
    save(database, a_pattern(), bare)
    assert sorted(found(database), key=repr) == sorted([a_pattern(), bare], key=repr)


def test_a_pattern_that_is_found_again_keeps_when_it_was_first_seen(database: Database):
    save(database, a_pattern())
    later = a_pattern(first_seen=NOON + 5 * DAY, last_seen=NOON + 9 * DAY, failure_count=7, confidence=0.5)
    save(database, later)
    (kept,) = found(database)
    assert (kept.first_seen, kept.last_seen) == (NOON, NOON + 9 * DAY)
    assert (kept.failure_count, kept.confidence) == (7, 0.5)


def test_patterns_are_chosen_by_type_time_and_system(database: Database):
    old = a_pattern(pattern_type=PatternType.FLAKY, runner_os=None)
    new = a_pattern(last_seen=NOON + 9 * DAY)
    save(database, old, new)
    assert found(database) == [new, old]
    assert found(database, pattern_type=PatternType.FLAKY) == [old]
    assert found(database, since=NOON + 2 * DAY) == [new]
    assert found(database, runner_os="windows") == [new]
