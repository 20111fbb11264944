"""What a plan says before the run, and whether the run then does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.assets.models import Asset, Blob
from apps.billing.services import balance_get
from apps.common.tenancy import scope
from apps.generations.keys import key_revoke, key_set
from apps.generations.models import Generation
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.runs import services
from apps.runs.driver import advance
from apps.runs.models import CacheEntry, Run, Step
from apps.runs.services import Part
from apps.workspaces.models import Workspace
from tests.runs.calls import post
from tests.runs.graphs import chain, graph, image, node
from tests.runs.lanes import take_all
from tests.runs.nesting import given, gives, publish, use

Make = Callable[[dict[str, Any]], Workflow]
Edges = list[tuple[str, str, str, str]]


@pytest.fixture
def plan(workspace: Any) -> Callable[..., dict[str, tuple[str, int, int]]]:
    """``plan(workflow, **part)``: action and price by node."""

    def look(
        workflow: Workflow, document: dict[str, Any] | None = None, **part: Any
    ) -> dict[str, tuple[str, int, int]]:
        with scope(workspace.id):
            found = services.estimate(workflow=workflow, document=document, part=Part(**part))
        return {step.node: (step.action.value, step.low, step.high) for step in found.steps}

    return look


def run_of(workflow: Workflow, **options: Any) -> Run:
    with scope(workflow.workspace_id):
        run = services.run_start(workflow=workflow, actor_id=None, **options)
        advance(run.id)
    return run


def test_what_runs_and_what_is_reused(make_workflow: Make, plan: Any) -> None:
    workflow = make_workflow(chain(3))
    assert set(plan(workflow).values()) == {("run", 0, 0)}
    run_of(workflow)
    assert set(plan(workflow).values()) == {("reuse", 0, 0)}
    changed = chain(3)
    changed["nodes"][1]["params"] = {"sleep_ms": 1}
    assert [action for action, _low, _high in plan(workflow, changed).values()] == ["reuse", "run", "run"]
    assert [action for action, _low, _high in plan(workflow, from_node="n1").values()] == ["reuse", "run", "run"]
    assert list(plan(workflow, targets=["n0"])) == ["n0"]


def test_the_branch_not_taken_is_known_where_the_value_is(make_workflow: Make, plan: Any) -> None:
    def branches(source: dict[str, Any], port: str) -> dict[str, Any]:
        paid = image(width=1024, height=1024)["nodes"][1]["params"]
        nodes = [source, node("if", "flow.condition", expression="value == 'sea'")]
        nodes += [node("yes", "image.generate", **paid), node("no", "image.generate", **{**paid, "seed": 2})]
        edges: Edges = [(source["id"], port, "if", "value")]
        return graph(nodes, *edges, ("if", "true", "yes", "prompt"), ("if", "false", "no", "prompt"))

    known = plan(make_workflow(branches(node("t", "input.text", text="sea"), "text")))
    assert (known["yes"], known["no"]) == (("run", 4_000_000, 4_000_000), ("skip", 0, 0))
    unknown = plan(make_workflow(branches(node("t"), "value")))
    assert unknown["yes"] == unknown["no"] == ("maybe", 0, 4_000_000)


def test_pinned_and_edited_inputs_are_known(make_workflow: Make, plan: Any) -> None:
    document = chain(3)
    document["nodes"][1]["params"] = {"$pin": {"value": 7}}
    assert [found[0] for found in plan(make_workflow(document)).values()] == ["run", "reuse", "run"]
    workflow = make_workflow(chain(2))
    run_of(workflow)
    edited = plan(workflow, inputs={"n1": {"value": 5}}, from_node="n1", targets=["n1"])
    assert [found[0] for found in edited.values()] == ["reuse", "run"]


def test_a_plan_runs_nothing_and_keeps_nothing(make_workflow: Make, plan: Any) -> None:
    workflow = make_workflow(chain(2, sleep_ms=5000))
    plan(workflow)
    assert not Run.objects.for_workspace(workflow.workspace_id).exists()
    assert not Step.objects.for_workspace(workflow.workspace_id).exists()


def test_what_would_be_written_outside_is_said(alice_api: Client, make_workflow: Make) -> None:
    document = image()
    document["nodes"].append(node("show", "output.gallery"))
    document["edges"].append(
        {"id": "s", "source": "img", "source_port": "image", "target": "show", "target_port": "asset"}
    )
    _status, answer = post(alice_api, f"/workflows/{make_workflow(document).id}/estimate")
    assert answer["steps"][2]["would"] == "It would show the file in the gallery."
    assert (answer["steps"][2]["effect"], answer["steps"][2]["action"]) == ("write", "run")


# Over HTTP: each kind of bad input


@pytest.mark.parametrize("path", ["estimate", "runs"])
@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"from_node": "nobody"}, 422, "/problems/no-such-node"),
        ({"from_node": "n0"}, 422, "/problems/no-earlier-run"),
        ({"from_run": str(uuid4())}, 404, "/problems/not-found"),
        ({"from_run": "yesterday"}, 422, "/problems/invalid-request"),
        ({"inputs": {"nobody": {"value": 1}}}, 422, "/problems/no-such-node"),
        ({"inputs": {"n0": {"nothing": 1}}}, 422, "/problems/no-such-node"),
        ({"inputs": {"n0": 1}}, 422, "/problems/invalid-request"),
        ({"inputs": []}, 422, "/problems/invalid-request"),
        ({"targets": ["n0"], "from_node": "n1"}, 422, "/problems/no-such-node"),
    ],
)
def test_bad_parts_are_refused(
    alice_api: Client, make_workflow: Make, path: str, body: dict[str, Any], status: int, problem: str
) -> None:
    workflow = make_workflow(chain(2))
    found, answer = post(alice_api, f"/workflows/{workflow.id}/{path}", body)
    assert (found, answer["type"]) == (status, problem)
    assert answer["detail"]
    assert not Run.objects.for_workspace(workflow.workspace_id).exists()


def test_foreign_run_is_no_source(
    alice_api: Client, make_workflow: Make, charlie: User, foreign_workspace: Workspace
) -> None:
    with scope(foreign_workspace.id):
        project = project_create(workspace_id=foreign_workspace.id, name="Theirs", actor_id=charlie.id)
        theirs = workflow_create(
            workspace_id=foreign_workspace.id, project_id=project.id, name="F", graph=chain(1), actor_id=charlie.id
        )
        run = services.run_start(workflow=theirs, actor_id=None)
    status, answer = post(alice_api, f"/workflows/{make_workflow(chain(1)).id}/runs", {"from_run": str(run.id)})
    assert (status, answer["type"]) == (404, "/problems/not-found")


def per_item(workflow: Workflow, client: Client) -> tuple[bool, int, dict[str, tuple[bool, int]]]:
    status, found = post(client, f"/workflows/{workflow.id}/estimate")
    assert status == 200
    return found["per_item"], found["high"], {one["node"]: (one["per_item"], one["high"]) for one in found["steps"]}


PICTURE = {"model": "sandbox/image", "width": 256, "height": 256, "seed": 1}


def test_a_list_made_in_the_run_is_priced_by_the_item(make_workflow: Make, alice_api: Client) -> None:
    nodes = [node("t", "input.text", text="sea\nwood"), node("lines", "flow.split"), node("p")]
    nodes += [node("img", "image.generate", **PICTURE), node("film", "video.generate", model="sandbox/video")]
    edges: Edges = [("t", "text", "lines", "text"), ("lines", "texts", "p", "value"), ("p", "value", "img", "prompt")]
    edges += [("img", "image", "film", "image"), ("t", "text", "film", "prompt")]
    workflow = make_workflow(graph(nodes, *edges))
    whole, high, steps = per_item(workflow, alice_api)
    assert (whole, steps["img"], steps["film"][0]) == (True, (True, 4_000_000), True)
    assert (steps["lines"], steps["p"]) == ((False, 0), (False, 0))
    assert high == steps["img"][1] + steps["film"][1]


def test_what_gives_one_value_is_not_priced_by_the_item(make_workflow: Make, alice_api: Client) -> None:
    nodes = [node("t", "input.text", text="sea"), node("p"), node("wait", "flow.wait", seconds=1)]
    nodes += [node("img", "image.generate", **PICTURE), node("film", "video.generate", model="sandbox/video")]
    edges: Edges = [("t", "text", "p", "value"), ("p", "value", "wait", "value"), ("wait", "value", "img", "prompt")]
    edges += [("img", "image", "film", "image"), ("t", "text", "film", "prompt")]
    whole, _high, steps = per_item(make_workflow(graph(nodes, *edges)), alice_api)
    assert (whole, {flag for flag, _price in steps.values()}) == (False, {False})


def test_a_length_that_is_known_is_counted_further_on(make_workflow: Make, alice_api: Client) -> None:
    def words(default: Any) -> dict[str, Any]:
        return {"id": "t", "type": "flow.input", "params": {"name": "t", "type": "json", "default": default}}

    nodes = [
        words(["a", "b", "c"]),
        node("img", "image.generate", **PICTURE),
        node("small", "image.resize", width=10, height=10),
    ]
    nodes.append(node("film", "video.generate", model="sandbox/video", seconds=2))
    edges: Edges = [("t", "value", "img", "prompt"), ("img", "image", "small", "image")]
    edges += [("small", "image", "film", "image"), ("t", "value", "film", "prompt")]
    whole, _high, steps = per_item(make_workflow(graph(nodes, *edges)), alice_api)
    one = per_item(make_workflow(graph([words("a"), *nodes[1:]], *edges)), alice_api)
    assert (whole, steps["img"]) == (False, (False, 3 * 4_000_000))
    assert steps["film"] == (False, 3 * one[2]["film"][1])


def test_a_workflow_that_pays_by_the_item_inside_says_so(make_workflow: Make, alice_api: Client) -> None:
    def within(source: str, port: str) -> tuple[bool, bool]:
        nodes = [given(), node("lines", "flow.split"), node("img", "image.generate", **PICTURE), gives("image")]
        edges: Edges = [("in-text", "value", "lines", "text"), (source, port, "img", "prompt")]
        inner = make_workflow(graph(nodes, *edges, ("img", "image", "out-image", "value")))
        with scope(inner.workspace_id):
            publish(inner)
        outer = graph([node("t", "input.text", text="sea"), use(inner)], ("t", "text", "sub", "text"))
        whole, _high, steps = per_item(make_workflow(outer), alice_api)
        return whole, steps["sub"][0]

    assert within("lines", "texts") == (True, True)
    assert within("in-text", "value") == (False, False)


def test_what_a_workflow_gives_may_be_a_list(make_workflow: Make, alice_api: Client) -> None:
    nodes = [given(), node("lines", "flow.split"), gives("texts")]
    inner = make_workflow(graph(nodes, ("in-text", "value", "lines", "text"), ("lines", "texts", "out-texts", "value")))
    with scope(inner.workspace_id):
        publish(inner)
    outer = [node("t", "input.text", text="sea"), use(inner), node("img", "image.generate", **PICTURE)]
    edges: Edges = [("t", "text", "sub", "text"), ("sub", "texts", "img", "prompt")]
    assert per_item(make_workflow(graph(outer, *edges)), alice_api)[2]["img"] == (True, 4_000_000)


def test_a_key_of_its_own_makes_it_free_of_credits_and_is_said(make_workflow: Make, alice_api: Client) -> None:
    inner = make_workflow(graph([given(), *_pictured()], ("in-text", "value", "img", "prompt"), OUT))
    with scope(inner.workspace_id):
        publish(inner)
    document = image()
    document["nodes"].append(use(inner))
    document["edges"].append({**document["edges"][0], "id": "e9", "target": "sub", "target_port": "text"})
    workflow = make_workflow(document)
    path = f"/workflows/{workflow.id}/estimate"
    _status, before = post(alice_api, path)
    assert (before["high"] > 0, before["own_keys"]) == (True, [])
    key_set(workspace_id=workflow.workspace_id, provider="sandbox", key="a-key-of-our-own", project_id=None)
    _status, told = post(alice_api, path)
    assert (told["low"], told["high"], told["own_keys"]) == (0, 0, ["sandbox"])
    assert {step["node"]: step["own_keys"] for step in told["steps"] if step["own_keys"]} == {
        "img": ["sandbox"],
        "sub": ["sandbox"],
    }
    run = run_of(workflow)
    assert run.price_high == 0, "so nothing is held"
    with scope(workflow.workspace_id):
        made = Generation.objects.filter(run_id=run.id)
        assert [(row.price_high, row.list_price > 0, row.key_id is not None) for row in made] == [(0, True, True)]


def test_a_key_of_another_project_changes_nothing(make_workflow: Make, alice_api: Client) -> None:
    workflow = make_workflow(image())
    with scope(workflow.workspace_id):
        other = project_create(workspace_id=workflow.workspace_id, name="Other", actor_id=None)
    key_set(workspace_id=workflow.workspace_id, provider="sandbox", key="a-key-of-our-own", project_id=other.id)
    _status, told = post(alice_api, f"/workflows/{workflow.id}/estimate")
    assert (told["high"] > 0, told["own_keys"]) == (True, [])


OUT = ("img", "image", "out-image", "value")


def _pictured() -> list[dict[str, Any]]:
    return [node("img", "image.generate", **PICTURE), gives("image")]


def test_a_key_removed_after_the_price_was_told_is_never_replaced_by_credits(make_workflow: Make) -> None:
    inner = make_workflow(graph([given(), *_pictured()], ("in-text", "value", "img", "prompt"), OUT))
    with scope(inner.workspace_id):
        publish(inner)
    document = image()
    document["nodes"].append(use(inner))
    document["edges"].append({**document["edges"][0], "id": "e9", "target": "sub", "target_port": "text"})
    workflow = make_workflow(document)
    workspace_id = workflow.workspace_id
    key_set(workspace_id=workspace_id, provider="sandbox", key="a-key-of-our-own", project_id=None)
    with scope(workspace_id):
        run = services.run_start(workflow=workflow, actor_id=None)
        key_revoke(workspace_id=workspace_id, provider="sandbox")
        before = balance_get(workspace_id=workspace_id)
        advance(run.id)
        for child in Run.objects.filter(parent_id=run.id):
            advance(child.id)
        said = set(Step.objects.filter(node="img", state="failed").values_list("error__message", flat=True))
        assert not Generation.objects.exists()
    (sentence,) = said
    assert sentence.startswith("Your key for Sandbox was removed after this was priced with it. Nothing was sent or")
    assert balance_get(workspace_id=workspace_id) == before


def works(split: str) -> dict[str, Any]:
    """Heavy work on each of six texts."""
    words, each = node("words", "input.text", text="\n".join("abcdef")), node("each", "test.work")
    return graph(
        [words, node(split, "flow.split"), each], ("words", "text", split, "text"), (split, "texts", "each", "each")
    )


@pytest.mark.usefixtures("inside")
def test_a_long_list_is_asked_about_at_once(
    workspace: Workspace, make_workflow: Make, django_assert_max_num_queries: Any
) -> None:
    workflow, other = make_workflow(works("split")), make_workflow(works("other"))

    def look(flow: Workflow) -> tuple[str, str]:
        with django_assert_max_num_queries(9):
            step = services.estimate(workflow=flow).steps[-1]
        return step.action.value, step.reason

    assert look(workflow) == ("run", "First run of this node")
    run = run_of(workflow)
    assert take_all() == 6
    blob = Blob.objects.create(workspace_id=workspace.id, sha256="0" * 64, size=1, kind="image", key="k")
    own = {"workspace_id": workspace.id, "blob": blob, "kind": "image", "source": "node", "size": 1, "state": "ready"}
    for item in range(6):
        picture = Asset.objects.create(filename="a.png", **own)
        made = {"value": {"$asset": str(picture.id), "kind": "image"}}
        Step.objects.filter(run=run, node="each", item=item).update(outputs=made)
    CacheEntry.objects.update(used_at=run.created_at)
    reused = ("reuse", "Reused: nothing has changed")
    assert (look(workflow), look(other)) == (reused, reused)
    assert set(CacheEntry.objects.values_list("used_at", flat=True)) == {run.created_at}, "to look is not to use"
    Asset.objects.filter(id=picture.id).update(trashed_at=timezone.now())
    gone = ("run", "A file of the earlier result is gone")
    assert (look(workflow), look(other)) == (gone, gone)
