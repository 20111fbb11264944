"""Generations over HTTP: what is answered, what is refused, and that a list costs the same however long it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import User
from apps.common.paging import cursor_encode
from apps.generations.models import Generation
from apps.generations.services import generation_start
from apps.projects.services import project_create
from apps.workspaces.models import Workspace
from tests.generations.conftest import PRICE_HIGH, look, money, send
from tests.generations.vendor import Vendor

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]
Api = Callable[..., Client]
URL = "/api/v1/generations"


def post(client: Client, url: str = URL, body: dict[str, Any] | None = None, **headers: str) -> Any:
    """JSON."""
    return client.post(url, body or {}, content_type="application/json", headers=headers)


def image(**params: Any) -> dict[str, Any]:
    """A body."""
    return {"model": "sandbox/image", "params": {"prompt": "a lighthouse", **params}}


def test_generation_create_answers_202_and_holds(api: Api, alice: User, rich: Workspace) -> None:
    answer = post(api(alice, rich), body=image(seed=7))
    body = answer.json()
    assert answer.status_code == 202
    assert (body["state"], body["seed"], body["price"], body["cost"]) == (
        "prepared",
        7,
        {"low": PRICE_HIGH, "high": PRICE_HIGH},
        0,
    )
    assert body["created_at"].endswith("Z")
    assert len(body["created_at"]) == len("2026-11-20T12:00:00.123456Z")
    assert api(alice, rich, "read").get(body["url"]).json()["id"] == body["id"]
    assert money(rich) == (0, PRICE_HIGH)


def test_generation_create_of_another_projects_is_refused(api: Api, alice: User, rich: Workspace) -> None:
    answer = post(api(alice, rich), body={**image(), "project": str(uuid4())})
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "project")
    project = project_create(workspace_id=rich.id, name="P", actor_id=alice.id)
    answer = post(api(alice, rich, "generations:write"), body={**image(), "project": str(project.id)})
    assert (answer.status_code, answer.json()["project"]) == (202, str(project.id))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (image(width=100_000), "width"),
        (image(width="wide"), "width"),
        (image(colour="red"), "colour"),
        ({"model": "sandbox/image", "params": {}}, "prompt"),
        ({"model": "no/such", "params": {"prompt": "x"}}, "model"),
        ({**image(), "inputs": {"image": "00000000-0000-7000-8000-000000000000"}}, "image"),
        ({**image(), "model": "sandbox/video", "inputs": {"image": "00000000-0000-7000-8000-000000000000"}}, "image"),
        ({**image(), "inputs": {"clip": "00000000-0000-7000-8000-000000000000"}}, "clip"),
        (image(style="\ud800"), "params"),
    ],
)
def test_bad_settings_are_named(api: Api, alice: User, rich: Workspace, body: dict[str, Any], field: str) -> None:
    answer = post(api(alice, rich), body=body)
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert [problem["field"] for problem in answer.json()["fields"]] == [field]
    assert money(rich) == (0, 0)


def test_not_enough_credits_is_402_with_what_is_missing(api: Api, alice: User, workspace: Workspace) -> None:
    answer = post(api(alice, workspace), body=image())
    assert (answer.status_code, answer.json()["missing"]) == (402, PRICE_HIGH)
    assert Generation.objects.for_workspace(workspace.id).count() == 0


def test_more_than_was_agreed_to_is_409_with_the_price(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    answer = post(client, body={**image(), "agreed_credits": 3_999_999})
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, "/problems/price-risen")
    assert problem["price"]["high"] == 4_000_000
    assert "the price shown was" in problem["detail"]
    both = {**image(), "compare": {"seeds": 2}, "agreed_credits": 7_999_999}
    assert post(client, body=both).json()["price"]["high"] == 8_000_000
    assert Generation.objects.for_workspace(rich.id).count() == 0
    assert post(client, body={**both, "agreed_credits": 8_000_000}).status_code == 202
    assert post(client, body={**image(), "agreed_credits": -1}).status_code == 422


def test_same_idempotency_key_is_answered_again(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    first = post(client, body=image(), **{"Idempotency-Key": "once"})
    again = post(client, body=image(), **{"Idempotency-Key": "once"})
    other = post(client, body=image(width=512), **{"Idempotency-Key": "once"})
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert other.status_code == 409
    assert money(rich) == (0, PRICE_HIGH)


def test_generation_list_filters_and_pages(api: Api, alice: User, rich: Workspace, start: Start) -> None:
    rows = [start(params={"prompt": f"ship {number}"}) for number in range(5)]
    start(model="sandbox/text", params={"prompt": "words"})
    client = api(alice, rich, "read")
    first = client.get(URL, {"model": "sandbox/image", "limit": "3"}).json()
    second = client.get(URL, {"model": "sandbox/image", "limit": "3", "cursor": str(first["next"])}).json()
    found = [item["id"] for item in first["items"] + second["items"]]
    assert (found, second["next"]) == ([str(row.id) for row in reversed(rows)], None)
    assert [item["prompt"] for item in client.get(URL, {"q": "SHIP 3"}).json()["items"]] == ["ship 3"]
    assert len(client.get(URL, {"kind": "text"}).json()["items"]) == 1
    assert len(client.get(URL, {"state": "live"}).json()["items"]) == 6
    assert client.get(URL, {"state": "succeeded"}).json()["items"] == []
    assert client.get(URL, {"state": "nonsense"}).status_code == 422
    for values in ("nonsense", cursor_encode(["nonsense", "here"]), cursor_encode([rows[0].created_at, 5.5])):
        assert client.get(URL, {"cursor": values}).status_code == 422


def test_generation_list_costs_the_same_for_many(
    api: Api,
    alice: User,
    rich: Workspace,
    start: Start,
    vendor: Vendor,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = api(alice, rich, "read")
    client.get(URL)
    for _ in range(4):
        vendor.jobs.clear()
        row = send(start())
        vendor.finish()
        look(row)
    with django_assert_num_queries(3):  # token with membership, rows, outputs
        items = client.get(URL).json()["items"]
    assert [len(item["outputs"]) for item in items] == [1, 1, 1, 1]
    assert items[0]["outputs"][0]["url"].startswith("http")


def test_generation_cancel_and_give_up(api: Api, alice: User, rich: Workspace, start: Start, vendor: Vendor) -> None:
    client = api(alice, rich)
    row = start()
    answer = post(client, f"{URL}/{row.id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert post(client, f"{URL}/{row.id}/give-up").status_code == 409
    vendor.fault = "lost-before"
    lost = send(start())
    assert post(client, f"{URL}/{lost.id}/give-up").json()["error_code"] == "given_up"


def test_what_is_not_yours_does_not_exist(
    api: Api, alice: User, rich: Workspace, start: Start, foreign_workspace: Workspace, charlie_client: Client
) -> None:
    row = start()
    charlie = User.objects.get(email="charlie@example.org")
    client = api(charlie, foreign_workspace)
    assert client.get(f"{URL}/{row.id}").status_code == 404
    assert client.get(f"{URL}/{row.id}").json() == client.get(f"{URL}/{uuid4()}").json()
    assert post(client, f"{URL}/{row.id}/cancel").status_code == 404
    assert post(client, f"{URL}/{row.id}/give-up").status_code == 404
    assert client.get(URL).json()["items"] == []
    assert Client().get(URL).status_code == 401


def test_a_token_that_only_reads_changes_nothing(api: Api, alice: User, rich: Workspace, start: Start) -> None:
    client = api(alice, rich, "read")
    assert post(client, body=image()).status_code == 403
    assert post(client, f"{URL}/{start().id}/cancel").status_code == 403


def test_a_file_of_another_workspace_is_no_input(
    api: Api, alice: User, rich: Workspace, start: Start, vendor: Vendor, foreign_workspace: Workspace
) -> None:
    row = send(start())
    vendor.finish()
    look(row)
    with pytest.raises(Exception, match="not a file of this workspace"):
        generation_start(
            workspace_id=foreign_workspace.id,
            project_id=None,
            model="sandbox/video",
            params={"prompt": "x"},
            inputs={"image": row.outputs[0]},
        )


def test_generation_create_names_every_mistake(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    body = {"model": "sandbox/edit", "params": {"strength": 7, "wings": 2}, "inputs": {"sound": str(uuid4())}}
    answer = post(client, body=body)
    assert answer.status_code == 422
    said = {one["field"]: one["message"] for one in answer.json()["fields"]}
    assert set(said) == {"strength", "wings", "prompt", "images", "sound"}
    assert said["strength"] == "Strength must lie between 0 and 1."
    gone = post(client, body={**image(), "fallbacks": ["sandbox/text"]})
    assert gone.json()["fields"] == [
        {"field": "fallbacks", "message": "Sandbox text cannot stand in for Sandbox image: it does something else."}
    ]


def test_generation_shows_words_usage_and_route(api: Api, alice: User, rich: Workspace, start: Start) -> None:
    row = start()
    hop = {"model": "a/b", "code": "rate_limited", "message": "Busy", "at": "2026-11-20T12:00:00+00:00"}
    Generation.objects.for_workspace(rich.id).filter(id=row.id).update(
        text="The sea", usage={"token_out": 2}, route=[hop], model_version=3
    )
    body = api(alice, rich).get(f"{URL}/{row.id}").json()
    assert (body["text"], body["usage"], body["model_version"]) == ("The sea", {"token_out": 2}, 3)
    assert (body["route"][0]["model"], body["route"][0]["asked"], body["fallbacks"]) == ("a/b", None, [])


def test_model_list_by_kind_and_capability(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    videos = client.get("/api/v1/models?kind=video&limit=1000").json()["items"]
    assert {model["kind"] for model in videos} == {"video"}
    extending = client.get("/api/v1/models?capability=video-extend&limit=1000").json()["items"]
    assert "sandbox/extend" in [model["id"] for model in extending]
    assert all("video-extend" in model["capabilities"] for model in extending)
    assert client.get("/api/v1/models", {"capability": "flying"}).status_code == 422
