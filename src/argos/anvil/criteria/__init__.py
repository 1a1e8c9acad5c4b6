"""The criteria, one file each: which entities match, and the reason in the user's words.

Every module here is a criterion and has these four:

- `NAME`: how rules call it;
- `matches(criterion, entities, history) -> dict[str, str]`: the entities of `entities` that match,
  each with its reason;
- `candidates(criterion, history) -> set[str]`: the entities that history alone puts forward, also
  those that may no longer exist;
- `files(criterion, history) -> set[str] | None`: the only files in which matches can lie, so that
  others need not be collected; None where that cannot be told.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from argos.errors import ArgosError


@cache
def registered() -> dict[str, ModuleType]:
    """Every criterion by its name."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    return {module.NAME: module for module in modules}


def named(name: str) -> ModuleType:
    """The criterion of this name; `ArgosError` for an unknown one."""
    try:
        return registered()[name]
    except KeyError:
        known = ", ".join(sorted(registered()))
        raise ArgosError(f"Unknown criteria: {name}.", next_step=f"Known are {known}.") from None
