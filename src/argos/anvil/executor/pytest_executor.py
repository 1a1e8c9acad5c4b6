"""Executes a rule with the project's own pytest and remembers every result."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from argos import git, locks
from argos.anvil.core.history import file_of
from argos.anvil.core.rule_engine import RuleEngine, groups, is_everything, uses_history
from argos.anvil.criteria.group import CHANGED
from argos.anvil.executor import ending
from argos.anvil.executor.arguments import narrows
from argos.anvil.executor.part import Part, Target, in_shard, shares
from argos.config import folders
from argos.config.project import Interpreter, ProjectConfig, TestRoot
from argos.errors import ArgosError
from argos.model.execution import Counts, Execution, ExecutionStatus, Pick, Selection, TestResult
from argos.model.rule import Rule
from argos.tools import execution_header
from argos.tools.pytest_journal import merged

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.store.database import Database


COLLECTING_POLL_S = 0.01
RUNNING_POLL_S = 0.1
EARLY_RESULTS = 1000
PATIENCE_S = 10.0
ALWAYS_OVERRIDDEN = ("lf", "stepwise", "maxfail", "collectonly", "setuponly", "last-failed-no-failures")
GATES_OF_THE_WHOLE = ("cov_fail_under",)
FILTERS = ("markexpr", "keyword", "deselect")


@dataclass(frozen=True, slots=True)
class Options:
    """How a rule is executed. `shard` is (index from 1, count); `timeout_s` limits a single test.

    `watched` says that somebody sees the progress, which wants to know how long tests usually take.
    """

    space: str = "local"
    workers: int = 1
    shard: tuple[int, int] | None = None
    timeout_s: float | None = None
    user_args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    echo: BinaryIO | None = None
    watched: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """A recorded execution with its selection and results. `stopped_by_user` is true after Ctrl-C."""

    execution: Execution
    selection: Selection
    results: list[TestResult]
    stopped_by_user: bool = False
    collected: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an execution is, for a progress line.

    `durations` are the recorded mean seconds of tests, `typical_s` is their mean, for the others.
    `picks` are all that there will be once the selection is `chosen`.
    """

    parts: list[Part]
    picked: int
    durations: Mapping[str, float]
    typical_s: float
    elapsed_s: float
    picks: Sequence[Pick] = ()
    chosen: bool = False


Observer = Callable[[Standing], None]


@dataclass
class Run:
    """The state of one execution while it runs."""

    rule: Rule
    parts: list[Part]
    folder: Path
    engine: RuleEngine
    started: float
    process_ended: threading.Event = field(default_factory=threading.Event)
    picks: list[Pick] = field(default_factory=list)
    gone: tuple[str, ...] = ()
    healed: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)
    recorded: int = 0
    record_early: bool = True
    extra_results: list[TestResult] = field(default_factory=list)
    durations: Mapping[str, float] = field(default_factory=dict)
    chosen_roots: dict[str, list[list[str] | None]] = field(default_factory=dict)

    @cached_property
    def _typical_s(self) -> float:
        return sum(self.durations.values()) / len(self.durations)

    def standing(self) -> Standing:
        typical_s = self._typical_s if self.durations else 0.0
        elapsed_s = time.monotonic() - self.started
        chosen = self.something_collected and self.everything_collected
        return Standing(self.parts, len(self.picks), self.durations, typical_s, elapsed_s, self.picks, chosen)

    def wait(self, timeout_s: float) -> None:
        """Until a process ends, at most so long; not at all once all have ended."""
        if any(part.exit_code is None for part in self.parts):
            self.process_ended.wait(timeout_s)
            self.process_ended.clear()

    def close(self) -> None:
        for part in self.parts:
            part.close()

    @property
    def collected(self) -> int:
        return sum(len(part.collected or ()) for part in self.parts)

    @property
    def something_collected(self) -> bool:
        """Whether pytest got anywhere; a run without a process has nothing to collect."""
        return not self.parts or any(part.collected is not None for part in self.parts)

    @property
    def everything_collected(self) -> bool:
        return all(part.collected is not None or part.exit_code is not None for part in self.parts)


class PytestExecutor:
    """Runs rules in a project. `database` is called when the memory is first needed."""

    def __init__(
        self,
        project: ProjectConfig,
        interpreter: Interpreter,
        database: Callable[[], Database],
        options: Options | None = None,
        observe: Observer = lambda _standing: None,
    ) -> None:
        self.project = project
        self.interpreter = interpreter
        self.options = options or Options()
        self._database = database
        self._observe = observe

    def execute_with_rule(self, rule: Rule) -> ExecutionResult:
        """Selects, runs, records and returns what happened.

        Raises `ArgosError` when nothing could be run: no test roots, no pytest, a database that
        refuses. Failing tests are results, not errors.
        """
        with self._folder() as (folder, execution_id), ExitStack() as reading:
            run = self._prepare(rule, folder, reading, dry_run=False)
            try:
                self._start_parts(run)
                header = self._header(rule, execution_id)
                database = self._database()
                _write_atomically(folder / execution_header.FILE, execution_header.dump(header))

                def remember() -> None:
                    reading.close()
                    self._remember(database, header, run)

                stopped_by_user = self._drive(
                    run, remember, lambda: self._record_early(database, header, run)
                )
            except BaseException:
                _end_all(run.parts, 0.0)
                raise
            finally:
                reading.close()
                run.close()
            return self._record(database, header, run, stopped_by_user)

    def preview(self, rule: Rule) -> ExecutionResult:
        """What the rule would pick now: collects the tests, runs none and records nothing."""
        with self._folder() as (folder, execution_id), ExitStack() as reading:
            run = self._prepare(rule, folder, reading, dry_run=True)
            try:
                self._start_parts(run)
                self._drive(run, lambda: None)
            finally:
                _end_all(run.parts, 0.0)
                run.close()
            self._refuse_if_nothing_started(run)
            header = dataclasses.replace(
                self._header(rule, execution_id),
                status=ExecutionStatus.PREVIEW,
                notes=(*run.notes, *ending.notes(run.parts)),
                selected=len(run.picks),
                gone=run.gone,
            )
            (folder / execution_header.FILE).unlink(missing_ok=True)
            return ExecutionResult(header, Selection(tuple(run.picks), run.gone), [], collected=run.collected)

    # Before the run

    @contextmanager
    def _folder(self) -> Iterator[tuple[Path, str]]:
        """A locked folder for the journals; taken away once the execution is recorded."""
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        execution_id = f"{self.options.space}-{stamp}-{os.urandom(2).hex()}"
        folder = folders.journals(self.project.root) / execution_id
        lock = locks.FileLock(folder / locks.FILE)
        try:
            folders.own(self.project.root)
            folder.mkdir(parents=True)
            lock.acquire()
            yield folder, execution_id
        except OSError as error:
            raise ArgosError(
                f"The journal of this execution cannot be written: {error.strerror or error}.",
                where=str(error.filename or folder),
                next_step="Make the project's folder writable, or free some disk.",
            ) from error
        finally:
            lock.release()
            if not (folder / execution_header.FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def _prepare(self, rule: Rule, folder: Path, reading: ExitStack, *, dry_run: bool) -> Run:
        if not self.project.roots:
            raise ArgosError(
                "No tests were found in this project.",
                where=str(self.project.root),
                next_step="Name the test folders under validators: pytest: roots: in .anvil/config.yaml.",
            )
        opened: list[Connection] = []

        def connect() -> Connection:
            if not opened:
                opened.append(reading.enter_context(self._database().read()))
            return opened[0]

        environ = self.options.environ
        engine = RuleEngine(
            connect,
            space=self.options.space,
            root=self.project.root,
            changed=lambda: git.changed_files(self.project.root, environ),
        )
        files = engine.files(rule)
        target = Target(
            project_root=self.project.root,
            interpreter=self.interpreter.path,
            folder=folder,
            pytest_args=self.project.pytest_args,
            user_args=self.options.user_args,
            overrides=self._overrides(rule),
            dry_run=dry_run,
            environ=environ,
        )
        run = Run(rule, [], folder, engine, time.monotonic())
        for root, processes in self._processes():
            inside = None if files is None else {file for file in files if _lies_in(file, root)}
            if inside is None or inside:
                for _ in range(processes):
                    run.parts.append(Part(str(len(run.parts)), root, target, files=inside))
        return run

    def _processes(self) -> list[tuple[TestRoot, int]]:
        """How many pytest processes each root gets: one, and the workers that are left over."""
        each, more = divmod(max(self.options.workers, len(self.project.roots)), len(self.project.roots))
        return [(root, each + (position < more)) for position, root in enumerate(self.project.roots)]

    def _overrides(self, rule: Rule) -> tuple[str, ...]:
        overrides = list(ALWAYS_OVERRIDDEN)
        whole = self._is_whole(rule)
        several = self.options.workers > len(self.project.roots)
        if not whole or several:
            overrides += GATES_OF_THE_WHOLE
        if uses_history(rule.criterion):
            overrides += FILTERS
        if self.options.workers > 1:
            overrides.append("numprocesses")
        return tuple(overrides)

    def _is_whole(self, rule: Rule) -> bool:
        """Whether the whole suite is meant, as by a plain call of pytest."""
        return is_everything(rule) and self.options.shard is None and not narrows(self.options.user_args)

    def _header(self, rule: Rule, execution_id: str) -> Execution:
        state = git.state(self.project.root)
        shard = self.options.shard
        return Execution(
            execution_id=execution_id,
            rule=rule.name,
            space=self.options.space,
            started_at=datetime.now(UTC),
            commit=state.commit,
            branch=state.branch,
            dirty=state.dirty,
            platform=platform.platform(),
            interpreter=str(self.interpreter.path),
            command=self.options.command,
            workers=self.options.workers,
            shard=None if shard is None else f"{shard[0]}/{shard[1]}",
        )

    # The run

    def _start_parts(self, run: Run) -> None:
        """Starts parts as far as the workers allow; one that waits for its answer takes no place."""
        for part in run.parts:
            if not part.started and self._busy(run) < self.options.workers:
                part.start(self.options.echo, run.process_ended)

    def _busy(self, run: Run) -> int:
        return sum(part.running and not part.waiting for part in run.parts)

    def _drive(
        self, run: Run, when_answered: Callable[[], None], meanwhile: Callable[[], None] = lambda: None
    ) -> bool:
        """Goes on until every part has ended; true if the user stopped it."""
        remembered = False
        try:
            while not all(part.exit_code is not None for part in run.parts):
                for part in run.parts:
                    if part.running:
                        part.read()
                        self._mind_the_time(part, run)
                self._choose(run)
                self._start_parts(run)
                if not remembered and run.everything_collected and run.something_collected:
                    remembered = True
                    self._compare(run)
                    when_answered()
                if remembered:
                    meanwhile()
                self._observe(run.standing())
                run.wait(RUNNING_POLL_S if remembered else COLLECTING_POLL_S)
        except KeyboardInterrupt:
            self._stop(run)
            return True
        finally:
            for part in run.parts:
                if part.started:
                    part.read()
        if not remembered and run.something_collected:
            self._compare(run)
            when_answered()
        return False

    def _choose(self, run: Run) -> None:
        """Answers the parts that wait: root by root, or all at once where a cap ranks all tests."""
        capped = run.rule.limit is not None or run.rule.budget_s is not None
        if capped and not run.everything_collected:
            return
        if capped and not run.chosen_roots:
            collected = {test: None for part in run.parts for test in part.collected or ()}
            self._select(run, list(collected), [part.root for part in run.parts])
        for part in run.parts:
            if not part.waiting:
                continue
            if part.root.path not in run.chosen_roots:
                self._select(run, part.collected or [], [part.root])
            # A part that has waited for others takes up a worker's place again.
            if self._busy(run) < self.options.workers:
                part.answer(run.chosen_roots[part.root.path].pop(0))

    def _select(self, run: Run, collected: list[str], roots: list[TestRoot]) -> None:
        chosen = run.engine.select(run.rule, collected)
        picks = list(chosen.selection.picks)
        if self.options.shard is not None:
            picks = [pick for pick in picks if in_shard(pick.entity, *self.options.shard)]
        run.picks += picks
        run.notes += chosen.notes
        picked = [pick.entity for pick in picks]
        everything = len(picked) == len(collected)
        for root in {root.path: root for root in roots}.values():
            parts = [part for part in run.parts if part.root.path == root.path]
            if len(parts) == 1 and everything:
                run.chosen_roots[root.path] = [None]
                continue
            here = set(next((part.collected for part in parts if part.collected is not None), []))
            mine = [test for test in picked if test in here]
            run.durations = run.engine.history.durations if len(parts) > 1 else {}
            run.chosen_roots[root.path] = list(shares(mine, len(parts), run.durations))

    def _compare(self, run: Run) -> None:
        """Once every test that exists is known: which picks are gone, which patterns match nothing.

        A file that could not be collected once and is collected now is healed: as an entity of its
        own it is gone.
        """
        if any(part.collected is None for part in run.parts):
            return
        journals = [journal for part in run.parts for journal in part.journals]
        deselected = {t for j in journals if j.collected for t in j.collected.get("deselected", ())}
        existing = [*(test for part in run.parts for test in part.collected or ()), *deselected]
        broken = {file for journal in journals for file in journal.collection_errors}
        files = frozenset(map(file_of, existing))
        run.healed = files - broken
        run.gone = tuple(
            test
            for test in run.engine.gone(run.rule, {*existing, *files})
            if file_of(test) not in broken
            and (self.options.shard is None or in_shard(test, *self.options.shard))
        )
        if CHANGED in groups(run.rule.criterion):
            run.notes += _about_changes(run.engine.history.changed_files, bool(run.picks))
        unmatched = run.engine.unmatched(run.rule, [*existing, *broken])
        run.notes += [f"The rule's group {pattern} matches no test." for pattern in unmatched]

    def _mind_the_time(self, part: Part, run: Run) -> None:
        limit = self.options.timeout_s if self.options.timeout_s is not None else self.project.timeout_s
        if limit is None or not part.running or part.waiting:
            return
        longest = part.longest_running()
        if longest is not None and longest[1] > limit:
            part.abort(f"{longest[0]} did not end within {limit:g} s, the time limit of a test")
            part.read()
            run.extra_results += ending.of_a_hanging_test(part, longest[0], limit)
        elif longest is None and part.silent_for() > limit:
            doing = "collecting" if part.collected is None else "ending"
            part.abort(f"pytest took more than {limit:g} s, the time limit of a test, for {doing}")
            part.read()

    def _stop(self, run: Run) -> None:
        """Ctrl-C: pytest ends the running test and reports; a second Ctrl-C does not wait for that."""
        try:
            for part in run.parts:
                part.interrupt()
            _end_all(run.parts, PATIENCE_S)
        except KeyboardInterrupt:
            _end_all(run.parts, 0.0)

    # After the run

    def _remember(self, database: Database, header: Execution, run: Run) -> None:
        """Puts the execution and its selection on record while the tests already run."""
        from argos.store import executions

        with database.write() as connection:
            complete = executions.last_complete(connection, header.space)
            full = None if complete is None else complete.duration_s
            executions.start(
                connection,
                dataclasses.replace(header, full_duration_s=full, selected=len(run.picks), gone=run.gone),
            )
            executions.save_selection(connection, header.execution_id, Selection(tuple(run.picks), run.gone))
        if self.options.watched and not run.durations:
            from argos.store import statistics

            with database.read() as connection:
                run.durations = statistics.durations(connection, space=header.space)

    def _record_early(self, database: Database, header: Execution, run: Run) -> None:
        """Records what is there while pytest is still busy, so that little is left to do when it has ended.

        A large suite's process takes its time to end after the last test. Only where one process
        writes one journal: the order of its results is theirs for good.
        """
        from argos.store import executions

        journals = run.parts[0].journals if len(run.parts) == 1 else []
        if len(journals) != 1 or not run.record_early:
            return
        results = journals[0].results[run.recorded :]
        if len(results) < (1 if journals[0].finish else EARLY_RESULTS):
            return
        try:
            with database.write() as connection:
                executions.record(connection, header.execution_id, results)
        except ArgosError:
            run.record_early = False  # the journal holds them: at the end it is tried again, and told
            return
        run.recorded += len(results)

    def _record(
        self, database: Database, header: Execution, run: Run, stopped_by_user: bool
    ) -> ExecutionResult:
        from argos.store import entities, executions

        if not stopped_by_user:
            self._refuse_if_nothing_started(run)
            run.extra_results += [r for part in run.parts for r in ending.of_a_dead_process(part)]
        results = merged(journal for part in run.parts for journal in part.journals)
        results += run.extra_results
        execution = self._summed_up(header, run, results, stopped_by_user)
        selection = Selection(tuple(run.picks), run.gone)
        try:
            with database.write() as connection:
                if not executions.exists(connection, execution.execution_id):
                    executions.start(connection, execution)
                    executions.save_selection(connection, execution.execution_id, selection)
                complete = executions.last_complete(connection, execution.space)
                full = None if complete is None else complete.duration_s
                execution = dataclasses.replace(execution, full_duration_s=full)
                executions.record(connection, execution.execution_id, results[run.recorded :])
                executions.update(connection, execution)
                entities.mark_gone(connection, {*run.gone, *run.healed}, execution.started_at)
        except ArgosError as error:
            safe = f"The results are safe in {run.folder}; the next command records them."
            error.next_step = f"{error.next_step} {safe}" if error.next_step else safe
            raise
        (run.folder / execution_header.FILE).unlink(missing_ok=True)
        return ExecutionResult(execution, selection, results, stopped_by_user, run.collected)

    def _summed_up(
        self, header: Execution, run: Run, results: list[TestResult], stopped_by_user: bool
    ) -> Execution:
        sessions = [journal.session for part in run.parts for journal in part.journals if journal.session]
        first = sessions[0] if sessions else {}
        with_result = {result.entity for result in results}
        not_run = sum(pick.entity not in with_result for pick in run.picks)
        cut_short = stopped_by_user or any(not ending.came_to_its_end(part) for part in run.parts)
        status = ExecutionStatus.INTERRUPTED if cut_short else ExecutionStatus.FINISHED
        whole = self._is_whole(run.rule)
        running = tuple(test for part in run.parts for test in part.running_tests)
        return dataclasses.replace(
            header,
            status=status,
            duration_s=time.monotonic() - run.started,
            complete=whole and status is ExecutionStatus.FINISHED and not_run == 0 and bool(results),
            counts=Counts.of(results),
            selected=len(run.picks),
            not_run=not_run,
            gone=run.gone,
            running=running if cut_short else (),
            notes=(*run.notes, *ending.notes(run.parts, stopped_by_user), *_run_again(results)),
            platform=first.get("platform", header.platform),
            python_version=first.get("python"),
            pytest_version=first.get("pytest"),
            exit_code=130 if stopped_by_user else ending.exit_code(run.parts, results, not_run),
        )

    def _refuse_if_nothing_started(self, run: Run) -> None:
        refusal = ending.refusal(run.parts, self.interpreter.path)
        if refusal is not None:
            (run.folder / execution_header.FILE).unlink(missing_ok=True)
            raise refusal


def _about_changes(changed: Sequence[str], picked: bool) -> list[str]:
    if not changed:
        return ["No file has changed."]
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return [] if picked else [f"No test belongs to what has changed: {', '.join(changed[:3])}{more}."]


def _run_again(results: Sequence[TestResult]) -> list[str]:
    """A note on the tests that failed first and passed when they were run again."""
    again = [result.entity for result in results if result.attempt and not result.outcome.failing]
    if not again:
        return []
    more = f" and {len(again) - 3} more" if len(again) > 3 else ""
    return [f"Passed only when run again: {', '.join(again[:3])}{more}."]


def _lies_in(file: str, root: TestRoot) -> bool:
    return root.path == "." or file == root.path or file.startswith(root.path + "/")


def _end_all(parts: list[Part], patience_s: float) -> None:
    for part in parts:
        part.end(patience_s)


def _write_atomically(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    Path(draft).replace(path)
