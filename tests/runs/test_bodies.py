"""Bodies of requests: what nobody reads, and what has another type, is refused with a sentence that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.projects.models import Workflow
from tests.runs.calls import get, post
from tests.runs.graphs import chain

Make = Callable[[dict[str, Any]], Workflow]
NO_FIELD = "There is no field of this name here."
WHOLE = "This must be a whole number."


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"max_credits": "7"}, f"max_credits: {WHOLE}"),
        ({"max_credits": 7.0}, f"max_credits: {WHOLE}"),
        ({"max_credits": True}, f"max_credits: {WHOLE}"),
        ({"version": "1"}, f"version: {WHOLE}"),
        ({"dry_run": "yes"}, "dry_run: This must be true or false."),
        ({"dry_run": 1}, "dry_run: This must be true or false."),
        ({"from_node": 5}, "from_node: This must be text."),
        ({"targets": [1]}, "targets.0: This must be text."),
        ({"targets": "n0"}, "targets: This must be a list."),
        ({"variables": []}, "variables: This must be an object."),
        ({"max_credits": -1}, "max_credits: This must be at least 0."),
        ({"from_run": "x"}, "from_run: This must be an id, which is a UUID."),
        ({"max_credit": 7}, f"max_credit: {NO_FIELD}"),
        ({"dryrun": True}, f"dryrun: {NO_FIELD}"),
    ],
)
def test_a_run_is_not_started_by_guessing(
    alice_api: Client, make_workflow: Make, body: dict[str, Any], detail: str
) -> None:
    status, problem = post(alice_api, f"/workflows/{make_workflow(chain(1)).id}/runs", body)
    assert (status, problem["type"], problem["detail"]) == (422, "/problems/invalid-request", detail)
    assert [one["field"] for one in problem["fields"]] == [detail.partition(":")[0]]
    assert get(alice_api, "/runs")[1]["items"] == []


def test_ids_come_as_text(alice_api: Client, make_workflow: Make) -> None:
    path = f"/workflows/{make_workflow(chain(1)).id}/runs"
    assert post(alice_api, path, {"from_run": str(uuid4())})[0] == 404  # read, and not there
    assert post(alice_api, path, {"from_run": 7})[0] == 422
    assert post(alice_api, path, {"from_run": None})[0] == 202


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/workflows/{workflow}/estimate", {"variable": {}}),
        ("/workflows/{workflow}/estimate", {"max_credits": 7}),
        ("/workflows/{workflow}/validate", {"graphs": {}}),
        ("/workflows/{workflow}/versions", {"title": "1"}),
        ("/workflows/{workflow}/ops", {"client_id": "c", "ops": [], "seq": 1}),
        ("/runs/{run}/cancel", {"force": True}),
        ("/runs/{run}/retry", {"from_node": "n0"}),
        ("/runs/{run}/steps/n0/0/answer", {"decision": "approve", "comments": "x"}),
        ("/projects", {"name": "Sea", "colour": "blue"}),
        ("/generations", {"model": "sandbox/image", "param": {}}),
        ("/assets/uploads", {"filename": "a.png", "size": 1, "type": "image/png"}),
    ],
)
def test_what_nobody_reads_is_refused_by_name(
    alice_api: Client, make_workflow: Make, path: str, body: dict[str, Any]
) -> None:
    workflow = make_workflow(chain(1)).id
    run = post(alice_api, f"/workflows/{workflow}/runs")[1]["id"]
    status, problem = post(alice_api, path.format(workflow=workflow, run=run), body)
    assert (status, problem["type"]) == (422, "/problems/invalid-request")
    unknown = [one["field"] for one in problem["fields"] if one["code"] == "extra_forbidden"]
    assert unknown == [list(body)[-1]]


def test_no_body_and_an_empty_one_are_the_same(alice_api: Client, make_workflow: Make) -> None:
    run = post(alice_api, f"/workflows/{make_workflow(chain(1)).id}/runs")[1]["id"]
    bodies: tuple[dict[str, Any] | None, ...] = (None, {})
    assert alice_api.post(f"/api/v1/runs/{run}/cancel", b"", content_type="application/json").status_code == 202
    for body in bodies:
        assert post(alice_api, f"/runs/{run}/cancel", body)[0] == 202
        assert post(alice_api, f"/runs/{run}/retry", body)[0] in (202, 409)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"name": " "}, "name: This is empty. Fill it in."),
        ({"name": "x" * 101}, "name: This must have at most 100 characters."),
        ({"name": "a\0b"}, "name: Text must be Unicode without the null character."),
        ({"name": "a\ud800b"}, "name: Text must be Unicode without the null character."),
    ],
)
def test_a_name_that_cannot_be_one(alice_api: Client, body: dict[str, Any], detail: str) -> None:
    assert post(alice_api, "/projects", body)[1]["detail"] == detail


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/runs?limit=many", "limit: This must be a whole number."),
        ("/runs?state=done", "state: This must be one of: 'pending', 'running', 'waiting', 'completed', "),
        ("/assets?colour=blue", "colour: This must fit the pattern ^(#[0-9a-fA-F]{6})?$."),
    ],
)
def test_a_filter_that_cannot_be_one(alice_api: Client, path: str, detail: str) -> None:
    status, problem = get(alice_api, path)
    assert status == 422
    assert problem["detail"].startswith(detail)
