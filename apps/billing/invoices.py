"""Invoices at Stripe: the one that an automatic top-up is paid by, and the payment behind any.

Each step has an Idempotency-Key of its own, and what comes next is read from the invoice: whoever begins again after a
crash or a lost answer goes on where it stands. Its total, tax included, is known before anything is charged.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from apps.billing.models import Purchase, StripeCustomer
from apps.billing.stripe_client import AUTHENTICATION, StripeRefused, stripe_call, stripe_id

log = structlog.get_logger(__name__)
# What a payment may be that needs neither another card nor a person.
GOES_ON = ("processing", "requires_capture", "succeeded")


def invoice_prepare(purchase: Purchase, customer: StripeCustomer) -> Any:
    """The purchase's invoice with its total, whatever became of it. Raises StripeUnavailable, StripeRefused."""
    invoice = _invoice(purchase, customer)
    if invoice.status != "draft":
        return invoice
    if not invoice.lines.data:
        stripe_call(
            "invoice_items.create",
            key=f"{purchase.id}:item",
            customer=customer.customer_id,
            invoice=invoice.id,
            amount=purchase.amount,
            currency=purchase.currency,
            description=purchase.description,
            tax_behavior="exclusive",
        )
    return stripe_call("invoices.finalize_invoice", invoice.id, key=f"{purchase.id}:finalize", auto_advance=False)


def _invoice(purchase: Purchase, customer: StripeCustomer) -> Any:
    """Its id is kept before there is anything to pay on it."""
    if purchase.invoice_id:
        return stripe_call("invoices.retrieve", purchase.invoice_id)
    invoice = stripe_call(
        "invoices.create",
        key=str(purchase.id),
        customer=customer.customer_id,
        currency=purchase.currency,
        collection_method="charge_automatically",
        # Stripe's own retries would charge at moments that nobody here decided on.
        auto_advance=False,
        automatic_tax={"enabled": bool(settings.STRIPE_TAX)},
        pending_invoice_items_behavior="exclude",
        metadata={"workspace": str(purchase.workspace_id), "purchase": str(purchase.id)},
    )
    Purchase.objects.for_workspace(purchase.workspace_id).filter(id=purchase.id).update(invoice_id=invoice.id)
    purchase.invoice_id = invoice.id
    return invoice


def invoice_pay(purchase: Purchase, customer: StripeCustomer) -> Any:
    """Charge the kept card, once. Raises StripeUnavailable, and StripeRefused with the bank's reason."""
    return stripe_call(
        "invoices.pay",
        purchase.invoice_id,
        key=f"{purchase.id}:pay",
        payment_method=customer.method_id,
        off_session=True,
    )


def invoice_end(purchase: Purchase) -> Any:
    """Take back what is not paid, so that nobody pays it later; answers the invoice as it was found, None for none."""
    if not purchase.invoice_id:
        return None
    try:
        invoice = stripe_call("invoices.retrieve", purchase.invoice_id)
        if invoice.status == "draft":
            stripe_call("invoices.delete", invoice.id)
        elif invoice.status == "open":
            stripe_call("invoices.void_invoice", invoice.id, key=f"{purchase.id}:void")
    except StripeRefused as error:
        # It is gone already, or was paid this very moment: then its payment is granted when it is told.
        log.info("invoice not taken back", action="invoice_end", purchase=str(purchase.id), error=str(error))
        return None
    return invoice


def invoice_intent(invoice: Any) -> Any:
    """The payment of an invoice, with its charge; None where nothing was to be paid, or nothing was tried."""
    if invoice.status != "paid" and not invoice.attempted:
        return None
    status = {"status": "paid"} if invoice.status == "paid" else {}
    payments = stripe_call("invoice_payments.list", invoice=invoice.id, limit=1, **status).data
    intent_id = stripe_id(payments[0].payment.payment_intent) if payments else ""
    return stripe_call("payment_intents.retrieve", intent_id, expand=["latest_charge"]) if intent_id else None


def refusal_of(invoice: Any, intent: Any) -> StripeRefused | None:
    """Why an open invoice was not paid when it was tried; None where it was not, or may still be."""
    if invoice.status != "open" or not invoice.attempted or getattr(intent, "status", "") in GOES_ON:
        return None
    error = getattr(intent, "last_payment_error", None)
    code = AUTHENTICATION if getattr(intent, "status", "") == "requires_action" else getattr(error, "code", None)
    message = getattr(error, "message", None) or _("The payment did not go through. Nothing was charged.")
    return StripeRefused(message, code=code or "")


def invoice_tax(invoice: Any) -> int:
    """Cents of tax on top of its prices."""
    return sum(one.amount for one in invoice.total_taxes or () if one.tax_behavior == "exclusive")


def invoice_discount(invoice: Any) -> int:
    """Cents that were taken off."""
    return sum(one.amount for one in invoice.total_discount_amounts or ())
