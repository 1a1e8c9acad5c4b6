"""The live line, tables and the edge of the commands."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from argos.console import edge
from argos.console.progress import ProgressLine, clock, plural, shorten
from argos.console.tables import Column, fit, one_line, print_table
from argos.errors import ArgosError


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_the_live_line_is_redrawn_and_cleared_on_a_terminal() -> None:
    terminal = Terminal()
    line = ProgressLine(terminal)
    line.draw("1/2")
    line.clear()
    assert terminal.getvalue() == "\r1/2\x1b[K\r\x1b[K"


def test_there_is_no_live_line_in_a_pipe() -> None:
    pipe = io.StringIO()
    line = ProgressLine(pipe)
    assert not line.due()
    line.draw("1/2")
    line.clear()
    assert pipe.getvalue() == ""


def test_a_line_is_cut_to_its_width_and_holds_only_what_can_be_shown() -> None:
    assert shorten("a\nb\tc", 80, "utf-8") == "a b c"
    assert shorten("x" * 20, 10, "utf-8") == "xxxxxxx..."
    assert shorten("é\x1b[31m", 80, "ascii") == "??[31m"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (12.4, "12s"),
        (59.6, "1m00s"),
        (185, "3m05s"),
        (7620, "2h07m"),
        (1863000, "21d13h"),
    ],
)
def test_a_duration_is_told_as_people_do(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_number_agrees_with_its_noun() -> None:
    assert [plural(n, "test") for n in (0, 1, 2)] == ["0 tests", "1 test", "2 tests"]


def test_a_table_in_a_pipe_keeps_every_text_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("Test", flexible=True), Column("Runs", right=True)], [("x" * 500, 3)])
    assert "x" * 500 in capsys.readouterr().out


def test_in_a_pipe_one_long_name_does_not_fill_every_row_with_spaces(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("x" * 10_000, 3), ("short", 4)]
    print_table([Column("Test", flexible=True), Column("Runs", right=True)], rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "x" * 10_000 + "     3"
    assert [len(line) < 140 for line in lines] == [True, True, False, True]
    assert lines[3].split() == ["short", "4"]


COLUMNS = [
    Column("Test", flexible=True),
    Column("Rate", right=True),
    Column("Passed", right=True, optional=True),
    Column("Last failure", optional=True),
]
ROW = ("tests/messages/test_pofile.py::ReadPoTestCase::test_missing_plural", "100%", 1234, "2026-01-31 10:15")


def on_a_terminal(
    columns: list[Column], rows: list[tuple[object, ...]], width: int, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The lines of a table on a terminal of this width, without bold."""
    for name, value in (("COLUMNS", str(width)), ("LINES", "25"), ("TERM", "xterm"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    print_table(columns, rows)
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()]


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (120, "Test Rate Passed Last failure"),
        (80, "Test Rate Passed Last failure"),
        (40, "Test Rate Passed"),
        (32, "Test Rate"),
        (20, "Test Rate"),
    ],
)
def test_a_narrow_terminal_drops_optional_columns_and_cuts_nothing(
    width: int, headings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = on_a_terminal(COLUMNS, [ROW], width, monkeypatch)
    assert " ".join(lines[0].split()) == headings
    assert all(len(line) <= width for line in lines)
    name_width = lines[0].index("Rate") - 2
    assert "".join(line[:name_width].strip() for line in lines[2:]) == ROW[0]
    assert "100%" in lines[2]
    if width >= 32:
        assert name_width >= 24


def test_the_last_optional_column_goes_first() -> None:
    natural = [66, 4, 6, 16]
    assert fit(COLUMNS, natural, 98) == {0: 66, 1: 4, 2: 6, 3: 16}
    assert fit(COLUMNS, natural, 56) == {0: 24, 1: 4, 2: 6, 3: 16}
    assert fit(COLUMNS, natural, 55) == {0: 41, 1: 4, 2: 6}
    assert fit(COLUMNS, natural, 37) == {0: 31, 1: 4}
    assert fit(COLUMNS, natural, 1) == {0: 8, 1: 4}


def test_a_table_without_rows_has_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("Test", flexible=True), Column("Runs", right=True)], [])
    assert capsys.readouterr().out.splitlines()[0] == "Test  Runs"


def test_what_a_name_holds_cannot_steer_the_terminal() -> None:
    assert one_line("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"


def exit_code(command: click.Command) -> int:
    with pytest.raises(SystemExit) as done:
        edge.run(command, "anvil", [])
    return int(done.value.code or 0)


def failing_with(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            ArgosError("No such thing.", where="a.yaml:3:1", next_step="Try b."),
            2,
            "anvil: a.yaml:3:1: No such thing. Try b.",
        ),
        (KeyboardInterrupt(), 130, "anvil: interrupted"),
        (ZeroDivisionError("oh"), 3, "this is a bug in Argos"),
        (click.UsageError("what?"), 2, "what?"),
        (SystemExit(1), 1, ""),
    ],
)
def test_what_goes_wrong_has_its_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(failing_with(error)) == code
    assert said in capsys.readouterr().err


def anvil(arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    code = "from argos.anvil.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments.split()],
        cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_command_prints_all_before_it_ends(tmp_path: Path) -> None:
    done = anvil("--help", tmp_path)
    assert done.returncode == 0
    assert done.stdout.endswith("Failure rates, durations, flaky tests.\n")


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    shell = f"{sys.executable} -c 'from argos.anvil.cli import main; main()' rules list | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("Rule")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Needs a shell with pipes.")
def test_a_reader_that_goes_away_is_not_told_as_a_gate_that_was_not_met(tmp_path: Path) -> None:
    program = "import click; from argos.console.edge import main; "
    program += "main(click.Command('x', callback=lambda: [click.echo('line') for _ in range(100_000)]), 'x')"
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" | head -n 1; echo "${PIPESTATUS[0]}"', sys.executable, program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("line\n0\n", "")
