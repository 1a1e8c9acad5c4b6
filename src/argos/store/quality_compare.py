"""Two recorded scans beside each other."""

from __future__ import annotations

import sqlalchemy as sa

from argos.stats.quality import QualityRegression
from argos.stats.quality import regressions as regressions_of
from argos.stats.violations import pair
from argos.store import quality


def regressions(connection: sa.Connection, current_id: str, baseline_id: str) -> list[QualityRegression]:
    """What a scan found that was not there after another, and the files that have more than they had.

    Only the files of the current scan are compared. A finding is the same one if it has the same
    identity, or else, where the two scans are not of one line of scans, if it is recognised.
    """
    files = quality.files_of(connection, current_id)
    current = quality.found_in(connection, current_id)
    baseline = quality.standing_at(connection, baseline_id)
    identities = {each.identity for each in baseline}
    unknown = [each.sighting for each in current if each.identity not in identities]
    present = {each.identity for each in current}
    candidates = [each.sighting for each in baseline if each.identity not in present]
    recognised = set(pair(candidates, unknown).values())
    return regressions_of(
        [each.sighting for each in current],
        [each.sighting for each in baseline if each.sighting.path in files],
        [each for place, each in enumerate(unknown) if place not in recognised],
    )
