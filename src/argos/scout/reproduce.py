"""How to see a CI failure here: the commit, the interpreter, the packages and the tests of one job.

A recipe is made from what the log says: the exact Python of the session, the versions that pip
installed, the folder that pytest ran in, the tests that failed. It runs in a container, several
times, because a failure that shows once in five says something else than one that shows always; and
it runs the same tests at the last green commit, because a failure that shows there as well is
one of the container, not of the code.

A log is written by whoever can open a pull request. Whatever comes from it enters a command as one
quoted argument, or is left out: names and versions of packages, commits and interpreters have to look
like such, a test's name never counts as an option, and no command of the log is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import normpath

from argos.errors import ArgosError
from argos.model.ci import Failure, LogReport, TestSession, WorkflowJob
from argos.scout.patterns import cell_of, minor_version

REPEATS = 5
LONGEST_ARGUMENTS = 60_000
"""Characters of test names in one command; above it the files are named instead."""

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_VERSION = re.compile(r"\d{1,2}\.\d{1,3}(?:\.\d{1,3})?(?:(?:a|b|rc)\d{1,3})?")
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_]{0,60}")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_SEED = re.compile(r"PYTHONHASHSEED=['\"]?(\d{1,10})\b")
_CHECKOUT = re.compile(r"^(?:/home/runner/work|/Users/runner/work|/__w|[A-Za-z]:/a)/[^/]+/[^/]+(?:/|$)")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

# Options of pytest that change whether a test fails, and are harmless to repeat. True: takes a value.
_KEPT = {
    "-n": True,
    "--numprocesses": True,
    "--dist": True,
    "--timeout": True,
    "--timeout-method": True,
    "-W": True,
    "--pythonwarnings": True,
    "--import-mode": True,
    "--asyncio-mode": True,
    "-o": True,
    "--override-ini": True,
    "--random-order-seed": True,
    "--forked": False,
    "--strict-markers": False,
    "--strict-config": False,
}
_SYSTEMS = {"windows": "Windows", "macos": "macOS"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that is needed to run the failing tests of one job as they ran there.

    `possible` says whether a container shows the same system; if not, `reason` says why, and the
    recipe is the control on Linux, in the cell of `control_job` where there is one. `python` is as
    precise as the log is, `packages` the versions to install without their dependencies, `folder`
    where pytest runs, relative to the repository (`.` for its root), `installs_project` whether the
    job installed the project itself. `tests` are node ids relative to that folder; empty means all.
    `green_commit` is the control commit, None if none is known.
    """

    run_id: int
    job_id: int
    job_name: str
    commit: str
    python: str
    possible: bool = True
    reason: str | None = None
    control_job: str | None = None
    green_commit: str | None = None
    repository: str | None = None
    folder: str = "."
    installs_project: bool = False
    packages: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    repeats: int = REPEATS
    notes: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        return f"python:{self.python}"

    @property
    def workspace(self) -> str:
        """Where the repository lies in the container: where GitHub's Linux runners have it."""
        name = (self.repository or "project").rpartition("/")[2]
        return f"/home/runner/work/{name}/{name}"

    @property
    def test_command(self) -> tuple[str, ...]:
        """The command of the tests, for any machine with this interpreter and these packages."""
        return ("python", "-m", "pytest", *self.options, *map(_as_argument, self.tests))

    @property
    def install_command(self) -> tuple[str, ...] | None:
        """The command that installs the packages of the log; None if it names none."""
        pins = tuple(f"{name}=={version}" for name, version in sorted(self.packages.items()))
        return ("python", "-m", "pip", "install", "--no-deps", *pins) if pins else None

    def document(self) -> dict[str, object]:
        """The recipe for JSON; commands as lists of arguments, absent values as null."""
        return {
            "run_id": self.run_id,
            "job_id": self.job_id,
            "job": self.job_name,
            "possible": self.possible,
            "reason": self.reason,
            "control_job": self.control_job,
            "commit": self.commit,
            "green_commit": self.green_commit,
            "python": self.python,
            "image": self.image,
            "folder": self.folder,
            "installs_project": self.installs_project,
            "environment": dict(self.environment),
            "packages": dict(self.packages),
            "tests": list(self.tests),
            "install_command": list(self.install_command) if self.install_command else None,
            "test_command": list(self.test_command),
            "repeats": self.repeats,
            "notes": list(self.notes),
            "script": script(self),
        }


def recipe(
    job: WorkflowJob,
    report: LogReport | None,
    failures: Sequence[Failure],
    repository: str | None = None,
    *,
    green_commit: str | None = None,
    siblings: Iterable[WorkflowJob] = (),
    own_packages: Iterable[str] = (),
    repeats: int = REPEATS,
) -> Recipe:
    """How to reproduce one job.

    `repository` is `owner/name`; `green_commit` the newest commit at which the job's family passed;
    `siblings` the jobs of the same run, to name the nearest Linux cell; `own_packages` are names that
    are the project's and cannot be had from an index. Raises ArgosError if the job's commit or its
    Python is unknown, or if `repeats` is below 1.
    """
    if repeats < 1:
        raise ArgosError(
            f"A recipe runs at least once, not {repeats} times.", next_step="Give a number from 1 on."
        )
    session = _session(report, failures)
    system = cell_of(job)[0] or _platform(session)
    source = _repository(repository or (report.repository if report else None))
    packages, dropped = _packages(report, (*own_packages, (source or "").rpartition("/")[2]))
    folder = _folder(session, report)
    tests, named = _tests(failures, job, folder)
    reason = _reason(system)
    return Recipe(
        run_id=job.run_id,
        job_id=job.job_id,
        job_name=_shown(job.name),
        commit=_commit(job),
        python=_python(job, report, session),
        possible=reason is None,
        reason=reason,
        control_job=_nearest(job, siblings) if reason else None,
        green_commit=green_commit if green_commit and _COMMIT.fullmatch(green_commit) else None,
        repository=source,
        folder=folder,
        installs_project=_installs_project(report),
        packages=packages,
        environment=_environment(report),
        options=_options(report),
        tests=tests,
        repeats=repeats,
        notes=tuple(_notes(report, tests, named, dropped, green_commit)),
    )


# What the log says


def _commit(job: WorkflowJob) -> str:
    if job.commit and _COMMIT.fullmatch(job.commit):
        return job.commit.lower()
    raise ArgosError(
        "It is not known at which commit the job ran.",
        where=f"job {job.job_id}",
        next_step="Bring the run home with `scout ci sync`, or import its log again with --commit SHA.",
    )


def _session(report: LogReport | None, failures: Sequence[Failure]) -> TestSession | None:
    """The last session that holds one of the failures, else the last one."""
    sessions = report.sessions if report else ()
    wanted = {failure.nodeid for failure in failures if failure.nodeid}
    holding = [each for each in sessions if any(test.nodeid in wanted for test in each.failures)]
    return next(reversed(holding or sessions), None)


def _platform(session: TestSession | None) -> str | None:
    printed = (session.platform or "") if session else ""
    return {"win32": "windows", "darwin": "macos"}.get(
        printed, "linux" if printed.startswith("linux") else None
    )


def _python(job: WorkflowJob, report: LogReport | None, session: TestSession | None) -> str:
    """The most precise version: of the session, of what was set up, of the job."""
    told = (session and session.python, report and report.setup_python, job.python_version)
    versions = [version for version in told if version and _VERSION.fullmatch(version)]
    if not versions:
        raise ArgosError(
            "Neither the log nor the name of the job tells which Python it ran.",
            where=f"job {job.job_id}",
            next_step=f"Look at its log: scout ci show {job.job_id}.",
        )
    return versions[0]


def _reason(system: str | None) -> str | None:
    if system in _SYSTEMS:
        name = _SYSTEMS[system]
        return (
            f"The job ran on {name}, which a Linux container cannot show. "
            f"Run the same tests on a {name} machine; what runs here is the control on Linux."
        )
    return None


def _nearest(job: WorkflowJob, siblings: Iterable[WorkflowJob]) -> str | None:
    """The Linux job of the run whose Python is closest; of equal ones the first by name."""
    linux = [each for each in siblings if cell_of(each)[0] == "linux" and each.run_id == job.run_id]
    wanted = _number(cell_of(job)[1])
    closest = min(linux, key=lambda each: (abs(_number(cell_of(each)[1]) - wanted), each.name), default=None)
    return _shown(closest.name) if closest else None


def _number(version: str | None) -> int:
    major, _, minor = (minor_version(version) or "0.0").partition(".")
    return 100 * int(major) + int(minor)


def _repository(text: str | None) -> str | None:
    owner, _, name = (text or "").partition("/")
    return text if _WORD.fullmatch(owner) and _WORD.fullmatch(name) else None


def _packages(report: LogReport | None, own: Iterable[str]) -> tuple[dict[str, str], int]:
    """What to install, and how many entries are no name and version of a package."""
    ours = {_canonical(name) for name in own}
    said = report.packages if report else {}
    wanted = {name: version for name, version in said.items() if not _own(_canonical(name), ours)}
    sound = {n: v for n, v in wanted.items() if _PACKAGE.fullmatch(n) and _PINNED.fullmatch(v)}
    return dict(sorted(sound.items())), len(wanted) - len(sound)


def _own(name: str, ours: set[str]) -> bool:
    """Whether a distribution is the project's: `shop`, and `ann-shop` of the package `ann` in `shop`."""
    return name in ours or set(name.split("-")) <= ours


def _canonical(name: str) -> str:
    """One spelling for a package's name, as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _folder(session: TestSession | None, report: LogReport | None) -> str:
    """The session's rootdir relative to the checkout; the checkout itself if it lies elsewhere."""
    rootdir = (session.rootdir or "" if session else "").replace("\\", "/").rstrip("/")
    top = (report.workspace or "" if report else "").replace("\\", "/").rstrip("/")
    if top and (rootdir + "/").startswith(top + "/"):
        inside = rootdir[len(top) + 1 :]
    else:
        found = _CHECKOUT.match(rootdir)
        inside = rootdir[found.end() :] if found else ""
    clean = normpath(inside or ".")
    return "." if clean.startswith(("..", "/")) or _HIDDEN.search(clean) else clean


def _tests(failures: Sequence[Failure], job: WorkflowJob, folder: str) -> tuple[tuple[str, ...], int]:
    """The node ids to run, relative to the folder, and how many tests failed in the job."""
    names = dict.fromkeys(
        f.nodeid for f in failures if f.nodeid and f.job_id == job.job_id and "\0" not in f.nodeid
    )
    inside = [name.removeprefix(f"{folder}/") for name in names]
    if sum(map(len, inside)) <= LONGEST_ARGUMENTS:
        return tuple(inside), len(inside)
    return tuple(dict.fromkeys(name.partition("::")[0] for name in inside)), len(inside)


def _environment(report: LogReport | None) -> dict[str, str]:
    found = {"CI": "true", "GITHUB_ACTIONS": "true", "TZ": "UTC", "COLUMNS": "80"}
    seeds = [
        seed.group(1) for command in (report.commands if report else ()) for seed in _SEED.finditer(command)
    ]
    return {**found, "PYTHONHASHSEED": seeds[-1]} if seeds else found


def _options(report: LogReport | None) -> tuple[str, ...]:
    """Options of the job's pytest command that bear on the outcome; the rest is left to the project."""
    kept: list[str] = []
    for command in report.commands if report else ():
        words = _split(command)
        if any(word.rpartition("/")[2] in ("pytest", "py.test") for word in words[:4]):
            kept = list(_kept(words))
    return tuple(kept)


def _installs_project(report: LogReport | None) -> bool:
    """Whether a command of the job installed what lies in a folder: `pip install -e .[test]`."""
    for command in report.commands if report else ():
        words = _split(command)
        if "install" in words and any(
            re.match(r"(?:-e|--editable|\.{1,2}[/\[]?.*)$", word) for word in words
        ):
            return True
    return False


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # quotes that do not close
        return []


def _kept(words: Sequence[str]) -> Iterator[str]:
    following = iter([*words[1:], ""])
    for word, after in zip(words, following, strict=True):
        name, equals, _ = word.partition("=")
        if word == "-p" and after.startswith("no:"):
            yield from (word, after)
        elif name in _KEPT and (equals or not _KEPT[name]):
            yield word
        elif name in _KEPT and after and not after.startswith("-"):
            yield from (word, after)


def _notes(
    report: LogReport | None, tests: Sequence[str], named: int, dropped: int, green: str | None
) -> Iterator[str]:
    if not tests:
        yield "No failing test is named in the log, so all tests are run."
    elif named > len(tests):
        yield f"{named} tests failed; their {len(tests)} files are run."
    if not report or not report.packages:
        yield "The log does not say which packages were installed: install the project's own requirements."
    if dropped:
        entries = "1 entry is" if dropped == 1 else f"{dropped} entries are"
        yield f"Of the installed packages {entries} left out, being no name and version of one."
    if not green:
        yield "No green commit is known, so there is no control run."


def _as_argument(nodeid: str) -> str:
    """A node id that is taken neither for an option nor for a file of arguments."""
    return f"./{nodeid}" if nodeid.startswith(("-", "@")) else nodeid


def _shown(text: str) -> str:
    """Text on one line, for a comment or a table."""
    return _HIDDEN.sub(" ", text).strip()[:200]


# The script


def script(made: Recipe) -> str:
    """The recipe as a POSIX shell script, to be run in a clone of the repository with Docker.

    It makes a worktree for each commit under `.argos/reproduce`, installs the packages with the
    network and runs the tests without it, `repeats` times, first at the last green commit. It prints the
    rates and ends with 0 if the failure was reproduced and the control passed, with 1 if not.
    """
    values = {
        "commit": made.commit,
        "green": made.green_commit or "",
        "image": made.image,
        "workspace": made.workspace,
        "folder": made.folder,
        "repeats": str(made.repeats),
    }
    settings = " ".join(f"-e {shlex.quote(f'{name}={value}')}" for name, value in made.environment.items())
    return "\n".join(
        (
            "#!/bin/sh",
            f"# Job {made.job_id} of run {made.run_id}: {_shown(made.job_name)}",
            *(f"# {_shown(note)}" for note in (*((made.reason,) if made.reason else ()), *made.notes)),
            "set -eu",
            "",
            *(f"{name}={shlex.quote(value)}" for name, value in values.items()),
            'base="$(git rev-parse --show-toplevel)/.argos/reproduce"',
            "",
            _IN_CONTAINER.replace("@SETTINGS@", settings),
            _INSTALL,
            _PREPARE.replace("@INSTALL@", _installation(made)),
            _REPEAT.replace("@TESTS@", shlex.join(made.test_command[3:])),
            _VERDICT,
        )
    )


def _installation(made: Recipe) -> str:
    """The lines that install; without pins the newest pytest and what the project itself asks for."""
    pins = (made.install_command or ())[5:]
    packages = f'    install "$1" {shlex.join(pins)}\n' if pins else _NEWEST
    project = _PROJECT.replace("@OPTION@", "--no-deps " if pins else "") if made.installs_project else ""
    return packages + project


_IN_CONTAINER = """\
in_container() {  # a commit, then options of docker, the image and a command
    place="$base/$1"
    shift
    docker run --rm --user "$(id -u):$(id -g)" -e HOME=/tmp @SETTINGS@ \\
        -v "$place/files:$workspace" -v "$place/venv:/venv" -w "$workspace/$folder" "$@"
}
"""
_INSTALL = """\
install() {  # a commit, then packages: all at once, else those that can be had
    at=$1
    shift
    in_container "$at" "$image" /venv/bin/python -m pip install --quiet --no-deps "$@" && return
    for package in "$@"; do
        in_container "$at" "$image" /venv/bin/python -m pip install --quiet --no-deps "$package" ||
            echo "Left out, for it cannot be had: $package"
    done
}
"""
_PREPARE = """\
prepare() {  # a commit: its files and its packages
    git cat-file -e "$1^{commit}" 2>/dev/null || git fetch origin "$1"
    mkdir -p "$base/$1/venv"
    [ -e "$base/$1/files" ] || git worktree add --detach "$base/$1/files" "$1"
    in_container "$1" "$image" python -m venv --clear /venv
    in_container "$1" "$image" /venv/bin/python -m pip install --quiet --upgrade pip
@INSTALL@    in_container "$1" "$image" /venv/bin/python -c "import pytest" || {
        echo "pytest is not among the packages that were installed: add it to the ones above."
        exit 1
    }
}
"""
_NEWEST = """\
    in_container "$1" "$image" /venv/bin/python -m pip install --quiet pytest
"""
_PROJECT = """\
    in_container "$1" -e SETUPTOOLS_SCM_PRETEND_VERSION=0.0 "$image" \\
        /venv/bin/python -m pip install --quiet @OPTION@--editable .
"""
_REPEAT = """\
repeat() {  # a commit: runs the tests and counts how often they failed
    failed=0 ran=0 turn=0
    while [ "$turn" -lt "$repeats" ]; do
        turn=$((turn + 1)) status=0
        in_container "$1" --network none "$image" /venv/bin/python -m pytest @TESTS@ || status=$?
        case $status in
            0) ran=$((ran + 1)) ;;
            4 | 5 | 125 | 126 | 127) echo "Turn $turn did not run the tests (exit code $status)." ;;
            *) ran=$((ran + 1)) failed=$((failed + 1)) ;;
        esac
    done
    echo "At $1 the tests failed $failed of $ran times."
}
"""
_VERDICT = """\
if [ -n "$green" ]; then
    prepare "$green"
    repeat "$green"
    if [ "$failed" -gt 0 ] || [ "$ran" -eq 0 ]; then
        echo "The control did not pass: the container differs from CI, so nothing follows from it."
        exit 1
    fi
fi
prepare "$commit"
repeat "$commit"
if [ "$failed" -eq 0 ]; then
    echo "Not reproduced."
    exit 1
fi
echo "Reproduced."
"""
