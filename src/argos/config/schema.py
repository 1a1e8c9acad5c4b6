"""Data against pydantic models, and pydantic's verdict in words for people who never heard of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from argos.config.yaml_source import Date, Document, KeyPath, Problem, did_you_mean, shown
from argos.errors import ArgosError

Model = TypeVar("Model", bound=BaseModel)
Parsed = TypeVar("Parsed")


class Table(BaseModel):
    """A mapping with known keys, whose values are what YAML says they are: no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def mistake(message: str) -> PydanticCustomError:
    """What a field's validator raises: a sentence that reads on from the key's name, or a whole one."""
    return PydanticCustomError("argos", "{message}", {"message": message})


def parsed_by(parse: Callable[[Any], Parsed]) -> Callable[[Any], Parsed | None]:
    """A validator that hands text and numbers to `parse` and turns its `ArgosError` into a mistake."""

    def validate(value: Any) -> Parsed | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise mistake("must be a single value such as 15 or 90s")
        try:
            return parse(value)
        except ArgosError as error:
            raise mistake(f"{error.what} {error.next_step or ''}".strip()) from error

    return validate


def one_or_many(value: Any) -> Any:
    """A validator that takes one text for a list of one."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) or value is None:
        return value
    raise mistake("must be text or a list of texts")


def validate(
    model: type[Model], data: Any, document: Document, path: KeyPath = ()
) -> tuple[Model | None, list[Problem]]:
    """The model of `data`, which stands at `path` of the document, or None and its mistakes."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        found = [_problem(detail, model, document, path) for detail in error.errors(include_url=False)]
        # A union reports one mistake for each of its types: the first one at a place is enough.
        return None, list({(p.line, p.column, p.path): p for p in reversed(found)}.values())


def without(data: Any, paths: Iterable[KeyPath]) -> Any:
    """A copy of plain data without the keys that these paths lead to; for a list's item, the list's key."""
    rest = copy.deepcopy(data)
    for path in paths:
        _remove(rest, key_of(path))
    return rest


def key_of(path: KeyPath) -> KeyPath:
    """The path as far as its last key: that of the list that an item stands in."""
    while path and not isinstance(path[-1], str):
        path = path[:-1]
    return path


def _remove(data: Any, path: KeyPath) -> None:
    for step in path[:-1]:
        data = data.get(step) if isinstance(data, dict) else data[step]
        if data is None:  # what it stood in is removed already
            return
    if path and isinstance(data, dict):
        data.pop(path[-1], None)


def _problem(detail: ErrorDetails, model: type[BaseModel], document: Document, path: KeyPath) -> Problem:
    steps = _steps(detail["loc"], document, path)
    at = (*path, *steps)
    if detail["type"] == "missing":
        return document.problem(at, f'The key "{detail["loc"][-1]}" is missing.')
    if detail["type"] == "extra_forbidden":
        known = _keys_at(model, steps[:-1])
        written = str(steps[-1])
        message = f'Unknown key "{shown(written)}".{did_you_mean(written, known)}'
        if not message.endswith("?"):
            message += f" Known here: {', '.join(known)}."
        return document.problem(at, message, at_key=True)
    name = next((step for step in reversed(at) if isinstance(step, str)), "")
    return document.problem(at, _message(detail, name))


def _steps(location: tuple[str | int, ...], document: Document, path: KeyPath) -> KeyPath:
    """The keys and indices of an error's location, without the names that pydantic puts in for unions."""
    steps: KeyPath = ()
    for step in location:
        if (*path, *steps, step) in document.positions:
            steps = (*steps, step)
    return steps


def _keys_at(model: type[BaseModel], steps: KeyPath) -> list[str]:
    models = [model]
    for step in steps:
        if isinstance(step, str):
            fields = [field for m in models for name, field in _fields(m) if name == step]
            models = [inner for annotation in fields for inner in _models_in(annotation)]
    return [name for m in models for name, _ in _fields(m)]


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.annotation


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


_WANTED = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must hold keys",
    "model_type": "must hold keys",
    "model_attributes_type": "must hold keys",
}


def _message(detail: ErrorDetails, name: str) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "argos":
        said = detail["msg"]
    elif kind == "literal_error":
        expected = str(detail.get("ctx", {}).get("expected", "")).replace("'", "")
        said = f"must be {expected}, not {_written(value)}"
    else:
        said = f"{_WANTED.get(kind, 'has a wrong value')}, not {_written(value)}"
    if kind == "string_type" and isinstance(value, (int, float, Date)):
        said += ". Put it in quotes"
    sentence = said if said[:1].isupper() or said[:1] == '"' else f'"{shown(name)}" {said}'
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Date):
        return f"the date {value}"
    if isinstance(value, str):
        return f'"{shown(value)}"'
    words = {type(None): "empty", list: "a list", tuple: "a list", dict: "keys"}
    return words.get(type(value)) or f"the number {value}"
