"""What the commands of scout begin with: the project, its repository on GitHub, its logs and its memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from argos.console import edge
from argos.workplace import Workplace

if TYPE_CHECKING:
    from argos.scout.ci.github_actions import GitHubActionsClient
    from argos.scout.ci.log_files import LogFiles
    from argos.scout.ci.repository import Repository

F = TypeVar("F", bound=Callable[..., Any])


def github_options(function: F) -> F:
    """Adds `--repo OWNER/NAME` and the options that every command has."""
    repo = click.option(
        "--repo", metavar="OWNER/NAME", help="The repository; else that of the project's git remote."
    )
    return repo(edge.common_options(function))


def moment_option(function: F) -> F:
    """Adds `--since DATE`, an aware time or None."""
    return click.option(
        "--since",
        callback=_moment,
        metavar="DATE",
        help="Only runs since then: 2026-01-31, 2026-01-31T12:00, 30d, 12h.",
    )(function)


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """A day, a time or an age; without a zone it is UTC."""
    from argos.config.quantities import parse_duration
    from argos.errors import ArgosError

    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return datetime.fromtimestamp(time.time() - parse_duration(value), UTC)
    except (ArgosError, OverflowError, OSError, ValueError):
        raise click.BadParameter(
            f"{value!r} is no date: write 2026-01-31, 2026-01-31T12:00, 30d or 12h."
        ) from None


class CIPlace(Workplace):
    """A project folder whose repository, client and logs are found when they are first asked for."""

    def __init__(self, project: Path | None, repo: str | None = None) -> None:
        super().__init__(project)
        self._repo = repo
        self.sleep: Callable[[float], object] = time.sleep

    @cached_property
    def repository(self) -> Repository:
        from argos.scout.ci.repository import find_repository

        return find_repository(self.root, os.environ, self._repo)

    @cached_property
    def log_files(self) -> LogFiles:
        from argos.config import folders
        from argos.scout.ci.log_files import LogFiles

        return LogFiles(folders.own(self.root) / "logs")

    @cached_property
    def client(self) -> GitHubActionsClient:
        """The client of the repository; it remembers answers in the database and says when it waits.

        Set `sleep` before, if its waits are to be broken off.
        """
        from argos.scout.ci.github_actions import GitHubActionsClient
        from argos.scout.ci.repository import api_url, find_token
        from argos.store.ci_memory import StoredEtags

        repository = self.repository
        client = GitHubActionsClient(
            find_token(os.environ, repository.host),
            repository.owner,
            repository.name,
            api_url=api_url(os.environ, repository.host),
            etags=StoredEtags(self.database),
            on_wait=say_wait,
            sleep=self.sleep,
        )
        click.get_current_context().call_on_close(client.close)
        return client


def say_wait(seconds: float, why: str) -> None:
    """Tells on standard error that GitHub wants to be left alone, and for how long."""
    from argos.console.progress import clock

    if seconds >= 1:
        click.echo(f"scout: waiting {clock(seconds)}: {why}", err=True)


def rate_words(client: GitHubActionsClient) -> str:
    """What is left of GitHub's limit: `4,873 of 5,000 requests left until 14:05`; empty if unknown."""
    rate = client.rate
    if rate is None:
        return ""
    return f"{rate.remaining:,} of {rate.limit:,} requests left until {rate.resets_at.astimezone():%H:%M}"
