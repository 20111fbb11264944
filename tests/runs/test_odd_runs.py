"""What people who write to the API by hand do to a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from apps.engine.node_types import NodeFailure
from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.adapters import WorkspaceAssets
from apps.runs.driver import advance
from apps.runs.models import Run, Step
from apps.runs.plans import InvalidGraph, plan_of_graph
from apps.runs.reuse import Found, Reuse
from apps.workspaces.models import Workspace
from tests.runs.calls import post
from tests.runs.graphs import chain, graph, node
from tests.runs.lanes import take_all

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[[dict[str, Any]], Workflow]
_SPLIT = graph([node("words", "input.text"), node("split", "flow.split")], ("words", "text", "split", "text"))


def test_cancel_is_heard_between_steps_that_run_in_the_driver(
    make_workflow: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = services.run_start(workflow=make_workflow(chain(4)), actor_id=None)
    calls: list[int] = []

    def slow(context: Any, inputs: Any, params: Any) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 2:
            services.run_cancel(run=Run.objects.get(id=run.id))
        return {"value": len(calls)}

    monkeypatch.setattr("apps.runs.journal.BATCH_S", 0)
    plan = plan_of_graph(run.graph_id, None)
    slowed = tuple(replace(step, type=replace(step.type, run=slow)) for step in plan.steps)
    monkeypatch.setattr("apps.runs.driver.plan_of_graph", lambda *_args: replace(plan, steps=slowed))
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert list(Step.objects.filter(run=run).order_by("position").values_list("state", flat=True)) == [
        "completed",
        "completed",
        "cancelled",
        "cancelled",
    ]


def test_a_file_that_is_not_there_is_a_failure_with_a_sentence(workspace: Workspace) -> None:
    files = WorkspaceAssets(workspace.id, None)
    ref = {"$asset": str(UUID(int=1)), "kind": "image"}
    with pytest.raises(NodeFailure, match="The file is gone"), files.asset_open(ref):
        pass
    with pytest.raises(NodeFailure, match="The file is gone"):
        files.asset_publish(ref, "")


def test_a_node_with_a_null_character_is_none(alice_api: Client, make_workflow: Make) -> None:
    workflow = make_workflow(chain(1))
    steps = f"/api/v1/runs/{services.run_start(workflow=workflow, actor_id=None).id}/steps/%00/0"
    assert alice_api.get(f"{steps}/logs").content == b""
    assert alice_api.delete(f"/api/v1/workflows/{workflow.id}/cache?node=%00").status_code == 204
    answer = alice_api.post(f"{steps}/answer", {"decision": "approve"}, content_type="application/json")
    assert answer.status_code == 404


def list_of(count: int, type_name: str, port: str) -> dict[str, Any]:
    """As many texts, each into a node of its own item."""
    return graph(
        [
            node("words", "input.text", text="\n".join(str(number) for number in range(count))),
            node("split", "flow.split"),
            node("each", type_name),
        ],
        ("words", "text", "split", "text"),
        ("split", "texts", "each", port),
    )


def test_cancel_is_heard_between_the_items_of_a_list(make_workflow: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = services.run_start(workflow=make_workflow(list_of(4, "flow.split", "text")), actor_id=None)
    calls: list[int] = []

    def slow(context: Any, inputs: Any, params: Any) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 2:
            services.run_cancel(run=Run.objects.get(id=run.id))
        return {"texts": [inputs["text"]]}

    monkeypatch.setattr("apps.runs.journal.BATCH_S", 0)
    plan = plan_of_graph(run.graph_id, None)
    steps = (*plan.steps[:2], replace(plan.steps[2], type=replace(plan.steps[2].type, run=slow)))
    monkeypatch.setattr("apps.runs.driver.plan_of_graph", lambda *_args: replace(plan, steps=steps))
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "cancelled"
    states = Step.objects.filter(run=run, node="each").order_by("item").values_list("state", flat=True)
    assert list(states) == ["completed", "completed", "cancelled", "cancelled"]


def test_a_driver_keeps_its_run_while_it_goes_through_a_long_list(
    make_workflow: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for what can be reused may take longer in all than the lease lasts."""
    document = list_of(8, "image.generate", "prompt")
    document["nodes"][2]["params"] = {"model": "sandbox/image"}
    run = services.run_start(workflow=make_workflow(document), actor_id=None, dry_run=True)
    left: list[Any] = []

    def look(reuse: Any, step: Any, item: int, inputs: Any, params: Any) -> Found:
        left.append(Run.objects.get(id=run.id).lease_until)
        return Found("00", None, "new")

    monkeypatch.setattr("apps.runs.journal.BATCH_S", 0)
    monkeypatch.setattr(Reuse, "find", look)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed"
    assert left[-8:] == sorted(set(left[-8:])), "renewed from item to item"


def test_what_has_no_place_in_a_long_list_is_not_looked_for(
    make_workflow: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = services.run_start(workflow=make_workflow(list_of(9, "test.work", "each")), actor_id=None)
    looked: list[int] = []
    find = Reuse.find

    def look(reuse: Reuse, step: Any, item: int, inputs: Any, params: Any) -> Found:
        looked.extend([item] if step.node == "each" else [])
        return find(reuse, step, item, inputs, params)

    monkeypatch.setattr("apps.runs.drive.RUN_PARALLEL", 3)
    monkeypatch.setattr(Reuse, "find", look)
    advance(run.id)
    assert looked == [0, 1, 2]
    assert take_all() == 9
    run.refresh_from_db()
    assert run.state == "completed"
    assert looked == list(range(9))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"$variable": "pause"}, "The variable pause refers to another variable. Give it a value."),
        ("soon", "Seconds must be a number."),
    ],
)
def test_a_variable_that_is_no_value_is_told(make_workflow: Make, given: Any, sentence: str) -> None:
    document = graph(
        [node("words", "input.text", text="a"), node("wait", "flow.wait", seconds={"$variable": "pause"})],
        ("words", "text", "wait", "value"),
    )
    document["variables"] = {"pause": 1}
    with pytest.raises(InvalidGraph) as refused:
        services.run_start(workflow=make_workflow(document), actor_id=None, variables={"pause": given})
    assert [(one.node, one.port, one.message) for one in refused.value.problems] == [("wait", "seconds", sentence)]


def test_a_list_stops_at_what_the_run_may_cost(funded: Workspace, make_workflow: Make) -> None:
    document = list_of(5, "image.generate", "prompt")
    document["nodes"][2]["params"] = {"model": "sandbox/image"}
    workflow = make_workflow(document)
    one = services.estimate(workflow=workflow).high // 5
    run = services.run_start(workflow=workflow, actor_id=None, max_credits=one)
    advance(run.id)
    states = Step.objects.filter(run=run, node="each").order_by("item").values_list("state", flat=True)
    assert list(states) == ["running", "failed", "skipped", "skipped", "skipped"]


@pytest.mark.parametrize(
    ("document", "body", "told"),
    [
        (chain(1), {"targets": []}, (None, None, "no-targets")),
        (graph([]), {}, (None, None, "no-nodes")),
        (graph([node("a", "input.text", **{"$pin": {"text": [{"a": 1}]}})]), {}, ("a", "$pin", "bad-param")),
        (chain(1), {"targets": ["n0"], "inputs": {"n0": {"value": 1}}}, None),
        (_SPLIT, {"inputs": {"split": {"text": {"a": 1}}}}, ("split", "text", "wrong-type")),
        (_SPLIT, {"inputs": {"split": {"text": ["a", ["b"]]}}}, ("split", "text", "wrong-type")),
        (_SPLIT, {"inputs": {"split": {"text": None}}}, ("split", "text", "wrong-type")),
        (_SPLIT, {"inputs": {"split": {"text": ["a", 5]}}}, None),
    ],
)
def test_what_cannot_run_is_said_at_once(
    alice_api: Client, make_workflow: Make, document: dict[str, Any], body: dict[str, Any], told: tuple[Any, ...] | None
) -> None:
    workflow = make_workflow(document)
    status, answer = post(alice_api, f"/workflows/{workflow.id}/runs", body)
    if told is None:
        assert status == 202
    else:
        assert (status, answer["type"]) == (422, "/problems/invalid-graph")
        (problem,) = answer["errors"]
        assert (problem["node"], problem["port"], problem["code"], problem["message"]) == (*told, answer["detail"])
        assert not Run.objects.exists()


def test_a_run_of_another_workflow_is_no_source(alice_api: Client, make_workflow: Make) -> None:
    other = services.run_start(workflow=make_workflow(chain(1)), actor_id=None)
    workflow = make_workflow(chain(1))
    status, answer = post(alice_api, f"/workflows/{workflow.id}/runs", {"from_run": str(other.id)})
    assert (status, answer["detail"]) == (422, "The run given in `from_run` is of another workflow.")
