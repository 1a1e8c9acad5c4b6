from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from argos import process
from argos.errors import ArgosError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def started(code: str, folder: Path) -> process.Process:
    return process.Process(python(code), cwd=folder, env=dict(os.environ), output=folder / "output")


def test_a_program_is_run_to_its_end_with_its_output(tmp_path: Path) -> None:
    done = process.run(
        python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"),
        cwd=tmp_path,
        timeout_s=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_bytes_that_are_no_text_are_shown_as_escapes(tmp_path: Path) -> None:
    done = process.run(python(r"import sys; sys.stdout.buffer.write(b'a\xffb')"), cwd=tmp_path, timeout_s=30)
    assert done.stdout == "a\\xffb"


def test_a_missing_program_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ArgosError, match="no-such-program was not found"):
        process.run(["no-such-program"], cwd=tmp_path, timeout_s=1)


def test_a_program_that_does_not_end_is_refused_after_the_limit(tmp_path: Path) -> None:
    with pytest.raises(ArgosError, match="did not end within 0.2 s"):
        process.run(python("import time; time.sleep(60)"), cwd=tmp_path, timeout_s=0.2)


def test_a_process_that_prints_without_end_is_kept_only_in_part(tmp_path: Path) -> None:
    running = started("import os\nfor i in range(100): os.write(1, b'x' * 1000000)\nprint('last')", tmp_path)
    assert running.wait(60) == 0
    output = running.output()
    assert (tmp_path / "output").stat().st_size <= process.LARGEST_FILE
    assert output.endswith("last\n")
    assert len(output) <= process.KEPT_BYTES


def test_an_echo_gets_all_that_is_printed(tmp_path: Path) -> None:
    echo = io.BytesIO()
    code = "import time\nfor i in range(3): print(i, flush=True); time.sleep(0.05)"
    running = process.Process(
        python(code), cwd=tmp_path, env=dict(os.environ), output=tmp_path / "output", echo=echo
    )
    assert running.wait(30) == 0
    assert echo.getvalue() == b"0\n1\n2\n"


def test_killing_a_process_ends_what_it_started_too(tmp_path: Path) -> None:
    running = started(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('child', 'w').write(str(child.pid)); print('ready', flush=True); time.sleep(600)",
        tmp_path,
    )
    while "ready" not in running.output():
        time.sleep(0.01)
    running.kill()
    assert running.wait(10) == -signal.SIGKILL
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """A process that is there and no zombie: nobody may be there to reap an orphan in a container."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_an_interrupt_reaches_the_process_as_ctrl_c_does(tmp_path: Path) -> None:
    running = started(
        "import time\ntry:\n print('ready', flush=True); time.sleep(600)\nexcept KeyboardInterrupt:\n print('stopped', flush=True)",
        tmp_path,
    )
    while "ready" not in running.output():
        time.sleep(0.01)
    running.interrupt()
    assert running.wait(10) == 0
    assert "stopped" in running.output()


def test_a_grandchild_that_keeps_the_output_open_does_not_hold_up_the_end(tmp_path: Path) -> None:
    running = started(
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\nprint('done', flush=True)",
        tmp_path,
    )
    assert running.wait(20) == 0
    assert "done" in running.output()
    running.kill()


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-11, "signal 11 (SIGSEGV)"), (-250, "signal 250")],
)
def test_an_exit_code_is_told_in_words(code: int, words: str) -> None:
    assert process.describe_exit(code) == words
