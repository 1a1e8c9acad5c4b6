"""Syncing the history of a repository, against four plain connections that fetch the same logs.

The server is `tests/github_server.py` in a process of its own, on loopback. The baseline asks the API
for the same listings and logs with `http.client` and nothing else: it follows the redirect of each log,
keeps its connections and throws the bytes away. The sync lists, downloads, compresses and reads each
log, and records every test. Measured in turn, the baseline before and after.

`--kills N` ends a sync N times with SIGKILL at random moments, goes on with a new process each time, and
then counts: every job and every result once, and the statistics equal to a recount.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import local
from urllib.parse import urlsplit

TARGET = 3.0
REQUESTS_TARGET = 5
TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

SYNC = "--sync-only"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=12, help="of each run")
    parser.add_argument("--log-kb", type=int, default=130)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(SYNC, nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sync_only:
        print(json.dumps(sync(options.sync_only[0], Path(options.sync_only[1]), options.runs)))
        return
    with served(options) as url, tempfile.TemporaryDirectory() as folder:
        if options.kills:
            kill_often(url, Path(folder), options)
        else:
            measure(url, Path(folder), options)


@contextmanager
def served(options: argparse.Namespace) -> Iterator[str]:
    """The address of a server that has the history."""
    arguments = ("--runs", options.runs, "--jobs", options.jobs, "--log-kb", options.log_kb)
    command = [sys.executable, str(TESTS / "github_server.py"), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def measure(url: str, folder: Path, options: argparse.Namespace) -> None:
    before, size = plainly_downloaded(url)
    started = time.perf_counter()
    report = sync(url, folder, options.runs)
    took = time.perf_counter() - started
    after, _ = plainly_downloaded(url)
    baseline = (before + after) / 2
    second_started = time.perf_counter()
    second = sync(url, folder, options.runs)
    second_took = time.perf_counter() - second_started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = results(folder)
    print(f"{report['recorded']} logs, {size / 1e6:.0f} MB, {count} results, peak memory {memory:.0f} MB")
    print(f"sync:                            {took:7.1f} s, {report['requests']} requests")
    print(f"four plain connections:          {baseline:7.1f} s (baseline; {before:.1f} and {after:.1f})")
    verdict = "reached" if took <= TARGET * baseline else "MISSED"
    print(f"ratio {took / baseline:.2f} x, target at most {TARGET} x: {verdict}")
    asked = second["requests"]
    verdict = "reached" if asked <= REQUESTS_TARGET else "MISSED"
    print(f"second sync: {asked} requests, {second_took:.2f} s, at most {REQUESTS_TARGET}: {verdict}")


def sync(
    url: str, folder: Path, runs: int, progress: Callable[[object], None] | None = None
) -> dict[str, int]:
    import github_server
    from argos.scout.ci.github_actions import GitHubActionsClient
    from argos.scout.ci.log_files import LogFiles
    from argos.scout.integration.anvil_bridge import AnvilBridge
    from argos.scout.workflows.ci_sync import CISyncWorkflow
    from argos.store.ci_memory import StoredEtags
    from argos.store.opening import open_store, sync_locks

    database, _ = open_store(folder, None)
    logs = LogFiles(folder / ".argos" / "logs", cap_bytes=1 << 40)
    names = (github_server.TOKEN, github_server.OWNER, github_server.NAME)
    with GitHubActionsClient(*names, api_url=url, etags=StoredEtags(database)) as client:
        workflow = CISyncWorkflow(
            client,
            AnvilBridge(database, logs),
            log_files=logs,
            locks=sync_locks(folder),
            progress=progress,
        )
        report = workflow.sync(runs)
    database.close()
    return {"recorded": report.recorded, "requests": report.requests, "failed": report.failed}


def results(folder: Path) -> int:
    from argos.store import administration
    from argos.store.database import open_database

    database = open_database(folder)
    count = administration.info(database).results
    database.close()
    return count


# The baseline


class Plain:
    """One connection for each thread and host, kept open."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._own = local()

    def get(self, url: str, *, token: bool = True) -> tuple[int, http.client.HTTPMessage, bytes]:
        parts = urlsplit(url)
        kept = self._own.__dict__.setdefault("connections", {})
        if parts.netloc not in kept:
            kept[parts.netloc] = http.client.HTTPConnection(parts.netloc)
        headers = {"User-Agent": "plain"}
        if token:
            headers["Authorization"] = f"Bearer {self._token}"
        kept[parts.netloc].request("GET", f"{parts.path}?{parts.query}", headers=headers)
        answer = kept[parts.netloc].getresponse()
        return answer.status, answer.headers, answer.read()


def plainly_downloaded(url: str) -> tuple[float, int]:
    """Seconds and bytes of fetching every log with four connections."""
    import github_server

    plain = Plain(github_server.TOKEN)
    prefix = f"{url}/repos/{github_server.OWNER}/{github_server.NAME}/actions"
    started = time.perf_counter()
    runs, page = [], 1
    while True:
        _, _, body = plain.get(f"{prefix}/runs?per_page=100&page={page}")
        found = json.loads(body)["workflow_runs"]
        if not found:
            break
        runs += [run["id"] for run in found]
        page += 1
    with ThreadPoolExecutor(4) as pool:
        size = sum(pool.map(lambda run: logs_of(plain, prefix, run), runs))
    return time.perf_counter() - started, size


def logs_of(plain: Plain, prefix: str, run: int) -> int:
    _, _, body = plain.get(f"{prefix}/runs/{run}/jobs?filter=all&per_page=100")
    size = 0
    for job in json.loads(body)["jobs"]:
        _, headers, _ = plain.get(f"{prefix}/jobs/{job['id']}/logs")
        size += len(plain.get(headers["Location"], token=False)[2])
    return size


# Kills


def kill_often(url: str, folder: Path, options: argparse.Namespace) -> None:
    chance = random.Random(options.seed)
    whole = timed_sync(url, folder / "undisturbed", options)
    disturbed = folder / "disturbed"
    kills = finished = 0
    while kills < options.kills:
        # So that about as many kills as are wanted fit into one history, from the very start to the end.
        ended = killed(url, disturbed, options, chance.uniform(0.05, START_UP_S + 2 * whole / options.kills))
        kills += ended
        if not ended:
            finished += 1
            disturbed = fresh(folder, finished)
        check(folder / "undisturbed", disturbed, complete=False)
    timed_sync(url, disturbed, options)
    check(folder / "undisturbed", disturbed, complete=True)
    print(f"{kills} kills, {finished + 1} histories: nothing twice, nothing missing")


START_UP_S = 1.0


def fresh(folder: Path, number: int) -> Path:
    return folder / f"disturbed-{number}"


def command(url: str, folder: Path, options: argparse.Namespace) -> list[str]:
    folder.mkdir(exist_ok=True)
    return [sys.executable, __file__, SYNC, url, str(folder), "--runs", str(options.runs)]


def timed_sync(url: str, folder: Path, options: argparse.Namespace) -> float:
    started = time.perf_counter()
    subprocess.run(command(url, folder, options), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def killed(url: str, folder: Path, options: argparse.Namespace, after_s: float) -> bool:
    """Starts a sync and kills it after so many seconds; False if it was done before."""
    process = subprocess.Popen(command(url, folder, options), stdout=subprocess.DEVNULL)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    if process.returncode:
        raise SystemExit(f"a sync ended with {process.returncode}")
    return False


def check(whole: Path, disturbed: Path, *, complete: bool) -> None:
    """That what is there is right, and, if it should be complete, that it is all that there is."""
    wanted, there = picture(whole), picture(disturbed)
    for job, results_of_job in there.items():
        if wanted.get(job) != results_of_job:
            raise SystemExit(f"job {job} is not recorded as it should be")
    if complete and wanted.keys() != there.keys():
        raise SystemExit(f"{len(wanted.keys() - there.keys())} jobs are missing")


def picture(folder: Path) -> dict[int, tuple[int, ...]]:
    """For each recorded job how many results it has, and of which outcome."""
    from argos.store import administration
    from argos.store.database import open_database

    database = open_database(folder)
    query = """
        SELECT j.job_id, count(*), count(DISTINCT r.entity), sum(r.outcome), e.passed, e.failed
        FROM workflow_jobs j JOIN executions e ON e.id = j.execution JOIN results r ON r.execution = e.id
        GROUP BY j.job_id, e.passed, e.failed
    """
    with database.read() as connection:
        found = {row[0]: tuple(row[1:]) for row in connection.exec_driver_sql(query)}
        orphans = connection.exec_driver_sql(
            "SELECT count(*) FROM executions WHERE id NOT IN (SELECT execution FROM workflow_jobs"
            " WHERE execution IS NOT NULL)"
        ).scalar_one()
    problems = administration.check(database)
    database.close()
    if problems or orphans:
        raise SystemExit(f"{problems} {orphans} executions without a job")
    return found


if __name__ == "__main__":
    main()
