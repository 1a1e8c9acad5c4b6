"""The one kind of refusal: what is wrong, where, and what to do next."""

from __future__ import annotations


class ArgosError(Exception):
    """A request that Argos refuses; the commands print it and exit with 2.

    `what` is one sentence, `where` is a place (`.lens/rules.yaml:3:5`, a path, a URL without its
    password) and `next_step` is one sentence that says how to go on. Anything that is not an
    `ArgosError` is a bug and reaches the user with its traceback.
    """

    def __init__(self, what: str, *, where: str | None = None, next_step: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        after = self.next_step or ""
        gap = "" if not after or after.startswith("\n") or self.what.endswith("\n") else " "
        return f"{place}{self.what}{gap}{after}"
