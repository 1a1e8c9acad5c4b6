"""Which repository is meant, where its API is, and the token for it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from argos import git, process
from argos.errors import ArgosError

GITHUB = "github.com"
# What github.com answers to besides its name.
_SAME_AS_GITHUB = ("www.github.com", "ssh.github.com", "api.github.com")
# A company's own part of GitHub's cloud.
_TENANT = ".ghe.com"
_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*)"
_NAME = r"[A-Za-z0-9._-]+"
_SHORT = re.compile(rf"(?:(?P<host>[A-Za-z0-9.-]+\.[A-Za-z0-9.-]+)/)?(?P<owner>{_OWNER})/(?P<name>{_NAME})")
_PATH = re.compile(rf"/*(?P<owner>{_OWNER})/(?P<name>{_NAME})/*")
_SCP = re.compile(r"(?:[^@/]+@)?(?P<host>\[[^\]]+\]|[^:/\[\]]{2,}):(?P<path>.+)")
_FIRST = ("origin", "upstream")
_TIMEOUT_S = 20.0

ANONYMOUS = (
    "No GitHub token: 60 requests an hour, public repositories only, no logs. "
    "Set GITHUB_TOKEN (permission Actions: read) or run: gh auth login"
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on a GitHub; `host` is that of its pages, `github.com` or a company's own."""

    owner: str
    name: str
    host: str = GITHUB

    def __str__(self) -> str:
        short = f"{self.owner}/{self.name}"
        return short if self.host == GITHUB else f"{self.host}/{short}"


def find_repository(root: Path, environ: Mapping[str, str], option: str | None = None) -> Repository:
    """The repository that is meant: by option, by the CI that this runs in, or by git's remotes.

    `option` is `OWNER/NAME`, `HOST/OWNER/NAME` or an address. Inside Actions `GITHUB_REPOSITORY` counts.
    Of several remotes `origin` is meant, then `upstream`, else the only one. Raises `ArgosError`.
    """
    if option is not None:
        return _of_option(option, environ)
    named = environ.get("GITHUB_REPOSITORY") if environ.get("GITHUB_ACTIONS") == "true" else None
    if named:
        return _of_option(named, environ)
    return _of_remotes(root, environ)


def parse_remote(url: str) -> Repository | None:
    """The repository that an address of git's names; None for one that is on no GitHub, such as a path.

    Takes `https://`, `ssh://` (with or without a port), `git://` and `user@host:owner/name`. Who the
    address belongs to and the password in it are left out.
    """
    url = url.strip()
    if "://" in url:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return None
        if parts.scheme not in ("http", "https", "ssh", "git", "git+ssh", "git+https"):
            return None
    elif scp := _SCP.fullmatch(url):
        host, path = scp["host"].strip("[]"), scp["path"]
    else:
        return None
    found = _PATH.fullmatch(unquote(path))
    return _repository(host, found["owner"], found["name"]) if found and host else None


def api_url(environ: Mapping[str, str], host: str) -> str:
    """The address of a host's API; `GITHUB_API_URL` goes before all."""
    given = environ.get("GITHUB_API_URL", "").strip().rstrip("/")
    if given:
        return given
    if host == GITHUB:
        return "https://api.github.com"
    return f"https://api.{host}" if host.endswith(_TENANT) else f"https://{host}/api/v3"


def find_token(environ: Mapping[str, str], host: str) -> str | None:
    """The token for a host; None if there is none.

    `GITHUB_TOKEN`, then `GH_TOKEN`, then that of `gh`. A host other than github.com gets these two only
    if the environment names it (`GITHUB_API_URL`, `GITHUB_SERVER_URL`, `GH_HOST`), and before them
    `GH_ENTERPRISE_TOKEN` and `GITHUB_ENTERPRISE_TOKEN`: a token must not go to a host that it is not for.
    """
    for variable in _variables(environ, host):
        token = environ.get(variable, "").strip()
        if token:
            return token
    return _of_gh(environ, host)


def _variables(environ: Mapping[str, str], host: str) -> Iterator[str]:
    own = host == GITHUB or host.endswith(_TENANT)
    if not own:
        yield from ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
    if own or host in _named_hosts(environ) or environ.get("GITHUB_API_URL", "").strip():
        yield from ("GITHUB_TOKEN", "GH_TOKEN")


def _of_gh(environ: Mapping[str, str], host: str) -> str | None:
    """The token that `gh` keeps. Without `gh`, or where it keeps none or does not answer: None."""
    program = shutil.which("gh", path=environ.get("PATH"))
    if program is None:
        return None
    command = [program, "auth", "token", "--hostname", host]
    try:
        done = process.run(command, cwd=Path.cwd(), timeout_s=_TIMEOUT_S, env=environ)
    except ArgosError:
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _of_option(option: str, environ: Mapping[str, str]) -> Repository:
    short = _SHORT.fullmatch(option.strip())
    if short:
        host = short["host"] or next(_named_hosts(environ), GITHUB)
        repository = _repository(host, short["owner"], short["name"])
    else:
        repository = parse_remote(option)
    if repository is None:
        raise ArgosError(
            f'"{_shown(option)}" names no repository.',
            next_step="Write OWNER/NAME, as in its address on GitHub.",
        )
    return repository


def _of_remotes(root: Path, environ: Mapping[str, str]) -> Repository:
    names = _git(root, environ, "remote")
    if names is None:
        raise ArgosError(
            "This is no git repository, so it does not say which repository on GitHub is meant.",
            where=str(root),
            next_step="Say it with --repo OWNER/NAME.",
        )
    remotes = {name: _remote(root, environ, name) for name in names.splitlines() if name}
    usable = {name: found for name, found in remotes.items() if found is not None}
    for name in _FIRST:
        if name in usable:
            return usable[name]
    if len(usable) == 1:
        return next(iter(usable.values()))
    there = ", ".join(f"{name} ({found})" for name, found in usable.items())
    raise ArgosError(
        f"Several git remotes are on GitHub: {there}." if usable else "No git remote is on GitHub.",
        where=str(root),
        next_step="Say which repository is meant with --repo OWNER/NAME.",
    )


def _remote(root: Path, environ: Mapping[str, str], name: str) -> Repository | None:
    """The repository of a remote, at the address that git itself would use (`url.….insteadOf`)."""
    url = _git(root, environ, "remote", "get-url", "--", name)
    line = next(iter((url or "").splitlines()), "")
    found = parse_remote(line)
    if found is None or found.host == GITHUB or line.startswith(("http:", "https:", "git:")):
        return found
    return replace(found, host=_ssh_host(found.host, root, environ))


def _ssh_host(host: str, root: Path, environ: Mapping[str, str]) -> str:
    """The host that ssh's own settings mean by a name: `git@github.com-work:…` is an alias to many."""
    program = shutil.which("ssh", path=environ.get("PATH"))
    if program is None or host.startswith("-"):
        return host
    command = [program, "-G", host]
    try:
        done = process.run(command, cwd=root, timeout_s=_TIMEOUT_S, env={**os.environ, **environ})
    except ArgosError:
        return host
    meant = re.search(r"(?m)^hostname (\S+)$", done.stdout)
    return _host(meant[1]) if done.returncode == 0 and meant else host


def _git(root: Path, environ: Mapping[str, str], *arguments: str) -> str | None:
    """What git says; None without git, outside a repository, and if it refuses."""
    if shutil.which("git", path=environ.get("PATH")) is None:
        return None
    clean = git.outside_of_hooks({**os.environ, **environ})
    done = process.run(["git", *arguments], cwd=root, timeout_s=_TIMEOUT_S, env=clean)
    return done.stdout if done.returncode == 0 else None


def _named_hosts(environ: Mapping[str, str]) -> Iterator[str]:
    """The hosts that the environment says are meant, the most particular first."""
    for variable in ("GH_HOST", "GITHUB_SERVER_URL"):
        value = environ.get(variable, "").strip()
        try:
            host = urlsplit(value if "://" in value else f"//{value}").hostname
        except ValueError:
            continue
        if host:
            yield _host(host)


def _repository(host: str, owner: str, name: str) -> Repository | None:
    name = name.removesuffix(".git")
    return None if name in ("", ".", "..") else Repository(owner, name, _host(host))


def _host(host: str) -> str:
    host = host.lower().rstrip(".")
    return GITHUB if host in _SAME_AS_GITHUB else host


def _shown(option: str) -> str:
    """What was written, without a password that may be in it."""
    return re.sub(r"//[^/]*@", "//", option)[:200]
