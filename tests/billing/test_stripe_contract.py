"""What we ask of Stripe is what Stripe takes. With STRIPE_TEST_SECRET_KEY the same calls go to Stripe's test mode."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

import pytest

from apps.billing.customers import card_ask, card_refresh, customer_get, portal_open
from apps.billing.models import PurchaseState
from apps.billing.purchases import Order, purchase_checkout, purchase_start, session_look
from apps.billing.stripe_client import StripeRefused, stripe_call
from apps.billing.subscriptions import plan_start
from apps.billing.topups import TopupTerms, topup_buy, topup_set
from apps.common.money import MICRO
from apps.workspaces.plans import PlanName
from tests.billing.shop import Shop

pytestmark = pytest.mark.django_db
KEY = os.environ.get("STRIPE_TEST_SECRET_KEY", "")
RETURN = "https://millrace.example/back"


@pytest.fixture
def anywhere(shop: Shop, settings: Any) -> Shop:
    """The shop, at Stripe itself where there is a key of its test mode."""
    if KEY:
        assert "_test_" in KEY, "only with a key of test mode"
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = KEY, ""
    return shop


def test_a_checkout_is_made_once_and_can_be_closed(anywhere: Shop) -> None:
    made = purchase_start(workspace_id=anywhere.workspace.id, actor_id=anywhere.actor_id, order=Order(pack="small"))
    first = purchase_checkout(purchase=made, email=anywhere.email, return_url=RETURN).session_id
    made.checkout_url = ""
    assert purchase_checkout(purchase=made, email=anywhere.email, return_url=RETURN).session_id == first
    made.amount += 1
    made.checkout_url = ""
    with pytest.raises(StripeRefused):
        purchase_checkout(purchase=made, email=anywhere.email, return_url=RETURN)
    stripe_call("checkout.sessions.expire", first)
    found = session_look(str(first))
    assert found is not None
    assert found.state == PurchaseState.EXPIRED
    with pytest.raises(StripeRefused):
        stripe_call("checkout.sessions.expire", first)


def test_a_kept_card_pays_and_is_refunded(anywhere: Shop) -> None:
    customer = customer_get(workspace_id=anywhere.workspace.id, email=anywhere.email)
    method = stripe_call("payment_methods.attach", "pm_card_visa", customer=customer.customer_id)
    stripe_call("customers.update", customer.customer_id, invoice_settings={"default_payment_method": method.id})
    card_refresh(customer)
    assert customer.method_label == "Visa ending in 4242"
    topup_set(
        workspace_id=anywhere.workspace.id,
        enabled=True,
        terms=TopupTerms(threshold=500 * MICRO, credits=1_000 * MICRO, monthly_cap=10_000),
    )
    bought = topup_buy(anywhere.workspace.id)
    assert bought is not None
    assert (bought.state, bought.paid, anywhere.balance) == (PurchaseState.PAID, 1_000, 1_000)
    assert bought.receipt_url
    stripe_call("refunds.create", payment_intent=bought.payment_intent_id, amount=400)
    with pytest.raises(StripeRefused):
        stripe_call("refunds.create", payment_intent=bought.payment_intent_id, amount=601)


def test_pages_of_other_kinds(anywhere: Shop) -> None:
    def back(purchase: UUID) -> str:
        return f"{RETURN}/{purchase}"

    ids: dict[str, Any] = {"workspace_id": anywhere.workspace.id, "email": anywhere.email}
    assert card_ask(**ids, currency="usd", success_url=RETURN, cancel_url=RETURN).startswith("http")
    for plan in (PlanName.STUDIO, PlanName.STUDIO):
        assert plan_start(**ids, actor_id=anywhere.actor_id, plan=plan, return_url=back).checkout_url
    try:
        assert portal_open(**ids, return_url=RETURN).startswith("http")
    except StripeRefused:
        assert KEY, "an account whose portal nobody has set up"
