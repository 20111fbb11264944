"""A newcomer's first hour, by mouse, in a real browser on the running site."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from apps.billing.audit import ledger_audit
from apps.billing.services import balance_get, credits_grant
from apps.workspaces.models import Workspace
from tests.e2e.studio import Canvas, Console, sign_up
from tests.live_stack import LiveStack

CREDIT = 1_000_000
GRANT = 100 * CREDIT
STEPS = ("Text", "Generate image", "Generate video", "Gallery")


def test_newcomer_draws_runs_and_pays(live_stack: LiveStack, page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1600, "height": 1000})
    sign_up(page, live_stack.base_url, live_stack.var / "mail", name="Nora", email="nora@example.org")
    workspace = _granted(page)
    _open_new_workflow(page)
    canvas = Canvas(page)
    _draw(canvas)
    _set(canvas)
    _add_file(canvas, tmp_path)
    canvas.all_saved()
    # A picture of up to a megapixel costs 4 credits, a film 5 a second.
    expect(canvas.run_button).to_have_text(re.compile(r"Run · 9 credits"))
    _run(page, canvas)
    _look(canvas)
    page.reload()
    _complete(page, Canvas(page))
    _find_in_gallery(page, workspace)
    _read_ledger(page, workspace)


def _granted(page: Page) -> Workspace:
    """What staff does in the admin."""
    slug = page.url.split("/w/")[1].split("/")[0]
    workspace = Workspace.objects.get(slug=slug)
    assert workspace.memberships.get().user.email == "nora@example.org"
    credits_grant(workspace_id=workspace.id, amount=GRANT, reason="Welcome", source="admin", source_id="welcome")
    expect(page.locator("#balance")).to_contain_text("100 credits")  # by itself: nothing was reloaded
    return workspace


def _open_new_workflow(page: Page) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Projects").click()
    page.get_by_role("button", name="New project").first.click()
    dialog = page.get_by_role("dialog", name="New project")
    dialog.get_by_label("Name").fill("First films")
    dialog.get_by_role("button", name="Make the project").click()
    page.get_by_role("button", name="New workflow").first.click()
    dialog = page.get_by_role("dialog", name="New workflow")
    dialog.get_by_label("Name").fill("River")
    dialog.get_by_role("button", name="Make the workflow").click()
    expect(page.get_by_label("Name of the workflow")).to_have_value("River")


def _draw(canvas: Canvas) -> None:
    canvas.drag_from_palette("Text", 160, 120)
    for title in ("Generate image", "Generate video", "Gallery"):
        canvas.click_in_palette(title)  # each to the right of the one before, and the view follows
    canvas.fit()
    canvas.move("Gallery", 520, 480)
    canvas.connect("Text", "Text", "Generate video", "First image")
    expect(canvas.page.get_by_role("alert").filter(has_text="gives text")).to_be_visible()
    expect(canvas.edges()).to_have_count(0)
    canvas.connect("Text", "Text", "Generate image", "Prompt")
    expect(canvas.edges()).to_have_count(1)
    canvas.connect("Text", "Text", "Generate video", "Prompt")
    canvas.connect("Generate image", "Image", "Generate video", "First image")
    canvas.connect("Generate video", "Video", "Gallery", "File")
    expect(canvas.edges()).to_have_count(4)


def _set(canvas: Canvas) -> None:
    canvas.set("Text", text="A paper boat on a quiet river at dawn")
    canvas.set("Generate image", width="256", height="256")
    canvas.set("Generate video", width="512", height="288", length="1")


def _add_file(canvas: Canvas, folder: Path) -> None:
    path = folder / "boat.png"
    Image.new("RGB", (64, 48), (200, 120, 40)).save(path)
    canvas.drop_file(path, 80, 560)
    expect(canvas.nodes("File")).to_be_visible()
    expect(canvas.nodes("File").locator("img")).to_be_visible()


def _run(page: Page, canvas: Canvas) -> None:
    canvas.remember_states()
    canvas.run_button.click()
    console = Console(page)
    expect(console.region).to_be_visible()
    for title in (*STEPS, "File"):
        console.reaches(title, "completed")
        canvas.state(title, "Done")
    expect(console.region).to_contain_text("5 of 5 steps")
    seen = canvas.states_seen()  # and so nothing was reloaded
    for title in ("Generate image", "Generate video"):
        assert seen[title][-2:] == ["running", "completed"], seen


def _look(canvas: Canvas) -> None:
    image = canvas.nodes("Generate image").locator("img.preview-media")
    expect(image).to_be_visible()
    canvas.page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=image.element_handle())
    assert _plays(canvas.nodes("Generate video").locator("video"))


def _plays(video: Locator) -> bool:
    """Time passes in the film, and frames of its own size are shown."""
    expect(video).to_be_visible()
    return bool(
        video.evaluate(
            """async (video) => {
                video.muted = true;
                await video.play();
                const until = performance.now() + 8000;
                while (video.currentTime < 0.3 && performance.now() < until)
                    await new Promise((resolve) => setTimeout(resolve, 50));
                return video.currentTime >= 0.3 && video.videoWidth === 512 && video.videoHeight === 288;
            }"""
        )
    )


def _complete(page: Page, canvas: Canvas) -> None:
    expect(canvas.edges()).to_have_count(4)
    console = Console(page)
    for title in (*STEPS, "File"):
        expect(canvas.nodes(title)).to_be_visible()
        canvas.state(title, "Done")
        console.reaches(title, "completed")
    expect(console.region).to_contain_text("9 credits")
    assert _plays(canvas.nodes("Generate video").locator("video"))
    canvas.select("Text")
    expect(canvas.inspector.get_by_label("Text", exact=True)).to_have_value("A paper boat on a quiet river at dawn")


def _find_in_gallery(page: Page, workspace: Workspace) -> None:
    page.goto(re.sub(r"/w/.*", f"/w/{workspace.slug}/gallery/", page.url))
    for kind in ("image", "video"):
        expect(page.locator(f"article.cell.{kind} img").first).to_be_visible()
    page.locator("article.cell.video a").click()
    assert _plays(page.get_by_role("dialog", name="Large view").locator("video"))
    page.keyboard.press("Escape")
    page.get_by_label("Published").check()
    expect(page.locator("article.cell")).to_have_count(1)


def _read_ledger(page: Page, workspace: Workspace) -> None:
    expect(page.locator("#balance")).to_contain_text("91 credits")
    page.locator("#balance").get_by_role("link").click()
    rows = page.get_by_role("table", name="Ledger").get_by_role("row")
    expect(rows.filter(has_text="+100")).to_have_count(1)
    for price in ("-4", "-5"):
        expect(rows.get_by_role("cell", name=re.compile(f"^[{price[0]}−]{price[1]}$"))).to_have_count(1)
    balance = balance_get(workspace_id=workspace.id)
    assert (balance.posted, balance.held) == (GRANT - 9 * CREDIT, 0)
    assert ledger_audit() == []
