from __future__ import annotations

from argos.tools.thread_stacks import printed, stacks

DUMP = """collecting ...
Fatal Python error: Aborted

Thread 0x00007f0e1 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait
  File "/usr/lib/python3.11/threading.py", line 995 in _bootstrap

Current thread 0x00007f0e2 (most recent call first):
  File "/shop/tests/test_a.py", line 2 in <module>
  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed
  ...

Extension modules: yaml._yaml (total: 1)
"""


def test_the_thread_that_the_signal_met_comes_first_with_its_innermost_call() -> None:
    met, other = stacks(DUMP)
    assert met[:2] == [
        "Current thread 0x00007f0e2 (most recent call first):",
        '  File "/shop/tests/test_a.py", line 2 in <module>',
    ]
    assert len(met) == 4
    assert other[0] == "Thread 0x00007f0e1 (most recent call first):"


def test_without_a_current_thread_the_oldest_comes_first() -> None:
    first, second = stacks(DUMP.replace("Current thread 0x00007f0e2", "Thread 0x00007f0e2"))
    assert first[0].startswith("Thread 0x00007f0e2")
    assert second[0].startswith("Thread 0x00007f0e1")


def test_a_thread_has_its_name_in_newer_pythons() -> None:
    dump = DUMP.replace("0x00007f0e2 (", "0x00007f0e2 [python] (")
    assert stacks(dump)[0][0] == "Current thread 0x00007f0e2 [python] (most recent call first):"


def test_the_newest_dump_counts() -> None:
    assert stacks(DUMP + DUMP.replace("line 2 in", "line 9 in"))[0][1].endswith("line 9 in <module>")


def test_output_without_a_dump_has_no_stacks() -> None:
    assert stacks("Thread 0x1:\n  File\n") == []
    assert stacks("") == []


def test_stacks_are_printed_with_an_empty_line_between_them() -> None:
    assert printed([["a:", "  b"], ["c:"]]) == "a:\n  b\n\nc:"
