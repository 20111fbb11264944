"""Buying credits: one payment that is what was agreed grants its credits once, whoever hears of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.billing.checkouts import OPEN_FOR, PurchaseRefused
from apps.billing.fulfilment import session_fulfil
from apps.billing.inbox import inbox_accept, inbox_due, inbox_replay, inbox_work, told_of
from apps.billing.models import (
    InboxEvent,
    InboxState,
    LedgerTransaction,
    Purchase,
    PurchaseState,
    TransactionKind,
)
from apps.billing.purchases import (
    Order,
    RequestReused,
    purchase_checkout,
    purchase_look,
    purchase_start,
    purchases_sweep,
    session_look,
)
from apps.billing.services import ledger_audit
from apps.billing.stripe_client import StripeRefused, StripeUnavailable, stripe_call
from tests.billing.conftest import in_parallel
from tests.billing.shop import RETURN, Shop

pytestmark = pytest.mark.django_db


def test_a_pack_is_paid_and_granted_once(shop: Shop) -> None:
    made = shop.order("medium")
    assert shop.balance == 0
    shop.pay(made)
    shop.hear()
    made = shop.again(made)
    assert (made.state, made.paid, made.credits) == (PurchaseState.PAID, 5_000, 5_250_000_000)
    assert made.receipt_url
    assert made.invoice_url
    assert made.checkout_url == ""
    assert shop.balance == 5_250
    # Everybody says it again: the landing page, the webhook, the sweep.
    purchase_look(purchase=made)
    session_look(str(made.session_id))
    shop.hear()
    purchases_sweep()
    assert shop.balance == 5_250
    assert ledger_audit() == []


def test_the_landing_page_may_be_first(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made)
    assert purchase_look(purchase=made).state == PurchaseState.PAID
    assert shop.balance == 1_000


def test_an_amount_of_ones_own(shop: Shop, settings: Any) -> None:
    settings.CREDIT_PRICE_MICRO = 20_000
    made = shop.order(amount=2_550)
    assert made.credits == 1_275_000_000
    shop.pay(made)
    shop.hear()
    assert shop.balance == 1_275


@pytest.mark.parametrize(
    "order", [Order(pack="gigantic"), Order(), Order(amount=499), Order(amount=500_001), Order(amount=-5)]
)
def test_what_is_not_for_sale_is_refused(shop: Shop, order: Order) -> None:
    with pytest.raises(PurchaseRefused, match="Choose"):
        purchase_start(workspace_id=shop.workspace.id, actor_id=shop.actor_id, order=order)
    assert not Purchase.objects.for_workspace(shop.workspace.id).exists()


def test_a_promotion_code_lowers_the_price_and_not_the_credits(shop: Shop) -> None:
    coupon = stripe_call("coupons.create", percent_off=100, duration="once")
    stripe_call("promotion_codes.create", promotion={"type": "coupon", "coupon": coupon.id}, code="WELCOME")
    made = shop.order()
    assert "invalid" in shop.pay(made, code="NOPE").text
    shop.pay(made, code="WELCOME")
    shop.hear()
    assert (shop.again(made).paid, shop.balance) == (0, 1_000)


def test_tax_is_added_by_stripe(shop: Shop, settings: Any) -> None:
    settings.STRIPE_TAX = True
    made = shop.order()
    shop.pay(made)
    shop.hear()
    assert (shop.again(made).paid, shop.balance) == (1_100, 1_000)


def test_a_delayed_payment_is_granted_when_it_arrives(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made, how="later")
    shop.hear()
    assert (shop.again(made).state, shop.balance) == (PurchaseState.PROCESSING, 0)
    shop.stripe.session_settle(str(made.session_id), well=True)
    shop.hear()
    assert (shop.again(made).state, shop.balance) == (PurchaseState.PAID, 1_000)


def test_a_delayed_payment_that_fails_grants_nothing(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made, how="later")
    shop.stripe.session_settle(str(made.session_id), well=False)
    shop.hear()
    made = shop.again(made)
    assert (made.state, shop.balance) == (PurchaseState.FAILED, 0)
    assert "Nothing was charged" in made.error


def test_two_tabs_of_one_purchase_pay_once_and_two_purchases_twice(shop: Shop) -> None:
    first, same, other = shop.order(key="tab"), shop.order(key="tab"), shop.order()
    assert first.checkout_url == same.checkout_url != other.checkout_url
    assert shop.pay(first).status_code == 303
    assert "already paid" in shop.pay(same).text
    assert shop.pay(other).status_code == 303
    shop.hear()
    assert shop.balance == 2_000
    with pytest.raises(RequestReused):
        shop.order("large", key="tab")


def test_a_lost_answer_finds_the_same_session(shop: Shop) -> None:
    made = purchase_start(workspace_id=shop.workspace.id, actor_id=shop.actor_id, order=Order(pack="small"))
    shop.stripe.script = "cut"
    for _ in range(2):
        with pytest.raises(StripeUnavailable):
            purchase_checkout(purchase=made, email=shop.email, return_url=RETURN)
    shop.stripe.script = ""
    made = purchase_checkout(purchase=made, email=shop.email, return_url=RETURN)
    assert [one["id"] for one in shop.stripe.every("checkout.session")] == [made.session_id]
    assert len(shop.stripe.every("customer")) == 1


def test_a_purchase_whose_session_was_never_noted_is_fulfilled_all_the_same(shop: Shop) -> None:
    made = shop.order()
    Purchase.objects.for_workspace(shop.workspace.id).update(session_id=None, checkout_url="")
    shop.pay(made)
    shop.hear()
    assert (shop.again(made).session_id, shop.balance) == (made.session_id, 1_000)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("amount_subtotal", 1),
        ("amount_total", 1),
        ("currency", "jpy"),
        ("metadata", {"workspace": "0199c0de-0000-7000-8000-000000000000"}),
        ("livemode", True),
    ],
)
def test_a_payment_that_is_not_what_was_agreed_is_held(shop: Shop, member: str, value: Any) -> None:
    made = shop.order()
    shop.pay(made)
    shop.stripe.objects[str(made.session_id)][member] = value
    shop.hear()
    assert (shop.again(made).state, shop.balance) == (PurchaseState.MISMATCH, 0)
    # It stays so, even when the session looks right again: people must look.
    shop.stripe.objects[str(made.session_id)] |= {"amount_subtotal": 1_000, "amount_total": 1_000}
    shop.hear(*shop.stripe.told("checkout.session.completed"))
    assert shop.balance == 0


def test_another_session_that_names_our_purchase_is_held(shop: Shop) -> None:
    made, cheap = shop.order("large"), shop.order("small")
    shop.pay(cheap)
    session = shop.stripe.objects[str(cheap.session_id)]
    session |= {"client_reference_id": str(made.id)}
    shop.hear()
    assert (shop.again(made).state, shop.balance) == (PurchaseState.MISMATCH, 0)


def test_a_session_of_somebody_elses_product_is_none_of_our_business(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made)
    shop.stripe.objects[str(made.session_id)]["client_reference_id"] = "order-77"
    shop.hear()
    assert shop.balance == 0


def test_a_checkout_that_expired(shop: Shop) -> None:
    made = shop.order()
    shop.stripe.session_expire(shop.stripe.objects[str(made.session_id)])
    shop.hear()
    assert shop.again(made).state == PurchaseState.EXPIRED
    # Nobody ever saw the page of this one: its time alone ends it.
    unseen = purchase_start(workspace_id=shop.workspace.id, actor_id=shop.actor_id, order=Order(pack="small"))
    rows = Purchase.objects.for_workspace(shop.workspace.id).filter(id=unseen.id)
    rows.update(created_at=timezone.now() - OPEN_FOR - timedelta(minutes=1))
    purchases_sweep()
    assert shop.again(unseen).state == PurchaseState.EXPIRED


def test_the_sweep_finds_what_no_webhook_told(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made)
    rows = Purchase.objects.for_workspace(shop.workspace.id)
    rows.update(created_at=timezone.now() - timedelta(minutes=5))
    purchases_sweep()
    assert shop.balance == 1_000


def test_stripe_away_or_refusing_is_said_and_changes_nothing(shop: Shop, settings: Any) -> None:
    shop.stripe.script = "500"
    with pytest.raises(StripeUnavailable, match="does not answer"):
        shop.order()
    shop.stripe.script = ""
    settings.STRIPE_SECRET_KEY = "sk_test_wrong"
    with pytest.raises(StripeRefused):
        shop.order()
    assert shop.balance == 0


@pytest.mark.django_db(transaction=True)
def test_twenty_deliveries_at_once_grant_once(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made)
    event = shop.stripe.told("checkout.session.completed")[0]
    session = stripe_call("checkout.sessions.retrieve", made.session_id, expand=["payment_intent.latest_charge"])
    told = told_of(event)
    assert told is not None
    accepted = in_parallel([lambda: inbox_accept(told)] * 20, threads=20)
    assert sum(one is not None for one in accepted) == 1
    # Even when each of twenty workers had got hold of it, and the landing page as well.
    results = in_parallel([lambda: session_fulfil(session)] * 20, threads=20)
    assert not [one for one in results if isinstance(one, Exception)]
    lines = LedgerTransaction.objects.for_workspace(shop.workspace.id).filter(kind=TransactionKind.TOPUP)
    assert (lines.count(), shop.balance) == (1, 1_000)


def test_an_event_that_fails_is_tried_again_and_can_be_replayed(shop: Shop) -> None:
    made = shop.order()
    shop.pay(made)
    shop.tell(*shop.stripe.told("checkout.session.completed"))
    shop.stripe.script = "500"
    row = InboxEvent.objects.get()
    assert not inbox_work(row.id)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (InboxState.WAITING, 1)
    assert "StripeUnavailable" in row.error
    assert row.due_at > timezone.now()
    assert not inbox_work(row.id), "it is not due yet"
    InboxEvent.objects.update(attempts=11, due_at=timezone.now() - timedelta(minutes=1))
    assert inbox_due() == [row.id]
    assert not inbox_work(row.id)
    row.refresh_from_db()
    assert row.state == InboxState.FAILED
    shop.stripe.script = ""
    assert inbox_replay(inbox_id=row.id)
    assert shop.balance == 1_000
    assert inbox_replay(inbox_id=row.id), "harmless when it is done"
    assert shop.balance == 1_000
