"""The nightly comparison finds each kind of difference, and nothing where there is none."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.billing.models import Dispute, InboxEvent, InboxState, Purchase, PurchaseState, Reconciliation
from apps.billing.reconciliation import stripe_reconcile
from apps.billing.services import credits_topup
from apps.billing.stripe_client import stripe_call
from apps.billing.topups import topup_buy
from tests.billing.shop import Shop
from tests.billing.test_subscriptions import subscribed

pytestmark = pytest.mark.django_db


def found(shop: Shop) -> list[str]:
    now = timezone.now()
    report = stripe_reconcile(since=now - timedelta(days=3), until=now + timedelta(minutes=1))
    return sorted(one["check"] for one in report.differences)


def test_a_day_without_differences(shop: Shop) -> None:
    made = shop.bought()
    stripe_call("refunds.create", payment_intent=made.payment_intent_id, amount=100)
    dispute = shop.stripe.dispute_open(shop.charge_of(made))
    shop.hear()
    shop.stripe.dispute_close(dispute["id"], won=True)
    subscribed(shop)
    shop.keep_card()
    shop.rule(threshold=5_000, credits=5_000)
    topup_buy(shop.workspace.id)
    shop.hear()
    assert found(shop) == []
    report = Reconciliation.objects.get()
    assert report.counts["checkout.sessions"] == 3
    assert report.counts["ledger lines"] == 3


def test_each_kind_of_difference_is_said(shop: Shop, capsys: Any) -> None:
    made, other, gone = shop.bought(), shop.bought("medium"), shop.bought("large")
    unheard = shop.order()
    shop.pay(unheard)
    rows = Purchase.objects.for_workspace(shop.workspace.id)
    rows.filter(id=other.id).update(paid=1)
    shop.stripe.objects[str(gone.session_id)] |= {"payment_status": "unpaid"}
    stripe_call("refunds.create", payment_intent=made.payment_intent_id, amount=100)
    shop.stripe.dispute_open(shop.charge_of(made))
    credits_topup(
        workspace_id=shop.workspace.id, amount=5, source="stripe_cs", source_id="cs_invented", description="x"
    )
    InboxEvent.objects.create(
        event_id="evt_1", type="charge.refunded", object_id="ch_1", told_at=timezone.now(), state=InboxState.FAILED
    )
    assert found(shop) == [
        "amount", "dispute", "granted, not paid", "granted, not paid", "ledger", "paid, not granted", "refund",
        "webhook",
    ]  # fmt: skip
    out = StringIO()
    with pytest.raises(CommandError, match="8 differences"):
        call_command("stripe_reconcile", since=timezone.now().date().isoformat(), stdout=out)
    assert "nothing was granted" in out.getvalue()
    assert str(shop.workspace.id) in out.getvalue()
    assert not Dispute.objects.for_workspace(shop.workspace.id).exists(), "it mends nothing"
    assert shop.again(unheard).state == PurchaseState.OPEN


def test_the_command_says_what_is_wrong_with_how_it_was_called(shop: Shop, settings: Any) -> None:
    with pytest.raises(CommandError, match="not a day"):
        call_command("stripe_reconcile", since="yesterday")
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(CommandError, match="STRIPE_SECRET_KEY"):
        call_command("stripe_reconcile")
