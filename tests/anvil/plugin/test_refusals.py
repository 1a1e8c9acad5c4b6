"""What the plugin cannot work with is said in a sentence, and no result is lost in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from targets import interpreter

ONE = {"test_a.py": "def test_1(): pass\n"}


@pytest.mark.parametrize(
    ("python", "stack", "what"),
    [
        ("3.8", "pytest-6.1", "pytest 6.1.2 is too old: Argos needs pytest 6.2 or newer."),
        ("3.7", "python-3.7", "is too old: Argos runs tests with Python 3.8 or newer."),
    ],
)
def test_versions_that_are_too_old_are_refused(make_project, python, stack, what):
    run = make_project(interpreter(python, stack), ONE).start().end()

    (refused,) = run.events("refused")
    assert what in refused["what"]
    assert refused["next"]
    assert run.exit == 4
    assert what in run.printed
    assert "Traceback" not in run.printed


def test_settings_that_cannot_be_read_are_refused(plain_project):
    run = plain_project(ONE).run(env={"ARGOS_PLUGIN_CONFIG": "not-there.json"})

    assert run.exit == 4
    assert "Argos cannot read not-there.json" in run.printed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="This system has no /dev/full.")
def test_a_journal_that_cannot_be_written_from_the_start_is_refused(plain_project):
    project_ = plain_project(ONE)
    session_folder = project_.root.parent / "journals"
    session_folder.mkdir()
    (session_folder / "0.jsonl").symlink_to("/dev/full")
    run = project_.run(journal=str(session_folder))

    assert run.exit == 4
    assert "Argos cannot write its journal" in run.printed
    assert "No space left" in run.printed


FULL = {
    "test_a.py": """
        import os, resource
        def test_1(): pass
        def test_fills_the_disk():
            size = os.path.getsize(os.environ["JOURNAL"]) + 10
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        def test_2(): pass
    """,
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files.")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_disk_that_fills_up_stops_the_session(edge_project, workers):
    project_ = edge_project(FULL)
    name = "0-gw0.jsonl" if workers else "0.jsonl"
    journal = project_.root.parent / "journal0" / name
    session = project_.start(f"-n{workers}", "-p", "no:randomly", env={"JOURNAL": str(journal)}, wait=False)
    run = session.end()

    lines = journal.read_bytes().split(b"\n")
    assert any(b"result" in line and b"test_1" in line for line in lines)
    assert not any(b"test_2" in line for line in lines)
    assert run.exit != 0
    assert workers or "Argos cannot write its journal" in run.printed


def test_a_second_writer_of_the_same_journal_is_refused(plain_project):
    project = plain_project(ONE)
    first = project.start()
    first.until("collected")
    second = project.start(journal=str(first.folder)).end()

    assert second.exit == 4
    assert "Another process writes" in second.printed
    first.answer({"run": "all"})
    assert first.end().exit == 0
