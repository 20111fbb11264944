"""Nothing is lost: edits without a network, undo and redo, two people at one node."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from playwright.sync_api import Error, Page, expect

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import workflow_document
from tests.e2e.conftest import OpenBrowser
from tests.e2e.studio import Canvas
from tests.live_stack import LiveStack


def _open(stack: LiveStack, page: Page, workflow: Workflow) -> Canvas:
    page.goto(f"{stack.base_url}/w/mill/workflows/{workflow.id}/")
    canvas = Canvas(page)
    expect(canvas.nodes("Text")).to_be_visible()
    canvas.all_saved()
    return canvas


def _nodes(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """The nodes as the server has them."""
    with scope(workflow.workspace_id):
        document, _seq = workflow_document(Workflow.objects.get(id=workflow.id))
    return {node["id"]: node for node in document["nodes"]}


def _server_has(workflow: Workflow, look: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
    deadline = time.monotonic() + 10
    while not look(_nodes(workflow)):
        assert time.monotonic() < deadline, _nodes(workflow)
        time.sleep(0.1)


def test_edits_without_a_network_are_kept_and_sent(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    context = open_browser(alice)
    page = context.new_page()
    canvas = _open(live_stack, page, workflow)
    context.set_offline(True)
    canvas.set("Text", text="a sea without a network")
    canvas.click_in_palette("Wait")
    expect(canvas.saved).to_contain_text("kept here", timeout=30_000)
    assert _nodes(workflow)["words"]["params"] == {"text": "sea"}
    assert len(_nodes(workflow)) == 2
    with suppress(Error):
        page.reload()  # the page is gone, as when the browser is closed on a train
    context.set_offline(False)
    canvas = _open(live_stack, page, workflow)
    expect(canvas.nodes("Wait")).to_have_count(1)
    _server_has(workflow, lambda nodes: nodes["words"]["params"] == {"text": "a sea without a network"})
    _server_has(workflow, lambda nodes: sorted(node["type"] for node in nodes.values())[1] == "flow.wait")
    page.reload()
    expect(canvas.nodes("Wait")).to_have_count(1)  # sent once, and not again by the next page
    assert len(_nodes(workflow)) == 3


def test_edits_without_a_network_are_sent_when_it_is_back(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User, bob: User
) -> None:
    context = open_browser(alice)
    canvas = _open(live_stack, context.new_page(), workflow)
    other = _open(live_stack, open_browser(bob).new_page(), workflow)
    context.set_offline(True)
    canvas.set("Text", text="written offline")
    expect(canvas.saved).to_contain_text("kept here", timeout=30_000)
    other.set("Template", title="Named meanwhile")
    _server_has(workflow, lambda nodes: nodes["frame"]["title"] == "Named meanwhile")
    context.set_offline(False)
    canvas.all_saved()
    expect(canvas.nodes("Named meanwhile")).to_be_visible()
    _server_has(workflow, lambda nodes: nodes["words"]["params"] == {"text": "written offline"})
    other.select("Text")
    expect(other.inspector.get_by_label("Text", exact=True)).to_have_value("written offline")


def test_undo_and_redo_by_keyboard(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    page = open_browser(alice).new_page()
    canvas = _open(live_stack, page, workflow)
    canvas.click_in_palette("Wait")
    _server_has(workflow, lambda nodes: len(nodes) == 3)
    canvas.select("Text")
    page.keyboard.press("Delete")
    expect(canvas.nodes("Text")).to_have_count(0)
    expect(canvas.edges()).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(canvas.nodes("Text")).to_be_visible()
    expect(canvas.edges()).to_have_count(1)  # what hung on it comes back with it
    page.keyboard.press("Control+z")
    expect(canvas.nodes("Wait")).to_have_count(0)
    page.keyboard.press("Control+Shift+z")
    expect(canvas.nodes("Wait")).to_be_visible()
    page.keyboard.press("Control+Shift+z")
    expect(canvas.nodes("Text")).to_have_count(0)
    page.keyboard.press("Control+z")
    canvas.all_saved()
    _server_has(workflow, lambda nodes: set(nodes) >= {"words", "frame"} and len(nodes) == 3)
    page.reload()
    expect(canvas.edges()).to_have_count(1)
    expect(canvas.nodes("Text")).to_be_visible()


def test_two_people_at_one_node_both_keep_their_change(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User, bob: User
) -> None:
    first = _open(live_stack, open_browser(alice).new_page(), workflow)
    second = _open(live_stack, open_browser(bob).new_page(), workflow)
    first.select("Text")
    second.select("Text")
    first.inspector.get_by_label("Text", exact=True).fill("Alice wrote this")
    second.inspector.get_by_label("Title").fill("Bob named this")
    _server_has(workflow, lambda nodes: nodes["words"]["title"] == "Bob named this")
    _server_has(workflow, lambda nodes: nodes["words"]["params"] == {"text": "Alice wrote this"})
    for canvas in (first, second):
        expect(canvas.nodes("Bob named this")).to_be_visible()  # live, without a reload
        expect(canvas.inspector.get_by_label("Text", exact=True)).to_have_value("Alice wrote this")
        canvas.all_saved()
    # What one undoes is one's own, not the other's.
    first.page.keyboard.press("Escape")
    first.page.locator(".react-flow__pane").click(position={"x": 400, "y": 500})
    first.page.keyboard.press("Control+z")
    _server_has(workflow, lambda nodes: nodes["words"]["params"] == {"text": "sea"})
    assert _nodes(workflow)["words"]["title"] == "Bob named this"
