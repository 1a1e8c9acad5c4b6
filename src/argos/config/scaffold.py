"""The two configuration files as `anvil init` writes them: what was found, and a comment for every key."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from argos.errors import ArgosError

if TYPE_CHECKING:
    from argos.config.discovery import Discovery

_QUICK_FILES = 5
_CHANGED = """\
      - criteria: group
        groups:
          - "${CHANGED_FILES}\""""


def write_files(project_root: Path, discovery: Discovery) -> list[tuple[Path, bool]]:
    """Writes `.anvil/config.yaml` and `.lens/rules.yaml`; each path with whether it was written.

    A file that exists is left as it is, and a written one appears whole or not at all. Raises
    `ArgosError` where the folder cannot be written.
    """
    contents = {".anvil/config.yaml": _config(discovery), ".lens/rules.yaml": _rules(discovery)}
    return [(project_root / name, _write_new(project_root / name, text)) for name, text in contents.items()]


def _write_new(path: Path, text: str) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Creating the name first settles who writes it; the contents then come in one step.
        try:
            path.open("x", encoding="utf-8").close()
        except FileExistsError:
            return False
        half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        half.write_text(text, encoding="utf-8", newline="\n")
        half.replace(path)
    except OSError as error:
        raise ArgosError(
            f"The file cannot be written: {error.strerror or error}.",
            where=str(path),
            next_step="Make the folder writable, or give another one with --project.",
        ) from error
    return True


def _quoted(text: str) -> str:
    """A text as YAML's double quotes have it, which JSON's are a part of."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _items(texts: Iterable[str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}- {_quoted(text)}" for text in texts)


def _config(found: Discovery) -> str:
    paths = [root.path for root in found.roots]
    patterns = [pattern for root in found.roots for pattern in root.patterns]
    roots = f"    roots:\n{_items(paths, 6)}" if paths else '    # roots:\n    #   - "tests"'
    discovery = (
        f"    discovery:\n      patterns:\n{_items(patterns, 8)}"
        if patterns
        else '    # discovery:\n    #   patterns:\n    #     - "tests/**/test_*.py"'
    )
    exclude = "      # exclude:" if patterns else "    #   exclude:"
    source = ", ".join(map(_quoted, found.packages)) or '"src"'
    return f"""\
# What Argos validates in this project, and how. Written once by `anvil init`; from now on it is yours.
# Paths are relative to the project's root, with "/" between folders.
version: 1.0

project:
  name: {_quoted(found.name)}
  root: .
  language: python

# The interpreter that runs the tests: a path, a virtual environment, or a command on PATH.
# Without it: the active virtual environment, else .venv or venv in the root, else python3.
# python: {found.interpreter or ".venv"}

# Where results are remembered. Without it: a SQLite file under .argos/. A team can share PostgreSQL.
# database: postgresql://user@host/argos

validators:
  pytest:
    enabled: true
    # Each of these folders is run in a pytest process of its own.
{roots}
    # The files that hold tests; others are never loaded, whatever they are called.
{discovery}
{exclude}
      #   - "tests/manual/**"
    options:
      verbose: false
      # Seconds that one test may run.
      # timeout: 300
      # What happens to printed text: fd, sys, tee-sys, or no (then none of it is recorded).
      # capture: fd
      # More arguments for pytest, one text each.
      # args: ["-p", "no:randomly"]
    coverage:
      enabled: false
      # options:
      #   source: [{source}]
      #   omit: ["*/tests/*"]
      #   fail_under: 90
      #   report: [term, html, xml]
"""


def _rules(found: Discovery) -> str:
    quick = _quick_files(found)
    groups = _items(quick, 6) if quick else '      - "tests"'
    changed = _CHANGED if found.repository else re.sub("(?m)^ {6}", "      # ", _CHANGED)
    return f"""\
# Which tests run, by name: `anvil execute --rule quick-check`. Yours to change.
# `anvil rules check` names every mistake in this file, `anvil rules show NAME` explains a rule.
#
# A rule has one of
#   criteria: all               every test
#   criteria: group             what its `groups` match: files, folders, node ids, with * ? and **
#   criteria: failed-in-last    failed at least once in its last `window` results
#   criteria: failure-rate      failed in at least `threshold` of its last `window` results
#   any: / all: / not:          a combination of such conditions
# and may have
#   limit: 50                   at most so many tests, the most likely to fail first
#   budget: 90s                 at most so much recorded time: 90s, 5m, 1h30m
#   extends: another-rule       every key that is not written comes from that rule
#   enabled: false              keeps the rule, but does not run it

# Rules shared with other projects: files with rules of their own. A rule in this file wins.
# extends: ../shared/rules.yaml

rules:
  - name: baseline-all-tests
    description: Every test, to have a result to compare with
    criteria: all

  - name: quick-check
    description: A few files that tell soon whether something basic broke
    criteria: group
    # Found by name. Put the tests here that you would run first.
    groups:
{groups}

  - name: commit-check
    description: What is worth running before a commit
    any:
      - criteria: failed-in-last
        window: 5
      - criteria: failure-rate
        threshold: 15%
        window: 10
      # The tests of the files that have changed: the variable CHANGED_FILES, else what git says.
{changed}

  - name: rerun-failures
    description: Tests that failed lately
    criteria: failed-in-last
    window: 5

  - name: focus-flaky
    description: Tests that fail now and then
    criteria: failure-rate
    threshold: 5%
    window: 30

  # - name: five-minutes
  #   description: As much of the suite as fits into five minutes
  #   criteria: all
  #   budget: 5m
"""


def _quick_files(found: Discovery) -> list[str]:
    """The first test files of each root in turn, those near the top of their folders first."""
    near = sorted(found.test_files, key=lambda file: (file.count("/"), file))
    queues = [[f for f in near if root.path == "." or f.startswith(f"{root.path}/")] for root in found.roots]
    taken: dict[str, None] = {}
    for place in range(_QUICK_FILES):
        taken |= dict.fromkeys(queue[place] for queue in queues if place < len(queue))
    return list(taken)[:_QUICK_FILES]
