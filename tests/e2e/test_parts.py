"""Before a run and after it: the plan on the canvas, any part again, pins and reuse, retries and the error branch."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create, workflow_document
from apps.runs.models import Run, Step
from apps.workspaces.models import Workspace
from tests.e2e.conftest import OpenBrowser
from tests.e2e.studio import Canvas
from tests.live_stack import LiveStack

GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "words", "type": "input.text", "params": {"text": "sea"}, "position": {"x": 0, "y": 0}},
        {
            "id": "frame",
            "type": "flow.template",
            "params": {"template": "the {{ values[0] }}"},
            "position": {"x": 336, "y": 0},
        },
        {"id": "slow", "type": "test.pass", "title": "Slow", "params": {}, "position": {"x": 672, "y": 0}},
        {"id": "end", "type": "test.pass", "title": "End", "params": {}, "position": {"x": 336, "y": 320}},
    ],
    "edges": [
        {"id": "e1", "source": "words", "source_port": "text", "target": "frame", "target_port": "values"},
        {"id": "e2", "source": "frame", "source_port": "text", "target": "slow", "target_port": "value"},
        {"id": "e3", "source": "slow", "source_port": "value", "target": "end", "target_port": "value"},
    ],
}


@pytest.fixture
def workflow(live_stack: LiveStack, workspace: Workspace, alice: User) -> Workflow:
    project = project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    return workflow_create(
        workspace_id=workspace.id, project_id=project.id, name="Parts", graph=GRAPH, actor_id=alice.id
    )


class Parts(Canvas):
    """The canvas with its plan and menus."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.plan = page.get_by_role("region", name="Plan")

    def node_menu(self, title: str, item: str) -> None:
        self.nodes(title).locator("header").click(button="right")
        self.page.get_by_role("menu", name=title).get_by_role("menuitem", name=re.compile(f"^{item}")).click()

    def node_menu_by_key(self, title: str, item: str) -> None:
        self.select(title)
        self.page.keyboard.press("m")
        menu = self.page.get_by_role("menu", name=title)
        expect(menu).to_be_visible()
        row = menu.locator(".menu-row").filter(has_text=re.compile(f"^{item}"))
        for _ in range(12):
            if row.evaluate("row => row === document.activeElement"):
                break
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        expect(menu).to_have_count(0)

    def planned(self, title: str) -> Locator:
        return self.nodes(title).locator(".plan-tag")

    def run_whole(self) -> None:
        self.all_saved()
        self.run_button.click()
        self.state("End", "Done|Reused")

    def state(self, title: str, word: str) -> None:
        mark = self.nodes(title).locator("header").get_by_role("img", name=re.compile(f"^({word})$"))
        expect(mark).to_be_visible(timeout=60_000)

    def treatment(self, title: str) -> Locator:
        """The settings of a node about failure and reuse, opened."""
        self.select(title)
        section = self.inspector.locator("details.treatment")
        if section.get_attribute("open") is None:
            section.locator("summary").first.click()
        return section


def _open(stack: LiveStack, page: Page, workflow: Workflow) -> Parts:
    page.goto(f"{stack.base_url}/w/mill/workflows/{workflow.id}/")
    canvas = Parts(page)
    expect(canvas.nodes("Text")).to_be_visible()
    canvas.all_saved()
    return canvas


def _params(workflow: Workflow, node: str) -> dict[str, Any]:
    with scope(workflow.workspace_id):
        document, _seq = workflow_document(Workflow.objects.get(id=workflow.id))
    params: dict[str, Any] = next(each["params"] for each in document["nodes"] if each["id"] == node)
    return params


def _last_steps(workflow: Workflow) -> dict[str, str]:
    with scope(workflow.workspace_id):
        run = Run.objects.filter(workflow=workflow).order_by("-created_at").first()
        assert run
        return dict(Step.objects.filter(run=run).values_list("node", "state"))


def test_the_plan_says_what_runs_and_why(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    page = open_browser(alice).new_page()
    canvas = _open(live_stack, page, workflow)
    page.keyboard.press("p")
    expect(canvas.plan).to_contain_text("4 to run")
    expect(canvas.planned("Text")).to_contain_text("Runs")
    expect(canvas.plan).to_contain_text("First run of this node")
    canvas.plan.get_by_role("button", name="Run · free").click()
    expect(canvas.plan).to_have_count(0)
    canvas.state("End", "Done")
    page.get_by_role("button", name="Plan", exact=True).click()
    expect(canvas.plan).to_contain_text("4 reused")
    expect(canvas.planned("End")).to_contain_text("Reused")
    expect(canvas.nodes("End")).to_have_attribute("data-plan", "reuse")
    # The plan follows the graph: one word changed, and all that hangs on it runs.
    canvas.set("Text", text="river")
    expect(canvas.planned("Text")).to_contain_text("Runs", timeout=20_000)
    expect(canvas.planned("Text").locator("code")).to_have_text("text")
    page.locator(".react-flow__pane").click(position={"x": 20, "y": 20})
    expect(canvas.plan).to_contain_text("4 to run")
    page.keyboard.press("Escape")
    expect(canvas.plan).to_have_count(0)
    expect(canvas.planned("Text")).to_have_count(0)


def test_run_to_here_and_from_here(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    canvas = _open(live_stack, open_browser(alice).new_page(), workflow)
    canvas.node_menu("Template", "Run to here")
    canvas.state("Template", "Done")
    assert set(_last_steps(workflow)) == {"words", "frame"}
    expect(canvas.nodes("Slow")).to_have_attribute("data-state", "none")
    canvas.run_whole()
    canvas.node_menu_by_key("Slow", "Run from here")
    expect(canvas.nodes("Slow")).to_have_attribute("data-state", "completed")
    canvas.state("Text", "Reused")
    canvas.select("Slow")
    expect(canvas.inspector).to_contain_text("Why it ran: Run again on request")
    canvas.select("Text")
    expect(canvas.inspector).to_contain_text(re.compile("Reused|Kept from an earlier run"))


def test_a_step_runs_alone_with_edited_input(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    page = open_browser(alice).new_page()
    canvas = _open(live_stack, page, workflow)
    canvas.run_whole()
    canvas.node_menu("Slow", "Run only this")
    dialog = page.get_by_role("dialog", name="Run “Slow” with edited input")
    field = dialog.get_by_label("Value")
    expect(field).to_have_value("the sea")  # what it was given last
    field.fill("an edited river")
    dialog.get_by_role("button", name="Run this node only").click()
    expect(canvas.nodes("Slow")).to_contain_text("an edited river", timeout=30_000)
    canvas.state("Slow", "Done")
    expect(canvas.nodes("End")).to_contain_text("the sea")  # what hangs on it is as it was
    assert "value" not in _params(workflow, "slow")


def test_a_pinned_output_stays_and_is_shown(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    page = open_browser(alice).new_page()
    canvas = _open(live_stack, page, workflow)
    canvas.run_whole()
    canvas.node_menu_by_key("Template", "Pin output")
    mark = canvas.nodes("Template").get_by_role("img", name=re.compile("^Pinned"))
    expect(mark).to_be_visible()
    canvas.set("Text", text="river")
    canvas.run_whole()
    assert _params(workflow, "frame")["$pin"] == {"text": "the sea"}
    expect(canvas.nodes("End")).to_contain_text("the sea")
    canvas.state("Template", "Reused")
    canvas.select("Template")
    expect(canvas.inspector.get_by_role("region", name="Result")).to_contain_text("Pinned output")
    canvas.treatment("Template").get_by_role("button", name="Unpin").click()
    expect(mark).to_have_count(0)
    canvas.all_saved()
    assert "$pin" not in _params(workflow, "frame")
    canvas.run_whole()
    expect(canvas.nodes("End")).to_contain_text("the river", timeout=30_000)


def test_retries_are_set_shown_and_removed(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    page = open_browser(alice).new_page()
    canvas = _open(live_stack, page, workflow)
    canvas.set("Slow", **{"fail times": "1"})
    treatment = canvas.treatment("Slow")
    treatment.get_by_label("Times", exact=True).fill("2")
    treatment.get_by_label("Wait before the first retry, seconds").fill("8")
    page.keyboard.press("Tab")
    expect(canvas.nodes("Slow").get_by_role("img", name=re.compile("^Retries up to 2 times"))).to_have_text("2")
    canvas.all_saved()
    assert _params(workflow, "slow")["$retry"] == {"times": 2, "backoff_s": 8}
    canvas.run_button.click()
    resting = page.locator("article[data-node=slow][data-state=retrying]")
    expect(resting).to_contain_text("Attempt 2 starts at", timeout=30_000)
    canvas.state("End", "Done")
    expect(canvas.nodes("Slow").locator("header")).to_contain_text("try 2")
    treatment.get_by_label("Times", exact=True).fill("0")
    page.keyboard.press("Tab")
    canvas.all_saved()
    assert "$retry" not in _params(workflow, "slow")


def test_the_error_output_comes_and_goes_with_its_connections(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    page = open_browser(alice).new_page()
    canvas = _open(live_stack, page, workflow)
    choice = canvas.treatment("Slow").get_by_label("If it fails", exact=True)
    choice.select_option("Continue from the error output")
    canvas.click_in_palette("Pass")
    canvas.fit()
    canvas.connect("Slow", "Error", "Pass", "Value")
    expect(canvas.edges()).to_have_count(4)
    canvas.set("Slow", **{"fail times": "1"})
    canvas.all_saved()
    canvas.run_button.click()
    canvas.state("Pass", "Done")
    expect(canvas.nodes("Pass")).to_contain_text("on-request")
    canvas.treatment("Slow").get_by_label("If it fails", exact=True).select_option("Continue with a default value")
    expect(page.get_by_text("The connection at the error output went with it")).to_be_visible()
    expect(canvas.edges()).to_have_count(3)
    expect(canvas.nodes("Slow").get_by_label(re.compile("^Error:"))).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(canvas.edges()).to_have_count(4)
    canvas.treatment("Slow").get_by_label("If it fails", exact=True).select_option("Stop the run")
    canvas.all_saved()
    assert not [name for name in _params(workflow, "slow") if name.startswith("$")]


def test_always_new_and_forgotten_results_run_anew(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, alice: User
) -> None:
    page = open_browser(alice).new_page()
    canvas = _open(live_stack, page, workflow)
    canvas.run_whole()
    canvas.node_menu_by_key("Slow", "Always new")
    expect(canvas.nodes("Slow").get_by_role("img", name=re.compile("^Always new"))).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(canvas.plan).to_contain_text("Always new")
    canvas.node_menu_by_key("Slow", "Always new")
    canvas.node_menu("Template", "Forget its results")
    expect(canvas.planned("Template")).to_contain_text("Runs", timeout=20_000)
    page.get_by_role("button", name="More ways to run").click()
    page.get_by_role("menuitem", name=re.compile("^Forget all results")).click()
    page.get_by_role("dialog").get_by_role("button", name="Forget all results").click()
    expect(canvas.planned("Text")).to_contain_text("Runs", timeout=20_000)


def test_a_viewer_reads_the_plan_but_runs_nothing(
    live_stack: LiveStack, open_browser: OpenBrowser, workflow: Workflow, victor: User
) -> None:
    page = open_browser(victor).new_page()
    page.goto(f"{live_stack.base_url}/w/mill/workflows/{workflow.id}/")
    canvas = Parts(page)
    page.get_by_role("button", name="Plan", exact=True).click()
    expect(canvas.plan).to_contain_text("4 to run")
    expect(canvas.plan.get_by_role("button", name=re.compile("^(Run|Dry run)"))).to_have_count(0)
    canvas.select("Slow")
    page.keyboard.press("m")
    row = page.get_by_role("menuitem", name=re.compile("^Run to here"))
    expect(row).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("menuitem", name=re.compile("^Pin"))).to_have_count(0)
