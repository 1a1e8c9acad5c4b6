"""The arguments for pytest that a user writes after `--`: what they mean for what is run."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Options that change how tests run or what is shown, and not which tests run.
TAKE_A_VALUE = ("-p", "-W", "-n", "-o", "-r", "--tb", "--durations", "--capture", "--color")
HARMLESS = (*TAKE_A_VALUE, "-v", "-q", "-s", "--cov")

# Options of pytest and of usual plugins that no value follows; of any other the next word may be one.
_FLAG = re.compile(
    r"""
    -[hlqsvx]+ | --(?:
      cache-clear | co | collect-in-virtualenv | collect-only | continue-on-collection-errors
    | cov-append | cov-branch | cov-reset | disable-pytest-warnings | disable-warnings
    | doctest-continue-on-failure | doctest-ignore-import-errors | doctest-modules | exitfirst
    | failed-first | ff | fixtures | fixtures-per-test | forked | full-trace | funcargs
    | keep-duplicates | last-failed | lf | looponfail | markers | new-first | nf | no-cov
    | no-cov-on-fail | no-header | no-showlocals | no-summary | noconftest | pdb | pyargs | quiet
    | runxfail | setup-only | setup-plan | setup-show | showlocals | stepwise | stepwise-skip
    | strict | strict-config | strict-markers | sw | sw-skip | trace | trace-config | verbose
    )?
    """,
    re.VERBOSE,
)


def narrows(user_args: Sequence[str]) -> bool:
    """Whether arguments for pytest may change which tests run; what is not known to be harmless may."""
    arguments = iter(user_args)
    for argument in arguments:
        if not argument.startswith(HARMLESS):
            return True
        if argument in TAKE_A_VALUE:
            next(arguments, None)
    return False


def named_paths(user_args: Sequence[str]) -> list[str]:
    """The words that pytest would take for files, folders or tests to run."""
    before = ["", *user_args]
    return [
        word
        for option, word in zip(before, user_args, strict=False)
        if not word.startswith("-") and not _wants_a_value(option)
    ]


def _wants_a_value(argument: str) -> bool:
    if not argument.startswith("-") or _FLAG.fullmatch(argument):
        return False
    return "=" not in argument if argument.startswith("--") else len(argument) == 2
