"""`anvil --version` against `python -c pass`: what the start of a command costs.

Both are started in turn with the same interpreter and with the .pyc files in place; the smallest
time of each counts, because everything else on the machine can only add to it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TARGET_S = 0.100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    bare = [sys.executable, "-c", "pass"]
    anvil = [str(Path(sys.executable).parent / "anvil"), "--version"]
    wall_s(anvil)  # compiles
    times = [(wall_s(bare), wall_s(anvil)) for _ in range(rounds)]
    bare_s, anvil_s = (min(column) for column in zip(*times, strict=True))
    print(f"smallest of {rounds} interleaved starts")
    print(f"python -c pass    {bare_s * 1000:6.0f} ms")
    print(f"anvil --version   {anvil_s * 1000:6.0f} ms   ratio {anvil_s / bare_s:.1f}")
    more_s = anvil_s - bare_s
    verdict = "met" if more_s <= TARGET_S else "MISSED"
    print(f"more              {more_s * 1000:6.0f} ms   target at most {TARGET_S * 1000:.0f} ms: {verdict}")


def wall_s(argv: Sequence[str]) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
