"""Comparing without a graph: started all or none, read together, voted for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.billing.budgets import budget_create
from apps.billing.models import Hold
from apps.billing.services import credits_grant
from apps.generations.models import Generation
from apps.workspaces.models import ApiToken, Workspace
from tests.generations.conftest import PRICE_HIGH, money
from tests.generations.test_api import image, post

pytestmark = pytest.mark.django_db
Api = Callable[..., Client]


def compared(client: Client, compare: dict[str, Any], **more: Any) -> Any:
    return post(client, body={**image(seed=3), "compare": compare}, **more)


def test_each_seed_is_a_generation_and_all_are_one_comparison(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    answer = compared(client, {"seeds": 3}, **{"Idempotency-Key": "dunes"})
    body = answer.json()
    assert answer.status_code == 202, body
    assert [each["differs"] for each in body["items"]] == [{"seed": 3}, {"seed": 4}, {"seed": 5}]
    assert money(rich) == (0, 3 * PRICE_HIGH)
    again = compared(client, {"seeds": 3}, **{"Idempotency-Key": "dunes"}).json()
    assert again == body
    assert Generation.objects.for_workspace(rich.id).count() == 3
    found = client.get(body["url"]).json()
    assert [each["generation"] for each in found["items"]] == [each["generation"] for each in body["items"]]
    assert client.get(f"/api/v1/comparisons/{uuid4()}").status_code == 404


def test_swept_values_share_one_seed_and_another_model_gets_what_it_takes(
    api: Api, alice: User, rich: Workspace
) -> None:
    body = post(
        api(alice, rich),
        body={"model": "sandbox/image", "params": {"prompt": "sea"}, "compare": {"sweep": {"width": [256, 512]}}},
    ).json()
    rows = Generation.objects.for_workspace(rich.id).order_by("item")
    assert [row.params["width"] for row in rows] == [256, 512]
    assert len({row.seed for row in rows}) == 1
    assert [each["differs"] for each in body["items"]] == [{"width": 256}, {"width": 512}]


@pytest.mark.parametrize(
    ("compare", "sentence"),
    [
        ({}, "Say what to compare: models, seeds, or values of a parameter."),
        ({"seeds": 65}, "These are 65 variants; at most 64 can be compared."),
        ({"models": ["sandbox/image", "nobody/nothing"]}, "nobody/nothing: There is no model “nobody/nothing”."),
        ({"sweep": {"width": [256, 9]}}, "width 9: Width must lie between 256 and 2,048."),
        ({"seeds": [1, 1]}, "Each entry of a list to compare may be there once."),
        ({"models": ["sandbox/image"] * 2}, "Each entry of a list to compare may be there once."),
        ({"sweep": {"seed": [1, 2]}}, "“seed” has a list of its own here. Take it out of the values."),
    ],
)
def test_one_that_cannot_be_leaves_none(
    api: Api, alice: User, rich: Workspace, compare: dict[str, Any], sentence: str
) -> None:
    answer = compared(api(alice, rich), compare)
    assert (answer.status_code, answer.json()["detail"]) == (422, sentence)
    assert not Generation.objects.for_workspace(rich.id).exists()
    assert money(rich)[1] == 0


def test_too_few_credits_for_all_starts_none(api: Api, alice: User, workspace: Workspace) -> None:
    ids: dict[str, Any] = {"workspace_id": workspace.id, "source_id": "two"}
    credits_grant(amount=2 * PRICE_HIGH, reason="test", source="test", **ids)
    answer = compared(api(alice, workspace), {"seeds": 4})
    told = answer.json()
    assert (answer.status_code, told["needed"], told["available"]) == (402, 4 * PRICE_HIGH, 2 * PRICE_HIGH)
    assert told["detail"] == (
        "This needs 16 credits, but only 8 credits can be spent: 8 credits missing. Buy credits under Billing."
    )
    assert not Generation.objects.for_workspace(workspace.id).exists()
    assert money(workspace)[1] == 0


def test_too_small_a_budget_for_all_starts_none_and_says_what_all_need(api: Api, alice: User, rich: Workspace) -> None:
    budget_create(workspace_id=rich.id, scope="workspace", target_id=None, period="month", limit=2 * PRICE_HIGH)
    answer = compared(api(alice, rich), {"seeds": 4})
    told = answer.json()
    assert (answer.status_code, told["needed"], told["left"]) == (402, 4 * PRICE_HIGH, 2 * PRICE_HIGH)
    assert "This needs 16 credits, but the budget" in told["detail"]
    assert money(rich) == (0, 0)


def test_only_what_was_made_gets_votes(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    first, second = compared(client, {"seeds": 2}).json()["items"]
    answer = post(client, f"{first['url']}/vote")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "This variant made nothing, so it cannot be voted for.",
    )
    Generation.objects.for_workspace(rich.id).filter(id=second["generation"]).update(state="succeeded")
    assert post(client, f"{second['url']}/vote").json() == {"votes": 1, "voted": True}
    assert post(client, f"{second['url']}/vote", {"vote": False}).json() == {"votes": 0, "voted": False}


def test_a_comparison_takes_no_fallbacks(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    answer = post(client, body={**image(seed=3), "compare": {"seeds": 2}, "fallbacks": ["sandbox/image"]})
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "fallbacks")
    assert money(rich)[1] == 0


def test_what_is_compared_counts_for_the_token_that_asked(api: Api, alice: User, rich: Workspace) -> None:
    assert compared(api(alice, rich), {"seeds": 2}).status_code == 202
    holds = Hold.objects.for_workspace(rich.id)
    assert holds.count() == 2
    assert {hold.token_id for hold in holds} == {ApiToken.objects.for_workspace(rich.id).get().id}


def test_long_keys_and_keys_like_those_of_variants_are_not_mixed_up(api: Api, alice: User, rich: Workspace) -> None:
    client = api(alice, rich)
    for key in ("k" * 254 + "1", "k" * 254 + "2", "pair"):
        assert compared(client, {"seeds": 2}, **{"Idempotency-Key": key}).status_code == 202
    assert post(client, body=image(seed=9), **{"Idempotency-Key": "pair#0"}).json()["seed"] == 9
    assert Generation.objects.for_workspace(rich.id).count() == 7
