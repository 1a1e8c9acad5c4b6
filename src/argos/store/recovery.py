"""Executions that were killed: what their journals hold is recorded by the next command.

A folder of `.argos/journal` is one execution that was begun and not recorded whole. Its `lock` is
held by the `anvil` that runs it, each journal's by the pytest that writes it; the operating system
lets both go when these end, however they end. Recording is idempotent, so a folder whose pytest
outlived its `anvil` is read again by later commands until that pytest has ended too.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from argos import locks
from argos.config import folders
from argos.model.execution import Counts, Execution, ExecutionStatus
from argos.store import executions
from argos.store.database import Database
from argos.store.encoding import clean
from argos.tools import execution_header
from argos.tools.pytest_journal import Journal, merged


@dataclass(frozen=True, slots=True)
class Recovered:
    """An execution that was recorded late. `still_running` is the pid of its pytest if that still runs."""

    execution: Execution
    still_running: int | None

    @property
    def sentence(self) -> str:
        results = "1 result" if self.execution.counts.total == 1 else f"{self.execution.counts.total} results"
        running = f"; {', '.join(self.execution.running)} was running" if self.execution.running else ""
        alive = f"; its pytest still runs (process {self.still_running})" if self.still_running else ""
        missing = f"; {self.execution.not_run} of its picks had none" if self.execution.not_run else ""
        name = self.execution.execution_id
        return f"recorded the interrupted execution {name}: {results}{missing}{running}{alive}"


def recover(database: Database, project_root: Path) -> list[Recovered]:
    """Records every interrupted execution of this project whose `anvil` has ended."""
    folder = folders.journals(project_root)
    if not folder.is_dir():
        return []
    found = (_recovered(database, path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [recovered for recovered in found if recovered is not None]


def _recovered(database: Database, folder: Path) -> Recovered | None:
    lock = locks.FileLock(folder / locks.FILE)
    if not lock.acquire():
        return None  # its anvil is at work
    try:
        return _record(database, folder)
    finally:
        lock.release()


def _record(database: Database, folder: Path) -> Recovered | None:
    try:
        header = execution_header.load((folder / execution_header.FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        # Killed before the header was whole, so before pytest was started: nothing ran.
        shutil.rmtree(folder, ignore_errors=True)
        return None
    files = sorted(folder.glob("*.jsonl"))
    journals = [_read(file) for file in files]
    alive = [j for file, j in zip(files, journals, strict=True) if locks.held(file)]
    execution = _interrupted(header, journals)
    with database.write() as connection:
        if not executions.exists(connection, execution.execution_id):
            executions.start(connection, header)
        known = executions.find(connection, execution.execution_id)
        if known.status is not ExecutionStatus.FINISHED:
            results = merged(journals)
            executions.record(connection, execution.execution_id, results)
            selection = executions.selection(connection, execution.execution_id)
            picks = {pick.entity for pick in selection.picks} or _answered(folder)
            execution = dataclasses.replace(
                execution,
                selected=known.selected or len(picks),
                not_run=len(picks - {clean(result.entity) for result in results}),
                gone=known.gone,
                full_duration_s=known.full_duration_s,
            )
            executions.update(connection, execution)
    if not alive:
        shutil.rmtree(folder, ignore_errors=True)
    if known.status is not ExecutionStatus.RUNNING:
        return None
    return Recovered(execution, next((int(j.session["pid"]) for j in alive if j.session), None))


def _answered(folder: Path) -> set[str]:
    """The tests that pytest was told to run, where `anvil` was ended before it had recorded the selection."""
    picks: set[str] = set()
    for answer in folder.glob("*.selection.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):  # of a disk that was full, for one
            told = json.loads(answer.read_text(encoding="utf-8"))
            if "run_ids" not in told:
                journal = _read(answer.with_name(answer.name.replace(".selection.json", ".jsonl")))
                file = folder / (journal.collected or {})["ids_file"]
                told = {"run_ids": json.loads(file.read_text(encoding="utf-8"))}
            picks |= set(map(clean, told["run_ids"]))
    return picks


def _read(file: Path) -> Journal:
    journal = Journal()
    journal.feed(file.read_bytes())
    return journal


def _interrupted(header: Execution, journals: list[Journal]) -> Execution:
    results = merged(journals)
    session = next((journal.session for journal in journals if journal.session), {})
    ends = [(r.started_at - header.started_at).total_seconds() + r.duration_s for r in results]
    return dataclasses.replace(
        header,
        status=ExecutionStatus.INTERRUPTED,
        counts=Counts.of(results),
        duration_s=max(ends, default=0.0),
        running=tuple(test for journal in journals for test in journal.running),
        notes=(
            *header.notes,
            "Interrupted: anvil was ended before it could record; the results come from its journal.",
        ),
        platform=session.get("platform"),
        python_version=session.get("python"),
        pytest_version=session.get("pytest"),
    )
