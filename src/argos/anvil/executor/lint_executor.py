"""`LintExecutor`: runs a linter on the files that a rule selects, and remembers what it found."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from argos import git
from argos.anvil.executor import lint_files, lint_run
from argos.config.project import Interpreter, ProjectConfig
from argos.console.progress import plural
from argos.errors import ArgosError
from argos.model.execution import Counts, Execution, ExecutionStatus, Selection
from argos.model.quality import Scan, ScannedFile, ScanStatus, Sighting, ToolOutput
from argos.model.rule import Rule
from argos.stats import quality as figures
from argos.stats.surroundings import Source
from argos.stats.violations import Comparison, pair, sightings
from argos.tools import quality_baseline
from argos.tools.linters import LINTERS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from argos.store.database import Database

ENTITY = "file"
LARGEST_SOURCE = 64 * 1024 * 1024
SHOWN_FILES = 5


@dataclass(frozen=True, slots=True)
class LintOptions:
    """What a caller adds to a rule."""

    space: str = "local"
    command: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, slots=True)
class LintResult:
    """A recorded scan.

    `sightings` is all that was found in the selected files. `failing` are those that fail the run:
    all of them without a baseline, else those that it does not hold. `healed` counts what the
    baseline holds of these files and is gone. `score` is None where the tool crashed.
    """

    execution: Execution
    tool: str
    selection: Selection
    sightings: tuple[Sighting, ...] = ()
    comparison: Comparison = field(default_factory=Comparison)
    failing: tuple[Sighting, ...] = ()
    not_understood: tuple[str, ...] = ()
    lines: int = 0
    score: float | None = None
    has_baseline: bool = False
    healed: int = 0
    crash: str | None = None


class LintExecutor:
    """Runs rules whose executor is a linter. `database` is called when the memory is first needed."""

    def __init__(
        self,
        project: ProjectConfig,
        interpreter: Interpreter | None,
        database: Callable[[], Database],
        options: LintOptions | None = None,
    ) -> None:
        self.project = project
        self.interpreter = interpreter
        self.options = options or LintOptions()
        self._database = database

    def select(self, rule: Rule) -> tuple[Selection, tuple[str, ...]]:
        """The files that a rule picks now, each with its reason, and what a user should know of it."""
        self._refuse_disabled(rule.executor)
        files = lint_files.project_files(self.project, rule.executor)
        with self._database().read() as connection:
            chosen = lint_files.choose(
                rule,
                files,
                root=self.project.root,
                space=self.options.space,
                connect=lambda: connection,
                environ=self.options.environ,
            )
        return chosen.selection, chosen.notes

    def execute_with_rule(self, rule: Rule) -> LintResult:
        """Selects files, runs the project's linter on them, records what it found and compares.

        Raises `ArgosError` for a linter that is missing or disabled. What it finds is no error; a
        linter that crashes is recorded as crashed, and nothing that is known changes.
        """
        selection, notes = self.select(rule)
        started_at, started = datetime.now(UTC), time.monotonic()
        files = [pick.entity for pick in selection.picks]
        if self.interpreter is None:
            raise ArgosError("No interpreter is known that could run the linter.")
        ran = lint_run.run(
            rule.executor,
            files,
            root=self.project.root,
            interpreter=self.interpreter,
            options=self._arguments(rule),
            environ=self.options.environ,
        )
        execution = self._execution(rule.name, started_at)
        execution = replace(
            execution,
            duration_s=time.monotonic() - started,
            selected=len(files),
            not_run=len(files) - len(ran.files),
            notes=(*notes, *_notes(rule.executor, ran)),
            interpreter=str(self.interpreter.path),
        )
        return self._record(execution, rule.executor, ran, selection)

    def import_output(self, tool: str, output: ToolOutput, *, files: Sequence[str] = ()) -> LintResult:
        """Records what a tool found elsewhere. Looked at are, besides `files`, those with findings.

        Paths of another machine are taken for the files of the project that end like them. Raises
        `ArgosError` for the report of another project, none of whose files is here.
        """
        paths = {
            path: project_path(path, self.project.root)
            for path in dict.fromkeys(each.path for each in output.violations if each.path)
        }
        here = [path for path in paths.values() if (self.project.root / path).is_file()]
        if paths and not here:
            first = next(iter(paths))
            raise ArgosError(
                f"None of the {len(paths)} files that {tool} names is in this project, such as {first}.",
                where=str(self.project.root),
                next_step="Name the project that the linter ran in with --project.",
            )
        kept = tuple(replace(each, path=paths.get(each.path or "", "")) for each in output.violations)
        found = dict.fromkeys([*files, *(each.path or "" for each in kept)])
        execution = self._execution("import", datetime.now(UTC))
        away = len(set(paths.values())) - len(set(here))
        notes = (f"Not in the project (any more): {plural(away, 'file')} of the report.",) if away else ()
        execution = replace(execution, selected=len(found), duration_s=0.0, notes=notes)
        ran = lint_run.LintRun(ToolOutput(kept, output.not_understood, output.broken), tuple(found))
        return self._record(execution, tool, ran, Selection())

    def detect_quality_regressions(
        self, current_id: str, baseline_id: str
    ) -> list[figures.QualityRegression]:
        """Violations of one scan that the other did not know, and files that have more of them.

        Compared are the files of the current scan, with all that was known of them after the baseline.
        Raises `ArgosError` for a scan that is not recorded.
        """
        from argos.store import quality_compare

        with self._database().read() as connection:
            return quality_compare.regressions(connection, current_id, baseline_id)

    def calculate_quality_trend(self, file_path: str, window: int = 30) -> figures.Trend:
        """Where a file's penalty points go over its newest scans.

        Raises `ArgosError` for a file that no scan of the space has looked at.
        """
        from argos.store import quality

        with self._database().read() as connection:
            scans = quality.file_scans(connection, space=self.options.space, window=window)
        if file_path not in scans:
            raise ArgosError(
                f"No scan has looked at {file_path!r}.", next_step="Write its path from the project's root."
            )
        return figures.trend([figures.points(scan.by_severity) for scan in scans[file_path]])

    # The parts of a run

    def _refuse_disabled(self, tool: str) -> None:
        own = lint_files.section(self.project, tool)
        if own is not None and own.enabled is False:
            raise ArgosError(
                f"{tool} is disabled for this project.",
                where=str(self.project.source),
                next_step=f"Set enabled: true under validators: {tool}:.",
            )

    def _arguments(self, rule: Rule) -> tuple[str, ...]:
        """What the project's configuration for Argos says and the rule says over it, as arguments."""
        own = lint_files.section(self.project, rule.executor)
        written: dict[str, Any] = {}
        if own is not None and own.options is not None:
            written = own.options.model_dump(exclude_none=True)
        given: tuple[str, ...] = LINTERS[rule.executor].options({**written, **rule.options})
        return given

    def _execution(self, rule: str, started_at: datetime) -> Execution:
        state = git.state(self.project.root)
        stamp = started_at.strftime("%Y%m%d-%H%M%S")
        return Execution(
            execution_id=f"{self.options.space}-{stamp}-{os.urandom(2).hex()}",
            rule=rule,
            space=self.options.space,
            started_at=started_at,
            entity_type=ENTITY,
            commit=state.commit,
            branch=state.branch,
            dirty=state.dirty,
            platform=platform.platform(),
            command=self.options.command,
        )

    def _record(
        self, execution: Execution, tool: str, ran: lint_run.LintRun, selection: Selection
    ) -> LintResult:
        from argos.store import executions, quality

        sources = _Sources(self.project.root)
        found = () if ran.crash else tuple(sightings(ran.output.violations, sources.source))
        scanned = tuple(ScannedFile(path, sources.lines(path)) for path in ran.files)
        lines = sum(each.lines or 0 for each in scanned)
        baseline = load_baseline(self.project.root)
        failing, healed = _against(baseline, found, tool, set(ran.files))
        with_faults = {each.path for each in found}
        execution = replace(
            execution,
            status=ExecutionStatus.INTERRUPTED if ran.crash else ExecutionStatus.FINISHED,
            counts=Counts(
                passed=0 if ran.crash else len(ran.files) - len(with_faults), failed=len(with_faults)
            ),
            exit_code=1 if ran.crash or failing else 0,
        )
        with self._database().write() as connection:
            scan = Scan(tool, scanned, found, self._renames(connection, tool))
            executions.start(connection, execution)
            known = quality.known_files(connection, self.options.space, tool)
            gone = [path for path in known if not (self.project.root / path).is_file()]
            status = ScanStatus.CRASHED if ran.crash else ScanStatus.COMPLETE
            comparison = quality.record(connection, execution.execution_id, scan, gone=gone, status=status)
        return LintResult(
            execution=execution,
            tool=tool,
            selection=selection,
            sightings=found,
            comparison=comparison,
            failing=failing,
            not_understood=ran.output.not_understood,
            lines=lines,
            score=None if ran.crash else figures.score(figures.severities(found), lines),
            has_baseline=baseline is not None,
            healed=healed,
            crash=ran.crash,
        )

    def _renames(self, connection: Connection, tool: str) -> dict[str, str]:
        """What git sees as renamed since the tool's last scan, of files that have findings."""
        from argos.store import quality

        last = quality.summaries(connection, space=self.options.space, tool=tool, limit=1)
        if not last or last[0].commit is None:
            return {}
        known = set(quality.known_files(connection, self.options.space, tool))
        renamed = git.renames(self.project.root, last[0].commit)
        return {old: new for old, new in renamed.items() if old in known}


class _Sources:
    """The texts of files, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[str, bytes | None] = {}

    def lines(self, path: str) -> int | None:
        raw = self._read(path)
        return None if raw is None else raw.count(b"\n") + (raw[-1:] not in (b"\n", b""))

    def source(self, path: str) -> Source | None:
        raw = self._read(path)
        return None if raw is None else Source(raw.decode("utf-8", "replace"))

    def _read(self, path: str) -> bytes | None:
        if path not in self._texts:
            self._texts[path] = self._contents(path)
        return self._texts[path]

    def _contents(self, path: str) -> bytes | None:
        # A report may name anything, a device without an end among it.
        if not path or PurePosixPath(path).is_absolute() or ".." in path.split("/"):
            return None
        file = self._root / path
        try:
            if not file.is_file() or file.stat().st_size > LARGEST_SOURCE:
                return None
            return file.read_bytes()
        except (OSError, ValueError):
            return None


def project_path(path: str, root: Path) -> str:
    """The file of the project that a report's path means: itself, or the longest end of it that is there."""
    plain = lint_run.relative(path, root)
    if (root / plain).is_file() and not PurePosixPath(plain).is_absolute():
        return plain
    parts = [part for part in plain.split("/") if part]
    tails = ("/".join(parts[first:]) for first in range(1, len(parts)))
    return next((tail for tail in tails if ".." not in tail and (root / tail).is_file()), plain)


def load_baseline(root: Path) -> list[Sighting] | None:
    """The known violations of the project's baseline, None where it has none. Raises `ArgosError`."""
    file = root / quality_baseline.FILE
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArgosError(f"The baseline cannot be read: {error.strerror}.", where=str(file)) from error
    return quality_baseline.load(text)


def _against(
    baseline: Sequence[Sighting] | None, found: Sequence[Sighting], tool: str, files: set[str]
) -> tuple[tuple[Sighting, ...], int]:
    """What the baseline does not hold, and how much it holds in vain of these files."""
    if baseline is None:
        return tuple(found), 0
    known = [each for each in baseline if each.tool in (tool, *{f.tool for f in found})]
    pairs = pair(known, found)
    taken = set(pairs.values())
    failing = tuple(each for place, each in enumerate(found) if place not in taken)
    healed = sum(place not in pairs and each.path in files for place, each in enumerate(known))
    return failing, healed


def _notes(tool: str, ran: lint_run.LintRun) -> list[str]:
    notes = []
    if ran.crash:
        notes.append(f"{ran.crash}. Nothing is known of these files by this run.")
    if strange := ran.output.not_understood:
        what = f"{plural(len(strange), 'line')} of {tool}"
        notes.append(f"Not understood: {what}, the first: {strange[0][:200]}")
    if broken := ran.output.broken:
        more = ", …" if len(broken) > SHOWN_FILES else ""
        named = ", ".join(broken[:SHOWN_FILES])
        notes.append(f"{tool} could not read {plural(len(broken), 'file')}: {named}{more}")
    if ran.elsewhere:
        notes.append(f"Left out: {plural(ran.elsewhere, 'finding')} in files that were not selected.")
    return notes
