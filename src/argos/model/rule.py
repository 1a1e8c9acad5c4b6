"""Rules: a criterion, its window and threshold, and what limits the picks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition, or a combination of conditions, on an entity.

    `name` is `all`, `group`, `failed-in-last`, `failure-rate` or another registered criterion, or
    one of the combinations `any`, `every` and `not`, whose operands are `parts` (`not` has one).
    In YAML the combination `every` is written `all:` with a list. `window` is a number of the
    entity's own newest results, `threshold` a rate 0..1, `groups` are globs; None or empty means
    that the criterion's own default holds.
    """

    name: str
    window: int | None = None
    threshold: float | None = None
    groups: tuple[str, ...] = ()
    parts: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """What to run. `limit` caps the number of picks, `budget_s` their recorded seconds.

    `source` is where the rule is written (`.lens/rules.yaml:12`) or `built in`.
    """

    name: str
    criterion: Criterion
    description: str = ""
    enabled: bool = True
    limit: int | None = None
    budget_s: float | None = None
    executor: str = "pytest"
    options: dict[str, Any] = field(default_factory=dict)
    source: str = "built in"
