"""Workflows inside workflows on the running site: three levels, a list, failure, cancel, a killed driver, money."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.runs.models import Run
from apps.sandbox.models import Job, Submission
from apps.workspaces.models import Workspace
from tests.live_stack import LiveStack
from tests.runs.conftest import GRANTED
from tests.runs.graphs import graph, node
from tests.runs.live import Api, balance, consistent, wait_for
from tests.runs.nesting import given, gives, publish, shout, use

Make = Callable[[dict[str, Any]], Workflow]
PRICE = 4_000_000


def published(make_workflow: Make, document: dict[str, Any]) -> Workflow:
    workflow = make_workflow(document)
    with scope(workflow.workspace_id):
        publish(workflow)
    return workflow


def painter(make_workflow: Make, **params: Any) -> Workflow:
    """Takes a text, gives the smallest picture of it, for a credit."""
    own = {"model": "sandbox/image", "width": 256, "height": 256, "seed": 1, **params}
    nodes = [given(), node("img", "image.generate", **own), gives("image")]
    edges = [("in-text", "value", "img", "prompt"), ("img", "image", "out-image", "value")]
    return published(make_workflow, graph(nodes, *edges))


def inside(make_workflow: Make, workflow: Workflow) -> Workflow:
    """Takes a text, hands it to a painter, gives its picture."""
    nodes = [given(), use(workflow), gives("image")]
    edges = [("in-text", "value", "sub", "text"), ("sub", "image", "out-image", "value")]
    return published(make_workflow, graph(nodes, *edges))


def painted(workflow: Workflow, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    nodes = [node("words", "input.text", text="sea"), use(workflow, settings=settings), node("after")]
    return graph(nodes, ("words", "text", "sub", "text"), ("sub", "image", "after", "value"))


def listed(workflow: Workflow, port: str, words: list[str]) -> dict[str, Any]:
    params = {"name": "list", "type": "json", "default": words}
    nodes = [{"id": "list", "type": "flow.input", "params": params}, use(workflow), node("after")]
    return graph(nodes, ("list", "value", "sub", "text"), ("sub", port, "after", "value"))


def runs_of(workspace: Workspace) -> list[Run]:
    return list(Run.objects.for_workspace(workspace.id).order_by("created_at"))


def test_three_levels_with_a_picture_at_the_bottom(site: Api, make_workflow: Make, workspace: Workspace) -> None:
    middle = inside(make_workflow, painter(make_workflow))
    workflow = make_workflow(painted(middle))
    estimate = site.http.post(f"/workflows/{workflow.id}/estimate", json={}).json()
    run = site.started(workflow)
    found = site.end(run)
    assert found["state"] == "completed"
    consistent(site, run)
    outer = site.steps(run)["sub"]
    assert outer["outputs"]["image"]["kind"] == "image"
    inner = site.steps(outer["run"])["sub"]
    assert site.run(outer["run"])["parent"] == run
    assert site.steps(inner["run"])["img"]["state"] == "completed"
    for level in (outer["run"], inner["run"]):
        consistent(site, level)
    costs = [site.run(level)["cost"] for level in (run, outer["run"], inner["run"])]
    assert costs == [PRICE] * 3
    assert (estimate["high"], balance(site), Submission.objects.count()) == (PRICE, GRANTED - PRICE, 1)
    again = site.started(workflow)
    assert site.end(again)["cost"] == 0
    assert site.steps(again)["sub"]["state"] == "cached"
    assert len(runs_of(workspace)) == 4


def test_list_starts_one_run_per_item(site: Api, make_workflow: Make, workspace: Workspace) -> None:
    workflow = make_workflow(listed(painter(make_workflow), "image", ["sea", "wood", "moor"]))
    run = site.started(workflow)
    found = site.end(run)
    assert (found["state"], found["cost"], found["held"]) == ("completed", 3 * PRICE, 0)
    assert len(site.steps(run)["after"]["outputs"]["value"]) == 3
    assert (Submission.objects.count(), balance(site)) == (3, GRANTED - 3 * PRICE)
    assert len(runs_of(workspace)) == 4
    assert site.get("/credits")["held"] == 0


def test_failure_inside_is_not_charged(site: Api, make_workflow: Make) -> None:
    workflow = make_workflow(painted(painter(make_workflow, fail="refuse")))
    run = site.started(workflow)
    found = consistent(site, run) if site.end(run) else {}
    step = site.steps(run)["sub"]
    assert (found["state"], found["cost"], balance(site)) == ("failed", 0, GRANTED)
    assert step["error"]["message"] == site.run(step["run"])["error"]["message"]
    consistent(site, step["run"])


def test_cancel_reaches_the_provider_two_levels_down(site: Api, make_workflow: Make, workspace: Workspace) -> None:
    middle = inside(make_workflow, painter(make_workflow, latency_s=60))
    run = site.started(make_workflow(painted(middle)))
    wait_for(lambda: Submission.objects.first())
    wait_for(lambda: site.get("/generations")["items"][0]["state"] in ("submitted", "running") or None)
    began = time.monotonic()
    site.cancel(run)
    assert site.end(run)["state"] == "cancelled"
    assert time.monotonic() - began < 50, "before the vendor would have begun"
    assert site.steps(run)["sub"]["state"] == "cancelled"
    for one in runs_of(workspace):
        assert site.run(str(one.id))["state"] == "cancelled"
        consistent(site, str(one.id))
    assert balance(site) == GRANTED
    assert [job.state for job in Job.objects.all()] == ["cancelled"]


def test_killed_drivers_leave_one_run_per_step(
    live_stack: LiveStack, site: Api, make_workflow: Make, workspace: Workspace
) -> None:
    slow = graph(
        [given(), node("p", sleep_ms=600), node("t", "flow.template", template="{{ value }}!"), gives()],
        ("in-text", "value", "p", "value"),
        ("p", "value", "t", "values"),
        ("t", "text", "out-text", "value"),
    )
    run = site.started(make_workflow(listed(published(make_workflow, slow), "text", list("abcdefgh"))))
    wait_for(lambda: len(runs_of(workspace)) > 2 or None)
    before = live_stack.await_part("control")
    live_stack.kill("control")
    live_stack.await_part("control", not_pid=before)
    found = site.end(run, timeout_s=90)
    assert found["state"] == "completed"
    assert site.steps(run)["after"]["outputs"]["value"] == [f"{letter}!" for letter in "abcdefgh"]
    children = [one for one in runs_of(workspace) if one.parent_id]
    assert sorted((one.parent_item, one.parent_attempt) for one in children) == [(item, 1) for item in range(8)]
    assert {one.state for one in children} == {"completed"}


def test_workflow_of_others_is_none_of_ours(
    site: Api, make_workflow: Make, foreign_workspace: Workspace, charlie: User
) -> None:
    with scope(foreign_workspace.id):
        project = project_create(workspace_id=foreign_workspace.id, name="Theirs", actor_id=charlie.id)
        foreign = workflow_create(
            workspace_id=foreign_workspace.id, project_id=project.id, name="Secret", graph=shout(), actor_id=charlie.id
        )
        publish(foreign)
    nodes = [node("words", "input.text", text="sea"), use(foreign), node("after")]
    workflow = make_workflow(graph(nodes, ("words", "text", "sub", "text"), ("sub", "text", "after", "value")))
    for path in ("runs", "estimate"):
        answer = site.http.post(f"/workflows/{workflow.id}/{path}", json={})
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["node"], error["code"]) == ("sub", "unknown-type")
        assert "Secret" not in answer.text
    checked = site.http.post(f"/workflows/{workflow.id}/validate", json={}).json()
    assert (checked["ok"], list(checked["schema"]["nodes"])) == (False, ["words", "after"])
