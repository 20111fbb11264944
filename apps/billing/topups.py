"""Automatic top-up: buy credits with the kept card when few are left.

A tick finds the wallets that fell below their rule's threshold. The purchase is written first, and the database allows
one open automatic purchase per workspace; it is paid by an invoice of its own, which a tick after a lost answer finds
and goes on with. One purchase lifts the balance above the threshold, so the next is for another fall.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.customers import customer_find, tax_location_known
from apps.billing.fulfilment import Payment, invoice_fulfil, invoice_problem, purchase_fail
from apps.billing.invoices import invoice_end, invoice_intent, invoice_pay, invoice_prepare, refusal_of
from apps.billing.letters import letter_write
from apps.billing.models import (
    WAITING,
    Account,
    AccountKind,
    Dispute,
    Purchase,
    PurchaseKind,
    PurchaseState,
    TopupRule,
)
from apps.billing.offers import amount_of, credits_description
from apps.billing.refunds import disputes_look
from apps.billing.stripe_client import (
    NEEDS_PERSON,
    StripeRefused,
    StripeUnavailable,
    no_tax_location,
    stripe_call,
    stripe_configured,
    stripe_id,
    stripe_livemode,
    stripe_metadata,
)
from apps.billing.wallet import balance_get
from apps.common.money import credits_text, money_text
from apps.common.tenancy import unscoped
from apps.workspaces.audit import audit_record
from apps.workspaces.switches import SwitchName, switch_on

log = structlog.get_logger(__name__)
# A card that was refused is not tried again at once: an hour after the first time, then two.
RETRY_AFTER = timedelta(hours=1)
# What was lost is asked for again while Stripe still knows the key (24 hours), and then given up.
KEY_HOLDS = timedelta(hours=23)


class TopupRefused(Exception):
    """The rule cannot be switched on; the message says what to do first."""


@dataclass(frozen=True)
class TopupTerms:
    """Micro-credits below which to buy, micro-credits to buy, and cents a month at most."""

    threshold: int
    credits: int
    monthly_cap: int


def rule_find(workspace_id: UUID) -> TopupRule | None:
    """The workspace's rule, on or off; None when there never was one."""
    found: TopupRule | None = TopupRule.objects.for_workspace(workspace_id).first()
    return found


def topup_set(*, workspace_id: UUID, enabled: bool, terms: TopupTerms) -> TopupRule:
    """Keep a rule, on or off. Raises TopupRefused where there is no card to pay with, or no place to tax by."""
    customer = customer_find(workspace_id)
    if enabled and (customer is None or not customer.method_id):
        raise TopupRefused(_("Add a card first: automatic top-up pays with it."))
    if enabled and customer and settings.STRIPE_TAX and not tax_location_known(customer):
        raise TopupRefused(no_tax_location())
    values = {"enabled": enabled, **asdict(terms)}
    again = {"failures": 0, "not_before": None, "cap_told_at": None}
    rows = TopupRule.objects.for_workspace(workspace_id)
    with transaction.atomic():
        before = rows.select_for_update().values(*values).first()
        row: TopupRule
        row, _made = rows.update_or_create(workspace_id=workspace_id, defaults={**values, **again})
        audit_record(
            workspace_id=workspace_id,
            action="topup_set",
            before=before,
            after=values,
            target=credits_description(terms.credits),
            target_id=row.pk,
        )
    return row


def topups_due() -> list[UUID]:
    """Workspaces whose wallet lies below their rule's threshold, and that may pay now."""
    if not stripe_configured():
        return []
    now = timezone.now()
    with unscoped("a tick looks at all workspaces"):
        rules = TopupRule.objects.filter(enabled=True, workspace__erase_at=None).exclude(not_before__gt=now)
        wallets = Account.objects.filter(kind=AccountKind.WALLET, workspace_id__in=rules.values("workspace_id"))
        left = dict(wallets.annotate(left=F("posted") - F("held") - F("owed")).values_list("workspace_id", "left"))
        low = [rule.workspace_id for rule in rules if left.get(rule.workspace_id, 0) < rule.threshold]
        return [workspace_id for workspace_id in low if switch_on(SwitchName.PURCHASES, workspace_id)]


def topup_buy(workspace_id: UUID) -> Purchase | None:
    """Buy once for one fall; None when there is no reason to (any more), or a cap or a dispute stands against it."""
    purchase = _open_one(workspace_id) or _start(workspace_id)
    return None if purchase is None else _pay(purchase)


def _open_one(workspace_id: UUID) -> Purchase | None:
    """An automatic purchase whose payment was asked for, and whose answer did not come."""
    rows = Purchase.objects.for_workspace(workspace_id)
    found: Purchase | None = rows.filter(kind=PurchaseKind.AUTOMATIC, state__in=WAITING).first()
    return found


def _start(workspace_id: UUID) -> Purchase | None:
    try:
        with transaction.atomic():
            rule = TopupRule.objects.for_workspace(workspace_id).select_for_update().filter(enabled=True).first()
            if rule is None or not _is_low(rule) or _is_disputed(workspace_id) or not _cap_allows(rule):
                return None
            made: Purchase = Purchase.objects.for_workspace(workspace_id).create(
                workspace_id=workspace_id,
                kind=PurchaseKind.AUTOMATIC,
                description=credits_description(rule.credits),
                credits=rule.credits,
                amount=amount_of(rule.credits),
                currency=settings.BILLING_CURRENCY,
                livemode=stripe_livemode(),
            )
            # The insert may have waited for another purchase to be paid, which the look before could not see.
            if not _is_low(rule):
                transaction.set_rollback(True)
                return None
            return made
    except IntegrityError:
        return None  # another tick was faster


def _is_low(rule: TopupRule) -> bool:
    """Looked at again under the rule's lock: a purchase may have been paid since the tick saw the wallet."""
    return balance_get(workspace_id=rule.workspace_id).available < rule.threshold


def _is_disputed(workspace_id: UUID) -> bool:
    return bool(Dispute.objects.for_workspace(workspace_id).filter(settled_at=None, frozen__gt=0).exists())


def _month_begin(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _month_end(moment: datetime) -> datetime:
    return _month_begin(_month_begin(moment) + timedelta(days=32))


def spent_this_month(workspace_id: UUID) -> int:
    """Cents that automatic purchases have cost since the month began (UTC), tax included, or are about to."""
    paid, waiting = _spent(workspace_id, timezone.now())
    return paid + waiting


def _spent(workspace_id: UUID, month: datetime) -> tuple[int, int]:
    """Cents that were charged for what began in the month of this moment, and the price of what is under way."""
    begin, end = _month_begin(month), _month_end(month)
    rows = Purchase.objects.for_workspace(workspace_id).filter(
        kind=PurchaseKind.AUTOMATIC, created_at__gte=begin, created_at__lt=end
    )
    sums = rows.aggregate(
        paid=Sum("paid", filter=Q(state=PurchaseState.PAID)), waiting=Sum("amount", filter=Q(state__in=WAITING))
    )
    return int(sums["paid"] or 0), int(sums["waiting"] or 0)


def _cap_allows(rule: TopupRule) -> bool:
    if spent_this_month(rule.workspace_id) + amount_of(rule.credits) <= rule.monthly_cap:
        return True
    _cap_tell(rule)
    return False


def _cap_tell(rule: TopupRule) -> None:
    """A letter, once a month and cap. ``rule`` is locked."""
    month = _month_begin(timezone.now())
    if rule.cap_told_at is None or rule.cap_told_at < month:
        rule.cap_told_at = timezone.now()
        rule.save(update_fields=["cap_told_at"])
        cap = money_text(rule.monthly_cap, settings.BILLING_CURRENCY)
        event = f"topup_cap {month:%Y-%m} {rule.monthly_cap} {rule.cap_told_at.isoformat()}"
        letter_write(workspace_id=rule.workspace_id, event=event, name="topup_cap", told={"cap": cap})


# --- Paying --------------------------------------------------------------------------------------------------------


class _OverCap(Exception):
    """The invoice's total, which is known before it is paid, does not fit into the month any more."""


def _pay(purchase: Purchase) -> Purchase:
    """Go on with its invoice from wherever that stands, to its payment."""
    try:
        return topup_apply(_charged(purchase)) or purchase
    except StripeUnavailable:
        return purchase  # it may be paid; the next tick looks at its invoice
    except _OverCap:
        return _over_cap(purchase)
    except StripeRefused as refused:
        return _refused(purchase, refused)


def _charged(purchase: Purchase) -> Any:
    customer = customer_find(purchase.workspace_id)
    if customer is None or not customer.method_id:
        raise StripeRefused(_("There is no card to pay with any more."))
    if purchase.created_at < timezone.now() - KEY_HOLDS:
        raise StripeRefused(_("Stripe did not answer for a day. Nothing was charged."))
    invoice = invoice_prepare(purchase, customer)
    if invoice.status != "open" or invoice.attempted:
        return invoice
    if problem := invoice_problem(purchase, invoice):
        log.error("invoice does not match", action="topup_buy", purchase=str(purchase.id), problem=problem)
        raise StripeRefused(_("Stripe's invoice is not what was agreed. Nothing was charged."))
    rule = TopupRule.objects.for_workspace(purchase.workspace_id).get()
    if _spent(purchase.workspace_id, purchase.created_at)[0] + invoice.amount_due > rule.monthly_cap:
        raise _OverCap
    return invoice_pay(purchase, customer)


def topup_apply(invoice: Any) -> Purchase | None:
    """Bring an automatic top-up to what its invoice says, which was just read from Stripe; None for other invoices."""
    purchase = _purchase_named(invoice)
    if purchase is None:
        return None
    intent = invoice_intent(invoice)
    if refused := refusal_of(invoice, intent):
        return _refused(purchase, refused)
    done = invoice_fulfil(invoice, Payment.of_intent(intent, invoice.amount_paid))
    if done is not None and done.state == PurchaseState.PAID:
        TopupRule.objects.for_workspace(done.workspace_id).update(failures=0, not_before=None)
        charge = getattr(intent, "latest_charge", None)
        if getattr(charge, "disputed", False):
            disputes_look(stripe_id(charge))
    return done


def _purchase_named(invoice: Any) -> Purchase | None:
    try:
        named = UUID(stripe_metadata(invoice, "purchase"))
    except ValueError:
        return None
    with unscoped("Stripe tells the purchase, and the purchase tells the workspace"):
        found: Purchase | None = Purchase.objects.filter(id=named, kind=PurchaseKind.AUTOMATIC).first()
    return found


def topup_look(purchase: Purchase) -> None:
    """See what became of an automatic purchase, without paying it; after a day of silence it is given up."""
    if purchase.invoice_id:
        topup_apply(stripe_call("invoices.retrieve", purchase.invoice_id))
    if purchase.created_at < timezone.now() - KEY_HOLDS:
        rows = Purchase.objects.for_workspace(purchase.workspace_id)
        if rows.filter(id=purchase.id, state=PurchaseState.OPEN).exists():
            _refused(purchase, StripeRefused(_("Stripe did not answer for a day. Nothing was charged.")))


def _over_cap(purchase: Purchase) -> Purchase:
    """With its tax it would exceed the cap: nothing more this month, and no invoice every twenty seconds."""
    try:
        invoice_end(purchase)
    except StripeUnavailable:
        return purchase
    with transaction.atomic():
        error = _("With tax it would have exceeded the monthly cap. Nothing was charged.")
        failed = purchase_fail(purchase_id=purchase.id, error=error)
        if failed is None:
            return purchase
        rule = TopupRule.objects.for_workspace(purchase.workspace_id).select_for_update().get()
        rule.not_before = _month_end(timezone.now())
        rule.save(update_fields=["not_before"])
        _cap_tell(rule)
    return failed


def _refused(purchase: Purchase, refused: StripeRefused) -> Purchase:
    """It was refused: take the invoice back, try later, tell the admins, and after the third time stop."""
    try:
        invoice = invoice_end(purchase)
    except StripeUnavailable:
        return purchase
    if invoice is not None and invoice.status == "paid":
        return topup_apply(invoice) or purchase
    with transaction.atomic():
        failed = purchase_fail(purchase_id=purchase.id, error=str(refused))
        if failed is None:
            return purchase
        rule = TopupRule.objects.for_workspace(purchase.workspace_id).select_for_update().get()
        rule.failures += 1
        rule.enabled = rule.enabled and rule.failures < TopupRule.FAILURES_MAX
        rule.not_before = timezone.now() + RETRY_AFTER * rule.failures
        rule.save(update_fields=["failures", "enabled", "not_before"])
        told = {
            "credits": credits_text(purchase.credits),
            "amount": money_text(invoice.total if invoice is not None else purchase.amount, purchase.currency),
            "reason": str(refused),
            "needs_person": refused.code in NEEDS_PERSON,
            "is_off": not rule.enabled,
        }
        event = f"topup_failed {purchase.id}"
        letter_write(workspace_id=purchase.workspace_id, event=event, name="topup_failed", told=told)
    log.warning("top-up refused", action="topup_buy", workspace=str(purchase.workspace_id), failures=rule.failures)
    return failed
