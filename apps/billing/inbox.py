"""Webhooks of Stripe: a genuine event is one row, and says only "look at this object".

Whoever works on a row asks Stripe for the object as it is now, so that late, doubled and reordered events all end the
same. A row is tried again ever later; in the end a person must look (and may replay it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils import timezone

from apps.billing.customers import card_keep, card_refresh
from apps.billing.models import Dispute, InboxEvent, InboxState, Purchase, StripeCustomer, Subscription
from apps.billing.purchases import session_look
from apps.billing.refunds import charge_apply, dispute_apply
from apps.billing.stripe_client import stripe_call
from apps.billing.subscriptions import invoice_apply, subscription_look
from apps.billing.topups import topup_apply
from apps.common.ids import uuid7
from apps.common.models import TenantModel
from apps.common.tenancy import unscoped
from apps.workspaces.audit import audit_record

log = structlog.get_logger(__name__)
CLAIM = timedelta(minutes=2)
ATTEMPTS_MAX = 12
KEPT = timedelta(days=90)
BATCH = 100
_ID_LENGTH = 255


@dataclass(frozen=True)
class Told:
    """What of an event matters."""

    event_id: str
    type: str
    object_id: str
    told_at: datetime


class NotAnEvent(Exception):
    """It is signed, and yet not what Stripe says an event is."""


def told_of(event: dict[str, Any]) -> Told | None:
    """The event as we keep it; None for a type that we do nothing about. Raises NotAnEvent."""
    try:
        return _told(event)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise NotAnEvent(str(error)) from error


def _told(event: dict[str, Any]) -> Told | None:
    kind = str(event["type"])
    if kind not in HANDLERS:
        return None
    thing = event["data"]["object"]
    # A refund's own events speak of a charge, whose sum is what counts.
    object_id = thing["charge"] if kind.startswith("refund.") or kind == "charge.refund.updated" else thing["id"]
    told_at = datetime.fromtimestamp(int(event["created"]), UTC)
    return Told(_id(event["id"]), kind, _id(object_id or ""), told_at)


def _id(told: Any) -> str:
    if not (isinstance(told, str) and told.isascii() and told.isprintable() and len(told) <= _ID_LENGTH):
        raise ValueError("not an id")
    return told


_ACCEPT = """
INSERT INTO billing_inboxevent (id, event_id, type, object_id, state, attempts, error, due_at, told_at, received_at)
VALUES (%s, %s, %s, %s, 'waiting', 0, '', %s, %s, %s)
ON CONFLICT (event_id) DO NOTHING
"""


def inbox_accept(told: Told) -> UUID | None:
    """Keep an event; its row's id, or None when it was told before."""
    made, now = uuid7(), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_ACCEPT, [made, told.event_id, told.type, told.object_id, now, told.told_at, now])
        return made if cursor.rowcount else None


def inbox_work(inbox_id: UUID) -> bool:
    """Do what an event asks for, unless somebody is at it or it is done. Whether it is done now."""
    now = timezone.now()
    free = InboxEvent.objects.filter(id=inbox_id, state=InboxState.WAITING, due_at__lte=now)
    if not free.update(due_at=now + CLAIM):
        return False
    row = InboxEvent.objects.get(id=inbox_id)
    try:
        HANDLERS[row.type](row.object_id)
    except Exception as error:  # whatever it was is kept with the row, for whoever looks
        _failed(row, error)
        return False
    InboxEvent.objects.filter(id=inbox_id).update(
        state=InboxState.DONE, done_at=timezone.now(), attempts=row.attempts + 1, error=""
    )
    return True


def _failed(row: InboxEvent, error: Exception) -> None:
    attempts = row.attempts + 1
    is_over = attempts >= ATTEMPTS_MAX
    wait = timedelta(seconds=min(10 * 2**attempts, 6 * 3600))
    InboxEvent.objects.filter(id=row.id).update(
        attempts=attempts,
        error=f"{type(error).__name__}: {error}"[:500],
        state=InboxState.FAILED if is_over else InboxState.WAITING,
        due_at=timezone.now() + wait,
    )
    say = log.error if is_over else log.warning
    say("event not worked", action="inbox_work", told=row.event_id, type=row.type, attempts=attempts, error=str(error))


def inbox_due() -> list[UUID]:
    """Events whose message was lost, or that are to be tried again, the oldest first."""
    rows = InboxEvent.objects.filter(state=InboxState.WAITING, due_at__lte=timezone.now() - timedelta(seconds=5))
    return list(rows.order_by("due_at").values_list("id", flat=True)[:BATCH])


def inbox_replay(*, inbox_id: UUID) -> bool:
    """Work on an event again, done or failed, from the first attempt; whether it went well. For staff."""
    rows = InboxEvent.objects.filter(id=inbox_id).exclude(state=InboxState.WAITING, due_at__gt=timezone.now())
    with transaction.atomic():
        for row in rows.select_for_update():
            before, row.state, row.attempts, row.error = row.state, InboxState.WAITING, 0, ""
            row.due_at, row.done_at = timezone.now(), None
            row.save(update_fields=["state", "attempts", "error", "due_at", "done_at"])
            _replay_tell(row, before)
    return inbox_work(inbox_id)


# Where an object's id is kept once we know whose it is. A charge's is not: what it tells is in the log by itself.
_KNOWN_BY: tuple[tuple[type[TenantModel], str], ...] = (
    (Purchase, "session_id"),
    (Purchase, "invoice_id"),
    (Purchase, "payment_intent_id"),
    (Subscription, "subscription_id"),
    (Dispute, "dispute_id"),
    (StripeCustomer, "customer_id"),
    (StripeCustomer, "method_id"),
)


def _replay_tell(row: InboxEvent, before: str) -> None:
    """In the log of the workspace that the event is about, where that is known."""
    with unscoped("Stripe names an object, and the object tells the workspace"):
        found = (
            model.objects.filter(**{name: row.object_id}).values_list("workspace_id", flat=True).first()
            for model, name in _KNOWN_BY
        )
        workspace_id = next(filter(None, found), None)
    log.info("event replayed", action="inbox_replay", told=row.event_id, workspace=str(workspace_id or ""))
    if workspace_id is not None:
        audit_record(
            workspace_id=workspace_id,
            action="inbox_replay",
            target=row.type,
            target_id=row.event_id,
            before={"state": before},
        )


def inbox_forget() -> None:
    """Drop what is done with and old."""
    InboxEvent.objects.filter(state=InboxState.DONE, received_at__lt=timezone.now() - KEPT).delete()


# --- What each type asks for ---------------------------------------------------------------------------------------


def _session(object_id: str) -> None:
    if session_look(object_id) is None:
        session = stripe_call("checkout.sessions.retrieve", object_id)
        with unscoped("Stripe tells the customer, and the customer tells the workspace"):
            card_keep(session)


def _charge(object_id: str) -> None:
    if object_id:
        charge_apply(stripe_call("charges.retrieve", object_id))


def _dispute(object_id: str) -> None:
    dispute_apply(stripe_call("disputes.retrieve", object_id))


def _invoice(object_id: str) -> None:
    invoice = stripe_call("invoices.retrieve", object_id)
    if topup_apply(invoice) is None:
        invoice_apply(invoice)


def _subscription(object_id: str) -> None:
    subscription_look(object_id)


def _customer(object_id: str) -> None:
    with unscoped("Stripe tells the customer, and the customer tells the workspace"):
        customer = StripeCustomer.objects.filter(customer_id=object_id).first()
        if customer is not None:
            card_refresh(customer)


def _method(object_id: str) -> None:
    with unscoped("Stripe tells the card, and the card tells the workspace"):
        for customer in StripeCustomer.objects.filter(method_id=object_id):
            card_refresh(customer)


HANDLERS: dict[str, Callable[[str], None]] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session,
    "checkout.session.expired": _session,
    "charge.refunded": _charge,
    "charge.refund.updated": _charge,
    "refund.created": _charge,
    "refund.updated": _charge,
    "refund.failed": _charge,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
    "invoice.paid": _invoice,
    "invoice.payment_failed": _invoice,
    "invoice.payment_action_required": _invoice,
    "invoice.voided": _invoice,
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
    "customer.updated": _customer,
    "payment_method.detached": _method,
}
