"""The rule engine: from a rule and the tests that exist to a selection that explains itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argos.anvil import criteria
from argos.anvil.core.history import History
from argos.anvil.criteria.group import CHANGED
from argos.console.progress import clock, plural
from argos.model.execution import Pick, Selection
from argos.model.rule import Criterion, Rule

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.anvil.core.statistics import StatisticsCalculator


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection and the sentences about it that a user should read: what a cap left out."""

    selection: Selection
    notes: tuple[str, ...] = ()


Matches = Callable[[Criterion, Sequence[str], History], dict[str, str]]


class RuleEngine:
    """Evaluates rules against the history of one space.

    `db_session` is a SQLAlchemy connection or session, or a function that opens one: rules that ask
    nothing of history (`all`, `group`) are evaluated without it.
    """

    def __init__(
        self,
        db_session: Connection | Callable[[], Connection],
        *,
        space: str = "local",
        root: Path = Path(),
        changed: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._connect = db_session if callable(db_session) else lambda: db_session
        self.history = History(self._connect, space=space, root=root, changed=changed)

    @property
    def statistics(self) -> StatisticsCalculator:
        from argos.anvil.core.statistics import StatisticsCalculator

        return StatisticsCalculator(self._connect())

    def select_entities(self, rule: Rule) -> list[str]:
        """Ids of the known tests that the rule picks, by the database alone, in its caps' order.

        Raises `ArgosError` for unknown criteria.
        """
        return [pick.entity for pick in self.select(rule, list(self.history.recent)).selection.picks]

    def select(self, rule: Rule, collected: Sequence[str]) -> Chosen:
        """What the rule picks of the tests that exist, in their order, and its picks that are gone."""
        reasons = self._matches(rule.criterion, collected)
        picks = [Pick(entity, reasons[entity]) for entity in dict.fromkeys(collected) if entity in reasons]
        kept, notes = self._capped(rule, picks)
        return Chosen(Selection(tuple(kept), self.gone(rule, set(collected))), notes)

    def gone(self, rule: Rule, existing: Set[str]) -> tuple[str, ...]:
        """What the rule would pick by history or by name, and what does not exist any more."""
        former = sorted(self._candidates(rule.criterion) - existing)
        return tuple(self._matches(rule.criterion, former))

    def unmatched(self, rule: Rule, existing: Sequence[str]) -> tuple[str, ...]:
        """Patterns of the rule's groups that match none of the tests that exist: renamed or misspelt."""
        from argos.config.globs import matcher

        patterns = [p for p in dict.fromkeys(groups(rule.criterion)) if p != CHANGED]
        if not patterns:
            return ()
        match = matcher(patterns)
        met = {match(entity) for entity in existing}
        # A pattern may only ever have been second to another that also matches.
        return tuple(p for p in patterns if p not in met and not any(map(matcher([p]), existing)))

    def files(self, rule: Rule) -> set[str] | None:
        """The only files in which picks can lie; None when every test file has to be collected."""
        return self._files(rule.criterion)

    def _matches(self, criterion: Criterion, entities: Sequence[str]) -> dict[str, str]:
        if criterion.name == "any":
            found: dict[str, str] = {}
            for part in criterion.parts:
                found = {**self._matches(part, entities), **found}
            return found
        if criterion.name == "every":
            each = [self._matches(part, entities) for part in criterion.parts]
            return {
                e: " and ".join(dict.fromkeys(r[e] for r in each))
                for e in entities
                if all(e in r for r in each)
            }
        if criterion.name == "not":
            (part,) = criterion.parts
            without = self._matches(part, entities)
            return {entity: f"not: {describe(part)}" for entity in entities if entity not in without}
        matches: Matches = criteria.named(criterion.name).matches
        return matches(criterion, entities, self.history)

    def _candidates(self, criterion: Criterion) -> set[str]:
        if criterion.name == "not":
            return set()
        if criterion.parts:
            return set().union(*(self._candidates(part) for part in criterion.parts))
        found: set[str] = criteria.named(criterion.name).candidates(criterion, self.history)
        return found

    def _files(self, criterion: Criterion) -> set[str] | None:
        if criterion.name == "not":
            return None
        if criterion.parts:
            parts = [self._files(part) for part in criterion.parts]
            known = [files for files in parts if files is not None]
            if criterion.name == "every":
                return set.intersection(*known) if known else None
            return set().union(*known) if len(known) == len(parts) else None
        files: set[str] | None = criteria.named(criterion.name).files(criterion, self.history)
        return files

    def _capped(self, rule: Rule, picks: list[Pick]) -> tuple[list[Pick], tuple[str, ...]]:
        if rule.limit is None and rule.budget_s is None:
            return picks, ()
        from argos.stats.likelihood import failure_likelihood

        recent, durations = self.history.recent, self.history.durations
        typical = sum(durations.values()) / len(durations) if durations else 0.0
        ranked = sorted(
            picks,
            key=lambda pick: (
                -failure_likelihood(recent.get(pick.entity, "")),
                durations.get(pick.entity, typical),
            ),
        )
        kept: set[str] = set()
        used = 0.0
        for pick in ranked:
            if rule.limit is not None and len(kept) >= rule.limit:
                break
            cost = durations.get(pick.entity, typical)
            if rule.budget_s is not None and used + cost > rule.budget_s:
                continue
            kept.add(pick.entity)
            used += cost
        left = len(picks) - len(kept)
        caps = " and ".join(cap_words(rule))
        note = f"The rule's {caps} left out {left} of {len(picks)} picks, those least likely to fail."
        return [pick for pick in picks if pick.entity in kept], (note,) if left else ()


def cap_words(rule: Rule) -> list[str]:
    """The caps of a rule in words: `limit of 50 tests`, `budget of 1m30s`."""
    words = [] if rule.limit is None else [f"limit of {plural(rule.limit, 'test')}"]
    if rule.budget_s is None:
        return words
    # Below a second the clock has no figures that tell.
    return [*words, f"budget of {clock(rule.budget_s) if rule.budget_s >= 1 else f'{rule.budget_s:g}s'}"]


def describe(criterion: Criterion) -> str:
    """A criterion in one line, as in a list of rules: `failed-in-last 5`, `any(all, not group a)`."""
    if criterion.parts:
        name = "all" if criterion.name == "every" else criterion.name
        return f"{name}({', '.join(describe(part) for part in criterion.parts)})"
    module = criteria.registered().get(criterion.name)
    window = criterion.window or getattr(module, "WINDOW", None)
    threshold = getattr(module, "THRESHOLD", None) if criterion.threshold is None else criterion.threshold
    words = [criterion.name, *criterion.groups]
    if threshold is not None:
        words.append(f"{threshold * 100:g}%")
    if window is not None:
        words.append(f"in the last {window}" if threshold is not None else f"{window}")
    return " ".join(words)


def groups(criterion: Criterion) -> Iterator[str]:
    """Every pattern of the criterion and its parts."""
    yield from criterion.groups
    for part in criterion.parts:
        yield from groups(part)


def uses_history(criterion: Criterion) -> bool:
    """Whether picks depend on what the database remembers."""
    if criterion.parts:
        return any(uses_history(part) for part in criterion.parts)
    return criterion.name not in ("all", "group")


def is_everything(rule: Rule) -> bool:
    """Whether the rule stands for the whole suite: plain `all`, without groups or caps."""
    plain = rule.criterion.name == "all" and not rule.criterion.groups
    return plain and rule.limit is None and rule.budget_s is None
