"""Money by staff's hand: corrections, refunds, webhooks again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.billing.checkouts import PurchaseRefused
from apps.billing.models import InboxEvent, InboxState, LedgerTransaction, TransactionKind
from apps.billing.services import balance_get, credits_grant
from apps.common.money import MICRO
from apps.workspaces.models import Workspace
from apps.workspaces.switches import SWITCHES, SwitchName, switch_set
from tests.billing.conftest import shop as shop
from tests.billing.conftest import stripe_server as stripe_server
from tests.billing.shop import Shop

pytestmark = pytest.mark.django_db


def sent(**more: str) -> dict[str, str]:
    return {"reason": "Ticket 12", "once": str(uuid4()), **more}


def test_a_correction_takes_and_gives_once_with_its_reason(
    root_client: Client, workspace: Workspace, acts: Any, audited: Any
) -> None:
    credits_grant(workspace_id=workspace.id, amount=10 * MICRO, reason="x", source="test", source_id="1")
    url = reverse("admin:workspaces_workspace_correct", args=[workspace.id])
    assert root_client.get(url).status_code == 200
    for refused in (sent(amount="0"), sent(amount="x"), sent(amount="-5", reason=" "), sent(amount="-11")):
        assert root_client.post(url, refused).status_code == 422
    taken = sent(amount="-2.5")
    for _ in range(2):  # a double click
        assert root_client.post(url, taken).status_code == 302
    assert balance_get(workspace_id=workspace.id).posted == 7_500_000
    root_client.post(url, sent(amount="1"))
    assert balance_get(workspace_id=workspace.id).posted == 8_500_000
    rows = LedgerTransaction.objects.for_workspace(workspace.id).filter(kind=TransactionKind.CORRECTION)
    assert {row.description for row in rows} == {"Ticket 12"}
    assert "Ticket 12" in acts()[0]
    assert ("credits_correct", "root@example.org", "Ticket 12") in audited()


def test_a_refund_pays_back_and_takes_the_credits(root_client: Client, shop: Shop, acts: Any, audited: Any) -> None:
    made = shop.bought()
    url = reverse("admin:billing_purchase_refund", args=[made.id])
    page = reverse("admin:billing_purchase_changelist")
    assert str(made.id) in root_client.get(page, {"q": str(made.payment_intent_id)}).content.decode()
    assert root_client.get(url).status_code == 200
    assert root_client.post(url, sent(amount="10.01")).status_code == 422
    assert root_client.post(url, sent(amount="4", reason="")).status_code == 422
    assert shop.again(made).refunded == 0
    once = sent(amount="4")
    for _ in range(2):  # a double click
        root_client.post(url, once)
    assert (shop.again(made).refunded, shop.balance) == (400, 600)
    shop.hear()  # Stripe tells of it as well
    assert (shop.again(made).refunded, shop.balance) == (400, 600)
    assert "Ticket 12" in acts()[0]
    assert ("purchase_refund", "root@example.org", "Ticket 12") in audited()
    assert root_client.post(url, sent(amount="6.01")).status_code == 422


def test_a_failed_webhook_is_replayed(root_client: Client, shop: Shop, acts: Any) -> None:
    made = shop.order()
    shop.pay(made)
    shop.tell(*shop.stripe.told("checkout.session.completed"))
    row = InboxEvent.objects.get()
    InboxEvent.objects.update(state=InboxState.FAILED, attempts=12, error="It was down.")
    page = reverse("admin:billing_inboxevent_changelist")
    assert "It was down." in root_client.get(page).content.decode()
    act = {"action": "replay", "_selected_action": [str(row.id)]}
    assert "Reason" in root_client.post(page, act).content.decode()
    assert root_client.post(page, {**act, "reason": "Stripe is back"}).status_code == 302
    assert InboxEvent.objects.get().state == InboxState.DONE
    assert shop.balance == 1_000
    assert acts() == ["Replayed: Stripe is back"]
    assert root_client.get(reverse("admin:billing_reconciliation_changelist")).status_code == 200


def test_nothing_is_sold_while_that_is_off(shop: Shop, workspace: Workspace) -> None:
    switch_set(name=SwitchName.PURCHASES, on=False, workspace_id=workspace.id, reason="x", actor_id=None)
    SWITCHES.load()
    with pytest.raises(PurchaseRefused, match="Nothing can be bought"):
        shop.order()


def test_only_superusers(helper_client: Client, alice_client: Client, workspace: Workspace) -> None:
    url = reverse("admin:workspaces_workspace_correct", args=[workspace.id])
    assert helper_client.post(url, sent(amount="5")).status_code == 403
    assert alice_client.post(url, sent(amount="5")).status_code == 302
    assert helper_client.get(reverse("admin:billing_purchase_changelist")).status_code == 403
    assert balance_get(workspace_id=workspace.id).posted == 0
