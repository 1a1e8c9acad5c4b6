"""What was seen of each test on the sides of a comparison, and which tests fail in CI alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from argos.errors import ArgosError
from argos.model.ci import WorkflowJob
from argos.model.execution import Execution, Outcome, TestResult
from argos.stats import rates
from argos.stats.compare import (
    Cell,
    ComparisonReport,
    Observation,
    Side,
    chance_of_only_there,
    compare,
)
from argos.store import bulk, ci, entities, executions, statistics
from argos.store.encoding import CODES
from argos.store.tables import executions as executions_table
from argos.store.tables import results, workflow_jobs


@dataclass(frozen=True, slots=True)
class CISpecificFailure:
    """A test that fails in CI and passes here, by its newest results of each space.

    `chance` is how likely all of its failures fall in CI if CI makes no difference (`chance_of_only_there`).
    `failing_in` counts failing and executed results by cell, the cells with the most failures first.
    """

    nodeid: str
    ci_failed: int
    ci_executed: int
    local_executed: int
    chance: float
    last_failure: datetime | None
    failing_in: tuple[tuple[Cell, int, int], ...]

    def __str__(self) -> str:
        return self.nodeid


def cell_of(job: WorkflowJob) -> Cell:
    """The cell of the matrix that a job is: its runner as it is known, and Python's major.minor."""
    return _cell(job.runner_os, job.python_version)


def side(found: Iterable[TestResult]) -> dict[str, Observation]:
    """What one execution says of each test: its last attempt."""
    last: dict[str, TestResult] = {}
    for result in found:
        known = last.get(result.entity)
        if known is None or result.attempt >= known.attempt:
            last[result.entity] = result
    return {name: Observation(r.outcome.value, r.duration_s or None) for name, r in last.items()}


def sides(connection: sa.Connection, of: Iterable[Execution]) -> dict[Cell, Side]:
    """What executions say of each test, by the cell in which they ran.

    Where several ran in one cell, as with shards, a failure goes before a pass, a pass before a skip.
    """
    every = list(of)
    cells = _cells(connection, every)
    found: dict[Cell, dict[str, Observation]] = {}
    for execution in every:
        elsewhere = _cell(execution.platform, execution.python_version)
        cell = cells.get(execution.execution_id, elsewhere)
        known = found.setdefault(cell, {})
        for name, observed in side(executions.results(connection, execution.execution_id)).items():
            known[name] = min(known.get(name, observed), observed, key=_badness)
    return {**found}


def comparison(connection: sa.Connection, local: str, other: str) -> ComparisonReport:
    """What differs between an execution here and one, or a run of CI, there.

    `other` may name a run (`12345`, `ci-12345`, `ci-run-12345`). Raises `ArgosError` for what is not
    recorded, and if `local` names a run.
    """
    here = ci.executions_of(connection, local)
    if len(here) != 1:
        raise ArgosError(
            f"{local!r} names the {len(here)} jobs of a run; only one execution can be compared with others.",
            next_step="Name one execution here, as `anvil history list` shows them.",
        )
    there = sides(connection, ci.executions_of(connection, other))
    return compare(side(executions.results(connection, here[0].execution_id)), there)


def ci_specific_failures(
    connection: sa.Connection, *, window: int, local: str = "local"
) -> list[CISpecificFailure]:
    """The tests that failed among their newest `window` results of CI and in none of those here.

    Tests that never ran here are left out: nothing is known of them. The least likely chance first.
    """
    here = _counts(connection, local, window)
    there = _counts(connection, ci.SPACE, window)
    wanted = {
        name: failures
        for name, failures in there.items()
        if failures.failing and name in here and here[name].executed and not here[name].failing
    }
    cells = _failing_cells(connection, wanted)
    last = {
        record.entity: record.last_failure
        for record in statistics.records(connection, space=ci.SPACE)
        if record.entity in wanted
    }
    found = [
        CISpecificFailure(
            nodeid=name,
            ci_failed=failures.failing,
            ci_executed=failures.executed,
            local_executed=here[name].executed,
            chance=chance_of_only_there(failures.failing, failures.executed, here[name].executed),
            last_failure=last.get(name),
            failing_in=cells.get(name, ()),
        )
        for name, failures in wanted.items()
    ]
    return sorted(found, key=lambda each: (each.chance, -each.ci_failed, each.nodeid))


def _counts(connection: sa.Connection, space: str, window: int) -> dict[str, rates.Failures]:
    recent = statistics.recent_outcomes(connection, space=space, failing_only=False)
    return {name: rates.failures(letters, window) for name, letters in recent}


def _failing_cells(
    connection: sa.Connection, wanted: Collection[str]
) -> dict[str, tuple[tuple[Cell, int, int], ...]]:
    """For each test the cells in which it ever failed, with how many results failed and were executed."""
    names = {number: name for name, number in entities.ids(connection, wanted, "test").items()}
    failing = results.c.outcome.in_([CODES[Outcome.FAILED], CODES[Outcome.ERROR]])
    table = workflow_jobs.c
    query = (
        sa.select(
            results.c.entity,
            table.runner_os,
            table.python_version,
            sa.func.sum(sa.case((failing, 1), else_=0)),
            sa.func.count(),
        )
        .select_from(workflow_jobs.join(results, results.c.execution == table.execution))
        .where(bulk.among(connection, results.c.entity, names))
        .where(results.c.outcome != CODES[Outcome.SKIPPED])
        .group_by(results.c.entity, table.runner_os, table.python_version)
    )
    counted: dict[str, dict[Cell, tuple[int, int]]] = {}
    for entity, runner_os, python, failed, executed in bulk.fetch(connection, query):
        cells = counted.setdefault(names[entity], {})
        cell = _cell(runner_os, python)
        before = cells.get(cell, (0, 0))
        cells[cell] = (before[0] + int(failed), before[1] + executed)
    return {
        name: tuple(
            (cell, *numbers) for cell, numbers in sorted(cells.items(), key=_most_failures) if numbers[0]
        )
        for name, cells in counted.items()
    }


def _most_failures(item: tuple[Cell, tuple[int, int]]) -> tuple[int, Cell]:
    return -item[1][0], item[0]


def _cells(connection: sa.Connection, of: Iterable[Execution]) -> dict[str, Cell]:
    """The cells of executions that are jobs of CI, by the execution's id."""
    table = workflow_jobs.c
    query = (
        sa.select(executions_table.c.execution_id, table.runner_os, table.python_version)
        .select_from(workflow_jobs.join(executions_table, executions_table.c.id == table.execution))
        .where(bulk.among(connection, executions_table.c.execution_id, [each.execution_id for each in of]))
    )
    return {row[0]: _cell(row[1], row[2]) for row in connection.execute(query)}


def _cell(runner_os: str | None, python: str | None) -> Cell:
    return Cell(runner_os or "", ".".join((python or "").split(".")[:2]))


def _badness(observed: Observation) -> int:
    """Failing first, then passing, then skipped."""
    return 0 if observed.failing else 1 if observed.passing else 2
