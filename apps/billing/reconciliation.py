"""Stripe's objects against ours: every difference is said, none is mended silently.

The webhooks and the sweeps mend what is late; what this finds is for people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Q
from django.utils import timezone

from apps.billing.models import (
    Dispute,
    Entry,
    InboxEvent,
    InboxState,
    LedgerTransaction,
    Purchase,
    PurchaseKind,
    PurchaseState,
    Reconciliation,
    StripeCustomer,
)
from apps.billing.stripe_client import stripe_call, stripe_id, stripe_livemode, stripe_metadata
from apps.common.tenancy import unscoped

log = structlog.get_logger(__name__)
# Nightly, but each night looks at three days: what was under way at one end is settled at the other.
WINDOW = timedelta(days=3)
# What happened in the last minutes may be on its way to us.
SETTLING = timedelta(minutes=10)
SOURCES = ("stripe_cs", "stripe_pi", "stripe_in")


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides. ``text`` says it in a sentence."""

    check: str
    id: str
    workspace: str
    ours: str
    theirs: str
    text: str


class Comparison:
    """What was compared since ``since``, and what was found."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self.since = since
        self.until = until
        self.counts: Counter[str] = Counter()
        self.differences: list[Difference] = []

    def run(self) -> None:
        """All checks, one after the other."""
        with unscoped("Stripe's account is one for all workspaces"):
            self._granted(self._sessions() | self._invoices())
            self._ledger()
            self._refunds()
            self._disputes()
            self._inbox()

    def _listed(self, name: str, **parameters: Any) -> Iterator[Any]:
        created = {"gte": int(self.since.timestamp()), "lte": int(self.until.timestamp())}
        for thing in stripe_call(f"{name}.list", created=created, limit=100, **parameters).auto_paging_iter():
            self.counts[name] += 1
            yield thing

    def _say(self, check: str, thing: str, purchase: Purchase | None, *, ours: Any, theirs: Any, text: str) -> None:
        workspace = str(purchase.workspace_id) if purchase is not None else ""
        self.differences.append(Difference(check, thing, workspace, str(ours), str(theirs), text))

    def _sessions(self) -> set[UUID]:
        seen = set()
        for session in self._listed("checkout.sessions", status="complete"):
            named = stripe_metadata(session, "purchase")
            if session.mode == "setup" or not named:
                continue
            is_paid = session.payment_status in ("paid", "no_payment_required")
            purchase = self._paid_alike(session.id, named, is_paid, session.amount_total)
            if purchase is not None and is_paid:
                seen.add(purchase.id)
        return seen

    def _paid_alike(self, thing: str, named: str, is_paid: bool, amount: int) -> Purchase | None:
        purchase: Purchase | None = Purchase.objects.filter(id=named).first()
        if purchase is None:
            text = "Stripe has a payment for a purchase that is not here."
            self._say("unknown purchase", thing, None, ours="nothing", theirs=named, text=text)
        elif is_paid and purchase.state != PurchaseState.PAID:
            text = f"Stripe was paid {amount} cents, and the purchase is {purchase.state}: nothing was granted."
            self._say("paid, not granted", thing, purchase, ours=purchase.state, theirs="paid", text=text)
        elif not is_paid and purchase.state == PurchaseState.PAID:
            text = "Credits were granted for a payment that Stripe does not call paid."
            self._say("granted, not paid", thing, purchase, ours="paid", theirs="not paid", text=text)
        elif is_paid and purchase.paid != amount:
            text = f"We noted {purchase.paid} cents, Stripe was paid {amount}."
            self._say("amount", thing, purchase, ours=purchase.paid, theirs=amount, text=text)
        return purchase

    def _invoices(self) -> set[UUID]:
        """Those of automatic top-ups name their purchase, those of plans their subscription."""
        seen = set()
        for invoice in self._listed("invoices", status="paid"):
            details = getattr(invoice.parent, "subscription_details", None)
            if named := stripe_metadata(invoice, "purchase"):
                purchase = self._paid_alike(invoice.id, named, True, invoice.amount_paid)
                if purchase is not None:
                    seen.add(purchase.id)
            elif details is not None:
                self._period(invoice)
        return seen

    def _period(self, invoice: Any) -> None:
        if not StripeCustomer.objects.filter(customer_id=stripe_id(invoice.customer)).exists():
            return
        purchase = Purchase.objects.filter(invoice_id=invoice.id).first()
        if purchase is None or purchase.state != PurchaseState.PAID:
            text = "A month of a plan was paid, and its credits were not granted."
            state = purchase.state if purchase else "nothing"
            self._say("paid, not granted", invoice.id, purchase, ours=state, theirs="paid", text=text)

    def _granted(self, seen: set[UUID]) -> None:
        """Ours that were paid in this time, and that Stripe did not list: asked for one by one."""
        paid = Purchase.objects.filter(
            state=PurchaseState.PAID, livemode=stripe_livemode(), paid_at__gte=self.since, paid_at__lt=self.until
        )
        others = paid.exclude(id__in=seen).exclude(kind=PurchaseKind.PERIOD)
        for purchase in others.exclude(kind=PurchaseKind.AUTOMATIC, invoice_id=None).iterator():
            self.counts["purchases asked for"] += 1
            if purchase.kind == PurchaseKind.AUTOMATIC:
                invoice = stripe_call("invoices.retrieve", purchase.invoice_id)
                theirs, is_paid = invoice.id, invoice.status == "paid"
            else:
                session = stripe_call("checkout.sessions.retrieve", purchase.session_id)
                theirs, is_paid = session.id, session.payment_status in ("paid", "no_payment_required")
            if not is_paid:
                text = "Credits were granted for a payment that Stripe does not call paid."
                self._say("granted, not paid", theirs, purchase, ours="paid", theirs="not paid", text=text)

    def _ledger(self) -> None:
        """Every paid purchase has its line in the ledger, of its amount; every line of a purchase has its purchase."""
        window = Q(paid_at__gte=self.since, paid_at__lt=self.until)
        for purchase in Purchase.objects.filter(window, state=PurchaseState.PAID, credits__gt=0).iterator():
            self.counts["ledger lines"] += 1
            source_id = {
                PurchaseKind.PACK: purchase.session_id,
                # Paid without an invoice before 0105.
                PurchaseKind.AUTOMATIC: purchase.invoice_id or purchase.payment_intent_id,
                PurchaseKind.PERIOD: purchase.invoice_id,
            }[PurchaseKind(purchase.kind)]
            granted = Entry.objects.filter(
                transaction__source__in=SOURCES, transaction__source_id=source_id, workspace_id=purchase.workspace_id
            ).filter(amount__gt=0)
            amount = sum(
                granted.filter(transaction__workspace_id=purchase.workspace_id).values_list("amount", flat=True)
            )
            if amount != purchase.credits:
                text = f"The ledger granted {amount} micro-credits, the purchase says {purchase.credits}."
                self._say("ledger", str(source_id), purchase, ours=amount, theirs=purchase.credits, text=text)
        lines = LedgerTransaction.objects.filter(
            source__in=SOURCES, created_at__gte=self.since, created_at__lt=self.until
        )
        for line in lines.iterator():
            named = Q(session_id=line.source_id) | Q(payment_intent_id=line.source_id) | Q(invoice_id=line.source_id)
            if not Purchase.objects.filter(named, workspace_id=line.workspace_id, state=PurchaseState.PAID).exists():
                text = "The ledger has bought credits without a paid purchase."
                self._say("ledger", line.source_id, None, ours=line.id, theirs="nothing", text=text)

    def _refunds(self) -> None:
        for refund in self._listed("refunds", expand=["data.charge"]):
            purchase = Purchase.objects.filter(payment_intent_id=stripe_id(refund.payment_intent) or None).first()
            if purchase is not None and purchase.refunded != refund.charge.amount_refunded:
                theirs = refund.charge.amount_refunded
                text = f"Stripe refunded {theirs} cents, and {purchase.refunded} were taken back here."
                self._say("refund", refund.id, purchase, ours=purchase.refunded, theirs=theirs, text=text)

    def _disputes(self) -> None:
        for dispute in self._listed("disputes"):
            purchase = Purchase.objects.filter(payment_intent_id=stripe_id(dispute.payment_intent) or None).first()
            if purchase is None:
                continue
            row = Dispute.objects.filter(dispute_id=dispute.id).first()
            status = row.status if row else "nothing"
            if status != dispute.status:
                text = f"Stripe calls the dispute {dispute.status}, here it is {status}."
                self._say("dispute", dispute.id, purchase, ours=status, theirs=dispute.status, text=text)

    def _inbox(self) -> None:
        for row in InboxEvent.objects.filter(state=InboxState.FAILED, received_at__lt=self.until):
            self.counts["failed webhooks"] += 1
            text = f"An event was tried {row.attempts} times in vain: {row.error}"
            self._say("webhook", row.event_id, None, ours=row.state, theirs=row.type, text=text)


def stripe_reconcile(*, since: datetime, until: datetime) -> Reconciliation:
    """Compare what happened between two moments, and keep the report. Raises StripeUnavailable, StripeRefused."""
    found = Comparison(since, until)
    found.run()
    return Reconciliation.objects.create(
        since=since,
        until=until,
        livemode=stripe_livemode(),
        counts=dict(found.counts),
        differences=[asdict(one) for one in found.differences],
    )


def reconcile_nightly() -> Reconciliation:
    """The last three days, up to what may still be on its way."""
    until = timezone.now() - SETTLING
    report = stripe_reconcile(since=until - WINDOW, until=until)
    for one in report.differences:
        log.error("stripe differs", action="reconcile_nightly", check=one["check"], thing=one["id"], text=one["text"])
    return report


def report_text(report: Reconciliation) -> str:
    """The report for a terminal or a mail."""
    mode = "live" if report.livemode else "test"
    lines = [
        f"Stripe ({mode} mode) and Millrace from {report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC",
        "",
    ]
    lines += [f"  {count:>7}  {name}" for name, count in sorted(report.counts.items())] or ["  nothing happened"]
    lines += ["", f"{len(report.differences)} differences"]
    for one in report.differences:
        where = f" (workspace {one['workspace']})" if one["workspace"] else ""
        lines += [f"  {one['check']}: {one['id']}{where}", f"    {one['text']}"]
    return "\n".join(lines)
