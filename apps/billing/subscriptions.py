"""Plans by the month. Stripe says what was paid; each paid month grants its credits once and says the plan.

The plan of a workspace follows from two things: the newest paid month, and whether the subscription still lives. A
living one keeps its plan over the hour in which Stripe prepares the next invoice; any other keeps what is paid for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.checkouts import PurchaseRefused, checkout_open, purchases_ask
from apps.billing.fulfilment import Payment, period_fulfil
from apps.billing.invoices import invoice_intent
from apps.billing.models import (
    Purchase,
    PurchaseKind,
    PurchaseState,
    StripeCustomer,
    Subscription,
)
from apps.billing.offers import PLAN_OFFERS, PlanOffer
from apps.billing.refunds import disputes_look
from apps.billing.stripe_client import (
    StripeRefused,
    StripeUnavailable,
    stripe_call,
    stripe_id,
    stripe_livemode,
    stripe_metadata,
)
from apps.common.tenancy import unscoped
from apps.workspaces.audit import audit_record
from apps.workspaces.models import Workspace
from apps.workspaces.plans import PlanName

log = structlog.get_logger(__name__)
LIVING = ("active", "trialing")
ENDED = ("canceled", "incomplete_expired")
GRANTED_FOR = ("subscription_create", "subscription_cycle", "subscription_update")


def subscription_find(workspace_id: UUID) -> Subscription | None:
    """The subscription that runs, or None."""
    rows = Subscription.objects.for_workspace(workspace_id).filter(ended_at=None, livemode=stripe_livemode())
    found: Subscription | None = rows.order_by("-created_at").first()
    return found


def plan_start(
    *, workspace_id: UUID, actor_id: UUID, plan: PlanName, email: str, return_url: Callable[[UUID], str]
) -> Purchase:
    """Open a checkout for a plan. Raises PurchaseRefused when one runs already, StripeUnavailable, StripeRefused.

    ``return_url`` gives the address to come back to, by the purchase's id. Checkouts of plans that were left open
    are closed first: paid later, they would be a second subscription.
    """
    purchases_ask(workspace_id)
    offer = PLAN_OFFERS.get(plan)
    if offer is None:
        raise PurchaseRefused(_("There is no such plan. Choose one of those that are shown."))
    if subscription_find(workspace_id) is not None:
        raise PurchaseRefused(_("This workspace has a plan already. Change it instead."))
    _plans_close(workspace_id)
    purchase = _plan_purchase(workspace_id, actor_id, offer)
    return checkout_open(
        purchase=purchase,
        email=email,
        return_url=return_url(purchase.id),
        mode="subscription",
        line_items=[{"price": price_id(offer), "quantity": 1}],
        subscription_data={"metadata": {"workspace": str(workspace_id)}},
    )


@transaction.atomic
def _plan_purchase(workspace_id: UUID, actor_id: UUID, offer: PlanOffer) -> Purchase:
    made: Purchase = Purchase.objects.for_workspace(workspace_id).create(
        workspace_id=workspace_id,
        kind=PurchaseKind.PLAN,
        description=_("%(plan)s plan, monthly") % {"plan": offer.plan.label},
        credits=0,
        amount=offer.amount,
        currency=settings.BILLING_CURRENCY,
        livemode=stripe_livemode(),
        plan=offer.plan,
        actor_id=actor_id,
    )
    audit_record(
        workspace_id=workspace_id,
        action="plan_start",
        target=made.description,
        target_id=made.id,
        after={"plan": offer.plan.value, "amount": offer.amount, "currency": made.currency},
        actor_id=actor_id,
    )
    return made


def _plans_close(workspace_id: UUID) -> None:
    rows = Purchase.objects.for_workspace(workspace_id).filter(kind=PurchaseKind.PLAN, state=PurchaseState.OPEN)
    for purchase in rows:
        if purchase.session_id:
            try:
                stripe_call("checkout.sessions.expire", purchase.session_id)
            except StripeRefused as error:
                # It was paid this very moment, or is over.
                log.info("checkout not closed", action="plan_start", purchase=str(purchase.id), error=str(error))
                continue
        rows.filter(id=purchase.id).update(state=PurchaseState.EXPIRED, checkout_url="")


def price_id(offer: PlanOffer) -> str:
    """The price at Stripe, made there when it is the first time."""
    found = stripe_call("prices.list", lookup_keys=[offer.lookup_key], active=True, limit=1)
    if found.data:
        return str(found.data[0].id)
    made = stripe_call(
        "prices.create",
        key=f"price-{offer.lookup_key}",
        currency=settings.BILLING_CURRENCY,
        unit_amount=offer.amount,
        lookup_key=offer.lookup_key,
        recurring={"interval": "month"},
        metadata={"plan": offer.plan.value},
        product_data={"name": f"Millrace {offer.plan.value.title()}"},
        **({"tax_behavior": "exclusive"} if settings.STRIPE_TAX else {}),
    )
    return str(made.id)


def plan_change(*, workspace_id: UUID, plan: PlanName) -> Subscription:
    """Move a running subscription to another plan.

    Up: a new month begins now, at its whole price and with all its credits; those of the old month stay until they
    expire. Down: what is paid for is kept, and the next month is the smaller one. Neither refunds a part of a month,
    whose credits may be spent already.
    """
    subscription, offer = subscription_find(workspace_id), PLAN_OFFERS.get(plan)
    if subscription is None or offer is None or subscription.plan == plan:
        raise PurchaseRefused(_("The plan cannot be changed to this. Reload the page and look again."))
    current = stripe_call("subscriptions.retrieve", subscription.subscription_id)
    is_up = offer.amount > PLAN_OFFERS[PlanName(subscription.plan)].amount
    changed = stripe_call(
        "subscriptions.update",
        subscription.subscription_id,
        items=[{"id": current["items"].data[0].id, "price": price_id(offer)}],
        proration_behavior="none",
        cancel_at_period_end=False,
        **({"billing_cycle_anchor": "now", "payment_behavior": "error_if_incomplete"} if is_up else {}),
    )
    row = _changed_apply(subscription, changed, plan)
    if is_up and changed.latest_invoice:
        invoice_look(stripe_id(changed.latest_invoice))
    return row


@transaction.atomic
def _changed_apply(before: Subscription, changed: Any, plan: PlanName) -> Subscription:
    row = subscription_apply(changed)
    assert row is not None
    audit_record(
        workspace_id=before.workspace_id,
        action="plan_change",
        target=str(plan.label),
        target_id=before.subscription_id,
        before={"plan": before.plan},
        after={"plan": plan.value},
    )
    return row


# --- What Stripe says ----------------------------------------------------------------------------------------------


@transaction.atomic
def subscription_apply(subscription: Any) -> Subscription | None:
    """Bring our row, and the workspace's plan, to what Stripe says; None when it is not of a customer of ours."""
    workspace_id = _workspace_of(subscription)
    plan = _plan_of(subscription)
    if workspace_id is None or plan is None:
        return None
    item = subscription["items"].data[0]
    told = {
        "plan": plan,
        "status": subscription.status,
        "current_period_end": _moment(item.current_period_end),
        "cancel_at_period_end": bool(subscription.cancel_at_period_end or subscription.cancel_at),
        "ended_at": _moment(subscription.ended_at) if subscription.status in ENDED else None,
    }
    row: Subscription
    row, _made = Subscription.objects.for_workspace(workspace_id).update_or_create(
        subscription_id=subscription.id,
        defaults=told,
        create_defaults={"workspace_id": workspace_id, "livemode": subscription.livemode, **told},
    )
    plan_refresh(workspace_id)
    return row


def subscription_look(subscription_id: str) -> Subscription | None:
    """Read a subscription from Stripe and apply it."""
    return subscription_apply(stripe_call("subscriptions.retrieve", subscription_id))


def invoice_look(invoice_id: str) -> Purchase | None:
    """Read an invoice from Stripe and apply it."""
    return invoice_apply(stripe_call("invoices.retrieve", invoice_id))


def invoice_apply(invoice: Any) -> Purchase | None:
    """When an invoice paid a month of a plan, grant that month. None for other invoices."""
    details = getattr(invoice.parent, "subscription_details", None)
    if invoice.status != "paid" or details is None or invoice.billing_reason not in GRANTED_FOR:
        return None
    # Also for an invoice without a payment: the row is what says that the plan runs.
    row = subscription_look(stripe_id(details.subscription))
    if row is None:
        return None
    intent = invoice_intent(invoice)
    line = max(invoice.lines.data, key=lambda one: one.period.end)
    offer = PLAN_OFFERS[_plan_of_line(line) or PlanName(row.plan)]
    if invoice.billing_reason == "subscription_update" and invoice.subtotal < offer.amount:
        return None  # a part of a month, as other tools of Stripe's may bill it: its credits are granted already
    purchase = _period_paid(invoice, line, row, offer, Payment.of_intent(intent, invoice.amount_paid))
    charge = getattr(intent, "latest_charge", None)
    if getattr(charge, "disputed", False):
        disputes_look(stripe_id(charge))
    return purchase


@transaction.atomic
def _period_paid(invoice: Any, line: Any, subscription: Subscription, offer: PlanOffer, payment: Payment) -> Purchase:
    rows = Purchase.objects.for_workspace(subscription.workspace_id)
    first = {
        "workspace_id": subscription.workspace_id,
        "kind": PurchaseKind.PERIOD,
        "description": _("%(plan)s plan, one month") % {"plan": offer.plan.label},
        "credits": offer.credits,
        "amount": offer.amount,
        "currency": invoice.currency,
        "livemode": invoice.livemode,
        "plan": offer.plan,
        "subscription_id": subscription.subscription_id,
        "invoice_url": invoice.hosted_invoice_url or "",
        "period_start": _moment(line.period.start),
        "period_end": _moment(line.period.end),
    }
    rows.bulk_create([Purchase(invoice_id=invoice.id, **first)], ignore_conflicts=True)
    purchase: Purchase = rows.select_for_update().get(invoice_id=invoice.id)
    if purchase.state not in (PurchaseState.PAID, PurchaseState.MISMATCH):
        period_fulfil(purchase=purchase, payment=payment)
        plan_refresh(subscription.workspace_id)
    return purchase


def plan_paid(session: Any) -> None:
    """What a complete checkout of a plan brings: the subscription, and its first month."""
    subscription_look(stripe_id(session.subscription))
    if session.invoice:
        invoice_look(stripe_id(session.invoice))


# --- The plan of the workspace -------------------------------------------------------------------------------------


def plan_due(workspace_id: UUID, now: datetime) -> PlanName:
    """The plan that is paid for at this moment."""
    periods = Purchase.objects.for_workspace(workspace_id).filter(kind=PurchaseKind.PERIOD, state=PurchaseState.PAID)
    # Of two that end in the same second the later one: whoever changes a plan at once begins another month.
    newest = periods.order_by("-period_end", "-id").first()
    if newest is None:
        return PlanName.FREE
    living = Subscription.objects.for_workspace(workspace_id).filter(
        subscription_id=newest.subscription_id, status__in=LIVING
    )
    is_over = newest.period_end is None or newest.period_end <= now
    return PlanName.FREE if is_over and not living.exists() else PlanName(newest.plan)


def plan_refresh(workspace_id: UUID) -> None:
    """Set the workspace's plan to what is paid for. Plans that staff gave without a payment are left alone."""
    if not Purchase.objects.for_workspace(workspace_id).filter(kind=PurchaseKind.PERIOD).exists():
        return
    due = plan_due(workspace_id, timezone.now())
    if Workspace.objects.filter(id=workspace_id).exclude(plan=due).update(plan=due):
        log.info("plan changed", action="plan_refresh", workspace=str(workspace_id), plan=due.value)


def plans_sweep() -> None:
    """Lower the plans whose paid time is over, and ask Stripe for subscriptions whose renewal was not told."""
    now = timezone.now()
    with unscoped("a sweep looks at all workspaces"):
        late = Subscription.objects.filter(ended_at=None, livemode=stripe_livemode(), current_period_end__lt=now)
        found = list(late.order_by("current_period_end")[:100])
        ended = Subscription.objects.filter(workspace__plan__in=[offer.value for offer in PLAN_OFFERS])
        lapsed = set(ended.exclude(status__in=LIVING).values_list("workspace_id", flat=True)[:1000])
    for row in found:
        try:
            told = stripe_call("subscriptions.retrieve", row.subscription_id)
            subscription_apply(told)
            if told.latest_invoice:
                invoice_look(stripe_id(told.latest_invoice))
        except (StripeUnavailable, StripeRefused) as error:
            log.warning("plan not looked at", action="plans_sweep", subscription=row.subscription_id, error=str(error))
    for workspace_id in lapsed:
        plan_refresh(workspace_id)


def _workspace_of(subscription: Any) -> UUID | None:
    with unscoped("Stripe tells the customer, and the customer tells the workspace"):
        rows = StripeCustomer.objects.filter(
            customer_id=stripe_id(subscription.customer), livemode=subscription.livemode
        )
        found: UUID | None = rows.values_list("workspace_id", flat=True).first()
    return found


def _plan_of(subscription: Any) -> PlanName | None:
    items = subscription["items"].data
    return _plan_named(items[0].price) if items else None


def _plan_of_line(line: Any) -> PlanName | None:
    """A line of an invoice names its price by id only, so it is asked for."""
    price = getattr(getattr(line, "pricing", None), "price_details", None)
    if price is None or not price.price:
        return None
    found = stripe_call("prices.retrieve", stripe_id(price.price)) if isinstance(price.price, str) else price.price
    return _plan_named(found)


def _plan_named(price: Any) -> PlanName | None:
    """By the metadata that we gave the price: a lookup key moves on when a price changes."""
    name = stripe_metadata(price, "plan")
    return PlanName(name) if name in PLAN_OFFERS else None


def _moment(stamp: int | None) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if stamp else None
