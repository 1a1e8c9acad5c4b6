"""Run by Alembic with the connection that `argos.store.upgrades` has opened."""

from __future__ import annotations

from typing import Any

from alembic import context

from argos.store.tables import METADATA, VERSION_TABLE


def note(*_: object, step: Any = None, **_others: object) -> None:
    context.config.attributes["applied"].append(step.up_revision_id)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    on_version_apply=note,
)
context.run_migrations()
