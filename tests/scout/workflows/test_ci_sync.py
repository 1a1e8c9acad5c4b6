from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import github_server
from argos.errors import ArgosError
from argos.scout.ci.github_actions import GitHubActionsClient
from argos.scout.ci.log_files import LogFiles
from argos.scout.integration.anvil_bridge import AnvilBridge
from argos.scout.workflows.ci_sync import CISyncWorkflow, Stop, Stopped, SyncProgress, SyncReport
from argos.store import administration, ci, executions, statistics
from argos.store.ci_memory import StoredEtags
from argos.store.database import Database, open_database
from argos.store.opening import sync_locks
from builders import environment

REPOSITORY = Path(__file__).resolve().parents[3]


def log(*outcomes: str) -> bytes:
    """A job's log in which the tests `tests/t.py::test_0` and so on ended so."""
    failed = [n for n, outcome in enumerate(outcomes) if outcome == "FAILED"]
    lines = [
        "============================= test session starts ==============================",
        "platform linux -- Python 3.11.4, pytest-8.3.5, pluggy-1.5.0",
        "rootdir: /home/runner/work/widgets/widgets",
        f"collected {len(outcomes)} items",
        "",
        *(f"tests/t.py::test_{n} {outcome} [ 50%]" for n, outcome in enumerate(outcomes)),
        "",
        *(f"FAILED tests/t.py::test_{n} - assert 1 == 2" for n in failed),
        f"==== {len(failed)} failed, {len(outcomes) - len(failed)} passed in 1.20s ====",
    ]
    return "".join(f"2026-01-15T12:00:30.0000000Z {line}\n" for line in lines).encode()


@dataclass
class Place:
    """A project beside a server."""

    root: Path
    server: github_server.GitHubServer
    database: Database
    seen: list[SyncProgress] = field(default_factory=list)
    clients: list[GitHubActionsClient] = field(default_factory=list)

    @property
    def world(self) -> github_server.World:
        return self.server.world

    def workflow(self, stop: Stop | None = None, **options: Any) -> CISyncWorkflow:
        stop = stop or Stop()
        names = (github_server.TOKEN, github_server.OWNER, github_server.NAME)
        etags = StoredEtags(self.database)
        client = GitHubActionsClient(
            *names, api_url=self.server.api_url, etags=etags, sleep=options.pop("sleep", lambda _: None)
        )
        self.clients.append(client)
        logs = LogFiles(self.root / ".argos" / "logs")
        usual = {"locks": sync_locks(self.root), "progress": self.seen.append, "stop": stop}
        return CISyncWorkflow(
            client, AnvilBridge(self.database, logs), log_files=logs, **{**usual, **options}
        )

    def sync(self, limit: int | None = 50, **options: Any) -> SyncReport:
        return self.workflow().sync(limit, **options)

    def runs(self, number: int, *, log: bytes = log("PASSED", "PASSED"), **options: Any) -> list[int]:
        """Runs of one job each; their ids."""
        made = [self.world.run(**options) for _ in range(number)]
        for run_id in made:
            self.world.job(run_id, log=log)
        return made

    def asked(self, part: str) -> int:
        return sum(part in target for target in self.server.targets())

    def states(self, run_id: int) -> list[str]:
        with self.database.read() as connection:
            return [state.log_state.value for state in ci.states_of_runs(connection, [run_id]).values()]

    def recorded(self) -> list[str]:
        with self.database.read() as connection:
            return [e.execution_id for e in executions.recent(connection, limit=1000, space="ci")]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    database = open_database(tmp_path)
    with github_server.GitHubServer(github_server.World()) as server:
        place = Place(tmp_path, server, database)
        yield place
        for client in place.clients:
            client.close()
    place.database.close()


def test_every_job_of_every_run_is_in_the_history_and_the_second_sync_asks_once(place: Place):
    run_id, _ = place.runs(2)
    place.world.job(run_id, "windows", log=log("PASSED", "FAILED"), conclusion="failure")
    report = place.sync()
    assert (report.runs, report.recorded, report.failed, len(place.recorded())) == (2, 3, 0, 3)
    assert administration.check(place.database) == []
    with place.database.read() as connection:
        assert dict(statistics.recent_outcomes(connection, space="ci", failing_only=True)).keys() == {
            "tests/t.py::test_1"
        }
        assert statistics.stale(connection) == []
    again = place.sync()
    assert (again.runs, again.recorded, again.requests) == (0, 0, 1)


def test_progress_tells_runs_jobs_bytes_and_what_the_limit_leaves(place: Place):
    place.runs(3)
    place.sync()
    last = place.seen[-1]
    assert (last.phase, last.runs_done, last.runs, last.jobs_done) == ("done", 3, 3, 3)
    assert last.bytes == 3 * len(log("PASSED", "PASSED"))
    assert last.remaining == place.world.remaining


def test_a_log_that_is_gone_is_recorded_once_and_never_asked_for_again(place: Place):
    run_id = place.world.run()
    for state in ("gone", "deleted"):
        place.world.job(run_id, state, state=state)
    assert place.sync().gone == 2
    asked = place.asked("/logs")
    assert place.states(run_id) == ["gone", "gone"]
    assert place.sync().requests == 1
    assert place.asked("/logs") == asked


def test_a_skipped_job_has_no_log_to_ask_for(place: Place):
    run_id = place.world.run()
    place.world.job(run_id, conclusion="skipped")
    assert place.sync().absent == 1
    assert (place.states(run_id), place.asked("/logs")) == (["absent"], 0)
    assert place.sync().requests == 1


def test_a_run_that_goes_on_is_looked_at_again_until_it_ends(place: Place):
    run_id = place.world.run(status="in_progress")
    place.world.job(run_id, "quick", log=log("PASSED"))
    slow = place.world.job(run_id, "slow", status="in_progress", state="not yet")
    assert place.sync().recorded == 1
    assert place.states(run_id) == ["parsed", "none"]
    for document in (*place.world.runs[run_id], place.world.job_by_id(slow)):
        assert document is not None
        document.update(status="completed", conclusion="success", completed_at="2026-11-01T09:00:00Z")
    place.world.logs[slow] = github_server.Log(lambda: log("PASSED"))
    report = place.sync()
    assert (report.runs, report.recorded, len(place.recorded())) == (1, 1, 2)
    assert place.sync().requests == 1


def test_a_run_that_is_run_again_brings_its_new_attempt_only(place: Place):
    run_id = place.world.run(attempts=2)
    second = place.world.runs[run_id].pop()
    place.world.job(run_id, log=log("FAILED"), conclusion="failure")
    place.sync()
    place.world.runs[run_id].append(second)
    place.world.job(run_id, log=log("PASSED"), attempt=2)
    report = place.sync()
    assert (report.recorded, len(place.recorded())) == (1, 2)
    with place.database.read() as connection:
        assert [run.run_attempt for run in ci.attempts(connection, [run_id])] == [2, 1]
        (newest,) = ci.executions_of(connection, str(run_id))
    assert newest.counts.passed == 1


def test_a_job_that_cannot_be_fetched_is_data_and_the_rest_goes_on(place: Place):
    (first,) = place.runs(1)
    bad = place.world.job(first, "bad", log=log("PASSED"))
    place.server.fail_next(f"/jobs/{bad}/logs", "permission", times=1)
    report = place.sync()
    assert (report.recorded, report.failed) == (1, 1)
    assert [job for job, _ in report.refusals] == [bad]
    assert sorted(place.states(first)) == ["failed", "parsed"]
    assert place.sync().recorded == 1
    assert place.states(first) == ["parsed", "parsed"]


def test_a_job_that_can_never_be_fetched_is_given_up(place: Place):
    (first,) = place.runs(1)
    bad = place.world.job(first, "bad", log=log("PASSED"))
    place.server.fail_next(f"/jobs/{bad}/logs", "permission", times=50)
    assert [place.sync().failed for _ in range(4)] == [1, 1, 1, 0]
    assert place.sync().requests == 1


def test_where_nothing_can_be_fetched_the_sync_ends_with_the_reason(place: Place):
    place.runs(30)
    place.server.fail_next("/logs", "permission", times=1000)
    with pytest.raises(ArgosError, match="Actions"):
        place.sync()
    assert place.asked("/logs") < 30


def test_only_the_newest_runs_are_brought_and_older_ones_when_they_are_asked_for(place: Place):
    old, middle, new = place.runs(3)
    assert place.sync(1).recorded == 1
    assert place.states(new) == ["parsed"]
    assert place.sync(2).recorded == 1
    assert (place.states(middle), place.states(old)) == (["parsed"], [])
    assert place.sync(None).recorded == 1
    assert place.sync(None).requests == 1


def test_a_history_of_many_pages_is_not_listed_again(place: Place):
    for _ in range(230):
        place.world.run()
    assert place.sync(None).runs == 230
    assert place.sync(230).requests == 1
    place.runs(2)
    report = place.sync(None)
    assert (report.recorded, report.requests) == (2, 7)  # a list; for each run jobs, artifacts and a log


def test_what_came_while_nobody_looked_is_brought_though_it_fills_pages(place: Place):
    place.runs(5)
    place.sync(None)
    for _ in range(150):
        place.world.run()
    report = place.sync(None)
    assert (report.runs, place.sync(None).requests) == (150, 1)


def test_a_workflow_and_a_branch_are_synced_for_themselves(place: Place):
    other = place.world.workflow("Docs", ".github/workflows/docs.yml")
    place.runs(2, branch="main")
    place.runs(1, branch="side")
    place.runs(1, workflow_id=other)
    assert place.sync(workflow="Docs").recorded == 1
    assert place.sync(branch="side").recorded == 1
    assert place.sync(branch="side").runs == 0
    assert place.sync().recorded == 2


def test_runs_before_a_date_are_left_alone(place: Place):
    start = datetime(2026, 10, 1, tzinfo=UTC)
    for day in range(4):
        place.runs(1, created=start + timedelta(days=day))
    assert place.sync(since=start + timedelta(days=2)).recorded == 2
    assert place.sync(None).recorded == 2


def test_the_remarks_beside_a_red_job_are_part_of_its_report(place: Place):
    run_id = place.world.run(conclusion="failure")
    job_id = place.world.job(run_id, log=log("PASSED"), conclusion="cancelled")
    place.world.annotate(job_id, "The job has exceeded the maximum execution time of 45m0s")
    place.sync()
    with place.database.read() as connection:
        errors = ci.reports(connection, [job_id])[job_id].errors
    assert "The job has exceeded the maximum execution time of 45m0s" in [e.message for e in errors]


def test_remarks_that_may_not_be_read_are_done_without(place: Place):
    run_id = place.world.run(conclusion="failure")
    place.world.checks_readable = False
    for name in ("a", "b", "c"):
        place.world.job(run_id, name, log=log("FAILED"), conclusion="failure")
    assert place.sync().recorded == 3


def test_neither_token_nor_signature_is_in_the_database(place: Place):
    place.runs(2)
    place.sync()
    place.database.close()
    for file in (place.root / ".argos").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert github_server.TOKEN.encode() not in content
            assert b"sig=" not in content


def test_a_second_sync_of_the_repository_is_refused_and_names_the_first(place: Place):
    place.runs(1)
    refusals: list[ArgosError] = []

    def try_another(progress: SyncProgress) -> None:
        if progress.phase == "done":
            with pytest.raises(ArgosError) as refused:
                place.workflow().sync()
            refusals.append(refused.value)

    place.workflow(progress=try_another).sync()
    assert f"process {os.getpid()}" in str(refusals[0])
    assert place.sync().requests == 1


def test_a_sync_that_is_cancelled_keeps_what_it_has_and_the_next_one_goes_on(place: Place):
    place.runs(40)
    place.server.slow = threading.Event()
    begun = threading.Event()

    async def cancelled() -> None:
        task = asyncio.create_task(place.workflow(progress=lambda _: begun.set()).sync_recent_runs())
        await asyncio.to_thread(begun.wait)
        task.cancel()
        assert place.server.slow is not None
        place.server.slow.set()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    place.server.slow = None
    assert administration.check(place.database) == []
    place.sync()
    assert len(place.recorded()) == len(set(place.recorded())) == 40


def test_a_wait_for_the_limit_ends_when_the_sync_is_stopped(place: Place):
    place.runs(1)
    place.world.remaining, place.world.resets_at = 0, datetime.now(UTC).timestamp() + 3000
    stop = Stop()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Stopped, match="was stopped"):
        place.workflow(stop, sleep=stop.sleep).sync()


def scheduled(place: Place, interval_hours: float, until: int) -> list[SyncReport | ArgosError]:
    """What a schedule did before it was cancelled after so many syncs."""
    told: list[SyncReport | ArgosError] = []

    async def watch() -> None:
        enough = asyncio.Event()

        def tell(what: SyncReport | ArgosError) -> None:
            told.append(what)
            if len(told) >= until:
                enough.set()

        workflow = place.workflow()
        task = asyncio.create_task(workflow.schedule_sync(interval_hours, done=tell, refused=tell))
        await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(watch())
    return told


def test_a_schedule_syncs_at_once_and_again(place: Place):
    place.runs(2)
    first, second = scheduled(place, 0.1 / 3600, until=2)[:2]
    assert isinstance(first, SyncReport)
    assert isinstance(second, SyncReport)
    assert (first.recorded, second.recorded) == (2, 0)


def test_a_refusal_does_not_end_a_schedule(place: Place):
    place.runs(1)
    place.server.fail_next("/actions/runs", "permission", times=1)
    first, second = scheduled(place, 0.1 / 3600, until=2)[:2]
    assert isinstance(first, ArgosError)
    assert isinstance(second, SyncReport)


def test_the_steps_of_the_plan_can_be_taken_one_by_one(place: Place, tmp_path: Path):
    (run_id,) = place.runs(1)
    workflow = place.workflow()
    (job,) = workflow.github.fetch_workflow_jobs(run_id)
    runs = workflow.github.fetch_workflow_runs(limit=1)
    with place.database.write() as connection:
        ci.save_runs(connection, runs)
    report = workflow.parse_logs(Path(workflow.github.download_logs(job.job_id, tmp_path / "out")))
    assert workflow.save_results(job, report)
    assert not workflow.save_results(job, report)
    assert place.recorded() == [f"ci-{run_id}-{job.job_id}"]


SYNC = """
    import sys
    from pathlib import Path
    import github_server
    from argos.scout.ci.github_actions import GitHubActionsClient
    from argos.scout.ci.log_files import LogFiles
    from argos.scout.integration.anvil_bridge import AnvilBridge
    from argos.scout.workflows.ci_sync import CISyncWorkflow
    from argos.store.opening import open_store, sync_locks

    root = Path(sys.argv[1])
    database, _ = open_store(root, None)
    logs = LogFiles(root / ".argos" / "logs")
    names = (github_server.TOKEN, github_server.OWNER, github_server.NAME)
    client = GitHubActionsClient(*names, api_url=sys.argv[2])
    workflow = CISyncWorkflow(client, AnvilBridge(database, logs), log_files=logs, locks=sync_locks(root))
    print("begun", flush=True)
    workflow.sync(None)
"""


def killed_after(place: Place, requests: Callable[[], int]) -> None:
    """Starts a sync in a process of its own and kills it when so many more requests have come."""
    argv = [sys.executable, "-c", textwrap.dedent(SYNC), str(place.root), place.server.api_url]
    env = environment(PYTHONPATH=str(REPOSITORY / "tests"))
    target = len(place.server.requests) + requests()
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE) as process:
        while len(place.server.requests) < target and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no kill -9")
def test_kills_at_random_moments_leave_nothing_twice_and_nothing_missing(place: Place):
    chance = random.Random(3)
    for n in range(40):
        run_id = place.world.run(created=github_server.START + timedelta(minutes=n))
        for name in ("a", "b"):
            place.world.job(run_id, name, log=log(*["PASSED"] * 40, "FAILED"), conclusion="success")
    place.database.close()
    for _ in range(5):
        killed_after(place, lambda: chance.randint(1, 60))
        place.database = open_database(place.root)
        assert administration.check(place.database) == []
        place.database.close()
    place.database = open_database(place.root)
    place.sync(None)
    assert len(place.recorded()) == len(set(place.recorded())) == 80
    with place.database.read() as connection:
        records = statistics.records(connection, space="ci")
    assert [record.total_runs for record in records] == [80] * 41
    assert administration.check(place.database) == []
