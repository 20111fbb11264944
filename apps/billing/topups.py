"""Automatic top-up: buy credits with the kept card when few are left.

A tick finds the wallets that fell below their rule's threshold. The purchase is written first, and the database allows
one open automatic purchase per workspace; it is paid with its own id as the Idempotency-Key, so that asking again after
a lost answer cannot pay twice. One purchase lifts the balance above the threshold, so the next is for another fall.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing.customers import customer_find
from apps.billing.fulfilment import intent_fulfil, purchase_fail
from apps.billing.letters import letter_write
from apps.billing.models import (
    WAITING,
    Account,
    AccountKind,
    Dispute,
    Purchase,
    PurchaseKind,
    PurchaseState,
    StripeCustomer,
    TopupRule,
)
from apps.billing.offers import amount_of, credits_description
from apps.billing.stripe_client import StripeRefused, StripeUnavailable, stripe_call, stripe_configured, stripe_livemode
from apps.billing.wallet import balance_get
from apps.common.money import credits_text, money_text
from apps.common.tenancy import unscoped
from apps.workspaces.audit import audit_record
from apps.workspaces.switches import SwitchName, switch_on

log = structlog.get_logger(__name__)
# A card that was refused is not tried again at once: an hour after the first time, then two.
RETRY_AFTER = timedelta(hours=1)
# An answer that was lost is asked for again while Stripe still knows the key (24 hours).
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
    """Keep a rule, on or off. Raises TopupRefused where there is no card to pay with."""
    customer = customer_find(workspace_id)
    if enabled and settings.STRIPE_TAX:
        # A payment without a checkout has no address to tax by.
        raise TopupRefused(_("Automatic top-up is not offered where tax is added to prices."))
    if enabled and (customer is None or not customer.method_id):
        raise TopupRefused(_("Add a card first: automatic top-up pays with it."))
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


def _month_begin(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def spent_this_month(workspace_id: UUID) -> int:
    """Cents that automatic purchases have cost, or are about to, since the month began (UTC)."""
    rows = Purchase.objects.for_workspace(workspace_id).filter(
        kind=PurchaseKind.AUTOMATIC,
        state__in=[*WAITING, PurchaseState.PAID],
        created_at__gte=_month_begin(timezone.now()),
    )
    return int(rows.aggregate(sum=Sum("amount"))["sum"] or 0)


def _cap_allows(rule: TopupRule) -> bool:
    if spent_this_month(rule.workspace_id) + amount_of(rule.credits) <= rule.monthly_cap:
        return True
    month = _month_begin(timezone.now())
    if rule.cap_told_at is None or rule.cap_told_at < month:
        rule.cap_told_at = timezone.now()
        rule.save(update_fields=["cap_told_at"])
        cap = money_text(rule.monthly_cap, settings.BILLING_CURRENCY)
        event = f"topup_cap {month:%Y-%m} {rule.monthly_cap} {rule.cap_told_at.isoformat()}"
        letter_write(workspace_id=rule.workspace_id, event=event, name="topup_cap", told={"cap": cap})
    return False


def _pay(purchase: Purchase) -> Purchase:
    customer = customer_find(purchase.workspace_id)
    if customer is None or not customer.method_id:
        return _refused(purchase, StripeRefused(_("There is no card to pay with any more.")))
    try:
        intent = _intent(purchase, customer)
    except StripeUnavailable:
        return purchase  # it may be paid; the next tick asks with the same key
    except StripeRefused as refused:
        return _refused(purchase, refused)
    done = intent_fulfil(intent)
    if done is not None and done.state == PurchaseState.PAID:
        TopupRule.objects.for_workspace(purchase.workspace_id).update(failures=0, not_before=None)
    return done or purchase


def _intent(purchase: Purchase, customer: StripeCustomer) -> Any:
    if purchase.created_at < timezone.now() - KEY_HOLDS:
        raise StripeRefused(_("Stripe did not answer for a day. Look there whether it was charged."))
    return stripe_call(
        "payment_intents.create",
        key=str(purchase.id),
        amount=purchase.amount,
        currency=purchase.currency,
        customer=customer.customer_id,
        payment_method=customer.method_id,
        off_session=True,
        confirm=True,
        description=purchase.description,
        metadata={"workspace": str(purchase.workspace_id), "purchase": str(purchase.id)},
        expand=["latest_charge"],
    )


def _refused(purchase: Purchase, refused: StripeRefused) -> Purchase:
    """The card was refused: try later, tell the admins, and after the third time stop."""
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
            "amount": money_text(purchase.amount, purchase.currency),
            "reason": str(refused),
            "needs_person": refused.code == "authentication_required",
            "is_off": not rule.enabled,
        }
        event = f"topup_failed {purchase.id}"
        letter_write(workspace_id=purchase.workspace_id, event=event, name="topup_failed", told=told)
    log.warning("top-up refused", action="topup_buy", workspace=str(purchase.workspace_id), failures=rule.failures)
    return failed
