"""The format of `.lens/rules.yaml`, one entry at a time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from argos.config.project import mistake_of_path
from argos.config.project_file import Text, Texts
from argos.config.quantities import parse_duration, parse_rate
from argos.config.schema import Table, mistake, parsed_by
from argos.config.yaml_source import did_you_mean, shown

MAX_WINDOW = 100
# The keys that each criterion takes besides its name.
CRITERIA: dict[str, frozenset[str]] = {
    "all": frozenset({"groups"}),
    "group": frozenset({"groups"}),
    "failed-in-last": frozenset({"window"}),
    "failure-rate": frozenset({"window", "threshold"}),
}
COMBINATIONS = ("any", "all", "not")
HEADS = ("criteria", *COMBINATIONS)
PARAMETERS = ("window", "threshold", "groups")
CHANGED_FILES = "${CHANGED_FILES}"


def _criteria(value: Any) -> Any:
    if isinstance(value, str) and value not in CRITERIA:
        known = ", ".join(CRITERIA)
        raise mistake(f'Unknown criteria "{shown(value)}".{did_you_mean(value, CRITERIA)} Known are {known}.')
    return value


def _window(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        if value > MAX_WINDOW:
            raise mistake(f"must be at most 100: Argos keeps the newest {MAX_WINDOW} results of each test")
        if value < 1:
            raise mistake(f"must be at least 1, not {value}")
    return value


def _limit(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value < 1:
        raise mistake(f"must be at least 1, not {value}")
    return value


def _budget(value: Any) -> float | None:
    seconds = parsed_by(parse_duration)(value)
    if seconds is not None and seconds <= 0:
        raise mistake("must be more than 0 seconds")
    return seconds


def _glob(value: Any) -> Any:
    if isinstance(value, str) and value != CHANGED_FILES:
        if not value.strip():
            raise mistake("A group must not be empty")
        if (wrong := mistake_of_path(value)) is not None:
            raise mistake(wrong)
        if "${" in value.partition("::")[0]:
            meant = did_you_mean(value, [CHANGED_FILES])
            raise mistake(
                f'Nothing stands for "{shown(value)}".{meant or f" Only {CHANGED_FILES} is known."}'
            )
    return value


def _groups(value: Any) -> Any:
    if isinstance(value, str):
        raise mistake(f'must be a list: write "- {shown(value)}" in a line of its own')
    if value == []:
        raise mistake("must name at least one glob")
    return value


def _name(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or not value.isprintable() or value != value.strip()):
        raise mistake("must be visible text on one line, without spaces around it")
    return value


class Condition(Table):
    """One criterion with its parameters, or a combination of conditions."""

    criteria: Annotated[str | None, BeforeValidator(_criteria)] = None
    any: list[Condition] | None = None
    all: list[Condition] | None = None
    not_: Annotated[Condition | None, Field(alias="not")] = None
    window: Annotated[int | None, BeforeValidator(_window)] = None
    threshold: Annotated[float | None, BeforeValidator(parsed_by(parse_rate))] = None
    groups: Annotated[list[Annotated[str, BeforeValidator(_glob)]] | None, BeforeValidator(_groups)] = None

    @field_validator("any", "all")
    @classmethod
    def _holds_something(cls, value: list[Condition] | None) -> list[Condition] | None:
        if value == []:
            raise mistake("must hold at least one condition")
        return value


class Executor(Table):
    # What runs the selection.
    type: Literal["pytest", "pytest-cov", "flake8", "black", "isort", "pylint", "ruff", "mypy"] | None = None
    options: dict[str, Any] | None = None


class RuleEntry(Condition):
    name: Annotated[str, BeforeValidator(_name)]
    description: str | None = None
    enabled: bool | None = None
    limit: Annotated[int | None, BeforeValidator(_limit)] = None
    budget: Annotated[float | None, BeforeValidator(_budget)] = None
    extends: Text | None = None
    executor: Executor | None = None


class RulesFile(Table):
    rules: list[Any] | None = None
    extends: Texts = None
