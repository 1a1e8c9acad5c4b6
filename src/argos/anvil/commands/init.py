"""`anvil init`: finds the tests and writes the two configuration files, never over existing ones."""

from __future__ import annotations

from pathlib import Path

import click

from argos.console import edge


@click.command(short_help="Find the tests and write commented configuration.")
@edge.common_options
def init(project: Path | None, as_json: bool) -> None:
    """Find test roots, interpreter and packages, and write `.anvil/config.yaml` and `.lens/rules.yaml`.

    Files that exist are left as they are. Nothing of the project is run or changed.

    \b
    Example:
      anvil init
      anvil init --project ~/src/shop
    """
    import os

    from argos.config.discovery import discover, write_files
    from argos.config.project import load_project, resolve_interpreter
    from argos.errors import ArgosError

    root = (project or Path.cwd()).resolve()
    discovery = discover(root)
    written = write_files(root, discovery)
    try:
        interpreter = resolve_interpreter(load_project(root), os.environ)
        python, origin = str(interpreter.path), interpreter.origin
    except ArgosError as error:
        python, origin = None, str(error)
    if as_json:
        edge.print_json(
            {
                "project": str(root),
                "name": discovery.name,
                "packages": list(discovery.packages),
                "roots": [
                    {"path": r.path, "rootdir": r.rootdir, "patterns": list(r.patterns)}
                    for r in discovery.roots
                ],
                "notes": list(discovery.notes),
                "python": python,
                "python_origin": origin,
                "files": [{"path": _shown(path, root), "written": new} for path, new in written],
            }
        )
        return
    click.echo(f"project   {discovery.name} ({root})")
    for test_root in discovery.roots:
        where = "" if test_root.rootdir == "." else f", pytest runs in {test_root.rootdir}"
        click.echo(f"tests     {test_root.path} ({', '.join(test_root.patterns)}{where})")
    if discovery.packages:
        click.echo(f"packages  {', '.join(discovery.packages)}")
    click.echo(f"python    {python} ({origin})" if python else f"python    none yet: {origin}")
    for note in discovery.notes:
        click.echo(f"note      {note}")
    for path, new in written:
        click.echo(f"{'wrote' if new else 'kept'}     {'' if new else ' '}{_shown(path, root)}")
    ready = "anvil execute --rule baseline-all-tests"
    click.echo(f"\nNext: {ready}" if discovery.roots else f"\nNext: write a test, then {ready}")


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
