"""The HTTP contract of runs: shapes, paging, and what is refused, with which words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.billing.services import balance_get
from apps.common.paging import cursor_encode
from apps.projects.models import Workflow
from apps.runs.driver import advance
from apps.runs.models import Run
from apps.workspaces.models import Workspace
from tests.runs.calls import get, post, started
from tests.runs.graphs import chain, graph, image, node

Make = Callable[[dict[str, Any]], Workflow]
Problems = list[dict[str, Any]]
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"


# Before a run


def test_validate(alice_api: Client, make_workflow: Make) -> None:
    status, answer = post(alice_api, f"/workflows/{make_workflow(chain(3)).id}/validate")
    assert status == 200
    assert (answer["ok"], answer["errors"], answer["order"]) == (True, [], ["n0", "n1", "n2"])
    assert answer["schema"]["nodes"]["n0"] == {"inputs": {"value": "any"}, "outputs": {"value": "any"}}


BAD_GRAPHS: list[tuple[str, dict[str, Any], Problems]] = [
    (
        "cycle",
        graph([node("a"), node("b")], ("a", "value", "b", "value"), ("b", "value", "a", "value")),
        [{"node": "a", "port": None, "code": "cycle"}, {"node": "b", "port": None, "code": "cycle"}],
    ),
    (
        "unknown type",
        graph([node("a", "no.such")]),
        [{"node": "a", "port": None, "code": "unknown-type"}],
    ),
    (
        "unknown port",
        graph([node("a"), node("b")], ("a", "nothing", "b", "value")),
        [{"node": "a", "port": "nothing", "code": "unknown-port"}],
    ),
    (
        "missing input",
        graph([node("a", "image.resize")]),
        [{"node": "a", "port": "image", "code": "missing-input"}],
    ),
    (
        "wrong types",
        graph([node("a", "input.text"), node("b", "image.resize")], ("a", "text", "b", "image")),
        [{"node": "b", "port": "image", "code": "wrong-type"}],
    ),
    (
        "two edges into one",
        graph([node("a"), node("b"), node("c")], ("a", "value", "c", "value"), ("b", "value", "c", "value")),
        [{"node": "c", "port": "value", "code": "too-many-edges"}],
    ),
    (
        "out of bounds",
        graph([node("a", sleep_ms=10_001)]),
        [{"node": "a", "port": "sleep_ms", "code": "bad-param"}],
    ),
    (
        "out of the model's bounds",
        image(width=255),
        [{"node": "img", "port": "width", "code": "bad-param"}],
    ),
    (
        "edge to nowhere",
        {"nodes": [node("a")], "edges": graph([], ("a", "value", "ghost", "value"))["edges"]},
        [{"node": "a", "port": None, "code": "unknown-node"}],
    ),
]


@pytest.mark.parametrize(("document", "errors"), [bad[1:] for bad in BAD_GRAPHS], ids=[bad[0] for bad in BAD_GRAPHS])
def test_mistakes_are_told_at_their_node_and_port(
    alice_api: Client, make_workflow: Make, document: dict[str, Any], errors: Problems
) -> None:
    workflow = make_workflow(graph([node("a")]))
    status, answer = post(alice_api, f"/workflows/{workflow.id}/validate", {"graph": document})
    assert (status, answer["ok"]) == (200, False)
    _told(answer["errors"], errors)
    for path in ("estimate", "runs"):
        status, problem = post(alice_api, f"/workflows/{workflow.id}/{path}", {"graph": document})
        assert (status, problem["type"]) == (422, "/problems/invalid-graph")
        _told(problem["errors"], errors)
    assert not Run.objects.for_workspace(workflow.workspace_id).exists()


def _told(found: Problems, errors: Problems) -> None:
    assert sorted((one["node"], one["port"], one["code"]) for one in found) == sorted(
        (one["node"], one["port"], one["code"]) for one in errors
    )
    assert all(one["message"] and one["message"][0].isupper() for one in found)


def test_a_draft_with_mistakes_is_kept_and_its_run_refused(alice_api: Client, make_workflow: Make) -> None:
    workflow = make_workflow(BAD_GRAPHS[0][1])
    assert get(alice_api, f"/workflows/{workflow.id}")[0] == 200
    status, problem = post(alice_api, f"/workflows/{workflow.id}/runs")
    assert (status, {error["code"] for error in problem["errors"]}) == (422, {"cycle"})


def test_estimate_is_the_price_per_node(alice_api: Client, make_workflow: Make) -> None:
    status, answer = post(alice_api, f"/workflows/{make_workflow(image(width=1024, height=1024)).id}/estimate")
    assert status == 200
    assert answer == {
        "low": 4_000_000,
        "high": 4_000_000,
        "per_item": False,
        "own_keys": [],
        "steps": [
            {
                "node": "words",
                "low": 0,
                "high": 0,
                "cached": False,
                "effect": "pure",
                "action": "run",
                "reason": "First run of this node",
                "would": None,
                "per_item": False,
                "own_keys": [],
            },
            {
                "node": "img",
                "low": 4_000_000,
                "high": 4_000_000,
                "cached": False,
                "effect": "paid",
                "action": "run",
                "reason": "First run of this node",
                "would": None,
                "per_item": False,
                "own_keys": [],
            },
        ],
    }
    status, only = post(alice_api, f"/workflows/{make_workflow(image()).id}/estimate", {"targets": ["words"]})
    assert (only["high"], [step["node"] for step in only["steps"]]) == (0, ["words"])


# A run


def test_run_from_start_to_end(alice_api: Client, make_workflow: Make) -> None:
    workflow = make_workflow(chain(3))
    status, first = post(alice_api, f"/workflows/{workflow.id}/runs")
    assert status == 202
    assert set(first) == {"id", "state", "url", "events"}
    assert (first["state"], first["events"]) == ("pending", f"/api/v1/runs/{first['id']}/events")
    advance(UUID(first["id"]))
    run = get(alice_api, f"/runs/{first['id']}")[1]
    assert (run["workflow"], run["version"], run["state"]) == (str(workflow.id), None, "completed")
    assert (run["cost"], run["held"], run["error"], run["last_seq"]) == (0, 0, None, 8)
    for name in ("created_at", "started_at", "finished_at"):
        assert re.match(TIME, run[name])
    listed = get(alice_api, f"/workflows/{workflow.id}/runs")[1]
    assert listed == {"items": [run], "next": None}


def test_steps_are_paged_with_those_to_come(alice_api: Client, make_workflow: Make) -> None:
    document = chain(7)
    document["nodes"][3] = node("n3", "flow.wait", seconds=600)
    run = started(alice_api, make_workflow(document))
    names = [f"n{number}" for number in range(7)]
    assert _walk(alice_api, run) == [(name, "pending") for name in names]
    advance(UUID(run))
    states = ["completed"] * 3 + ["waiting"] + ["pending"] * 3
    assert _walk(alice_api, run) == list(zip(names, states, strict=True))
    step = get(alice_api, f"/runs/{run}/steps?limit=1")[1]["items"][0]
    assert set(step) == {
        "node", "item", "type", "state", "attempt", "cached", "cache_reason", "started_at", "finished_at",
        "attempts", "again_at", "request", "run", "inputs", "outputs", "cost", "error", "logs_url",
    }  # fmt: skip
    assert (step["item"], step["type"], step["attempt"], step["outputs"]) == (0, "test.pass", 1, {"value": None})
    assert re.match(TIME, step["started_at"])
    logs = alice_api.get(step["logs_url"])
    assert (logs.status_code, logs["Content-Type"]) == (200, "text/plain; charset=utf-8")


def _walk(client: Client, run: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(client, f"/runs/{run}/steps?limit=2{cursor and f'&cursor={cursor}'}")[1]
        assert len(page["items"]) <= 2
        found += [(step["node"], step["state"]) for step in page["items"]]
        cursor = page["next"]
    return found


def test_events_as_json(alice_api: Client, make_workflow: Make) -> None:
    run = started(alice_api, make_workflow(chain(2)))
    advance(UUID(run))
    page = get(alice_api, f"/runs/{run}/events?format=json")[1]
    kinds = ["run_started", *["step_started", "step_succeeded"] * 2, "run_finished"]
    assert [(event["seq"], event["kind"]) for event in page["items"]] == list(enumerate(kinds, 1))
    assert page["next"] is None
    assert all(re.match(TIME, event["at"]) for event in page["items"])
    assert page["items"][2].items() >= {"node": "n0", "item": 0, "state": "completed", "attempt": 1}.items()
    rest = get(alice_api, f"/runs/{run}/events?format=json&after=4")[1]["items"]
    assert rest == page["items"][4:]
    first = get(alice_api, f"/runs/{run}/events?format=json&limit=4")[1]
    assert (first["items"], first["next"]) == (page["items"][:4], "4")
    assert get(alice_api, f"/runs/{run}/events?format=json&cursor=4")[1] == {"items": rest, "next": None}
    assert get(alice_api, f"/runs/{run}/events?format=json&cursor=x")[0] == 422


def test_cancel_and_retry(alice_api: Client, make_workflow: Make) -> None:
    nodes = [node("n", "input.number", number=1), node("wait", "flow.wait", seconds=600)]
    run = started(alice_api, make_workflow(graph(nodes, ("n", "number", "wait", "value"))))
    assert post(alice_api, f"/runs/{run}/retry")[0] == 409
    advance(UUID(run))
    assert post(alice_api, f"/runs/{run}/cancel")[0] == 202
    advance(UUID(run))
    assert get(alice_api, f"/runs/{run}")[1]["state"] == "cancelled"
    assert post(alice_api, f"/runs/{run}/cancel")[1]["state"] == "cancelled"  # too late, and harmless
    status, again = post(alice_api, f"/runs/{run}/retry")
    assert (status, again["state"]) == (202, "pending")
    advance(UUID(again["id"]))
    steps = {step["node"]: step for step in get(alice_api, f"/runs/{again['id']}/steps")[1]["items"]}
    assert (steps["n"]["state"], steps["n"]["cached"]) == ("cached", True)
    assert run in steps["n"]["cache_reason"]
    assert steps["wait"]["state"] == "waiting"


def test_retry_of_what_is_in_the_trash(alice_api: Client, make_workflow: Make) -> None:
    workflow = make_workflow(chain(1, fail_times=1))
    run = started(alice_api, workflow)
    advance(UUID(run))
    assert alice_api.delete(f"/api/v1/workflows/{workflow.id}").status_code == 204
    status, problem = post(alice_api, f"/runs/{run}/retry")
    assert (status, problem["type"]) == (409, "/problems/workflow-trashed")
    assert post(alice_api, f"/workflows/{workflow.id}/restore")[0] == 200
    assert post(alice_api, f"/runs/{run}/retry")[0] == 202


def test_same_idempotency_key_is_one_run(alice_api: Client, make_workflow: Make) -> None:
    path = f"/workflows/{make_workflow(image()).id}/runs"
    key = {"Idempotency-Key": "once"}
    first = post(alice_api, path, None, **key)
    assert first[0] == 202
    assert post(alice_api, path, None, **key) == first
    assert post(alice_api, path, {"max_credits": 9_000_000}, **key)[0] == 409
    assert len(get(alice_api, "/runs")[1]["items"]) == 1


def test_a_run_that_costs_more_than_was_shown_does_not_start(alice_api: Client, make_workflow: Make) -> None:
    workflow = make_workflow(image())
    shown = post(alice_api, f"/workflows/{workflow.id}/estimate")[1]["high"]
    path = f"/workflows/{workflow.id}/runs"
    status, problem = post(alice_api, path, {"agreed_credits": shown - 1})
    assert (status, problem["type"], problem["price"]["high"]) == (409, "/problems/price-risen", shown)
    assert get(alice_api, "/runs")[1]["items"] == []
    assert post(alice_api, path, {"agreed_credits": 1_000_000, "max_credits": 1_000_000})[0] == 202, "no more is held"
    assert post(alice_api, path, {"agreed_credits": shown})[0] == 202


# What is refused


def test_limits_on_money(alice_api: Client, make_workflow: Make, funded: Workspace) -> None:
    films = [node(f"f{i}", "video.generate", model="sandbox/video", seconds=10) for i in range(3)]
    edges = [("words", "text", f"f{i}", "prompt") for i in range(3)]
    dear = make_workflow(graph([node("words", "input.text", text="sea"), *films], *edges))
    status, problem = post(alice_api, f"/workflows/{dear.id}/runs")
    assert (status, problem["type"], problem["missing"]) == (402, "/problems/insufficient-credits", 50_000_000)
    assert balance_get(workspace_id=funded.id).held == 0
    assert not Run.objects.for_workspace(funded.id).exists()


@pytest.mark.parametrize("path", ["validate", "estimate", "runs"])
def test_too_large(alice_api: Client, make_workflow: Make, path: str) -> None:
    workflow = make_workflow(chain(1))
    many = {"graph": {"nodes": [{"id": f"n{i}", "type": "test.pass"} for i in range(10_001)]}}
    status, problem = post(alice_api, f"/workflows/{workflow.id}/{path}", many)
    assert (status, problem["errors"][0]["code"]) == (422, "too-large")
    assert "10,000" in problem["detail"]
    for size in (5 * 1024 * 1024, 7 * 1024 * 1024):
        huge = {"graph": graph([node("a", "input.text", text="x" * size)])}
        status, problem = post(alice_api, f"/workflows/{workflow.id}/{path}", huge)
        assert status == 413
        assert "5 MB" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"graph": []}, "invalid-request"),
        ({"graph": {"nodes": [{"id": "a b", "type": "test.pass"}]}}, "malformed-graph"),
        ({"graph": {"format": "other/9"}}, "malformed-graph"),
        ({"graph": {"nodes": [node("a"), node("a")]}}, "malformed-graph"),
        ({"graph": chain(1), "version": 1}, "version-or-graph"),
        ({"targets": ["ghost"]}, "invalid-graph"),
        ({"targets": "n0"}, "invalid-request"),
        ({"max_credits": -1}, "invalid-request"),
        ({"max_credits": 2**63}, "invalid-request"),
        ({"variables": {"v": float("nan")}}, "invalid-request"),
        ({"variables": {"v": ["\0"]}}, "invalid-request"),
        ({"variables": {"\ud800": 1}}, "invalid-request"),
        ({"variables": {"v": json.loads("[" * 200 + "]" * 200)}}, "invalid-request"),
        ({"inputs": {"n0": {"value": json.loads("[" * 101 + "]" * 101)}}}, "invalid-request"),
        ({"graph": {"nodes": [node("a", "input.text", text=json.loads("[" * 300 + "]" * 300))]}}, "malformed-graph"),
    ],
)
def test_malformed_requests(alice_api: Client, make_workflow: Make, body: dict[str, Any], code: str) -> None:
    status, problem = post(alice_api, f"/workflows/{make_workflow(chain(1)).id}/runs", body)
    assert (status, problem["type"]) == (422, f"/problems/{code}")
    assert get(alice_api, "/runs")[1]["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=nonsense", "cursor=W10"])
def test_malformed_paging(alice_api: Client, make_workflow: Make, query: str) -> None:
    run = started(alice_api, make_workflow(chain(1)))
    for path in ("/runs", f"/runs/{run}/steps", "/node-types", "/models"):
        assert get(alice_api, f"{path}?{query}")[0] == 422


def test_cursors_of_other_lists_are_refused(alice_api: Client, make_workflow: Make) -> None:
    run = started(alice_api, make_workflow(chain(1)))
    odd: list[list[Any]] = [["a", "b"], [None, None], [1e40, 1], [{}, []], [0, 2**40]]
    for values in odd:
        assert get(alice_api, f"/runs/{run}/steps?cursor={cursor_encode(values)}")[0] == 422


def test_events_asked_for_oddly(alice_api: Client, make_workflow: Make) -> None:
    run = started(alice_api, make_workflow(chain(1)))
    assert get(alice_api, f"/runs/{run}/events?format=xml")[0] == 422
    # A superscript is a digit to Python, but no number.
    for last in ("\u00b2", "9" * 30, "9" * 5000):
        answer = alice_api.get(f"/api/v1/runs/{run}/events?format=json", headers={"Last-Event-ID": last})
        assert answer.status_code == 200
    for cursor in ("9" * 19, "9" * 5000, "-1"):
        assert get(alice_api, f"/runs/{run}/events?format=json&cursor={cursor}")[0] == 422


def test_what_is_not_yours_is_not_there(
    alice_api: Client, api: Callable[..., Client], token_for: Callable[..., str], make_workflow: Make,
    charlie: User, foreign_workspace: Workspace,
) -> None:  # fmt: skip
    workflow = make_workflow(chain(1))
    run = started(alice_api, workflow)
    stranger = api(token_for(charlie, foreign_workspace))
    for verb, path in [
        (get, "/runs/{run}"),
        (get, "/runs/{run}/steps"),
        (get, "/runs/{run}/steps/n0/0/logs"),
        (get, "/runs/{run}/events"),
        (get, "/runs/{run}/events?format=json"),
        (post, "/runs/{run}/cancel"),
        (post, "/runs/{run}/retry"),
        (get, "/workflows/{workflow}/runs"),
        (post, "/workflows/{workflow}/runs"),
        (post, "/workflows/{workflow}/validate"),
        (post, "/workflows/{workflow}/estimate"),
    ]:
        foreign = verb(stranger, path.format(run=run, workflow=workflow.id))
        unknown = verb(alice_api, path.format(run=uuid4(), workflow=uuid4()))
        assert foreign == unknown, path
        assert foreign[0] == 404, path
    assert get(stranger, "/runs")[1]["items"] == []
    assert get(alice_api, f"/runs/{run}")[1]["state"] == "pending"


def test_who_may_run(
    alice_api: Client, api: Callable[..., Client], token_for: Callable[..., str], make_workflow: Make,
    alice: User, victor: User, workspace: Workspace,
) -> None:  # fmt: skip
    path = f"/workflows/{make_workflow(chain(1)).id}/runs"
    viewer = api(token_for(victor, workspace))
    reader = api(token_for(alice, workspace, scopes=["read", "projects:write"]))
    late = api(token_for(alice, workspace, days=-1))
    assert post(viewer, path)[0] == 403
    status, problem = post(reader, path)
    assert (status, problem["type"]) == (403, "/problems/forbidden")
    assert "runs:write" in problem["detail"]
    assert get(reader, "/runs") == (200, {"items": [], "next": None})
    for nobody in (late, api("mr_nobody"), Client()):
        assert post(nobody, path)[0] == 401
        assert get(nobody, "/runs")[0] == 401
