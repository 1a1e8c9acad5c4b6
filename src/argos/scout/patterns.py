"""Why CI is red: failures grouped by cause, each with its kind, its evidence and its confidence.

What `detect` needs is one value, `History`. Whoever fills it from the store follows these rules:

- `runs`: every attempt of every workflow run of the window, red and green. Green ones are the control.
- `jobs`: every job of these attempts (`filter=all`). `runner_os` and `python_version` as far as known
  (`ubuntu-24.04`, `3.8.18`); the cell of the matrix is made from them here. A job without `commit`
  has that of its run.
- `failures`: what failed, as `failures_of(job, report, annotations)` makes it, one for each failing
  test and one for each reason of a job itself.
- `results`: for every test that is named in `failures`, and every test that was rerun, how it ended in
  EVERY job, passes and skips included; for a file that could not be collected (a node id without
  `::`), those of its tests, or none. Other tests are not needed. A green job without any results
  counts as one in which the tests passed, if it is a job of the same name in the same matrix; for a
  file, a green job without results of its tests.
- `reports`: by job id, for red jobs at least, for the lines to point at; `annotations` likewise.
- `own_packages`: top-level import names of the project, to tell a missing dependency from a bug.

Clues and confidence. Each piece of evidence is a clue for one kind of cause with a weight, the chance
that the clue alone is right (the constants below, and the rules of `argos.scout.clues`). Clues for the
same kind add up as independent ones do: support = 1 - (1 - w1)(1 - w2)... The kind with the most
support is the pattern's; its confidence is its support less half of what speaks for the next kind:
support x (1 - rival / 2), at most 0.97.

The dependence on the operating system or the Python version is decided by `argos.stats.matrix`, over
all groups of a call together (false discovery rate). A passing rerun speaks for a flaky test; that
there was none speaks for nothing. Jobs that were cancelled because a sibling failed are victims:
what they say about themselves is left out, the tests that failed in them before are not.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from math import prod
from operator import attrgetter

from argos.model.ci import (
    RED,
    Annotation,
    CIFailurePattern,
    Evidence,
    Failure,
    LoggedTest,
    LogReport,
    PatternType,
    WorkflowJob,
    WorkflowRun,
)
from argos.scout.clues import Clue, clues
from argos.scout.signatures import signature
from argos.stats import matrix

# Weights: how often a clue is right by itself
BUG_BY_DEFAULT = 0.3  # nothing else is known
FAILS_EVERYWHERE = 0.6  # in every cell of at least two that ran at the same commit
NEW_SINCE_GREEN = 0.4  # passed before some commit, failed ever since
RERUN_PASSED = 0.85  # failed and then passed within one session
OTHER_ATTEMPT_PASSED = 0.8  # same commit, same cell, another attempt or run
ALTERNATES = 0.5  # three or four changes between red and green in one cell
ALTERNATES_OFTEN = 0.8  # five changes or more
PARTLY = 0.35  # fails in some cells without a pattern in them
DEPENDS = 0.75  # the exact test says so, corrected
DEPENDS_CLEARLY = 0.9  # the same with p < 0.001
SEPARATES = (
    0.3,
    0.4,
    0.5,
)  # fails exactly on these levels, in 1, 2, 3 or more comparisons, p too large to tell

TELLING = 0.5
"""From this weight on the words of an error explain by themselves how far it reaches."""

MOST_CONFIDENT = 0.97
MOST_EVIDENCE = 12  # sentences of one pattern
HOSTED_LIMIT_S = 6 * 3600.0
"""Longest time of a job on GitHub's own machines unless the workflow sets another."""

_LEVELS = {"windows": "Windows", "macos": "macOS", "linux": "Linux"}
_NO_REASON = frozenset({"exit-code", "cancelled", "annotation"})
_BESIDE_TESTS = frozenset({"timeout", "infrastructure"})
_UNSPECIFIC = re.compile(r"assert\b|AssertionError|Failed: DID NOT|unknown error")
_OS_WORDS = re.compile(
    r"(?P<windows>windows|win32|win64|\bwin\b|cygwin|mingw)|(?P<macos>macos|mac os|darwin|os ?x\b)"
    r"|(?P<linux>ubuntu|linux|debian|fedora|alpine|centos|manylinux)",
    re.IGNORECASE,
)
_FIXES = {
    PatternType.PLATFORM: (
        "Look at what {what} takes from the system: paths, encodings, line ends, permissions, case."
    ),
    PatternType.PYTHON: (
        "Look at what {what} uses that differs between these Pythons, and at the versions of its "
        "dependencies."
    ),
    PatternType.FLAKY: (
        "Repeat {what} alone and in random order; look for time, order, shared state and the network."
    ),
    PatternType.TIMEOUT: "Find what {what} waits for; raise the limit only if it still makes progress.",
    PatternType.SETUP: (
        "Compare the packages of this job with those of the last green one, and pin what changed."
    ),
    PatternType.INFRASTRUCTURE: (
        "Run the job again; if it recurs, look at the runner and at what is downloaded."
    ),
    PatternType.BUG: "Reproduce {what} here, and look at the commits since it was last green.",
}


@dataclass(frozen=True, slots=True)
class CIResult:
    """How one test ended in one job; run, attempt, commit and cell are those of the job.

    `outcome` as in `LoggedTest`; `reruns` is how many attempts failed before it in the same session.
    """

    nodeid: str
    job_id: int
    outcome: str
    reruns: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """Everything `detect` looks at; see the module's text for what belongs into each field."""

    runs: Sequence[WorkflowRun] = ()
    jobs: Sequence[WorkflowJob] = ()
    failures: Sequence[Failure] = ()
    results: Sequence[CIResult] = ()
    reports: Mapping[int, LogReport] = field(default_factory=dict)
    annotations: Mapping[int, Sequence[Annotation]] = field(default_factory=dict)
    own_packages: frozenset[str] = frozenset()


# What one job tells


def os_family(text: str | None) -> str | None:
    """`linux`, `windows` or `macos` for a label, an image, a platform or a name; None if it names none."""
    found = _OS_WORDS.search(text or "")
    return found.lastgroup if found else None


def minor_version(text: str | None) -> str | None:
    """`3.8` of `3.8.18`; None for what is no version of Python with a minor part."""
    found = re.match(r"(?:py(?:py|thon)?-?)?(\d\.\d{1,2})(?:[.\w+-]|$)", text or "")
    return found.group(1) if found else None


def cell_of(job: WorkflowJob) -> tuple[str | None, str | None]:
    """OS family and Python of a job; None where nothing tells. Labels stand in for a missing OS."""
    systems = (os_family(text) for text in (job.runner_os, *job.labels))
    return next((system for system in systems if system), None), minor_version(job.python_version)


def results_of(job: WorkflowJob, report: LogReport) -> tuple[CIResult, ...]:
    """How each test of the job ended: of several sessions with the same test the last decides.

    Sessions of different environments (tox, nox) are different tests' worlds: a failure in one of them
    is not undone by another. Failing sessions before the last one count as reruns.
    """
    found = (CIResult(test.nodeid, job.job_id, test.outcome, reruns) for test, reruns in _endings(report))
    return tuple(found)


def failures_of(
    job: WorkflowJob,
    report: LogReport | None,
    annotations: Sequence[Annotation] = (),
    *,
    limit_s: float = HOSTED_LIMIT_S,
    at: datetime | None = None,
) -> tuple[Failure, ...]:
    """The failures of one job: one for each failing test, and one for each reason of the job itself.

    A job that was cancelled has no reason of its own unless it ran into a limit: an annotation that
    says so, or `limit_s` seconds. A green job has no failures. `at` stands in where GitHub has set no
    time for the job, and the beginning of 1970 for that.
    """
    if job.conclusion == "success":
        return ()
    when = job.completed_at or job.started_at or job.created_at or at or datetime.fromtimestamp(0, UTC)
    tests = [test for test, _ in _endings(report) if test.failing] if report else []
    if job.conclusion == "cancelled":
        tests = [test for test in tests if "KeyboardInterrupt" not in (test.message or "")]
    reasons = list(_reasons(job, report, annotations, limit_s, bool(tests)))
    return (
        *(_failure(job, when, t.message or t.outcome, t.outcome, t.nodeid, t.traceback) for t in tests),
        *(_failure(job, when, message, kind) for kind, message in reasons),
    )


def _failure(
    job: WorkflowJob,
    at: datetime,
    message: str,
    kind: str,
    nodeid: str | None = None,
    traceback: str | None = None,
) -> Failure:
    system, python = cell_of(job)
    return Failure(
        run_id=job.run_id,
        run_attempt=job.run_attempt,
        job_id=job.job_id,
        job_name=job.name,
        signature=signature(message, traceback),
        message=message,
        at=at,
        nodeid=nodeid,
        commit=job.commit,
        runner_os=system,
        python_version=python,
        kind=kind,
        traceback=traceback,
    )


def _endings(report: LogReport) -> Iterator[tuple[LoggedTest, int]]:
    """Each test once for each environment, as it ended, with the number of failing attempts before."""
    last: dict[tuple[str | None, str], tuple[LoggedTest, int]] = {}
    for session in report.sessions:
        for test in session.tests:
            key = (session.environment, test.nodeid)
            before, reruns = last.get(key, (None, 0))
            again = reruns + test.reruns + (before is not None and before.failing)
            last[key] = (test, again)
    worst: dict[str, tuple[LoggedTest, int]] = {}
    for test, reruns in last.values():
        known = worst.get(test.nodeid)
        if known is None or (test.failing and not known[0].failing):
            worst[test.nodeid] = (test, reruns)
    yield from worst.values()


def _reasons(
    job: WorkflowJob,
    report: LogReport | None,
    annotations: Sequence[Annotation],
    limit_s: float,
    has_tests: bool,
) -> Iterator[tuple[str, str]]:
    """Kind and message of what failed in the job besides its tests, each kind once."""
    found = {error.kind: error.message for error in reversed(report.errors if report else ())}
    limits = [a.message for a in annotations if "exceeded the maximum execution time" in a.message]
    if limits or job.conclusion == "timed_out" or _at_the_limit(job, limit_s):
        words = f"The job was ended after {job.duration_s or 0:.0f} s, its limit."
        found["timeout"] = limits[0] if limits else found.get("timeout", words)
    allowed = _BESIDE_TESTS if has_tests or job.conclusion not in RED else None
    named = [(k, m) for k, m in found.items() if k not in _NO_REASON and (allowed is None or k in allowed)]
    yield from named
    if not named and not has_tests and job.conclusion in RED:
        yield _unnamed(job, report, annotations)


def _at_the_limit(job: WorkflowJob, limit_s: float) -> bool:
    return job.conclusion == "cancelled" and limit_s - 5 <= (job.duration_s or 0.0) <= limit_s + 300


def _unnamed(
    job: WorkflowJob, report: LogReport | None, annotations: Sequence[Annotation]
) -> tuple[str, str]:
    """What to say of a red job of which neither a test nor a known error is to be seen."""
    if report and report.lint:
        first = report.lint[0]
        return (
            "lint",
            f"{first.tool} found {first.code or 'a fault'} in {first.path or 'a file'}: {first.message}",
        )
    said = [error.message for error in report.errors if error.kind != "cancelled"] if report else []
    said += [a.message for a in annotations if a.level == "failure"]
    step = job.failing_step
    what = said[0] if said else f"The job ended with {job.conclusion}."
    return "exit-code", f"Step {step.name}: {what}" if step else what


# The history, arranged


@dataclass(frozen=True, slots=True)
class _Place:
    """A job with where it stands: `family` is its workflow, and its name without what the matrix adds."""

    job: WorkflowJob
    os: str | None
    python: str | None
    commit: str | None
    family: tuple[str, str]
    branch: str | None
    at: datetime
    attempt: tuple[int, int]
    order: tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class _Index:
    places: Mapping[int, _Place]
    green: Mapping[tuple[str, str], Sequence[_Seen]]  # every job of a family, as one that passed
    attempts: Mapping[tuple[int, int], Sequence[_Place]]
    by_test: Mapping[str, Sequence[CIResult]]
    by_file: Mapping[str, Sequence[CIResult]]
    reported: frozenset[int]  # jobs with results


@dataclass(frozen=True, slots=True)
class _Seen:
    """Whether a group's failure happened in a job that could have shown it."""

    place: _Place
    failed: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """Failures of one cause, with every job that could have shown it, in order of time."""

    signature: str
    failures: tuple[Failure, ...]
    tests: tuple[str, ...]
    seen: tuple[_Seen, ...]
    rerun: tuple[tuple[_Place, CIResult], ...]


_FACTORS = (PatternType.PLATFORM, PatternType.PYTHON)


def detect(history: History, *, alpha: float = matrix.ALPHA) -> list[CIFailurePattern]:
    """The patterns, the most frequent first; ties by the newest. One for each signature and cause.

    `alpha` is the share of false leads that is accepted among those called platform-specific or
    python-version-specific by the exact test.
    """
    index = _arranged(history)
    groups = [_group(key, found, index) for key, found in _grouped(history, index).items()]
    groups += _rerun_only(history, index, {test for group in groups for test in group.tests})
    tables = [
        matrix.dependence(_cells(group, factor), alpha=alpha) for group in groups for factor in _FACTORS
    ]
    tested = matrix.corrected(tables)
    patterns = [
        _pattern(
            group, dict(zip(_FACTORS, tested[2 * place : 2 * place + 2], strict=True)), history, index, alpha
        )
        for place, group in enumerate(groups)
    ]
    return sorted(patterns, key=lambda p: (-p.failure_count, -p.last_seen.timestamp(), p.signature))


def _family(name: str) -> str:
    """A job's name without operating systems and versions: `Test Python 3.8 on windows-latest`."""
    bare = re.sub(r"\s*\([^()]*\)\s*$", "", name)
    bare = re.sub(r"(?i)\b(?:ubuntu|windows|macos|linux)(?:-[\w.]+)?\b", "*", bare)
    return re.sub(r"(?i)\bpy(?:thon)?-?\d[\d.]*\b|\b\d+(?:\.\d+)+\b", "*", bare)


def _arranged(history: History) -> _Index:
    runs = {(run.run_id, run.run_attempt): run for run in history.runs}
    places = {job.job_id: _place(job, runs.get((job.run_id, job.run_attempt))) for job in history.jobs}
    green: dict[tuple[str, str], list[_Seen]] = defaultdict(list)
    attempts: dict[tuple[int, int], list[_Place]] = defaultdict(list)
    for place in sorted(places.values(), key=lambda place: place.order):
        green[place.family].append(_Seen(place, False))
        attempts[place.attempt].append(place)
    by_test: dict[str, list[CIResult]] = defaultdict(list)
    by_file: dict[str, list[CIResult]] = defaultdict(list)
    for result in history.results:
        by_test[result.nodeid].append(result)
        by_file[result.nodeid.partition("::")[0]].append(result)
    reported = frozenset(result.job_id for result in history.results)
    return _Index(places, green, attempts, by_test, by_file, reported)


def _place(job: WorkflowJob, run: WorkflowRun | None) -> _Place:
    system, python = cell_of(job)
    at = job.completed_at or job.started_at or job.created_at or (run.created_at if run else None)
    at = at or datetime.fromtimestamp(0, UTC)
    return _Place(
        job=job,
        os=system,
        python=python,
        commit=job.commit or (run.commit if run else None),
        family=(run.workflow_path or run.workflow_name if run else "", _family(job.name)),
        branch=run.branch if run else None,
        at=at,
        attempt=(job.run_id, job.run_attempt),
        order=(at, job.job_id),
    )


def _grouped(history: History, index: _Index) -> dict[tuple[str, str], list[Failure]]:
    """Failures by signature; those whose words are unspecific and have no place also by test."""
    groups: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in history.failures:
        if not _victim(failure, index):
            groups[failure.signature, _told_apart(failure)].append(failure)
    return groups


def _told_apart(failure: Failure) -> str:
    if failure.nodeid is None:
        place = _family(failure.job_name) if failure.kind in ("exit-code", None) else ""
        return f"job {place}"
    vague = " @ " not in failure.signature and _UNSPECIFIC.match(failure.signature)
    return failure.nodeid.partition("[")[0] if vague else ""


def _victim(failure: Failure, index: _Index) -> bool:
    """Whether this says only that the job was cancelled, which happens to siblings of a failing job."""
    place = index.places.get(failure.job_id)
    cancelled = place is not None and place.job.conclusion == "cancelled"
    told = failure.kind == "cancelled" or "The operation was canceled" in failure.message
    return told or (cancelled and failure.nodeid is None and failure.kind not in _BESIDE_TESTS)


def _group(key: tuple[str, str], failures: Sequence[Failure], index: _Index) -> _Group:
    ordered = sorted(failures, key=lambda failure: failure.at)
    counts = Counter(failure.nodeid for failure in ordered if failure.nodeid)
    tests = tuple(test for test, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    red = {failure.job_id for failure in ordered}
    seen = [_Seen(index.places[job_id], True) for job_id in red if job_id in index.places]
    seen += _passed(tests, red, index)
    seen.sort(key=attrgetter("place.order"))
    return _Group(key[0], tuple(ordered), tests, tuple(seen), _reruns(tests, index))


def _reruns(tests: Iterable[str], index: _Index) -> tuple[tuple[_Place, CIResult], ...]:
    return tuple(
        (index.places[result.job_id], result)
        for test in tests
        for result in index.by_test.get(test, ())
        if result.reruns and result.outcome == "passed" and result.job_id in index.places
    )


def _rerun_only(history: History, index: _Index, known: set[str]) -> list[_Group]:
    """Tests that failed and passed again within their sessions, and never made a job red."""
    names = {r.nodeid for r in history.results if r.reruns and r.outcome == "passed"} - known
    found = [(name, _reruns([name], index)) for name in sorted(names)]
    return [
        _Group(f"passed when rerun @ {name}"[:360], (), (name,), (), again) for name, again in found if again
    ]


def _passed(tests: Sequence[str], red: set[int], index: _Index) -> Iterator[_Seen]:
    """The jobs in which all of these tests that ran did pass; without results, green jobs of the kind."""
    fine: dict[int, bool | None] = {}  # None: skipped, which is neither
    for test in tests:
        for result in index.by_test.get(test, ()) if "::" in test else index.by_file.get(test, ()):
            before = fine.get(result.job_id)
            good = None if result.outcome == "skipped" else result.outcome not in ("failed", "error")
            fine[result.job_id] = before if good is None else good and before is not False
    named = any("::" in test for test in tests)  # of a file the results need not be there
    families = {index.places[job_id].family for job_id in red if job_id in index.places}
    for family in families:
        for each in index.green[family]:
            job = each.place.job
            told = named and job.job_id in index.reported
            green = fine.get(job.job_id, job.conclusion == "success" and not told)
            if green and job.job_id not in red:
                yield each


def _cells(group: _Group, factor: PatternType) -> Iterator[matrix.Cell]:
    """The group's jobs by level, within the same attempt and the same level of the other factor.

    Attempts in which nothing of it failed cannot tell one level from another and are left out.
    """
    red = {each.place.attempt for each in group.seen if each.failed}
    for each in group.seen:
        if each.place.attempt not in red:
            continue
        system, python = each.place.os, each.place.python
        level, other = (system, python) if factor is PatternType.PLATFORM else (python, system)
        if level:
            stratum = f"{each.place.attempt} {other} {each.place.family}"
            yield matrix.Cell(level, int(each.failed), int(not each.failed), stratum)


# What the history of a group tells


def _history_clues(
    group: _Group, found: Mapping[PatternType, matrix.Dependence], alpha: float
) -> Iterator[Clue]:
    yield from _rerun_clues(group)
    yield from _attempt_clues(group)
    yield from _alternation_clues(group)
    depends = [clue for factor in _FACTORS for clue in _factor_clues(factor, found[factor], alpha)]
    yield from depends
    yield from _extent_clues(group, bool(depends))


def _rerun_clues(group: _Group) -> Iterator[Clue]:
    if group.rerun:
        place, result = group.rerun[-1]
        times = sum(result.reruns for _, result in group.rerun)
        sentence = (
            f"{result.nodeid} failed {_times(times)} and passed when it was rerun in the same session, "
            f"last in {place.job.name}."
        )
        yield Clue(
            PatternType.FLAKY, RERUN_PASSED, sentence, run_id=place.job.run_id, job_id=place.job.job_id
        )


def _attempt_clues(group: _Group) -> Iterator[Clue]:
    """Both outcomes at the same commit in the same cell."""
    same: dict[tuple[object, ...], list[_Seen]] = defaultdict(list)
    commits = {each.place.commit for each in group.seen if each.failed}
    for each in group.seen:
        if each.place.commit and each.place.commit in commits:
            place = each.place
            same[place.commit, place.os, place.python, place.family, place.job.name].append(each)
    both = [found for found in same.values() if len({each.failed for each in found}) == 2]
    if both:
        newest = both[-1]
        red = next(each.place for each in newest if each.failed)
        green = next(each.place for each in newest if not each.failed)
        sentence = (
            f"At commit {str(red.commit)[:10]} {red.job.name} failed in run {_run(red)} "
            f"and passed in run {_run(green)}."
        )
        if len(both) > 1:
            sentence += f" The same happened at {len(both) - 1} more places."
        yield Clue(
            PatternType.FLAKY,
            OTHER_ATTEMPT_PASSED,
            sentence,
            run_id=green.job.run_id,
            job_id=green.job.job_id,
        )


def _alternation_clues(group: _Group) -> Iterator[Clue]:
    """Red and green in turns over the commits of one branch, in one cell."""
    lines: dict[tuple[object, ...], list[_Seen]] = defaultdict(list)
    red = {each.place.job.name for each in group.seen if each.failed}
    for each in group.seen:
        if each.place.job.name in red:
            lines[each.place.branch, each.place.family, each.place.job.name].append(each)
    best: tuple[int, list[_Seen]] = (0, [])
    for line in lines.values():
        marks = [
            next(per_commit).failed for _, per_commit in groupby(line, key=lambda each: each.place.commit)
        ]
        best = max(best, (sum(a != b for a, b in pairwise(marks)), line), key=lambda pair: pair[0])
    changes, line = best
    if changes >= 3:
        last = line[-1].place
        sentence = (
            f"{last.job.name} changed between red and green {changes} times over {len(line)} runs "
            f"of {last.branch or 'one branch'}."
        )
        weight = ALTERNATES_OFTEN if changes >= 5 else ALTERNATES
        yield Clue(PatternType.FLAKY, weight, sentence, run_id=last.job.run_id, job_id=last.job.job_id)


def _factor_clues(factor: PatternType, found: matrix.Dependence, alpha: float) -> Iterator[Clue]:
    if not found.strata or not found.failing:
        return
    worse = [level for level in found.levels if level.level in found.failing]
    others = [level for level in found.levels if level.level not in found.failing]
    clear = found.significant(alpha)
    apart = all(not level.passed for level in worse) and all(not level.failed for level in others)
    if not clear and not apart:
        return
    decisive = found.p_value if found.adjusted is None else found.adjusted
    weight = SEPARATES[min(found.strata, len(SEPARATES)) - 1]
    if clear:
        weight = DEPENDS_CLEARLY if decisive is not None and decisive < 0.001 else DEPENDS
    rates = "; ".join(
        f"{_level(factor, level.level)} failed {level.failed} of {level.failed + level.passed}"
        for level in (*worse, *others)
    )
    if decisive is None:
        verdict = f"Too little data to be sure: {found.too_little}"
    else:
        verdict = f"({found.test}, corrected p = {decisive:.2g})"
    bound = found.failing[0] if len(found.failing) == 1 else None
    sentence = f"{rates}, with everything else equal. {verdict}"
    on_os = factor is PatternType.PLATFORM
    yield Clue(
        factor, weight, sentence, runner_os=bound if on_os else None, python_version=None if on_os else bound
    )


def _extent_clues(group: _Group, depends: bool) -> Iterator[Clue]:
    """Whether the newest attempt that failed did so in all of its cells, and since when."""
    yield Clue(PatternType.BUG, BUG_BY_DEFAULT, "")
    red = [each.place for each in group.seen if each.failed]
    if not red:
        return
    attempt = red[-1].attempt
    now = [each for each in group.seen if each.place.attempt == attempt]
    failing = [each.place for each in now if each.failed]
    passing = [each.place for each in now if not each.failed]
    run_id, job_id = attempt[0], failing[-1].job.job_id
    if not passing and len({(place.os, place.python) for place in failing}) > 1:
        sentence = f"All {len(failing)} cells that ran it in run {_run(red[-1])} fail: {_listed(failing)}."
        yield Clue(PatternType.BUG, FAILS_EVERYWHERE, sentence, run_id=run_id, job_id=job_id)
    if passing:
        sentence = f"In run {_run(red[-1])} {_listed(failing)} failed and {_listed(passing)} passed."
        weight = 0.0 if depends else PARTLY
        yield Clue(PatternType.FLAKY, weight, sentence, run_id=run_id, job_id=job_id)
    yield from _since_clue(group, bool(passing))


def _since_clue(group: _Group, partly: bool) -> Iterator[Clue]:
    red = [each.place.at for each in group.seen if each.failed]
    cells = {each.place.job.name for each in group.seen if each.failed}
    same = [each for each in group.seen if each.place.job.name in cells]
    green = [each.place for each in same if not each.failed]
    if green and max(place.at for place in green) < min(red):
        last = max(green, key=lambda place: place.at)
        commit = f" (commit {last.commit[:10]})" if last.commit else ""
        sentence = f"The last green was run {_run(last)}{commit}; it has failed ever since."
        weight = 0.0 if partly else NEW_SINCE_GREEN
        yield Clue(PatternType.BUG, weight, sentence, run_id=last.job.run_id, job_id=last.job.job_id)


def _word_clues(group: _Group, history: History) -> Iterator[Clue]:
    """What the newest failures of the group say, each sentence once, with the line of the log."""
    said: set[tuple[PatternType, str]] = set()
    for failure in group.failures[-5:][::-1]:
        for clue in clues(failure, history.own_packages):
            elsewhere = clue.runner_os and failure.runner_os and clue.runner_os != failure.runner_os
            if not elsewhere and (clue.kind, clue.sentence) not in said:
                said.add((clue.kind, clue.sentence))
                line = _line(failure, history.reports.get(failure.job_id))
                yield replace(clue, run_id=failure.run_id, job_id=failure.job_id, line=line)


def _line(failure: Failure, report: LogReport | None) -> int | None:
    """The line of the log that says it, where the log's errors know it."""
    errors = report.errors if report else ()
    named = (error.line for error in errors if error.message == failure.message and error.line)
    session = report.sessions[-1].last_line if failure.nodeid and report and report.sessions else None
    return next(named, session)


# The verdict


def _pattern(
    group: _Group,
    found: Mapping[PatternType, matrix.Dependence],
    history: History,
    index: _Index,
    alpha: float,
) -> CIFailurePattern:
    every = _weighed([*_word_clues(group, history)], [*_history_clues(group, found, alpha)])
    kind, confidence = _verdict(every)
    every.sort(key=lambda clue: (clue.kind is not kind, -clue.weight))
    mine = [clue for clue in every if clue.kind is kind]
    system, python = _bound(every, kind, group)
    last = group.failures[-1] if group.failures else None
    times = [failure.at for failure in group.failures] or [place.at for place, _ in group.rerun]
    reproduce = _reproduce(kind, group)
    return CIFailurePattern(
        pattern_type=kind,
        signature=group.signature,
        description=_description(kind, group, system, python, reproduce),
        confidence=round(confidence, 3),
        failure_count=len(group.failures) or sum(result.reruns for _, result in group.rerun),
        first_seen=min(times),
        last_seen=max(times),
        test_nodeid=group.tests[0] if group.tests else None,
        runner_os=system,
        python_version=python,
        suggested_fix=next((clue.fix for clue in mine if clue.fix), None) or _default_fix(kind, group, last),
        reproduce=reproduce,
        evidence=(*_evidence(every), *_victims(group, index))[:MOST_EVIDENCE],
        tests=group.tests,
        run_ids=_run_ids(group),
    )


def _weighed(words: list[Clue], told: list[Clue]) -> list[Clue]:
    """All clues; where the words name a cause outside of the code, its reach speaks for no other.

    A missing package fails in every cell and a broken network in some: neither makes it a bug or a
    flaky test. These clues stay as evidence, without weight.
    """
    telling = {clue.kind for clue in words if clue.weight >= TELLING}
    outside = telling & {PatternType.SETUP, PatternType.TIMEOUT, PatternType.INFRASTRUCTURE}
    silent = {PatternType.BUG} if outside else set()
    if PatternType.INFRASTRUCTURE in outside:
        silent.add(PatternType.FLAKY)
    partly = {PARTLY} if outside else set()
    return [
        *words,
        *(
            replace(clue, weight=0.0) if clue.kind in silent or clue.weight in partly else clue
            for clue in told
        ),
    ]


def _verdict(every: Sequence[Clue]) -> tuple[PatternType, float]:
    """The kind with the most support, and the confidence in it.

    System and Python are no rivals of each other: a test may depend on both.
    """
    weights: dict[PatternType, list[float]] = defaultdict(list)
    for clue in every:
        weights[clue.kind].append(clue.weight)
    support = {kind: 1 - prod(1 - weight for weight in each) for kind, each in weights.items()}
    ranked = sorted(support, key=lambda kind: (-support[kind], list(PatternType).index(kind)))
    rival = next((support[kind] for kind in ranked[1:] if {kind, ranked[0]} != set(_FACTORS)), 0.0)
    return ranked[0], min(MOST_CONFIDENT, support[ranked[0]] * (1 - rival / 2))


def _bound(every: Sequence[Clue], kind: PatternType, group: _Group) -> tuple[str | None, str | None]:
    """The OS and the Python that the pattern is bound to: what the matrix says, else what the words say."""
    red = {(each.place.os, each.place.python) for each in group.seen if each.failed}
    system = next((c.runner_os for c in every if c.runner_os and _weighs(c, kind)), None)
    python = next((c.python_version for c in every if c.python_version and _weighs(c, kind)), None)
    return (
        system if any(where[0] == system for where in red) else None,
        python if any(where[1] == python for where in red) else None,
    )


def _weighs(clue: Clue, kind: PatternType) -> bool:
    return clue.weight > 0 and (clue.kind is kind or clue.weight >= DEPENDS)


def _evidence(every: Iterable[Clue]) -> Iterator[Evidence]:
    for clue in every:
        if clue.sentence:
            yield Evidence(clue.sentence, clue.run_id, clue.job_id, clue.line)


def _victims(group: _Group, index: _Index) -> Iterator[Evidence]:
    """How many siblings were cancelled when the newest failing job had failed: they are not counted."""
    red = [each.place for each in group.seen if each.failed]
    if not red:
        return
    first = red[-1]
    siblings = [
        place
        for place in index.attempts[first.attempt]
        if place.job.conclusion == "cancelled" and place.at >= first.at - timedelta(seconds=5)
    ]
    if siblings:
        verb = "was" if len(siblings) == 1 else "were"
        sentence = f"{_listed(siblings)} {verb} cancelled then; that says nothing about the code."
        yield Evidence(sentence, first.job.run_id)


def _run_ids(group: _Group) -> tuple[int, ...]:
    """The newest first, each once."""
    runs = [failure.run_id for failure in group.failures] or [place.job.run_id for place, _ in group.rerun]
    return tuple(dict.fromkeys(reversed(runs)))


def _reproduce(kind: PatternType, group: _Group) -> str | None:
    """For the newest failing job, on Linux where there is one: the only system a container can give."""
    jobs = [(f.runner_os == "linux", f.at, f.run_id, f.job_id) for f in group.failures]
    jobs = jobs or [(p.os == "linux", p.at, p.job.run_id, p.job.job_id) for p, _ in group.rerun]
    if kind is PatternType.INFRASTRUCTURE or not jobs:
        return None
    _, _, run_id, job_id = max(jobs)
    return f"scout ci reproduce --run-id {run_id} --job-id {job_id}"


def _description(
    kind: PatternType, group: _Group, system: str | None, python: str | None, reproduce: str | None
) -> str:
    more = len(group.tests) - 1
    what = group.tests[0] if group.tests else f"Job {group.failures[-1].job_name}"
    if more > 0:
        what += f" and {more} more {'test' if more == 1 else 'tests'}"
    where = " with ".join(
        part for part in (_LEVELS.get(system or ""), f"Python {python}" if python else None) if part
    )
    says = {
        PatternType.PLATFORM: "depends on the operating system",
        PatternType.PYTHON: "depends on the Python version",
        PatternType.FLAKY: "sometimes fails",
        PatternType.TIMEOUT: "runs out of time",
        PatternType.SETUP: "cannot be set up",
        PatternType.INFRASTRUCTURE: "was stopped by the machine or the network",
        PatternType.BUG: "fails",
    }[kind]
    sentence = f"{what} {says}{f' (on {where})' if where else ''}: {group.signature}"
    if reproduce is None:
        return f"{sentence}. There is nothing to reproduce: the cause lies outside of the project."
    systems = {failure.runner_os for failure in group.failures}
    if systems and systems <= {"windows", "macos"}:
        names = " or ".join(_LEVELS[name] for name in sorted(name for name in systems if name))
        return f"{sentence}. It was only seen on {names} and needs such a machine; Linux serves as control."
    return sentence


def _default_fix(kind: PatternType, group: _Group, last: Failure | None) -> str:
    what = group.tests[0] if group.tests else (last.job_name if last else "the job")
    return _FIXES[kind].replace("{what}", what)


def _level(factor: PatternType, level: str) -> str:
    return _LEVELS.get(level, level) if factor is PatternType.PLATFORM else f"Python {level}"


def _run(place: _Place) -> str:
    return f"{place.job.run_id} (attempt {place.job.run_attempt})"


def _listed(places: Sequence[_Place], most: int = 4) -> str:
    names = list(dict.fromkeys(place.job.name for place in places))
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
