"""The loopback GitHub as a program of its own, as measurements use it."""

from __future__ import annotations

import subprocess
import sys

import github_server
from argos.scout.ci.github_actions import GitHubActionsClient


def test_as_a_program_it_prints_its_ports_and_serves_a_large_world() -> None:
    command = [sys.executable, github_server.__file__, "--runs", "7", "--jobs", "3", "--log-kb", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, files_port = int(process.stdout.readline()), int(process.stdout.readline())
            assert port != files_port
            with GitHubActionsClient(
                github_server.TOKEN,
                github_server.OWNER,
                github_server.NAME,
                api_url=f"http://127.0.0.1:{port}",
            ) as client:
                runs = client.fetch_workflow_runs()
                jobs = [job for run in runs for job in client.fetch_workflow_jobs(run.run_id)]
                log = client.fetch_log(jobs[0].job_id, b"".join)
        finally:
            process.kill()
    assert (len(runs), len(jobs)) == (7, 21)
    assert 15_000 < len(log) < 30_000
    assert b"test session starts" in log


def test_a_red_job_of_the_large_world_has_a_log_with_failing_tests() -> None:
    log = github_server.job_log(github_server.CELLS[4], True, 130).decode()
    assert "platform win32 -- Python 3.9.20" in log
    assert "FAILED tests/test_part_07.py::test_behaviour_number_7" in log
    assert "##[error]Process completed with exit code 1." in log
