"""What installers print."""

from __future__ import annotations

import pytest

from argos.tools.pip_log import failure, installed


def test_pins_are_split_at_the_hyphen_before_the_version():
    line = "Successfully installed a-1.0 b-c-2.0.post1 charset_normalizer-3.4.4 x-1!2.0+cu118"
    assert installed(line) == {
        "a": "1.0",
        "b-c": "2.0.post1",
        "charset_normalizer": "3.4.4",
        "x": "1!2.0+cu118",
    }
    assert installed(" + pytest==8.3.5") == {"pytest": "8.3.5"}
    assert installed("Successfully built a") == {}


@pytest.mark.parametrize(
    ("line", "tool"),
    [
        ("ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1.0)", "pip"),
        (
            "ERROR: Cannot install a and b because these package versions have conflicting dependencies.",
            "pip",
        ),
        ("  error: subprocess-exited-with-error", "pip"),
        ("error: metadata-generation-failed", "pip"),
        ("ERROR: Package 'shop' requires a different Python: 3.8.18 not in '>=3.9'", "pip"),
        ("  × No solution found when resolving dependencies:", "uv"),
        ("ResolvePackageNotFound: ", "conda"),
        (
            "Because shop depends on x (^9) which doesn't match any versions, version solving failed.",
            "poetry",
        ),
        ("E: Unable to locate package libfoo", "apt"),
    ],
)
def test_the_installer_that_failed_is_named(line, tool):
    assert failure(line) == tool


@pytest.mark.parametrize(
    "line", ["Collecting x", "error: something else", "E   ValueError: x", "Because it is so"]
)
def test_other_lines_are_no_failures(line):
    assert failure(line) is None
