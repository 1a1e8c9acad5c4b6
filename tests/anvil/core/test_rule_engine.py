"""Rules evaluated against remembered results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.anvil import criteria
from argos.anvil.core.rule_engine import RuleEngine, describe
from argos.anvil.core.statistics import StatisticsCalculator
from argos.anvil.executor.part import in_shard, shares
from argos.errors import ArgosError
from argos.model.execution import OUTCOMES
from argos.model.rule import Criterion, Rule
from argos.store import executions
from argos.store.database import Database, open_database
from builders import NOON, a_result, an_execution

GOOD, BAD, FLAKY, SLOW = (f"tests/test_a.py::test_{name}" for name in ("good", "bad", "flaky", "slow"))
RECORDS = {GOOD: "PPPPP", BAD: "FFFFF", FLAKY: "PFPPP", SLOW: "PPPPF"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Five executions with the outcomes of RECORDS; SLOW takes a minute, the others a second."""
    database = open_database(tmp_path)
    with database.write() as connection:
        for number in range(5):
            at = NOON + timedelta(hours=number)
            executions.start(connection, an_execution(f"local-{number}", started_at=at))
            results = [
                a_result(
                    test, OUTCOMES[record[number]].value, started_at=at, call_s=60.0 if test == SLOW else 1.0
                )
                for test, record in RECORDS.items()
            ]
            executions.record(connection, f"local-{number}", results)
    yield database
    database.close()


def rule(
    name: str = "all", *, limit: int | None = None, budget_s: float | None = None, **fields: object
) -> Rule:
    return Rule("r", Criterion(name, **fields), limit=limit, budget_s=budget_s)  # type: ignore[arg-type]


def select(database: Database, rule: Rule, collected: list[str] | None = None) -> dict[str, str]:
    with database.read() as connection:
        chosen = RuleEngine(connection).select(rule, list(RECORDS) if collected is None else collected)
    return {pick.entity: pick.reason for pick in chosen.selection.picks}


def test_all_picks_everything(database: Database) -> None:
    assert select(database, rule()) == dict.fromkeys(RECORDS, "every test")


def test_all_with_groups_is_filtered_by_them(database: Database) -> None:
    assert list(select(database, rule(groups=("*::test_good",)))) == [GOOD]


def test_failed_in_last_counts_each_tests_own_newest_results(database: Database) -> None:
    assert select(database, rule("failed-in-last", window=2)) == {
        BAD: "failed 2 of its last 2",
        SLOW: "failed 1 of its last 2",
    }
    assert set(select(database, rule("failed-in-last"))) == {BAD, FLAKY, SLOW}


def test_failure_rate_picks_from_its_threshold_on(database: Database) -> None:
    assert set(select(database, rule("failure-rate", threshold=0.2))) == {BAD, FLAKY, SLOW}
    assert select(database, rule("failure-rate", threshold=0.21)) == {BAD: "failed 5 of its last 5, 100%"}


def test_a_failing_test_that_no_longer_exists_is_gone(database: Database) -> None:
    with database.read() as connection:
        chosen = RuleEngine(connection).select(rule("failed-in-last"), [GOOD, FLAKY, SLOW])
    assert chosen.selection.gone == (BAD,)
    assert BAD not in [pick.entity for pick in chosen.selection.picks]


def test_combinations_mean_what_they_say(database: Database) -> None:
    failing, group = Criterion("failed-in-last"), Criterion("group", groups=(FLAKY, GOOD))
    assert set(select(database, rule("any", parts=(failing, group)))) == {BAD, FLAKY, SLOW, GOOD}
    assert list(select(database, rule("every", parts=(failing, group)))) == [FLAKY]
    assert list(select(database, rule("not", parts=(failing,)))) == [GOOD]


def test_a_limit_keeps_the_most_likely_to_fail(database: Database) -> None:
    assert list(select(database, rule(limit=2))) == [BAD, SLOW]


def test_a_budget_keeps_the_most_likely_to_fail_that_fit(database: Database) -> None:
    assert list(select(database, rule(budget_s=3.0))) == [GOOD, BAD, FLAKY]


def test_the_engine_names_known_tests_without_collecting(database: Database) -> None:
    with database.read() as connection:
        assert RuleEngine(connection).select_entities(rule("failed-in-last", window=1)) == [BAD, SLOW]


def test_unknown_criteria_are_refused(database: Database) -> None:
    with pytest.raises(ArgosError, match="Unknown criteria: random"):
        select(database, rule("random"))


def test_another_space_has_another_history(database: Database) -> None:
    with database.read() as connection:
        assert RuleEngine(connection, space="ci").select_entities(rule("failed-in-last")) == []


def test_files_are_narrowed_only_where_that_is_safe(database: Database, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_b.py").touch()
    failing, group = Criterion("failed-in-last"), Criterion("group", groups=("tests/test_b.py",))
    with database.read() as connection:
        engine = RuleEngine(connection, root=tmp_path)
        assert engine.files(rule("failed-in-last")) == {"tests/test_a.py"}
        assert engine.files(rule("any", parts=(failing, group))) == {"tests/test_a.py", "tests/test_b.py"}
        assert engine.files(rule("every", parts=(failing, group))) == set()
        assert engine.files(rule("group", groups=("tests",))) == {"tests/test_b.py"}
        assert engine.files(rule("group", groups=("tests/**/test_*.py",))) == {"tests/test_b.py"}
        assert engine.files(rule("group", groups=("*::test_x",))) is None
        assert engine.files(rule()) is None
        assert engine.files(rule("not", parts=(failing,))) is None
        assert engine.files(rule("every", parts=(failing, Criterion("all")))) == {"tests/test_a.py"}


@pytest.mark.parametrize(
    ("changed", "picked"),
    [
        (("shop/models.py",), {"tests/test_models.py::a": "named after shop/models.py, which has changed"}),
        (("tests/test_views.py",), {"tests/test_views.py::b": "tests/test_views.py has changed"}),
        (
            ("tests/conftest.py",),
            dict.fromkeys(
                ("tests/test_models.py::a", "tests/test_views.py::b"),
                "tests/conftest.py above it has changed",
            ),
        ),
        (("README.md",), {}),
        ((), {}),
    ],
)
def test_changed_files_pick_the_tests_that_belong_to_them(
    changed: tuple[str, ...], picked: dict[str, str]
) -> None:
    engine = RuleEngine(_never, changed=lambda: changed)
    tests = ["tests/test_models.py::a", "tests/test_views.py::b"]
    chosen = engine.select(rule("group", groups=("${CHANGED_FILES}",)), tests)
    assert {pick.entity: pick.reason for pick in chosen.selection.picks} == picked


def _never() -> object:
    raise AssertionError("a rule without history must not open the database")


def test_a_written_out_test_that_is_gone_is_reported() -> None:
    chosen = RuleEngine(_never).select(
        rule("group", groups=("tests/test_a.py::test_x",)), ["tests/test_a.py::test_y"]
    )  # type: ignore[arg-type]
    assert chosen.selection.gone == ("tests/test_a.py::test_x",)


def test_every_criterion_has_what_the_family_promises() -> None:
    for name, module in criteria.registered().items():
        assert name == module.NAME
        assert module.__doc__.startswith(f"`{name}`: ")
        assert all(callable(getattr(module, part)) for part in ("matches", "candidates", "files"))


def test_the_criteria_that_rules_may_name_are_those_that_exist() -> None:
    from argos.config.rules_file import CRITERIA

    assert set(CRITERIA) == set(criteria.registered())


def test_a_criterion_is_described_in_one_line() -> None:
    rate = Criterion("failure-rate", window=10, threshold=0.15)
    assert describe(rate) == "failure-rate 15% in the last 10"
    assert describe(Criterion("any", parts=(rate, Criterion("not", parts=(Criterion("all"),))))) == (
        "any(failure-rate 15% in the last 10, not(all))"
    )


ids = st.lists(
    st.builds("tests/test_{}.py::test_{}".format, st.integers(0, 5), st.integers(0, 50)), unique=True
)


@given(ids, st.integers(1, 5))
def test_shards_are_disjoint_and_together_everything(tests: list[str], count: int) -> None:
    shards = [[test for test in tests if in_shard(test, index, count)] for index in range(1, count + 1)]
    assert sorted(test for shard in shards for test in shard) == sorted(tests)


@given(
    ids,
    st.integers(1, 5),
    st.dictionaries(
        st.sampled_from(["tests/test_0.py::test_0", "tests/test_1.py::test_1"]), st.floats(0, 10)
    ),
)
def test_shares_hold_every_test_once_in_order_and_never_split_a_file(
    tests: list[str], count: int, durations: dict[str, float]
) -> None:
    split = shares(tests, count, durations)
    assert len(split) == count
    assert sorted(test for share in split for test in share) == sorted(tests)
    assert all([test for test in tests if test in share] == share for share in split)
    files = [{test.partition("::")[0] for test in share} for share in split]
    assert sum(map(len, files)) == len(set().union(*files))


# The calculator


def test_the_statistics_of_one_entity_over_its_life_and_over_a_window(database: Database) -> None:
    with database.read() as connection:
        calculator = StatisticsCalculator(connection)
        life = calculator.calculate_entity_stats(SLOW)
        newest = calculator.calculate_entity_stats(SLOW, window=2)
    assert (life.total_runs, life.passed, life.failed, life.failure_rate) == (5, 4, 1, 0.2)
    assert (newest.total_runs, newest.passed, newest.failed, newest.failure_rate) == (2, 1, 1, 0.5)
    assert life.avg_duration == pytest.approx(60.0)
    assert life.p95_duration == pytest.approx(60.0, rel=1e-3)
    assert life.last_failure == life.last_run


def test_flaky_entities_passed_and_failed_and_the_broken_are_not_among_them(database: Database) -> None:
    with database.read() as connection:
        calculator = RuleEngine(connection).statistics
        assert calculator.get_flaky_entities(threshold=20.0, window=20) == [FLAKY, SLOW]
        assert calculator.get_flaky_entities(threshold="21%") == []
        assert [entity for entity, _ in calculator.broken(20, space="local")] == [BAD]


def test_the_trend_of_a_steady_test_is_stable(database: Database) -> None:
    with database.read() as connection:
        trend = StatisticsCalculator(connection).get_failure_trend(BAD)
    assert trend.direction.value == "stable"


def test_all_statistics_leave_out_what_is_gone(database: Database) -> None:
    from argos.store import entities

    with database.write() as connection:
        entities.mark_gone(connection, [BAD], NOON)
    with database.read() as connection:
        found = StatisticsCalculator(connection).calculate_all_stats(window=3)
    assert {each.entity for each in found} == {GOOD, FLAKY, SLOW}


def test_an_unknown_entity_and_an_impossible_window_are_refused(database: Database) -> None:
    with database.read() as connection:
        calculator = StatisticsCalculator(connection)
        with pytest.raises(ArgosError, match="There is no result of nothing"):
            calculator.calculate_entity_stats("nothing")
        with pytest.raises(ArgosError, match="window of 101"):
            calculator.calculate_all_stats(window=101)
