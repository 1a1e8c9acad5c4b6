"""Other programs: run one to its end, or start one and watch it. The only user of `subprocess`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from argos.errors import ArgosError

WINDOWS = sys.platform == "win32"
KEPT_BYTES = 256 * 1024
LARGEST_FILE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has ended. Undecodable bytes of its output are shown as `\\xNN`."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str], *, cwd: Path, timeout_s: float, env: Mapping[str, str] | None = None
) -> Completed:
    """Runs a program to its end, without input.

    Raises `ArgosError` when the program does not exist, cannot be started or passes the time limit.
    """
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s
        )
    except FileNotFoundError as error:
        raise _cannot_start(argv, error) from error
    except PermissionError as error:
        raise _cannot_start(argv, error) from error
    except subprocess.TimeoutExpired as error:
        raise ArgosError(
            f"{argv[0]} did not end within {timeout_s:g} s.", next_step=f"Try by hand: {' '.join(argv)}"
        ) from error
    return Completed(done.returncode, _text(done.stdout), _text(done.stderr))


class Process:
    """A program that is running in a process group of its own, with its output in a file.

    Standard output and standard error go together. A file and not a pipe: the program can go on
    writing, and end in order, when the process that started it is killed. The file is emptied when
    it has grown beyond 64 MiB, so that a program may print without end; `output` gives the end of it.
    `echo` gets every byte, a little later than it was written. `on_end` is set once the program has ended.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: Path,
        echo: BinaryIO | None = None,
        on_end: threading.Event | None = None,
    ) -> None:
        own_group: dict[str, object] = {"start_new_session": True}
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            with output.open("ab") as stream:
                self._popen = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    **own_group,  # type: ignore[call-overload]
                )
        except OSError as error:
            raise _cannot_start(argv, error) from error
        self._file = output
        self._echo = echo
        self._echoed = 0
        self._before = b""
        if on_end is not None:
            threading.Thread(target=self._tell_end, args=(on_end,), daemon=True).start()

    def _tell_end(self, on_end: threading.Event) -> None:
        self._popen.wait()  # `ended` can be called meanwhile: it answers None until this has returned
        on_end.set()

    @property
    def pid(self) -> int:
        return int(self._popen.pid)

    def ended(self) -> int | None:
        """The exit code, negative for the signal that ended it on POSIX; None while it runs."""
        code: int | None = self._popen.poll()
        size = self._file.stat().st_size
        if self._echo is not None and size > self._echoed:
            self._echo.write(self._read(self._echoed))
            self._echo.flush()
            self._echoed = size
        if size > LARGEST_FILE:
            self._before = self._read(size - KEPT_BYTES)
            os.truncate(self._file, 0)
            self._echoed = 0
        return code

    def _read(self, start: int) -> bytes:
        with self._file.open("rb") as stream:
            stream.seek(start)
            return stream.read()

    def wait(self, timeout_s: float) -> int | None:
        """Waits until the program has ended; None if it still runs after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while (code := self.ended()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return code

    def output(self) -> str:
        """The end of what the program printed, at most 256 KiB."""
        size = self._file.stat().st_size
        return _text((self._before + self._read(max(size - KEPT_BYTES, 0)))[-KEPT_BYTES:])

    def interrupt(self) -> None:
        """Asks the program to stop as Ctrl-C does."""
        if sys.platform == "win32":
            self._send(signal.CTRL_BREAK_EVENT)
        else:
            self._send(signal.SIGINT)

    def abort(self) -> None:
        """Ends the program so that Python's faulthandler, where enabled, prints every thread's stack."""
        if sys.platform == "win32":
            self._popen.kill()
        else:
            self._send(signal.SIGABRT)

    def kill(self) -> None:
        """Ends the program and what it started in its process group, at once, also after its own end."""
        if sys.platform == "win32":
            subprocess.run(
                ["taskkill.exe", "/F", "/T", "/PID", str(self.pid)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._popen.kill()

    def _send(self, number: int) -> None:
        if self._popen.poll() is None:
            self._popen.send_signal(number)


def describe_exit(code: int) -> str:
    """An exit code in words: `exit code 3`, `signal 11 (SIGSEGV)`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


def alive(pid: int) -> bool:
    """Whether a process of this number exists, whoever it belongs to. POSIX only; False on Windows."""
    if WINDOWS:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _cannot_start(argv: Sequence[str], error: OSError) -> ArgosError:
    if isinstance(error, FileNotFoundError):
        return ArgosError(f"The program {argv[0]} was not found.", next_step="Install it or put it on PATH.")
    return ArgosError(f"The program {argv[0]} could not be started: {error.strerror or error}.")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
