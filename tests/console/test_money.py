from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.billing.models import Account, Entry, Hold, LedgerTransaction
from apps.billing.services import Balance, balance_get, credits_grant, credits_hold, hold_capture
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant_url(workspace: Workspace) -> str:
    return reverse("admin:workspaces_workspace_grant", args=[workspace.id])


def form(**more: str) -> dict[str, str]:
    return {"amount": "12.5", "reason": "Sorry for the outage", "once": str(uuid4()), **more}


def test_a_grant_keeps_who_and_why(root_client: Client, workspace: Workspace, grant_url: str) -> None:
    assert root_client.get(grant_url).status_code == 200
    sent = form()
    for _ in range(2):  # a double click
        assert root_client.post(grant_url, sent).status_code == 302
    assert balance_get(workspace_id=workspace.id) == Balance(12_500_000, 0)
    made = LedgerTransaction.objects.for_workspace(workspace.id).get()
    assert made.actor_id == User.objects.get(email="root@example.org").id
    assert made.description == "Sorry for the outage"
    page = root_client.get(reverse("admin:workspaces_workspace_change", args=[workspace.id])).content.decode()
    assert "12.5" in page
    assert grant_url in page


@pytest.mark.parametrize(
    "change", [{"reason": ""}, {"reason": " "}, {"amount": "0"}, {"amount": "-1"}, {"amount": "1e12"}, {"amount": "x"}]
)
def test_a_grant_without_sense_is_refused(
    root_client: Client, workspace: Workspace, grant_url: str, change: dict[str, str]
) -> None:
    assert root_client.post(grant_url, form(**change)).status_code == 422
    assert balance_get(workspace_id=workspace.id) == Balance(0, 0)


def test_the_same_form_with_another_amount_is_refused(
    root_client: Client, workspace: Workspace, grant_url: str
) -> None:
    sent = form()
    root_client.post(grant_url, sent)
    assert root_client.post(grant_url, {**sent, "amount": "99"}).status_code == 422
    assert balance_get(workspace_id=workspace.id).posted == 12_500_000


def test_only_superusers_grant(alice: User, alice_client: Client, workspace: Workspace, grant_url: str) -> None:
    assert alice_client.post(grant_url, form()).status_code == 302  # to the sign-in of the console
    alice.is_staff = True
    alice.save()
    assert alice_client.post(grant_url, form()).status_code == 403
    assert alice_client.get(reverse("admin:billing_ledgertransaction_changelist")).status_code == 403
    assert balance_get(workspace_id=workspace.id).posted == 0


def test_the_ledger_is_only_read(root_client: Client, workspace: Workspace) -> None:
    made = credits_grant(workspace_id=workspace.id, amount=5, reason="Gift", source="test", source_id="1")
    hold = credits_hold(workspace_id=workspace.id, hold_id=uuid7(), amount=5, description="Image")
    hold_capture(hold_id=hold.id, amount=5, description="Image")
    wallet = Account.objects.for_workspace(workspace.id).get()
    for row in (made, hold, wallet, workspace):
        name = f"admin:{row._meta.label_lower.replace('.', '_')}"
        page = reverse(f"{name}_change", args=[row.pk])
        assert root_client.get(reverse(f"{name}_changelist")).status_code == 200
        assert root_client.get(page).status_code == 200
        assert root_client.post(page, {"posted": "99"}).status_code == 403
        assert root_client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert Entry.objects.for_workspace(workspace.id).count() == 4
    assert Hold.objects.for_workspace(workspace.id).count() == 1
