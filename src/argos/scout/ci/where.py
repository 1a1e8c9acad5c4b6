"""Where a job ran: operating system and Python, from the best witness there is.

In order of trust: the header of the test session, the head of the log, the labels, the job's name, the
workflow file. A witness that is silent or ambiguous is passed over; one that contradicts itself, such as
a log with sessions of two Pythons, settles that there is no single answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from argos.model.ci import LogReport, WorkflowJob
from argos.scout.ci.workflow_file import PlannedJob, planned_jobs


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job ran. None is unknown, or more than one.

    `os_family` is linux, windows or macos; `os_label` is the image where the log names it (`ubuntu-24.04`),
    else the label (`ubuntu-latest`). `python` is as precise as it is known (`3.8.18`, `3.8`; `pypy3.10.14`;
    `3.13.1t` without the global lock), `minor` without the last number (`3.8`, `pypy3.10`, `3.13t`).
    `evidence` are sentences: what told it, and why something is unknown.
    """

    os_family: str | None = None
    os_label: str | None = None
    python: str | None = None
    minor: str | None = None
    evidence: tuple[str, ...] = ()


def where(job: WorkflowJob, report: LogReport | None = None, workflow_yaml: str | None = None) -> Place:
    """Where `job` ran, by its log's `report` and the text of its workflow file at its commit, if at hand."""
    planned = _planned(job, workflow_yaml)
    system = _first(_systems(job, report or LogReport(), planned))
    python = _first(_pythons(job, report or LogReport(), planned))
    family = _family(system.answer or "")
    version = python_version(python.answer or "")
    return Place(
        family,
        _label(job, report or LogReport(), planned, family),
        version[0] if version else None,
        version[1] if version else None,
        tuple(sentence for sentence in (system.sentence, python.sentence) if sentence),
    )


@dataclass(frozen=True, slots=True)
class _Witness:
    """What one source says. `settled` without an answer: it is known that there is no single one."""

    answer: str | None
    sentence: str = ""
    settled: bool = False


def _first(witnesses: Iterable[_Witness]) -> _Witness:
    """The first witness that settles the question; else the remarks of those who could not."""
    remarks = []
    for witness in witnesses:
        if witness.answer is not None or witness.settled:
            return witness
        remarks.append(witness.sentence)
    return _Witness(None, " ".join(remark for remark in remarks if remark))


# Operating systems

_SESSION_PLATFORMS = {
    "linux": "linux",
    "linux2": "linux",
    "win32": "windows",
    "cygwin": "windows",
    "darwin": "macos",
}
_FAMILIES = (
    ("windows", re.compile(r"(?<![a-z])win(?:dows|32|64)?(?![a-z])|windows", re.IGNORECASE)),
    ("macos", re.compile(r"(?<![a-z])(?:mac|macos|mac ?os ?x|osx|darwin)(?![a-z])", re.IGNORECASE)),
    (
        "linux",
        re.compile(
            r"(?<![a-z])(?:linux|manylinux|ubuntu|debian|fedora|centos|alpine|rhel)(?![a-z])", re.IGNORECASE
        ),
    ),
)
_LABEL = re.compile(
    r"(?:ubuntu|windows|macos)-(?:latest|slim|[0-9]{2,4}(?:\.[0-9]{2})?)(?:-(?:arm64|arm|intel|large|xlarge))?"
)


def _systems(job: WorkflowJob, report: LogReport, planned: PlannedJob | None) -> Iterator[_Witness]:
    platforms = {_SESSION_PLATFORMS.get(each.platform, "") for each in report.sessions if each.platform} - {
        ""
    }
    if len(platforms) > 1:
        yield _Witness(None, f"The log has sessions on {_listed(platforms)}: no single answer.", settled=True)
    for platform in platforms:
        yield _Witness(platform, f"The session header says {platform}.")
    yield _system(report.image, "The log's image is {}.")
    yield _system(report.os, "The log's head says {}.")
    yield _system(_workspace_system(report.workspace or ""), "The log's paths are those of {}.")
    for label in (*report.labels, *job.labels):
        yield _system(label, "The label is {}.")
    yield _named_system(job.name)
    for label in planned.runs_on if planned else ():
        yield _system(label, "The workflow file says {}.")
    yield _Witness(None, "Nothing tells the operating system.")


def _system(text: str | None, sentence: str) -> _Witness:
    found = _families(text or "")
    return _Witness(found[0], sentence.format(text)) if text and len(found) == 1 else _Witness(None)


def _named_system(name: str) -> _Witness:
    found = _families(name)
    if len(found) > 1:
        return _Witness(None, f"The job's name speaks of {_listed(found)}.")
    return _system(name, "The job's name is “{}”.")


def _families(text: str) -> list[str]:
    return [family for family, words in _FAMILIES if words.search(text)]


def _family(text: str) -> str | None:
    return next(iter(_families(text)), None)


def _workspace_system(workspace: str) -> str | None:
    """The runners' own folders: `/home/runner/work`, `D:\\a`, `/Users/runner/work`."""
    if re.match(r"[A-Za-z]:[\\/]", workspace):
        return "windows"
    folders = {"/Users/": "macos", "/home/": "linux", "/__w/": "linux"}
    return next((family for folder, family in folders.items() if workspace.startswith(folder)), None)


def _label(job: WorkflowJob, report: LogReport, planned: PlannedJob | None, family: str | None) -> str | None:
    """The most exact label that is of the family; a label of another family is the host's, not the job's."""
    if family is None:
        return None
    texts = [report.image or "", *report.labels, *job.labels, job.name, *(planned.runs_on if planned else ())]
    labels = [match[0] for text in texts for match in _LABEL.finditer(text.lower())]
    others = [family for label in (*report.labels, *job.labels) if label.lower() == family]
    return next((label for label in (*labels, *others) if _family(label) == family), None)


# Pythons

_VERSION = re.compile(
    r"(?:v?(?P<implementation>pypy|cpython|graalpy)[-_ ]?)?(?P<minor>[23]\.[0-9]{1,2})"
    r"(?P<patch>\.[0-9]{1,2})?(?P<pre>(?:a|b|rc)[0-9]+\+?|-(?:alpha|beta|rc)\.?[0-9]*|-dev|\+)?"
    r"(?P<threads>t|-freethreaded)?(?:\[(?P<inside>pypy|graalpy)[^\]]*\]?)?(?![0-9])(?!\.[0-9])",
    re.IGNORECASE,
)


def python_version(text: str) -> tuple[str, str] | None:
    """(as precise as written, major.minor) of a Python: `3.8.18`, `pypy-3.10`, `3.13t`, `3.10.14[pypy-7]`.

    None for anything else, and for `3.1`: no runner has it, so it is 3.10 that YAML took for a number,
    or it is not.
    """
    match = _VERSION.match(text.strip().removeprefix("python").lstrip("- "))
    if match is None or not _plausible(match["minor"]):
        return None
    implementation = (match["implementation"] or match["inside"] or "").lower().removeprefix("c")
    before = "" if implementation == "python" else implementation
    threads = "t" if match["threads"] else ""
    pre = (match["pre"] or "").removesuffix("-dev")
    minor = f"{before}{match['minor']}"
    return f"{minor}{match['patch'] or ''}{pre}{threads}", f"{minor}{threads}"


def _plausible(minor: str) -> bool:
    """Pythons that CI has run: 2.6 and 2.7, and from 3.3 on."""
    major, number = map(int, minor.split("."))
    return number in (6, 7) if major == 2 else 3 <= number < 30


def _pythons(job: WorkflowJob, report: LogReport, planned: PlannedJob | None) -> Iterator[_Witness]:
    yield _of_sessions(report)
    yield _of_environments(report)
    if report.setup_python:
        yield _python(report.setup_python, "The log says that Python {} was set up.")
    yield named_python(job.name)
    if planned is not None and planned.python:
        yield _python(planned.python, "The workflow file says Python {}.")
    if planned is not None and planned.container:
        yield _of_container(planned.container)
    yield _Witness(None, "Nothing tells the Python version.")


def _python(text: str, sentence: str) -> _Witness:
    if python_version(text) is not None:
        return _Witness(text, sentence.format(text))
    return _Witness(None, _AMBIGUOUS if re.fullmatch(r"3\.1", text) else "")


_AMBIGUOUS = "What is written as 3.1 may be 3.10, read as a number by YAML."


def _of_sessions(report: LogReport) -> _Witness:
    """Of the sessions that name their Python; several of one minor version agree on that."""
    versions = {found for each in report.sessions if each.python and (found := python_version(each.python))}
    minors = {minor for _, minor in versions}
    if len(minors) > 1:
        return _Witness(
            None, f"The log has sessions on Python {_listed(minors)}: no single answer.", settled=True
        )
    if not versions:
        return _Witness(None)
    answer = versions.pop()[0] if len(versions) == 1 else minors.pop()
    return _Witness(answer, f"The session header says Python {answer}.")


def _of_environments(report: LogReport) -> _Witness:
    """tox, nox and hatch bring their own interpreter, whatever was set up: `py311-django42`."""
    names = {each.environment for each in report.sessions if each.environment}
    found = {version for name in names for version in _spelt(name)}
    if len(found) > 1:
        return _Witness(
            None, f"The log has environments of Python {_listed(found)}: no single answer.", settled=True
        )
    if not found:
        return _Witness(None)
    minor = found.pop()
    exact = python_version(report.setup_python or "")
    answer = exact[0] if exact is not None and exact[1] == minor else minor
    return _Witness(answer, f"The environment {_listed(names)} says Python {answer}.")


def _of_container(image: str) -> _Witness:
    match = re.fullmatch(r"(?:.*/)?(python|pypy):([0-9][^@]*)(?:@.*)?", image)
    text = f"{'pypy' if match[1] == 'pypy' else ''}{match[2]}" if match else ""
    return _python(text, f"The workflow file runs the job in {image}, Python {{}}.")


# Job names are free text.

_SPELT = re.compile(
    r"(?<![a-z0-9])(?P<implementation>pypy|cpython|python|graalpy|cp|py|pp)[-_ ]?v?"
    r"(?P<major>[23])(?:[._](?P<dotted>[0-9]{1,2})|(?P<glued>[0-9]{1,2}))"
    r"(?P<patch>\.[0-9]{1,2})?(?P<threads>t)?(?![0-9a-z])(?!\.[0-9])",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?<![0-9.])(?P<before>[A-Za-z][A-Za-z+#]*)?[-_ =~>]*"
    r"(?<![0-9.])(?P<version>[23]\.[0-9]{1,2}(?:\.[0-9]{1,2})?(?:-dev|-(?:alpha|beta|rc)\S*)?t?)(?![0-9A-Za-z])(?!\.[0-9])",
)
_OTHER_TOOLS = frozenset({
    "alpine", "bazel", "boost", "celery", "chrome", "clang", "cmake", "cuda", "deno", "django", "dotnet",
    "drf", "elixir", "elasticsearch", "erlang", "flask", "gcc", "go", "golang", "gradle", "haskell",
    "java", "jdk", "jre", "julia", "kafka", "kotlin", "libressl", "llvm", "lua", "mariadb", "maven",
    "mongo", "mongodb", "mysql", "net", "node", "nodejs", "npm", "numpy", "openssl", "otp", "pandas",
    "perl", "php", "pg", "pnpm", "postgis", "postgres", "postgresql", "pydantic", "pytest", "pytorch",
    "qt", "r", "rabbitmq", "rails", "redis", "ruby", "rust", "scala", "scipy", "sphinx", "spark",
    "sqlalchemy", "sqlite", "swift", "tensorflow", "terraform", "torch", "tornado", "tox", "typescript",
    "v", "wagtail", "yarn",
})  # fmt: skip
_CONJUNCTIONS = frozenset({"and", "or", "to"})


def named_python(name: str) -> _Witness:
    """What a job's name tells of its Python.

    Where it is spelt out (`py311`, `Python 3.8`) that counts, else a bare version that is not another
    tool's. Of `caller / callee` the callee's part counts first. Two versions are none.
    """
    for part in reversed(name.split(" / ")):
        found = _spelt(part)
        found |= _bare(part, only_after=_CONJUNCTIONS if found else None)
        if len(found) > 1:
            return _Witness(None, f"The job's name speaks of Python {_listed(found)}.")
        if found:
            return _Witness(found.pop(), f"The job's name is “{name}”.")
    return _Witness(None, _AMBIGUOUS if re.search(r"(?<![0-9.])3\.1(?![0-9.])", name) else "")


def _spelt(text: str) -> set[str]:
    """The versions that are said to be Python's: `py311`, `python-3.8`, `pypy3.10`, `cp313t`."""
    found = set()
    for match in _SPELT.finditer(text):
        kind = match["implementation"].lower()
        before = "pypy" if kind in ("pypy", "pp") else "graalpy" if kind == "graalpy" else ""
        minor = f"{match['major']}.{match['dotted'] or match['glued']}"
        if _plausible(minor):
            found.add(f"{before}{minor}{match['patch'] or ''}{(match['threads'] or '').lower()}")
    return found


def _bare(text: str, *, only_after: frozenset[str] | None) -> set[str]:
    """Versions without a word that says whose they are, or with one that is no other tool's.

    Beside a version that is spelt out only those count that are joined to it: `Python 3.8 and 3.9`.
    """
    found = set()
    for match in _BARE.finditer(text):
        before = (match["before"] or "").lower()
        wanted = before not in _OTHER_TOOLS if only_after is None else before in only_after
        if wanted and python_version(match["version"]) is not None:
            found.add(match["version"])
    return found


def _planned(job: WorkflowJob, workflow_yaml: str | None) -> PlannedJob | None:
    """The job in the workflow file, by its name; of several by that name what they agree on."""
    jobs = [each for each in planned_jobs(workflow_yaml) if each.name == job.name] if workflow_yaml else []
    if not jobs:
        return None
    pythons, systems, containers = ({getattr(each, name) for each in jobs} for name in PLANNED)
    return PlannedJob(
        job.name,
        systems.pop() if len(systems) == 1 else (),
        pythons.pop() if len(pythons) == 1 else None,
        containers.pop() if len(containers) == 1 else None,
    )


PLANNED = ("python", "runs_on", "container")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
