"""The linters by name, and which of them wrote a given output.

A linter's module has `NAME`, `ARGUMENTS` before the project's options, `FALLBACK` (arguments for
versions that refuse those, or None), `PARALLEL` (arguments for many files, where the tool does not use
several processors by itself), `ON_STANDARD_ERROR` (where its findings go), `STOPS_AT_BROKEN_FILES`
(whether it checks nothing besides a file that it cannot read), `FOUND` (the exit codes with which it has
done its work), `options(written)` and `read(text)`.
"""

from __future__ import annotations

import json
import re
from types import ModuleType

from argos.errors import ArgosError
from argos.model.quality import ToolOutput
from argos.tools import black, checkstyle, flake8, isort, mypy, pylint, ruff, sarif
from argos.tools.lint_lines import json_in, plain

LINTERS: dict[str, ModuleType] = {each.NAME: each for each in (flake8, black, isort, pylint, ruff, mypy)}
FORMATS: dict[str, ModuleType] = {**LINTERS, sarif.NAME: sarif, checkstyle.NAME: checkstyle}

_TRIED = 400


def read(text: str, form: str | None = None) -> tuple[str, ToolOutput]:
    """What an output holds and which tool wrote it: the one named, else the one that fits best.

    Raises `ArgosError` for an unknown name and for text that no tool's reader understands a line of.
    """
    name = form or recognised(text)
    if name is None:
        raise ArgosError(
            f"This is the output of none of these: {', '.join(FORMATS)}.",
            next_step="Say which tool wrote it with --tool, or let the tool write JSON or SARIF.",
        )
    if name not in FORMATS:
        raise ArgosError(f"There is no reader for {name!r}.", next_step=f"Known are {', '.join(FORMATS)}.")
    output: ToolOutput = FORMATS[name].read(text)
    return name, output


def recognised(text: str) -> str | None:
    """The tool whose output this is, by its first lines; None if it is nobody's."""
    start = plain(text[: 4096 * 16]).lstrip()
    if start.startswith("<"):
        return checkstyle.NAME
    if re.search(r"(?m)^\s*[{\[]", start) and (found := _of_json(text)) is not None:
        return found
    return _of_lines("\n".join(start.split("\n")[:_TRIED]))


def _of_json(text: str) -> str | None:
    line = next((each for each in plain(text[: 4096 * 16]).split("\n") if each.startswith("{")), "")
    try:
        if "severity" in json.loads(line or "null"):
            return mypy.NAME
    except (ValueError, TypeError, RecursionError):
        pass  # not one object a line
    found = json_in(text, "[{")
    document = None if found is None else found[1]
    if isinstance(document, dict):
        return sarif.NAME if "runs" in document else pylint.NAME if "messages" in document else None
    first = next(iter(document), None) if isinstance(document, list) else None
    if isinstance(first, dict):
        return pylint.NAME if "message-id" in first else ruff.NAME if "filename" in first else None
    return None


def _of_lines(text: str) -> str | None:
    """The linter that understands the most violations; among equals the one that finds the least strange."""
    best: tuple[int, int, str] | None = None
    for name, module in LINTERS.items():
        output = module.read(text)
        score = (len(output.violations), -len(output.not_understood), name)
        if output.violations and (best is None or score[:2] > best[:2]):
            best = score
    return None if best is None else best[2]
