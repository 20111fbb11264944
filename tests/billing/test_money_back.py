"""Refunds and disputes: by sums, so in any order and however often, and never more than was bought."""

from __future__ import annotations

import pytest

from apps.billing.models import Dispute, Purchase, PurchaseState
from apps.billing.services import balance_get, credits_hold, hold_capture, ledger_audit
from apps.billing.stripe_client import StripeRefused, stripe_call
from apps.common.ids import uuid7
from apps.common.money import MICRO
from tests.billing.shop import Shop

pytestmark = pytest.mark.django_db


def refund(shop: Shop, purchase: Purchase, cents: int) -> None:
    stripe_call("refunds.create", payment_intent=shop.again(purchase).payment_intent_id, amount=cents)


def spend(shop: Shop, amount: int) -> None:
    hold = uuid7()
    credits_hold(workspace_id=shop.workspace.id, hold_id=hold, amount=amount * MICRO, description="spent")
    hold_capture(hold_id=hold, amount=amount * MICRO, description="spent")


def test_refunds_take_their_part_once_in_any_order(shop: Shop) -> None:
    made = shop.bought("medium")
    refund(shop, made, 1_000)
    refund(shop, made, 1_500)
    shop.hear(*reversed(shop.stripe.told("refund.created", "charge.refunded")))
    assert shop.balance == 5_250 - 2_625
    shop.hear()
    made = shop.again(made)
    assert (made.refunded, made.clawed_back, shop.balance) == (2_500, 2_625 * MICRO, 2_625)
    refund(shop, made, 2_500)
    shop.hear()
    assert shop.balance == 0
    with pytest.raises(StripeRefused):
        refund(shop, made, 1)
    assert ledger_audit() == []


def test_a_refund_that_is_told_before_its_payment(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made)
    stripe_call(
        "refunds.create", payment_intent=shop.stripe.objects[str(made.session_id)]["payment_intent"], amount=400
    )
    shop.hear(*shop.stripe.told("charge.refunded"))
    assert shop.balance == 0
    shop.hear()
    assert (shop.again(made).state, shop.balance) == (PurchaseState.PAID, 600)


def test_a_refund_that_the_bank_sends_back(shop: Shop) -> None:
    made = shop.bought()
    refund(shop, made, 400)
    shop.hear()
    assert shop.balance == 600
    shop.stripe.refund_fail(shop.stripe.every("refund")[0]["id"])
    shop.hear()
    assert (shop.again(made).clawed_back, shop.balance) == (0, 1_000)


def test_a_refund_of_what_is_spent_is_owed_and_paid_first(shop: Shop) -> None:
    made = shop.bought()
    spend(shop, 900)
    refund(shop, made, 1_000)
    shop.hear()
    assert (shop.balance, balance_get(workspace_id=shop.workspace.id).debt) == (0, 900 * MICRO)
    shop.bought()
    assert shop.balance == 100
    assert ledger_audit() == []


def test_a_dispute_freezes_and_is_won(shop: Shop) -> None:
    made = shop.bought()
    dispute = shop.stripe.dispute_open(shop.charge_of(made))
    shop.hear()
    assert shop.balance == 0
    shop.stripe.dispute_close(dispute["id"], won=True)
    shop.hear()
    shop.hear(*reversed(shop.stripe.events))
    assert shop.balance == 1_000
    row = Dispute.objects.for_workspace(shop.workspace.id).get()
    assert (row.status, row.frozen, row.settled_at is not None) == ("won", 0, True)


@pytest.mark.parametrize("order", [1, -1])
def test_a_dispute_that_is_lost(shop: Shop, order: int) -> None:
    made = shop.bought()
    spend(shop, 300)
    shop.stripe.dispute_close(shop.stripe.dispute_open(shop.charge_of(made))["id"], won=False)
    shop.hear(*shop.stripe.events[::order])
    balance = balance_get(workspace_id=shop.workspace.id)
    assert (balance.available, balance.debt) == (0, 300 * MICRO)
    assert shop.again(made).clawed_back == 1_000 * MICRO
    assert ledger_audit() == []


def test_a_lost_dispute_of_what_was_refunded_takes_no_more(shop: Shop) -> None:
    made = shop.bought()
    dispute = shop.stripe.dispute_open(shop.charge_of(made))
    shop.hear()
    refund(shop, made, 1_000)
    shop.stripe.dispute_close(dispute["id"], won=False)
    shop.hear()
    shop.bought()
    assert shop.balance == 1_000
    assert ledger_audit() == []


def test_an_inquiry_freezes_nothing(shop: Shop) -> None:
    made = shop.bought()
    dispute = shop.stripe.dispute_open(shop.charge_of(made))
    shop.stripe.objects[dispute["id"]]["status"] = "warning_needs_response"
    shop.hear()
    assert shop.balance == 1_000
    shop.stripe.objects[dispute["id"]]["status"] = "warning_closed"
    shop.hear(*shop.stripe.told("charge.dispute.created"))
    assert shop.balance == 1_000


def test_a_dispute_that_is_told_before_its_payment(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made)
    intent = shop.stripe.objects[str(made.session_id)]["payment_intent"]
    shop.stripe.dispute_open(shop.stripe.objects[intent]["latest_charge"])
    shop.hear(*shop.stripe.told("charge.dispute.created"))
    shop.hear()
    assert shop.balance == 0
    assert shop.again(made).state == PurchaseState.PAID
