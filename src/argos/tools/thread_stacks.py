"""What faulthandler prints of a Python that is ended: the stack of every thread, innermost call first.

https://docs.python.org/3/library/faulthandler.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_BEGINNING = "Fatal Python error: "
_HEADING = re.compile(r"(?:Current thread|Thread) 0x[0-9a-f]+.*:")


def stacks(text: str) -> list[list[str]]:
    """The stacks of the newest dump in a program's output, one list of lines for each thread.

    Each begins with the thread's heading. The thread that the signal met comes first, which is the
    main one if the signal was sent to the process; without it the one printed last, which is the oldest.
    Empty if there is no dump.
    """
    at = text.rfind(_BEGINNING)
    found: list[list[str]] = []
    for line in text[at:].splitlines() if at >= 0 else ():
        if _HEADING.fullmatch(line):
            found.append([line])
        elif found and line.startswith("  "):
            found[-1].append(line)
    first = next((place for place, lines in enumerate(found) if lines[0].startswith("Current")), -1)
    return [found[first], *found[:first], *found[first:][1:]] if found else []


def printed(threads: Sequence[Sequence[str]]) -> str:
    """Stacks as one text, with an empty line between them."""
    return "\n\n".join("\n".join(lines) for lines in threads)
