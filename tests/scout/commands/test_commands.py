"""The commands of scout as their users meet them, against a loopback GitHub and real logs of pytest."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import anvil, project, scout, write
from github_server import NAME, OWNER, TOKEN, GitHubServer, World, large_world, zipped

REPO = f"{OWNER}/{NAME}"
AGES = "36500"  # days: whenever this is run


def stamped(text: str) -> bytes:
    """Text as a job's log: each line with its time, the head of a runner before it."""
    head = """
        Current runner version: '2.331.0'
        ##[group]Operating System
        Ubuntu
        24.04.3
        LTS
        ##[endgroup]
        ##[group]Runner Image
        Image: ubuntu-24.04
        ##[endgroup]
        ##[group]Run pytest
        ##[endgroup]
        """
    lines = [*textwrap.dedent(head).strip().splitlines(), *textwrap.dedent(text).strip("\n").splitlines()]
    stamps = (f"2026-11-01T08:00:{number % 60:02d}.0000000Z" for number in range(len(lines)))
    return "\n".join(f"{stamp} {line}" for stamp, line in zip(stamps, lines, strict=True)).encode() + b"\n"


GREEN = stamped(
    """
    ============================= test session starts ==============================
    platform linux -- Python 3.11.9, pytest-8.3.4, pluggy-1.5.0
    rootdir: /home/runner/work/widgets/widgets
    collected 2 items

    tests/test_a.py::test_good PASSED                                        [ 50%]
    tests/test_a.py::test_slow PASSED                                        [100%]

    ============================== 2 passed in 0.52s ===============================
    """
)
RED = stamped(
    """
    ============================= test session starts ==============================
    platform linux -- Python 3.8.18, pytest-8.3.4, pluggy-1.5.0
    rootdir: /home/runner/work/widgets/widgets
    collected 2 items

    tests/test_a.py::test_good PASSED                                        [ 50%]
    tests/test_a.py::test_slow FAILED                                        [100%]

    =================================== FAILURES ===================================
    __________________________________ test_slow ___________________________________

        def test_slow():
    >       assert 1 == 2
    E       assert 1 == 2

    tests/test_a.py:4: AssertionError
    =========================== short test summary info ============================
    FAILED tests/test_a.py::test_slow - assert 1 == 2
    ========================= 1 failed, 1 passed in 0.52s ==========================
    ##[error]Process completed with exit code 1.
    """
)


@pytest.fixture
def world() -> World:
    """Two runs: a green one, and after it a red one whose Python 3.8 fails."""
    world = World()
    green = world.run(sha="1" * 40)
    world.job(green, "test (ubuntu-latest, 3.8)", log=RED.replace(b"FAILED ", b"PASSED "))
    world.job(green, "test (ubuntu-latest, 3.11)", log=GREEN)
    world.logs[61_000_000_001].make = lambda: GREEN.replace(b"3.11.9", b"3.8.18")
    red = world.run(conclusion="failure", sha="2" * 40)
    world.job(red, "test (ubuntu-latest, 3.8)", log=RED, conclusion="failure")
    world.job(red, "test (ubuntu-latest, 3.11)", log=GREEN)
    return world


@pytest.fixture
def github(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    with GitHubServer(world) as server:
        monkeypatch.setenv("GITHUB_API_URL", server.api_url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield server


@pytest.fixture
def shop(tmp_path: Path, github: GitHubServer) -> Path:
    """A project whose runs have been synced."""
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    assert scout("sync", "--repo", REPO, project=root).code == 0
    return root


RED_RUN, RED_JOB = "21000000002", "61000000003"


def test_a_sync_brings_everything_home_and_a_second_one_asks_for_next_to_nothing(
    tmp_path: Path, github: GitHubServer
) -> None:
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    first = scout("sync", "--repo", REPO, project=root)
    assert "2 runs looked into, 4 jobs recorded" in first.out
    asked = len(github.targets())
    second = scout("sync", "--repo", REPO, project=root)
    assert "Nothing new in 2 runs." in second.out
    assert len(github.targets()) - asked <= 5
    assert scout("sync", "--repo", REPO, "--json", project=root).json["recorded"] == 0


def test_the_repository_is_that_of_the_git_remote(tmp_path: Path, github: GitHubServer) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    url = f"https://github.com/{REPO}.git"
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", url], check=True)
    assert scout("fetch", "--json", project=tmp_path).json["repository"] == REPO


def test_without_a_repository_the_user_is_told_how_to_name_one(tmp_path: Path) -> None:
    ran = scout("fetch", project=write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"}))
    assert ran.code == 2
    assert "--repo" in ran.err


def test_the_token_is_nowhere_in_what_is_printed_or_kept(shop: Path, github: GitHubServer) -> None:
    github.fail_next("/repos/.*", "permission")
    refused = scout("fetch", "--repo", REPO, "--limit", "1", project=shop)
    assert refused.code == 2
    kept = b"".join(file.read_bytes() for file in shop.rglob("*") if file.is_file())
    assert TOKEN not in refused.out + refused.err
    assert TOKEN.encode() not in kept


def test_fetched_runs_are_listed_and_a_finished_one_is_not_fetched_twice(
    tmp_path: Path, github: GitHubServer
) -> None:
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    first = scout("fetch", "--repo", REPO, "--workflow", "CI", "--branch", "main", project=root)
    assert "1 of 2 failed" in first.out
    before = len([target for target in github.targets() if "/jobs" in target])
    document = scout("fetch", "--repo", REPO, "--json", project=root).json
    assert [run["conclusion"] for run in document["runs"]] == ["failure", "success"]
    assert document["runs"][0]["jobs"][0]["failing_step"] == "Run tests"
    assert len([target for target in github.targets() if "/jobs" in target]) == before


@pytest.mark.parametrize("moment", ["yesterday", "", "2026-13-45", "99999999999d"])
def test_a_date_that_is_none_is_refused_with_examples(tmp_path: Path, moment: str) -> None:
    ran = scout("fetch", "--repo", REPO, "--since", moment, project=tmp_path)
    assert (ran.code, "2026-01-31" in ran.err) == (2, True)


def test_a_run_is_shown_with_its_jobs_and_failing_tests(shop: Path) -> None:
    shown = scout("show", RED_RUN, project=shop)
    assert "FAILED tests/test_a.py::test_slow" in shown.out
    assert "in test (ubuntu-latest, 3.8)" in shown.out
    assert "assert 1 == 2" in shown.out
    document = scout("show", RED_RUN, "--json", project=shop).json
    failures = [each["entity"] for job in document["jobs"] for each in job["failures"]]
    assert failures == ["tests/test_a.py::test_slow"]


def test_a_job_is_shown_with_the_lines_that_its_green_logs_do_not_have(shop: Path) -> None:
    shown = scout("show", RED_JOB, project=shop)
    assert "step 2: Run tests" in shown.out
    after = shown.out.partition("lines that matter")[2]
    assert "E       assert 1 == 2" in after
    assert "test session starts" not in after
    document = scout("show", RED_JOB, "--json", project=shop).json
    assert document["exit_code"] == 1
    assert (document["runner_os"], document["python"]) == ("ubuntu-24.04", "3.8.18")


def test_what_is_not_recorded_is_said_to_be_so(shop: Path) -> None:
    ran = scout("show", "77", project=shop)
    assert (ran.code, "77" in ran.err, "scout ci sync" in ran.err) == (2, True, True)


def test_patterns_name_cause_evidence_and_command(shop: Path) -> None:
    (pattern,) = scout("patterns", "--window", AGES, "--json", project=shop).json["patterns"]
    assert pattern["tests"] == ["tests/test_a.py::test_slow"]
    assert pattern["count"] == 1
    assert pattern["reproduce"] == f"scout ci reproduce --run-id {RED_RUN} --job-id {RED_JOB}"
    printed = scout("patterns", "--window", AGES, project=shop).out
    assert "because" in printed
    elsewhere = scout("patterns", "--window", AGES, "--runner-os", "windows", project=shop)
    assert "No such failure" in elsewhere.out


def test_patterns_are_remembered_with_when_they_were_first_seen(shop: Path) -> None:
    from argos.store import ci_patterns
    from argos.store.opening import open_store

    scout("patterns", "--window", AGES, project=shop)
    database, _ = open_store(shop, None)
    with database.read() as connection:
        (kept,) = ci_patterns.found(connection)
    database.close()
    assert kept.tests == ("tests/test_a.py::test_slow",)


def test_an_analysis_tells_rates_and_what_to_mend_first(shop: Path) -> None:
    document = scout("analyze", "--window", AGES, "--json", project=shop).json
    assert (document["runs"]["green"], document["runs"]["red"]) == (1, 1)
    assert {each["name"]: each["rate"] for each in document["by_python"]} == {"3.8": 0.5, "3.11": 1.0}
    assert document["priorities"][0]["count"] == 1
    printed = scout("analyze", "--window", AGES, "--runner-os", "ubuntu-latest", project=shop).out
    assert "what to mend first" in printed
    assert "75.0% green (3 of 4)" in printed
    nobody = scout("analyze", "--window", AGES, "--runner-os", "windows", "--json", project=shop).json
    assert nobody["jobs"]["rate"] is None


def test_without_runs_an_analysis_says_how_to_get_some(tmp_path: Path) -> None:
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    for command in ("analyze", "patterns"):
        assert "scout ci sync" in scout(command, project=root).out


def test_the_script_that_reproduces_names_commit_python_and_test(shop: Path) -> None:
    printed = scout("reproduce", "--run-id", RED_RUN, project=shop).out
    for part in ("2" * 40, "1" * 40, "python:3.8.18", "tests/test_a.py::test_slow"):
        assert part in printed
    assert subprocess.run(["sh", "-n"], input=printed, text=True, check=False).returncode == 0
    document = scout("reproduce", "--run-id", RED_RUN, "--job-id", RED_JOB, "--json", project=shop).json
    assert document["script"].strip() == printed.strip()


def test_a_job_of_another_run_is_refused_with_the_right_command(shop: Path) -> None:
    ran = scout("reproduce", "--run-id", "21000000001", "--job-id", RED_JOB, project=shop)
    assert (ran.code, f"--run-id {RED_RUN} --job-id {RED_JOB}" in ran.err) == (2, True)


def test_logs_and_artifacts_are_downloaded_under_readable_names(
    tmp_path: Path, world: World, github: GitHubServer
) -> None:
    world.artifact(int(RED_RUN), "reports", {"junit.xml": b"<testsuite/>", "sub/notes.txt": b"hello"})
    out = tmp_path / "logs"
    options = ("--run-id", RED_RUN, "--output", out, "--artifacts", "--failed", "--repo", REPO)
    ran = scout("download", *options, project=tmp_path)
    assert ran.code == 0
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert files == [
        f"{RED_JOB}-test_(ubuntu-latest,_3.8).log",
        "artifacts/reports/junit.xml",
        "artifacts/reports/sub/notes.txt",
    ]
    assert (out / files[0]).read_bytes() == RED


def test_an_artifact_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path, world: World, github: GitHubServer
) -> None:
    world.artifact(int(RED_RUN), "bad", zipped({"../../out.txt": b"no"}))
    options = ("--run-id", RED_RUN, "--output", tmp_path / "logs", "--artifacts", "--repo", REPO)
    ran = scout("download", *options, project=tmp_path)
    assert (ran.code, "out.txt" in ran.err) == (2, True)
    assert not (tmp_path / "out.txt").exists()


def test_a_log_that_is_gone_is_said_and_the_others_come(
    tmp_path: Path, world: World, github: GitHubServer
) -> None:
    world.logs[int(RED_JOB)].state = "gone"
    options = ("--run-id", RED_RUN, "--output", tmp_path / "logs", "--repo", REPO, "--json")
    document = scout("download", *options, project=tmp_path).json
    assert [len(document["logs"]), [each["job_id"] for each in document["missing"]]] == [1, [int(RED_JOB)]]


def junit(good_s: float, total_s: float) -> bytes:
    """A report of the green session."""
    slow_s = total_s - good_s
    cases = "".join(
        f'<testcase classname="tests.test_a" name="{name}" time="{seconds}"/>'
        for name, seconds in (("test_good", good_s), ("test_slow", slow_s))
    )
    suite = f'<testsuite name="pytest" tests="2" failures="0" errors="0" skipped="0" time="{total_s}">'
    return f"<testsuites>{suite}{cases}</testsuite></testsuites>".encode()


def test_reports_among_the_artifacts_are_preferred_each_for_its_own_job(
    tmp_path: Path, github: GitHubServer, world: World
) -> None:
    run = world.run()
    jobs = [world.job(run, f"test (ubuntu-latest, {v})", log=GREEN) for v in ("3.11", "3.12", "3.13")]
    world.artifact(
        run,
        "results-3.11",
        {"deep/r.xml": junit(0.25, 0.5), "coverage.lcov": b"SF:a.py\nDA:1,1\nend_of_record\n"},
    )
    world.artifact(run, "results-3.12", {"r.xml": junit(0.125, 0.5)})
    world.artifact(run, "of-another-run-3.13", {"r.xml": junit(0.3, 7.0)})
    world.artifact(run, "broken", b"no zip at all")
    world.artifact(run, "old-results-3.13", {"r.xml": junit(0.1, 0.5)}, expired=True)
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    assert scout("sync", "--repo", REPO, project=root).code == 0
    durations = []
    for job in jobs:
        results = anvil("history", "show", f"ci-{run}-{job}", "--json", project=root).json["results"]
        durations.append(
            {each["entity"].rpartition("::")[2]: each["duration_s"] for each in results}["test_good"]
        )
    assert durations == [0.25, 0.125, 0.0]


def test_a_job_that_is_red_without_a_failing_test_says_why(
    tmp_path: Path, github: GitHubServer, world: World
) -> None:
    run = world.run(conclusion="failure")
    text = "##[group]Run pip install x\n##[endgroup]\nERROR: No matching distribution found for x==9\n"
    log = stamped(text + "##[error]Process completed with exit code 1.\n")
    job = world.job(run, "test (ubuntu-latest, 3.11)", log=log, conclusion="failure")
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    scout("sync", "--repo", REPO, project=root)
    shown = scout("show", f"ci-run-{run}", project=root).out
    assert "No matching distribution found for x==9" in shown
    assert f"scout ci show {job}" in shown
    refused = scout("show", "the last one", project=root)
    assert (refused.code, "12345" in refused.err) == (2, True)


def test_an_analysis_of_one_system_tells_of_that_system_alone(shop: Path) -> None:
    options = ("analyze", "--window", AGES, "--runner-os")
    assert "No job ran on solaris" in scout(*options, "solaris", project=shop).out
    assert scout(*options, "windows", "--json", project=shop).json["priorities"] == []


# Both spaces


def test_a_run_here_is_compared_with_one_of_ci_by_either_command(
    tmp_path: Path, github: GitHubServer
) -> None:
    tests = "def test_good(): pass\ndef test_slow(): pass\ndef test_mine(): pass\n"
    root = project(tmp_path, {"tests/test_a.py": tests})
    local = anvil("execute", "--rule", "all", "--json", project=root).json["execution_id"]
    scout("sync", "--repo", REPO, project=root)
    by_scout = scout("compare", "--local-run", local, "--ci-run", RED_RUN, "--json", project=root)
    by_anvil = anvil("compare", "--local", local, "--ci", f"ci-run-{RED_RUN}", "--json", project=root)
    assert (by_scout.code, by_anvil.code) == (1, 1)
    assert {**by_scout.json, "ci": None} == {**by_anvil.json, "ci": None}
    (difference,) = by_scout.json["passes_here_fails_there"]
    assert difference["entity"] == "tests/test_a.py::test_slow"
    assert difference["failing_in"] == [{"runner_os": "ubuntu-24.04", "python": "3.8"}]
    assert by_scout.json["only_here"] == ["tests/test_a.py::test_mine"]
    printed = anvil("compare", "--local", local, "--ci", RED_RUN, project=root).out
    assert "1 test passes here and fails there" in printed
    (only_there,) = anvil("analyze", "ci-failures", "--json", project=root).json["failures"]
    assert (only_there["entity"], only_there["ci_failed"]) == ("tests/test_a.py::test_slow", 1)
    assert "ubuntu-24.04 3.8 1/" in anvil("analyze", "ci-failures", project=root).out


def test_results_of_ci_are_in_the_statistics_of_their_space(shop: Path) -> None:
    entities = anvil("stats", "show", "--space", "ci", "--json", project=shop).json["entities"]
    runs = {each["entity"]: (each["total_runs"], each["failed"]) for each in entities}
    assert runs == {"tests/test_a.py::test_good": (4, 0), "tests/test_a.py::test_slow": (4, 1)}


# Without a network


def test_files_on_disk_become_a_run_and_the_same_files_again_change_nothing(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {".anvil/config.yaml": "version: 1.0\n"})
    logs = tmp_path / "run-4711999"
    logs.mkdir()
    (logs / "1_test (3.8).txt").write_bytes(RED)
    (logs / "2_test (3.11).txt").write_bytes(GREEN)
    first = scout("import", logs, "--commit", "c" * 40, "--branch", "main", "--json", project=root)
    assert first.code == 0
    shown = [(each["run_id"], each["job"], each["tests"], each["failing"]) for each in first.json["files"]]
    assert shown == [(4711999, "test (3.8)", 2, 1), (4711999, "test (3.11)", 2, 0)]
    again = scout("import", logs, "--json", project=root).json["files"]
    assert [each["recorded"] for each in again] == [False, False]
    assert "FAILED tests/test_a.py::test_slow" in scout("show", "4711999", project=root).out
    history = anvil("history", "list", "--space", "ci", "--json", project=root).json["executions"]
    assert [each["commit"] for each in history] == ["c" * 40] * 2


def test_a_log_archive_and_reports_are_taken_in_by_what_they_hold(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {".anvil/config.yaml": "version: 1.0\n"})
    archive = tmp_path / "logs_4711888.zip"
    archive.write_bytes(zipped({"0_unit.txt": RED, "unit/system.txt": b"x"}))
    junit = b'<testsuite tests="1"><testcase classname="tests.test_b" name="test_c" time="0.5"/></testsuite>'
    (tmp_path / "result.dat").write_bytes(junit)
    ran = scout("import", archive, tmp_path / "result.dat", "--json", project=root)
    kinds = [(each["kind"], each["tests"]) for each in ran.json["files"]]
    assert kinds == [("github log", 2), ("junit", 1)]
    assert ran.json["files"][0]["run_id"] == 4711888
    assert ran.json["files"][1]["run_id"] >= 900_000_000_000_000_000


def test_a_report_of_the_same_session_takes_the_place_of_the_log(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {".anvil/config.yaml": "version: 1.0\n"})
    run = tmp_path / "run-4711777"
    run.mkdir()
    (run / "1_unit.txt").write_bytes(RED)
    cases = (
        '<testcase classname="tests.test_a" name="test_good" time="0.25"/>'
        '<testcase classname="tests.test_a" name="test_slow" time="0.5"><failure message="assert 1 == 2"/></testcase>'
    )
    report = f'<testsuites><testsuite tests="2" failures="1">{cases}</testsuite></testsuites>'
    (run / "junit.xml").write_text(report, encoding="utf-8")
    scout("import", run, project=root)
    (execution,) = anvil("history", "list", "--space", "ci", "--json", project=root).json["executions"]
    results = anvil("history", "show", execution["execution_id"], "--json", project=root).json["results"]
    assert {each["entity"]: each["duration_s"] for each in results} == {
        "tests/test_a.py::test_good": 0.25,
        "tests/test_a.py::test_slow": 0.5,
    }


def test_what_cannot_be_read_is_told_and_the_rest_is_recorded(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {".anvil/config.yaml": "version: 1.0\n"})
    files = tmp_path / "files"
    files.mkdir()
    (files / "good.log").write_bytes(GREEN)
    (files / "broken.zip").write_bytes(b"PK\x03\x04 and then nothing")
    (files / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\0")
    ran = scout("import", files, project=root)
    assert ran.code == 1
    assert "broken.zip" in ran.err
    assert "1 job recorded." in ran.out
    missing = scout("import", tmp_path / "nowhere", project=root)
    assert (missing.code, "nowhere" in missing.err) == (2, True)


def test_the_system_of_a_log_without_a_head_is_that_of_its_session(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {".anvil/config.yaml": "version: 1.0\n"})
    bare = "\n".join(line.partition("Z ")[2] for line in GREEN.decode().splitlines()[10:])
    log = write(tmp_path, {"run-4711666/job.log": bare.replace("platform linux", "platform darwin")})
    assert scout("import", log / "run-4711666", project=root).code == 0
    document = scout("show", "4711666", "--json", project=root).json
    assert document["jobs"][0]["runner_os"] == "macos"


def test_what_is_no_log_is_not_parsed_as_one(tmp_path: Path) -> None:
    (tmp_path / "logs.zip").write_bytes(zipped({"0_unit.txt": RED}))
    ran = scout("parse", tmp_path / "logs.zip")
    assert (ran.code, "scout ci import" in ran.err) == (2, True)


def test_a_log_is_parsed_without_being_recorded(tmp_path: Path) -> None:
    (tmp_path / "job.log").write_bytes(RED)
    document = scout("parse", tmp_path / "job.log", "--json").json
    (session,) = document["sessions"]
    assert (session["platform"], session["python"], session["counts"]) == (
        "linux",
        "3.8.18",
        {"failed": 1, "passed": 1},
    )
    assert session["failures"][0]["nodeid"] == "tests/test_a.py::test_slow"
    assert document["exit_code"] == 1
    assert "FAILED tests/test_a.py::test_slow" in scout("parse", tmp_path / "job.log").out
    assert len(scout("parse", tmp_path / "job.log", tmp_path / "job.log", "--json").json) == 2
    assert scout("parse", tmp_path / "no.log").code == 2


# Time and again


def test_a_schedule_syncs_at_once_and_ends_by_an_interrupt(tmp_path: Path, github: GitHubServer) -> None:
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    command = shlex.join(["scout", "ci", "sync", "--every", "1h", "--repo", REPO, "--project", str(root)])
    program = (
        f"import shlex, sys; sys.argv = shlex.split({command!r}); from argos.scout.cli import main; main()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    )
    try:
        assert running.stdout is not None
        assert b"4 jobs recorded" in running.stdout.readline()
        second = scout("sync", "--repo", REPO, project=root)
        assert second.code == 0  # the first one waits for its next turn
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
    finally:
        running.kill()
        running.communicate()


def test_an_interval_below_a_minute_is_refused(tmp_path: Path) -> None:
    ran = scout("sync", "--every", "5s", "--repo", REPO, project=tmp_path)
    assert (ran.code, "minute" in ran.err) == (2, True)


def test_a_killed_sync_loses_nothing_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, {".anvil/config.yaml": "version: 1.0\n"})
    with GitHubServer(large_world(8, 6, 20)) as server:
        monkeypatch.setenv("GITHUB_API_URL", server.api_url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        command = ["scout", "ci", "sync", "--repo", REPO, "--project", str(root)]
        program = f"import sys; sys.argv = {command!r}; from argos.scout.cli import main; main()"
        for asked in (15, 30, 45):
            running = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)
            while running.poll() is None and len(server.targets()) < asked:
                time.sleep(0.01)
            running.kill()
            running.communicate()
        assert scout("sync", "--repo", REPO, project=root).code == 0
        logs = re.findall(r"jobs/(\d+)/logs", "\n".join(server.targets()))
        assert len(set(logs)) == 48
        history = anvil("history", "list", "--space", "ci", "--limit", "100", "--json", project=root).json
        assert len(history["executions"]) == 48
        assert anvil("db", "check", "--json", project=root).json["problems"] == []
