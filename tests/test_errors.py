from __future__ import annotations

import pytest

from argos.errors import ArgosError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ArgosError("No."), "No."),
        (ArgosError("No.", where="a:1", next_step="Go."), "a:1: No. Go."),
        (ArgosError("No.\n\nprinted\n\n", next_step="Go."), "No.\n\nprinted\n\nGo."),
        (ArgosError("No.", next_step="\nGo."), "No.\nGo."),
    ],
)
def test_a_refusal_reads_as_place_sentence_and_next_step(error: ArgosError, text: str) -> None:
    assert str(error) == text
