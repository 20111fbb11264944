"""Versions and workflows as nodes, by keyboard and mouse: kept, published, used, run, looked into."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import graph_replace, workflow_create
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.live_stack import LiveStack
from tests.runs.nesting import publish, shout, top

# A folder for pictures of the screens, for whoever wants to look at them.
SHOTS = os.environ.get("MILLRACE_SHOTS", "")
READER = "Asia/Tokyo"


def spread(document: dict[str, Any]) -> dict[str, Any]:
    """The graph with its nodes side by side."""
    nodes = [{**node, "position": {"x": 320 * place, "y": 0}} for place, node in enumerate(document["nodes"])]
    return {**document, "nodes": nodes}


def look(page: Page, name: str) -> None:
    """Keep the screen at two widths, dark and light, and see that nothing sticks out."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for theme in ("dark", "light"):
            page.evaluate("theme => document.documentElement.dataset.theme = `millrace-${theme}`", theme)
            page.wait_for_timeout(250)
            if SHOTS:
                Path(SHOTS).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{SHOTS}/{name}-{width}-{theme}.png")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{name} is {wider} px too wide at {width}"
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.fixture
def shouting(live_stack: LiveStack, workspace: Workspace, workflow: Workflow, alice: User) -> Workflow:
    return workflow_create(
        workspace_id=workspace.id,
        project_id=workflow.project_id,
        name="Shout",
        graph=spread(shout()),
        actor_id=alice.id,
    )


def keep_and_publish(page: Page) -> None:
    """On the canvas: name this moment, publish it, look at it."""
    page.get_by_role("button", name="Versions").click()
    dialog = page.get_by_role("dialog", name="Versions")
    dialog.get_by_label("Version name").fill("Loud")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("link", name="Loud")).to_be_visible()
    dialog.get_by_role("button", name="Publish").press("Enter")
    expect(dialog.locator(".tag", has_text="published")).to_be_visible()
    look(page, "versions")
    dialog.get_by_role("link", name="Loud").click()
    expect(page.get_by_role("heading", name=re.compile("Loud"))).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_count(3)
    look(page, "version")


@pytest.mark.live
def test_version_is_kept_published_and_used(
    live_stack: LiveStack,
    open_browser: OpenBrowser,
    alice: User,
    workspace: Workspace,
    workflow: Workflow,
    shouting: Workflow,
) -> None:
    page = open_browser(alice).new_page()
    zone = page.context.new_cdp_session(page)
    zone.send("Emulation.setTimezoneOverride", {"timezoneId": READER})
    base = f"{live_stack.base_url}/w/{workspace.slug}/workflows"
    page.goto(f"{base}/{shouting.id}/")
    keep_and_publish(page)

    page.goto(f"{base}/{workflow.id}/")
    palette = page.get_by_role("navigation", name="Palette")
    expect(palette.get_by_role("heading", name="Workflows")).to_be_visible()
    palette.get_by_text("Shout", exact=True).scroll_into_view_if_needed()
    with scope(workspace.id):
        workflow.refresh_from_db()
        graph_replace(workflow=workflow, base_seq=workflow.last_seq, graph=spread(top(shouting)), actor_id=alice.id)
    page.reload()
    page.get_by_role("button", name=re.compile("^Run( ·|$)")).click()
    expect(page.locator("#run-console .run-head")).to_contain_text("3 of 3 steps", timeout=30_000)
    look(page, "console")
    page.locator(".run-rows > li", has_text="Shout").get_by_role("link").click()
    written = page.locator(".step-log time").first
    at = datetime.fromisoformat(written.get_attribute("datetime") or "").astimezone(ZoneInfo(READER))
    expect(written).to_have_text(f"{at:%H:%M:%S}")  # as the reader's clock shows it
    page.get_by_role("link", name="Open the nested run").click()
    expect(page.get_by_text("A step of the run")).to_be_visible()
    expect(page.locator(".run-head .tag", has_text="version 1")).to_be_visible()
    look(page, "child")
    page.get_by_role("main").get_by_role("link", name="River").first.click()
    expect(page.get_by_role("heading", name="River")).to_be_visible()


@pytest.mark.live
def test_older_version_is_updated_in_the_inspector(
    live_stack: LiveStack,
    open_browser: OpenBrowser,
    alice: User,
    workspace: Workspace,
    workflow: Workflow,
    shouting: Workflow,
) -> None:
    with scope(workspace.id):
        publish(shouting)
        publish(shouting, shout("{{ value }}?"))
        graph_replace(workflow=workflow, base_seq=workflow.last_seq, graph=spread(top(shouting)), actor_id=alice.id)
    page = open_browser(alice).new_page()
    page.goto(f"{live_stack.base_url}/w/{workspace.slug}/workflows/{workflow.id}/")
    page.locator('.node[data-node="sub"] .node-header').click()
    inspector = page.get_by_role("complementary", name="Inspector")
    expect(inspector.get_by_text("Version 1", exact=True)).to_be_visible()
    look(page, "inspector")
    inspector.get_by_role("button", name="Update to version 2").click()
    expect(inspector.get_by_text("Version 2", exact=True)).to_be_visible()
    expect(inspector.get_by_role("button", name="Update to version 2")).to_have_count(0)
