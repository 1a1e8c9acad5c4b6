"""Replays the history of real repositories: does a violation keep its identity from commit to commit?

    python benchmarks/violations.py [REPOSITORY ...] [--pairs N] [--step N ...]

Ruff looks at both sides of each pair of commits, with rules for style, mistakes and complexity. What
is true is told by git's own diff, which the identities do not see: a violation on a line that the diff
keeps, with the same code and names on both sides, persists. One whose code (and name) does not occur
on the other side of any change is fixed, or new. A violation on a line that was edited or moved is
neither surely the same nor surely another; it is counted and left out of all shares.

Where code was copied, git and the identities may disagree about which copy is the new one. Such a
disagreement counts as false; how many there are is printed beside.

Printed are the shares that are false of what is called new and fixed, and the same for the baseline,
an identity by path, line, code and message. Without a repository this one is replayed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from argos.model.quality import Sighting
from argos.stats.surroundings import Source
from argos.stats.violations import pair, sightings
from argos.tools import ruff

TARGET = 0.01
RULES = "E,W,F,C90,B,N,D1,PLR,PLW,ARG,RET,SIM,ANN001,S101"
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NAMES = re.compile(r"'[^']+'|\"[^\"]+\"|`[^`]+`")


@dataclass
class Tally:
    """Counts over all pairs; `false_new` of `called_new` persist in truth, and so on."""

    pairs: int = 0
    persisting: int = 0
    undecided: int = 0
    truly_new: int = 0
    truly_fixed: int = 0
    called_new: int = 0
    called_fixed: int = 0
    false_new: int = 0
    false_fixed: int = 0
    crossed: int = 0
    copies: int = 0
    missed_new: int = 0
    missed_fixed: int = 0
    seconds: float = 0.0
    samples: list[str] = field(default_factory=list)


@dataclass
class FileDiff:
    """One file's change: kept lines by their old number, and the hunks as (old lines, new lines)."""

    old: str
    new: str
    hunks: list[tuple[range, range]] = field(default_factory=list)

    def kept(self, line: int) -> int | None:
        """The new number of a line that the diff keeps; None for one that it takes away."""
        shift = 0
        for before, after in self.hunks:
            if line in before:
                return None
            if before.start > line or (not before and before.start >= line + 1):
                break
            shift = after.stop - before.stop
        return line + shift


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", nargs="*", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--step", type=int, nargs="*", default=[1, 15])
    parser.add_argument("--samples", type=int, default=0)
    chosen = parser.parse_args()
    repositories = chosen.repository or [Path(__file__).resolve().parent.parent]
    total, plain = Tally(), Tally()
    for repository in repositories:
        for step in chosen.step:
            ours, theirs = replay(repository, chosen.pairs, step)
            show(
                f"{repository.parent.name if repository.name == 'repo' else repository.name}, step {step}",
                ours,
            )
            for sample in ours.samples[: chosen.samples]:
                print("    ", sample)
            for whole, part in ((total, ours), (plain, theirs)):
                for name in vars(whole):
                    setattr(whole, name, getattr(whole, name) + getattr(part, name))
    show("by line, code and message (baseline)", plain)
    show("all", total)
    new, fixed = share(total.false_new, total.called_new), share(total.false_fixed, total.called_fixed)
    reached = new < TARGET and fixed < TARGET
    compared = share(plain.false_new, plain.called_new), share(plain.false_fixed, plain.called_fixed)
    print(
        f"false new {new:.2%}, false fixed {fixed:.2%} (baseline {compared[0]:.2%} and {compared[1]:.2%}), "
        f"target below {TARGET:.0%}: {'reached' if reached else 'MISSED'}"
    )


def show(name: str, tally: Tally) -> None:
    print(
        f"{name}: {tally.pairs} pairs, {tally.persisting:,} persist, {tally.truly_new:,} new, "
        f"{tally.truly_fixed:,} fixed, {tally.undecided:,} undecided; false new {tally.false_new} of "
        f"{tally.called_new}, false fixed {tally.false_fixed} of {tally.called_fixed}, "
        f"{tally.copies} of these between copies of a line; crossed {tally.crossed}, "
        f"missed new {tally.missed_new}, missed fixed {tally.missed_fixed}; {tally.seconds:.1f} s",
        flush=True,
    )


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def replay(repository: Path, count: int, step: int) -> tuple[Tally, Tally]:
    commits = git(
        repository, "rev-list", "--first-parent", f"--max-count={count * step + 1}", "HEAD", "--", "*.py"
    )
    commits_in_order = commits.split()[::step][::-1]
    ours, theirs = Tally(), Tally()
    for before, after in pairwise(commits_in_order):
        files = diff(repository, before, after)
        if not files:
            continue
        old = scan(repository, before, [each.old for each in files])
        new = scan(repository, after, [each.new for each in files])
        renames = {each.old: each.new for each in files if each.old != each.new}
        started = time.perf_counter()
        found = pair(old, new, renames)
        ours.seconds += time.perf_counter() - started
        truth = Truth(files, old, new)
        truth.judge(found, ours)
        truth.judge(by_line(old, new, renames), theirs)
    return ours, theirs


def by_line(old: Sequence[Sighting], new: Sequence[Sighting], renames: dict[str, str]) -> dict[int, int]:
    places = {(each.path, each.line, each.code, each.message): place for place, each in enumerate(new)}
    keys = [(renames.get(each.path, each.path), each.line, each.code, each.message) for each in old]
    return {place: places[key] for place, key in enumerate(keys) if key in places}


class Truth:
    """What git's diff says of two scans."""

    def __init__(self, files: Sequence[FileDiff], old: Sequence[Sighting], new: Sequence[Sighting]) -> None:
        self.old, self.new = old, new
        self.diffs = {each.old: each for each in files}
        self.same: dict[int, int] = {}
        self.fixed: set[int] = set()
        self.added: set[int] = set()
        self._find_same()
        self._find_changed()

    def _find_same(self) -> None:
        theirs: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for place, each in enumerate(self.new):
            theirs[(each.path, each.line, each.code, names(each))].append(place)
        for place, each in enumerate(self.old):
            change = self.diffs[each.path]
            line = change.kept(each.line or 0)
            candidates = theirs.get((change.new, line, each.code, names(each))) if line else None
            if candidates:
                self.same[place] = candidates.pop(0)

    def _find_changed(self) -> None:
        """Whoever has no namesake among the rest of the other side is surely fixed, or surely new."""
        taken = set(self.same.values())
        rest_old = [place for place in range(len(self.old)) if place not in self.same]
        rest_new = [place for place in range(len(self.new)) if place not in taken]
        old_kinds = Counter((self.old[place].code, names(self.old[place])) for place in rest_old)
        new_kinds = Counter((self.new[place].code, names(self.new[place])) for place in rest_new)
        self.fixed = {p for p in rest_old if not new_kinds[(self.old[p].code, names(self.old[p]))]}
        self.added = {p for p in rest_new if not old_kinds[(self.new[p].code, names(self.new[p]))]}

    def judge(self, found: dict[int, int], tally: Tally) -> None:
        taken = set(found.values())
        persisting = set(self.same.values())
        called_new = {place for place in range(len(self.new)) if place not in taken}
        called_fixed = {place for place in range(len(self.old)) if place not in found}
        tally.pairs += 1
        tally.persisting += len(self.same)
        tally.truly_new += len(self.added)
        tally.truly_fixed += len(self.fixed)
        tally.undecided += len(self.new) - len(persisting) - len(self.added)
        tally.called_new += len(called_new & (persisting | self.added))
        tally.called_fixed += len(called_fixed & (self.same.keys() | self.fixed))
        tally.false_new += len(called_new & persisting)
        tally.false_fixed += len(called_fixed & self.same.keys())
        tally.crossed += sum(found.get(place, after) != after for place, after in self.same.items())
        tally.copies += self._between_copies(found, called_new, called_fixed)
        tally.missed_new += len(self.added - called_new)
        tally.missed_fixed += len(self.fixed - called_fixed)
        tally.samples += [str(self.new[place]) for place in sorted(called_new & persisting)]
        tally.samples += [
            f"{self.old[place]} -> {self.new[found[place]]}" for place in sorted(self.fixed - called_fixed)
        ]

    def _between_copies(self, found: dict[int, int], called_new: set[int], called_fixed: set[int]) -> int:
        """How many of the false ones are a matter of which of two copies of a line is the new one."""
        taken_by = {after: before for before, after in found.items()}
        copies = 0
        for before, after in self.same.items():
            line = self.old[before].around.line
            if after in called_new and before in found:
                copies += self.new[found[before]].around.line == line
            elif before in called_fixed and after in taken_by:
                copies += self.old[taken_by[after]].around.line == line
        return copies


def names(each: Sighting) -> str:
    return "\0".join(_NAMES.findall(each.message))


def diff(repository: Path, before: str, after: str) -> list[FileDiff]:
    text = git(
        repository,
        "diff",
        "-U0",
        "-M",
        "--no-color",
        "--no-ext-diff",
        "--diff-filter=MR",
        before,
        after,
        "--",
        "*.py",
    )
    found: list[FileDiff] = []
    for line in text.split("\n"):
        if line.startswith("--- a/"):
            found.append(FileDiff(line[6:].rstrip("\t"), ""))
        elif line.startswith("+++ b/") and found:
            found[-1].new = line[6:].rstrip("\t")
        elif found and (hunk := _HUNK.match(line)):
            old_start, old_count, new_start, new_count = (1 if x is None else int(x) for x in hunk.groups())
            # An empty side names the line before it.
            old_start, new_start = old_start + (old_count == 0), new_start + (new_count == 0)
            found[-1].hunks.append(
                (range(old_start, old_start + old_count), range(new_start, new_start + new_count))
            )
    return found


def scan(repository: Path, commit: str, files: Sequence[str]) -> list[Sighting]:
    with tempfile.TemporaryDirectory() as folder:
        texts = dict(contents(repository, commit, files))
        for name, text in texts.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        argv = [
            "check",
            "--isolated",
            "--preview",
            "--no-cache",
            f"--select={RULES}",
            "--output-format=json",
            "--quiet",
        ]
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *argv, *texts],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        found = json.loads(ran.stdout)
        for each in found:
            each["filename"] = Path(each["filename"]).relative_to(Path(folder).resolve()).as_posix()
    violations = ruff.read(json.dumps(found)).violations
    return sightings(violations, lambda path: Source(texts[path]))


def contents(repository: Path, commit: str, files: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in files:
        raw = subprocess.run(
            ["git", "show", f"{commit}:{name}"], cwd=repository, capture_output=True, check=True
        ).stdout
        yield name, raw.decode("utf-8", "replace")


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    main()
