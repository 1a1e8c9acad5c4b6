"""YAML files from untrusted hands: plain data, the place of every value, and every mistake as a value.

Only what configuration needs is read: text, numbers, true and false, dates, lists and mappings with
text as keys, and anchors within bounds. YAML that means more than that (tags, merge keys, several
documents) is a mistake with a sentence, never a surprise.
"""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 50

KeyPath = tuple[str | int, ...]
Position = tuple[int, int]
START: Position = (1, 1)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A mistake at a place of a file; lines and columns count from 1. `path` leads to the value."""

    file: str
    line: int
    column: int
    message: str
    path: KeyPath = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Date:
    """An unquoted date; configuration holds none, so it is always meant as text."""

    written: str

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds. `data` is a dict, {} for an empty file; None if the file cannot be read.

    `positions` has the place of every value by the keys and indices that lead to it; for a value in
    a mapping `keys` has the place of its key.
    """

    file: str
    data: dict[str, Any] | None
    positions: Mapping[KeyPath, Position] = field(default_factory=dict)
    keys: Mapping[KeyPath, Position] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, path: KeyPath, message: str, *, at_key: bool = False) -> Problem:
        """A mistake in the value at `path`; with `at_key`, in its key. The nearest known place is used."""
        if at_key and path in self.keys:
            return Problem(self.file, *self.keys[path], message, path)
        near = path
        while near and near not in self.positions:
            near = near[:-1]
        return Problem(self.file, *self.positions.get(near, START), message, path)


def read(path: Path, file: str) -> Document:
    """The YAML file at `path`, whose top level is a mapping. `file` is its name in messages. Never raises."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return _unreadable(file, START, "This is not a file.")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(file, START, f"The file cannot be read: {error.strerror or error}.")
    if len(raw) > MAX_BYTES:
        return _unreadable(file, START, "The file is larger than 1 MiB, which no configuration is.")
    return parse(raw, file)


def parse(raw: bytes, file: str) -> Document:
    """The document in `raw`, which is UTF-8 with or without a byte order mark."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        return _unreadable(file, _end(before), "This is not UTF-8. Save the file as UTF-8.")
    if bad := _FORBIDDEN.search(text):
        what = f"The character U+{ord(bad[0]):04X} cannot stand in YAML. Remove it."
        return _unreadable(file, _end(text[: bad.start()]), what)
    try:
        root, problems = _compose(text, file)
        return _plain(root, file, problems)
    except _RefusedError as refused:
        return _unreadable(file, refused.position, refused.message)


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """` Did you mean "groups"?`, or nothing if none of the first 200 known words is close."""
    close = difflib.get_close_matches(written[:100], islice(known, 200), n=1, cutoff=0.5)
    return f' Did you mean "{close[0]}"?' if close else ""


def shown(text: str) -> str:
    """Text from a file as it may stand in a message: short, and on one line."""
    text = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= 60 else f"{text[:57]}..."


_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class _RefusedError(Exception):
    """A file that is not read any further."""

    def __init__(self, position: Position, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


def _unreadable(file: str, position: Position, message: str) -> Document:
    return Document(file, None, problems=(Problem(file, *position, message),))


def _end(text: str) -> Position:
    """The position after `text`."""
    lines = re.split(r"\r\n|\r|\n", text)
    return len(lines), len(lines[-1]) + 1


@dataclass(slots=True)
class _Node:
    """A value as it stands in the file. `items` are a list's values or a mapping's (key, value) pairs."""

    position: Position
    scalar: Any = None
    kind: str = "scalar"
    items: list[Any] = field(default_factory=list)
    closed: bool = False


def _position(event: yaml.Event) -> Position:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else START


def _compose(text: str, file: str) -> tuple[_Node | None, list[Problem]]:
    """The tree of the first document, with aliases as references to the same node.

    Built from the parser's events rather than by PyYAML's own composer, which is recursive and so
    ends in a stack overflow on `[[[[[…`.
    """
    composer = _Composer(file)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise _RefusedError(*_syntax_error(error, text, composer.innermost)) from error
    return composer.root, composer.problems


class _Composer:
    """Takes the parser's events one by one and holds the tree that they describe."""

    def __init__(self, file: str) -> None:
        self.root: _Node | None = None
        self.problems: list[Problem] = []
        self._file = file
        self._open: list[_Node] = []
        self._pending_key: list[_Node | None] = []
        self._anchors: dict[str, _Node] = {}
        self._documents = 0
        self._nodes = 0

    @property
    def innermost(self) -> Position | None:
        """Where the innermost list or mapping begins that is still open."""
        return self._open[-1].position if self._open else None

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents == 2:
                self._mistake(event, "A second document begins here. A configuration file holds one.")
        elif self._documents > 1:
            return
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop().closed = True
            self._pending_key.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event))
        elif isinstance(event, yaml.NodeEvent):
            self._begin(event)

    def _begin(self, event: yaml.NodeEvent) -> None:
        node = self._node(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)
        if node.kind == "scalar":
            node.closed = True
            return
        self._open.append(node)
        self._pending_key.append(None)
        if len(self._open) > MAX_DEPTH:
            raise _RefusedError(node.position, f"Values are nested more than {MAX_DEPTH} deep here.")

    def _add(self, node: _Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_VALUES:
            raise _RefusedError(node.position, f"The file holds more than {MAX_VALUES:,} values.")
        if not self._open:
            self.root = node
        elif self._open[-1].kind == "list":
            self._open[-1].items.append(node)
        elif (key := self._pending_key[-1]) is None:
            self._pending_key[-1] = node
        else:
            self._open[-1].items.append((key, node))
            self._pending_key[-1] = None

    def _alias(self, event: yaml.AliasEvent) -> _Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise _RefusedError(_position(event), f'No anchor "{event.anchor}" is defined above. {_STAR}')
        if not node.closed:
            raise _RefusedError(_position(event), f'The anchor "{event.anchor}" holds itself.')
        return _Node(_position(event), node.scalar, node.kind, node.items, closed=True)

    def _node(self, event: yaml.NodeEvent) -> _Node:
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event, "str")
            plain = event.implicit[0] and event.tag is None
            return _Node(_position(event), _scalar(event.value) if plain else event.value)
        kind = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
        self._check_tag(event, "seq" if kind == "list" else "map")
        return _Node(_position(event), kind=kind)

    def _check_tag(self, event: Any, allowed: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{allowed}"):
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._mistake(event, f'YAML tags are not read here. Remove "{shown(tag)}", or quote the text.')

    def _mistake(self, event: yaml.Event, message: str) -> None:
        self.problems.append(Problem(self._file, *_position(event), message))


_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None} | {
    word: word in ("true", "yes", "on") for word in ("true", "yes", "on", "false", "no", "off")
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,15}\.[0-9]{0,15}|\.[0-9]{1,15})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9:.]+[ \t]*(?:Z|[-+][0-9:]+)?)?")


def _scalar(text: str) -> Any:
    """What unquoted text stands for: the words and decimal numbers of YAML 1.1; all else is text."""
    if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return Date(text) if _DATE.fullmatch(text) else text


def _plain(root: _Node | None, file: str, problems: list[Problem]) -> Document:
    if root is None or (root.kind == "scalar" and root.scalar is None):
        return Document(file, {}, problems=tuple(problems))
    if root.kind != "mapping":
        message = 'The file must hold keys at its top level, such as "rules:" or "project:".'
        return _unreadable(file, root.position, message)
    walk = _Walk(file, problems)
    data = walk.value(root, ())
    return Document(file, data, walk.positions, walk.keys, tuple(problems))


class _Walk:
    """Turns nodes into plain data, aliases expanded, and notes the places."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.positions: dict[KeyPath, Position] = {}
        self.keys: dict[KeyPath, Position] = {}
        self._file = file
        self._problems = problems

    def value(self, node: _Node, path: KeyPath) -> Any:
        self.positions[path] = node.position
        if len(self.positions) > MAX_VALUES:
            raise _RefusedError(node.position, f"With aliases these are more than {MAX_VALUES:,} values.")
        if len(path) > MAX_DEPTH:
            raise _RefusedError(node.position, f"Values are nested more than {MAX_DEPTH} deep here.")
        if node.kind == "list":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.items)]
        if node.kind == "mapping":
            return self._mapping(node, path)
        return node.scalar

    def _mapping(self, node: _Node, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        key: _Node
        for key, value in node.items:
            if (mistake := _mistake_of_key(key)) is not None:
                self._problems.append(Problem(self._file, *key.position, mistake, path))
                continue
            inner = (*path, key.scalar)
            if key.scalar in data:
                first = self.keys[inner][0]
                message = f'The key "{shown(key.scalar)}" stands twice; it is already in line {first}.'
                self._problems.append(Problem(self._file, *key.position, message, inner))
                continue
            self.keys[inner] = key.position
            data[key.scalar] = self.value(value, inner)
        return data


def _mistake_of_key(key: _Node) -> str | None:
    if key.kind != "scalar":
        return "A key must be text, not a list or a mapping."
    if key.scalar == "<<":
        return "Merge keys (<<) are not read here. Write the keys out; a rule can use `extends`."
    if not isinstance(key.scalar, str):
        return "This key is not text in YAML. Put it in quotes."
    return None


_STAR = 'A text that begins with "*" must be in quotes.'
_TABS = "A tab stands here. Indent with spaces only."
_INDENTATION = "This does not fit the lines above. Check the indentation, the dashes and the colons."
# What PyYAML's two parsers say, and how that reads for someone who does not know YAML's grammar.
_WORDING: tuple[tuple[str, str], ...] = (
    ("while scanning an alias", _STAR),
    ("while scanning an anchor", 'A text that begins with "&" must be in quotes.'),
    ("while scanning a tag", 'A text that begins with "!" must be in quotes.'),
    ("while parsing a tag", 'A text that begins with "!" must be in quotes.'),
    ("while scanning a directive", 'A line that begins with "%" must be in quotes.'),
    ("while scanning a block scalar", 'After "|" or ">" the text begins in the next line, indented.'),
    ("unknown escape character", "A backslash in double quotes is an escape. Use single quotes."),
    ("while scanning a quoted scalar", "The quote that opens here is never closed."),
    ("mapping values are not allowed", "A colon does not fit here. Check the indentation or quote the text."),
    ("could not find expected ':'", 'A colon is missing here, or a text over several lines needs "|".'),
    ("cannot start any token", "A text cannot begin with this character. Put it in quotes."),
    ("while parsing a flow", "The bracket that opens here is not closed, or a comma is missing."),
    ("while parsing a block", _INDENTATION),
    ("block sequence entries are not allowed", _INDENTATION),
    ("document start", _INDENTATION),
)
_OPENING = ("while scanning a quoted scalar", "while parsing a flow", "could not find expected ':'")


def _syntax_error(error: yaml.MarkedYAMLError, text: str, innermost: Position | None) -> tuple[Position, str]:
    """Where a file stops being YAML, and a sentence about it; `innermost` is the bracket that was open."""
    said = f"{error.context or ''}; {error.problem or ''}"
    message = next((words for part, words in _WORDING if part in said), f"This is not YAML: {error.problem}.")
    if innermost is not None and error.context == "while parsing a flow node":
        return innermost, message  # the parsers name the place where the next value should have been
    opened = any(message == words and part in _OPENING for part, words in _WORDING)
    mark = error.context_mark if opened and error.context_mark else error.problem_mark or error.context_mark
    if mark is None:
        return START, message
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    line = lines[mark.line] if mark.line < len(lines) else ""
    tab = re.match(r"[ -]*\t", line)
    if tab is not None and not opened:
        return (mark.line + 1, tab.end()), _TABS
    return (mark.line + 1, mark.column + 1), message
