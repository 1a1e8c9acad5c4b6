"""Executions, selections and results: what ran, why, and how it ended.

Durations are seconds as float in names that end in `_s`; times are aware UTC datetimes; entities
are named as the project's users see them, a test by its node id relative to the project's root
with `/` as separator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How one result ended, folded over set-up, call and tear-down as pytest does."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"

    @property
    def letter(self) -> str:
        """One ASCII letter, as it stands in a packed record: P F E S x X."""
        return LETTERS[self]

    @property
    def failing(self) -> bool:
        return self in FAILING

    @property
    def executed(self) -> bool:
        """Whether the test really ran: everything but a skip."""
        return self is not Outcome.SKIPPED


LETTERS = {
    Outcome.PASSED: "P",
    Outcome.FAILED: "F",
    Outcome.ERROR: "E",
    Outcome.SKIPPED: "S",
    Outcome.XFAILED: "x",
    Outcome.XPASSED: "X",
}
OUTCOMES = {letter: outcome for outcome, letter in LETTERS.items()}
FAILING = frozenset({Outcome.FAILED, Outcome.ERROR})


class ExecutionStatus(StrEnum):
    """PREVIEW is what a dry run returns; it is never recorded."""

    PREVIEW = "preview"
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class TestResult:
    """One attempt at one test.

    `attempt` counts from 0 and is above 0 for reruns. `parameters` is a JSON object of parameter
    name to bounded `repr`, None for a test without parameters. `message`, `traceback` and `output`
    are bounded text, None where there is nothing to keep (a plain pass keeps none).
    """

    __test__ = False  # pytest: a value, not a test class

    entity: str
    outcome: Outcome
    started_at: datetime
    setup_s: float = 0.0
    call_s: float = 0.0
    teardown_s: float = 0.0
    attempt: int = 0
    worker: str | None = None
    parameters: str | None = None
    message: str | None = None
    traceback: str | None = None
    output: str | None = None

    @property
    def duration_s(self) -> float:
        return self.setup_s + self.call_s + self.teardown_s


@dataclass(frozen=True, slots=True)
class Counts:
    """A tally of final attempts by outcome; tallies add."""

    passed: int = 0
    failed: int = 0
    error: int = 0
    skipped: int = 0
    xfailed: int = 0
    xpassed: int = 0

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.error + self.skipped + self.xfailed + self.xpassed

    @property
    def failing(self) -> int:
        return self.failed + self.error

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, o.value) + getattr(other, o.value) for o in Outcome))

    @classmethod
    def of(cls, results: Iterable[TestResult]) -> Counts:
        """Counts the last attempt of each entity."""
        last: dict[str, TestResult] = {}
        for result in results:
            known = last.get(result.entity)
            if known is None or result.attempt >= known.attempt:
                last[result.entity] = result
        tally = dict.fromkeys((o.value for o in Outcome), 0)
        for result in last.values():
            tally[result.outcome.value] += 1
        return cls(**tally)


@dataclass(frozen=True, slots=True)
class Pick:
    """One selected entity and the sentence that says why."""

    entity: str
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What a rule picked, in the order in which it runs, and the picks that no longer exist."""

    picks: tuple[Pick, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Execution:
    """One set of tests that ran at a commit in a space.

    `full_duration_s` is the duration of the newest complete run of everything in the same space
    before this one, None if there was none. `complete` says that this execution was such a run:
    every test the project has, unsharded, to its end. `running` names the tests that were running
    when an execution was interrupted, `not_run` counts picks without a result, `notes` are
    sentences for the user: what of the project's own options was overridden, gates that failed.
    `command` is the command line of the `anvil` call; `dirty` and `commit` are None outside git.
    """

    execution_id: str
    rule: str
    space: str
    started_at: datetime
    status: ExecutionStatus = ExecutionStatus.RUNNING
    entity_type: str = "test"
    duration_s: float | None = None
    full_duration_s: float | None = None
    complete: bool = False
    counts: Counts = field(default_factory=Counts)
    selected: int = 0
    not_run: int = 0
    gone: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    platform: str | None = None
    python_version: str | None = None
    pytest_version: str | None = None
    interpreter: str | None = None
    command: tuple[str, ...] = ()
    workers: int = 1
    shard: str | None = None
    exit_code: int | None = None
