"""Reading a Cobertura report of 2,000 files with 400,000 lines, and one of 24 files.

The baseline is expat alone over the same bytes in the same run: once with an empty function for each
element, which is the least that any reader needs, and once with no function at all.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from xml.parsers import expat

from argos.tools import cobertura

TARGET_RATIO = 1.5
TARGET_MB = 150
TARGET_SMALL_MS = 100
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--lines", type=int, default=200, help="in each file")
    options = parser.parse_args()
    for branches in (False, True):
        data = report(options.files, options.lines, branches=branches)
        print(f"{options.files} files, {options.files * options.lines} lines, {len(data) / 1e6:.1f} MB, "
              f"{'one in five with branches' if branches else 'no branches'}")  # fmt: skip
        measure(data)
    small = report(24, options.lines, branches=True)
    taken = fastest(lambda: cobertura.read(io.BytesIO(small)))[0] * 1000
    print(f"24 files: {taken:.1f} ms, target {TARGET_SMALL_MS} ms: {verdict(taken <= TARGET_SMALL_MS)}")


def measure(data: bytes) -> None:
    reading, called, silent = fastest(
        lambda: cobertura.read(io.BytesIO(data)),
        lambda: bare(data, called_for_each=True),
        lambda: bare(data, called_for_each=False),
    )
    print(f"    read in {reading * 1000:.0f} ms, {len(data) / reading / 1e6:.0f} MB/s")
    print(f"    {reading / silent:.2f} x expat that calls nothing ({silent * 1000:.0f} ms)")
    ratio = reading / called
    print(f"    {ratio:.2f} x expat that calls an empty function ({called * 1000:.0f} ms), "
          f"target {TARGET_RATIO}: {verdict(ratio <= TARGET_RATIO)}")  # fmt: skip
    peak = memory(data) / 1e6
    print(f"    {peak:.0f} MB beside the input, target {TARGET_MB} MB: {verdict(peak <= TARGET_MB)}")


def bare(data: bytes, *, called_for_each: bool) -> None:
    parser = expat.ParserCreate()
    if called_for_each:
        parser.StartElementHandler = lambda *_: None
    parser.Parse(data, True)


def fastest(*works: Callable[[], object]) -> list[float]:
    """Seconds of the processor in the fastest of several rounds, for each work; they take turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, times, strict=True):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
    return [min(taken) for taken in times]


def memory(data: bytes) -> int:
    """The most bytes that Python held at once while reading, the result included."""
    tracemalloc.start()
    read = cobertura.read(io.BytesIO(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    if not read.files:
        sys.exit("nothing was read")
    return peak


def report(files: int, lines: int, *, branches: bool) -> bytes:
    """A report as coverage.py writes it."""
    chance = random.Random(1)
    parts = [
        f'<?xml version="1.0" ?>\n<coverage version="7.4.1" branches-valid="{int(branches)}">\n\t<packages>\n'
    ]
    for file in range(files):
        parts.append(
            f'\t\t<package name="p{file}">\n\t\t\t<classes>\n\t\t\t\t<class name="m.py"'
            f' filename="pkg/p{file}/m.py" complexity="0" line-rate="0.7" branch-rate="0">\n'
            "\t\t\t\t\t<methods/>\n\t\t\t\t\t<lines>\n"
        )
        number = 0
        for each in range(lines):
            number += chance.randint(1, 3)
            more = ' branch="true" condition-coverage="50% (1/2)"' if branches and each % 5 == 0 else ""
            parts.append(
                f'\t\t\t\t\t\t<line number="{number}" hits="{int(chance.random() < 0.75)}"{more}/>\n'
            )
        parts.append("\t\t\t\t\t</lines>\n\t\t\t\t</class>\n\t\t\t</classes>\n\t\t</package>\n")
    return "".join([*parts, "\t</packages>\n</coverage>\n"]).encode()


def verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


if __name__ == "__main__":
    main()
