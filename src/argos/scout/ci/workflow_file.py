"""What a workflow file promises of a job: the cells of its matrix, as far as they stand there literally.

The file is a stranger's. It is read as plain data; expressions are not evaluated, but for the name of a
key of the matrix (`${{ matrix.os }}`), which is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

MAX_CELLS = 256  # GitHub's own limit
MAX_JOBS = 1000

Cell = Mapping[str, str]

_OF_MATRIX = re.compile(r"\$\{\{\s*matrix(?:\.([\w-]+)|\[\s*'([^']+)'\s*\])\s*\}\}")
_PYTHON_KEY = re.compile(r"(?:.*[-_.])?(?:python|py)(?:[-_]?(?:version|ver))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One job as the file plans it, `name` as GitHub shows it.

    `runs_on`, `python` and `container` are as written; None where they are not said or are expressions.
    A number that YAML has made of `3.10` is the text `3.1`.
    """

    name: str
    runs_on: tuple[str, ...] = ()
    python: str | None = None
    container: str | None = None


def planned_jobs(text: str) -> list[PlannedJob]:
    """The jobs of a workflow file, one for each cell; empty for a file that cannot be read."""
    # Reading YAML is rare and its library slow to load.
    from argos.config import yaml_source

    data = yaml_source.parse(text.encode("utf-8", "replace"), "workflow").data
    jobs = _mapping((data or {}).get("jobs"))
    return [job for key, value in islice(jobs.items(), MAX_JOBS) for job in _of(key, _mapping(value))]


def _of(key: str, job: Mapping[str, Any]) -> Iterator[PlannedJob]:
    cells = _cells(_mapping(job.get("strategy")).get("matrix"))
    for cell in cells:
        yield PlannedJob(
            _name(key, job.get("name"), cell),
            _runs_on(job.get("runs-on"), cell),
            _python(job, cell),
            _container(job.get("container"), cell),
        )


def _cells(matrix: object) -> list[Cell]:
    """The cells in GitHub's order; one empty cell for a job without a matrix or with a computed one."""
    if not isinstance(matrix, Mapping):
        return [{}]
    axes = {key: _scalars(values) for key, values in matrix.items() if key not in ("include", "exclude")}
    if any(values is None for values in axes.values()):
        return [{}]
    literal = {key: values for key, values in axes.items() if values}
    whole = islice(product(*literal.values()), MAX_CELLS * 4)
    cells: list[dict[str, str]] = (
        [dict(zip(literal, values, strict=True)) for values in whole] if literal else []
    )
    excluded = list(_entries(matrix.get("exclude")))
    kept = [cell for cell in cells if not any(entry.items() <= cell.items() for entry in excluded)]
    return _included(kept, matrix.get("include"), set(literal))[:MAX_CELLS] or [{}]


def _included(cells: list[dict[str, str]], include: object, axes: set[str]) -> list[Cell]:
    """GitHub adds an entry to each cell whose axes it does not change, else it is a cell of its own."""
    own: list[Cell] = []
    for entry in _entries(include):
        fitting = [
            cell for cell in cells if all(cell[key] == value for key, value in entry.items() if key in axes)
        ]
        for cell in fitting:
            cell.update(entry)
        if not fitting:
            own.append(entry)
    return [*cells, *own]


def _entries(listed: object) -> Iterator[dict[str, str]]:
    for entry in islice(listed, MAX_CELLS) if isinstance(listed, list) else ():
        if isinstance(entry, Mapping):
            yield {key: text for key, value in entry.items() if (text := _scalar(value)) is not None}


def _name(key: str, name: object, cell: Cell) -> str:
    """As GitHub shows it: the job's own name, or its key and the values of its cell."""
    written = _scalar(name)
    if written is not None:
        return _filled(written, cell)
    return f"{key} ({', '.join(cell.values())})" if cell else key


def _filled(text: str, cell: Cell) -> str:
    return _OF_MATRIX.sub(lambda match: cell.get(match[1] or match[2], match[0]), text)


def _literal(value: object, cell: Cell) -> str | None:
    """The text with what it takes from the matrix; None if an expression remains."""
    text = _scalar(value)
    filled = None if text is None else _filled(text, cell)
    return None if filled is None or "${{" in filled else filled


def _runs_on(value: object, cell: Cell) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        value = value.get("labels")
    values = value if isinstance(value, list) else [value]
    return tuple(label for each in values if (label := _literal(each, cell)) is not None)


def _python(job: Mapping[str, Any], cell: Cell) -> str | None:
    """What setup-python is given, if the job has one such step; else the matrix's key for Python."""
    steps = [_mapping(step) for step in job.get("steps") or ()] if isinstance(job.get("steps"), list) else []
    inputs = [_mapping(step.get("with")) for step in steps]
    given = {text for each in inputs if (text := _literal(each.get("python-version"), cell)) is not None}
    if not given:
        given = {value for key, value in cell.items() if _PYTHON_KEY.fullmatch(key)}
    return given.pop() if len(given) == 1 else None


def _container(value: object, cell: Cell) -> str | None:
    return _literal(value.get("image") if isinstance(value, Mapping) else value, cell)


def _scalars(values: object) -> list[str] | None:
    """The values of an axis; None for an axis that is computed or that holds more than plain values."""
    if not isinstance(values, list):
        return None
    texts = [_scalar(value) for value in values]
    return [text for text in texts if text is not None] if None not in texts else None


def _scalar(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else str(value)
    return value if isinstance(value, str) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
