"""Which repository, which address, which token."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.errors import ArgosError
from argos.scout.ci import repository
from argos.scout.ci.repository import Repository, api_url, find_repository, find_token, parse_remote

SECRET = "ghp_ThisIsNoRealToken"
WIDGETS = Repository("octo", "widgets")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """No settings of git but the repository's, and neither token nor host."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
    }


def remote(root: Path, name: str, url: str) -> None:
    subprocess.run(["git", "remote", "add", name, url], cwd=root, check=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/octo/widgets",
        "https://github.com/octo/widgets.git",
        "https://github.com/octo/widgets/",
        f"https://me:{SECRET}@github.com/octo/widgets.git",
        "http://www.github.com/octo/widgets",
        "git@github.com:octo/widgets.git",
        "github.com:octo/widgets",
        "git@github.com:/octo/widgets.git",
        "ssh://git@github.com/octo/widgets.git",
        "ssh://git@github.com:22/octo/widgets.git",
        "ssh://git@ssh.github.com:443/octo/widgets.git",
        "git://GitHub.com/octo/widgets.git",
    ],
)
def test_every_way_to_write_an_address_names_the_repository(url: str) -> None:
    assert parse_remote(url) == WIDGETS


@pytest.mark.parametrize(
    "url",
    ["", "/srv/git/widgets.git", "../widgets", "file:///srv/octo/widgets", "C:/git/widgets", "C:\\git\\widgets",
     "https://github.com/octo", "https://github.com/octo/widgets/tree/main", "https://[::1/octo/widgets",
     "git@github.com:widgets", "https://github.com/octo/..", "https://github.com/-octo/x"],
)  # fmt: skip
def test_an_address_that_is_on_no_github_is_none(url: str) -> None:
    assert parse_remote(url) is None


@given(st.text(max_size=60))
def test_no_address_is_too_strange(url: str) -> None:
    found = parse_remote(url)
    assert found is None or (found.owner and found.name and found.host)


def test_another_host_is_kept() -> None:
    assert parse_remote("git@git.corp.example:octo/widgets.git") == Repository(
        "octo", "widgets", "git.corp.example"
    )
    assert str(Repository("octo", "widgets", "git.corp.example")) == "git.corp.example/octo/widgets"
    assert str(WIDGETS) == "octo/widgets"


def test_the_option_goes_before_all(root: Path, environ: dict[str, str]) -> None:
    remote(root, "origin", "https://github.com/other/thing")
    environ |= {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "third/one"}
    assert find_repository(root, environ, "octo/widgets") == WIDGETS
    assert find_repository(root, environ, "https://github.com/octo/widgets") == WIDGETS
    assert find_repository(root, environ, "git.corp.example/octo/widgets").host == "git.corp.example"
    assert (
        find_repository(root, {**environ, "GH_HOST": "git.corp.example"}, "octo/widgets").host
        == "git.corp.example"
    )


@pytest.mark.parametrize(
    "option", ["widgets", "octo/", "a/b/c/d", "octo/..", "octo/wid gets", f"https://x:{SECRET}@h"]
)
def test_an_option_that_names_none_is_refused_without_passwords(tmp_path: Path, option: str) -> None:
    with pytest.raises(ArgosError, match="names no repository") as refused:
        find_repository(tmp_path, {}, option)
    assert SECRET not in str(refused.value)


def test_inside_actions_the_repository_is_the_one_that_runs(root: Path, environ: dict[str, str]) -> None:
    remote(root, "origin", "https://github.com/octo/widgets")
    environ["GITHUB_REPOSITORY"] = "octo/fork"
    assert find_repository(root, environ) == WIDGETS
    environ |= {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://git.corp.example"}
    assert find_repository(root, environ) == Repository("octo", "fork", "git.corp.example")


def test_of_remotes_origin_is_meant_then_upstream_then_the_only_one(
    root: Path, environ: dict[str, str]
) -> None:
    remote(root, "mine", "git@github.com:me/widgets")
    assert find_repository(root, environ) == Repository("me", "widgets")
    remote(root, "backup", "/srv/git/widgets.git")
    assert find_repository(root, environ) == Repository("me", "widgets")
    remote(root, "theirs", "git@github.com:them/widgets")
    with pytest.raises(
        ArgosError, match=r"Several git remotes.*mine \(me/widgets\), theirs \(them/widgets\)"
    ):
        find_repository(root, environ)
    remote(root, "upstream", "git@github.com:up/widgets")
    assert find_repository(root, environ) == Repository("up", "widgets")
    remote(root, "origin", "git@github.com:octo/widgets")
    assert find_repository(root, environ) == WIDGETS


def test_the_address_is_the_one_that_git_itself_would_use(root: Path, environ: dict[str, str]) -> None:
    remote(root, "origin", "work:octo/widgets")
    rewrite = ["git", "config", "url.https://git.corp.example/.insteadOf", "work:"]
    subprocess.run(rewrite, cwd=root, check=True)
    assert find_repository(root, environ) == Repository("octo", "widgets", "git.corp.example")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ssh is a shell script")
def test_an_alias_in_the_settings_of_ssh_is_the_host_that_it_stands_for(
    root: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    remote(root, "origin", "git@github.com-work:octo/widgets")
    program = tmp_path / "ssh"
    program.write_text(
        '#!/bin/sh\necho user git\n[ "$2" = "github.com-work" ] && echo hostname ssh.github.com\n'
    )
    program.chmod(0o755)
    path = environ["PATH"]
    environ["PATH"] = f"{tmp_path}{os.pathsep}{path}"
    assert find_repository(root, environ) == WIDGETS
    program.write_text("#!/bin/sh\nexit 1\n")
    assert find_repository(root, environ).host == "github.com-work"


def test_without_remotes_or_repository_the_option_is_named(
    root: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ArgosError, match=r"No git remote is on GitHub.*--repo OWNER/NAME"):
        find_repository(root, environ)
    outside = tmp_path / "outside"
    outside.mkdir()
    environ["GIT_CEILING_DIRECTORIES"] = str(tmp_path)
    with pytest.raises(ArgosError, match=r"no git repository.*--repo OWNER/NAME"):
        find_repository(outside, environ)
    with pytest.raises(ArgosError, match="no git repository"):
        find_repository(outside, {**environ, "PATH": str(outside)})


def test_the_api_is_where_the_variable_says_or_the_host_has_it() -> None:
    assert api_url({}, "github.com") == "https://api.github.com"
    assert api_url({}, "git.corp.example") == "https://git.corp.example/api/v3"
    assert api_url({}, "corp.ghe.com") == "https://api.corp.ghe.com"
    assert api_url({"GITHUB_API_URL": "http://127.0.0.1:80/"}, "github.com") == "http://127.0.0.1:80"


def test_tokens_are_looked_for_in_this_order(environ: dict[str, str], tmp_path: Path) -> None:
    environ["PATH"] = str(tmp_path)
    assert find_token(environ, "github.com") is None
    environ["GH_TOKEN"] = "second"
    assert find_token(environ, "github.com") == "second"
    environ["GITHUB_TOKEN"] = " first\n"
    assert find_token(environ, "github.com") == "first"
    assert find_token(environ, "corp.ghe.com") == "first"


def test_a_token_does_not_go_to_a_host_that_it_is_not_for(environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"PATH": str(tmp_path), "GITHUB_TOKEN": "for-github"}
    assert find_token(environ, "git.evil.example") is None
    environ["GH_ENTERPRISE_TOKEN"] = "for-corp"
    assert find_token(environ, "git.corp.example") == "for-corp"
    assert find_token(environ, "github.com") == "for-github"
    del environ["GH_ENTERPRISE_TOKEN"]
    named = {**environ, "GITHUB_SERVER_URL": "https://git.corp.example"}
    assert find_token(named, "git.corp.example") == "for-github"
    assert find_token({**environ, "GITHUB_API_URL": "http://127.0.0.1:1"}, "git.corp.example") == "for-github"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for gh is a shell script")
def test_the_token_that_gh_keeps_is_the_last_resort(environ: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\n[ "$*" = "auth token --hostname github.com" ] && echo kept || exit 1\n')
    program.chmod(0o755)
    environ["PATH"] = f"{tmp_path}{os.pathsep}{environ['PATH']}"
    assert find_token(environ, "github.com") == "kept"
    assert find_token(environ, "git.corp.example") is None
    program.write_text("#!/nowhere/at/all\n")
    assert find_token(environ, "github.com") is None


def test_what_works_without_a_token_is_said_in_one_sentence() -> None:
    assert "60 requests" in repository.ANONYMOUS
    assert "GITHUB_TOKEN" in repository.ANONYMOUS
