"""`anvil db`: the memory itself: its size, upgrade, backup, check and pruning."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path

import click

from argos.console import edge
from argos.workplace import Workplace

# With fewer results the empty tables weigh more than they do.
TELLING = 10_000


@click.group(short_help="Look after the database.")
def db() -> None:
    """Look after the database of results.

    \b
    Example:
      anvil db info
      anvil db backup results-2026-01-31.db
      anvil db prune --keep 90d --dry-run
    """


@db.command()
@edge.common_options
def info(project: Path | None, as_json: bool) -> None:
    """Show where the database is, its schema, and how much it holds.

    \b
    Example:
      anvil db info
    """
    from argos.store import administration

    found = administration.info(Workplace(project).database)
    if as_json:
        edge.print_json(
            {
                "location": found.location,
                "size_bytes": found.size_bytes,
                "revision": found.revision,
                "head": found.head,
                "executions": found.executions,
                "entities": found.entities,
                "results": found.results,
                "oldest": found.oldest and found.oldest.isoformat(),
                "newest": found.newest and found.newest.isoformat(),
                "bytes_per_result": found.bytes_per_result,
            }
        )
        return
    span = f"{found.oldest:%Y-%m-%d} to {found.newest:%Y-%m-%d}" if found.oldest and found.newest else "-"
    enough = found.bytes_per_result is not None and found.results >= TELLING
    density = f", {found.bytes_per_result:.0f} bytes a result" if enough else ""
    for title, value in [
        ("location", found.location),
        ("size", f"{_bytes(found.size_bytes)}{density}"),
        (
            "schema",
            found.revision if found.revision == found.head else f"{found.revision}, newest {found.head}",
        ),
        ("holds", _held(found.executions, found.results, found.entities)),
        ("from", span),
    ]:
        click.echo(f"{title:<10} {value}")


@db.command()
@edge.common_options
def upgrade(project: Path | None, as_json: bool) -> None:
    """Bring the schema up to date. Every other command does this by itself; a SQLite file is backed up first.

    \b
    Example:
      anvil db upgrade
    """
    from datetime import UTC, datetime

    from argos.store import upgrades
    from argos.store.database import open_database
    from argos.store.tables import HEAD

    place = Workplace(project)
    database = open_database(
        place.project.root, os.environ.get("ARGOS_DATABASE_URL") or place.project.database, upgrade=False
    )
    click.get_current_context().call_on_close(database.close)
    applied = upgrades.upgrade(database, datetime.now(UTC)) if database.revision() != HEAD else []
    if as_json:
        edge.print_json({"applied": applied, "revision": HEAD})
        return
    click.echo(f"applied {', '.join(applied)}" if applied else f"the schema is up to date ({HEAD})")


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@edge.common_options
def backup(file: Path, project: Path | None, as_json: bool) -> None:
    """Copy a SQLite database, also while it is in use, to a file that does not exist yet.

    \b
    Example:
      anvil db backup results-2026-01-31.db
    """
    from argos.store import administration

    administration.backup(Workplace(project).database, file)
    size = file.stat().st_size
    if as_json:
        edge.print_json({"file": str(file), "size_bytes": size})
    else:
        click.echo(f"wrote {file} ({_bytes(size)})")


@db.command()
@edge.common_options
def check(project: Path | None, as_json: bool) -> None:
    """Check the file, and that the statistics equal a recount of the results; exit with 1 if not.

    \b
    Example:
      anvil db check
    """
    from argos.store import administration

    problems = administration.check(Workplace(project).database)
    if as_json:
        edge.print_json({"problems": problems})
    else:
        click.echo("\n".join(problems) or "no problems")
    raise SystemExit(edge.GATE_NOT_MET if problems else 0)


@db.command()
@click.option("--keep", metavar="AGE", help="Keep what is younger: 90d, 12w, 36h.")
@click.option("--keep-last", type=click.IntRange(1), metavar="N", help="Keep the newest N executions.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@edge.common_options
def prune(
    keep: str | None, keep_last: int | None, dry_run: bool, project: Path | None, as_json: bool
) -> None:
    """Delete old executions with their results and free the space.

    The newest run of the whole suite is always kept.

    \b
    Example:
      anvil db prune --keep 90d --dry-run
      anvil db prune --keep-last 500
    """
    from datetime import datetime

    from argos.config.quantities import parse_age
    from argos.store import administration

    if (keep is None) == (keep_last is None):
        raise click.UsageError("Say either --keep 90d or --keep-last N.")
    with edge.said_by("--keep"):
        older_than = None if keep is None else datetime.now(UTC) - parse_age(keep)
    pruned = administration.prune(
        Workplace(project).database, older_than=older_than, keep_last=keep_last, dry_run=dry_run
    )
    if as_json:
        edge.print_json(
            {
                "dry_run": dry_run,
                "executions": pruned.executions,
                "results": pruned.results,
                "entities": pruned.entities,
                "bytes_freed": pruned.bytes_freed,
            }
        )
        return
    verb = "would delete" if dry_run else "deleted"
    freed = "" if dry_run or pruned.bytes_freed is None else f"; freed {_bytes(pruned.bytes_freed)}"
    click.echo(f"{verb} {_held(pruned.executions, pruned.results, pruned.entities)}{freed}")


def _held(executions: int, results: int, entities: int) -> str:
    from argos.console.progress import plural

    known = "1 entity" if entities == 1 else f"{entities} entities"
    return f"{plural(executions, 'execution')}, {plural(results, 'result')}, {known}"


def _bytes(count: int | None) -> str:
    if count is None:
        return "unknown size"
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
