"""`anvil execute --rule all` against plain `pytest -q`, on the project that `make demo` has prepared.

Both run the same tests with the same interpreter, in turn. The time is that of the whole command,
from its start to its end, with the .pyc files in place; the smallest of each counts, because
everything else on the machine can only add to it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / ".demo"
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
LEFT_OUT = ("ARGOS_DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
TARGET_RATIO = 1.03
TARGET_PLUS_S = 0.3


@dataclass(frozen=True, slots=True)
class Timed:
    wall_s: float
    passed: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, default=DEMO / "babel-2.17.0")
    parser.add_argument("--environment", type=Path, default=DEMO / "venv", help="its virtual environment")
    parser.add_argument("--tests", default="tests", help="what plain pytest is given to run")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    if not (options.project / ".anvil" / "config.yaml").is_file():
        sys.exit(f"{options.project} is not prepared: run `make demo` first.")
    environment = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
    environment["VIRTUAL_ENV"] = str(options.environment)
    python = options.environment / SCRIPTS / "python"
    pytest = [python, "-m", "pytest", "-q", options.tests]
    anvil = [
        Path(sys.executable).parent / "anvil",
        *("execute", "--rule", "all", "--project", options.project),
    ]
    timed(pytest, options.project, environment)  # compiles
    pairs = []
    for _ in range(options.pairs):
        plain = timed(pytest, options.project, environment)
        ours = timed(anvil, options.project, environment)
        if plain.passed != ours.passed:
            sys.exit(f"{plain.passed} tests passed in plain pytest, {ours.passed} in anvil: not comparable.")
        pairs.append((plain, ours))
    show(pairs)


def timed(argv: Sequence[str | Path], project: Path, environment: dict[str, str]) -> Timed:
    begun = time.perf_counter()
    done = subprocess.run(
        argv, cwd=project, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8"
    )
    wall_s = time.perf_counter() - begun
    if done.returncode:
        sys.exit(
            f"{argv[0]} ended with exit code {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    passed = re.search(r"(\d+) passed", done.stdout.splitlines()[-1])
    return Timed(wall_s, int(passed[1]) if passed else 0)


def show(pairs: Sequence[tuple[Timed, Timed]]) -> None:
    plain_s = min(plain.wall_s for plain, _ in pairs)
    anvil_s = min(ours.wall_s for _, ours in pairs)
    allowed_s = TARGET_RATIO * plain_s + TARGET_PLUS_S
    print(f"{pairs[0][0].passed} tests passed, smallest of {len(pairs)} interleaved pairs")
    print(f"pytest -q                  {plain_s:7.2f} s   {each(plain.wall_s for plain, _ in pairs)}")
    print(f"anvil execute --rule all   {anvil_s:7.2f} s   {each(ours.wall_s for _, ours in pairs)}")
    print(f"ratio                      {anvil_s / plain_s:7.3f}")
    verdict = "met" if anvil_s <= allowed_s else "MISSED"
    print(f"target                     {allowed_s:7.2f} s   (1.03 x + 0.3 s): {verdict}")


def each(times: Iterable[float]) -> str:
    return "(" + ", ".join(f"{time_s:.2f}" for time_s in times) + ")"


if __name__ == "__main__":
    main()
