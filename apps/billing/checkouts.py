"""A page at Stripe to pay on, for purchases of every kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from apps.billing.customers import customer_get
from apps.billing.models import Purchase, PurchaseState
from apps.billing.stripe_client import stripe_call, stripe_configured
from apps.workspaces.switches import SwitchedOff, SwitchName, switch_require

# Stripe's shortest is half an hour. A page that was left open is of no use to anybody the next day.
OPEN_FOR = timedelta(hours=2)


class PurchaseRefused(Exception):
    """This cannot be bought; the message is for whoever wanted to."""


def purchases_ask(workspace_id: UUID) -> None:
    """PurchaseRefused where nothing can be bought: no Stripe is set up, or staff have paused purchases."""
    if not stripe_configured():
        raise PurchaseRefused(_("Payments are not set up on this site."))
    try:
        switch_require(SwitchName.PURCHASES, workspace_id)
    except SwitchedOff as error:
        raise PurchaseRefused(str(error)) from error


def checkout_open(*, purchase: Purchase, email: str, return_url: str, **parameters: Any) -> Purchase:
    """A session for a purchase: what all kinds have in common, and ``parameters``."""
    if purchase.checkout_url or purchase.state != PurchaseState.OPEN:
        return purchase
    customer = customer_get(workspace_id=purchase.workspace_id, email=email)
    tax: dict[str, Any] = {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto", "name": "auto"}}
    session = stripe_call(
        "checkout.sessions.create",
        key=str(purchase.id),
        customer=customer.customer_id,
        client_reference_id=str(purchase.id),
        metadata={"workspace": str(purchase.workspace_id), "purchase": str(purchase.id)},
        success_url=f"{return_url}?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{return_url}?cancelled=1",
        # From the purchase's own time, so that a repeat says the same.
        expires_at=int((purchase.created_at + OPEN_FOR).timestamp()),
        allow_promotion_codes=True,
        adaptive_pricing={"enabled": False},
        **(tax if settings.STRIPE_TAX else {}),
        **parameters,
    )
    purchase.session_id, purchase.checkout_url = session.id, session.url or ""
    rows = Purchase.objects.for_workspace(purchase.workspace_id).filter(id=purchase.id, state=PurchaseState.OPEN)
    rows.update(session_id=session.id, checkout_url=purchase.checkout_url)
    return purchase
