from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
)


class Page(HTMLParser):
    """What a page holds: its elements by tag with their attributes, and all of its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._inside):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@dataclass(frozen=True)
class Shown:
    """A page after its script has run, and what the browser had to say about it."""

    page: Page
    console: str


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for program in PROGRAMS if (path := shutil.which(program))), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("In CI these tests need a browser: install chromium.")
    if found is None:
        pytest.skip("No Chromium or Chrome is installed, so the page was not opened in a browser.")
    return found


@pytest.fixture
def show(chromium: str, tmp_path: Path) -> Callable[..., Shown]:
    """Opens a page's source from disk, at a place after `#`, and gives what a user would see."""

    def shown(source: str, fragment: str = "") -> Shown:
        file = tmp_path / "page.html"
        file.write_bytes(source.encode("utf-8"))
        profile = tmp_path / "profile"
        argv = [chromium, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", file.as_uri() + fragment]
        done = subprocess.run(argv, capture_output=True, timeout=120, check=True)
        log = done.stderr.decode("utf-8", "replace")
        return Shown(
            Page(done.stdout.decode("utf-8", "replace")),
            "\n".join(line for line in log.splitlines() if "CONSOLE" in line),
        )

    return shown


@pytest.fixture
def page() -> Callable[[str], Page]:
    """Reads a page's source without running its script."""
    return Page
