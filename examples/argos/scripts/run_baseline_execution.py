"""Runs all tests of all packages once, so that the rules have a history to rest on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def main() -> int:
    argv = ["anvil", "execute", "--rule", "baseline-all-tests", "--project", str(PROJECT), *sys.argv[1:]]
    try:
        return subprocess.run(argv, check=False).returncode
    except FileNotFoundError:
        print("The command anvil is not on PATH: install argos first.", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
