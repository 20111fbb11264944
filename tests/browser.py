"""A real Chromium for tests: found on the machine, or installed by the machine's own means."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Nothing leaves the machine, and no sandbox of its own, which needs rights that root in a container lacks.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PACKAGE = "@sparticuz/chromium@153.0.0"
NONE_FOUND = (
    "No Chromium was found for the browser tests. Install one (Debian: apt install chromium; or: "
    ".venv/bin/playwright install chromium), or name it: CHROMIUM=/path/to/chromium make test"
)


def find_chromium() -> str:
    """The path of a Chromium: CHROMIUM, PATH, Playwright's own, apt, a packaged one. Fails if none is there."""
    if named := os.environ.get("CHROMIUM"):
        return named
    for find in (_on_path, _of_playwright, _from_apt, _from_package):
        if found := find():
            return found
    pytest.fail(NONE_FOUND, pytrace=False)


def _on_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _of_playwright() -> str | None:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next((str(path) for path in sorted(cache.glob("chromium*/chrome-linux*/*")) if _is_browser(path)), None)


def _is_browser(path: Path) -> bool:
    return path.name in {"chrome", "headless_shell", "chrome-headless-shell"} and os.access(path, os.X_OK)


def _from_apt() -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "--no-install-recommends", "chromium"]):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return _on_path()


def _from_package() -> str | None:
    """The headless browser inside npm's @sparticuz/chromium, unpacked below var/ with the libraries it brings."""
    folder = ROOT / "var" / "chromium"
    packed = folder / "node_modules" / "@sparticuz" / "chromium" / "bin"
    if not packed.exists() and shutil.which("npm"):
        command = ["npm", "install", "--prefix", str(folder), "--no-save", "--force", "--ignore-scripts"]
        subprocess.run([*command, PACKAGE], capture_output=True, check=False)
    if not packed.exists():
        return None
    browser = folder / "chromium"
    if not browser.exists():
        _unpack(packed, folder, browser)
    # A machine without a desktop lacks libraries that the package has; one that has them is better off with its own.
    return next((str(path) for path in (browser, folder / "with-libraries") if _starts(path)), None)


def _unpack(packed: Path, folder: Path, browser: Path) -> None:
    import brotli

    for name in ("al2023.tar.br", "swiftshader.tar.br"):
        with tarfile.open(fileobj=io.BytesIO(brotli.decompress((packed / name).read_bytes()))) as archive:
            archive.extractall(folder, filter="data")
    wrapper = folder / "with-libraries"
    wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{folder}/lib" exec "{browser}" "$@"\n')
    wrapper.chmod(0o755)
    part = browser.with_suffix(".part")
    part.write_bytes(brotli.decompress((packed / "chromium.br").read_bytes()))
    part.chmod(0o755)
    part.rename(browser)


def _starts(browser: Path) -> bool:
    return subprocess.run([browser, "--version"], capture_output=True, check=False).returncode == 0


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find or install the browser before the first test: installing takes longer than a test may."""
    if any("chromium" in getattr(item, "fixturenames", ()) for item in session.items):
        os.environ["CHROMIUM"] = find_chromium()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, started once."""
    # Playwright runs an event loop in this thread, in which Django would refuse the tests' own queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a fresh profile at 1280 × 800 whose console errors and failed scripts fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, f"Scripts on the page failed: {errors}"
