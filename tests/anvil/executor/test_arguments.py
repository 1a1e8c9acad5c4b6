from __future__ import annotations

import pytest

from argos.anvil.executor.arguments import named_paths, narrows


@pytest.mark.parametrize(
    ("arguments", "narrowing"),
    [
        ([], False), (["-p", "no:randomly"], False), (["-pno:randomly", "-vv", "--tb=short"], False), (["-n", "2"], False),
        (["-k", "x"], True), (["tests/test_a.py"], True), (["-x"], True), (["-p", "no:x", "-m", "slow"], True),
    ],
)  # fmt: skip
def test_arguments_that_may_leave_tests_out_are_told_from_the_others(
    arguments: list[str], narrowing: bool
) -> None:
    assert narrows(arguments) is narrowing


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ("", []),
        ("tests/test_a.py", ["tests/test_a.py"]),
        ("-x tests/test_a.py::test_b -v", ["tests/test_a.py::test_b"]),
        ("-xvs tests", ["tests"]),
        ("--lf tests", ["tests"]),
        ("--tb=short tests", ["tests"]),
        ("-pno:randomly tests", ["tests"]),
        ("-p no:randomly tests", ["tests"]),
        ("-k name -m slow --tb short -n 4", []),
        ("--some-plugin-option value", []),
        ("-- tests", ["tests"]),
        ("--deselect tests/test_a.py::test_b", []),
        ("a b", ["a", "b"]),
    ],
)
def test_a_path_is_told_from_the_value_of_an_option(arguments: str, paths: list[str]) -> None:
    assert named_paths(arguments.split()) == paths
