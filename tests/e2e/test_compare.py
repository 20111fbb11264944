"""Compare and vary, by one click on a node: four seeds, side by side, a vote, a winner, and only what follows again."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from apps.billing.services import credits_grant
from apps.common.tenancy import scope
from apps.generations.models import Generation
from apps.projects.services import project_create, workflow_create
from apps.runs.models import Run, Step
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.e2e.studio import RUN_MS, Canvas
from tests.live_stack import LiveStack

SMALL = {"width": 256, "height": 256}
GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "words", "type": "input.text", "params": {"text": "A lighthouse at dusk"}, "position": {"x": 0, "y": 0}},
        {
            "id": "img",
            "type": "image.generate",
            "params": {"model": "sandbox/image", "seed": 5, **SMALL},
            "position": {"x": 336, "y": 0},
        },
        {"id": "small", "type": "image.resize", "params": {"width": 64, "height": 64}, "position": {"x": 672, "y": 0}},
    ],
    "edges": [
        {"id": "a", "source": "words", "source_port": "text", "target": "img", "target_port": "prompt"},
        {"id": "b", "source": "img", "source_port": "image", "target": "small", "target_port": "image"},
    ],
}


def test_four_seeds_a_vote_and_a_winner(
    live_stack: LiveStack, workspace: Workspace, alice: User, open_browser: OpenBrowser
) -> None:
    credits_grant(workspace_id=workspace.id, amount=100_000_000, reason="test", source="test", source_id="compare")
    project = project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    workflow = workflow_create(
        workspace_id=workspace.id, project_id=project.id, name="Light", graph=GRAPH, actor_id=alice.id
    )
    page = open_browser(alice).new_page()
    page.goto(f"{live_stack.base_url}/w/{workspace.slug}/workflows/{workflow.id}/")
    canvas = Canvas(page)
    _ask_for_four(page, canvas)
    canvas.state("Generate image", "Done")
    canvas.state("Resize image", "Done")
    first = _newest(workspace)
    grid = _open_grid(page, canvas)
    _walk_and_vote(page, grid)
    _choose(page, grid, workspace, first)


def _ask_for_four(page: Page, canvas: Canvas) -> None:
    canvas.select("Generate image")
    canvas.inspector.get_by_role("button", name="Seeds × 4").click()
    form = page.get_by_role("dialog", name="Compare “Generate image”")
    expect(form.get_by_label("Seeds", exact=True)).to_be_focused()
    expect(form.get_by_role("status")).to_have_text("4 variants · 16 credits")
    expect(form.get_by_role("button", name=re.compile("^Run"))).to_have_text(re.compile("Run · 16 credits"))
    page.keyboard.press("Enter")
    expect(form).to_be_hidden()


def _newest(workspace: Workspace) -> Run:
    with scope(workspace.id):
        run: Run = Run.objects.order_by("-created_at")[0]
    return run


def _open_grid(page: Page, canvas: Canvas) -> Locator:
    sheet = canvas.nodes("Generate image").locator(".sheet-cell")
    expect(sheet).to_have_count(4)
    expect(sheet.first).to_have_attribute("data-winner", "true")
    canvas.nodes("Generate image").get_by_role("button", name="See side by side").click()
    grid = page.get_by_role("region", name="Compare").filter(has=page.locator(".variants"))
    cells = grid.get_by_role("listitem")
    expect(cells).to_have_count(4)
    for seed, cell in zip((5, 6, 7, 8), cells.all(), strict=True):
        expect(cell).to_have_accessible_name(f"Sandbox image, Seed {seed}")
        expect(cell).to_contain_text("4 credits")
        cell.locator("img").evaluate("image => image.decode()")
    expect(cells.nth(0)).to_contain_text("Goes on")
    return grid


def _walk_and_vote(page: Page, grid: Locator) -> None:
    cells = grid.get_by_role("listitem")
    cells.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(cells.nth(2)).to_be_focused()
    page.keyboard.press("v")
    vote = grid.locator('[data-place="2"]').get_by_role("button", name=re.compile("^Votes"))
    expect(vote).to_have_attribute("aria-pressed", "true")
    grid.get_by_label("Sort").select_option("votes")
    expect(cells.nth(0)).to_have_accessible_name("Sandbox image, Seed 7")
    for place in ("0", "2"):
        grid.locator(f'[data-place="{place}"]').focus()
        page.keyboard.press("c")
    grid.get_by_role("button", name="Compare two").click()
    view = grid.get_by_role("dialog", name="Variant")
    expect(view.locator("figure img")).to_have_count(2)
    page.keyboard.press("Space")
    expect(view.locator("figure[data-under]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(view).to_be_hidden()


def _choose(page: Page, grid: Locator, workspace: Workspace, first: Run) -> None:
    grid.locator('[data-place="2"]').get_by_role("button", name="Use this one").click()
    expect(grid.locator('[data-place="2"]')).to_contain_text("Goes on", timeout=RUN_MS)
    expect(grid.locator('[data-place="0"]').get_by_role("button", name="Use this one")).to_be_visible(timeout=RUN_MS)
    second = _newest(workspace)
    with scope(workspace.id):
        assert second.from_run_id == first.id
        states = list(Step.objects.filter(run=second).order_by("position", "item").values_list("node", "state"))
        assert states == [("words", "cached"), *[("img", "cached")] * 5, ("small", "completed")]
        assert second.cost == 0
        assert Generation.objects.count() == 4, "nothing was asked for twice"
        chosen = Step.objects.get(run=second, node="img", item=2).outputs
        assert Step.objects.get(run=second, node="small").inputs == chosen
    page.get_by_role("dialog", name="Compare").get_by_role("button", name="Close").first.click()
    expect(page.locator('article[data-node="img"] .sheet-cell').nth(2)).to_have_attribute("data-winner", "true")
