"""Who a workspace is at Stripe: its customer, its kept card, and the portal where it looks after both."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from apps.billing.models import StripeCustomer
from apps.billing.stripe_client import (
    StripeRefused,
    StripeUnavailable,
    stripe_call,
    stripe_configured,
    stripe_id,
    stripe_livemode,
)
from apps.workspaces.audit import audit_record
from apps.workspaces.models import Workspace

log = structlog.get_logger(__name__)
SETUP = "setup"


def customer_find(workspace_id: UUID) -> StripeCustomer | None:
    """The customer of the mode this site is in; None when the workspace never bought anything."""
    rows = StripeCustomer.objects.for_workspace(workspace_id)
    found: StripeCustomer | None = rows.filter(livemode=stripe_livemode()).first()
    return found


def customer_get(*, workspace_id: UUID, email: str) -> StripeCustomer:
    """The workspace's customer, made when it is the first time. Raises StripeUnavailable, StripeRefused."""
    found = customer_find(workspace_id)
    if found is not None:
        return found
    workspace = Workspace.objects.get(id=workspace_id)
    metadata = {"workspace": str(workspace_id), "slug": workspace.slug}
    # The address is part of the key: two admins who are first at the same time ask for two different things.
    key = f"customer-{workspace_id}-{email}"[:255]
    made = stripe_call("customers.create", key=key, name=workspace.name, email=email, metadata=metadata)
    rows = StripeCustomer.objects.for_workspace(workspace_id)
    row: StripeCustomer
    row, _new = rows.get_or_create(
        workspace_id=workspace_id, livemode=stripe_livemode(), defaults={"customer_id": made.id}
    )
    return row


def portal_open(*, workspace_id: UUID, email: str, return_url: str) -> str:
    """The address of Stripe's portal for this workspace: cards, tax ids, invoices, cancelling a plan."""
    customer = customer_get(workspace_id=workspace_id, email=email)
    session = stripe_call("billing_portal.sessions.create", customer=customer.customer_id, return_url=return_url)
    audit_record(workspace_id=workspace_id, action="portal_open", target_id=customer.customer_id)
    return str(session.url)


def card_ask(*, workspace_id: UUID, email: str, currency: str, success_url: str, cancel_url: str) -> str:
    """The address of a checkout that charges nothing and keeps a card for automatic top-up."""
    customer = customer_get(workspace_id=workspace_id, email=email)
    session = stripe_call(
        "checkout.sessions.create",
        mode="setup",
        customer=customer.customer_id,
        currency=currency,
        success_url=success_url,
        cancel_url=cancel_url,
        metadata={"kind": SETUP, "workspace": str(workspace_id)},
        **({"billing_address_collection": "required"} if settings.STRIPE_TAX else {}),
    )
    return str(session.url)


def card_keep(session: Any) -> StripeCustomer | None:
    """Remember the card of a completed ``setup`` session; None when it is not of a customer of ours."""
    rows = StripeCustomer.objects.filter(customer_id=stripe_id(session.customer), livemode=session.livemode)
    customer: StripeCustomer | None = rows.first()
    if customer is None or session.mode != "setup" or session.status != "complete":
        return None
    intent = stripe_call("setup_intents.retrieve", stripe_id(session.setup_intent))
    method = stripe_call("payment_methods.retrieve", stripe_id(intent.payment_method))
    changed: dict[str, Any] = {"invoice_settings": {"default_payment_method": method.id}}
    address = method.billing_details.address
    if settings.STRIPE_TAX and address is not None and address.country:
        # What it pays for is taxed by this address.
        changed["address"] = {name: text for name, text in address.to_dict().items() if text}
    stripe_call("customers.update", customer.customer_id, **changed)
    return _card_keep(customer, method)


@transaction.atomic
def _card_keep(customer: StripeCustomer, method: Any) -> StripeCustomer:
    """Told once, be it that the buyer comes back first or Stripe's event."""
    locked: StripeCustomer = StripeCustomer.objects.select_for_update().get(id=customer.id)
    # By the id: the label is in the language of whoever is here.
    before = {"method": locked.method_id}
    locked.method_id, locked.method_label = method.id, _label(method)
    locked.save(update_fields=["method_id", "method_label"])
    after = {"method": method.id}
    audit_record(
        workspace_id=locked.workspace_id,
        action="card_keep",
        before=before,
        after=after,
        target=locked.method_label,
        target_id=locked.customer_id,
    )
    return locked


def card_look(*, workspace_id: UUID, session_id: str) -> bool:
    """Keep the card of a session that this workspace's admin comes back from; whether there is one now."""
    customer = customer_find(workspace_id)
    if customer is None or not stripe_configured():
        return False
    try:
        session = stripe_call("checkout.sessions.retrieve", session_id)
        return stripe_id(session.customer) == customer.customer_id and card_keep(session) is not None
    except (StripeUnavailable, StripeRefused) as error:
        log.warning("card not looked at", action="card_look", workspace=str(workspace_id), error=str(error))
        return False


def tax_location_known(customer: StripeCustomer) -> bool:
    """Whether Stripe knows by which place to tax; also where it does not answer, and says so when it is asked to."""
    try:
        tax = stripe_call("customers.retrieve", customer.customer_id, expand=["tax"]).tax
    except (StripeUnavailable, StripeRefused) as error:
        log.warning("place not looked at", action="tax_location_known", customer=customer.customer_id, error=str(error))
        return True
    return tax.automatic_tax not in ("failed", "unrecognized_location")


def card_refresh(customer: StripeCustomer) -> None:
    """The card as the portal left it: another default, or none any more."""
    found = stripe_call("customers.retrieve", customer.customer_id, expand=["invoice_settings.default_payment_method"])
    method = found.invoice_settings.default_payment_method if found.invoice_settings else None
    customer.method_id = stripe_id(method)
    customer.method_label = _label(method) if method is not None else ""
    customer.save(update_fields=["method_id", "method_label"])


def _label(method: Any) -> str:
    card = getattr(method, "card", None)
    if card is None:
        return str(method.type)
    return _("%(brand)s ending in %(digits)s") % {"brand": str(card.brand).title(), "digits": card.last4}
