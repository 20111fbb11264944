"""Take the pictures of the README anew from a running stack: ``make up``, then ``python -m docs.images.take [name …]``.

It signs in as the demo person, makes a few generations so that gallery and tape show something, runs the Postcard
workflow, and keeps each page as a PNG of at most 250 kB beside this file. Needs requirements/dev.txt and a Chromium.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import FLAGS, find_chromium

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VAR = Path(os.environ.get("MILLRACE_VAR") or ROOT / "var")
SITE = f"http://127.0.0.1:{os.environ.get('PORT') or '8000'}"
LARGEST = 250_000
PATIENCE_MS = 240_000
PROMPTS = (
    ("A quiet harbour in winter fog, first light", 1024, 768),
    ("Red dunes under a violet evening sky", 768, 1024),
    ("Aurora over black mountains and a frozen lake", 1024, 576),
    ("A city skyline at night, rain, neon", 1024, 768),
    ("White flowers on dark green, soft light", 768, 768),
)
DESKTOP = {"width": 1280, "height": 800}
# The canvas shares its page with the console.
CANVAS = {"width": 1280, "height": 1000}
PHONE = {"width": 390, "height": 844}


def demo_token() -> str:
    """A token of the demo workspace."""
    command = [sys.executable, "manage.py", "demo_token"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def prepare() -> dict[str, str]:
    """Fill the tape where it is short; the ids of the Postcard workflow and of its newest finished run."""
    with httpx.Client(base_url=f"{SITE}/api/v1", headers={"Authorization": f"Bearer {demo_token()}"}) as api:
        known = {one["prompt"] for one in api.get("/generations?limit=200").json()["items"]}
        for seed, (prompt, width, height) in enumerate(PROMPTS, start=3):
            if prompt not in known:
                params = {"prompt": prompt, "seed": seed, "width": width, "height": height}
                api.post("/generations", json={"model": "sandbox/image", "params": params}).raise_for_status()
        while api.get("/credits").json()["held"]:
            time.sleep(1)
        projects = api.get("/projects").json()["items"]
        workflows = [one for p in projects for one in api.get(f"/projects/{p['id']}/workflows").json()["items"]]
        postcard = next(one["id"] for one in workflows if one["name"] == "Postcard")
    return {"workflow": f"/w/demo/workflows/{postcard}/", "id": postcard}


def keep(page: Page, name: str) -> None:
    """One picture of what is visible, with as many colours as fit into the limit."""
    page.wait_for_timeout(900)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # As it is if it fits; else 256 colours, which costs small marks some of theirs, or fewer.
    smaller = (picture.quantize(colours, dither=Image.Dither.FLOYDSTEINBERG) for colours in (256, 128, 64))
    written = io.BytesIO()
    for candidate in (picture, *smaller):
        written = io.BytesIO()
        candidate.save(written, "PNG", optimize=True)
        if written.tell() <= LARGEST:
            break
    (HERE / f"{name}.png").write_bytes(written.getvalue())
    print(f"{name}.png {written.tell() // 1000} kB")  # noqa: T201


def open_page(browser: Browser, theme: str, size: dict[str, int], *, member: bool = True) -> Page:
    """A fresh profile in that theme, signed in as the demo person unless told otherwise."""
    context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(30_000)
    page = context.new_page()
    if member:
        password = json.loads((VAR / "stack.json").read_text())["embedded"]["passwords"]["demo"]
        page.goto(f"{SITE}/accounts/login/")
        page.fill("[name=login]", "demo@millrace.local")
        page.fill("[name=password]", password)
        page.click("form[action*=login] button.btn-primary")
        page.wait_for_url("**/w/demo/")
    return page


def fit(page: Page) -> None:
    """Bring the whole graph into view, now that the console has taken its part of the page."""
    page.wait_for_selector("#run-console")
    page.click("button[aria-label='Fit everything into view']")
    page.wait_for_timeout(600)


def landing(browser: Browser, found: dict[str, str]) -> None:
    """What a visitor sees."""
    page = open_page(browser, "dark", DESKTOP, member=False)
    page.goto(f"{SITE}/")
    keep(page, "landing")


def workflow(browser: Browser, found: dict[str, str]) -> None:
    """The Postcard workflow while it runs and when it is done, then the run's own page."""
    page = open_page(browser, "dark", CANVAS)
    page.goto(SITE + found["workflow"])
    page.wait_for_selector(".react-flow__node")
    fit(page)
    page.click(".run-button")
    page.wait_for_selector("run-status[state=running]", state="attached", timeout=PATIENCE_MS)
    page.wait_for_selector("node-status[node=video][state=running]", state="attached", timeout=PATIENCE_MS)
    page.wait_for_timeout(4000)
    keep(page, "workflow-running")
    page.wait_for_selector("run-status[state=completed]", state="attached", timeout=PATIENCE_MS)
    page.wait_for_timeout(2500)
    keep(page, "workflow")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.goto(SITE + str(page.get_attribute("a[href*='/runs/0']", "href")))
    page.wait_for_load_state("networkidle")
    keep(page, "run")


def light(browser: Browser, found: dict[str, str]) -> None:
    """The workflow page in the light theme."""
    page = open_page(browser, "light", CANVAS)
    page.goto(SITE + found["workflow"])
    page.wait_for_selector(".react-flow__node")
    fit(page)
    page.wait_for_timeout(2500)
    keep(page, "workflow-light")


def plan(browser: Browser, found: dict[str, str]) -> None:
    """The plan after one setting has changed: what runs, what is reused, the price. The setting is put back."""
    page = open_page(browser, "dark", DESKTOP)
    page.goto(SITE + found["workflow"])
    page.wait_for_selector(".react-flow__node")
    fit(page)
    page.locator("article.node", has_text="Postcard size").locator("header").click()
    page.get_by_label("Width", exact=True).last.fill("640")
    page.keyboard.press("Escape")
    page.click(".react-flow__pane", position={"x": 20, "y": 20})
    page.click(".plan-button")
    page.wait_for_selector(".plan-price")
    page.wait_for_timeout(2500)
    keep(page, "plan")
    page.click(".react-flow__pane", position={"x": 20, "y": 20})
    page.keyboard.press("Control+z")
    page.wait_for_timeout(2000)


def gallery(browser: Browser, found: dict[str, str]) -> None:
    """The gallery, then the tape, and the gallery on a phone."""
    page = open_page(browser, "dark", DESKTOP)
    for name in ("gallery", "tape"):
        page.goto(f"{SITE}/w/demo/{name}/")
        page.wait_for_load_state("networkidle")
        keep(page, name)
    phone = open_page(browser, "dark", PHONE)
    phone.goto(f"{SITE}/w/demo/gallery/")
    phone.wait_for_load_state("networkidle")
    keep(phone, "phone")


PICTURES: dict[str, Callable[[Browser, dict[str, str]], None]] = {
    "landing": landing,
    "gallery": gallery,
    "workflow": workflow,
    "light": light,
    "plan": plan,
}


def main(wanted: list[str]) -> None:
    """Take the pictures of that name, or all."""
    found = prepare()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        for name in wanted or list(PICTURES):
            PICTURES[name](browser, found)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
