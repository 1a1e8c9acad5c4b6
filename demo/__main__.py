"""Runs Argos on a real project: once in full, with a line broken, by rule, and with the line restored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import project as projects
from demo.project import HOME, REPOSITORY, Project, SetupFailed

SCRIPTS = Path(sys.executable).parent
PASSES, FAILS = 0, 1
# The demo has a memory of its own, and git says what has changed.
LEFT_OUT = ("ARGOS_DATABASE_URL", "CHANGED_FILES")


class Unexpected(Exception):
    """Argos did not do what the demo is there to show."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution, as `anvil execute --json` describes it, and the wall time of the whole command."""

    title: str
    wall_s: float
    told: dict[str, Any]

    @property
    def selected(self) -> int:
        return len(self.told["selected"])

    @property
    def failing(self) -> int:
        return int(self.told["counts"]["failed"]) + int(self.told["counts"]["error"])

    def reasons(self) -> list[str]:
        """The commonest reasons of the picks, each with its number of picks."""
        counted = Counter(pick["reason"] for pick in self.told["selected"])
        shown = [f"{count} × {reason}" for reason, count in counted.most_common(3)]
        rest = len(counted) - len(shown)
        return [*shown, f"and {rest} more reasons"] if rest > 0 else shown


def main() -> int:
    """The whole demo; exit code 0 when every step did what it says."""
    try:
        project = prepare()
        runs = story(project)
        report = write_report(project)
    except (SetupFailed, Unexpected) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    print(summary(project, runs))
    print(f"\nReport to open: {report}")
    return 0


def prepare() -> Project:
    """Babel, or the example in this repository where Babel cannot be fetched."""
    say("Setting up Babel 2.17.0 in .demo/ (downloads about 15 MB the first time)")
    try:
        return projects.babel()
    except SetupFailed as error:
        print(error, file=sys.stderr)
        say("Babel cannot be fetched (no network?): the demo goes on with examples/argos")
        return projects.example()


def story(project: Project) -> list[Run]:
    anvil(project, "init", expected=PASSES)
    runs = [execute(project, "all is well", "baseline-all-tests", expected=PASSES)]
    line = project.mistake.make(project.path)
    say(f"Breaking line {line} of {project.mistake.file}: {project.mistake.wrong}")
    runs.append(execute(project, "one line broken", "changed", expected=FAILS))
    runs.append(execute(project, "still broken", "baseline-all-tests", expected=FAILS))
    runs.append(execute(project, "still broken", "failed-in-last", expected=FAILS))
    runs.append(execute(project, "still broken", "failure-rate", expected=FAILS))
    project.mistake.mend(project.path)
    say(f"Restoring line {line} of {project.mistake.file}: {project.mistake.right}")
    runs.append(execute(project, "line restored", "failed-in-last", expected=PASSES))
    check(runs)
    return runs


def check(runs: list[Run]) -> None:
    """The rules on history pick what failed in the second full run, all of it and nothing else."""
    broken = {
        result["entity"] for result in runs[2].told["results"] if result["outcome"] in ("failed", "error")
    }
    for run in runs[3:]:
        picked = {pick["entity"] for pick in run.told["selected"]}
        if picked != broken:
            raise Unexpected(
                f"rule {run.told['rule']} picked {len(picked)} tests, but {len(broken)} had failed"
            )


def execute(project: Project, title: str, rule: str, *, expected: int) -> Run:
    begun = time.perf_counter()
    told = json.loads(anvil(project, "execute", "--rule", rule, "--json", expected=expected))
    return Run(title, time.perf_counter() - begun, told)


def write_report(project: Project) -> Path:
    report = HOME / "report.html"
    options = ("--space", "local", "--window", "30", "--format", "html", "--output", str(report))
    command(project, "lens", "report", "tests", *options, expected=PASSES)
    return report


def anvil(project: Project, *arguments: str, expected: int) -> str:
    return command(project, "anvil", *arguments, expected=expected)


def command(project: Project, *argv: str, expected: int) -> str:
    """Runs a command as a user does whose virtual environment is the project's; returns what it prints."""
    say("$ " + " ".join(argv))
    program = [str(SCRIPTS / argv[0]), *argv[1:], "--project", str(project.path)]
    environment = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
    environment["VIRTUAL_ENV"] = str(project.environment)
    done = subprocess.run(
        program,
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    if done.returncode != expected:
        raise Unexpected(f"{' '.join(argv)} ended with exit code {done.returncode}, expected {expected}")
    if "--json" not in argv:
        print(done.stdout, end="")
    return done.stdout


def summary(project: Project, runs: list[Run]) -> str:
    """A table of the runs: what each selected and why, how it ended, and its time beside the full run."""
    full = runs[0]
    lines = [f"\n{project.name}: {full.selected} tests, {full.wall_s:.1f} s for all of them\n"]
    lines.append(f"{'':17}{'rule':20}{'selected':>15}  {'outcome':22}{'time':>8}  of full")
    for run in runs:
        selected = f"{run.selected} of {full.selected}"
        outcome = f"{run.failing} failing" if run.failing else "all fine"
        share = f"{run.wall_s / full.wall_s:.0%}"
        lines.append(
            f"{run.title:17}{run.told['rule']:20}{selected:>15}  {outcome:22}{run.wall_s:6.1f} s  {share:>7}"
        )
        lines += [f"{'':17}  why: {reason}" for reason in run.reasons()]
    return "\n".join(lines)


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
