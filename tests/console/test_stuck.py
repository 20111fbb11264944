"""Stuck runs and paid calls: found first, and put right one or many at once, with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.billing.services import balance_get
from apps.generations.models import Generation, GenerationState
from apps.runs.models import Run
from apps.workspaces.models import Workspace
from tests.tenancy.samples import SAMPLES, Place

pytestmark = pytest.mark.django_db
RUNS = "admin:runs_run_changelist"
CALLS = "admin:generations_generation_changelist"


@pytest.fixture
def place(workspace: Workspace, alice: User) -> Place:
    return Place(workspace, alice)


def run_make(place: Place, *, quiet_min: int = 10) -> Run:
    rows = Run.objects.for_workspace(place.workspace.id)
    rows.filter(id=(run_id := SAMPLES["run_id"](place))).update(
        touched_at=timezone.now() - timedelta(minutes=quiet_min)
    )
    run: Run = rows.get(id=run_id)
    return run


def call_make(place: Place, **fields: Any) -> Generation:
    rows = Generation.objects.for_workspace(place.workspace.id)
    rows.filter(id=(call_id := SAMPLES["generation_id"](place))).update(**fields)
    call: Generation = rows.get(id=call_id)
    return call


def act(client: Client, page: str, action: str, rows: list[Any], **more: str) -> Any:
    return client.post(reverse(page), {"action": action, "_selected_action": [str(row.pk) for row in rows], **more})


def test_quiet_runs_are_listed_and_others_are_not(root_client: Client, place: Place) -> None:
    stuck, fine = run_make(place), run_make(place, quiet_min=0)
    page = root_client.get(reverse(RUNS)).content.decode()
    assert str(stuck.id) in page
    assert "Nobody has driven it" in page
    assert str(fine.id) not in page
    assert str(fine.id) in root_client.get(reverse(RUNS), {"look": "all"}).content.decode()
    assert str(fine.id) in root_client.get(reverse(RUNS), {"q": str(fine.id)}).content.decode()
    assert str(fine.id) not in root_client.get(reverse(RUNS), {"q": str(uuid4())}).content.decode()
    assert str(fine.id) in root_client.get(reverse(RUNS), {"q": "mill"}).content.decode()
    assert root_client.get(reverse("admin:runs_run_change", args=[stuck.id])).status_code == 200


def test_the_list_costs_as_many_queries_whatever_its_length(
    root_client: Client, place: Place, django_assert_num_queries: Any
) -> None:
    run_make(place)
    root_client.get(reverse(RUNS))
    with CaptureQueriesContext(connection) as one:
        root_client.get(reverse(RUNS))
    for _ in range(5):
        run_make(place)
    with django_assert_num_queries(len(one)):
        assert root_client.get(reverse(RUNS)).status_code == 200


def test_runs_are_cancelled_after_a_reason(root_client: Client, place: Place, acts: Any, audited: Any) -> None:
    runs = [run_make(place), run_make(place)]
    asked = act(root_client, RUNS, "cancel", runs)
    assert asked.status_code == 200
    assert "Reason" in asked.content.decode()
    assert act(root_client, RUNS, "cancel", runs, reason=" ").status_code == 422
    rows = Run.objects.for_workspace(place.workspace.id)
    assert not rows.exclude(cancel_requested_at=None).exists()
    assert act(root_client, RUNS, "cancel", runs, reason="Customer asked").status_code == 302
    assert rows.exclude(cancel_requested_at=None).count() == 2
    assert acts() == ["Cancelled: Customer asked"] * 2
    assert audited().count(("staff_reason", "root@example.org", "Customer asked")) == 2


def test_runs_are_woken(root_client: Client, place: Place, acts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    run = run_make(place)
    monkeypatch.setattr("apps.runs.services.advance_run.delay_on_commit", lambda *, run_id: sent.append(run_id))
    act(root_client, RUNS, "wake", [run], reason="Quiet")
    assert sent == [str(run.id)]
    assert acts() == ["Woken: Quiet"]


def test_an_unclear_call_is_given_up_and_its_hold_goes_back(root_client: Client, place: Place, acts: Any) -> None:
    call = call_make(place, state=GenerationState.UNKNOWN)
    assert "answer was lost" in root_client.get(reverse(CALLS)).content.decode()
    assert balance_get(workspace_id=place.workspace.id).held > 0
    act(root_client, CALLS, "give_up", [call], reason="Provider knows nothing")
    call.refresh_from_db()
    assert call.state == GenerationState.FAILED
    assert balance_get(workspace_id=place.workspace.id).held == 0
    assert acts() == ["Given up: Provider knows nothing"]


def test_a_call_is_asked_for_now(root_client: Client, place: Place, acts: Any) -> None:
    later = timezone.now() + timedelta(hours=1)
    call = call_make(place, state=GenerationState.RUNNING, poll_after=later, deadline_at=timezone.now())
    act(root_client, CALLS, "look", [call], reason="Late")
    call.refresh_from_db()
    assert call.poll_after <= timezone.now()
    assert acts() == ["Provider asked: Late"]


def test_what_cannot_be_done_is_said_and_the_rest_is_done(root_client: Client, place: Place, acts: Any) -> None:
    clear, unclear = call_make(place), call_make(place, state=GenerationState.UNKNOWN)
    done = root_client.post(
        reverse(CALLS) + "?look=all",
        {"action": "give_up", "_selected_action": [str(clear.pk), str(unclear.pk)], "reason": "x"},
        follow=True,
    )
    assert "Only a call whose answer was lost" in done.content.decode()
    assert acts() == ["Given up: x"]


@pytest.mark.parametrize("page", [RUNS, CALLS])
def test_only_superusers_see_and_act(helper_client: Client, alice_client: Client, place: Place, page: str) -> None:
    run = run_make(place)
    assert helper_client.get(reverse(page)).status_code == 403
    assert act(helper_client, page, "cancel", [run], reason="x").status_code == 403
    assert act(alice_client, page, "cancel", [run], reason="x").status_code == 302
    run.refresh_from_db()
    assert run.cancel_requested_at is None


def test_a_list_without_rows_says_of_which_rows(root_client: Client) -> None:
    stuck = root_client.get(reverse(CALLS)).content.decode()
    assert "Nothing is stuck" in stuck
    assert 'href="?look=all"' in stuck.partition("Nothing is stuck")[2]
    everything = root_client.get(reverse(CALLS) + "?look=all").content.decode()
    assert "Nothing is stuck" not in everything
    assert "Show everything" not in everything
