"""SARIF 2.1.0, the exchange format of code scanning: read and written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from argos.errors import ArgosError
from argos.model.ci import LintViolation
from argos.model.quality import ERROR, INFO, WARNING, ToolOutput
from argos.tools.lint_lines import json_in, violation

NAME = "sarif"
VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "argosIdentity/v1"

_SEVERITIES = {"error": ERROR, "warning": WARNING, "note": INFO}
_LEVELS = {severity: level for level, severity in _SEVERITIES.items()}
_DRIVE = re.compile(r"/[A-Za-z]:/")


def read(text: str) -> ToolOutput:
    """The results of every run that stand and are failures: suppressed, absent and passed ones do not count.

    A level that a result leaves out is that of its rule, else `warning`. The tool is the driver's name
    in lower case. Raises `ArgosError` for what is no SARIF.
    """
    found = json_in(text, "{")
    if found is None or not isinstance(found[1], dict) or not isinstance(found[1].get("runs"), list):
        raise ArgosError(
            'This is no SARIF: it is no JSON object with "runs", or it is cut off.',
            next_step="Let the tool write SARIF 2.1.0.",
        )
    violations: list[LintViolation] = []
    strange = [*found[0], *found[2]]
    for run in found[1]["runs"]:
        if not isinstance(run, dict):
            strange.append(str(run)[:500])
            continue
        rules, bases = _rules(run), _bases(run)
        name = _driver(run).get("name")
        tool = name.lower() if isinstance(name, str) and name.strip() else NAME
        for result in _list(run.get("results")):
            each = _violation(tool, result, rules, bases)
            if isinstance(each, str):
                strange.append(each)
            elif each is not None:
                violations.append(each)
    return ToolOutput(tuple(violations), tuple(strange))


def _violation(
    tool: str, result: Any, rules: list[Mapping[str, Any]], bases: Mapping[str, str]
) -> LintViolation | str | None:
    """None for a result that does not count, the text of one that is not understood."""
    if not isinstance(result, dict):
        return str(result)[:500]
    if _does_not_count(result):
        return None
    rule, code = _rule(result, rules)
    message = _table(result.get("message"))
    text = message.get("text") or message.get("markdown") or _table(rule.get("shortDescription")).get("text")
    if not isinstance(text, str):
        return str(result)[:500]
    level = result.get("level") or _table(rule.get("defaultConfiguration")).get("level") or "warning"
    if level == "none":
        return None
    location = _table(next(iter(_list(result.get("locations"))), None))
    physical = _table(location.get("physicalLocation"))
    region = _table(physical.get("region"))
    path = _path(_table(physical.get("artifactLocation")), bases)
    severity = _SEVERITIES.get(str(level), WARNING)
    return violation(tool, path, code, text, region.get("startLine"), region.get("startColumn"), severity)


def _does_not_count(result: Mapping[str, Any]) -> bool:
    suppressed = any(
        _table(each).get("status", "accepted") == "accepted" for each in _list(result.get("suppressions"))
    )
    kind = result.get("kind", "fail")
    return suppressed or result.get("baselineState") == "absent" or kind not in ("fail", "review", "open")


def _rule(result: Mapping[str, Any], rules: list[Mapping[str, Any]]) -> tuple[Mapping[str, Any], str]:
    """The rule of a result and its id; a hierarchical id (`CA1000/1`) belongs to its first part's rule."""
    named = result.get("ruleId") or _table(result.get("rule")).get("id")
    index = result.get("ruleIndex", _table(result.get("rule")).get("index"))
    if type(index) is int and 0 <= index < len(rules):
        rule = rules[index]
    else:
        family = str(named).partition("/")[0]
        rule = next((each for each in rules if each.get("id") in (named, family)), {})
    return rule, str(named or rule.get("id") or NAME)


def _path(artifact: Mapping[str, Any], bases: Mapping[str, str]) -> str:
    uri = artifact.get("uri")
    if not isinstance(uri, str):
        return ""
    base = bases.get(str(artifact.get("uriBaseId")), "")
    if base and "://" not in uri and not uri.startswith("/"):
        uri = f"{base.rstrip('/')}/{uri}"
    path = unquote(re.sub(r"^file:(?://[^/]*)?", "", uri))
    return path[1:] if _DRIVE.match(path) else path


def _bases(run: Mapping[str, Any]) -> dict[str, str]:
    """Absolute folders by their ids; the usual `%SRCROOT%` without a folder is the project itself."""
    bases = _table(run.get("originalUriBaseIds"))
    return {name: uri for name, base in bases.items() if isinstance(uri := _table(base).get("uri"), str)}


def _rules(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_table(rule) for rule in _list(_driver(run).get("rules"))]


def _driver(run: Mapping[str, Any]) -> Mapping[str, Any]:
    return _table(_table(run.get("tool")).get("driver"))


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def write(violations: Iterable[tuple[LintViolation, str]], *, version: str) -> str:
    """SARIF with one run for each tool, each result with its identity as a partial fingerprint.

    Takes violations with a text that stands for their identity. Paths are relative to the repository.
    `version` is that of Argos.
    """
    by_tool: dict[str, list[tuple[LintViolation, str]]] = {}
    for each, identity in violations:
        by_tool.setdefault(each.tool, []).append((each, identity))
    runs = [_run(tool, found, version) for tool, found in sorted(by_tool.items())]
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": runs}, indent=2) + "\n"


def _run(tool: str, found: list[tuple[LintViolation, str]], version: str) -> dict[str, Any]:
    codes = sorted({each.code for each, _ in found})
    return {
        "tool": {"driver": {"name": tool, "rules": [{"id": code} for code in codes]}},
        "properties": {"writtenBy": f"argos {version}"},
        "results": [_result(each, identity, codes.index(each.code)) for each, identity in found],
    }


def _result(each: LintViolation, identity: str, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": each.code,
        "ruleIndex": index,
        "level": _LEVELS.get(each.severity, "warning"),
        "message": {"text": each.message},
        "partialFingerprints": {FINGERPRINT: hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()},
    }
    if each.path:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(each.path), "uriBaseId": "%SRCROOT%"}}
        if each.line is not None:
            column = {} if each.column is None else {"startColumn": each.column}
            physical["region"] = {"startLine": each.line, **column}
        result["locations"] = [{"physicalLocation": physical}]
    return result
