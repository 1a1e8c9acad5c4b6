"""The edge of a command: options that all commands have, and what becomes of errors.

Exit codes: 0 fine, 1 the gate was not met, 2 refused, 3 a bug, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from argos.errors import ArgosError

F = TypeVar("F", bound=Callable[..., Any])

GATE_NOT_MET = 1
REFUSED = 2
BUG = 3
INTERRUPTED = 130


def project_option(function: F) -> F:
    return click.option(
        "--project",
        "project",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="The project's folder; else the nearest one at or above this with .anvil, .lens or .git.",
    )(function)


def json_option(function: F) -> F:
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on standard output."
    )(function)


def common_options(function: F) -> F:
    """Adds `--project DIR` and `--json`, which every command has."""
    return project_option(json_option(function))


def print_json(document: Any) -> None:
    """One JSON document with a line end, readable by people as well."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str).encode("utf-8", "replace"))


def run(command: click.Command, program: str, args: list[str] | None = None) -> None:
    """Runs a click command as a program and exits with the code that the outcome deserves."""
    stdout = sys.stdout
    try:
        # https://no-color.org: click looks at the terminal only.
        extra: dict[str, Any] = {"color": False} if os.environ.get("NO_COLOR") else {}
        code = command.main(args, program, None, False, **extra)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo(f"{program}: interrupted", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = REFUSED
    except ArgosError as error:
        click.echo(f"{program}: {error}", err=True)
        code = REFUSED
    except BrokenPipeError:
        code = _without_a_reader()
    except SystemExit as done:
        # Of a reader that went away click makes exit code 1, which here says that a gate was not met; that
        # it did is seen by the wrapper that it has put around the stream.
        code = done.code if sys.stdout is stdout else _without_a_reader()
    except Exception:  # noqa: BLE001 - the one net: a bug shows its traceback and has its own exit code
        import traceback

        traceback.print_exc()
        click.echo(f"{program}: this is a bug in Argos; please report it with the lines above.", err=True)
        code = BUG
    sys.exit(code if isinstance(code, int) else 0)


def _without_a_reader() -> int:
    """After the reader of a pipe went away, as `head` does: no error, and nothing left to print to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def readers_may_leave() -> Iterator[None]:
    """Around what a command prints before it tells its own exit code: that holds without a reader, too."""
    try:
        yield
    except BrokenPipeError:
        _without_a_reader()


@contextlib.contextmanager
def said_by(option: str) -> Iterator[None]:
    """Names the option in what is refused of its value."""
    try:
        yield
    except ArgosError as error:
        error.where = error.where or option
        raise


def main(command: click.Command, program: str) -> None:
    """`run` as the whole of a process, which ends at once when the command has.

    Taking down an interpreter with a database library in it takes a fifth of a second; there is
    nothing left to do in it but to flush what was printed. Collecting garbage would find next to
    none, and costs a fifth of the time that importing such a library takes.
    """
    gc.disable()
    code = 0
    try:
        run(command, program)
    except SystemExit as done:
        code = int(done.code or 0)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed by whoever reads it
            stream.flush()
    os._exit(code)


def completion_command(group: click.Group, program: str) -> None:
    """Adds `completion SHELL`, which prints the script that completes the program's commands and options."""

    @group.command("completion", short_help="Print the shell's completion script.")
    @click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
    def completion(shell: str) -> None:
        from click.shell_completion import get_completion_class

        kind = get_completion_class(shell)
        if kind is None:
            raise click.UsageError(f"No completion for {shell}.")
        variable = f"_{program.upper()}_COMPLETE"
        click.echo(kind(group, {}, program, variable).source())

    completion.help = (
        "Print the script that completes commands, options and rule names in your shell.\n\n"
        f'Example, for bash: put  eval "$({program} completion bash)"  into ~/.bashrc.'
    )
