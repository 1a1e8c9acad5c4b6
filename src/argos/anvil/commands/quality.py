"""`anvil quality`: takes in what linters wrote elsewhere, and keeps the baseline of known violations."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argos.console import edge
from argos.workplace import Workplace

if TYPE_CHECKING:
    from argos.anvil.executor.lint_executor import LintResult
    from argos.model.quality import Sighting

TOOLS = ("flake8", "black", "isort", "pylint", "ruff", "mypy", "sarif", "checkstyle")
MAX_BYTES = 512 * 1024 * 1024


@click.group(short_help="Violations from elsewhere, and the baseline of known ones.")
def quality() -> None:
    """Take in what linters wrote elsewhere, and keep the baseline of known violations.

    \b
    Example:
      anvil quality import flake8.txt ruff.json
      anvil quality baseline
    """


@quality.command("import", short_help="Record what linters wrote to files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--tool", type=click.Choice(TOOLS), help="Which tool wrote it; else that is found out.")
@click.option("--space", default="local", show_default=True, help="Where the scan belongs.")
@click.option(
    "--files-from",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="LIST",
    help="A file that names, one a line, the files that were looked at, clean ones among them.",
)
@edge.common_options
def import_(
    files: tuple[str, ...],
    tool: str | None,
    space: str,
    files_from: Path | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Record the output of flake8, black, isort, pylint, ruff or mypy, SARIF or checkstyle XML.

    Each file is one scan of what it names: in a file without a finding nothing is known to be fixed,
    unless --files-from says that it was looked at. `-` is standard input.

    \b
    Example:
      ruff check --output-format=json > ruff.json; anvil quality import ruff.json

    Exit code: 0 recorded, also where there are violations; 2 refused.
    """
    from argos.anvil.commands.lint import document, print_result
    from argos.anvil.executor.lint_executor import LintExecutor, LintOptions
    from argos.tools import linters

    place = Workplace(project)
    options = LintOptions(space, ("anvil", *sys.argv[1:]))
    executor = LintExecutor(place.project, None, lambda: place.database, options)
    looked_at = _names(files_from)
    # All are read before any is recorded: a bad one among them leaves nothing behind.
    outputs = [linters.read(_text(name), tool) for name in files]
    results: list[LintResult] = []
    for name, (form, output) in zip(files, outputs, strict=True):
        for each in sorted({v.tool for v in output.violations}) or [form]:
            part = type(output)(
                tuple(v for v in output.violations if v.tool == each), output.not_understood, output.broken
            )
            results.append(executor.import_output(each, part, files=looked_at))
            if not as_json:
                click.echo(f"{name}: {each}")
                print_result(results[-1])
    if as_json:
        edge.print_json({"scans": [document(each) for each in results]})


def _text(name: str) -> str:
    from argos.errors import ArgosError

    try:
        if name == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ArgosError(
            f"The file cannot be read: {error.strerror or error}.",
            where=name,
            next_step="Name a file that a linter has written.",
        ) from error
    if len(raw) > MAX_BYTES:
        raise ArgosError(
            f"The file is larger than {MAX_BYTES // 1024**2} MiB.",
            where=name,
            next_step="Let the linter write one file for each folder.",
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")  # as PowerShell's `>` writes
    return raw.decode("utf-8", "backslashreplace")


def _names(file: Path | None) -> list[str]:
    if file is None:
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip().replace("\\", "/").removeprefix("./") for line in lines if line.strip()]


@quality.command(short_help="Keep today's violations, so that only new ones fail.")
@click.option("--space", default="local", show_default=True, help="Whose violations: those of this space.")
@click.option(
    "--accept-new", is_flag=True, help="Take in violations that an existing baseline does not hold."
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 if the file is not as it would be written."
)
@edge.common_options
def baseline(space: str, accept_new: bool, check: bool, project: Path | None, as_json: bool) -> None:
    """Write `.anvil/quality-baseline.txt`: the violations that are known and do not fail a run.

    The first time it takes in all that the newest scans found. After that it is a ratchet: what is
    fixed goes out of it, and nothing new comes in without --accept-new. The file holds no line
    numbers and no totals, so branches that change it do not conflict.

    \b
    Example:
      anvil quality baseline
      anvil quality baseline --accept-new

    Exit code: 0, with --check 1 if the file would change; 2 refused.
    """
    from argos.anvil.core.ratchet import tightened
    from argos.anvil.executor.lint_executor import load_baseline
    from argos.store import quality as scans

    place = Workplace(project)
    with place.database.read() as connection:
        summaries = scans.summaries(connection, space=space, limit=1000)
        standing = [each.sighting for each in scans.standing(connection, space)]
    old = load_baseline(place.project.root)
    _refuse_without_scans(bool(summaries), space)
    result = tightened(old, standing, {each.tool for each in summaries}, accept_new=accept_new)
    changed = old is None or result.added or result.removed
    if changed and not check:
        _write(place.project.root, list(result.entries))
    with edge.readers_may_leave():
        if as_json:
            edge.print_json(
                _document(result.entries, result.added, result.removed, result.refused, bool(changed))
            )
        else:
            _print(place.project.root, old is None, result, check=check)
    raise SystemExit(edge.GATE_NOT_MET if check and changed else 0)


def _document(
    entries: tuple[Sighting, ...], added: int, removed: int, refused: int, changed: bool
) -> dict[str, Any]:
    return {
        "entries": len(entries),
        "added": added,
        "removed": removed,
        "not_accepted": refused,
        "changed": changed,
    }


def _refuse_without_scans(there_are: bool, space: str) -> None:
    from argos.errors import ArgosError

    if not there_are:
        raise ArgosError(
            f"No scan is recorded in the space {space!r}, so nothing is known to be kept.",
            next_step="Run a rule with a linter first: anvil execute --rule NAME.",
        )


def _print(root: Path, first: bool, result: Any, *, check: bool) -> None:
    from argos.console.progress import plural
    from argos.tools.quality_baseline import FILE

    verb = "would hold" if check else "holds"
    click.echo(f"{root / FILE} {verb} {plural(len(result.entries), 'known violation')}", nl=first)
    if not first:
        click.echo(f": {result.added} added, {result.removed} fixed and taken out")
    if result.refused:
        click.echo(f"{plural(result.refused, 'new violation')} not taken in; fix them, or add --accept-new.")


def _write(root: Path, entries: list[Sighting]) -> None:
    from argos.errors import ArgosError
    from argos.tools import quality_baseline

    file, attributes = root / quality_baseline.FILE, root / quality_baseline.ATTRIBUTES
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        part.write_text(quality_baseline.dump(entries), encoding="utf-8", newline="\n")
        part.replace(file)
        written = attributes.read_text(encoding="utf-8", errors="replace") if attributes.exists() else ""
        if quality_baseline.ATTRIBUTE.strip() not in written.splitlines():
            attributes.write_text(written + quality_baseline.ATTRIBUTE, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ArgosError(
            f"The baseline cannot be written: {error.strerror}.",
            where=str(error.filename or file),
            next_step="Make the folder .anvil writable.",
        ) from error
