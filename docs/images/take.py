"""Take the pictures of the README anew from a running stack: ``make up``, then ``python -m docs.images.take [name …]``.

It signs in as the demo person, makes a few generations so that gallery and tape show something, runs the Postcard
workflow and one whose steps fail at first, and keeps each page as a PNG of at most 250 kB beside this file. Needs
requirements/dev.txt and a Chromium.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
SETTINGS = {
    "members": "settings/members/",
    "limits": "settings/limits/",
    "audit": "settings/audit/",
    "usage": "billing/usage/?by=model",
}


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


def node(name: str, kind: str, title: str, x: int, y: int, **params: Any) -> dict[str, Any]:
    """A node of a graph."""
    return {"id": name, "type": kind, "title": title, "params": params, "position": {"x": x, "y": y}}


def wires(edges: Iterable[tuple[str, str, str, str]]) -> list[dict[str, str]]:
    """Edges from (source, port, target, port)."""
    keys = ("source", "source_port", "target", "target_port")
    return [{"id": f"e{at}", **dict(zip(keys, edge, strict=True))} for at, edge in enumerate(edges)]


def harbour(words: str) -> dict[str, Any]:
    """A workflow with everything that a timeline tells apart: tries, pauses, a wait, branches side by side."""
    again = {"$retry": {"times": 3, "backoff_s": 1.2, "factor": 2}, "$timeout_s": 30}
    once = {"$retry": {"times": 1, "backoff_s": 1}, "$on_failure": "branch"}
    nodes = [
        node("words", "input.text", "Words", 0, 0, text="A quiet harbour in winter fog, first light"),
        node("frame", "flow.template", "Prompt", 336, 0, template=words),
        node("img", "image.generate", "Picture", 672, 0, model="sandbox/image", width=512, height=384, seed=11),
        node("small", "image.resize", "Small picture", 1008, 0, width=256, height=256),
        node("end", "output.gallery", "Publish", 1344, 0),
        node("fetch", "test.pass", "Fetch the prices", 336, 480, sleep_ms=420, fail_times=2, **again),
        node("score", "test.pass", "Score", 672, 480, sleep_ms=300),
        node("wait", "flow.wait", "Wait for the market", 336, 720, seconds=4),
        node("doomed", "test.pass", "Send the letter", 336, 960, sleep_ms=150, fail_times=9, **once),
        node("after", "test.pass", "Say it failed", 672, 960, sleep_ms=30),
    ]
    edges = [
        ("words", "text", "frame", "values"), ("frame", "text", "img", "prompt"), ("img", "image", "small", "image"),
        ("small", "image", "end", "asset"), ("words", "text", "fetch", "value"), ("fetch", "value", "score", "value"),
        ("words", "text", "wait", "value"), ("words", "text", "doomed", "value"), ("doomed", "error", "after", "value"),
    ]  # fmt: skip
    return {"format": "millrace/1", "nodes": nodes, "edges": wires(edges), "variables": {}}


def tried() -> list[str]:
    """The addresses of two runs of that workflow: the first, and one after its template was changed."""
    with httpx.Client(base_url=f"{SITE}/api/v1", headers={"Authorization": f"Bearer {demo_token()}"}) as api:
        project = api.get("/projects").json()["items"][0]["id"]
        api.delete("/cache").raise_for_status()
        name = {"name": "Harbour, every hour", "graph": harbour("{{ value }}, oil on canvas")}
        workflow = api.post(f"/projects/{project}/workflows", json=name).raise_for_status().json()["id"]
        made = []
        for words in ("{{ value }}, oil on canvas", "{{ value }}, watercolour"):
            answer = api.post(f"/workflows/{workflow}/runs", json={"graph": harbour(words)}).raise_for_status()
            made.append(answer.json())
            while api.get(f"/runs/{made[-1]['id']}").json()["finished_at"] is None:
                time.sleep(0.5)
        api.delete(f"/workflows/{workflow}").raise_for_status()
    return [str(one["url"]) for one in made]


def poster() -> dict[str, Any]:
    """A workflow that draws a picture and asks whether it may be shown."""
    nodes = [
        node("words", "input.text", "Words", 0, 0, text="A quiet harbour in winter fog, first light"),
        node("img", "image.generate", "Picture", 336, 0, model="sandbox/image", width=768, height=512, seed=11),
        node("ask", "flow.approval", "Ask the client", 672, 0, message="Is this the picture for the poster?"),
        node("end", "output.gallery", "Publish", 1008, 0),
    ]
    edges = [("words", "text", "img", "prompt"), ("img", "image", "ask", "value"), ("ask", "approved", "end", "asset")]
    return {"format": "millrace/1", "nodes": nodes, "edges": wires(edges), "variables": {}}


@contextmanager
def asked() -> Iterator[str]:
    """The address of a run that waits for an approval; it is cancelled afterwards."""
    with httpx.Client(base_url=f"{SITE}/api/v1", headers={"Authorization": f"Bearer {demo_token()}"}) as api:
        project = api.get("/projects").json()["items"][0]["id"]
        new = {"name": "Poster", "graph": poster()}
        workflow = api.post(f"/projects/{project}/workflows", json=new).raise_for_status().json()["id"]
        run = api.post(f"/workflows/{workflow}/runs", json={}).raise_for_status().json()["id"]
        while api.get(f"/runs/{run}").json()["state"] != "waiting":
            time.sleep(0.5)
        yield f"/w/demo/approvals/{run}/ask/0/"
        api.post(f"/runs/{run}/cancel").raise_for_status()
        api.delete(f"/workflows/{workflow}").raise_for_status()


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


def timeline(browser: Browser, found: dict[str, str]) -> None:
    """A run whose steps failed at first, and the next one with what it reused and why the rest ran."""
    first, second = tried()
    page = open_page(browser, "dark", DESKTOP)
    page.goto(SITE + first)
    page.get_by_text("Timeline", exact=True).click()
    page.locator("a[href='#step=fetch.0']").locator("..").locator("b.try").last.hover()
    keep(page, "timeline")
    page.goto(SITE + second)
    page.wait_for_load_state("networkidle")
    keep(page, "reuse")


def approval(browser: Browser, found: dict[str, str]) -> None:
    """A picture that waits for somebody's decision."""
    page = open_page(browser, "dark", DESKTOP)
    with asked() as place:
        page.goto(SITE + place)
        page.wait_for_load_state("networkidle")
        keep(page, "approval")


def settings(browser: Browser, found: dict[str, str]) -> None:
    """Who is here, what each may ask for, what was done, and what it cost."""
    page = open_page(browser, "light", DESKTOP)
    for name, path in SETTINGS.items():
        page.goto(f"{SITE}/w/demo/{path}")
        page.wait_for_load_state("networkidle")
        keep(page, name)


def money(browser: Browser, found: dict[str, str]) -> None:
    """A purchase from the pack to the ledger, then a plan; none without the stand-in for Stripe (docs/payments.md)."""
    page = open_page(browser, "light", {"width": 1280, "height": 720})
    page.goto(f"{SITE}/w/demo/billing/buy/")
    if not page.locator("button[value=medium]:enabled").count():
        return
    keep(page, "buy")
    page.click("button[value=medium]")
    page.wait_for_selector("text=stands in for Stripe Checkout")
    keep(page, "checkout")
    page.get_by_role("button", name="Pay", exact=True).click()
    page.wait_for_selector("text=credits were added")
    page.wait_for_timeout(3000)
    keep(page, "bought")
    page.goto(f"{SITE}/w/demo/billing/plan/")
    page.click("button[value=studio]")
    page.get_by_role("button", name="Pay", exact=True).click()
    page.wait_for_timeout(5000)
    for name, path in {"bought-ledger": "", "plans": "plan/", "payments": "payments/"}.items():
        page.set_viewport_size({"width": 1280, "height": 893 if name == "payments" else 720})
        page.goto(f"{SITE}/w/demo/billing/{path}")
        page.wait_for_load_state("networkidle")
        keep(page, name)


def builder(browser: Browser, found: dict[str, str]) -> None:
    """A new dataset, and what fits so far of the pictures that somebody said yes to."""
    with httpx.Client(base_url=f"{SITE}/api/v1", headers={"Authorization": f"Bearer {demo_token()}"}) as api:
        for one in api.get("/generations?limit=6").json()["items"]:
            api.put(f"/generations/{one['id']}/consent", json={"consent": True}).raise_for_status()
    page = open_page(browser, "dark", DESKTOP)
    page.goto(f"{SITE}/w/demo/datasets/new/")
    page.fill("[name=name]", "Seascapes")
    page.get_by_label("Image", exact=True).check()
    page.wait_for_load_state("networkidle")
    keep(page, "dataset-builder")


PICTURES: dict[str, Callable[[Browser, dict[str, str]], None]] = {
    "landing": landing,
    "gallery": gallery,
    "workflow": workflow,
    "light": light,
    "plan": plan,
    "timeline": timeline,
    "approval": approval,
    "settings": settings,
    "builder": builder,
    "money": money,
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
