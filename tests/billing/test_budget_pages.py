"""Budgets and usage as pages and over the API: who sees them, what is said of bad input, and that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.billing.budgets import budget_create
from apps.billing.models import Budget
from apps.billing.services import credits_grant, credits_hold, hold_capture
from apps.billing.usage import SERIES
from apps.common.ids import uuid7
from apps.projects.services import project_create, project_trash
from apps.workspaces.models import ApiToken, TokenScope, Workspace

pytestmark = pytest.mark.django_db
C = 1_000_000
PAGE = "/w/mill/billing/budgets/"
USAGE = "/w/mill/billing/usage/"
GOOD = {"about": "workspace", "period": "month", "limit": "12.5", "alerts": "50, 100"}


@pytest.fixture
def funded(workspace: Workspace) -> UUID:
    credits_grant(workspace_id=workspace.id, amount=1000 * C, reason="x", source="test", source_id="funded")
    return workspace.id


@pytest.fixture
def admin_api(ada: User, workspace: Workspace) -> Client:
    secret = "mr_budgets"
    ApiToken.objects.for_workspace(workspace.id).create(
        workspace=workspace,
        name="Nightly",
        created_by=ada,
        digest=ApiToken.digest_of(secret),
        scopes=TokenScope.values,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    return Client(headers={"Authorization": f"Bearer {secret}"})


def limited(workspace_id: UUID, limit: int = 10 * C, **fields: Any) -> Budget:
    values = {"scope": "workspace", "target_id": None, "period": "month", **fields}
    return budget_create(workspace_id=workspace_id, limit=limit, **values)


def spent(workspace_id: UUID, amount: int, *, days_ago: int = 0, **ids: Any) -> None:
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    with patch("apps.billing.services.timezone.now", lambda: moment):
        hold = credits_hold(workspace_id=workspace_id, hold_id=uuid7(), amount=amount, description="Image", **ids)
        hold_capture(hold_id=hold.id, amount=amount, description="Image")


def test_an_admin_makes_changes_pauses_and_removes_a_budget(ada_client: Client, funded: UUID) -> None:
    assert "No budgets yet" in ada_client.get(PAGE).content.decode()
    assert ada_client.post(f"{PAGE}new/", GOOD).status_code == 302
    budget = Budget.objects.for_workspace(funded).get()
    assert (budget.limit, budget.alerts, budget.period) == (12_500_000, [50, 100], "month")
    assert ada_client.post(f"{PAGE}{budget.id}/", {"limit": "3", "alerts": ""}).status_code == 302
    assert ada_client.post(f"{PAGE}{budget.id}/pause/").status_code == 302
    budget.refresh_from_db()
    assert (budget.limit, budget.alerts, budget.active) == (3 * C, [], False)
    assert ada_client.post(f"{PAGE}{budget.id}/resume/").status_code == 302
    removed = ada_client.post(f"{PAGE}{budget.id}/remove/", follow=True).content.decode()
    assert "is removed" in removed and "Undo" in removed
    assert ada_client.post(f"{PAGE}{budget.id}/restore/").status_code == 302
    assert Budget.objects.for_workspace(funded).get().removed_at is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"limit": "0"}, "at least 0.000001 credits"),
        ({"limit": "-3"}, "at least 0.000001 credits"),
        ({"limit": "1e30"}, "less than or equal to 1000000000"),
        ({"limit": "lots"}, "Enter a number"),
        ({"about": f"project:{uuid7()}"}, "not in the workspace any more"),
        ({"about": "planet"}, "not in the workspace any more"),
        ({"period": "year"}, "Select a valid choice"),
        ({"alerts": "50, 800"}, "whole numbers from 1 to 100"),
        ({"alerts": "half"}, "whole numbers from 1 to 100"),
    ],
)
def test_bad_input_is_said_in_the_form_and_kept(
    ada_client: Client, funded: UUID, fields: dict[str, str], sentence: str
) -> None:
    response = ada_client.post(f"{PAGE}new/", {**GOOD, **fields})
    text = response.content.decode()
    assert response.status_code == 422 and sentence in text
    assert f'value="{fields.get("alerts", GOOD["alerts"])}"' in text
    assert not Budget.objects.for_workspace(funded).exists()


def test_a_second_budget_on_the_same_thing_is_refused(ada_client: Client, funded: UUID) -> None:
    limited(funded)
    response = ada_client.post(f"{PAGE}new/", GOOD)
    assert response.status_code == 422
    assert "There is a budget “Whole workspace, this month” already" in response.content.decode()


def test_somebody_elses_budget_and_project_are_not_there(
    ada_client: Client, funded: UUID, foreign_workspace: Workspace
) -> None:
    theirs = limited(foreign_workspace.id)
    for act in ("", "pause/", "resume/", "remove/", "restore/"):
        assert ada_client.post(f"{PAGE}{theirs.id}/{act}", {"limit": "1"}).status_code == 404
    project = project_create(workspace_id=foreign_workspace.id, name="Theirs", actor_id=None)
    assert ada_client.post(f"{PAGE}new/", {**GOOD, "about": f"project:{project.id}"}).status_code == 422
    assert "Theirs" not in ada_client.get(PAGE).content.decode()


def test_a_budget_outlives_its_project(ada_client: Client, alice: User, funded: UUID) -> None:
    project = project_create(workspace_id=funded, name="Film", actor_id=alice.id)
    limited(funded, scope="project", target_id=project.id)
    project_trash(project=project)
    assert "Project Film, this month" in ada_client.get(PAGE).content.decode()
    project.delete()
    assert "Project Deleted project, this month" in ada_client.get(PAGE).content.decode()


def test_editors_see_budgets_and_cannot_touch_them(bob_client: Client, funded: UUID) -> None:
    limited(funded)
    spent(funded, 9 * C)
    text = bob_client.get(PAGE).content.decode()
    assert "Whole workspace, this month" in text and "New budget" not in text
    assert "9 of 10 credits used, 1 left" in bob_client.get("/w/mill/billing/").content.decode()
    assert bob_client.post(f"{PAGE}new/", GOOD).status_code == 403


def test_budgets_over_the_api(admin_api: Client, reader: Client, funded: UUID) -> None:
    def send(method: str, path: str, body: Any) -> Any:
        return admin_api.generic(method, f"/api/v1{path}", json.dumps(body), "application/json")

    made = send("POST", "/budgets", {"scope": "run", "period": "total", "limit": 5 * C})
    assert made.status_code == 201, made.content
    path = f"/budgets/{made.json()['id']}"
    again = send("POST", "/budgets", {"scope": "run", "period": "total", "limit": 5 * C})
    assert (again.status_code, again.json()["budget"]) == (409, made.json()["id"])
    for body in (
        {"scope": "workspace", "period": "month", "limit": 0},
        {"scope": "workspace", "period": "month", "limit": "5"},
        {"scope": "planet", "period": "month", "limit": 5},
        {"scope": "project", "period": "month", "limit": 5},
        {"scope": "workspace", "period": "month", "limit": 5, "alerts": [0]},
        {"scope": "workspace", "period": "month", "limit": 5, "colour": "red"},
    ):
        assert send("POST", "/budgets", body).status_code == 422, body
    assert send("PATCH", path, {"limit": 7 * C, "active": False}).json()["limit"] == 7 * C
    (shown,) = reader.get("/api/v1/credits").json()["budgets"]
    assert (shown["limit"], shown["active"], shown["left"]) == (7 * C, False, 7 * C)
    assert reader.get("/api/v1/budgets").json()["items"][0]["title"] == "Each run"
    assert reader.delete(f"/api/v1{path}").status_code == 403
    assert admin_api.delete(f"/api/v1{path}").status_code == 204
    assert reader.get(f"/api/v1{path}").status_code == 404


def test_a_refusal_over_the_api_names_the_budget(admin_api: Client, funded: UUID) -> None:
    budget = limited(funded, C)
    body = {"model": "sandbox/image", "params": {"prompt": "a mill"}}
    refused = admin_api.post("/api/v1/generations", body, content_type="application/json")
    assert refused.status_code == 402
    problem = refused.json()
    assert (problem["type"], problem["budget"], problem["left"]) == ("/problems/budget-exceeded", str(budget.id), C)
    assert problem["needed"] == 4 * C and "Ada" in problem["detail"]


def test_usage_by_each(ada_client: Client, reader: Client, alice: User, funded: UUID) -> None:
    project = project_create(workspace_id=funded, name="Film <b>", actor_id=alice.id)
    spent(funded, 3 * C, project_id=project.id, actor_id=alice.id, model="sandbox/image")
    spent(funded, C, days_ago=8, model="sandbox/video")
    spent(funded, 50 * C, days_ago=40)
    for number in range(SERIES):
        spent(funded, 2 * C, model=f"vendor/{number}")
    page = ada_client.get(USAGE, {"by": "project"}).content.decode()
    assert "Film &lt;b&gt;" in page and "Without a project" in page and "<svg" in page
    assert "Others" in ada_client.get(USAGE, {"by": "model"}).content.decode()
    usage = reader.get("/api/v1/usage", {"by": "model"}).json()
    assert usage["total"] == 16 * C and usage["items"][0] == {
        "key": "sandbox/image",
        "name": "sandbox/image",
        "amount": 3 * C,
        "charges": 1,
    }
    days = reader.get("/api/v1/usage").json()["items"]
    assert [day["amount"] for day in days] == [15 * C, C]
    people = reader.get("/api/v1/usage", {"by": "member"}).json()["items"]
    assert {(one["name"], one["amount"]) for one in people} == {("Nobody in particular", 13 * C), ("Alice", 3 * C)}
    rows = b"".join(ada_client.get("/w/mill/billing/usage.csv", {"by": "project", "days": "90"})).decode().splitlines()
    assert len(rows) == 5 and rows[1].endswith("50.000000,1")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"since": "2026-03-02", "until": "2026-03-01"}, "lies before the first one"),
        ({"since": "2020-01-01"}, "at most 366 days"),
        ({"since": "tomorrow"}, "Enter a valid date"),
    ],
)
def test_a_range_that_cannot_be(ada_client: Client, reader: Client, asked: dict[str, str], sentence: str) -> None:
    response = ada_client.get(USAGE, asked)
    assert response.status_code == 422 and sentence in response.content.decode()
    assert reader.get("/api/v1/usage", asked).status_code == 422


@pytest.mark.parametrize("asked", [{"by": "planet"}, {"until": "0001-01-02"}, {"since": "9999-12-31"}, {"days": "x"}])
def test_an_odd_range_shows_an_empty_page(ada_client: Client, asked: dict[str, str]) -> None:
    assert ada_client.get(USAGE, asked).status_code in (200, 422)


def test_the_pages_ask_the_same_number_of_queries_at_any_length(
    ada_client: Client, alice: User, funded: UUID, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for number in range(8):
        project = project_create(workspace_id=funded, name=f"Film {number}", actor_id=alice.id)
        limited(funded, 500 * C, scope="project", target_id=project.id)
        spent(funded, C, project_id=project.id)
    with django_assert_max_num_queries(16):
        ada_client.get(PAGE)
    with django_assert_max_num_queries(12):
        ada_client.get(USAGE, {"by": "project"})
