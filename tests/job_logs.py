"""Builders of logs: the wrappings in which a job log reaches the parser."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from argos.model.ci import LogReport
from argos.scout.parsers.ci_log_parser import CILogParser

STAMP = "2026-02-02T18:01:28.4726886Z "


def sent(data: bytes) -> BytesIO:
    return BytesIO(data)


def read(*lines: str) -> LogReport:
    """The report of bare lines."""
    return CILogParser().parse(sent("\n".join(lines).encode()))


def read_job(*lines: str, script: Iterable[str] = ("pytest",)) -> LogReport:
    """The report of a job with one step that runs `script` and prints `lines`."""
    return CILogParser().parse(sent(as_downloaded("\n".join([*step(*script), *lines]) + "\n")))


def step(*script: str) -> list[str]:
    """The block with which the runner shows what a step will run."""
    echo = [f"\x1b[36;1m{line}\x1b[0m" for line in script]
    return [f"##[group]Run {script[0]}", *echo, "shell: /usr/bin/bash -e {0}", "##[endgroup]"]


def as_downloaded(text: str) -> bytes:
    """As the API gives it: a byte order mark, and a timestamp before each line."""
    return ("\ufeff" + "".join(f"{STAMP}{line}\n" for line in text.splitlines())).encode()


def as_shown_by_gh(text: str) -> bytes:
    """As `gh run view --log` prints it: job and step before each line, and byte order marks in the middle."""
    lines = text.splitlines()
    marks = ["\ufeff" if number % 7 == 0 else "" for number in range(len(lines))]
    return "".join(
        f"test (3.11)\tRun tests\t{m}{STAMP}{x}\n" for m, x in zip(marks, lines, strict=True)
    ).encode()


def as_saved_by_powershell(text: str) -> bytes:
    """As PowerShell saves it: UTF-16 with CRLF, the mark of the input read in the console's code page."""
    lines = [f"{STAMP}{line}\r\n" for line in text.splitlines()]
    return b"\xff\xfe" + ("\u2229\u2557\u2510" + "".join(lines)).encode("utf-16-le")
