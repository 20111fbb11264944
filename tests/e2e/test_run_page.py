"""A run in a browser, while it goes on and when it is over: timeline, a step in full, keys, running parts again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import workflow_create
from apps.runs.services import run_start
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.live_stack import LiveStack
from tests.runs.graphs import chain, graph, node

PATIENCE_MS = 30_000
RETRY = {"times": 3, "backoff_s": 0.6, "factor": 1}


def tried(name: str, fails: int) -> dict[str, Any]:
    return node(name, sleep_ms=120, fail_times=fails, **{"$retry": RETRY})


GRAPH = graph(
    [node("words", "input.text", text="sea"), tried("fetch", 2), node("pause", "flow.wait", seconds=2), node("end")],
    ("words", "text", "fetch", "value"),
    ("words", "text", "pause", "value"),
    ("pause", "value", "end", "value"),
)


@pytest.fixture
def flow(workflow: Workflow, workspace: Workspace, alice: User) -> Workflow:
    project_id: Any = workflow.project_id
    return workflow_create(
        workspace_id=workspace.id, project_id=project_id, name="Tried", graph=GRAPH, actor_id=alice.id
    )


def run_of(flow: Workflow, **more: Any) -> str:
    with scope(flow.workspace_id):
        return str(run_start(workflow=flow, actor_id=None, **more).id)


def opened(browser: OpenBrowser, user: User, live_stack: LiveStack, path: str) -> Page:
    page = browser(user).new_page()
    page.goto(f"{live_stack.base_url}/w/mill/{path}")
    return page


def test_a_run_is_followed_and_read_again(
    live_stack: LiveStack, open_browser: OpenBrowser, alice: User, flow: Workflow
) -> None:
    run = run_of(flow)
    page = opened(open_browser, alice, live_stack, f"runs/{run}/")
    page.get_by_text("Timeline", exact=True).click()
    fetch = page.locator("li", has=page.locator("a[href='#step=fetch.0']"))
    # While it goes on: the open step and the keyboard's place survive every change of the rows.
    fetch.get_by_role("link").focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Step")
    expect(panel.get_by_text("Up to 3 retries, 600 ms apart")).to_be_visible()
    page.locator("a[href='#step=pause.0']").focus()
    expect(page.locator("run-status[state=completed]")).to_be_attached(timeout=PATIENCE_MS)
    expect(page.locator("a[href='#step=pause.0']")).to_be_focused()
    expect(fetch.locator("b.try")).to_have_count(2)
    expect(fetch.locator("b.pause")).to_have_count(2)
    expect(page.locator("li[data-state=completed] b.waiting")).to_have_count(1)
    expect(panel.get_by_text("Failed on request, attempt 2.")).to_be_visible()
    # A failed try says its error to the keyboard too.
    fetch.locator("b.try").first.focus()
    expect(page.locator(".bar-tip")).to_have_text("Attempt 1: Failed on request, attempt 1.")
    # The address is the step's: another page opens it at once, with the same rows.
    again = page.context.new_page()
    again.goto(page.url)
    assert page.url.endswith("#step=fetch.0")
    expect(again.get_by_role("complementary", name="Step").get_by_text("Failed on request, attempt 2.")).to_be_visible()
    expect(again.locator("li b.try")).to_have_count(2)


def test_keys_walk_the_steps_and_the_axis(
    live_stack: LiveStack, open_browser: OpenBrowser, alice: User, flow: Workflow
) -> None:
    page = opened(open_browser, alice, live_stack, f"runs/{run_of(flow)}/")
    expect(page.locator("run-status[state=completed]")).to_be_attached(timeout=PATIENCE_MS)
    panel = page.get_by_role("complementary", name="Step")
    page.locator("a[href='#step=words.0']").focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_role("heading", level=2)).to_have_text("Text")
    page.locator("a[href='#step=words.0']").focus()
    page.keyboard.press("End")
    expect(page.locator("a[href='#step=end.0']")).to_be_focused()
    expect(panel.locator("[data-step='end.0']")).to_be_attached()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert "#" not in page.url
    page.get_by_text("Timeline", exact=True).click()
    axis = page.locator(".ticks")
    axis.focus()
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Whole run")).to_be_visible()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Whole run")).to_be_hidden()


def test_parts_are_run_again_from_a_step(
    live_stack: LiveStack, open_browser: OpenBrowser, alice: User, flow: Workflow
) -> None:
    run = run_of(flow)
    page = opened(open_browser, alice, live_stack, f"runs/{run}/#step=fetch.0")
    expect(page.locator("run-status[state=completed]")).to_be_attached(timeout=PATIENCE_MS)
    panel = page.get_by_role("complementary", name="Step")
    page.wait_for_load_state("networkidle")  # the panel is drawn anew when its run has ended
    expect(panel.get_by_text("Attempts")).to_be_visible()
    panel.get_by_role("button", name="Only this step").click()
    page.get_by_role("dialog").get_by_label("Value").fill("lake")
    page.get_by_role("button", name="Run this step").click()
    page.wait_for_url(lambda url: run not in url)
    expect(page.get_by_text("rerun from Pass")).to_be_visible()
    expect(page.locator(".run-rows > li")).to_have_count(2)
    expect(page.locator("run-status[state=completed]")).to_be_attached(timeout=PATIENCE_MS)
    page.locator("a[href='#step=fetch.0']").click()
    expect(panel.get_by_text("lake").first).to_be_visible()
    panel.get_by_role("button", name="Pin this output").click()
    expect(page.get_by_text(re.compile("Pinned: from the next run on"))).to_be_visible()


def test_a_phone_shows_the_step_over_the_list(
    live_stack: LiveStack, open_browser: OpenBrowser, alice: User, flow: Workflow
) -> None:
    run = run_of(flow)
    page = opened(open_browser, alice, live_stack, f"runs/{run}/")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("run-status[state=completed]")).to_be_attached(timeout=PATIENCE_MS)
    page.locator("a[href='#step=fetch.0']").click()
    panel = page.get_by_role("complementary", name="Step")
    expect(panel.get_by_text("Attempts")).to_be_visible()
    box = panel.bounding_box()
    assert box is not None and (box["x"], box["width"]) == (0, 390)
    panel.get_by_role("button", name="Close").click()
    expect(page.locator("a[href='#step=fetch.0']")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_long_run_is_shown_a_page_at_a_time(
    live_stack: LiveStack, open_browser: OpenBrowser, alice: User, workflow: Workflow, workspace: Workspace
) -> None:
    project_id: Any = workflow.project_id
    long = workflow_create(
        workspace_id=workspace.id, project_id=project_id, name="Long", graph=chain(700), actor_id=alice.id
    )
    page = opened(open_browser, alice, live_stack, f"runs/{run_of(long)}/")
    expect(page.locator("run-status[state=completed]")).to_be_attached(timeout=PATIENCE_MS)
    expect(page.locator(".run-rows > li[data-state=completed]")).to_have_count(500)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".run-rows > li[id]")).to_have_count(700)
