"""Money that goes back: refunds and disputes take the credits it had bought.

Stripe tells how much of a charge was refunded in all, so the target follows from the newest object alone, and only what
is missing to it is posted: neither order nor repetition of events matters.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.causes import DISPUTE, REFUND, REFUND_FAILED
from apps.billing.models import Dispute, Purchase
from apps.billing.postings import credits_clawback, credits_freeze, credits_topup, credits_unfreeze
from apps.billing.stripe_client import stripe_call, stripe_id
from apps.common.money import money_text
from apps.common.origin import Origin, origin
from apps.common.tenancy import unscoped
from apps.workspaces.audit import audit_record

log = structlog.get_logger(__name__)
# A bank that only asks has taken nothing yet.
FREEZES = ("needs_response", "under_review")
LOST = "lost"


class RefundRefused(ValueError):
    """This much cannot be paid back; the message says how much can."""


def purchase_refund(*, purchase: Purchase, amount: int, reason: str, key: str) -> Purchase:
    """Pay ``amount`` cents back at Stripe, and take the credits they had bought. For staff; ``key``: once.

    Raises RefundRefused, StripeUnavailable, StripeRefused. Where we die in between, Stripe's webhook does the rest.
    """
    left = purchase.paid - purchase.refunded - purchase.disputed
    if not purchase.payment_intent_id or not 0 < amount <= left:
        most = money_text(max(0, left), purchase.currency)
        raise RefundRefused(_("At most %(most)s of this payment can be paid back.") % {"most": most})
    refund = stripe_call(
        "refunds.create",
        key=key,
        payment_intent=purchase.payment_intent_id,
        amount=amount,
        reason="requested_by_customer",
        metadata={"reason": reason[:500]},
    )
    done = charge_apply(stripe_call("charges.retrieve", stripe_id(refund.charge)))
    log.info("refunded", action="purchase_refund", purchase=str(purchase.id), amount=amount)
    return done or purchase


def purchase_claw_back(purchase: Purchase, dispute: Dispute | None = None) -> None:
    """Take (or give again) the credits between what was clawed back and what should be. ``purchase`` is locked.

    ``dispute``: the lost one that is the reason; what was frozen for it goes first. The caller saves both.
    """
    gone = min(purchase.paid, purchase.refunded + purchase.disputed)
    target = purchase.credits * gone // purchase.paid if purchase.paid else 0
    missing = target - purchase.clawed_back
    if missing == 0:
        return
    purchase.clawbacks += 1
    before, purchase.clawed_back = purchase.clawed_back, target
    changed = {"before": {"clawed_back": before}, "after": {"clawed_back": target}}
    again = f"{purchase.id}:{purchase.clawbacks}"
    if missing < 0:
        # A bank sent a refund back: the buyer has paid after all.
        credits_topup(
            workspace_id=purchase.workspace_id,
            amount=-missing,
            source=REFUND_FAILED,
            source_id=again,
            description=_("Paid after all: %(what)s") % {"what": purchase.description},
        )
        _tell("purchase_give_back", purchase, **changed)
        return
    taken = credits_clawback(
        workspace_id=purchase.workspace_id,
        amount=missing,
        source=DISPUTE if dispute else REFUND,
        source_id=dispute.dispute_id if dispute else again,
        description=_("Paid back: %(what)s") % {"what": purchase.description},
        topup_id=purchase.topup_id,
    )
    if dispute is None:
        _tell("purchase_claw_back", purchase, **changed)
    log.info("credits clawed back", action="purchase_claw_back", purchase=str(purchase.id), asked=missing, taken=taken)


def _tell(action: str, purchase: Purchase, **changed: Any) -> None:
    # Whoever's page or replay made us look, this is Stripe's word.
    with origin(Origin()):
        audit_record(
            workspace_id=purchase.workspace_id,
            action=action,
            target=purchase.description,
            target_id=purchase.id,
            **changed,
        )


@transaction.atomic
def charge_apply(charge: Any) -> Purchase | None:
    """Bring a purchase to what its charge says was refunded; None when the charge is of no purchase that is paid.

    A refund that is told before its payment is found when the payment is fulfilled.
    """
    purchase = _paid_by(stripe_id(charge.payment_intent))
    if purchase is None:
        return None
    purchase.refunded = charge.amount_refunded
    purchase_claw_back(purchase)
    purchase.save(update_fields=["refunded", "clawed_back", "clawbacks"])
    return purchase


@transaction.atomic
def dispute_apply(dispute: Any) -> Dispute | None:
    """Bring a purchase to what its dispute says: frozen while it is open, back when won, taken when lost."""
    purchase = _paid_by(stripe_id(dispute.payment_intent))
    if purchase is None:
        return None
    row, is_new = _dispute_row(purchase, dispute)
    was_open = row.settled_at is None
    row.status = dispute.status
    if dispute.status in FREEZES and not row.frozen and row.settled_at is None:
        _freeze(purchase, row)
    elif dispute.status not in FREEZES and not dispute.status.startswith("warning_needs"):
        _close(purchase, row)
    row.save()
    if is_new or (was_open and row.settled_at is not None):
        action = "dispute_open" if row.settled_at is None else "dispute_close"
        told = {"dispute": row.dispute_id, "status": row.status, "amount": row.amount, "frozen": row.frozen}
        told["currency"] = purchase.currency
        _tell(action, purchase, after=told)
    return row


def disputes_look(charge_id: str) -> None:
    """Bring every dispute of a charge to what Stripe says."""
    for dispute in stripe_call("disputes.list", charge=charge_id, limit=100).auto_paging_iter():
        dispute_apply(dispute)


def _dispute_row(purchase: Purchase, dispute: Any) -> tuple[Dispute, bool]:
    rows = Dispute.objects.for_workspace(purchase.workspace_id)
    first = {"purchase": purchase, "amount": dispute.amount, "reason": dispute.reason, "status": dispute.status}
    row: Dispute
    row, made = rows.get_or_create(dispute_id=dispute.id, defaults={"workspace_id": purchase.workspace_id, **first})
    return row, made


def _freeze(purchase: Purchase, row: Dispute) -> None:
    share = purchase.credits * min(row.amount, purchase.paid) // purchase.paid if purchase.paid else 0
    amount = min(share, purchase.credits - purchase.clawed_back)
    if amount > 0:
        credits_freeze(
            workspace_id=row.workspace_id,
            amount=amount,
            source=DISPUTE,
            source_id=row.dispute_id,
            description=_("Disputed: %(what)s") % {"what": purchase.description},
            topup_id=purchase.topup_id,
        )
        row.frozen = amount


def _close(purchase: Purchase, row: Dispute) -> None:
    """Of a lost dispute take for good what it was about; of any other give back what was frozen."""
    if row.settled_at is not None:
        return
    row.settled_at = timezone.now()
    before = purchase.clawed_back
    if row.status == LOST:
        row.save()
        lost = purchase.disputes.for_workspace(purchase.workspace_id).filter(status=LOST)
        purchase.disputed = lost.aggregate(sum=Sum("amount"))["sum"] or 0
        purchase_claw_back(purchase, row)
        purchase.save(update_fields=["disputed", "clawed_back", "clawbacks"])
    # Where all of it had been refunded already there was nothing left to take, and nothing may stay frozen.
    if row.frozen and purchase.clawed_back == before:
        credits_unfreeze(
            workspace_id=row.workspace_id,
            amount=row.frozen,
            source=DISPUTE,
            source_id=row.dispute_id,
            description=_("Dispute closed: %(what)s") % {"what": purchase.description},
        )
    row.frozen = 0


def _paid_by(intent_id: str) -> Purchase | None:
    """The purchase that was paid by this payment, locked."""
    with unscoped("Stripe tells the payment, and the payment tells the workspace"):
        rows = Purchase.objects.select_for_update().filter(payment_intent_id=intent_id or None, credits__gt=0)
        found: Purchase | None = rows.filter(paid_at__isnull=False).first() if intent_id else None
    return found
