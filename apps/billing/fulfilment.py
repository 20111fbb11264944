"""From "Stripe says it is paid" to credits in the wallet, once, whoever says it first and however often.

The landing page, the webhook and the sweep all come here with an object that they have just read from Stripe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.invoices import invoice_discount, invoice_tax
from apps.billing.models import WAITING, Purchase, PurchaseKind, PurchaseState, TransactionKind
from apps.billing.postings import credits_topup
from apps.billing.refunds import purchase_claw_back
from apps.billing.stripe_client import stripe_id, stripe_metadata
from apps.common.live import poke
from apps.common.tenancy import unscoped

log = structlog.get_logger(__name__)
SETTLED = (PurchaseState.PAID, PurchaseState.MISMATCH)
# What a payment's own state means while the session that made it is complete and not paid.
UNDER_WAY = ("processing", "requires_capture", "requires_action", "requires_confirmation")
# An invoice that nobody can pay any more.
OVER = ("void", "uncollectible")
SESSION_EXPAND = ["payment_intent.latest_charge", "invoice"]


@dataclass(frozen=True)
class Payment:
    """What Stripe says of a payment that succeeded. Amounts in cents."""

    amount: int
    intent_id: str | None = None
    refunded: int = 0
    receipt_url: str = ""

    @classmethod
    def of_intent(cls, intent: Any, amount: int) -> Payment:
        """From a payment with its charge expanded; of nothing where nothing had to be paid."""
        charge: Any = getattr(intent, "latest_charge", None)
        if not hasattr(charge, "amount_refunded"):
            return cls(amount, stripe_id(intent) or None)
        return cls(amount, intent.id, charge.amount_refunded, charge.receipt_url or "")


@transaction.atomic
def session_fulfil(session: Any) -> Purchase | None:
    """Bring a purchase to what its checkout session says; None when the session is of no purchase of ours."""
    purchase = _purchase_of(session.client_reference_id)
    if purchase is None or purchase.state in SETTLED:
        return purchase
    before = purchase.state
    if problem := _session_problem(purchase, session):
        return _held(purchase, session.id, problem)
    purchase.session_id = session.id
    if session.status == "expired":
        purchase.state = PurchaseState.EXPIRED
    elif session.status == "complete":
        _session_complete(purchase, session)
    purchase.save()
    if purchase.state != before:
        poke(f"billing.{purchase.workspace_id}")
    return purchase


def _session_complete(purchase: Purchase, session: Any) -> None:
    if session.payment_status in ("paid", "no_payment_required"):
        purchase.invoice_url = getattr(session.invoice, "hosted_invoice_url", None) or ""
        purchase.subscription_id = stripe_id(session.subscription)
        # The invoice of a plan is a purchase of its own: that is where its month of credits comes from.
        if purchase.kind == PurchaseKind.PLAN:
            _settle(purchase, Payment(session.amount_total), source="", source_id="")
            return
        purchase.invoice_id = stripe_id(session.invoice) or None
        payment = Payment.of_intent(session.payment_intent, session.amount_total)
        _settle(purchase, payment, source="stripe_cs", source_id=session.id)
        return
    status = getattr(session.payment_intent, "status", "processing")
    purchase.state = PurchaseState.PROCESSING if status in UNDER_WAY else PurchaseState.FAILED
    purchase.error = "" if status in UNDER_WAY else _("The payment did not go through. Nothing was charged.")


@transaction.atomic
def invoice_fulfil(invoice: Any, payment: Payment) -> Purchase | None:
    """Bring an automatic top-up to what its invoice says; ``payment`` counts when it is paid.

    None for invoices that name no purchase of ours.
    """
    purchase = _purchase_of(stripe_metadata(invoice, "purchase"))
    if purchase is None or purchase.kind != PurchaseKind.AUTOMATIC or purchase.state in SETTLED:
        return purchase
    before = purchase.state
    if invoice.status == "paid" and (problem := invoice_problem(purchase, invoice)):
        return _held(purchase, "", problem)
    purchase.invoice_url = invoice.hosted_invoice_url or ""
    if invoice.status == "paid":
        _settle(purchase, payment, source="stripe_in", source_id=invoice.id)
    elif invoice.status in OVER and before in WAITING:
        purchase.state, purchase.error = PurchaseState.FAILED, _("The payment did not go through. Nothing was charged.")
    elif invoice.status == "open" and invoice.attempted and before == PurchaseState.OPEN:
        purchase.state = PurchaseState.PROCESSING
    purchase.save()
    if purchase.state != before:
        poke(f"billing.{purchase.workspace_id}")
    return purchase


def period_fulfil(*, purchase: Purchase, payment: Payment) -> None:
    """Grant a paid month of a plan. ``purchase`` is locked by the caller, and open."""
    _settle(purchase, payment, source="stripe_in", source_id=purchase.invoice_id or "", expires_at=purchase.period_end)
    purchase.save()
    poke(f"billing.{purchase.workspace_id}")


def _settle(
    purchase: Purchase, payment: Payment, *, source: str, source_id: str, expires_at: datetime | None = None
) -> None:
    purchase.state, purchase.error, purchase.paid_at = PurchaseState.PAID, "", timezone.now()
    purchase.paid, purchase.payment_intent_id = payment.amount, payment.intent_id or purchase.payment_intent_id
    purchase.receipt_url, purchase.refunded = payment.receipt_url, payment.refunded
    purchase.checkout_url = ""
    if purchase.credits:
        granted = credits_topup(
            workspace_id=purchase.workspace_id,
            amount=purchase.credits,
            source=source,
            source_id=source_id,
            description=purchase.description,
            actor_id=purchase.actor_id,
            expires_at=expires_at,
            kind=TransactionKind.PLAN if purchase.kind == PurchaseKind.PERIOD else TransactionKind.TOPUP,
        )
        purchase.topup_id = granted.id
        # A refund may have been told before the payment.
        purchase_claw_back(purchase)
    log.info("purchase paid", action="purchase_fulfil", purchase=str(purchase.id), amount=payment.amount)


def _purchase_of(reference: Any) -> Purchase | None:
    """The purchase that an object of Stripe's names, locked until the transaction ends."""
    try:
        purchase_id = UUID(str(reference))
    except ValueError:
        return None
    with unscoped("Stripe tells the purchase, and the purchase tells the workspace"):
        found: Purchase | None = Purchase.objects.select_for_update().filter(id=purchase_id).first()
    return found


def _session_problem(purchase: Purchase, session: Any) -> str:
    if session.status != "complete":
        return ""
    if stripe_metadata(session, "workspace") != str(purchase.workspace_id):
        return "another workspace"
    if purchase.session_id and purchase.session_id != session.id:
        return "another session"
    totals = session.total_details
    off = totals.amount_discount if totals else 0
    tax = totals.amount_tax if totals else 0
    if session.amount_total != session.amount_subtotal - off + tax:
        return f"a total of {session.amount_total} that its parts do not give"
    return _terms_problem(purchase, session, amount=session.amount_subtotal)


def invoice_problem(purchase: Purchase, invoice: Any) -> str:
    """What of an invoice is not as the purchase says, for staff; "" when it is."""
    if stripe_metadata(invoice, "workspace") != str(purchase.workspace_id):
        return "another workspace"
    if purchase.invoice_id != invoice.id:
        return "another invoice"
    if invoice.total != invoice.subtotal - invoice_discount(invoice) + invoice_tax(invoice):
        return f"a total of {invoice.total} that its parts do not give"
    return _terms_problem(purchase, invoice, amount=invoice.subtotal)


def _terms_problem(purchase: Purchase, thing: Any, *, amount: int) -> str:
    if thing.livemode != purchase.livemode:
        return "another mode"
    if thing.currency != purchase.currency:
        return f"the currency {thing.currency}"
    if amount != purchase.amount:
        return f"an amount of {amount} instead of {purchase.amount}"
    return ""


def _held(purchase: Purchase, session_id: str, problem: str) -> Purchase:
    """Nothing is granted, and people must look: the payment is not what was agreed."""
    log.error("payment does not match", action="purchase_fulfil", purchase=str(purchase.id), problem=problem)
    purchase.state, purchase.error = PurchaseState.MISMATCH, f"Stripe names {problem}."[:300]
    if session_id and not purchase.session_id:
        purchase.session_id = session_id
    purchase.save()
    poke(f"billing.{purchase.workspace_id}")
    return purchase


def purchase_fail(*, purchase_id: UUID, error: str) -> Purchase | None:
    """A payment was refused for good; None when it was settled meanwhile."""
    with transaction.atomic():
        purchase = _purchase_of(purchase_id)
        if purchase is None or purchase.state not in WAITING:
            return None
        purchase.state, purchase.error = PurchaseState.FAILED, error[:300]
        purchase.save(update_fields=["state", "error"])
        return purchase
