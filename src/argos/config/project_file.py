"""The format of `.anvil/config.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from argos.config.quantities import parse_duration
from argos.config.schema import Table, mistake, one_or_many, parsed_by
from argos.config.yaml_source import shown


def _version(value: Any) -> str:
    if isinstance(value, bool) or str(value) not in ("1", "1.0"):
        raise mistake(f"must be 1.0, the only version that this Argos knows, not {value}")
    return "1.0"


def _capture(value: Any) -> Any:
    return "no" if value is False else value  # YAML reads `no` as false


def _limit_s(value: Any) -> float | None:
    seconds = parsed_by(parse_duration)(value)
    if seconds is not None and seconds <= 0:
        raise mistake("must be more than 0 seconds")
    return seconds


def _url(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    scheme, mark, _ = value.partition("://")  # the rest may hold a password and is not shown
    if not mark:
        raise mistake("must be a URL such as postgresql://host/name or sqlite:///folder/file.db")
    if scheme.partition("+")[0] not in ("postgresql", "postgres", "sqlite"):
        raise mistake(f"must begin with postgresql:// or sqlite:///, not with {shown(scheme)}://")
    if value in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
        raise mistake("must name a file, as sqlite:///folder/file.db does")
    return value


def _text(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise mistake("must not be empty")
    return value


Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[list[Text] | None, BeforeValidator(one_or_many)]


class Project(Table):
    name: Text | None = None
    root: Text | None = None
    language: Literal["python"] | None = None


class PytestOptions(Table):
    """What a run of pytest is given; rules may set the same keys in their executor's options."""

    verbose: bool | None = None
    capture: Annotated[Literal["no", "fd", "sys", "tee-sys"] | None, BeforeValidator(_capture)] = None
    timeout: Annotated[float | None, BeforeValidator(_limit_s)] = None
    args: list[str] | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options as pytest's arguments, without the time limit."""
        verbose = ("-v",) if self.verbose else ()
        capture = (f"--capture={self.capture}",) if self.capture else ()
        return (*verbose, *capture, *(self.args or ()))


class FilesFound(Table):
    patterns: list[Text] | None = None
    exclude: list[Text] | None = None


class CoverageOptions(Table):
    source: Texts = None
    omit: Texts = None
    fail_under: Annotated[float, Field(strict=True)] | None = None
    report: Texts = None


class Coverage(Table):
    enabled: bool | None = None
    options: CoverageOptions | None = None


class PytestValidator(Table):
    enabled: bool | None = None
    roots: list[Text] | None = None
    discovery: FilesFound | None = None
    options: PytestOptions | None = None
    coverage: Coverage | None = None


class Flake8Options(Table):
    max_line_length: int | None = None
    max_complexity: int | None = None
    select: Texts = None
    ignore: Texts = None
    extend_ignore: Texts = None
    per_file_ignores: dict[str, Texts] | None = None


class Flake8Validator(Table):
    enabled: bool | None = None
    discovery: FilesFound | None = None
    options: Flake8Options | None = None


class BlackOptions(Table):
    check: bool | None = None
    line_length: int | None = None
    target_version: Texts = None


class BlackValidator(Table):
    enabled: bool | None = None
    discovery: FilesFound | None = None
    options: BlackOptions | None = None


class IsortOptions(Table):
    check_only: bool | None = None
    profile: Text | None = None
    line_length: int | None = None


class IsortValidator(Table):
    enabled: bool | None = None
    discovery: FilesFound | None = None
    options: IsortOptions | None = None


class PylintOptions(Table):
    max_line_length: int | None = None
    disable: Texts = None
    enable: Texts = None


class PylintValidator(Table):
    enabled: bool | None = None
    discovery: FilesFound | None = None
    options: PylintOptions | None = None


class RuffOptions(Table):
    line_length: int | None = None
    select: Texts = None
    extend_select: Texts = None
    ignore: Texts = None


class RuffValidator(Table):
    enabled: bool | None = None
    discovery: FilesFound | None = None
    options: RuffOptions | None = None


class MypyOptions(Table):
    strict: bool | None = None


class MypyValidator(Table):
    enabled: bool | None = None
    discovery: FilesFound | None = None
    options: MypyOptions | None = None


LINTER_OPTIONS: dict[str, type[Table]] = {
    "flake8": Flake8Options,
    "black": BlackOptions,
    "isort": IsortOptions,
    "pylint": PylintOptions,
    "ruff": RuffOptions,
    "mypy": MypyOptions,
}
"""The options of each linter; rules may set the same keys in their executor's options."""


class Validators(Table):
    pytest: PytestValidator | None = None
    flake8: Flake8Validator | None = None
    black: BlackValidator | None = None
    isort: IsortValidator | None = None
    pylint: PylintValidator | None = None
    ruff: RuffValidator | None = None
    mypy: MypyValidator | None = None


class ProjectFile(Table):
    version: Annotated[str | None, BeforeValidator(_version)] = None
    project: Project | None = None
    python: Text | None = None
    database: Annotated[str | None, BeforeValidator(_url)] = None
    validators: Validators | None = None
