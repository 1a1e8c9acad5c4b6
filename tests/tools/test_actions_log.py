"""The wrapping of job logs comes off, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argos.tools.actions_log import LONGEST_LINE, Transport, batches, moment

STAMP = "2026-02-02T18:01:28.4726886Z "


def lines(data: bytes) -> list[str]:
    transport = Transport()
    return [transport.text(line) for batch in batches(BytesIO(data)) for line in batch]


def test_timestamps_marks_and_colours_come_off():
    data = f"\ufeff{STAMP}one\n{STAMP}\x1b[31mtwo\x1b[0m\nthree\n\ufeff{STAMP}four".encode()
    assert lines(data) == ["one", "two", "three", "four"]


def test_gh_names_job_and_step_before_each_line():
    transport = Transport()
    assert transport.text(f"test (3.11)\tRun tests\t{STAMP}a\tb") == "a\tb"
    assert (transport.job, transport.step) == ("test (3.11)", "Run tests")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_every_encoding_is_known_by_its_first_bytes(encoding):
    assert lines(f"{STAMP}one\r\n{STAMP}zwölf\r\n".encode(encoding)) == ["one", "zwölf"]


@pytest.mark.parametrize("mark", ["\u2229\u2557\u2510", "\u00b4\u2557\u2510", "\u00ef\u00bb\u00bf"])
def test_a_mark_that_went_through_a_console_comes_off(mark):
    assert lines(f"{mark}{STAMP}one".encode()) == ["one"]


def test_of_a_progress_bar_the_last_state_is_read():
    assert lines(f"{STAMP}10%\r50%\r100%\r\n{STAMP}done".encode()) == ["100%", "done"]


def test_nuls_and_broken_bytes_are_no_obstacle():
    assert lines(b"a\0b\xff\xfec\n\x80") == ["ab\ufffd\ufffdc", "\ufffd"]


def test_a_very_long_line_is_cut_and_the_next_one_is_whole():
    read = lines(b"x" * 3_000_000 + b"\nnext\n" + b"y" * 700_000)
    assert [len(line) <= LONGEST_LINE for line in read] == [True, True, True]
    assert read[1] == "next"


def test_a_moment_is_utc_to_the_microsecond():
    assert moment(f"\ufeffjob\tstep\t{STAMP}x") == datetime(2026, 2, 2, 18, 1, 28, 472688, tzinfo=UTC)
    assert moment("no moment") is None
    assert moment("2026-99-02T18:01:28.4726886Z x") is None


@given(st.lists(st.binary(max_size=30), max_size=30), st.integers(1, 50))
def test_how_the_bytes_come_in_pieces_does_not_matter(parts, size):
    data = b"".join(parts)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [line for batch in batches(pieces) for line in batch] == [
        line for batch in batches(BytesIO(data)) for line in batch
    ]


def test_what_was_checked_out_is_the_commit(tmp_path):
    from argos.scout.parsers.ci_log_parser import CILogParser

    log = (
        "2026-02-02T18:01:28.4726886Z Current runner version: '2.331.0'\n"
        "2026-02-02T18:01:29.0000000Z [command]/usr/bin/git log -1 --format=%H\n"
        "2026-02-02T18:01:30.5000000Z 0fa622f5ffc8db7867355a2e4553b3c768fe1c85\n"
    )
    report = CILogParser().parse_text(log)
    assert report.commit == "0fa622f5ffc8db7867355a2e4553b3c768fe1c85"
    assert (str(report.started_at)[11:19], str(report.ended_at)[11:21]) == ("18:01:28", "18:01:30.5")
    elsewhere = CILogParser().parse_text(log.replace("git log -1 --format=%H", "git log -1"))
    assert elsewhere.commit is None
