"""Rules from `.lens/rules.yaml`, from the files that it shares with other projects, and built in."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from argos.config.project import mistakes_error
from argos.config.project_file import LINTER_OPTIONS, PytestOptions
from argos.config.quantities import parse_age as parse_age
from argos.config.quantities import parse_duration as parse_duration
from argos.config.quantities import parse_rate as parse_rate
from argos.config.rules_file import (
    CHANGED_FILES,
    CRITERIA,
    HEADS,
    PARAMETERS,
    Condition,
    Executor,
    RuleEntry,
    RulesFile,
)
from argos.config.schema import Table, key_of, validate, without
from argos.config.yaml_source import Document, KeyPath, Problem, did_you_mean, read, shown
from argos.errors import ArgosError
from argos.model.rule import Criterion, Rule

FILE = ".lens/rules.yaml"
MAX_CHAIN = 50
# Stands in for a name that is missing or wrong while the rule's other keys are checked.
_NAMELESS = "nameless"
BUILT_IN = (
    Rule("all", Criterion("all"), "Every test of the project."),
    Rule(
        "failed-in-last",
        Criterion("failed-in-last", window=5),
        "Tests that failed in their last 5 results.",
    ),
    Rule(
        "failure-rate",
        Criterion("failure-rate", window=20, threshold=0.10),
        "Tests that failed in at least 10 % of their last 20 results.",
    ),
    Rule("changed", Criterion("group", groups=(CHANGED_FILES,)), "Tests of the files that have changed."),
)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules by name, in the files' order and then the built-in ones; and every mistake in the files.

    A rule with a mistake of its own, or one that extends such a rule, is in `broken` instead.
    `written` says whether the project has a file of rules.
    """

    rules: dict[str, Rule]
    problems: list[Problem] = field(default_factory=list)
    broken: dict[str, list[Problem]] = field(default_factory=dict)
    unreadable: list[Problem] = field(default_factory=list)
    written: bool = True

    def get(self, name: str) -> Rule:
        """The rule of this name. Mistakes elsewhere do not matter unless a file cannot be read at all.

        Raises `ArgosError` for an unknown rule and for one with mistakes.
        """
        if wrong := self.unreadable or self.broken.get(name):
            raise mistakes_error(wrong)
        if name in self.rules:
            return self.rules[name]
        hint = did_you_mean(name, [*self.rules, *self.broken]).strip()
        after = hint or "`anvil rules list` shows the rules that exist."
        if self.problems:
            after += f" The file has mistakes: {self.problems[0]}"
        place = f"in {FILE}" if self.written else f"is built in, and there is no {FILE} yet"
        raise ArgosError(f'No rule "{shown(name)}" {place}.', next_step=after)


def load_rules(project_root: Path) -> RuleBook:
    """The project's rules. Mistakes are in the book; nothing is raised for them."""
    file = project_root.absolute() / FILE
    reader = _Reader(project_root.absolute())
    written = os.path.lexists(file)
    if written:
        reader.read_files(file)
    resolver = _Resolver(reader.entries)
    rules = resolver.rules()
    problems = sorted(dict.fromkeys([*reader.problems, *resolver.problems]))
    return RuleBook(rules, problems, resolver.broken, reader.unreadable, written)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A rule as it is written: `values` are the keys that it sets itself, `problems` its own mistakes.

    Keys with a wrong value are missing in `values` and named in `wrong`.
    """

    document: Document
    path: KeyPath
    values: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    wrong: frozenset[KeyPath] = frozenset()

    @property
    def line(self) -> int:
        return self.document.positions[self.path][0]


class _Reader:
    """Reads the rules file and those it extends, the nearer ones first."""

    def __init__(self, root: Path) -> None:
        self.entries: dict[str, list[_Entry]] = defaultdict(list)
        self.problems: list[Problem] = []
        self.unreadable: list[Problem] = []
        self._root = root

    def read_files(self, main: Path) -> None:
        # Path.resolve raises for links that lead in a circle; `read` tells of those.
        first = os.path.realpath(main)
        waiting: list[tuple[Path, tuple[str, ...]]] = [(main, (first,))]
        seen = {first}
        while waiting:
            path, chain = waiting.pop(0)
            document = read(path, self._label(path))
            self.problems += document.problems
            if document.data is None:
                self.unreadable += document.problems
                continue
            for place, shared in self._take(document, path):
                if "\0" in str(shared):
                    self.unreadable.append(document.problem(place, "No file name can hold a NUL character."))
                    self.problems.append(self.unreadable[-1])
                elif (real := os.path.realpath(shared)) in chain:
                    message = f"This file extends itself by way of {self._label(shared)}."
                    self.problems.append(document.problem(place, message))
                elif not os.path.lexists(shared):
                    missing = f"There is no file {_plain(shared)}."
                    self.unreadable.append(document.problem(place, missing))
                    self.problems.append(self.unreadable[-1])
                elif real not in seen:
                    seen.add(real)
                    waiting.append((shared, (*chain, real)))

    def _take(self, document: Document, path: Path) -> Iterator[tuple[KeyPath, Path]]:
        """Notes the file's rules; yields the files that it extends and where it says so."""
        contents = self._contents(document)
        own: dict[str, _Entry] = {}
        for place, data in enumerate(contents.rules or []):
            entry = _entry(data, document, ("rules", place))
            name = entry.values.get("name")
            if isinstance(name, str):
                entry = _twice(entry, own[name]) if name in own else entry
                own[name] = entry
            self.problems += entry.problems
        for name, entry in own.items():
            self.entries[name].append(entry)
        for place, written in enumerate(contents.extends or []):
            listed = ("extends", place) in document.positions
            yield ("extends", place) if listed else ("extends",), path.parent / _home_expanded(written)

    def _contents(self, document: Document) -> RulesFile:
        """What is right in the file's top level; mistakes in it are noted."""
        data = document.data or {}
        contents, problems = validate(RulesFile, data, document)
        self.problems += problems
        wrong = {problem.path[0] for problem in problems}
        return contents or RulesFile.model_validate({k: v for k, v in data.items() if k not in wrong})

    def _label(self, path: Path) -> str:
        plain = _plain(path)
        inside = plain.is_relative_to(self._root)
        return plain.relative_to(self._root).as_posix() if inside else str(plain)


def _home_expanded(written: str) -> str:
    # Path.expanduser raises for a user whom the machine does not know; this leaves the name as it is.
    return os.path.expanduser(written)  # noqa: PTH111


def _plain(path: Path) -> Path:
    """The path without `..`."""
    plain, real = Path(os.path.normpath(path)), os.path.realpath(path)
    # After a link to a folder, `..` leads elsewhere than it seems to.
    return plain if os.path.realpath(plain) == real else Path(real)


def _entry(data: Any, document: Document, path: KeyPath) -> _Entry:
    if not isinstance(data, dict):
        problem = document.problem(path, "A rule must hold keys such as name: and criteria:.")
        return _Entry(document, path, {}, (problem,))
    entry, problems = validate(RuleEntry, data, document, path)
    wrong = frozenset(key_of(problem.path) for problem in problems)
    if entry is None:
        # What is right is checked for itself: every mistake is told at once.
        right = without(data, (place[len(path) :] for place in wrong))
        entry, more = validate(RuleEntry, {"name": _NAMELESS, **right}, document, path)
        problems += more
    problems += [problem for problem in document.problems if problem.path[:2] == path]
    values = _set_keys(entry) if entry else {}
    values = {key: value for key, value in values.items() if key != "name"}
    if "name" in data:
        values["name"] = data["name"]
    problems += _executor_problems(values.get("executor"), document, path)
    return _Entry(document, path, values, tuple(problems), wrong)


def _set_keys(condition: Condition) -> dict[str, Any]:
    """The keys that are written and not empty, by the names that they have in the file."""
    keys = {name.rstrip("_"): getattr(condition, name) for name in condition.model_fields_set}
    return {key: value for key, value in keys.items() if value is not None}


def _executor_problems(executor: Executor | None, document: Document, path: KeyPath) -> list[Problem]:
    if executor is None:
        return []
    options: dict[str, type[Table]] = {"pytest": PytestOptions, **LINTER_OPTIONS}
    model = options.get(executor.type or "pytest")
    if model is None:
        return []
    return validate(model, executor.options or {}, document, (*path, "executor", "options"))[1]


def _twice(entry: _Entry, first: _Entry) -> _Entry:
    name = shown(entry.values["name"])
    message = f'The rule "{name}" is written twice; it is already in line {first.line}.'
    problem = entry.document.problem((*entry.path, "name"), message)
    return replace(first, problems=(*first.problems, *entry.problems, problem))


class _Resolver:
    """Turns entries into rules: what they inherit, then whether the whole makes sense."""

    def __init__(self, entries: Mapping[str, list[_Entry]]) -> None:
        self.problems: list[Problem] = []
        self.broken: dict[str, list[Problem]] = {}
        self._entries = entries
        self._resolved: dict[KeyPath, dict[str, Any] | list[Problem]] = {}

    def rules(self) -> dict[str, Rule]:
        found: dict[str, Rule] = {}
        for name, entries in self._entries.items():
            for entry in entries:
                resolved = self._resolve(entry, ())
                if entry is not entries[0]:
                    continue
                if isinstance(resolved, list):
                    self.broken[name] = resolved
                else:
                    found[name] = _rule(name, resolved, f"{entry.document.file}:{entry.line}")
        own = {*found, *self.broken}
        return found | {rule.name: rule for rule in BUILT_IN if rule.name not in own}

    def _resolve(self, entry: _Entry, chain: tuple[_Entry, ...]) -> dict[str, Any] | list[Problem]:
        """All keys of a rule, its parents' included, or the mistakes that keep it from having them."""
        key = (entry.document.file, *entry.path)
        if key not in self._resolved:
            self._resolved[key] = self._resolve_anew(entry, chain)
        return self._resolved[key]

    def _resolve_anew(self, entry: _Entry, chain: tuple[_Entry, ...]) -> dict[str, Any] | list[Problem]:
        if any(entry is other for other in chain):
            names = [other.values["name"] for other in (*chain, entry)]
            return self._found(entry, ("extends",), f"The rule extends itself: {' -> '.join(names)}.")
        inherited: dict[str, Any] | list[Problem] = {}
        if len(chain) == MAX_CHAIN:
            message = f"More than {MAX_CHAIN} rules extend each other here."
            return self._found(entry, ("extends",), message)
        if "extends" in entry.values:
            inherited = self._parent(entry, (*chain, entry))
        if isinstance(inherited, list):
            return [*entry.problems, *inherited]
        values = _merged(inherited, entry.values)
        found = _mistakes(values, set(entry.values), entry.document, entry.path)
        misfits = [problem for problem in found if not _may_follow(problem.path, entry.wrong)]
        self.problems += misfits
        return [*entry.problems, *misfits] or values

    def _parent(self, entry: _Entry, chain: tuple[_Entry, ...]) -> dict[str, Any] | list[Problem]:
        """A rule may extend a farther file's rule, or a built-in one, of its own name."""
        name = entry.values["extends"]
        known = self._entries.get(name, [])
        own = next((at for at, other in enumerate(known) if other is entry), -1)
        if own + 1 < len(known):
            return self._resolve(known[own + 1], chain)
        if (built_in := next((rule for rule in BUILT_IN if rule.name == name), None)) is not None:
            return _keys_of(built_in)
        if own >= 0:
            return self._found(entry, ("extends",), "The rule extends itself.")
        hint = did_you_mean(name, [*self._entries, *(rule.name for rule in BUILT_IN)])
        return self._found(entry, ("extends",), f'There is no rule "{shown(name)}" to extend.{hint}')

    def _found(self, entry: _Entry, path: KeyPath, message: str) -> list[Problem]:
        self.problems.append(entry.document.problem((*entry.path, *path), message))
        return [self.problems[-1]]


def _keys_of(rule: Rule) -> dict[str, Any]:
    criterion = rule.criterion
    keys: dict[str, Any] = {
        "criteria": criterion.name,
        "window": criterion.window,
        "threshold": criterion.threshold,
        "groups": list(criterion.groups) or None,
        "description": rule.description,
    }
    return {key: value for key, value in keys.items() if value is not None}


def _merged(inherited: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's own keys over those it inherits; a condition of its own replaces the inherited one."""
    kept = dict(inherited)
    if any(head in own for head in HEADS):
        allowed = CRITERIA.get(own.get("criteria", ""), frozenset())
        kept = {k: v for k, v in kept.items() if k not in HEADS and (k not in PARAMETERS or k in allowed)}
    return kept | dict(own)


def _mistakes(
    values: Mapping[str, Any], own: set[str], document: Document, path: KeyPath
) -> Iterator[Problem]:
    """What does not fit together in a condition; inherited keys have been checked where they are written."""
    heads = [head for head in HEADS if head in values]
    if len(heads) != 1:
        said = f"has {' and '.join(heads)}" if heads else "has none of them"
        yield document.problem(path, f"One of criteria, any, all and not is needed; this {said}.")
        return
    (head,) = heads
    criteria = values.get("criteria")
    takes = CRITERIA[criteria] if criteria else frozenset()
    for key in (key for key in PARAMETERS if key in own and key not in takes):
        what = f"criteria {criteria}" if criteria else f'"{head}"; write it inside the conditions'
        yield document.problem((*path, key), f'"{key}" means nothing for {what}.', at_key=True)
    if criteria == "group" and "groups" not in values:
        yield document.problem((*path, "criteria"), 'The criteria group needs "groups", a list of globs.')
    if not criteria and head in own:
        for steps, part in _parts(head, values[head]):
            inner = _set_keys(part)
            yield from _mistakes(inner, set(inner), document, (*path, *steps))


def _may_follow(path: KeyPath, wrong: frozenset[KeyPath]) -> bool:
    """Whether a misfit at `path` may be there only since a key of the same condition has a mistake."""
    key = path[-1]
    condition = path[:-1] if key in ("criteria", *PARAMETERS) else path
    hiding = {place[-1] for place in wrong if place[:-1] == condition}
    known = {*PARAMETERS, *RuleEntry.model_fields} - {*HEADS, "not_"}
    return bool(hiding - known) or (key == "criteria" and "groups" in hiding)


def _parts(head: str, value: Any) -> list[tuple[KeyPath, Condition]]:
    if head == "not":
        return [(("not",), value)]
    return [((head, place), part) for place, part in enumerate(value)]


def _rule(name: str, values: Mapping[str, Any], source: str) -> Rule:
    executor = values.get("executor") or Executor()
    return Rule(
        name=name,
        criterion=_criterion(values),
        description=values.get("description", ""),
        enabled=values.get("enabled", True),
        limit=values.get("limit"),
        budget_s=values.get("budget"),
        executor=executor.type or "pytest",
        options=executor.options or {},
        source=source,
    )


def _criterion(values: Mapping[str, Any]) -> Criterion:
    head = next(head for head in HEADS if head in values)
    if head != "criteria":
        parts = tuple(_criterion(_set_keys(part)) for _, part in _parts(head, values[head]))
        return Criterion("every" if head == "all" else head, parts=parts)
    groups = tuple(values.get("groups", ()))
    return Criterion(values["criteria"], values.get("window"), values.get("threshold"), groups)
