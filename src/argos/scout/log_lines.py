"""The lines of a red log that matter: those that the last green logs of the same job do not have.

What a job prints when it is green is noise in it when it is red. The green logs are reduced to
templates in the manner of Drain (He, Zhu, Zheng and Lyu, Drain: An Online Log Parsing Approach with
Fixed Depth Tree, ICWS 2017): a line is cut into words, words with digits or paths become wildcards,
lines of the same length and beginning that agree in most words share a template in which the others
are wildcards too. Words that tell an outcome (`PASSED`, `error`) are never replaced, so a test that
passes in green is not mistaken for one that fails in red.

A line of the red log that fits no template is a candidate. Candidates are ranked by what marks an
error in them and by whether their step failed, or only ran after one that did; lines that every red
log has (`Process completed with exit code 1`) are none. One pass over each log; memory is bounded by
the number of templates and of lines asked for, whatever the length of the logs.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from argos.scout.signatures import plain

LONGEST_LINE = 1_000  # characters that are looked at and shown
MOST_TEMPLATES = 50_000
MOST_IN_A_LEAF = 24  # templates of one length and beginning
MOST_WORDS = 48
ALIKE = 0.7  # share of equal words from which on two lines share a template
MOST_REPEATS = 3  # red lines of the same form that are shown
BEFORE, AFTER = 2, 3  # lines of context around a chosen line
TAIL = 12  # lines of the failing step that are shown if nothing else marks it

UNMARKED = 0.5
"""Score of a line that no green log has and that nothing marks; chatter of downloads has less."""

MARKED = 3.0
"""Score from which on a line is shown when there is no green log to compare with."""

_WILD = "<*>"
_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?")
_STEP = re.compile(r"^##\[group\]Run (?P<name>.*)|^(?P<post>Post job cleanup\.)")
_GENERIC = re.compile(
    r"^##\[error\](?:Process completed with exit code \S+|The operation was canceled\.?)$"
    r"|^##\[(?:end)?group\]|^Post job cleanup\.$|^Cleaning up orphan processes$|^Terminate orphan process"
    r"|^Complete job name: |^\W*$"
)
_PROGRESS = re.compile(
    r"\b(?:PASSED|SKIPPED|XFAIL|XPASS)\b.*\[ *\d+%\]|^\[gw\d+\] \[ *\d+%\] (?:PASSED|SKIPPED|XFAIL)"
    r"|^(?:\S+ )?[.sx]+ *(?:\[ *\d+%\])?$|^\S+::\S+ *$"
)
_CHATTER = re.compile(
    r"^ *(?:Collecting|Downloading|Using cached|Requirement already satisfied|Obtaining|Preparing metadata"
    r"|Installing collected|Get:\d|Hit:\d|remote: |Receiving objects|\[command\])"
    r"|\.pyx? +\d+ +\d+ .*%|^ *[━╸╺ ]+|^Name +Stmts"
)
_ENDED = re.compile(
    r"^##\[error\](?:Process completed with exit code|The operation was canceled|.*timed out after)"
)
_MARKS = (
    (re.compile(r"^##\[error\]"), 5.0),
    (re.compile(r"^E {2,}\S"), 5.0),
    (re.compile(r"^(?:FAILED|ERROR|FAIL)\b|^INTERNALERROR>|^Traceback \(most"), 4.0),
    (re.compile(r"^Fatal Python error|Segmentation fault"), 4.0),
    (re.compile(r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Exit|Timeout)\b(?::|$)|\[WinError|\[Errno"), 4.0),
    (re.compile(r"\bFAILED\b|\b(?:fatal|panic|error)(?:\[\w+\])?: |\bKilled\b|^npm ERR!|node down:"), 3.0),
    (
        re.compile(r"(?i)\b(?:error|failed|failure|cannot|could not|unable to|not found|denied|refused)\b"),
        2.0,
    ),
    (re.compile(r"^##\[warning\]|(?i:\bwarning\b)"), 1.0),
)
_OUTCOME = re.compile(
    r"(?i)^\W*(?:passed|failed|failures?|errors?|skipped|xfail(?:ed)?|xpass(?:ed)?|warnings?|ok|fail|fatal"
    r"|not|no|cannot|exception|denied|refused|crashed|timeout|canceled|killed)\W*$"
)
_VARIABLE = re.compile(r"(?<!\S)(?:[^\s\d\\/]*[\d\\/]\S*|[a-fA-F]{7,}(?!\S))")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log; `number` counts from 1, `text` is without time and colours, cut at LONGEST_LINE.

    `step` is the step that printed it (`pytest -q`), None before the first. `score` ranks the lines:
    higher is more telling; it is 0 for a line that is there for context only.
    """

    number: int
    text: str
    step: str | None = None
    score: float = 0.0


def differing_lines(
    red: Iterable[str], greens: Sequence[Iterable[str]] = (), limit: int = 40
) -> list[LogLine]:
    """At most `limit` lines of the red log that tell most, with their context, in the log's order.

    `greens` are the last green logs of the same job, three are enough; lines come as the log has
    them, with or without their ends. Without a green log: what is marked as an error, else the end of
    the step that failed. Empty if there is nothing to tell or `limit` is below 1.
    """
    if limit < 1:
        return []
    known = Templates()
    for green in greens:
        for line in green:
            known.learn(_bare(line))
    return _chosen(_collected(red, known, bool(greens), limit), limit)


def ranked(lines: Iterable[LogLine]) -> list[LogLine]:
    """The telling lines without their context, the most telling first, equal ones in the log's order."""
    return sorted((line for line in lines if line.score > 0), key=lambda line: (-line.score, line.number))


class Templates:
    """What green logs consist of: lines of which the variable words are wildcards.

    `learn` takes one line in, `knows` says whether a line fits. At most MOST_TEMPLATES are kept;
    further forms are forgotten, so their lines count as unknown.
    """

    def __init__(self) -> None:
        self._leaves: dict[tuple[int, str], list[list[str]]] = {}
        self._exact: set[str] = set()

    def learn(self, line: str) -> None:
        form = _form(line)
        if not form or form in self._exact or len(self._exact) >= MOST_TEMPLATES:
            return
        self._exact.add(form)
        words = form.split()[:MOST_WORDS]
        leaf = self._leaves.setdefault((len(words), words[0]), [])
        best = max(leaf, key=lambda template: _alike(template, words), default=None)
        if best is not None and _alike(best, words) >= ALIKE:
            best[:] = [a if a == b else _WILD for a, b in zip(best, words, strict=True)]
        elif len(leaf) < MOST_IN_A_LEAF:
            leaf.append(words)

    def knows(self, line: str) -> bool:
        form = _form(line)
        if not form or form in self._exact:
            return True
        words = form.split()[:MOST_WORDS]
        leaf = self._leaves.get((len(words), words[0]), ())
        return any(_fits(template, words) for template in leaf)


def _form(line: str) -> str:
    """The line with the words that hold digits or paths, or are hashes, as wildcards."""
    return _VARIABLE.sub(_WILD, line[:LONGEST_LINE]).strip()


def _alike(template: Sequence[str], words: Sequence[str]) -> float:
    """Share of equal words, 0 where an outcome differs: that is never a matter of chance."""
    equal = 0
    for expected, word in zip(template, words, strict=True):
        if expected == word:
            equal += 1
        elif _OUTCOME.match(word) or _OUTCOME.match(expected):
            return 0.0
    return equal / len(words)


def _fits(template: Sequence[str], words: Sequence[str]) -> bool:
    return all(
        expected == word or (expected == _WILD and not _OUTCOME.match(word))
        for expected, word in zip(template, words, strict=True)
    )


# The red log


@dataclass(slots=True)
class _Candidate:
    line: LogLine
    before: tuple[LogLine, ...]
    after: list[LogLine] = field(default_factory=list)


@dataclass(slots=True)
class _Step:
    """What is kept of one step: the best candidates, and its last lines."""

    name: str | None
    late: bool
    best: list[tuple[float, int, _Candidate]] = field(default_factory=list)
    tail: deque[LogLine] = field(default_factory=lambda: deque(maxlen=TAIL))
    failed: bool = False

    def offer(self, candidate: _Candidate, limit: int) -> None:
        entry = (candidate.line.score, -candidate.line.number, candidate)
        (heapq.heappush if len(self.best) < limit else heapq.heappushpop)(self.best, entry)


def _collected(red: Iterable[str], known: Templates, compared: bool, limit: int) -> list[_Candidate]:
    """The candidates of all steps, best first, not more than `limit`."""
    found: list[_Candidate] = []
    least = 0.0 if compared else MARKED
    for step in _steps(red, known, least, limit):
        bonus = 2.0 if step.failed else -3.0 if step.late else 0.0
        for _, _, candidate in step.best:
            own = candidate.line.score
            raised = replace(candidate.line, score=own + bonus if own >= UNMARKED else own)
            found.append(_Candidate(raised, candidate.before, candidate.after))
        if step.failed and not step.best:
            found += [_Candidate(replace(line, score=1.0), ()) for line in step.tail]
        found = sorted((each for each in found if each.line.score > 0), key=_rank)[:limit]
    explained = any(each.line.score >= MARKED for each in found)
    return [each for each in found if each.line.score >= 2.0 or not explained]


def _rank(candidate: _Candidate) -> tuple[float, int]:
    return -candidate.line.score, candidate.line.number


def _steps(red: Iterable[str], known: Templates, least: float, limit: int) -> Iterator[_Step]:
    """Each step with its candidates, when it is over. `late` steps come after one that failed."""
    step, recent, open_ones = (
        _Step(None, False),
        deque[LogLine](maxlen=BEFORE),
        deque[_Candidate](maxlen=AFTER),
    )
    repeats: Counter[str] = Counter()
    failed = echoing = False
    for number, raw in enumerate(red, 1):
        text = _bare(raw)
        begun = _STEP.match(text)
        if begun:
            yield step
            failed = failed or step.failed
            step = _Step(begun["name"] or begun["post"], failed)
            echoing = begun["name"] is not None
        line = LogLine(number, text, step.name)
        _follow(open_ones, line)
        step.failed = step.failed or bool(_ENDED.match(text))
        score = 0.0 if begun or echoing or known.knows(text) else _score(text)
        echoing = echoing and not text.startswith("##[endgroup]")
        if score > least and _again(repeats, text):
            candidate = _Candidate(replace(line, score=score), tuple(recent))
            step.offer(candidate, limit)
            open_ones.append(candidate)
        if text.strip() and not text.startswith("##["):
            step.tail.append(line)
        recent.append(line)
    yield step


def _follow(candidates: Iterable[_Candidate], line: LogLine) -> None:
    for candidate in candidates:
        if len(candidate.after) < AFTER:
            candidate.after.append(line)


def _again(repeats: Counter[str], text: str) -> bool:
    """Whether lines of this form are still worth showing; forms are counted up to a bound."""
    form = _form(text)
    if form not in repeats and len(repeats) >= MOST_TEMPLATES:
        return True
    repeats[form] += 1
    return repeats[form] <= MOST_REPEATS


def _score(text: str) -> float:
    """How telling a line is by itself; 0 for what every log has."""
    if _GENERIC.search(text) or _PROGRESS.search(text):
        return 0.0
    score = UNMARKED + next((weight for pattern, weight in _MARKS if pattern.search(text)), 0.0)
    return score * (0.2 if _CHATTER.search(text) else 1.0)


def _bare(raw: str) -> str:
    """The text of a line: no time, colour, byte order mark or end; the last state of a progress bar."""
    line = raw[: LONGEST_LINE + 200].rstrip("\r\n")
    last = _STAMP.sub("", line.rpartition("\r")[2])
    return plain(_STAMP.sub("", last)).replace("\ufeff", "")[:LONGEST_LINE]


def _chosen(candidates: Sequence[_Candidate], limit: int) -> list[LogLine]:
    """The best candidates, then their context as far as there is room, in the log's order."""
    chosen = {candidate.line.number: candidate.line for candidate in candidates[:limit]}
    for candidate in candidates[:limit]:
        around = (*reversed(candidate.before), *candidate.after) if candidate.line.score >= MARKED else ()
        for line in around:
            if len(chosen) >= limit:
                break
            if line.step == candidate.line.step and not _GENERIC.search(line.text):
                chosen.setdefault(line.number, line)
    return [chosen[number] for number in sorted(chosen)]
