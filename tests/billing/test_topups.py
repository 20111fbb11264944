"""Automatic top-up: one payment for one fall, within the cap, and off when the card is refused again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from apps.billing.models import Purchase, PurchaseState, TopupRule
from apps.billing.purchases import purchases_sweep
from apps.billing.services import credits_hold, hold_capture
from apps.billing.stripe_client import no_tax_location, stripe_call
from apps.billing.topups import TopupRefused, spent_this_month, topup_buy, topups_due
from apps.common.ids import uuid7
from apps.common.money import MICRO
from tests.billing.conftest import in_parallel
from tests.billing.shop import Shop
from tests.mails import mails_post

pytestmark = pytest.mark.django_db


def tick(shop: Shop) -> list[Purchase | None]:
    return [topup_buy(workspace_id) for workspace_id in topups_due()]


def rule_of(shop: Shop) -> Any:
    return TopupRule.objects.for_workspace(shop.workspace.id).get()


def test_one_payment_for_one_fall(shop: Shop) -> None:
    shop.bought()
    shop.keep_card()
    shop.rule(threshold=500, credits=1_000)
    assert tick(shop) == []
    hold = uuid7()
    credits_hold(workspace_id=shop.workspace.id, hold_id=hold, amount=600 * MICRO, description="a run")
    hold_capture(hold_id=hold, amount=600 * MICRO, description="a run")
    (made,) = tick(shop)
    assert made is not None
    assert (made.state, made.paid, shop.balance) == (PurchaseState.PAID, 1_000, 1_400)
    assert tick(shop) == []
    shop.hear()
    assert shop.balance == 1_400


def test_a_lost_answer_is_asked_for_again_and_pays_once(shop: Shop) -> None:
    shop.keep_card()
    shop.rule()
    shop.stripe.script = "cut"
    (made,) = tick(shop)
    assert made is not None
    assert (made.state, shop.balance) == (PurchaseState.OPEN, 0)
    shop.stripe.script = ""
    tick(shop)
    shop.hear()
    assert shop.balance == 1_000
    assert len(shop.stripe.every("charge")) == 1


@pytest.mark.django_db(transaction=True)
def test_ten_ticks_at_once_pay_once(shop: Shop) -> None:
    shop.keep_card()
    shop.rule()
    results = in_parallel([lambda: topup_buy(shop.workspace.id)] * 10, threads=10)
    assert not [one for one in results if isinstance(one, Exception)]
    assert (len(shop.stripe.every("charge")), shop.balance) == (1, 1_000)


def test_a_refused_card_is_told_and_at_last_off(shop: Shop) -> None:
    shop.keep_card("pm_card_chargeCustomerFail")
    shop.rule()
    for failures in (1, 2, 3):
        tick(shop)
        assert rule_of(shop).failures == failures
        assert tick(shop) == [], "not tried again at once"
        TopupRule.objects.for_workspace(shop.workspace.id).update(not_before=timezone.now() - timedelta(seconds=1))
    assert not rule_of(shop).enabled
    assert tick(shop) == []
    mails_post()
    assert (shop.balance, len(mail.outbox)) == (0, 3)
    assert mail.outbox[0].to == [shop.email]
    assert "is off now" in mail.outbox[2].body
    assert "declined" in mail.outbox[0].body
    # A person looks after the card and switches it on.
    shop.keep_card()
    shop.rule()
    tick(shop)
    assert shop.balance == 1_000


@pytest.mark.parametrize("card", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"])
def test_a_bank_that_wants_a_person(shop: Shop, card: str) -> None:
    shop.keep_card(card)
    shop.rule()
    tick(shop)
    shop.hear()
    mails_post()
    assert [one["status"] for one in shop.stripe.every("invoice")] == ["void"], "nobody can pay it any more"
    assert (rule_of(shop).failures, len(mail.outbox)) == (1, 1)
    assert "Buy the credits by hand" in mail.outbox[0].body


def test_the_cap_holds_and_is_told_once(shop: Shop) -> None:
    shop.keep_card()
    shop.rule(threshold=1_000, credits=1_000, cap=1_500)
    tick(shop)
    hold = uuid7()
    credits_hold(workspace_id=shop.workspace.id, hold_id=hold, amount=900 * MICRO, description="a run")
    for _ in range(2):
        assert tick(shop) == [None]
    mails_post()
    assert (len(shop.stripe.every("charge")), len(mail.outbox)) == (1, 1)
    assert "15.00 USD" in mail.outbox[0].body


def test_not_while_a_dispute_is_open(shop: Shop) -> None:
    made = shop.bought()
    shop.keep_card()
    shop.rule()
    shop.stripe.dispute_open(shop.charge_of(made))
    shop.hear()
    assert tick(shop) == [None]
    assert len(shop.stripe.every("charge")) == 1


def test_it_needs_a_card(shop: Shop) -> None:
    with pytest.raises(TopupRefused, match="Add a card"):
        shop.rule()


# --- Tax, and what is lost on the way --------------------------------------------------------------------------------


@pytest.fixture
def taxed(shop: Shop, settings: Any) -> Shop:
    """Tax is added, and the card was left with an address to tax by."""
    settings.STRIPE_TAX = True
    shop.keep_card()
    return shop


def test_tax_is_charged_and_the_price_is_what_is_matched(taxed: Shop, alice_client: Client) -> None:
    taxed.rule()
    (made,) = tick(taxed)
    assert made is not None
    assert (made.state, made.amount, made.paid, taxed.balance) == (PurchaseState.PAID, 1_000, 1_100, 1_000)
    taxed.hear(*reversed(taxed.stripe.events), *taxed.stripe.events)
    assert (taxed.balance, spent_this_month(taxed.workspace.id)) == (1_000, 1_100)
    page = alice_client.get(f"/w/{taxed.workspace.slug}/billing/payments/").content.decode()
    assert f'href="{made.invoice_url}"' in page
    assert "11.00 USD of 100.00 USD used this month" in page
    # Half of what was charged goes back, and half of the credits with it.
    stripe_call("refunds.create", payment_intent=made.payment_intent_id, amount=550)
    taxed.hear()
    assert taxed.balance == 500
    taxed.stripe.dispute_open(taxed.charge_of(made), 550)
    taxed.hear()
    assert taxed.balance == 0


CALLS = (
    "post_invoices", "post_invoiceitems", "post_invoices_invoice_finalize", "post_invoices_invoice_pay",
    "get_invoice_payments", "get_payment_intents_intent",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_what_is_lost_at_any_step_is_gone_on_with(taxed: Shop, call: str) -> None:
    taxed.rule()
    for what in ("500", "cut"):
        taxed.stripe.script = f"{what} {call}"
        if what == "500" or call.startswith("post"):
            (made,) = tick(taxed)
            assert made is not None
            assert (made.state, taxed.balance) == (PurchaseState.OPEN, 0)
    taxed.stripe.script = ""
    tick(taxed)
    taxed.hear()
    assert (len(taxed.stripe.every("charge")), len(taxed.stripe.every("invoice")), taxed.balance) == (1, 1, 1_000)


def test_a_payment_whose_answer_was_lost_is_found_when_nothing_more_is_needed(taxed: Shop) -> None:
    taxed.rule()
    taxed.stripe.script = "cut post_invoices_invoice_pay"
    (made,) = tick(taxed)
    taxed.stripe.script = ""
    assert made is not None
    taxed.pay(taxed.order())
    rows = Purchase.objects.for_workspace(taxed.workspace.id)
    rows.filter(id=made.id).update(created_at=timezone.now() - timedelta(minutes=5))
    purchases_sweep()
    assert (taxed.again(made).state, taxed.balance) == (PurchaseState.PAID, 1_000)


@pytest.mark.parametrize("who", ["tick", "webhook"])
def test_a_refusal_whose_answer_was_lost_counts_once(shop: Shop, who: str) -> None:
    shop.keep_card("pm_card_chargeCustomerFail")
    shop.rule()
    shop.stripe.script = "cut post_invoices_invoice_pay"
    tick(shop)
    shop.stripe.script = ""
    if who == "tick":
        tick(shop)
    shop.hear(*shop.stripe.events, *reversed(shop.stripe.events))
    mails_post()
    assert (rule_of(shop).failures, len(mail.outbox), tick(shop)) == (1, 1, [])
    assert "declined" in mail.outbox[0].body
    assert [one["status"] for one in shop.stripe.every("invoice")] == ["void"]


def test_without_a_place_to_tax_by_it_is_told_what_to_add(shop: Shop, settings: Any) -> None:
    shop.keep_card()
    shop.rule()
    settings.STRIPE_TAX = True
    (made,) = tick(shop)
    assert made is not None
    assert (made.state, made.error) == (PurchaseState.FAILED, no_tax_location())
    mails_post()
    assert "Add a billing address" in mail.outbox[0].body
    assert (shop.stripe.every("invoice"), shop.stripe.every("charge")) == ([], []), "its draft is taken back"
    with pytest.raises(TopupRefused, match="Add a billing address"):
        shop.rule()
    shop.keep_card()
    shop.rule()
    tick(shop)
    assert shop.balance == 1_000


def test_the_cap_counts_the_tax(taxed: Shop) -> None:
    taxed.rule(cap=1_050)
    (made,) = tick(taxed)
    assert made is not None
    assert (made.state, made.error) == (
        PurchaseState.FAILED, "With tax it would have exceeded the monthly cap. Nothing was charged."
    )  # fmt: skip
    assert (tick(taxed), rule_of(taxed).failures) == ([], 0), "no second invoice this month"
    mails_post()
    assert [one["status"] for one in taxed.stripe.every("invoice")] == ["void"]
    assert "10.50 USD" in mail.outbox[0].body
    taxed.rule(cap=1_100)
    tick(taxed)
    assert taxed.balance == 1_000


def test_an_invoice_that_is_not_what_was_agreed_is_not_paid(taxed: Shop) -> None:
    taxed.rule()
    taxed.stripe.script = "cut post_invoices_invoice_finalize"
    tick(taxed)
    taxed.stripe.script = ""
    taxed.stripe.every("invoice")[0] |= {"subtotal": 900, "total": 990, "amount_due": 990}
    (made,) = tick(taxed)
    assert made is not None
    assert (made.state, taxed.stripe.every("charge")) == (PurchaseState.FAILED, [])


def test_a_payment_under_way_is_waited_for(shop: Shop) -> None:
    shop.keep_card()
    shop.rule()
    shop.stripe.script = "500 post_invoices_invoice_pay"
    tick(shop)
    shop.stripe.script = ""
    shop.stripe.every("invoice")[0]["attempted"] = True
    shop.stripe.every("payment_intent")[0]["status"] = "processing"
    for _ in range(2):
        (made,) = tick(shop)
        assert made is not None
        assert made.state == PurchaseState.PROCESSING
    assert len(shop.stripe.every("invoice")) == 1


def test_a_day_of_silence_ends_it(shop: Shop) -> None:
    shop.keep_card()
    shop.rule()
    shop.stripe.script = "500 post_invoices_invoice_pay"
    (made,) = tick(shop)
    shop.stripe.script = ""
    assert made is not None
    rows = Purchase.objects.for_workspace(shop.workspace.id)
    rows.filter(id=made.id).update(created_at=timezone.now() - timedelta(days=1))
    purchases_sweep()
    assert shop.again(made).state == PurchaseState.FAILED
    assert [one["status"] for one in shop.stripe.every("invoice")] == ["void"]
