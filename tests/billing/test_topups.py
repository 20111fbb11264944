"""Automatic top-up: one payment for one fall, within the cap, and off when the card is refused again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from apps.billing.models import Purchase, PurchaseState, TopupRule
from apps.billing.services import credits_hold, hold_capture
from apps.billing.topups import TopupRefused, topup_buy, topups_due
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


def test_a_bank_that_wants_a_person(shop: Shop) -> None:
    shop.keep_card("pm_card_authenticationRequired")
    shop.rule()
    tick(shop)
    mails_post()
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


def test_it_needs_a_card_and_an_address_to_tax_by(shop: Shop, settings: Any) -> None:
    with pytest.raises(TopupRefused, match="Add a card"):
        shop.rule()
    shop.keep_card()
    settings.STRIPE_TAX = True
    with pytest.raises(TopupRefused, match="tax"):
        shop.rule()
