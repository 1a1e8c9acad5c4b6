"""GitHub's Actions API: runs, jobs, logs, artifacts, annotations. The only user of the HTTP library.

Ready for what the API does: pages, results that are cut at 1,000, limits, redirects to addresses that
expire, answers that break off, logs that are gone. The token goes to the API's own address and nowhere
else; neither it nor a signed address is in any message.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx2

from argos import __version__
from argos.errors import ArgosError
from argos.model.ci import Annotation, Artifact, WorkflowJob, WorkflowRun
from argos.scout.ci import limits, payloads
from argos.scout.ci.limits import RateLimit, Wait
from argos.scout.ci.payloads import Json

API_URL = "https://api.github.com"
API_VERSION = "2022-11-28"
PAGE = 100
# A search that is filtered gives this many results at most, however many pages are asked for.
CAP = 1000
DOWNLOADS_AT_ONCE = 4
TRIES = 6
REFUSALS = 5
LONGEST_WAIT_S = 2 * 3600.0
MAX_HOPS = 5
_SAME_WAIT_S = 5.0
# The log of a job that has just ended may take this long to arrive.
SETTLING = timedelta(minutes=5)
_REDIRECTS = (301, 302, 303, 307, 308)

# The library tells every address it asks for, signed ones too, to whoever turns logging on.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

T = TypeVar("T")


class Gone(ArgosError):
    """What was asked for existed and will not come back: record it, do not ask again."""


class LogsGone(Gone):
    """The log of a finished job has expired or was deleted."""


class ArtifactGone(Gone):
    """The artifact has expired or was deleted."""


class NotYet(ArgosError):
    """The log does not exist yet; it will when the job has ended."""


class EtagCache(Protocol):
    """Answers that may be asked for again, by address. Called from several threads."""

    def get(self, url: str) -> tuple[str, bytes] | None:
        """The ETag and the body that were put last; None if there are none."""
        ...

    def put(self, url: str, etag: str, body: bytes) -> None: ...


class MemoryEtags:
    """Keeps answers as long as the process lives."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, bytes]] = {}

    def get(self, url: str) -> tuple[str, bytes] | None:
        return self._kept.get(url)

    def put(self, url: str, etag: str, body: bytes) -> None:
        self._kept[url] = (etag, body)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as GitHub lists it; `path` is its file."""

    workflow_id: int
    name: str
    path: str
    state: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    document: object = None


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: the document and the address of the next page, if there is one."""

    document: object
    next_url: str | None

    def items(self, key: str | None) -> list[Json]:
        """The objects under `key`; the document itself is the array if `key` is None."""
        if key is None:
            return payloads.objects(self.document)
        return payloads.objects(self.document.get(key)) if isinstance(self.document, dict) else []


class _Trouble(Exception):
    """A try that may succeed when it is repeated; the text says what happened."""


@dataclass(slots=True)
class _Patience:
    """How often one request was tried."""

    troubles: int = 0
    refusals: int = 0


@dataclass(slots=True)
class _Block:
    """Nobody asks before `until`, by this client's clock."""

    until: float = 0.0
    why: str = ""
    told: bool = False


class GitHubActionsClient:
    """The Actions of one repository. May be used from several threads at once.

    `on_wait(seconds, why)` is told of every wait before it begins, `sleep` does the waiting and may
    raise to end it; `clock` is epoch seconds. Without a token GitHub allows 60 requests an hour and
    gives no logs and no artifacts.

    Every method raises `ArgosError` for what GitHub refuses or does not have, and after `TRIES` tries
    for what does not get through.
    """

    def __init__(
        self,
        token: str | None,
        repo_owner: str,
        repo_name: str,
        *,
        api_url: str = API_URL,
        etags: EtagCache | None = None,
        on_wait: Callable[[float, str], None] | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,  # noqa: S311 - it spreads tries, it hides nothing
        timeout_s: float = 60.0,
    ) -> None:
        self.repository = f"{repo_owner}/{repo_name}"
        self._token = _checked_token(token)
        self._api = _checked_url(api_url)
        self._prefix = f"{api_url.rstrip('/')}/repos/{quote(repo_owner, safe='')}/{quote(repo_name, safe='')}"
        self._etags = etags if etags is not None else MemoryEtags()
        self._on_wait = on_wait
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()
        self._block = _Block()
        self._rate: RateLimit | None = None
        self._requests = 0
        # The token and all that is meant for the API goes to the API only; a file is wanted as it is.
        agent = {"User-Agent": f"argos/{__version__}"}
        self._file_headers = {**agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._api_headers = {
            **agent,
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
            "Cache-Control": "no-cache",
        }
        if self._token is not None:
            self._api_headers["Authorization"] = f"Bearer {self._token}"
        self._timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, 15.0)).as_dict()
        self._http = httpx2.Client(
            limits=httpx2.Limits(max_connections=4 * DOWNLOADS_AT_ONCE, keepalive_expiry=30.0),
        )

    def __repr__(self) -> str:
        return f"GitHubActionsClient({self.repository!r}, api_url={str(self._api)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def rate(self) -> RateLimit | None:
        """The primary limit as the answers so far have told it; None before the first."""
        return self._rate

    @property
    def requests_made(self) -> int:
        """Requests to the API so far, repeated ones too. Downloads from other hosts do not count."""
        return self._requests

    # Workflows and runs

    def fetch_workflows(self) -> list[Workflow]:
        found = self._items(f"{self._prefix}/actions/workflows?per_page={PAGE}", "workflows", keep=_always)
        return [
            Workflow(
                number, str(each.get("name") or ""), str(each.get("path") or ""), str(each.get("state") or "")
            )
            for each in found
            if isinstance(number := each.get("id"), int)
        ]

    def fetch_workflow_runs(
        self,
        workflow_name: str | None = None,
        branch: str | None = None,
        limit: int = 100,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[WorkflowRun]:
        """The newest `limit` runs, newest first, each with its newest attempt; see `iter_workflow_runs`."""
        runs = self.iter_workflow_runs(workflow_name, branch, limit=limit, since=since, until=until)
        return list(runs)

    def iter_workflow_runs(
        self,
        workflow_name: str | None = None,
        branch: str | None = None,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[WorkflowRun]:
        """Runs newest first, each id once; pages are asked for as they are needed.

        `workflow_name` is a workflow's name, its file's name or its id. `since` and `until` bound the
        time of creation, both included; a time without zone is UTC. Raises for an unknown workflow.
        """
        path, missing = "/actions/runs", None
        if workflow_name is not None:
            path = f"/actions/workflows/{quote(self._workflow_key(workflow_name), safe='')}/runs"
            missing = f'workflow "{workflow_name}"'
        per_page = PAGE if limit is None else max(min(limit, PAGE), 1)
        query = {"per_page": str(per_page), "exclude_pull_requests": "true"}
        if branch is not None:
            query["branch"] = branch
        return islice(self._windows(path, query, since, until, missing), limit)

    def _windows(
        self,
        path: str,
        query: Mapping[str, str],
        since: datetime | None,
        until: datetime | None,
        missing: str | None,
    ) -> Iterator[WorkflowRun]:
        """Splits the time where a search reaches the cap: what is older is asked for anew."""
        since, until = _aware(since), _aware(until)
        seen: set[int] = set()
        while since is None or until is None or since <= until:
            created = _window(since, until)
            narrowed = {**query, "created": created} if created else dict(query)
            shown, of, oldest = 0, 0, None
            for run, total in self._listed(path, narrowed, missing):
                shown, of = shown + 1, total
                if run.created_at is not None:
                    oldest = run.created_at if oldest is None else min(oldest, run.created_at)
                if run.run_id not in seen:
                    seen.add(run.run_id)
                    yield run
            filtered = "branch" in narrowed or bool(created)
            if oldest is None or shown < CAP or not (filtered or of > shown):
                return
            if until is not None and oldest > until:
                return  # the filter is not obeyed
            # Times are whole seconds: the oldest is asked for again, unless it is all that was asked for.
            until = oldest if until is None or oldest < until else oldest - timedelta(seconds=1)

    def _listed(
        self, path: str, query: Mapping[str, str], missing: str | None
    ) -> Iterator[tuple[WorkflowRun, int]]:
        """The runs of one search and what GitHub says their number is. Only a first page is worth keeping."""
        keep = None if "created" in query else _always
        for page in self._pages(f"{self._prefix}{path}?{urlencode(query)}", missing=missing, keep=keep):
            total = page.document.get("total_count") if isinstance(page.document, dict) else None
            for document in page.items("workflow_runs"):
                if (run := payloads.run(document)) is not None:
                    yield run, total if isinstance(total, int) else 0

    def _workflow_key(self, name: str) -> str:
        """What names a workflow in an address: its id or its file's name."""
        if name.isascii() and name.isdigit():
            return name
        if name.endswith((".yml", ".yaml")):
            return name.replace("\\", "/").rpartition("/")[2]
        workflows = self.fetch_workflows()
        same = [each for each in workflows if each.name == name]
        same = same or [each for each in workflows if each.name.casefold() == name.casefold()]
        if len(same) == 1:
            return str(same[0].workflow_id)
        if same:
            files = ", ".join(each.path.rpartition("/")[2] for each in same)
            raise ArgosError(
                f'{self.repository} has {len(same)} workflows named "{name}".',
                next_step=f"Say its file: {files}.",
            )
        raise ArgosError(
            f'{self.repository} has no workflow "{name}".',
            next_step=_suggestion(name, [w.name for w in workflows]),
        )

    def fetch_run(self, run_id: int, attempt: int | None = None) -> WorkflowRun:
        """One run attempt, the newest if `attempt` is None."""
        part = "" if attempt is None else f"/attempts/{attempt}"
        what = f"run {run_id}" if attempt is None else f"attempt {attempt} of run {run_id}"
        page = self._page(f"{self._prefix}/actions/runs/{run_id}{part}", missing=what, keep=_unfinished)
        run = payloads.run(page.document) if isinstance(page.document, dict) else None
        if run is None:
            raise self._not_understood(f"{self._prefix}/actions/runs/{run_id}")
        return run

    # Jobs

    def fetch_workflow_jobs(self, run_id: int, attempt: int | None = None) -> list[WorkflowJob]:
        """The jobs of one attempt, or of all attempts if it is None; `run_attempt` keeps them apart."""
        every = f"{self._prefix}/actions/runs/{run_id}/jobs?filter=all&per_page={PAGE}"
        if attempt is None:
            return self._jobs(every, run_id)
        try:
            url = f"{self._prefix}/actions/runs/{run_id}/attempts/{attempt}/jobs?per_page={PAGE}"
            return self._jobs(url, run_id)
        except _Missing:
            # The attempts of some runs cannot be asked for by number.
            return [job for job in self._jobs(every, run_id) if job.run_attempt == attempt]

    def _jobs(self, url: str, run_id: int) -> list[WorkflowJob]:
        documents = self._items(url, "jobs", missing=f"run {run_id}", keep=_unfinished)
        jobs = (payloads.job(document, run_id) for document in documents)
        return list({job.job_id: job for job in jobs if job is not None}.values())

    def fetch_job(self, job_id: int) -> WorkflowJob:
        url = f"{self._prefix}/actions/jobs/{job_id}"
        page = self._page(url, missing=f"job {job_id}", keep=_unfinished)
        job = payloads.job(page.document) if isinstance(page.document, dict) else None
        if job is None:
            raise self._not_understood(url)
        return job

    def fetch_annotations(self, job_id: int) -> list[Annotation]:
        """The remarks beside a job; none if GitHub does not know its check run (any more)."""
        url = f"{self._prefix}/check-runs/{job_id}/annotations?per_page={PAGE}"
        try:
            return [payloads.annotation(each) for each in self._items(url, None, permission="Checks: read")]
        except _Missing:
            return []

    def rate_limit(self) -> RateLimit:
        """The primary limit as GitHub counts it now; to ask costs nothing of it."""
        url = f"{str(self._api).rstrip('/')}/rate_limit"
        page = self._page(url, waits=False)
        core = page.document.get("resources", {}) if isinstance(page.document, dict) else {}
        core = core.get("core") if isinstance(core, dict) else None
        numbers = [core.get(key) for key in ("limit", "remaining", "reset")] if isinstance(core, dict) else []
        whole = [number for number in numbers if isinstance(number, int)]
        resets_at = limits.moment(whole[2]) if len(whole) == 3 else None
        if resets_at is None:
            raise self._not_understood(url)
        self._rate = RateLimit(whole[0], whole[1], resets_at)
        return self._rate

    # Logs

    def download_logs(self, job_id: int, output_dir: str | Path) -> str:
        """Writes a job's log to `<output_dir>/<job_id>.log`, whole or not at all; the path of it.

        Raises `LogsGone` or `NotYet` where there is none.
        """
        path = Path(output_dir) / f"{job_id}.log"
        self.fetch_log(job_id, lambda chunks: _write(path, chunks))
        return str(path)

    def fetch_log(
        self, job_id: int, save: Callable[[Iterator[bytes]], T], *, job: WorkflowJob | None = None
    ) -> T:
        """Hands a job's log to `save` in pieces; what `save` returns.

        A download that breaks off ends in an exception within `save`, which is then called anew with
        the log from its beginning. `job`, where known, spares a question when there is no log.
        Raises `LogsGone` or `NotYet` where there is none.
        """
        self._need_token("logs")
        url = f"{self._prefix}/actions/jobs/{job_id}/logs"
        try:
            return self._get(url, lambda response: self._consume(response, url, f"log of job {job_id}", save))
        except _Expired as error:
            raise LogsGone(f"The log of job {job_id} has expired.", where=self.repository) from error
        except _Missing as error:
            raise self._without_log(job or self.fetch_job(job_id)) from error

    def _without_log(self, job: WorkflowJob) -> ArgosError:
        now = datetime.fromtimestamp(self._clock(), UTC)
        settling = job.completed_at is not None and now - job.completed_at < SETTLING
        if not job.finished or settling:
            return NotYet(
                f'The log of job {job.job_id} "{job.name}" is not there yet.',
                where=self.repository,
                next_step="Ask again when the job has ended.",
            )
        return LogsGone(f'The log of job {job.job_id} "{job.name}" was deleted.', where=self.repository)

    # Artifacts

    def fetch_artifacts(self, run_id: int) -> list[Artifact]:
        """The artifacts of all attempts of a run, expired ones too."""
        url = f"{self._prefix}/actions/runs/{run_id}/artifacts?per_page={PAGE}"
        found = (
            payloads.artifact(each, run_id) for each in self._items(url, "artifacts", missing=f"run {run_id}")
        )
        return list({each.artifact_id: each for each in found if each is not None}.values())

    def download_artifacts(
        self, run_id: int, output_dir: str | Path, names: Iterable[str] | None = None
    ) -> list[str]:
        """Writes a run's artifacts to `<output_dir>/<name>.zip`; the paths, in the order of GitHub's list.

        Without `names` those that have expired are left out. Raises for a name that the run does not
        have, and `ArtifactGone` for a named one that has expired.
        """
        artifacts = self.fetch_artifacts(run_id)
        files = _file_names(artifacts)
        if names is None:
            chosen = [artifact for artifact in artifacts if not artifact.expired]
        else:
            chosen = _named(artifacts, list(names), run_id)
        paths = []
        for artifact in chosen:
            path = Path(output_dir) / files[artifact.artifact_id]
            try:
                paths.append(self._download_artifact(artifact, path))
            except ArtifactGone:
                if names is not None:
                    raise
        return paths

    def download_artifact(self, artifact: Artifact, output_dir: str | Path) -> str:
        """Writes one artifact to `<output_dir>/<id>-<name>.zip`; the path. Raises `ArtifactGone`."""
        name = f"{artifact.artifact_id}-{_file_name(artifact.name)}.zip"
        return self._download_artifact(artifact, Path(output_dir) / name)

    def _download_artifact(self, artifact: Artifact, path: Path) -> str:
        self._need_token("artifacts")
        url = f"{self._prefix}/actions/artifacts/{artifact.artifact_id}/zip"
        what = f'artifact "{artifact.name}"'
        try:
            return self._get(
                url,
                lambda response: self._consume(
                    response, url, what, lambda chunks: _write(path, chunks, artifact.digest)
                ),
            )
        except (_Missing, _Expired) as error:
            raise ArtifactGone(
                f'The artifact "{artifact.name}" of run {artifact.run_id} has expired or was deleted.',
                where=self.repository,
            ) from error

    def _consume(
        self, response: httpx2.Response, url: str, what: str, save: Callable[[Iterator[bytes]], T]
    ) -> T:
        if response.status_code != 200:
            raise self._refused(_answer(response), url, what)
        return save(response.iter_bytes())

    # Documents

    def _items(
        self,
        url: str,
        key: str | None,
        *,
        missing: str | None = None,
        permission: str = "Actions: read",
        keep: Callable[[object], bool] | None = None,
    ) -> list[Json]:
        """The objects of all pages."""
        pages = self._pages(url, missing=missing, permission=permission, keep=keep)
        return [item for page in pages for item in page.items(key)]

    def _pages(
        self,
        url: str,
        *,
        missing: str | None = None,
        permission: str = "Actions: read",
        keep: Callable[[object], bool] | None = None,
    ) -> Iterator[_Page]:
        """The pages of a list, each asked for when the one before has been used. None is asked for twice."""
        asked: set[str] = set()
        following: str | None = url
        while following is not None and following not in asked:
            asked.add(following)
            page = self._page(following, missing=missing, permission=permission, keep=keep)
            yield page
            keep = None  # where a list moves, the pages behind the first are other ones the next time
            following = page.next_url

    def _page(
        self,
        url: str,
        *,
        missing: str | None = None,
        permission: str = "Actions: read",
        keep: Callable[[object], bool] | None = None,
        waits: bool = True,
    ) -> _Page:
        """One document. `keep` says of which answers the ETag is worth keeping: those that may change."""
        known, kept = self._kept(url) if keep is not None else ("", None)
        headers = {"If-None-Match": known} if kept is not None else {}
        answer = self._get(url, _read_document, headers, waits=waits)
        if answer.status == 304 and kept is not None:
            return kept
        if answer.status != 200:
            raise self._refused(answer, url, missing, permission)
        page = _Page(answer.document, self._next(answer.headers.get("link"), url))
        etag = answer.headers.get("etag")
        if etag and keep is not None and keep(page.document):
            # The header that names the next page does not come with a 304.
            self._etags.put(url, etag, (page.next_url or "").encode() + b"\n" + answer.body)
        return page

    def _kept(self, url: str) -> tuple[str, _Page | None]:
        """The ETag and the page that were kept; none if there are none, or they cannot be read any more."""
        etag, packed = self._etags.get(url) or ("", b"")
        following, _, body = packed.partition(b"\n")
        try:
            return etag, _Page(json.loads(body), following.decode() or None)
        except ValueError:
            return "", None

    def _next(self, link: str | None, url: str) -> str | None:
        """The address of the next page, as GitHub gives it. It must be at the API's own address."""
        for part in _LINK.findall(link or ""):
            if "next" in part[1].split():
                following = _joined(httpx2.URL(url), part[0])
                if following is None or not self._is_own(following):
                    host = "an address that cannot be read" if following is None else following.host
                    raise ArgosError(
                        f"GitHub's list goes on at {host}, which would have to be asked with the token.",
                        where=_plain(url),
                        next_step="Set GITHUB_API_URL to the address that the server gives itself.",
                    )
                return str(following)
        return None

    # One request, until there is an answer

    def _get(
        self,
        url: str,
        read: Callable[[httpx2.Response], T],
        headers: Mapping[str, str] | None = None,
        *,
        waits: bool = True,
    ) -> T:
        """What `read` makes of the answer. Waits for limits, and repeats what broke or failed."""
        patience = _Patience()
        while True:
            if waits:
                self._await_turn()
            try:
                done = self._hop(url, read, headers or {}, patience)
            except (httpx2.TransportError, httpx2.DecodingError, _Trouble) as error:
                self._pause(patience, error, url)
                continue
            if not isinstance(done, _Refused):
                return done
            self._hold(done.wait)
            patience.refusals += 1
            if patience.refusals >= REFUSALS:
                raise ArgosError(
                    f"GitHub's rate limit has refused the same request {REFUSALS} times.",
                    where=_plain(url),
                    next_step="Try again later, with fewer requests at once.",
                )

    def _hop(
        self,
        url: str,
        read: Callable[[httpx2.Response], T],
        headers: Mapping[str, str],
        patience: _Patience,
    ) -> T | _Refused:
        """One try: follows redirects to the answer, and sorts out those that are none yet."""
        at = httpx2.URL(url)
        for _ in range(MAX_HOPS):
            own = self._is_own(at)
            # Built here and not by the library's client, which would parse each address twice more.
            request = httpx2.Request(
                "GET", at, headers=self._headers(own, headers), extensions={"timeout": self._timeout}
            )
            with contextlib.closing(self._http.send(request, stream=True)) as response:
                told = _headers(response)
                if own:
                    self._count(response.status_code, told)
                location = told.get("location")
                if location is not None and response.status_code in _REDIRECTS:
                    response.read()  # a connection can be used again once its answer is read
                    at = self._redirected(at, location, url)
                    continue
                wait = self._refusal(response, told, patience) if own else None
                if wait is not None:
                    return _Refused(wait)
                _check(response, own=own)
                return read(response)
        raise ArgosError("GitHub redirects without end.", where=_plain(url))

    def _headers(self, own: bool, more: Mapping[str, str]) -> Mapping[str, str]:
        if not own:
            return self._file_headers
        return {**self._api_headers, **more} if more else self._api_headers

    def _is_own(self, url: httpx2.URL) -> bool:
        """Whether an address is of the API: a company's server has files and pages beside it."""
        api = self._api
        same_host = (url.scheme, url.host, _port(url)) == (api.scheme, api.host, _port(api))
        return same_host and url.path.startswith(f"{api.path.rstrip('/')}/")

    def _redirected(self, at: httpx2.URL, location: str, asked: str) -> httpx2.URL:
        target = _joined(at, location)
        if target is None or (at.scheme == "https" and target.scheme != "https"):
            raise ArgosError(
                "GitHub redirects to an address that is not safe to follow.", where=_plain(asked)
            )
        return target

    def _count(self, status: int, headers: Mapping[str, str]) -> None:
        """Keeps what the answer says of the limit; at the end of it nobody asks before it begins anew."""
        told = limits.stated(headers)
        if headers.get("x-ratelimit-resource", "core") != "core":
            told = None
        with self._lock:
            self._requests += 1
            if told is not None:
                self._rate = limits.newer(self._rate, told)
        if told is not None and told.remaining <= 0 and status < 400:
            now = self._clock()
            self._hold(limits.used_up(told, limits.server_time(headers, now)))

    def _refusal(
        self, response: httpx2.Response, headers: Mapping[str, str], patience: _Patience
    ) -> Wait | None:
        if response.status_code not in (403, 429, 503):
            return None
        said = self._said(_answer(response))
        return limits.refusal(
            response.status_code, headers, said, now=self._clock(), refusals=patience.refusals
        )

    def _hold(self, wait: Wait) -> None:
        """Nobody asks the API before the wait is over."""
        now = self._clock()
        until = now + wait.seconds
        with self._lock:
            before = self._block
            if until > before.until:
                # Threads that are refused together wait for one thing, and one of them says so.
                same = before.until > now and until - before.until < _SAME_WAIT_S
                self._block = _Block(until, wait.why, told=same and before.told)

    def _await_turn(self) -> None:
        """Waits while a limit blocks all requests. The first to wait says so."""
        while True:
            with self._lock:
                block = self._block
                left = block.until - self._clock()
                told, block.told = block.told, True
            if left <= 0:
                return
            if left > LONGEST_WAIT_S:
                raise ArgosError(
                    f"GitHub wants a pause of {left / 3600:.1f} hours: {block.why}.",
                    where=self.repository,
                    next_step="Start again then; what is there already is kept.",
                )
            if self._on_wait is not None and not told:
                self._on_wait(left, block.why)
            self._sleep(left)
            with self._lock:
                if self._block is block:
                    self._block = _Block()

    def _pause(self, patience: _Patience, error: Exception, url: str) -> None:
        """Waits before the next try, twice as long each time; raises when there is none."""
        patience.troubles += 1
        what = _what_broke(error)
        if patience.troubles >= TRIES or _certificate(error):
            raise ArgosError(
                f"GitHub gave no answer that can be used: {what}"
                + (f" ({patience.troubles} tries)." if patience.troubles > 1 else "."),
                where=_plain(url),
                next_step="Check the certificates of this machine."
                if _certificate(error)
                else "Try again later; https://www.githubstatus.com tells of outages.",
            ) from error
        seconds = min(0.5 * 2 ** (patience.troubles - 1), 30.0) * (0.5 + self._jitter())
        if self._on_wait is not None:
            self._on_wait(seconds, what)
        self._sleep(seconds)

    # Refusals

    def _need_token(self, what: str) -> None:
        if self._token is None:
            raise ArgosError(
                f"GitHub gives {what} to a token only, even those of public repositories.",
                where=self.repository,
                next_step="Set GITHUB_TOKEN to one with the permission Actions: read, or run: gh auth login",
            )

    def _refused(
        self, answer: _Answer, url: str, missing: str | None = None, permission: str = "Actions: read"
    ) -> ArgosError:
        """The refusal that an answer other than 200 stands for."""
        where = _plain(url)
        if answer.status == 401:
            return self._unauthorized(where)
        if answer.status == 403:
            return self._forbidden(answer, where, permission)
        if answer.status == 404:
            return self._absent(missing, where)
        said = self._said(answer)
        if answer.status == 410:
            return _Expired(f"GitHub does not offer this any more: {said}.", where=where)
        return ArgosError(f"GitHub answered {answer.status}: {said}.", where=where)

    def _unauthorized(self, where: str) -> ArgosError:
        if self._token is None:
            return ArgosError("GitHub wants a token for this.", where=where, next_step="Set GITHUB_TOKEN.")
        return ArgosError(
            "GitHub does not accept the token: it is mistyped, expired or revoked.",
            where=where,
            next_step="Set GITHUB_TOKEN to a valid token, or unset it to use that of: gh auth login",
        )

    def _forbidden(self, answer: _Answer, where: str, permission: str) -> ArgosError:
        if "x-github-sso" in answer.headers:
            return ArgosError(
                "The token is not authorised for the single sign-on of this organisation.",
                where=where,
                next_step="Authorise it at https://github.com/settings/tokens.",
            )
        who = "The token" if self._token is not None else "Somebody without a token"
        return ArgosError(
            f"{who} may not read this of {self.repository}: {self._said(answer)}.",
            where=where,
            next_step=f"Set GITHUB_TOKEN to a token with the permission {permission}.",
        )

    def _absent(self, what: str | None, where: str) -> ArgosError:
        if what is not None:
            return _Missing(
                f"{self.repository} has no {what}, or the token may not see it.",
                where=where,
                next_step="Check that, and the repository.",
            )
        with_token = "that the token can see" if self._token is not None else "that is public"
        return _Missing(
            f"There is no repository {self.repository} {with_token}: it is misspelt or private.",
            where=where,
            next_step="Check --repo, and set GITHUB_TOKEN to a token that may read it.",
        )

    def _not_understood(self, url: str) -> ArgosError:
        return ArgosError(
            "GitHub's answer is not of the kind that was asked for.",
            where=_plain(url),
            next_step="Check that GITHUB_API_URL is the address of a GitHub API.",
        )

    def _said(self, answer: _Answer) -> str:
        """GitHub's own message in one line, without anything that looks like the token."""
        said = answer.document.get("message") if isinstance(answer.document, dict) else None
        text = " ".join(said.split()) if isinstance(said, str) else "no reason given"
        if self._token:
            text = text.replace(self._token, "***")
        return "".join(letter for letter in text if letter.isprintable())[:200].rstrip(".")


class _Missing(ArgosError):
    """404."""


class _Expired(ArgosError):
    """410."""


@dataclass(frozen=True, slots=True)
class _Refused:
    wait: Wait


_LINK = re.compile(r'<([^<>]*)>\s*;[^,<]*?\brel="?([^",;]*)"?')


def _always(_: object) -> bool:
    return True


def _unfinished(document: object) -> bool:
    """Whether a run, a job or one of a list of jobs goes on: what has ended is not asked for again."""
    if not isinstance(document, dict):
        return False
    jobs = payloads.objects(document.get("jobs"))
    return any(each.get("status") != "completed" for each in (jobs if "jobs" in document else [document]))


def _answer(response: httpx2.Response) -> _Answer:
    """The whole answer; `document` is None if it is not JSON."""
    try:
        document = json.loads(response.read())
    except (ValueError, RecursionError):
        document = None
    return _Answer(response.status_code, _headers(response), response.content, document)


def _headers(response: httpx2.Response) -> dict[str, str]:
    """The headers by their names in lower case: read many times, which is slow in the library's own form."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}


def _read_document(response: httpx2.Response) -> _Answer:
    answer = _answer(response)
    if answer.status == 200 and answer.document is None:
        raise _Trouble("the answer was not JSON")  # something on the way has answered
    return answer


def _check(response: httpx2.Response, *, own: bool) -> None:
    """Raises for answers that may be others the next time."""
    status = response.status_code
    if status >= 500:
        raise _Trouble(f"it answered {status}")
    if not own and status not in (200, 404, 410):
        # The address of a file is signed and soon expires; asked again, the API gives a fresh one.
        raise _Trouble(f"the download was refused with {status}")


def _what_broke(error: Exception) -> str:
    """What happened, without the address it happened at."""
    if isinstance(error, _Trouble):
        return str(error)
    if _certificate(error):
        return "its certificate is not accepted"
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx2.ConnectError):
        return "no connection"
    return "the connection broke off"


def _certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _window(since: datetime | None, until: datetime | None) -> str | None:
    """The words of GitHub's `created` filter."""
    if since is not None and until is not None:
        return f"{_stamp(since)}..{_stamp(until)}"
    if since is not None:
        return f">={_stamp(since)}"
    return f"<={_stamp(until)}" if until is not None else None


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _joined(base: httpx2.URL, address: str) -> httpx2.URL | None:
    """The absolute address; None for one that is no address of the web."""
    try:
        target = base.join(address)
    except (httpx2.InvalidURL, ValueError):
        return None
    return target if target.scheme in ("http", "https") and target.host else None


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _plain(url: str) -> str:
    """An address as a message may show it: without its query."""
    return url.partition("?")[0]


def _checked_url(api_url: str) -> httpx2.URL:
    try:
        url = httpx2.URL(api_url)
    except (httpx2.InvalidURL, ValueError):
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
        raise ArgosError(
            "The address of GitHub's API is not an address such as https://api.github.com.",
            next_step="Correct GITHUB_API_URL.",
        )
    return url


def _checked_token(token: str | None) -> str | None:
    """The token without blanks around it; raises for one that could not be sent, without showing it."""
    token = (token or "").strip()
    if not token:
        return None
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ArgosError(
            "The GitHub token holds characters that no token has.",
            next_step="Set GITHUB_TOKEN to the token alone.",
        )
    return token


def _suggestion(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"It has: {', '.join(sorted(known)[:20])}." if known else "It has no workflows."


def _named(artifacts: list[Artifact], names: list[str], run_id: int) -> list[Artifact]:
    known = {artifact.name for artifact in artifacts}
    for name in names:
        if name not in known:
            there = f"It has: {', '.join(sorted(known))}." if known else "It has no artifacts."
            raise ArgosError(f'Run {run_id} has no artifact "{name}".', next_step=there)
    return [artifact for artifact in artifacts if artifact.name in names]


def _file_names(artifacts: list[Artifact]) -> dict[int, str]:
    """A file's name for each artifact id; a name that was there before (in any case) gets the id too."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for artifact in sorted(artifacts, key=lambda each: each.artifact_id):
        name = _file_name(artifact.name)
        if name.casefold() in taken:
            name = f"{name}-{artifact.artifact_id}"
        taken.add(name.casefold())
        names[artifact.artifact_id] = f"{name}.zip"
    return names


def _file_name(name: str) -> str:
    """A name that every file system takes, in this folder and no other."""
    safe = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", name).strip(". ")[:150]
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", safe)
    return f"_{safe}" if reserved or not safe else safe


def _write(path: Path, chunks: Iterator[bytes], digest: str | None = None) -> str:
    """Writes a file that appears whole or not at all; `digest` is `sha256:…` or of no known kind."""
    expected = digest.partition(":")[2].lower() if digest and digest.startswith("sha256:") else None
    hashed = hashlib.sha256()
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
                if expected is not None:
                    hashed.update(chunk)
        if expected is not None and hashed.hexdigest() != expected:
            raise _Trouble("the download is not what GitHub has the digest of")
        part.replace(path)
    except OSError as error:
        raise ArgosError(
            f"The file cannot be written: {error.strerror or error}.", where=str(path)
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return str(path)
