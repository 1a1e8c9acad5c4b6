"""How likely a test fails next, to run the most telling tests first."""

from __future__ import annotations

from argos.stats import rates

DECAY = 0.9
"""Weight of a result relative to the next newer one, so that half of the weight is 7 results old."""

PRIOR_FAILURES = 1.0
PRIOR_PASSES = 19.0
"""The Beta(1, 19) prior: a test that nobody has seen yet is expected to fail 1 time in 20."""


def failure_likelihood(recent: str) -> float:
    """Expected probability 0..1 that the next executed result fails.

        (a + sum(w_i * f_i)) / (a + b + sum(w_i)),  w_i = DECAY ** age_i

    over the executed results, where `f_i` is 1 for a failing one and `age_i` counts executed
    results from 0 for the newest. It is the mean of a Beta distribution whose observations are
    forgotten exponentially (Jøsang and Ismail, The Beta Reputation System, 2002). A test without
    results ranks above one that always passed, for its outcome is still open.
    """
    letters = rates.executed(recent)
    weights = (1 - DECAY ** len(letters)) / (1 - DECAY)
    return (PRIOR_FAILURES + _decayed_failures(letters)) / (PRIOR_FAILURES + PRIOR_PASSES + weights)


def _decayed_failures(letters: str) -> float:
    if "F" not in letters and "E" not in letters:
        return 0.0
    return sum(DECAY**age for age, letter in enumerate(reversed(letters)) if letter in "FE")
