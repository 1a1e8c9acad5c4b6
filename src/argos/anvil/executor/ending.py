"""How pytest's processes ended, and what follows from that: results, notes, the exit code, a refusal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from argos import process
from argos.anvil.executor.part import LIMITS, Part
from argos.console.progress import plural
from argos.errors import ArgosError
from argos.model.execution import Counts, Outcome, TestResult
from argos.tools import thread_stacks

# HUP, INT, KILL and TERM: somebody ended the process, it was not the running test's doing.
FROM_OUTSIDE = frozenset({-1, -2, -9, -15})
SHOWN_LINES = 25


def came_to_its_end(part: Part) -> bool:
    """Whether pytest ran all it was asked to, with or without failures."""
    ends = [journal.finish for journal in part.journals if journal.finish and journal.worker is None]
    return bool(ends) and ends[0].get("exit") in (0, 1, 5) and part.stopped is None


def gate_failed(part: Part) -> bool:
    """Whether pytest failed although no test did: a coverage gate, most often."""
    results = [result for journal in part.journals for result in journal.results]
    return part.exit_code == 1 and bool(results) and not any(result.outcome.failing for result in results)


def of_a_hanging_test(part: Part, test: str, limit_s: float) -> list[TestResult]:
    """The result of the test that was stopped at the time limit."""
    message = f"Timeout: the test did not end within {limit_s:g} s."
    return [result for result in _ended_in(part, Outcome.FAILED, message) if result.entity == test]


def of_a_dead_process(part: Part) -> list[TestResult]:
    """Results for the tests that ended their process; none if pytest ended itself or was ended."""
    code = part.exit_code
    if code is None or part.finished or part.stopped is not None or code in FROM_OUTSIDE:
        return []
    message = f"The process ended with {process.describe_exit(code)} while this test was running."
    return _ended_in(part, Outcome.ERROR, message)


def _ended_in(part: Part, outcome: Outcome, message: str) -> list[TestResult]:
    """A result for each test that the part was running when it ended."""
    output, now = part.output(), datetime.now(UTC)
    threads = thread_stacks.stacks(output)
    traceback = shortened(thread_stacks.printed(threads) if threads else last_lines(output, 60))
    results = []
    for journal in part.journals:
        for test, since in journal.running.items():
            started_at = datetime.fromtimestamp(since, UTC)
            results.append(
                TestResult(
                    test,
                    outcome,
                    started_at,
                    call_s=max((now - started_at).total_seconds(), 0.0),
                    attempt=sum(result.entity == test for result in journal.results),
                    worker=journal.worker,
                    message=message,
                    traceback=traceback,
                )
            )
    return results


def notes(parts: Sequence[Part], stopped_by_user: bool = False) -> list[str]:
    """Sentences for the user about what else happened, each once."""
    several = len({part.root.path for part in parts}) > 1
    told = [(part, note) for part in parts for note in _notes(part, stopped_by_user)]
    return list(dict.fromkeys(f"{part.root.path}: {note}" if several else note for part, note in told))


def _notes(part: Part, stopped_by_user: bool) -> Iterator[str]:
    for journal in part.journals:
        for option, why in journal.overridden:
            yield f"The project's own {option} was overridden: {why}."
        deselected = (journal.collected or {}).get("deselected_count", 0)
        if deselected:
            yield f"{plural(deselected, 'test')} left out by filters: the project's own, or those after --."
        if gate_failed(part):
            yield from journal.gates
        if journal.unreadable:
            yield f"{plural(journal.unreadable, 'line')} of the journal could not be read."
    if stopped_by_user:
        yield "Stopped from outside: by Ctrl-C, or by a signal."
    elif part.stopped is not None:
        yield f"Stopped: {part.stopped}."
    elif part.exit_code is not None and not came_to_its_end(part):
        yield f"pytest did not come to its end: {process.describe_exit(part.exit_code)}."
    elif gate_failed(part) and not any(journal.gates for journal in part.journals):
        yield f"pytest failed although no test did. It printed: {last_lines(part.output(), 3)}"


def exit_code(parts: Sequence[Part], results: Sequence[TestResult], not_run: int) -> int:
    """1 if a test failed or has no result, a gate was not met or a process was cut short, else 0."""
    bad = any(not came_to_its_end(part) or gate_failed(part) for part in parts)
    return 1 if bad or not_run or Counts.of(results).failing else 0


def refusal(parts: Sequence[Part], interpreter: Path) -> ArgosError | None:
    """What kept pytest from starting, if no part got as far as collecting tests."""
    for part in parts:
        for journal in part.journals:
            if journal.refused is not None:
                return ArgosError(str(journal.refused.get("what")), next_step=journal.refused.get("next"))
    failed = [part for part in parts if part.started and part.collected is None]
    if not failed or len(failed) < len(parts) or any(part.result_count for part in parts):
        return None
    return _cannot_run(failed[0], interpreter)


def _cannot_run(part: Part, interpreter: Path) -> ArgosError:
    output = part.output()
    if "No module named pytest" in output:
        return ArgosError(
            f"{interpreter} has no pytest.",
            next_step=f"Install it there ({interpreter} -m pip install pytest), "
            "or name another interpreter with python: in .anvil/config.yaml.",
        )
    how = process.describe_exit(part.exit_code or 0)
    reason = part.stopped or f"pytest ended with {how} before it had collected any test"
    return ArgosError(
        f"{reason[0].upper()}{reason[1:]}. {_printed(output)}",
        where=part.root.path,
        next_step="Mend that, then run the same command again.",
    )


def _printed(output: str) -> str:
    """What pytest was doing by its main thread's innermost calls, else the end of what it printed."""
    if threads := thread_stacks.stacks(output):
        innermost = "\n".join(threads[0][: SHOWN_LINES + 1])
        return f"It was here, the innermost call first:\n\n{innermost}\n\n"
    return (
        f"It printed:\n\n{last_lines(output, SHOWN_LINES)}\n\n" if output.strip() else "It printed nothing."
    )


def shortened(text: str) -> str:
    """Text within the limit of a traceback: its head, its tail, and a line on what was left out between."""
    limit = LIMITS["traceback"]
    if len(text) <= limit:
        return text
    half = limit // 2 - 40
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def last_lines(text: str, count: int) -> str:
    return "\n".join(text.rstrip().splitlines()[-count:])
