"""Every main page is for everybody: axe finds nothing serious or critical, in the dark and in the light theme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.accounts.models import User
from apps.billing.services import credits_grant
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import workflow_create
from apps.runs.services import run_start
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.live_stack import ROOT, LiveStack
from tests.runs.graphs import graph, node

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 30_000
GRAVE = {"serious", "critical"}
# The second theme has the same elements in other colours.
LOOK = """async only => {
    const quick = {resultTypes: ["violations"], selectors: false, preload: false, iframes: false};
    const found = await axe.run(document, {...quick, ...(only && {runOnly: only})});
    return found.violations.flatMap(({id, impact, nodes}) => nodes.map(({html, failureSummary}) =>
        ({id, impact, html: html.slice(0, 200), why: failureSummary})));
}"""
# The console goes by a class.
THEME = """theme => {
    document.documentElement.dataset.theme = `millrace-${theme}`;
    document.documentElement.classList.toggle("dark", theme === "dark");
}"""
GRAPH = graph(
    [
        node("words", "input.text", text="sea"),
        node("fetch", sleep_ms=50, fail_times=2, **{"$retry": {"times": 3, "backoff_s": 0.2, "factor": 1}}),
        node("img", "image.generate", model="sandbox/image", width=256, height=256, seed=1),
        node("lost", fail_times=1, **{"$on_failure": "branch"}),
        node("end"),
    ],
    ("words", "text", "fetch", "value"),
    ("words", "text", "img", "prompt"),
    ("words", "text", "lost", "value"),
    ("fetch", "value", "end", "value"),
)
ASKING = graph(
    [node("words", "input.text", text="sea"), node("ask", "flow.approval", message="Print it?")],
    ("words", "text", "ask", "value"),
)


class Sight:
    """Looks at pages with axe and keeps what is grave."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base, self.source = page, base, AXE.read_text()
        self.found: list[str] = []

    def see(self, path: str, ready: str = "main", before: Callable[[Page], Any] | None = None) -> None:
        """Open a page, wait until ``ready`` is there, do ``before``, and look at it in both themes."""
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is None or answer.ok, f"{path}: {answer.status}"
        expect(self.page.locator(ready).first).to_be_visible(timeout=PATIENCE_MS)
        if before:
            before(self.page)
        # Half-faded in, any colour is too faint.
        self.page.add_style_tag(
            content="*, *::before, *::after { transition: none !important; animation: none !important }"
        )
        self.page.evaluate(self.source)
        for theme, only in (("dark", None), ("light", ["color-contrast"])):
            self.page.evaluate(THEME, theme)
            for one in self.page.evaluate(LOOK, only):
                if one["impact"] in GRAVE:
                    self.found.append(f"{path} ({theme}) {one['id']}: {one['html']}\n    {one['why']}")


@pytest.fixture
def anonymous(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def started(workflow: Workflow) -> str:
    with scope(workflow.workspace_id):
        return str(run_start(workflow=workflow, actor_id=None).id)


def versions(page: Page) -> None:
    page.get_by_role("button", name="Versions").click()
    expect(page.get_by_role("dialog", name="Versions").get_by_label("Version name")).to_be_focused()


def plan(page: Page) -> None:
    page.get_by_role("button", name="Plan", exact=True).click()
    expect(page.locator(".plan-counts")).to_be_visible()


def timeline(page: Page) -> None:
    page.get_by_text("Timeline", exact=True).click()


def test_nothing_grave_stands_in_anybodys_way(
    live_stack: LiveStack,
    open_browser: OpenBrowser,
    anonymous: Page,
    workspace: Workspace,
    workflow: Workflow,
    alice: User,
) -> None:
    credits_grant(workspace_id=workspace.id, amount=100_000_000, reason="test", source="test", source_id="access")
    project: Any = workflow.project_id
    rest: dict[str, Any] = {"workspace_id": workspace.id, "project_id": project, "actor_id": alice.id}
    drawn = workflow_create(name="Drawn", graph=GRAPH, **rest)
    asking = workflow_create(name="Asking", graph=ASKING, **rest)
    run, waiting = started(drawn), started(asking)
    door = Sight(anonymous, live_stack.base_url)
    door.see("/accounts/login/")
    sight = Sight(open_browser(alice).new_page(), f"{live_stack.base_url}/w/{workspace.slug}/")
    sight.see(f"runs/{run}/#step=fetch.0", "run-status[state=completed] ~ .run-body .step-tries", timeline)
    for path, ready in PAGES.items():
        sight.see(path, ready)
    sight.see(f"workflows/{workflow.id}/", "article.node", plan)
    sight.see(f"workflows/{drawn.id}/", "article.node", versions)
    sight.see(f"approvals/{waiting}/ask/0/", ".approval-form")
    sight.page.set_viewport_size({"width": 390, "height": 844})
    sight.see(f"workflows/{drawn.id}/", ".feed-entry", versions)
    found = door.found + sight.found
    assert not found, "\n".join(found)


# Each with a sign that what it fetches has come.
PAGES = {
    "": ".run-row",
    "projects/": "main a",
    "runs/": ".run-row",
    "runs/reuse/": ".reuse-facts",
    "approvals/": ".approval-row",
    "gallery/": "main img",
    "tape/": "main img",
    "billing/": "main",
    "settings/": "main form",
    "settings/members/": "main form",
    "settings/tokens/": "main button",
}
