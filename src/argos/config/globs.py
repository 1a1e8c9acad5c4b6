"""Globs over node ids, files and folders: `tests/unit`, `tests/**/test_*.py`, `*::test_slow*`.

A pattern without wildcards names a folder, a file, a class or a test, and matches all that lies in
it. In the file part of a pattern (before the first `::`) `*` and `?` stop at `/`, `**` does not, and
`[ab]` is one of these characters. After `::`, `*` and `?` match anything and brackets are plain
text, since parametrised tests have them in their names. A lone `*` as file part is any file, at any
depth, and any class. Every pattern also matches the node id that is written exactly like it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

# Parts the file from the test inside the regular expressions; neither part of a node id can hold it.
_MARK = "\0"


def matcher(patterns: Sequence[str]) -> Callable[[str], str | None]:
    """A function from a node id to the first of the patterns that matches it, or None.

    Costs a few dictionary look-ups for the patterns without wildcards, however many they are, and
    one or two searches with a combined expression for the others. No pattern takes exponential time.
    """
    plain = [_plain(pattern) for pattern in patterns]
    none = len(patterns)
    literals = {pattern: place for place, pattern in reversed([*enumerate(plain)])}
    everything = literals.get(".", none)
    anywhere, elsewhere = _any_file(plain), _globs(plain)

    def match(node_id: str) -> str | None:
        containers = list(_containers(node_id))
        place = min((literals[part] for part in containers if part in literals), default=none)
        place = min(place, everything, elsewhere(node_id.replace("::", _MARK, 1), 0))
        for part in containers:
            if node_id.startswith("::", len(part)):
                place = min(place, anywhere(node_id, len(part) + 2))
        return patterns[place] if place < none else None

    return match


def literal_folder(pattern: str) -> str:
    """The deepest folder that surely holds what a file glob matches; `.` for the root."""
    parts = _plain(pattern).split("/")
    plain = next((i for i, part in enumerate(parts) if _has_wildcard(part)), len(parts) - 1)
    return "/".join(parts[: min(plain, len(parts) - 1)]) or "."


def _any_file(plain: Sequence[str]) -> Callable[[str, int], int]:
    tests = enumerate(map(_test_in_any_file, plain))
    return _first({place: _test_expression(test) for place, test in tests if test is not None}, len(plain))


def _globs(plain: Sequence[str]) -> Callable[[str, int], int]:
    return _first(
        {
            place: _translate(pattern)
            for place, pattern in enumerate(plain)
            if _has_wildcard(pattern) and _test_in_any_file(pattern) is None
        },
        len(plain),
    )


def _test_in_any_file(pattern: str) -> str | None:
    file, _, test = pattern.partition("::")
    return test if test and file in ("*", "**") else None


def _first(expressions: dict[int, str], none: int) -> Callable[[str, int], int]:
    """From a text and where to begin in it to the place of the first expression that fits, or `none`."""
    places = list(expressions)
    combined = re.compile("|".join(f"({expression})" for expression in expressions.values()), re.DOTALL)

    def first(text: str, begin: int) -> int:
        found = combined.match(text, begin) if places else None
        return none if found is None else places[(found.lastindex or 1) - 1]

    return first


def _plain(pattern: str) -> str:
    file, mark, test = pattern.partition("::")
    while file.startswith("./"):
        file = file[2:]
    return (file.rstrip("/") or ".") + mark + test


def _has_wildcard(pattern: str) -> bool:
    file, _, test = pattern.partition("::")
    return any(c in file for c in "*?[") or any(c in test for c in "*?")


def _containers(node_id: str) -> Iterator[str]:
    """The folders, the file, the class and the test that a node id lies in, and itself."""
    file_end = node_id.find("::")
    file_end = len(node_id) if file_end < 0 else file_end
    at = node_id.find("/")
    while 0 <= at < file_end:
        yield node_id[:at]
        at = node_id.find("/", at + 1)
    if file_end < len(node_id):
        yield node_id[:file_end]
        bracket = node_id.find("[", file_end)
        at = node_id.find("::", file_end + 2, bracket if bracket > 0 else None)
        while at > 0:
            yield node_id[:at]
            at = node_id.find("::", at + 2, bracket if bracket > 0 else None)
        if bracket > 0:
            yield node_id[:bracket]
    yield node_id


# In an expression each wildcard stands in an atomic group with the plain text up to the next one: the
# first place where that text fits is as good as any later one, so nothing is tried twice.
_IN_FILE = rf"[^/{_MARK}]"
_END_OF_FILE = rf"(?:\Z|/|{_MARK})"
_END_OF_TEST = r"(?:\Z|::|\[)"


def _translate(pattern: str) -> str:
    file, mark, test = pattern.partition("::")
    if not mark:
        return _file_expression(file, _END_OF_FILE)
    return _file_expression(file, _MARK) + _test_expression(test)


def _test_expression(test: str) -> str:
    pieces = [re.escape(piece).replace(r"\?", ".") for piece in re.split(r"\*+", test)]
    pieces[-1] += _END_OF_TEST
    return pieces[0] + "".join(rf"(?>.*?{piece})" for piece in pieces[1:])


def _file_expression(file: str, end: str) -> str:
    """`end` follows the last part; `**` takes any number of folders, at the end also the file."""
    first, *rest = (run.strip("/") for run in re.split(r"(?:(?<=/)|^)\*\*(?=/|\Z)", file))
    if not rest:
        return _run_expression(first, end)
    expression = _run_expression(first, "/") if first else ""
    for place, run in enumerate(rest, 1):
        if run:
            inner = _run_expression(run, end if place == len(rest) else "/")
            expression += rf"(?>(?:{_IN_FILE}*/)*?{inner})"
    if rest[-1] == "":
        expression += rf"[^{_MARK}]+" + (end if end == _MARK else "")
    return expression


_WILDCARDS = re.compile(r"(\[(?:!.|[^!])[^\]]*\]|\*+|\?)", re.DOTALL)


def _run_expression(run: str, end: str) -> str:
    pieces = [""]
    for place, part in enumerate(_WILDCARDS.split(run)):
        if part.startswith("*"):
            pieces.append("")
        else:
            pieces[-1] += _wildcard(part) if place % 2 else re.escape(part)
    pieces[-1] += end
    return pieces[0] + "".join(rf"(?>{_IN_FILE}*?{piece})" for piece in pieces[1:])


def _wildcard(part: str) -> str:
    if part == "?":
        return _IN_FILE
    negated = part.startswith("[!")
    inner = part[2 if negated else 1 : -1]
    ranges = "".join(_range(found[0]) for found in re.finditer(r"(?s).-.|.", inner))
    if not ranges:
        return _IN_FILE if negated else "(?!)"
    return rf"(?!/|{_MARK})[{'^' if negated else ''}{ranges}]"


def _range(written: str) -> str:
    if len(written) == 1:
        return re.escape(written)
    low, high = written[0], written[-1]
    return f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
