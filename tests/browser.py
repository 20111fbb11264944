"""A real Chromium for tests: found on the machine, or installed by the machine's own means."""

from __future__ import annotations

import os
import shutil
import subprocess
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
    """The browser inside npm's @sparticuz/chromium (Brotli-packed, self-contained), unpacked below var/."""
    folder = ROOT / "var" / "chromium"
    browser = folder / "chromium"
    if not browser.exists():
        if not shutil.which("npm"):
            return None
        command = ["npm", "install", "--prefix", str(folder), "--no-save", "--force", "--ignore-scripts"]
        subprocess.run([*command, "@sparticuz/chromium@153.0.0"], capture_output=True, check=False)
        packed = folder / "node_modules" / "@sparticuz" / "chromium" / "bin" / "chromium.br"
        if not packed.exists():
            return None
        import brotli

        part = browser.with_suffix(".part")
        part.write_bytes(brotli.decompress(packed.read_bytes()))
        part.chmod(0o755)
        part.rename(browser)
    works = subprocess.run([browser, "--headless", *FLAGS, "--version"], capture_output=True, check=False)
    return str(browser) if works.returncode == 0 else None


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
