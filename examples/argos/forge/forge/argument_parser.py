"""Reads the arguments of a build: sizes, switches and definitions."""

from __future__ import annotations

UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
SWITCHES = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}


def size(text: str) -> int:
    """Bytes of `12`, `12k`, `3M` or `1G`."""
    number, unit = text.rstrip("kmgKMG"), text[len(text.rstrip("kmgKMG")) :].lower()
    if not number.isdigit() or unit not in UNITS:
        raise ValueError(f"not a size: {text!r}")
    return int(number) * UNITS[unit]


def switch(text: str) -> bool:
    try:
        return SWITCHES[text.lower()]
    except KeyError:
        raise ValueError(f"neither on nor off: {text!r}") from None


def definition(text: str) -> tuple[str, str]:
    """`NAME=value`, where the value may hold further equals signs."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"not a definition: {text!r}")
    return name, value
