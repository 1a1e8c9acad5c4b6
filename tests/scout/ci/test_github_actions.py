"""The client against a loopback GitHub: real connections, real redirects, real faults."""

from __future__ import annotations

import gc
import hashlib
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from argos.errors import ArgosError
from argos.scout.ci.github_actions import (
    TRIES,
    ArtifactGone,
    GitHubActionsClient,
    LogsGone,
    MemoryEtags,
    NotYet,
)
from github_server import NAME, OWNER, START, TOKEN, GitHubServer, World, zipped

SECRET = "ghp_ThisIsNoRealTokenButMustNotBeShown0001"


class Waits:
    """A clock that only waiting moves, and what was waited for."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()
        self.seconds: list[float] = []
        self.said: list[tuple[float, str]] = []

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.now += seconds

    def say(self, seconds: float, why: str) -> None:
        self.said.append((seconds, why))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def server(world: World) -> Iterator[GitHubServer]:
    with GitHubServer(world) as running:
        yield running


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def connect(server: GitHubServer, waits: Waits) -> Iterator[Callable[..., GitHubActionsClient]]:
    clients = []

    def make(token: str | None = TOKEN, **options: object) -> GitHubActionsClient:
        options.setdefault("api_url", server.api_url)
        client = GitHubActionsClient(
            token,
            OWNER,
            NAME,
            sleep=waits.sleep,
            clock=lambda: waits.now,
            on_wait=waits.say,
            jitter=lambda: 0.5,
            **options,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[..., GitHubActionsClient]) -> GitHubActionsClient:
    return connect()


# Lists


def test_runs_come_newest_first_with_all_that_github_tells(world: World, client: GitHubActionsClient) -> None:
    world.run(created=START)
    newest = world.run(created=START + timedelta(hours=1), conclusion="failure", branch="fix", attempts=2)
    first, second = client.fetch_workflow_runs()
    assert first.run_id == newest
    assert (first.workflow_name, first.workflow_path, first.run_attempt) == (
        "CI",
        ".github/workflows/ci.yml",
        2,
    )
    assert (first.status, first.conclusion, first.branch) == ("completed", "failure", "fix")
    assert first.created_at == START + timedelta(hours=1)
    assert first.started_at == START + timedelta(hours=2)
    assert first.completed_at == START + timedelta(hours=2, minutes=10)
    assert second.created_at == START


def test_a_run_that_goes_on_has_no_end(world: World, client: GitHubActionsClient) -> None:
    world.run(status="in_progress")
    (run,) = client.fetch_workflow_runs()
    assert run.completed_at is None
    assert run.conclusion is None


def test_statuses_and_conclusions_that_nobody_knows_are_kept(
    world: World, client: GitHubActionsClient
) -> None:
    run_id = world.run(status="hibernating")
    world.job(run_id, conclusion="exploded")
    assert client.fetch_run(run_id).status == "hibernating"
    assert client.fetch_workflow_jobs(run_id)[0].conclusion == "exploded"


def test_pages_are_followed_by_the_addresses_that_github_gives(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for _ in range(250):
        world.run()
    runs = client.fetch_workflow_runs(limit=1000)
    assert len({run.run_id for run in runs}) == 250
    asked = server.targets()
    assert len(asked) == 3
    assert asked[0].startswith(f"/repos/{OWNER}/{NAME}/")
    assert all(target.startswith("/repositories/") for target in asked[1:])


def test_no_more_pages_are_asked_for_than_the_limit_needs(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for _ in range(250):
        world.run()
    assert len(client.fetch_workflow_runs(limit=30)) == 30
    assert len(client.fetch_workflow_runs(limit=0)) == 0
    assert len(server.targets()) == 1


def test_a_list_that_moves_while_it_is_read_gives_no_run_twice(
    world: World, client: GitHubActionsClient
) -> None:
    for _ in range(150):
        world.run()
    seen = []
    for run in client.iter_workflow_runs():
        seen.append(run.run_id)
        if len(seen) == 50:
            for _ in range(20):
                world.run(created=START + timedelta(days=9))
    assert len(seen) == len(set(seen)) == 150


def test_a_search_past_its_cap_is_split_by_time(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for number in range(2345):
        world.run(created=START + timedelta(seconds=30 * (number // 3)))
    runs = client.fetch_workflow_runs(branch="main", limit=5000)
    assert len({run.run_id for run in runs}) == len(runs) == 2345
    created = [run.created_at for run in runs if run.created_at is not None]
    assert created == sorted(created, reverse=True)
    assert any("created=<=" in target for target in server.targets())


def test_a_search_between_two_times_is_split_within_them(world: World, client: GitHubActionsClient) -> None:
    for number in range(1500):
        world.run(created=START + timedelta(minutes=number))
    since, until = START + timedelta(minutes=10), START + timedelta(minutes=1409)
    runs = client.fetch_workflow_runs(limit=5000, since=since, until=until)
    assert len(runs) == 1400
    assert (runs[-1].created_at, runs[0].created_at) == (since, until)


def test_more_runs_in_one_second_than_the_cap_do_not_hang(world: World, client: GitHubActionsClient) -> None:
    world.run(created=START - timedelta(hours=1))
    for _ in range(1100):
        world.run(created=START)
    runs = client.fetch_workflow_runs(branch="main", limit=5000)
    assert len(runs) == 1001  # what is beyond the cap within a second cannot be asked for
    assert runs[-1].created_at == START - timedelta(hours=1)


def test_a_server_that_obeys_no_time_does_not_hang(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for _ in range(1100):
        world.run()
    server.ignored = {"created"}
    runs = client.fetch_workflow_runs(branch="main", limit=5000)
    assert len({run.run_id for run in runs}) == len(runs) == 1000


def test_no_time_between_two_times_that_are_reversed(world: World, client: GitHubActionsClient) -> None:
    world.run()
    assert client.fetch_workflow_runs(since=START + timedelta(days=1), until=START) == []
    assert len(client.fetch_workflow_runs(since=START.replace(tzinfo=None))) == 1


def test_a_list_without_filter_has_no_cap(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for _ in range(1200):
        world.run()
    assert len(client.fetch_workflow_runs(limit=5000)) == 1200
    assert not any("created" in target for target in server.targets())


@pytest.mark.parametrize(
    "name", ["Nightly", "nightly", "nightly.yml", ".github/workflows/nightly.yml", "101"]
)
def test_a_workflow_is_found_by_name_file_or_id(world: World, client: GitHubActionsClient, name: str) -> None:
    world.run()
    run_id = world.run(workflow_id=world.workflow("Nightly", ".github/workflows/nightly.yml"))
    assert [run.run_id for run in client.fetch_workflow_runs(name)] == [run_id]


def test_an_unknown_workflow_is_refused_with_a_suggestion(world: World, client: GitHubActionsClient) -> None:
    world.workflow("Nightly", ".github/workflows/nightly.yml")
    with pytest.raises(ArgosError, match=r'no workflow "Nightli".*Did you mean "Nightly"\?'):
        client.fetch_workflow_runs("Nightli")


def test_a_workflow_file_that_is_not_there_is_named(client: GitHubActionsClient) -> None:
    with pytest.raises(ArgosError, match=r'octo/widgets has no workflow "ci2.yml"'):
        client.fetch_workflow_runs("ci2.yml")


def test_two_workflows_of_one_name_are_told_apart_by_file(world: World, client: GitHubActionsClient) -> None:
    world.workflow("CI", ".github/workflows/other.yml")
    with pytest.raises(ArgosError, match=r"ci.yml, other.yml"):
        client.fetch_workflow_runs("CI")


def test_attempts_are_kept_apart(world: World, client: GitHubActionsClient) -> None:
    run_id = world.run(attempts=2)
    first = world.job(run_id, attempt=1, conclusion="failure")
    second = world.job(run_id, attempt=2)
    assert {job.job_id: job.run_attempt for job in client.fetch_workflow_jobs(run_id)} == {
        first: 1,
        second: 2,
    }
    assert [job.job_id for job in client.fetch_workflow_jobs(run_id, 1)] == [first]
    assert client.fetch_run(run_id, 1).conclusion == "failure"
    assert client.fetch_run(run_id).conclusion == "success"


def test_jobs_of_an_attempt_that_cannot_be_asked_for_come_from_the_list_of_all(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    run_id = world.run(attempts=2)
    first = world.job(run_id, attempt=1)
    world.job(run_id, attempt=2)
    server.fail_next("/attempts/1/jobs", "missing")
    assert [job.job_id for job in client.fetch_workflow_jobs(run_id, 1)] == [first]


def test_a_job_has_its_steps_labels_and_times(world: World, client: GitHubActionsClient) -> None:
    run_id = world.run()
    world.job(run_id, "test (windows-latest, 3.8)", labels=("windows-latest",), conclusion="failure")
    (job,) = client.fetch_workflow_jobs(run_id)
    assert (job.name, job.labels, job.runner_os) == (
        "test (windows-latest, 3.8)",
        ("windows-latest",),
        "windows-latest",
    )
    assert job.queued_s == 15
    assert job.duration_s == 180
    assert job.failing_step is not None
    assert job.failing_step.name == "Run tests"


def test_the_jobs_of_a_large_matrix_come_from_all_pages(world: World, client: GitHubActionsClient) -> None:
    run_id = world.run()
    for number in range(256):
        world.job(run_id, f"job {number}")
    assert len(client.fetch_workflow_jobs(run_id)) == 256


def test_annotations_tell_reasons_that_logs_do_not(world: World, client: GitHubActionsClient) -> None:
    job_id = world.job(world.run())
    world.annotate(job_id, "The job has exceeded the maximum execution time of 45m0s")
    (annotation,) = client.fetch_annotations(job_id)
    assert annotation.message.endswith("45m0s")
    assert (annotation.level, annotation.path, annotation.line, annotation.title) == (
        "failure",
        ".github",
        7,
        None,
    )
    assert client.fetch_annotations(1) == []


def test_the_rate_limit_can_be_asked_for_and_is_tracked(world: World, client: GitHubActionsClient) -> None:
    world.run()
    assert client.rate is None
    client.fetch_workflow_runs()
    assert client.rate is not None
    assert (client.rate.limit, client.rate.remaining) == (5000, 4999)
    assert client.rate_limit().remaining == 4999
    assert client.requests_made == 2


def test_every_request_says_version_agent_and_that_no_old_answer_will_do(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    client.fetch_workflows()
    headers = server.requests[0].headers
    assert headers["x-github-api-version"] == "2022-11-28"
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["user-agent"].startswith("argos/")
    assert headers["cache-control"] == "no-cache"
    assert headers["authorization"] == f"Bearer {TOKEN}"


# What has not changed is free


def test_an_unchanged_list_costs_nothing_of_the_limit_and_reads_the_same(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for _ in range(150):
        world.run()
    before = client.fetch_workflow_runs(limit=200)
    remaining = world.remaining
    assert client.fetch_workflow_runs(limit=200) == before
    assert world.remaining == remaining - 1  # the second page is not kept
    assert "if-none-match" in server.requests[2].headers


def test_a_changed_list_is_read_anew(world: World, client: GitHubActionsClient) -> None:
    world.run()
    assert len(client.fetch_workflow_runs()) == 1
    world.run()
    assert len(client.fetch_workflow_runs()) == 2


def test_only_answers_that_may_change_are_kept(
    world: World, connect: Callable[..., GitHubActionsClient]
) -> None:
    kept: list[str] = []

    class Listening(MemoryEtags):
        def put(self, url: str, etag: str, body: bytes) -> None:
            kept.append(url)
            super().put(url, etag, body)

    client = connect(etags=Listening())
    done, going_on = world.run(), world.run(status="in_progress")
    world.job(done)
    world.job(going_on, status="in_progress")
    for run_id in (done, going_on):
        client.fetch_run(run_id)
        client.fetch_workflow_jobs(run_id)
    assert len(kept) == 2
    assert all(str(going_on) in url for url in kept)


def test_a_kept_answer_that_cannot_be_read_any_more_is_asked_for_anew(
    world: World, connect: Callable[..., GitHubActionsClient]
) -> None:
    etags = MemoryEtags()
    client = connect(etags=etags)
    world.run()
    client.fetch_workflow_runs()
    ((url, (etag, _)),) = etags._kept.items()
    for broken in (b"", b"\n", b"\xff\n{}", b"\n{broken"):
        etags.put(url, etag, broken)
        assert len(client.fetch_workflow_runs()) == 1


def test_a_list_whose_next_page_is_itself_ends(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for _ in range(150):
        world.run()
    server.next_page_is = 2
    assert len(client.fetch_workflow_runs(limit=1000)) == 150
    assert len(server.targets()) == 2


# Limits


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("retry-after", (7, 7)),
        ("retry-after-403", (7, 7)),
        ("retry-after-date", (5, 8)),
        ("primary", (6, 9)),
        ("primary-429", (6, 9)),
        ("secondary", (60, 60)),
        ("secondary-429", (60, 60)),
    ],
)
def test_a_limit_is_waited_for_as_long_as_github_says(
    world: World,
    server: GitHubServer,
    client: GitHubActionsClient,
    waits: Waits,
    kind: str,
    expected: tuple[int, int],
) -> None:
    world.run()
    server.fail_next("/actions/runs", kind)
    assert len(client.fetch_workflow_runs()) == 1
    (seconds,) = waits.seconds
    assert expected[0] <= seconds <= expected[1]
    ((said, why),) = waits.said
    assert said == seconds
    assert "limit" in why or "GitHub asks" in why


def test_without_a_hint_waits_double_and_then_it_gives_up(
    server: GitHubServer, client: GitHubActionsClient, waits: Waits
) -> None:
    server.fail_next("/actions/runs", "secondary", times=99)
    with pytest.raises(ArgosError, match="has refused the same request 5 times"):
        client.fetch_workflow_runs()
    assert waits.seconds == [60, 120, 240, 480]
    assert len(server.targets()) == 5


def test_at_the_end_of_the_limit_nobody_asks_before_it_begins_anew(
    world: World, server: GitHubServer, client: GitHubActionsClient, waits: Waits
) -> None:
    world.run()
    world.remaining, world.resets_at = 1, waits.now + 600
    client.fetch_workflow_runs()
    assert waits.seconds == []
    world.remaining = 5000
    client.fetch_workflow_runs()
    (seconds,) = waits.seconds
    assert 595 < seconds < 605
    assert "5,000 requests is used up until" in waits.said[0][1]
    assert len(server.targets()) == 2


def test_a_pause_of_many_hours_is_refused_and_not_slept_through(
    server: GitHubServer, client: GitHubActionsClient, waits: Waits
) -> None:
    server.fail_next("/actions/runs", "retry-after", seconds=9 * 3600)
    with pytest.raises(ArgosError, match="wants a pause of 9.0 hours"):
        client.fetch_workflow_runs()
    assert waits.seconds == []


def test_a_limit_that_one_thread_meets_holds_all(
    world: World, server: GitHubServer, client: GitHubActionsClient, waits: Waits
) -> None:
    run_id = world.run()
    server.fail_next("/actions/runs", "retry-after")
    client.fetch_run(run_id)
    client.fetch_run(run_id)
    assert waits.seconds == [7]  # and not again


def test_threads_that_are_refused_together_wait_together_and_one_says_so(
    world: World, server: GitHubServer, client: GitHubActionsClient, waits: Waits
) -> None:
    run_ids = [world.run() for _ in range(8)]
    server.fail_next("/actions/runs/", "retry-after", times=4, seconds=30)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(client.fetch_run, run_ids))) == 8
    assert 1 <= len(waits.said) <= 4
    assert len(server.targets()) == 12


# What breaks


@pytest.mark.parametrize(
    "kind", ["500", "502", "503", "504", "no-answer", "cut", "cut-at-once", "wrong-length", "no-json"]
)
def test_an_answer_that_fails_or_breaks_off_is_asked_for_again(
    world: World, server: GitHubServer, client: GitHubActionsClient, waits: Waits, kind: str
) -> None:
    world.run()
    server.fail_next("/actions/runs", kind, times=2)
    assert len(client.fetch_workflow_runs()) == 1
    assert waits.seconds == [0.5, 1.0]
    assert len(waits.said) == 2


def test_after_some_tries_the_trouble_is_told(
    server: GitHubServer, client: GitHubActionsClient, waits: Waits
) -> None:
    server.fail_next("/actions/runs", "502", times=99)
    with pytest.raises(ArgosError, match=rf"it answered 502 \({TRIES} tries\)"):
        client.fetch_workflow_runs()
    assert len(server.targets()) == TRIES
    assert waits.seconds == sorted(waits.seconds)


def test_a_server_that_is_not_there_is_told_without_a_traceback(
    connect: Callable[..., GitHubActionsClient], unused_port: int
) -> None:
    client = connect(api_url=f"http://127.0.0.1:{unused_port}")
    with pytest.raises(ArgosError, match="no connection"):
        client.fetch_workflows()


@pytest.fixture
def unused_port() -> int:
    with GitHubServer() as gone:
        return int(gone.api_url.rpartition(":")[2])


def test_a_slow_answer_ends_in_time(
    world: World, server: GitHubServer, connect: Callable[..., GitHubActionsClient], tmp_path: Path
) -> None:
    job_id = world.job(world.run(), log=b"slow" * 100)
    server.slow = threading.Event()
    with pytest.raises(ArgosError, match="no answer in time"):
        connect(timeout_s=0.05).download_logs(job_id, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_of_another_kind_is_refused(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    run_id = world.run()
    server.fail_next("/actions/runs", "not-an-object", times=2)
    with pytest.raises(ArgosError, match="not of the kind"):
        client.fetch_run(run_id)
    assert client.fetch_workflow_runs() == []


# What is refused


def test_a_wrong_token_is_refused_once_with_the_variable_to_set(
    server: GitHubServer, connect: Callable[..., GitHubActionsClient]
) -> None:
    with pytest.raises(ArgosError, match=r"does not accept the token.*GITHUB_TOKEN"):
        connect("ghp_wrong").fetch_workflow_runs()
    assert len(server.targets()) == 1


def test_a_missing_permission_is_named_and_not_asked_again(
    world: World, server: GitHubServer, client: GitHubActionsClient, waits: Waits
) -> None:
    server.fail_next("/actions/runs", "permission")
    with pytest.raises(ArgosError, match=r"may not read.*Actions: read"):
        client.fetch_workflow_runs()
    assert len(server.targets()) == 1
    assert waits.seconds == []
    world.checks_readable = False
    with pytest.raises(ArgosError, match=r"Checks: read"):
        client.fetch_annotations(world.job(world.run()))


def test_a_token_that_single_sign_on_stops_is_told_so(
    server: GitHubServer, client: GitHubActionsClient
) -> None:
    server.fail_next("/actions/runs", "sso")
    with pytest.raises(ArgosError, match="not authorised for the single sign-on"):
        client.fetch_workflow_runs()


def test_without_a_token_a_server_that_wants_one_says_which_variable_to_set(
    server: GitHubServer, connect: Callable[..., GitHubActionsClient]
) -> None:
    server.fail_next("/actions/runs", "unauthorized")
    with pytest.raises(ArgosError, match=r"wants a token for this. Set GITHUB_TOKEN"):
        connect("").fetch_workflow_runs()


def test_an_unknown_repository_is_misspelt_or_private(server: GitHubServer) -> None:
    with (
        GitHubActionsClient(TOKEN, OWNER, "wigdets", api_url=server.api_url) as client,
        pytest.raises(ArgosError, match=r"octo/wigdets that the token can see: it is misspelt or private"),
    ):
        client.fetch_workflow_runs()


def test_an_unknown_run_is_named(client: GitHubActionsClient) -> None:
    with pytest.raises(ArgosError, match="octo/widgets has no run 5,"):
        client.fetch_run(5)
    with pytest.raises(ArgosError, match="has no attempt 3 of run 5,"):
        client.fetch_run(5, 3)


def test_without_a_token_lists_are_read_but_logs_are_refused_before_asking(
    world: World, server: GitHubServer, connect: Callable[..., GitHubActionsClient], tmp_path: Path
) -> None:
    client = connect(None)
    job_id = world.job(world.run(), log=b"x")
    assert len(client.fetch_workflow_runs()) == 1
    with pytest.raises(ArgosError, match=r"gives logs to a token only.*GITHUB_TOKEN"):
        client.download_logs(job_id, tmp_path)
    assert len(server.targets()) == 1
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "url", ["", "api.github.com", "ftp://x", "https://me:pw@x/api", "https://[::1", "https://x/?q=1"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ArgosError, match="GITHUB_API_URL"):
        GitHubActionsClient(TOKEN, OWNER, NAME, api_url=url)


# Logs


def test_a_log_is_written_whole(world: World, client: GitHubActionsClient, tmp_path: Path) -> None:
    log = b"\xef\xbb\xbf2026-11-01T08:00:00.0000000Z hello\n" * 9000
    job_id = world.job(world.run(), log=log)
    path = Path(client.download_logs(job_id, str(tmp_path / "new" / "folder")))
    assert path == tmp_path / "new" / "folder" / f"{job_id}.log"
    assert path.read_bytes() == log
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_token_is_not_sent_to_the_host_of_the_files(
    world: World, server: GitHubServer, client: GitHubActionsClient, tmp_path: Path
) -> None:
    client.download_logs(world.job(world.run(), log=b"x"), tmp_path)
    (download,) = [seen for seen in server.requests if seen.server == "files"]
    assert "authorization" not in download.headers
    assert not any(TOKEN in value for value in download.headers.values())
    assert "x-github-api-version" not in download.headers


@pytest.mark.parametrize("kind", ["cut", "cut-at-once", "wrong-length", "no-answer", "500", "503"])
def test_a_download_that_breaks_off_begins_anew(
    world: World, server: GitHubServer, client: GitHubActionsClient, waits: Waits, tmp_path: Path, kind: str
) -> None:
    log = bytes(range(256)) * 3000
    job_id = world.job(world.run(), log=log)
    server.fail_next("/logs/", kind, times=2)
    assert Path(client.download_logs(job_id, tmp_path)).read_bytes() == log
    assert len(waits.seconds) == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_a_signed_address_that_has_expired_is_asked_for_again(
    world: World, server: GitHubServer, client: GitHubActionsClient, tmp_path: Path
) -> None:
    job_id = world.job(world.run(), log=b"x")
    server.fail_next("/logs/", "signature-expired")
    client.download_logs(job_id, tmp_path)
    assert len(server.targets("api")) == 2
    assert len(set(server.targets("files"))) == 2


def test_nothing_is_left_of_a_download_that_never_gets_through(
    world: World, server: GitHubServer, client: GitHubActionsClient, tmp_path: Path
) -> None:
    job_id = world.job(world.run(), log=b"x" * 100_000)
    server.fail_next("/logs/", "cut", times=99)
    with pytest.raises(ArgosError, match="the connection broke off"):
        client.download_logs(job_id, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_has_expired_or_was_deleted_is_gone(
    world: World, server: GitHubServer, client: GitHubActionsClient, tmp_path: Path
) -> None:
    run_id = world.run()
    expired = world.job(run_id, state="gone")
    deleted = world.job(run_id, log=None)
    with pytest.raises(LogsGone, match="has expired"):
        client.download_logs(expired, tmp_path)
    with pytest.raises(LogsGone, match="was deleted"):
        client.download_logs(deleted, tmp_path)
    assert len(server.targets()) == 3  # 404 alone does not tell; 410 does


def test_a_log_of_a_job_that_goes_on_is_not_there_yet(
    world: World, client: GitHubActionsClient, waits: Waits, tmp_path: Path
) -> None:
    run_id = world.run(status="in_progress")
    going_on = world.job(run_id, status="in_progress", state="not yet")
    just_ended = world.job(run_id, state="not yet", completed=datetime.fromtimestamp(waits.now - 30, UTC))
    for job_id in (going_on, just_ended):
        with pytest.raises(NotYet):
            client.download_logs(job_id, tmp_path)


def test_a_known_job_spares_the_question_why_there_is_no_log(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    run_id = world.run()
    world.job(run_id, log=None)
    (job,) = client.fetch_workflow_jobs(run_id)
    with pytest.raises(LogsGone):
        client.fetch_log(job.job_id, list, job=job)
    assert len(server.targets()) == 2


def test_a_log_of_no_job_is_refused(client: GitHubActionsClient, tmp_path: Path) -> None:
    with pytest.raises(ArgosError, match="has no job 12,") as refused:
        client.download_logs(12, tmp_path)
    assert not isinstance(refused.value, LogsGone | NotYet)


def test_a_log_can_be_saved_by_who_asks_and_is_given_anew_after_a_break(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    job_id = world.job(world.run(), log=b"0123456789" * 50_000)
    server.fail_next("/logs/", "cut")
    lengths: list[int] = []

    def save(chunks: Iterator[bytes]) -> int:
        lengths.append(0)
        for chunk in chunks:
            lengths[-1] += len(chunk)
        return lengths[-1]

    assert client.fetch_log(job_id, save) == 500_000
    assert len(lengths) == 2
    assert lengths[0] < 500_000


def test_four_threads_share_one_client(
    world: World, server: GitHubServer, client: GitHubActionsClient, tmp_path: Path
) -> None:
    run_id = world.run()
    logs = {
        world.job(run_id, f"job {n}", log=str(n).encode() * 50_000): str(n).encode() * 50_000
        for n in range(40)
    }
    with ThreadPoolExecutor(4) as pool:
        paths = dict(
            zip(logs, pool.map(lambda job_id: client.download_logs(job_id, tmp_path), logs), strict=True)
        )
    assert all(Path(paths[job_id]).read_bytes() == log for job_id, log in logs.items())
    assert server.most_at_once <= 4
    assert client.rate is not None
    assert client.rate.remaining == 4960
    assert client.requests_made == 40


def test_a_folder_that_cannot_be_written_to_is_refused_with_its_path(
    world: World, client: GitHubActionsClient, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArgosError, match="cannot be written"):
        client.download_logs(world.job(world.run(), log=b"x"), tmp_path / "file")


# Artifacts


def test_artifacts_are_written_under_their_names(
    world: World, client: GitHubActionsClient, tmp_path: Path
) -> None:
    run_id = world.run()
    world.artifact(run_id, "junit", {"report.xml": b"<testsuite/>"})
    world.artifact(run_id, "coverage", {"coverage.xml": b"<coverage/>"})
    world.artifact(run_id, "old", b"", expired=True)
    paths = client.download_artifacts(run_id, tmp_path)
    assert [Path(path).name for path in paths] == ["junit.zip", "coverage.zip"]
    assert Path(paths[0]).read_bytes() == zipped({"report.xml": b"<testsuite/>"})
    assert [Path(path).name for path in client.download_artifacts(run_id, tmp_path, ["coverage"])] == [
        "coverage.zip"
    ]


def test_artifacts_of_one_name_and_hostile_names_get_files_of_their_own(
    world: World, client: GitHubActionsClient, tmp_path: Path
) -> None:
    run_id = world.run(attempts=2)
    for name in ("junit", "JUnit", "../../etc/passwd", "CON", "..", "a:b*c"):
        world.artifact(run_id, name, {"name": name.encode()})
    paths = [Path(path) for path in client.download_artifacts(run_id, tmp_path / "in")]
    assert len({path.name.casefold() for path in paths}) == 6
    assert {path.parent for path in paths} == {tmp_path / "in"}
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_named_artifact_that_is_not_there_or_has_expired_is_refused(
    world: World, client: GitHubActionsClient, tmp_path: Path
) -> None:
    run_id = world.run()
    world.artifact(run_id, "old", b"", expired=True)
    with pytest.raises(ArtifactGone, match='"old" of run'):
        client.download_artifacts(run_id, tmp_path, ["old"])
    with pytest.raises(ArgosError, match=r'no artifact "new". It has: old\.'):
        client.download_artifacts(run_id, tmp_path, ["new"])


def test_an_artifact_with_other_bytes_than_its_digest_is_fetched_again(
    world: World, server: GitHubServer, client: GitHubActionsClient, tmp_path: Path
) -> None:
    run_id = world.run()
    world.artifact(run_id, "junit", {"a": b"1"})
    server.fail_next("/artifacts/", "other-bytes")
    server.fail_next(r"^/artifacts/\d+\?", "other-bytes")
    (path,) = client.download_artifacts(run_id, tmp_path)
    assert Path(path).read_bytes() == zipped({"a": b"1"})
    world.artifact(run_id, "wrong", {"a": b"1"}, digest="sha256:" + hashlib.sha256(b"other").hexdigest())
    with pytest.raises(ArgosError, match="not what GitHub has the digest of"):
        client.download_artifacts(run_id, tmp_path, ["wrong"])
    assert [file.name for file in tmp_path.iterdir()] == ["junit.zip"]


# Where the token goes, and where it does not


def test_a_next_page_at_another_host_is_not_asked_for(
    world: World, server: GitHubServer, client: GitHubActionsClient
) -> None:
    for _ in range(150):
        world.run()
    server.elsewhere = server.files_url
    with pytest.raises(ArgosError, match="would have to be asked with the token"):
        client.fetch_workflow_runs(limit=150)
    assert server.targets("files") == []


def test_on_a_companys_server_the_token_goes_to_the_path_of_the_api_only(
    world: World, server: GitHubServer, connect: Callable[..., GitHubActionsClient]
) -> None:
    server.redirect_to = f"{server.api_url}/_services/pipelines/{{number}}?sig={{signature}}"
    server.api_path = "/api/v3"
    for _ in range(150):
        world.run()
    client = connect()
    assert len(client.fetch_workflow_runs(limit=150)) == 150
    job_id = world.job(world.run(), log=b"x")
    with pytest.raises(LogsGone):  # the server has no such file
        client.fetch_log(job_id, list)
    sent = {seen.path.split("/")[1]: "authorization" in seen.headers for seen in server.requests}
    assert sent == {"api": True, "_services": False}


def test_a_redirect_in_a_circle_ends(world: World, server: GitHubServer, client: GitHubActionsClient) -> None:
    job_id = world.job(world.run(), log=b"x")
    server.redirect_to = f"{server.api_url}/repos/{OWNER}/{NAME}/actions/jobs/{job_id}/logs"
    with pytest.raises(ArgosError, match="redirects without end"):
        client.fetch_log(job_id, list)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://[broken/{signature}", "javascript:alert(1)"]
)
def test_a_redirect_to_no_web_address_is_refused(
    world: World, server: GitHubServer, client: GitHubActionsClient, target: str
) -> None:
    job_id = world.job(world.run(), log=b"x")
    server.redirect_to = target
    with pytest.raises(ArgosError, match="not safe to follow|no connection"):
        client.fetch_log(job_id, list)


@pytest.mark.parametrize("token", [f"{SECRET}\nInjected: 1", f"{SECRET}é", f"Bearer {SECRET}"])
def test_a_token_that_cannot_be_one_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ArgosError) as refused:
        GitHubActionsClient(token, OWNER, NAME)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_blanks_around_a_token_do_not_matter(
    world: World, connect: Callable[..., GitHubActionsClient]
) -> None:
    assert connect(f"  {TOKEN}\n").fetch_workflow_runs() == []


def test_neither_the_token_nor_a_signed_address_is_ever_shown(
    server: GitHubServer,
    connect: Callable[..., GitHubActionsClient],
    waits: Waits,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Every kind of fault on both servers, with all logging on: the texts of all errors are searched."""
    caplog.set_level(logging.DEBUG)
    world = server.world
    world.token = SECRET
    client = connect(SECRET)
    texts = [repr(client), str(client)]
    run_id = world.run()
    job_id = world.job(run_id, log=b"x" * 1000)
    artifact = world.artifact(run_id, "junit", {"a": b"1"})
    assert artifact
    kinds = (
        "unauthorized",
        "permission",
        "missing",
        "gone",
        "502",
        "secondary",
        "cut",
        "no-answer",
        "no-json",
    )
    for kind in kinds:
        for pattern in (r"/actions/", r"^/(logs|artifacts)/"):
            for call in (
                lambda: client.fetch_workflow_runs(),
                lambda: client.download_logs(job_id, tmp_path),
                lambda: client.download_artifacts(run_id, tmp_path),
            ):
                server.fail_next(pattern, kind, times=TRIES)
                try:
                    call()
                except ArgosError as error:
                    texts += traceback.format_exception(error)
                server.clear_faults()
    assert len(texts) > 40
    texts += [why for _, why in waits.said]
    texts += [record.getMessage() for record in caplog.records]
    for text in texts:
        assert SECRET not in text
        assert "signature-" not in text


def test_a_message_that_repeats_the_token_is_shown_without_it(
    server: GitHubServer, connect: Callable[..., GitHubActionsClient]
) -> None:
    server.world.token = SECRET
    server.fail_next("/actions/runs", "says-the-token")
    with pytest.raises(ArgosError, match=r"Bearer \*\*\*") as refused:
        connect(SECRET).fetch_workflow_runs()
    assert SECRET not in str(refused.value)


def test_a_large_log_is_never_in_memory_as_a_whole(world: World, client: GitHubActionsClient) -> None:
    size = 64 * 1024 * 1024
    job_id = world.job(world.run(), log=lambda: bytes(size))
    largest = client.fetch_log(job_id, lambda chunks: max(len(chunk) for chunk in chunks))
    gc.collect()
    assert largest <= 1024 * 1024
