from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from argos.errors import ArgosError
from argos.model.ci import JobStep, LoggedError, LoggedTest, LogReport, TestSession, WorkflowJob, WorkflowRun
from argos.model.execution import Execution
from argos.store import administration, ci, executions, schema
from argos.store.database import Database
from builders import NOON, a_result, an_execution

RUN_COLUMNS = """id run_id workflow_name run_number event status conclusion branch commit_sha started_at
    completed_at duration_seconds url metadata"""
JOB_COLUMNS = """id job_id run_id job_name runner_os python_version status conclusion started_at
    completed_at duration_seconds logs_url metadata"""
RESULT_COLUMNS = """id job_id test_nodeid outcome duration error_message error_traceback runner_os
    python_version timestamp"""
PATTERN_COLUMNS = """id pattern_type test_nodeid runner_os failure_count first_seen last_seen description
    suggested_fix metadata"""


def a_run(run_id: int = 1, **fields: Any) -> WorkflowRun:
    usual = {"status": "completed", "conclusion": "success", "created_at": NOON, "started_at": NOON}
    return WorkflowRun(run_id, "CI", **{**usual, "completed_at": NOON + timedelta(minutes=5), **fields})


def a_job(job_id: int = 11, run_id: int = 1, name: str = "test", **fields: Any) -> WorkflowJob:
    usual = {"status": "completed", "conclusion": "success", "started_at": NOON, "created_at": NOON}
    return WorkflowJob(job_id, run_id, name, **{**usual, **fields})


def a_report(*tests: LoggedTest) -> LogReport:
    return LogReport(sessions=(TestSession(platform="linux", tests=tests, started_at=NOON),))


def an_execution_of(job: WorkflowJob) -> Execution:
    return an_execution(ci.execution_name(job), rule=ci.RULE, space=ci.SPACE)


def recorded(database: Database, job: WorkflowJob, *results: Any, postponed: bool = False) -> bool:
    with database.write() as connection:
        return ci.record_job(connection, job, a_report(), an_execution_of(job), results, postponed=postponed)


def saved(database: Database, *runs: WorkflowRun, jobs: tuple[WorkflowJob, ...] = ()) -> None:
    with database.write() as connection:
        ci.save_runs(connection, runs, "octo/widgets")
        ci.save_jobs(connection, jobs)


def rows(database: Database, columns: str, table: str) -> list[Any]:
    with database.read() as connection:
        return connection.exec_driver_sql(f"SELECT {', '.join(columns.split())} FROM {table}").all()


@pytest.mark.parametrize(
    "columns, table",
    [
        (RUN_COLUMNS, "workflow_runs"),
        (JOB_COLUMNS, "workflow_jobs"),
        (RESULT_COLUMNS, "workflow_test_results"),
        (PATTERN_COLUMNS, "ci_failure_patterns"),
    ],
)
def test_the_tables_of_ci_can_be_selected_by_the_names_of_their_columns(
    database: Database, columns: str, table: str
):
    assert rows(database, columns, table) == []


def test_a_run_and_its_jobs_read_back_as_they_were(database: Database):
    run = a_run(
        7 << 32,
        workflow_path=".github/workflows/ci.yml",
        run_number=3,
        event="push",
        branch="main",
        commit="c" * 40,
        title="A change",
        url="https://github.com/octo/widgets",
    )
    step = JobStep(1, "Run tests", "completed", "failure", NOON, NOON + timedelta(seconds=3))
    job = a_job(
        8 << 32,
        run.run_id,
        labels=("ubuntu-latest",),
        runner_name="GitHub Actions 1",
        runner_os="ubuntu-24.04",
        python_version="3.8.18",
        commit="c" * 40,
        completed_at=NOON + timedelta(seconds=90),
        steps=(step,),
        url="https://github.com/octo/widgets/job",
    )
    saved(database, run, jobs=(job,))
    with database.read() as connection:
        assert ci.run(connection, f"ci-run-{run.run_id}") == run
        assert ci.runs(connection, workflow="ci.yml", branch="main", repository="octo/widgets") == [run]
        assert ci.runs(connection, branch="other") == []
        assert ci.jobs(connection, [run.run_id]) == [job]
        assert ci.job(connection, job.job_id) == job


def test_the_classes_of_the_schema_read_runs_jobs_and_results(database: Database):
    job = a_job(runner_os="ubuntu-24.04", python_version="3.8.18", completed_at=NOON + timedelta(seconds=90))
    saved(database, a_run(), jobs=(job,))
    recorded(database, job, a_result("a", "failed", message="no", traceback="tb", call_s=0.5))
    with database.read() as connection, Session(connection) as session:
        (run,) = session.scalars(sa.select(schema.WorkflowRun))
        (held,) = session.scalars(sa.select(schema.WorkflowJob))
        (result,) = session.scalars(sa.select(schema.WorkflowTestResult))
        (past,) = session.scalars(sa.select(schema.ExecutionHistory))
    assert (run.run_id, run.duration_seconds, run.started_at) == (1, 300, NOON)
    assert (held.job_id, held.duration_seconds, held.log_state) == (11, 90, "parsed")
    assert (result.job_id, result.test_nodeid, result.outcome, result.duration) == (11, "a", "failed", 0.5)
    assert (result.error_message, result.error_traceback) == ("no", "tb")
    assert (result.runner_os, result.python_version, result.timestamp) == ("ubuntu-24.04", "3.8.18", NOON)
    assert past.meta == {
        "rule": "ci",
        "runner_os": "ubuntu-24.04",
        "python_version": "3.8.18",
        "ci_run_id": 1,
        "ci_job_id": 11,
        "run_attempt": 1,
    }


def test_texts_that_a_database_cannot_hold_are_kept_as_escapes(database: Database):
    saved(database, a_run(title="nul \0 and \ud800"), jobs=(a_job(labels=("\0",), name="\0"),))
    with database.read() as connection:
        assert ci.run(connection, 1).title == "nul \\x00 and \\ud800"
        assert ci.job(connection, 11).labels == ("\\x00",)


def test_an_older_attempt_never_hides_a_newer_one_and_both_are_known(database: Database):
    first = a_run(run_attempt=1, conclusion="failure")
    second = a_run(run_attempt=2, conclusion="success")
    saved(database, second)
    saved(database, first)
    with database.read() as connection:
        assert ci.run(connection, 1) == second
        assert ci.attempts(connection, [1]) == [second, first]


def test_an_attempt_that_was_never_seen_ends_as_its_jobs_did(database: Database):
    jobs = (a_job(11, conclusion="failure"), a_job(12, run_attempt=2), a_job(13, name="b"))
    saved(database, a_run(run_attempt=2), jobs=jobs)
    with database.read() as connection:
        assert [(run.run_attempt, run.conclusion) for run in ci.attempts(connection, [1])] == [
            (2, "success"),
            (1, "failure"),
        ]


def test_where_a_job_ran_is_not_forgotten_when_it_is_listed_again(database: Database):
    saved(database, a_run(), jobs=(a_job(runner_os="ubuntu-24.04", python_version="3.8.18"),))
    saved(database, a_run(), jobs=(a_job(conclusion="failure"),))
    with database.read() as connection:
        job = ci.job(connection, 11)
    assert (job.runner_os, job.python_version, job.conclusion) == ("ubuntu-24.04", "3.8.18", "failure")


def test_a_job_is_recorded_once(database: Database):
    saved(database, a_run())
    assert recorded(database, a_job(), a_result("a"), a_result("b", "failed"))
    assert not recorded(database, a_job(), a_result("a"), a_result("c"))
    with database.read() as connection:
        assert [r.entity for r in ci.recorded_results(connection, 11)] == ["a", "b"]
        state = ci.states(connection, [11])[11]
    assert (state.log_state, state.execution_id) == (ci.LogState.PARSED, "ci-1-11")


def test_a_job_without_tests_has_a_report_and_no_execution(database: Database):
    report = LogReport(errors=(LoggedError("exit-code", "exit 2", line=4),), packages={"a": "1.0"})
    saved(database, a_run())
    with database.write() as connection:
        assert ci.record_job(connection, a_job(), report, None, ())
    with database.read() as connection:
        assert ci.reports(connection, [11, 12]) == {11: report}
        assert ci.recorded_results(connection, 11) == []


def test_a_report_keeps_of_its_tests_those_that_failed_or_were_rerun(database: Database):
    bad = LoggedTest("a", "failed", message="no", traceback="tb", phase="call")
    shaky = LoggedTest("b", "passed", reruns=1)
    report = dataclasses.replace(a_report(bad, shaky, LoggedTest("c", "passed")), exit_code=1)
    saved(database, a_run())
    with database.write() as connection:
        ci.record_job(connection, a_job(), report, None, ())
    with database.read() as connection:
        (kept,) = ci.reports(connection, [11]).values()
    assert kept == dataclasses.replace(a_report(bad, shaky), exit_code=1)


def test_what_became_of_a_log_is_noted_with_its_tries(database: Database):
    saved(database, a_run(), jobs=(a_job(11), a_job(12)))
    with database.write() as connection:
        ci.note_log(connection, 11, ci.LogState.GONE, "It has expired.")
        for _ in range(2):
            ci.note_log(connection, 12, ci.LogState.FAILED, "No connection.")
    with database.read() as connection:
        gone, failed = ci.states_of_runs(connection, [1]).values()
    assert (gone.log_state, gone.note, gone.tries) == (ci.LogState.GONE, "It has expired.", 0)
    assert (failed.log_state, failed.tries) == (ci.LogState.FAILED, 2)


def test_what_is_parsed_stays_parsed(database: Database):
    saved(database, a_run())
    recorded(database, a_job(), a_result("a"))
    with database.write() as connection:
        ci.note_log(connection, 11, ci.LogState.GONE)
    with database.read() as connection:
        assert ci.states(connection, [11])[11].log_state is ci.LogState.PARSED


def test_runs_that_are_not_settled_are_asked_for_again(database: Database):
    saved(
        database, a_run(1), a_run(2), a_run(3, run_attempt=2), a_run(4, created_at=NOON - timedelta(days=40))
    )
    with database.write() as connection:
        ci.settle_run(connection, 1, 1)
        ci.settle_run(connection, 3, 1)
    with database.read() as connection:
        found = ci.unsettled(connection, since=NOON - timedelta(days=36))
        assert [run.run_id for run in found] == [3, 2]
        assert ci.settled(connection, [1, 2, 3, 9]) == {1: 1, 2: 0, 3: 1}


@pytest.mark.parametrize("text", ["1", "ci-1", "ci-run-1", " ci-1 "])
def test_a_run_names_the_executions_of_its_newest_attempt(database: Database, text: str):
    jobs = [a_job(11, name="a"), a_job(12, name="b"), a_job(13, name="b", run_attempt=2), a_job(14, name="c")]
    saved(database, a_run(run_attempt=2), jobs=tuple(jobs))
    for job in jobs[:3]:
        recorded(database, job, a_result("a"))
    with database.read() as connection:
        assert [e.execution_id for e in ci.executions_of(connection, text)] == ["ci-1-11", "ci-1-13"]


def test_an_execution_is_named_by_its_id(database: Database):
    saved(database, a_run())
    recorded(database, a_job(), a_result("a"))
    with database.write() as connection:
        executions.start(connection, an_execution("local-1"))
        executions.start(connection, an_execution("12"))
    with database.read() as connection:
        for name in ("ci-1-11", "local-1", "12"):
            assert [e.execution_id for e in ci.executions_of(connection, name)] == [name]


def test_a_run_that_is_not_known_and_one_without_tests_are_refused(database: Database):
    saved(database, a_run())
    with database.read() as connection:
        with pytest.raises(ArgosError, match="No tests of run 1"):
            ci.executions_of(connection, "ci-1")
        with pytest.raises(ArgosError, match="'ci-run-99'"):
            ci.executions_of(connection, "ci-run-99")
        with pytest.raises(ArgosError, match="No run '99'"):
            ci.run(connection, 99)
        with pytest.raises(ArgosError, match="No job 99"):
            ci.job(connection, 99)


def test_outcomes_are_the_last_attempt_of_each_test_in_each_job(database: Database):
    saved(database, a_run())
    recorded(database, a_job(11), a_result("t.py::a", "failed"), a_result("t.py::a", attempt=1))
    recorded(database, a_job(12), a_result("t.py::a", "skipped"), a_result("u.py::b"))
    with database.read() as connection:
        found = ci.outcomes(connection, ["t.py::a"], [11, 12])
        assert [(o.nodeid, o.job_id, o.outcome, o.reruns) for o in found] == [
            ("t.py::a", 11, "passed", 1),
            ("t.py::a", 12, "skipped", 0),
        ]
        assert [o.nodeid for o in ci.outcomes(connection, ["u.py"], [11, 12])] == ["u.py::b"]


def test_pruning_leaves_the_job_and_does_not_bring_its_results_back(database: Database):
    saved(database, a_run())
    recorded(database, a_job(), a_result("a"))
    pruned = administration.prune(database, older_than=NOON + timedelta(days=1))
    assert pruned.executions == 1
    assert not recorded(database, a_job(), a_result("a"))
    with database.read() as connection:
        assert ci.states(connection, [11])[11].execution_id is None
        assert ci.recorded_results(connection, 11) == []
    assert administration.check(database) == []
