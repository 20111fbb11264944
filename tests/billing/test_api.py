from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.billing.services import (
    credits_clawback,
    credits_freeze,
    credits_grant,
    credits_hold,
    hold_capture,
    hold_close,
    hold_release,
    hold_split,
)
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db
C = 1_000_000


@pytest.fixture
def run_id(workspace: Workspace) -> str:
    """A run that held 30, was charged 4 for one step and nothing for another, and holds 6 yet."""
    run_id, ids = uuid7(), [uuid7() for _ in range(3)]
    credits_grant(workspace_id=workspace.id, amount=100 * C, reason="Welcome", source="test", source_id="1")
    credits_hold(workspace_id=workspace.id, hold_id=run_id, amount=30 * C, description="Run", run_id=run_id)
    for hold_id in ids:
        hold_split(parent_id=run_id, hold_id=hold_id, amount=6 * C, description="Image")
    hold_capture(hold_id=ids[0], amount=4 * C, description="sandbox/image: a lighthouse")
    hold_release(hold_id=ids[1])
    hold_close(hold_id=run_id)
    return str(run_id)


def get(client: Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return response.json()


def test_me(reader: Client, workspace: Workspace, run_id: str) -> None:
    answer = get(reader, "/api/v1/me")
    assert answer["workspace"] == {"id": str(workspace.id), "slug": "mill", "name": "Mill"}
    assert (answer["user"]["email"], answer["role"], answer["scopes"]) == ("alice@example.org", "owner", ["read"])
    assert (answer["balance"], answer["held"]) == (96 * C, 6 * C)


def test_credits(reader: Client, run_id: str) -> None:
    answer = get(reader, "/api/v1/credits")
    [lot] = answer.pop("lots")
    assert (lot["kind"], lot["amount"], lot["remaining"], lot["expires_at"]) == ("granted", 100 * C, 96 * C, None)
    assert answer == {
        "balance": 96 * C,
        "held": 6 * C,
        "available": 90 * C,
        "owed": 0,
        "disputed": 0,
        "budgets": [],
    }


def test_what_went_back_is_owed_or_set_aside(reader: Client, workspace: Workspace, run_id: str) -> None:
    credits_freeze(workspace_id=workspace.id, amount=10 * C, source="t", source_id="1", description="Contested")
    credits_clawback(workspace_id=workspace.id, amount=100 * C, source="t", source_id="2", description="Refund")
    answer = get(reader, "/api/v1/credits")
    assert (answer["available"], answer["owed"], answer["disputed"]) == (0, 20 * C, 10 * C)
    refund = get(reader, "/api/v1/credits/entries?kind=refund")["items"][0]
    assert (refund["amount"], refund["asked"]) == (-80 * C, 100 * C)
    assert [(part["kind"], part["amount"]) for part in refund["lots"]] == [("granted", -80 * C)]


def test_entries_page_by_page(reader: Client, run_id: str) -> None:
    items, path = [], "/api/v1/credits/entries?limit=2"
    while path:
        answer = get(reader, path)
        items += answer["items"]
        path = f"/api/v1/credits/entries?limit=2&cursor={answer['next']}" if answer["next"] else ""
    assert [(i["kind"], i["amount"], i["balance_after"], i["returned"]) for i in items] == [
        ("release", 0, 96 * C, 6 * C),
        ("capture", -4 * C, 96 * C, 2 * C),
        ("grant", 100 * C, 100 * C, 0),
    ]
    assert items[1]["description"] == "sandbox/image: a lighthouse"
    assert items[1]["run"] == run_id
    assert items[1]["generation"]
    assert items[2]["run"] is None


def test_entries_of_a_kind_or_a_run(reader: Client, run_id: str) -> None:
    assert len(get(reader, "/api/v1/credits/entries?kind=capture")["items"]) == 1
    assert len(get(reader, f"/api/v1/credits/entries?run={run_id}")["items"]) == 2
    assert get(reader, f"/api/v1/credits/entries?run={uuid7()}")["items"] == []


@pytest.mark.parametrize("query", ["cursor=nonsense", "limit=0", "limit=1001", "kind=theft", "run=7", "cursor=WyJ4Il0"])
def test_bad_questions_are_problems(reader: Client, run_id: str, query: str) -> None:
    response = reader.get(f"/api/v1/credits/entries?{query}")
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["me", "credits", "credits/entries"])
def test_nobody_and_strangers(path: str, workspace: Workspace, charlie_client: Client, victor_client: Client) -> None:
    assert Client().get(f"/api/v1/{path}").status_code == 401
    headers = {"Millrace-Workspace": workspace.slug}
    assert charlie_client.get(f"/api/v1/{path}", headers=headers).status_code == 404
    assert victor_client.get(f"/api/v1/{path}", headers=headers).status_code == 200


def test_a_foreign_ledger_stays_empty(charlie_client: Client, foreign_workspace: Workspace, run_id: str) -> None:
    response = charlie_client.get("/api/v1/credits/entries", headers={"Millrace-Workspace": foreign_workspace.slug})
    assert response.json() == {"items": [], "next": None}
