"""Comments beside the canvas: a node is what they are about, an @ offers people, and nothing typed is lost."""

from __future__ import annotations

from django.db import connections
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.projects.comments import comment_add
from apps.projects.models import Comment, Mention, Workflow
from tests.e2e.conftest import OpenBrowser
from tests.live_stack import LiveStack

PATIENCE_MS = 30_000


def test_comment_on_a_node_and_name_somebody_by_keyboard(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User, ada: User, bob: User
) -> None:
    User.objects.filter(id=ada.id).update(name="Ada Lovelace")
    page = open_browser(alice).new_page()
    page.goto(f"{live_stack.base_url}/w/mill/workflows/{workflow.id}/")
    page.locator('article[data-node="frame"] header').click(button="right", timeout=PATIENCE_MS)
    page.get_by_role("menuitem", name="Comment on this").click()
    panel, text = page.locator("#comments"), page.get_by_label("New comment")
    expect(text).to_be_focused(timeout=PATIENCE_MS)
    expect(panel.get_by_text("On the node frame")).to_be_visible()
    text.press_sequentially("Too dark, @")
    expect(panel.get_by_role("option")).to_have_count(2)
    text.press_sequentially("love")
    expect(panel.get_by_role("option")).to_have_text(["Ada Lovelace"])
    text.press("Enter")
    expect(text).to_have_value("Too dark, @Ada Lovelace ")
    expect(panel.get_by_role("listbox")).to_have_count(0)
    # Somebody else comments meanwhile: what is typed here stays.
    comment_add(workflow=workflow, author_id=bob.id, body="I like it")
    text.press_sequentially("please @b")
    expect(panel.get_by_role("option")).to_have_text(["Bob"])
    text.press("Escape")
    expect(page.locator("#comments-sheet")).to_be_visible()
    expect(text).to_have_value("Too dark, @Ada Lovelace please @b")
    panel.get_by_role("button", name="Comment", exact=True).click()
    expect(panel.get_by_text("I like it")).to_be_visible()
    expect(panel.get_by_role("paragraph").filter(has_text="please @b")).to_be_visible()
    expect(panel.get_by_text("On the node")).to_be_hidden()
    connections["default"].close()
    mine = Comment.objects.for_workspace(workflow.workspace_id).get(author=alice)
    named = Mention.objects.for_workspace(workflow.workspace_id).get(comment=mine)
    assert (mine.node, named.user_id) == ("frame", ada.id)
