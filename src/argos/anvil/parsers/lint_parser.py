"""`LintParser`: violations from the output of any known linter, sorted and scored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from argos.model.ci import LintViolation
from argos.model.quality import ToolOutput
from argos.stats import quality
from argos.tools import linters

By = Literal["severity", "code", "file", "category"]


class LintParser:
    """Reads what linters write.

    After each reading `not_understood` holds the lines that are neither a violation nor anything else
    that the tool is known to print, in their order: nothing is dropped silently.
    """

    def __init__(self) -> None:
        self.not_understood: list[str] = []

    def parse_flake8(self, output: str) -> list[LintViolation]:
        """`path:line:column: CODE message`, with or without source, counts and statistics."""
        return self._read("flake8", output)

    def parse_black(self, output: str) -> list[LintViolation]:
        """One violation for each file that `black --check` would change or cannot parse."""
        return self._read("black", output)

    def parse_isort(self, output: str) -> list[LintViolation]:
        """One violation for each file whose imports `isort --check-only` would move."""
        return self._read("isort", output)

    def parse_pylint(self, output: str) -> list[LintViolation]:
        """Any of `json`, `json2`, `text` and `parseable`. Columns count from 1, unlike pylint's own."""
        return self._read("pylint", output)

    def parse_ruff(self, output: str) -> list[LintViolation]:
        """`json` or `concise`."""
        return self._read("ruff", output)

    def parse_mypy(self, output: str) -> list[LintViolation]:
        """Text or one JSON object a line; notes belong to the error before them and do not count."""
        return self._read("mypy", output)

    def parse_sarif(self, output: str) -> list[LintViolation]:
        """The results of all runs that are neither suppressed nor passed. `ArgosError` for no SARIF."""
        return self._read("sarif", output)

    def parse_checkstyle(self, output: str) -> list[LintViolation]:
        """Checkstyle's XML. Raises `ArgosError` for other XML."""
        return self._read("checkstyle", output)

    def parse(self, output: str, form: str | None = None) -> list[LintViolation]:
        """The output of the tool named, else of the one that it looks like. Raises `ArgosError` for none."""
        return self._take(linters.read(output, form)[1])

    def categorize_violations(
        self, violations: Iterable[LintViolation], by: By = "severity"
    ) -> dict[str, list[LintViolation]]:
        """The violations under their severity, code, file or category, the largest group first.

        Categories are those of `category`: errors, complexity, style, documentation, types and imports.
        """
        keys: dict[str, Callable[[LintViolation], str]] = {
            "severity": lambda each: each.severity,
            "code": lambda each: each.code,
            "file": lambda each: each.path or "",
            "category": category,
        }
        groups: dict[str, list[LintViolation]] = defaultdict(list)
        for each in violations:
            groups[keys[by](each)].append(each)
        return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))

    def calculate_quality_score(self, violations: Sequence[LintViolation], total_lines: int) -> float:
        """0..100 by density and severity; the formula is that of `argos.stats.quality`."""
        return quality.score(Counter(each.severity for each in violations), total_lines)

    def _read(self, form: str, output: str) -> list[LintViolation]:
        return self._take(linters.read(output, form)[1])

    def _take(self, output: ToolOutput) -> list[LintViolation]:
        self.not_understood = list(output.not_understood)
        return list(output.violations)


def category(violation: LintViolation) -> str:
    """What a violation is about: errors, complexity, types, imports, documentation, or else style."""
    code = violation.code
    if violation.tool == "mypy" or code.startswith("ANN"):
        return "types"
    if code.startswith(("C90", "R09", "R170", "PLR09")):
        return "complexity"
    if violation.severity == "ERROR":
        return "errors"
    if code.startswith(("F401", "I00", "W06", "C041", "E401", "E402", "unsorted-imports")):
        return "imports"
    return "documentation" if code.startswith(("D1", "D2", "D3", "D4", "C011")) else "style"
