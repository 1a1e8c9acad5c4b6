from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from argos.model.rule import Criterion, Rule
from argos.store import rules
from argos.store.database import Database
from argos.store.tables import execution_rules
from builders import NOON

QUICK = Rule(
    "quick-check",
    Criterion(
        "any",
        parts=(Criterion("group", groups=("tests/**", "é")), Criterion("not", parts=(Criterion("all"),))),
    ),
    description="Before a commit",
    limit=100,
    budget_s=30.5,
    options={"args": ["-x"], "env": {"A": "1"}},
    source=".lens/rules.yaml:3",
)
FAILING = Rule("failing", Criterion("failure-rate", window=20, threshold=0.1), enabled=False)


def mirror(database: Database, *wanted: Rule, hour: int = 0) -> None:
    with database.write() as connection:
        rules.mirror(connection, wanted, NOON + timedelta(hours=hour))


def listed(database: Database) -> list[Rule]:
    with database.read() as connection:
        return rules.listed(connection)


def times(database: Database) -> dict[str, tuple[object, object]]:
    with database.read() as connection:
        table = execution_rules.c
        query = sa.select(table.name, table.created_at, table.updated_at)
        return {row.name: (row.created_at, row.updated_at) for row in connection.execute(query)}


def test_rules_read_back_as_they_were_mirrored(database: Database):
    mirror(database, QUICK, FAILING)
    assert listed(database) == [FAILING, QUICK]


def test_the_table_follows_the_list(database: Database):
    mirror(database, QUICK, FAILING)
    mirror(database, Rule("failing", Criterion("all")), Rule("new", Criterion("all")))
    assert [(rule.name, rule.criterion.name) for rule in listed(database)] == [
        ("failing", "all"),
        ("new", "all"),
    ]


def test_only_what_changed_is_dated_anew(database: Database):
    mirror(database, QUICK, FAILING)
    mirror(database, QUICK, Rule("failing", Criterion("all")), hour=1)
    later = NOON + timedelta(hours=1)
    assert times(database) == {"quick-check": (NOON, NOON), "failing": (NOON, later)}


def test_odd_characters_in_rules_are_kept_or_escaped(database: Database):
    odd = Rule("a", Criterion("group", groups=("\udc80\0", "é")), options={"\ud800": ("x",)})
    mirror(database, odd)
    mirror(database, odd, hour=1)
    (rule,) = listed(database)
    assert rule.criterion.groups == ("\\udc80\\x00", "é")
    assert rule.options == {"\\ud800": ["x"]}
    assert times(database)["a"] == (NOON, NOON)
