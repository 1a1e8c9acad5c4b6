from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from argos.errors import ArgosError
from argos.model.ci import WorkflowJob, WorkflowRun
from argos.scout.ci.log_files import LogFiles
from argos.scout.integration.anvil_bridge import AnvilBridge, folder_in_repository
from argos.stats.compare import Cell
from argos.store import administration, ci, executions
from argos.store.database import open_database
from builders import NOON, a_result, an_execution

OUTCOMES = {"a": "PASSED", "b": "PASSED"}


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[AnvilBridge]:
    database = open_database(tmp_path)
    yield AnvilBridge(database, LogFiles(tmp_path / "logs"))
    database.close()


def log(outcomes: dict[str, str], python: str = "3.11.4", platform: str = "linux") -> bytes:
    failed = [name for name, outcome in outcomes.items() if outcome == "FAILED"]
    lines = [
        "============================= test session starts ==============================",
        f"platform {platform} -- Python {python}, pytest-8.3.5, pluggy-1.5.0",
        "rootdir: /home/runner/work/w/w",
        f"collected {len(outcomes)} items",
        "",
        *(f"tests/t.py::{name} {outcome} [ 50%]" for name, outcome in outcomes.items()),
        "",
        *(f"FAILED tests/t.py::{name} - assert 1 == 2" for name in failed),
        f"==== {len(failed)} failed, {len(outcomes) - len(failed)} passed in 1.20s ====",
    ]
    return "".join(f"2026-01-15T12:00:30.0000000Z {line}\n" for line in lines).encode()


def a_run(bridge: AnvilBridge, run_id: int, *jobs: tuple[str, bytes | None]) -> None:
    """A run of these jobs, runner and log; without a log it is not at hand."""
    run = WorkflowRun(run_id, "CI", created_at=NOON, status="completed")
    listed = [
        WorkflowJob(run_id * 10 + n, run_id, runner, labels=(runner,), started_at=NOON, status="completed")
        for n, (runner, _) in enumerate(jobs)
    ]
    with bridge.database.write() as connection:
        ci.save_runs(connection, [run])
        ci.save_jobs(connection, listed)
    assert bridge.log_files is not None
    for job, (_, text) in zip(listed, jobs, strict=True):
        if text is not None:
            bridge.log_files.save(run_id, 1, job.job_id, [text])


def here(bridge: AnvilBridge, name: str = "local-1", **outcomes: str) -> None:
    results = [a_result(f"tests/t.py::{test}", outcome) for test, outcome in outcomes.items()]
    with bridge.database.write() as connection:
        executions.start(connection, an_execution(name))
        executions.record(connection, name, results)


def test_the_jobs_of_a_run_enter_the_history_once(bridge: AnvilBridge):
    a_run(
        bridge, 1, ("ubuntu-latest", log(OUTCOMES)), ("windows-latest", log(OUTCOMES)), ("macos-latest", None)
    )
    assert bridge.sync_ci_results_to_anvil(1) == 2
    assert bridge.sync_ci_results_to_anvil(1) == 0
    with bridge.database.read() as connection:
        found = ci.executions_of(connection, "ci-run-1")
        assert [execution.execution_id for execution in found] == ["ci-1-10", "ci-1-11"]
        assert [execution.counts.passed for execution in found] == [2, 2]
    assert administration.check(bridge.database) == []


def test_a_run_that_is_not_known_is_refused(bridge: AnvilBridge):
    with pytest.raises(ArgosError, match="No run '9'"):
        bridge.sync_ci_results_to_anvil(9)


def test_a_kept_log_that_is_damaged_is_noted_at_its_job(bridge: AnvilBridge):
    a_run(bridge, 1, ("ubuntu-latest", log(OUTCOMES)), ("windows-latest", log(OUTCOMES)))
    assert bridge.log_files is not None
    bridge.log_files.path(1, 1, 10).write_bytes(b"no gzip")
    assert bridge.sync_ci_results_to_anvil(1) == 1
    with bridge.database.read() as connection:
        state = ci.states(connection, [10])[10]
    assert (state.log_state, state.tries) == (ci.LogState.FAILED, 1)
    assert "cannot be read" in (state.note or "")


def test_what_passes_here_and_fails_in_a_cell_of_ci_is_told(bridge: AnvilBridge):
    here(bridge, a="passed", b="failed", only="passed")
    a_run(
        bridge,
        1,
        ("ubuntu-latest", log(OUTCOMES)),
        ("windows-latest", log({"a": "FAILED", "b": "PASSED", "c": "PASSED"}, "3.8.18", "win32")),
    )
    bridge.sync_ci_results_to_anvil(1)
    report = bridge.compare_local_vs_ci("local-1", 1)
    (worse,) = report.passes_here_fails_there
    assert (worse.nodeid, worse.failing_in) == ("tests/t.py::a", (Cell("windows-latest", "3.8"),))
    assert [each.nodeid for each in report.fails_here_passes_there] == ["tests/t.py::b"]
    assert (report.only_here, report.only_there) == (("tests/t.py::only",), ("tests/t.py::c",))
    assert [str(each.cell) for each in report.cells] == ["ubuntu-latest 3.11", "windows-latest 3.8"]


def test_of_two_jobs_in_one_cell_the_failure_counts(bridge: AnvilBridge):
    here(bridge, a="passed", b="passed")
    a_run(bridge, 1, *(("ubuntu-latest", log({"a": outcome})) for outcome in ("FAILED", "PASSED")))
    bridge.sync_ci_results_to_anvil(1)
    assert len(bridge.compare_local_vs_ci("local-1", "ci-1").passes_here_fails_there) == 1


def test_a_whole_run_cannot_be_the_side_here(bridge: AnvilBridge):
    a_run(bridge, 1, ("ubuntu-latest", log(OUTCOMES)), ("windows-latest", log(OUTCOMES)))
    bridge.sync_ci_results_to_anvil(1)
    with pytest.raises(ArgosError, match="names the 2 jobs"):
        bridge.compare_local_vs_ci("ci-1", 1)


def test_tests_that_fail_in_ci_alone_come_with_their_evidence(bridge: AnvilBridge):
    for n in range(4):
        name = f"local-{n}"
        here(bridge, name, a="passed", both="failed" if n == 1 else "passed", skipped="skipped")
    outcomes = {"a": "FAILED", "both": "FAILED", "skipped": "FAILED", "never_here": "FAILED"}
    a_run(
        bridge,
        1,
        ("ubuntu-latest", log(outcomes)),
        ("windows-latest", log({**outcomes, "a": "PASSED"}, platform="win32")),
    )
    a_run(bridge, 2, ("ubuntu-latest", log(outcomes)))
    for run_id in (1, 2):
        bridge.sync_ci_results_to_anvil(run_id)
    (found,) = bridge.identify_ci_specific_failures()
    assert str(found) == "tests/t.py::a"
    assert (found.ci_failed, found.ci_executed, found.local_executed) == (2, 3, 4)
    assert found.failing_in == ((Cell("ubuntu-latest", "3.11"), 2, 2),)
    assert found.chance == pytest.approx(3 / 21)
    assert found.last_failure == NOON + timedelta(seconds=30)


def test_a_failure_that_has_left_the_window_is_none(bridge: AnvilBridge):
    here(bridge, a="passed")
    for run_id, outcome in ((1, "FAILED"), (2, "PASSED"), (3, "PASSED")):
        a_run(bridge, run_id, ("ubuntu-latest", log({"a": outcome})))
        bridge.sync_ci_results_to_anvil(run_id)
    assert bridge.identify_ci_specific_failures(window=2) == []
    assert len(bridge.identify_ci_specific_failures(window=3)) == 1


def test_where_a_project_lies_in_its_repository(tmp_path: Path):
    assert folder_in_repository(tmp_path / "back" / "end", tmp_path) == "back/end"
    assert folder_in_repository(tmp_path, tmp_path) == ""
    assert folder_in_repository(tmp_path, None) == ""
    assert folder_in_repository(tmp_path, tmp_path / "other") == ""
