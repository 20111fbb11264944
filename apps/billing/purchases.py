"""Buying: a purchase is written down first, then Stripe is asked for a page to pay on, then whoever hears of it looks.

Nothing here holds a transaction while Stripe is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.checkouts import OPEN_FOR, PurchaseRefused, checkout_open, purchases_ask
from apps.billing.fulfilment import SESSION_EXPAND, session_fulfil
from apps.billing.models import WAITING, Purchase, PurchaseKind, PurchaseState
from apps.billing.offers import CUSTOM_LEAST, CUSTOM_MOST, PACKS, credits_description, credits_of
from apps.billing.refunds import disputes_look
from apps.billing.stripe_client import (
    StripeRefused,
    StripeUnavailable,
    stripe_call,
    stripe_id,
    stripe_livemode,
)
from apps.billing.subscriptions import plan_paid
from apps.billing.topups import topup_look
from apps.common.money import money_text
from apps.common.tenancy import unscoped
from apps.workspaces.audit import audit_record

log = structlog.get_logger(__name__)
# How often whoever waits on the page makes us ask Stripe, and how often the sweep does.
LOOK_EVERY = timedelta(seconds=3)
SWEEP_EVERY = timedelta(minutes=2)
SWEEP_BATCH = 50
OPEN_MOST = 20


class RequestReused(Exception):
    """The same key was used before to buy something else."""


@dataclass(frozen=True)
class Order:
    """What somebody wants: a pack by its name, or credits for so many cents."""

    pack: str = ""
    amount: int = 0

    def terms(self) -> tuple[int, int]:
        """Micro-credits and cents; PurchaseRefused with the reason when it is not for sale."""
        currency = settings.BILLING_CURRENCY
        if self.pack:
            if self.pack not in PACKS:
                raise PurchaseRefused(_("There is no such pack. Choose one of those that are shown."))
            return PACKS[self.pack].credits, PACKS[self.pack].amount
        if not CUSTOM_LEAST <= self.amount <= CUSTOM_MOST:
            limits = {"least": money_text(CUSTOM_LEAST, currency), "most": money_text(CUSTOM_MOST, currency)}
            raise PurchaseRefused(_("Choose an amount from %(least)s to %(most)s.") % limits)
        return credits_of(self.amount), self.amount


def purchase_start(*, workspace_id: UUID, actor_id: UUID, order: Order, request_key: str = "") -> Purchase:
    """Write down what is to be bought; the same ``request_key`` answers the first purchase, whatever became of it.

    Raises PurchaseRefused, RequestReused.
    """
    purchases_ask(workspace_id)
    bought, amount = order.terms()
    rows = Purchase.objects.for_workspace(workspace_id)
    if request_key and (found := rows.filter(request_key=request_key).first()):
        return _same(found, bought, amount)
    if rows.filter(state=PurchaseState.OPEN).count() >= OPEN_MOST:
        raise PurchaseRefused(_("Too many purchases are waiting to be paid. Pay one, or try again in two hours."))
    try:
        with transaction.atomic():
            made: Purchase = rows.create(
                workspace_id=workspace_id,
                kind=PurchaseKind.PACK,
                description=credits_description(bought),
                credits=bought,
                amount=amount,
                currency=settings.BILLING_CURRENCY,
                livemode=stripe_livemode(),
                actor_id=actor_id,
                request_key=request_key or None,
            )
            audit_record(
                workspace_id=workspace_id,
                action="purchase_start",
                target=made.description,
                target_id=made.id,
                after={"credits": bought, "amount": amount, "currency": made.currency},
                actor_id=actor_id,
            )
            return made
    except IntegrityError:
        return _same(rows.get(request_key=request_key), bought, amount)


def _same(found: Purchase, bought: int, amount: int) -> Purchase:
    if (found.kind, found.credits, found.amount) != (PurchaseKind.PACK, bought, amount):
        raise RequestReused(_("This Idempotency-Key was used for another request. Use a new key."))
    return found


def purchase_checkout(*, purchase: Purchase, email: str, return_url: str) -> Purchase:
    """Give an open purchase its page at Stripe; a second call finds the first one's.

    ``return_url`` is where the buyer comes back to, having paid or not. Raises StripeUnavailable, StripeRefused.
    """
    line = {
        "quantity": 1,
        "price_data": {
            "currency": purchase.currency,
            "unit_amount": purchase.amount,
            "product_data": {"name": purchase.description},
            **({"tax_behavior": "exclusive"} if settings.STRIPE_TAX else {}),
        },
    }
    metadata = {"workspace": str(purchase.workspace_id), "purchase": str(purchase.id)}
    return checkout_open(
        purchase=purchase,
        email=email,
        return_url=return_url,
        mode="payment",
        line_items=[line],
        payment_intent_data={"metadata": metadata, "description": purchase.description},
        invoice_creation={"enabled": True},
    )


def purchase_look(*, purchase: Purchase) -> Purchase:
    """Ask Stripe how an unpaid purchase stands, unless somebody has just asked; answers it as it is now."""
    now = timezone.now()
    rows = Purchase.objects.for_workspace(purchase.workspace_id).filter(id=purchase.id, state__in=WAITING)
    free = rows.exclude(looked_at__gt=now - LOOK_EVERY)
    is_automatic = purchase.kind == PurchaseKind.AUTOMATIC
    if (is_automatic or purchase.session_id) and free.update(looked_at=now):
        try:
            if is_automatic:
                topup_look(purchase)
            elif purchase.session_id:
                session_look(purchase.session_id)
        except (StripeUnavailable, StripeRefused) as error:
            log.warning("purchase not looked at", action="purchase_look", purchase=str(purchase.id), error=str(error))
    purchase.refresh_from_db(from_queryset=Purchase.objects.for_workspace(purchase.workspace_id))
    return purchase


def returned_look(*, purchase: Purchase, session_id: str) -> None:
    """Whoever comes back from Stripe names the session: it is asked for at once, also where we never learnt its id."""
    if session_id and purchase.state in WAITING and purchase.session_id in (None, session_id):
        try:
            session_look(session_id[:255])
        except (StripeUnavailable, StripeRefused) as error:
            log.warning("return not looked at", action="returned_look", purchase=str(purchase.id), error=str(error))


def session_look(session_id: str) -> Purchase | None:
    """Read a session from Stripe and bring its purchase to what it says; None when it is of no purchase of ours."""
    session = stripe_call("checkout.sessions.retrieve", session_id, expand=SESSION_EXPAND)
    purchase = session_fulfil(session)
    if purchase is not None and purchase.state == PurchaseState.PAID:
        if session.mode == "subscription":
            plan_paid(session)
        charge = getattr(session.payment_intent, "latest_charge", None)
        if getattr(charge, "disputed", False):
            disputes_look(stripe_id(charge))
    return purchase


def purchases_sweep() -> None:
    """Ask Stripe for purchases whose webhook has not come, and end those that nobody can pay any more."""
    now = timezone.now()
    with unscoped("a sweep looks at all workspaces"):
        waiting = Purchase.objects.filter(state__in=WAITING, livemode=stripe_livemode())
        # Their page was never shown, or its address was lost: nobody can pay there.
        waiting.filter(state=PurchaseState.OPEN, session_id=None, created_at__lt=now - OPEN_FOR).exclude(
            kind=PurchaseKind.AUTOMATIC
        ).update(state=PurchaseState.EXPIRED)
        asked = waiting.exclude(session_id=None) | waiting.filter(kind=PurchaseKind.AUTOMATIC)
        due = asked.exclude(looked_at__gt=now - SWEEP_EVERY)
        found = list(due.filter(created_at__lt=now - SWEEP_EVERY).order_by("looked_at")[:SWEEP_BATCH])
    for purchase in found:
        purchase_look(purchase=purchase)
