"""GitHub's Actions API on loopback: a world of runs, jobs, logs and artifacts, and the faults of the real one.

Two real servers, as at GitHub: the API, and on another port the files that it redirects to, which
refuse a request that carries a token. Names of fields and headers are those of the real answers.

As a program, for measurements in which server and client must not share an interpreter:

    python tests/github_server.py --runs 1000 --jobs 12 --log-kb 130

prints the port of the API on the first line and the port of the files on the second, and serves
until it is ended (after an hour by itself). The token is `loopback-token`, the repository `octo/widgets`.
"""

# ruff: noqa: ARG002, ARG005 - every route and every fault is called alike

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import itertools
import json
import re
import socketserver
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

TOKEN = "loopback-token"
OWNER, NAME = "octo", "widgets"
REPOSITORY_ID = 7_001_001
CAP = 1000  # GitHub answers a filtered search with this many results at most
SIGNED_FOR_S = 60.0
START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)

Json = dict[str, object]


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Log:
    """`state` is there, gone (410), deleted (404), or not yet (404 of a job that is going on)."""

    make: Callable[[], bytes] = lambda: b""
    state: str = "there"


@dataclass
class World:
    """What the server knows. Runs are kept newest first; every document is as the API writes it."""

    owner: str = OWNER
    name: str = NAME
    token: str | None = TOKEN
    runs: dict[int, list[Json]] = field(default_factory=dict)  # run id -> its attempts
    jobs: dict[int, list[Json]] = field(default_factory=dict)  # run id -> the jobs of all attempts
    logs: dict[int, Log] = field(default_factory=dict)
    artifacts: dict[int, list[Json]] = field(default_factory=dict)
    archives: dict[int, bytes] = field(default_factory=dict)
    annotations: dict[int, list[Json]] = field(default_factory=dict)
    workflows: dict[int, Json] = field(default_factory=dict)
    checks_readable: bool = True
    limit: int = 5000
    remaining: int = 5000
    resets_at: float = 0.0

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._by_job: dict[int, Json] = {}
        self.workflow("CI", ".github/workflows/ci.yml")

    # To build it

    def workflow(self, name: str, path: str, state: str = "active") -> int:
        workflow_id = 100 + len(self.workflows)
        self.workflows[workflow_id] = {"id": workflow_id, "name": name, "path": path, "state": state}
        return workflow_id

    def run(
        self,
        *,
        conclusion: str | None = "success",
        status: str = "completed",
        branch: str = "main",
        created: datetime | None = None,
        attempts: int = 1,
        workflow_id: int = 100,
        event: str = "push",
        sha: str | None = None,
        run_id: int | None = None,
    ) -> int:
        """Adds a run; its id. Each is a minute younger than the one before unless `created` is given."""
        number = len(self.runs) + 1
        run_id = run_id or 21_000_000_000 + number
        created = created or START + timedelta(minutes=number)
        workflow = self.workflows[workflow_id]
        for attempt in range(1, attempts + 1):
            started = created + timedelta(hours=attempt - 1)
            last = attempt == attempts
            self.runs.setdefault(run_id, []).append(
                {
                    "id": run_id,
                    "name": workflow["name"],
                    "head_branch": branch,
                    "head_sha": sha or f"{number:040x}",
                    "path": workflow["path"],
                    "display_title": f"Change number {number}",
                    "run_number": number,
                    "event": event,
                    "status": status if last else "completed",
                    "conclusion": (conclusion if status == "completed" else None) if last else "failure",
                    "workflow_id": workflow_id,
                    "url": f"/repos/{self.owner}/{self.name}/actions/runs/{run_id}",
                    "html_url": f"https://github.com/{self.owner}/{self.name}/actions/runs/{run_id}",
                    "pull_requests": [],
                    "created_at": iso(created),
                    "updated_at": iso(started + timedelta(minutes=10)),
                    "run_attempt": attempt,
                    "run_started_at": iso(started),
                    "previous_attempt_url": None,
                }
            )
        return run_id

    def job(
        self,
        run_id: int,
        name: str = "test (ubuntu-latest, 3.11)",
        *,
        log: bytes | Callable[[], bytes] | None = b"",
        state: str = "there",
        conclusion: str | None = "success",
        status: str = "completed",
        attempt: int = 1,
        labels: tuple[str, ...] = ("ubuntu-latest",),
        completed: datetime | None = None,
        job_id: int | None = None,
    ) -> int:
        """Adds a job of a run; its id. `state` is that of its log; `log=None` is a log that was deleted."""
        run = self.runs[run_id][attempt - 1]
        job_id = job_id or 61_000_000_000 + next(self._ids)
        started = datetime.fromisoformat(str(run["run_started_at"])) + timedelta(seconds=20)
        ended = completed or started + timedelta(minutes=3)
        done = status == "completed"
        document: Json = {
            "id": job_id,
            "run_id": run_id,
            "workflow_name": run["name"],
            "head_branch": run["head_branch"],
            "run_attempt": attempt,
            "head_sha": run["head_sha"],
            "url": f"/repos/{self.owner}/{self.name}/actions/jobs/{job_id}",
            "html_url": f"https://github.com/{self.owner}/{self.name}/actions/runs/{run_id}/job/{job_id}",
            "status": status,
            "conclusion": conclusion if done else None,
            "created_at": iso(started - timedelta(seconds=15)),
            "started_at": iso(started),
            "completed_at": iso(ended) if done else None,
            "name": name,
            "steps": [
                _step(1, "Set up job", "success", started),
                _step(2, "Run tests", conclusion, started),
            ],
            "check_run_url": f"/repos/{self.owner}/{self.name}/check-runs/{job_id}",
            "labels": list(labels),
            "runner_id": 1,
            "runner_name": "GitHub Actions 1000000001",
            "runner_group_id": 0,
            "runner_group_name": "GitHub Actions",
        }
        self.jobs.setdefault(run_id, []).append(document)
        self._by_job[job_id] = document
        if log is None:
            self.logs[job_id] = Log(state="deleted")
        else:
            self.logs[job_id] = Log(log if callable(log) else lambda kept=log: kept, state)  # type: ignore[misc]
        return job_id

    def artifact(
        self,
        run_id: int,
        name: str,
        content: bytes | Mapping[str, bytes],
        *,
        expired: bool = False,
        digest: str | None = None,
    ) -> int:
        """Adds an artifact, from the bytes of a zip or the files of one; its id."""
        archive = content if isinstance(content, bytes) else zipped(content)
        artifact_id = 81_000_000 + next(self._ids)
        self.archives[artifact_id] = archive
        self.artifacts.setdefault(run_id, []).append(
            {
                "id": artifact_id,
                "name": name,
                "size_in_bytes": len(archive),
                "url": f"/repos/{self.owner}/{self.name}/actions/artifacts/{artifact_id}",
                "expired": expired,
                "created_at": iso(START),
                "expires_at": iso(START + timedelta(days=90)),
                "digest": digest or f"sha256:{hashlib.sha256(archive).hexdigest()}",
                "workflow_run": {"id": run_id},
            }
        )
        return artifact_id

    def annotate(self, job_id: int, message: str, level: str = "failure", title: str | None = None) -> None:
        self.annotations.setdefault(job_id, []).append(
            {
                "path": ".github",
                "start_line": 7,
                "end_line": 7,
                "annotation_level": level,
                "title": title or "",
                "message": message,
                "raw_details": "",
            }
        )

    # What the API asks it

    def job_by_id(self, job_id: int) -> Json | None:
        return self._by_job.get(job_id)

    def newest(self) -> list[Json]:
        """The last attempt of each run, newest first."""
        last = [attempts[-1] for attempts in self.runs.values()]
        return sorted(last, key=lambda run: (str(run["created_at"]), _number(run["id"])), reverse=True)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _step(number: int, name: str, conclusion: str | None, at: datetime) -> Json:
    return {
        "name": name,
        "status": "completed",
        "conclusion": conclusion,
        "number": number,
        "started_at": iso(at),
        "completed_at": iso(at + timedelta(seconds=30)),
    }


def zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


# Requests and answers


@dataclass(frozen=True)
class Seen:
    """A request that arrived. `server` is api or files; header names are in lower case."""

    server: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def target(self) -> str:
        pairs = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.path}?{pairs}" if pairs else self.path


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None  # how many bytes of the body really go out before the connection is cut
    pause: Callable[[], object] | None = None  # called between the pieces of the body


def _json_answer(document: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status, json.dumps(document).encode(), {"Content-Type": "application/json; charset=utf-8", **named}
    )


def _message(status: int, text: str, **headers: str) -> Answer:
    url = "https://docs.github.com/rest"
    return _json_answer({"message": text, "documentation_url": url, "status": str(status)}, status, **headers)


@dataclass
class Fault:
    """`kind` is a key of `FAULTS`; `times` counts down, `seconds` is for those that name a time."""

    pattern: re.Pattern[str]
    kind: str
    times: int = 1
    seconds: float = 7


def _reset(fault: Fault) -> str:
    return str(int(time.time() + fault.seconds))


def _cut(answer: Answer, at: int) -> Answer:
    answer.sent = at
    return answer


def _padded(answer: Answer) -> Answer:
    answer.headers["Content-Length"] = str(len(answer.body) + 999)
    answer.sent = len(answer.body)
    return answer


def _spoiled(answer: Answer) -> Answer:
    answer.body = bytes(byte ^ 0xFF for byte in answer.body)
    return answer


SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
# What stands in for the answer; those that take the real answer spoil it on its way.
FAULTS: dict[str, Callable[[Fault, Callable[[], Answer]], Answer]] = {
    "retry-after": lambda f, _: _message(429, SECONDARY, Retry_After=str(int(f.seconds))),
    "retry-after-403": lambda f, _: _message(403, SECONDARY, Retry_After=str(int(f.seconds))),
    "retry-after-date": lambda f, _: _message(
        403, SECONDARY, Retry_After=formatdate(time.time() + f.seconds, usegmt=True)
    ),
    "primary": lambda f, _: _message(
        403,
        "API rate limit exceeded for user ID 1.",
        X_RateLimit_Limit="5000",
        X_RateLimit_Remaining="0",
        X_RateLimit_Reset=_reset(f),
    ),
    "primary-429": lambda f, _: _message(
        429, "Too many", X_RateLimit_Limit="5000", X_RateLimit_Remaining="0", X_RateLimit_Reset=_reset(f)
    ),
    "secondary": lambda f, _: _message(403, SECONDARY),
    "secondary-429": lambda f, _: _message(429, "Slow down."),
    "permission": lambda f, _: _message(403, "Resource not accessible by personal access token"),
    "sso": lambda f, _: _message(
        403, "Resource protected by organization SAML enforcement.", X_GitHub_SSO="required; url=https://x"
    ),
    "unauthorized": lambda f, _: _message(401, "Bad credentials"),
    "gone": lambda f, _: _message(410, "Server Error"),
    "missing": lambda f, _: _message(404, "Not Found"),
    "500": lambda f, _: _message(500, "Server Error"),
    "502": lambda f, _: Answer(502, b"<html><h1>Bad Gateway</h1></html>", {"Content-Type": "text/html"}),
    "503": lambda f, _: Answer(503, b"", {}),
    "504": lambda f, _: _message(504, "We couldn't respond to your request in time."),
    "no-json": lambda f, _: Answer(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
    "not-an-object": lambda f, _: _json_answer([1, 2]),
    "signature-expired": lambda f, _: Answer(
        403, b"<Error><Code>AuthenticationFailed</Code></Error>", {"Content-Type": "application/xml"}
    ),
    "no-answer": lambda f, real: Answer(0),
    "cut": lambda f, real: (lambda answer: _cut(answer, len(answer.body) // 2))(real()),
    "cut-at-once": lambda f, real: _cut(real(), 0),
    "wrong-length": lambda f, real: _padded(real()),
    "other-bytes": lambda f, real: _spoiled(real()),
}


class GitHubServer:
    """Both servers. `api_url` is what `GITHUB_API_URL` would be; `requests` is all that has arrived.

    with GitHubServer(world) as server:
        client = GitHubActionsClient(TOKEN, OWNER, NAME, api_url=server.api_url)
    """

    def __init__(
        self, world: World | None = None, *, keep_requests: bool = True, ports: tuple[int, int] = (0, 0)
    ) -> None:
        self.world = world or World()
        self.requests: list[Seen] = []
        self.counts = {"api": 0, "files": 0}
        self.most_at_once = 0
        self.slow: threading.Event | None = None  # when set: bodies of files go out in pieces, waiting for it
        self.elsewhere: str | None = None  # when set: `Link` points there
        self.ignored: set[str] = set()  # filters that are not obeyed
        self.next_page_is: int | None = None  # when set: every page says that this one is next
        self.api_path = ""  # a company's own server has its API at `/api/v3`
        self.redirect_to: str | None = None  # when set: logs redirect there, `{signature}` is filled in
        self._keep = keep_requests
        self._at_once = 0
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._signed: dict[str, tuple[str, int, float]] = {}
        self._signatures = itertools.count(1)
        self._api = _Server(("127.0.0.1", ports[0]), self._answer_api)
        self._files = _Server(("127.0.0.1", ports[1]), self._answer_file)

    def __enter__(self) -> GitHubServer:
        for server in (self._api, self._files):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.slow is not None:
            self.slow.set()
        for server in (self._api, self._files):
            server.shutdown()
            server.server_close()
            server.hang_up()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._api.port}{self.api_path}"

    @property
    def files_url(self) -> str:
        return f"http://127.0.0.1:{self._files.port}"

    def fail_next(self, path_pattern: str, kind: str, *, times: int = 1, seconds: float = 7) -> None:
        """The next `times` requests whose path and query match the expression fail in this way."""
        assert kind in (*FAULTS, "says-the-token"), kind
        self._faults.append(Fault(re.compile(path_pattern), kind, times, seconds))

    def clear_faults(self) -> None:
        """Whatever was still to fail will not."""
        with self._lock:
            self._faults.clear()

    def expire_signed(self) -> None:
        """Every signed address that was given out has expired."""
        with self._lock:
            self._signed.clear()

    def targets(self, server: str = "api") -> list[str]:
        """The paths and queries that arrived at one of the two servers, in order."""
        return [seen.target for seen in self.requests if seen.server == server]

    # What both do

    def _arrived(self, seen: Seen) -> Fault | None:
        with self._lock:
            self.counts[seen.server] += 1
            if self._keep:
                self.requests.append(seen)
            for fault in self._faults:
                if fault.times and fault.pattern.search(seen.target):
                    fault.times -= 1
                    return fault
        return None

    def _answer_api(self, path: str, headers: Mapping[str, str]) -> Answer:
        seen = _seen("api", path, headers)
        fault = self._arrived(seen)
        if fault is None:
            return self._api_answer(seen)
        if fault.kind == "says-the-token":
            return _message(422, f"Unknown header: {headers.get('authorization')}")
        return FAULTS[fault.kind](fault, lambda: self._api_answer(seen))

    # The API

    def _api_answer(self, seen: Seen) -> Answer:
        refused = self._refused(seen.headers)
        if refused is not None:
            return refused
        answer = self._route(seen)
        if answer.status == 200:
            self._conditional(answer, seen.headers)
        if seen.path != "/rate_limit" and answer.status != 304:
            with self._lock:
                self.world.remaining -= 1
        return self._with_limits(answer)

    def _refused(self, headers: Mapping[str, str]) -> Answer | None:
        if self.world.token is not None and headers.get("authorization") not in (
            None,
            f"Bearer {self.world.token}",
        ):
            return _message(401, "Bad credentials")
        if not headers.get("user-agent"):
            return _message(403, "Request forbidden by administrative rules.")
        if self.world.remaining <= 0:
            if self.world.resets_at > time.time():
                return self._with_limits(_message(403, "API rate limit exceeded for user ID 1."))
            self.world.remaining = self.world.limit
        return None

    def _with_limits(self, answer: Answer) -> Answer:
        world = self.world
        answer.headers.update(
            {
                "X-RateLimit-Limit": str(world.limit),
                "X-RateLimit-Remaining": str(max(world.remaining, 0)),
                "X-RateLimit-Used": str(world.limit - world.remaining),
                "X-RateLimit-Reset": str(int(world.resets_at or time.time() + 3600)),
                "X-RateLimit-Resource": "core",
                "Cache-Control": "private, max-age=60, s-maxage=60",
            }
        )
        return answer

    def _conditional(self, answer: Answer, headers: Mapping[str, str]) -> None:
        """An ETag depends on the token too, as GitHub's does."""
        key = headers.get("authorization", "").encode() + answer.body
        etag = f'W/"{hashlib.blake2b(key, digest_size=16).hexdigest()}"'
        answer.headers["ETag"] = etag
        if headers.get("if-none-match") == etag:
            answer.status, answer.body = 304, b""
            answer.headers.pop("Link", None)

    def _route(self, seen: Seen) -> Answer:
        path = seen.path.removeprefix(self.api_path)
        if path == "/rate_limit":
            return self._rate_limit()
        for prefix in (
            f"/repos/{self.world.owner}/{self.world.name}",
            f"/repositories/{REPOSITORY_ID}",
        ):
            if path.startswith(prefix + "/"):
                return self._in_repository(seen, path[len(prefix) :])
        return _message(404, "Not Found")

    def _in_repository(self, seen: Seen, path: str) -> Answer:
        for pattern, method in _ROUTES:
            found = pattern.fullmatch(path)
            if found is not None:
                return method(self, seen, *found.groups())
        return _message(404, "Not Found")

    def _rate_limit(self) -> Answer:
        world = self.world
        core = {
            "limit": world.limit,
            "used": world.limit - world.remaining,
            "remaining": max(world.remaining, 0),
            "reset": int(world.resets_at or time.time() + 3600),
        }
        return _json_answer({"resources": {"core": core}, "rate": core})

    def _runs(self, seen: Seen, workflow: str | None = None) -> Answer:
        runs = self.world.newest()
        if workflow is not None:
            runs = [run for run in runs if workflow in _workflow_names(run)]
            if not any(workflow in _workflow_names(found) for found in self._workflow_keys()):
                return _message(404, "Not Found")
        filtered = False
        for name, holds in _FILTERS.items():
            if name in seen.query and name not in self.ignored:
                filtered = True
                runs = [run for run in runs if holds(run, seen.query[name])]
        reachable = runs[:CAP] if filtered else runs
        return self._page(seen, "workflow_runs", reachable, total=len(runs))

    def _workflow_keys(self) -> list[Json]:
        return [{"workflow_id": key, "path": each["path"]} for key, each in self.world.workflows.items()]

    def _workflows(self, seen: Seen) -> Answer:
        return self._page(seen, "workflows", list(self.world.workflows.values()))

    def _run(self, seen: Seen, run_id: str, attempt: str | None = None) -> Answer:
        attempts = self.world.runs.get(int(run_id), [])
        if not attempts or (attempt is not None and not 1 <= int(attempt) <= len(attempts)):
            return _message(404, "Not Found")
        return _json_answer(attempts[-1] if attempt is None else attempts[int(attempt) - 1])

    def _jobs(self, seen: Seen, run_id: str, attempt: str | None = None) -> Answer:
        attempts = self.world.runs.get(int(run_id), [])
        if not attempts:
            return _message(404, "Not Found")
        jobs = self.world.jobs.get(int(run_id), [])
        if attempt is not None:
            jobs = [job for job in jobs if job["run_attempt"] == int(attempt)]
        elif seen.query.get("filter", "latest") == "latest":
            jobs = [job for job in jobs if job["run_attempt"] == len(attempts)]
        return self._page(seen, "jobs", jobs)

    def _job(self, seen: Seen, job_id: str) -> Answer:
        job = self.world.job_by_id(int(job_id))
        return _message(404, "Not Found") if job is None else _json_answer(job)

    def _log(self, seen: Seen, job_id: str) -> Answer:
        if "authorization" not in seen.headers:
            return _message(403, "Must have admin rights to Repository.")
        log = self.world.logs.get(int(job_id))
        if log is None or log.state in ("deleted", "not yet"):
            return _message(404, "Not Found")
        if log.state == "gone":
            return _message(410, "Server Error")
        return self._redirect("logs", int(job_id))

    def _artifacts(self, seen: Seen, run_id: str) -> Answer:
        if int(run_id) not in self.world.runs:
            return _message(404, "Not Found")
        return self._page(seen, "artifacts", self.world.artifacts.get(int(run_id), []))

    def _artifact_zip(self, seen: Seen, artifact_id: str) -> Answer:
        if "authorization" not in seen.headers:
            return _message(401, "Requires authentication")
        every = itertools.chain.from_iterable(self.world.artifacts.values())
        found = next((each for each in every if each["id"] == int(artifact_id)), None)
        if found is None:
            return _message(404, "Not Found")
        if found["expired"]:
            return _message(410, "Artifact has expired")
        return self._redirect("artifacts", int(artifact_id))

    def _run_logs(self, seen: Seen, run_id: str) -> Answer:
        if int(run_id) not in self.world.runs:
            return _message(404, "Not Found")
        return self._redirect("runs", int(run_id))

    def _annotations(self, seen: Seen, job_id: str) -> Answer:
        if not self.world.checks_readable:
            return _message(403, "Resource not accessible by integration")
        if self.world.job_by_id(int(job_id)) is None:
            return _message(404, "Not Found")
        return self._page(seen, None, self.world.annotations.get(int(job_id), []))

    def _redirect(self, kind: str, number: int) -> Answer:
        signature = f"signature-{next(self._signatures)}-of-{kind}"
        with self._lock:
            self._signed[signature] = (kind, number, time.time() + SIGNED_FOR_S)
        template = self.redirect_to or self.files_url + "/{kind}/{number}?se=soon&sig={signature}"
        location = template.format(kind=kind, number=number, signature=signature)
        return Answer(302, b"", {"Location": location})

    def _page(self, seen: Seen, key: str | None, items: list[Json], total: int | None = None) -> Answer:
        per_page = min(int(seen.query.get("per_page", "30")), 100)
        page = int(seen.query.get("page", "1"))
        shown = items[(page - 1) * per_page : page * per_page]
        last = max(-(-len(items) // per_page), 1)
        answer = _json_answer(
            shown if key is None else {"total_count": len(items) if total is None else total, key: shown}
        )
        if page < last or self.next_page_is is not None:
            following = self._link(seen, self.next_page_is or page + 1, "next")
            answer.headers["Link"] = f"{following}, {self._link(seen, last, 'last')}"
        return answer

    def _link(self, seen: Seen, page: int, relation: str) -> str:
        """As GitHub's: the repository by its number, so that a page's address cannot be guessed."""
        path = seen.path.removeprefix(self.api_path)
        path = re.sub(r"^/repos/[^/]+/[^/]+", f"/repositories/{REPOSITORY_ID}", path)
        query = {**seen.query, "page": str(page)}
        pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f'<{self.elsewhere or self.api_url}{path}?{pairs}>; rel="{relation}"'

    # The files

    def _answer_file(self, path: str, headers: Mapping[str, str]) -> Answer:
        seen = _seen("files", path, headers)
        fault = self._arrived(seen)
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if fault is not None:
                return FAULTS[fault.kind](fault, lambda: self._file(seen))
            return self._file(seen)
        finally:
            with self._lock:
                self._at_once -= 1

    def _file(self, seen: Seen) -> Answer:
        if "authorization" in seen.headers:
            return Answer(400, b"<Error><Code>InvalidAuthenticationInfo</Code></Error>")
        with self._lock:
            signed = self._signed.get(seen.query.get("sig", ""))
        if signed is None or signed[2] < time.time():
            return Answer(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
        answer = Answer(200, self._content(*signed[:2]), {"Content-Type": "application/octet-stream"})
        if self.slow is not None:
            answer.pause = self.slow.wait
        return answer

    def _content(self, kind: str, number: int) -> bytes:
        if kind == "logs":
            return self.world.logs[number].make()
        if kind == "artifacts":
            return self.world.archives[number]
        jobs = enumerate(self.world.jobs.get(number, []))
        return zipped(
            {f"{at}_{job['name']}.txt": self.world.logs[_number(job["id"])].make() for at, job in jobs}
        )


_ROUTES: tuple[tuple[re.Pattern[str], Callable[..., Answer]], ...] = tuple(
    (re.compile(pattern), method)
    for pattern, method in (
        (r"/actions/jobs/(\d+)/logs", GitHubServer._log),
        (r"/actions/runs/(\d+)/jobs", GitHubServer._jobs),
        (r"/actions/runs/(\d+)/attempts/(\d+)/jobs", GitHubServer._jobs),
        (r"/actions/runs", GitHubServer._runs),
        (r"/actions/workflows/([^/]+)/runs", GitHubServer._runs),
        (r"/actions/workflows", GitHubServer._workflows),
        (r"/actions/runs/(\d+)", GitHubServer._run),
        (r"/actions/runs/(\d+)/attempts/(\d+)", GitHubServer._run),
        (r"/actions/jobs/(\d+)", GitHubServer._job),
        (r"/actions/runs/(\d+)/artifacts", GitHubServer._artifacts),
        (r"/actions/runs/(\d+)/logs", GitHubServer._run_logs),
        (r"/actions/artifacts/(\d+)/zip", GitHubServer._artifact_zip),
        (r"/check-runs/(\d+)/annotations", GitHubServer._annotations),
    )
)


def _workflow_names(document: Json) -> tuple[str, str]:
    return str(document["workflow_id"]), str(document["path"]).rpartition("/")[2]


def _created(run: Json, asked: str) -> bool:
    """`A..B`, `>=A`, `<=B`; dates stand for the whole day."""
    at = str(run["created_at"])
    if asked.startswith(">="):
        return at >= _bound(asked[2:], "T00:00:00Z")
    if asked.startswith("<="):
        return at <= _bound(asked[2:], "T23:59:59Z")
    first, _, last = asked.partition("..")
    return _bound(first, "T00:00:00Z") <= at <= _bound(last or first, "T23:59:59Z")


def _bound(text: str, rest_of_day: str) -> str:
    if len(text) == len("2026-11-01"):
        return text + rest_of_day
    return str(iso(datetime.fromisoformat(text)))


_FILTERS: dict[str, Callable[[Json, str], bool]] = {
    "branch": lambda run, value: run["head_branch"] == value,
    "event": lambda run, value: run["event"] == value,
    "head_sha": lambda run, value: run["head_sha"] == value,
    "status": lambda run, value: value in (run["status"], run["conclusion"]),
    "created": _created,
}


def _seen(server: str, target: str, headers: Mapping[str, str]) -> Seen:
    path, _, query = target.partition("?")
    return Seen(server, unquote(urlsplit(path).path), dict(parse_qsl(query)), headers)


# HTTP/1.1 with connections that stay open, and little else: the cost of a request counts


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], answer: Callable[[str, Mapping[str, str]], Answer]) -> None:
        super().__init__(address, _Connection)
        self.answer = answer
        self.port = int(self.server_address[1])
        self.open: set[_Connection] = set()

    def hang_up(self) -> None:
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.connection.shutdown(2)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is normal; anything else must be seen."""
        import sys

        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


_REASONS = {200: "OK", 302: "Found", 304: "Not Modified", 403: "Forbidden", 404: "Not Found", 410: "Gone"}


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        self.server.open.add(self)
        try:
            while self._one():
                pass
        finally:
            self.server.open.discard(self)

    def _one(self) -> bool:
        """Answers one request; whether the connection stays open."""
        line = self.rfile.readline(65536)
        if not line.strip():
            return False
        _, target, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(65536)) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        answer = self.server.answer(target, headers)
        return bool(answer.status) and self._send(answer)

    def _send(self, answer: Answer) -> bool:
        body = answer.body if answer.sent is None else answer.body[: answer.sent]
        length = answer.headers.pop("Content-Length", str(len(answer.body)))
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Date: {formatdate(usegmt=True)}", "Server: GitHub.com"]
        if answer.status != 304:
            lines.append(f"Content-Length: {length}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if answer.pause is None:
            # One packet where it is small; no second copy of the body where it is large.
            self.connection.sendall(head + body if len(body) < 1_000_000 else head)
            if len(body) >= 1_000_000:
                self.connection.sendall(body)
        else:
            self._send_slowly(head, body, answer.pause)
        return answer.sent is None

    def _send_slowly(self, head: bytes, body: bytes, pause: Callable[[], object]) -> None:
        self.connection.sendall(head + body[:1])
        pause()
        self.connection.sendall(body[1:])


# A large world, for measurements

CELLS = tuple(
    (label, platform, python)
    for label, platform in (
        ("ubuntu-latest", "linux"),
        ("windows-latest", "win32"),
        ("macos-latest", "darwin"),
    )
    for python in ("3.9.20", "3.10.15", "3.11.10", "3.12.7")
)


def large_world(runs: int, jobs: int, log_kb: int, newest: datetime = START) -> World:
    """`runs` runs of `jobs` jobs, a run an hour up to `newest`; every fifth run has failing tests on Windows.

    The logs have about `log_kb` KB each: pytest sessions in a runner's log, the same tests in each.
    """
    world = World(limit=10_000_000, remaining=10_000_000)
    for number in range(runs):
        failing = number % 5 == 4
        created = newest - timedelta(hours=runs - number)
        run_id = world.run(conclusion="failure" if failing else "success", created=created)
        for at in range(jobs):
            label, platform, python = CELLS[at % len(CELLS)]
            bad = failing and platform == "win32"
            world.job(
                run_id,
                f"test ({label}, {python.rpartition('.')[0]})" + (f" {at}" if at >= len(CELLS) else ""),
                labels=(label,),
                conclusion="failure" if bad else "success",
                log=lambda cell=(label, platform, python), red=bad, kb=log_kb: job_log(cell, red, kb),  # type: ignore[misc]
            )
    return world


@lru_cache(maxsize=64)
def job_log(cell: tuple[str, str, str], red: bool, kb: int) -> bytes:
    """A job's log as the runner writes it: every line stamped, the byte order mark first."""
    return b"\xef\xbb\xbf" + "".join(_stamped(_lines(cell, red, kb))).encode()


def _stamped(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        seconds, rest = divmod(number * 7919, 10_000_000)
        yield f"2026-11-01T09:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:07d}Z {line}\n"


def _lines(cell: tuple[str, str, str], red: bool, kb: int) -> Iterator[str]:
    label, platform, python = cell
    root = {"linux": "/home/runner/work", "win32": "D:\\a", "darwin": "/Users/runner/work"}[platform]
    names = [
        f"tests/test_part_{at % 20:02d}.py::test_behaviour_number_{at}"
        for at in range(max(kb * 1024 // 105, 4))
    ]
    bad = set(names[7::311]) if red else set()
    yield from (
        "##[group]Runner Image",
        f"Image: {label.replace('latest', '24.04')}",
        "##[endgroup]",
        f"Complete job name: test ({label}, {python.rpartition('.')[0]})",
        "##[group]Run python -m pytest -v",
        "##[endgroup]",
        "============================= test session starts =============================",
        f"platform {platform} -- Python {python}, pytest-8.3.5, pluggy-1.5.0 -- {root}",
        f"rootdir: {root}{'/' if root[0] == '/' else chr(92)}widgets",
        f"collecting ... collected {len(names)} items",
        "",
    )
    for at, name in enumerate(names):
        yield f"{name} {'FAILED' if name in bad else 'PASSED'} [{(at + 1) * 100 // len(names):3d}%]"
    yield ""
    if bad:
        yield from _failures(sorted(bad))
        yield f"====== {len(bad)} failed, {len(names) - len(bad)} passed in 12.34s ======"
        yield "##[error]Process completed with exit code 1."
    else:
        yield f"====== {len(names)} passed in 12.34s ======"


def _failures(names: list[str]) -> Iterator[str]:
    yield "=================================== FAILURES ==================================="
    for name in names:
        path, _, test = name.partition("::")
        yield from (f"_____ {test} _____", "", f"    def {test}():", ">       assert 1 == 2")
        yield from ("E       assert 1 == 2", "", f"{path}:12: AssertionError")
    yield "=========================== short test summary info ============================"
    for name in names:
        yield f"FAILED {name} - assert 1 == 2"


def main() -> None:
    parser = argparse.ArgumentParser(description="GitHub's Actions API on loopback.")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=12, help="of each run")
    parser.add_argument("--log-kb", type=int, default=130, help="size of each job's log")
    parser.add_argument("--port", type=int, default=0, help="of the API; 0 is any that is free")
    parser.add_argument("--for-seconds", type=float, default=3600, help="ends by itself after this time")
    options = parser.parse_args()
    world = large_world(options.runs, options.jobs, options.log_kb)
    with GitHubServer(world, keep_requests=False, ports=(options.port, 0)) as server:
        print(server.api_url.rpartition(":")[2], server.files_url.rpartition(":")[2], sep="\n", flush=True)  # noqa: T201
        time.sleep(options.for_seconds)


if __name__ == "__main__":
    main()
