"""What a line of the ledger leads to: the step that spent it, or the purchase that brought it or went back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from apps.billing.models import Dispute, LedgerTransaction, Purchase, PurchaseKind, TransactionKind

# The sources of postings whose id begins with that of a purchase, and of those that are named for a dispute.
REFUND = "stripe_refund"
REFUND_FAILED = "stripe_refund_failed"
DISPUTE = "stripe_dispute"


class Place(NamedTuple):
    """The step that a paid call was for. ``run`` is its own run's id: that may be a step of the run that was billed."""

    run: UUID
    node: str
    item: int
    attempt: int
    title: str

    @property
    def anchor(self) -> str:
        """What opens the step on its run's page."""
        return f"#step={quote(self.node, safe='')}.{self.item}"


Places = Mapping[UUID, Place]
# Of a workspace's generations those that are steps the reader in scope sees. Runs lie above: they register here.
place_finders: list[Callable[[UUID, Collection[UUID]], Places]] = []


@dataclass(frozen=True)
class Cause:
    """Where a line came from; all of it empty for credits that were given, corrected or paid a debt."""

    run_id: UUID | None = None
    generation_id: UUID | None = None
    place: Place | None = None
    purchase: Purchase | None = None

    def path(self, slug: str) -> str:
        """The address that tells most about it: a page of the site, or a paper at Stripe; "" where there is none."""
        if self.place:
            return reverse("runs:run_detail", args=[slug, self.place.run]) + self.place.anchor
        if self.generation_id:
            return reverse("generations:generation_detail", args=[slug, self.generation_id])
        if self.run_id:
            return reverse("runs:run_detail", args=[slug, self.run_id])
        return purchase_path(slug, self.purchase) if self.purchase else ""

    def url(self, slug: str) -> str:
        """The same, absolute."""
        path = self.path(slug)
        return settings.PUBLIC_URL + path if path.startswith("/") else path


def purchase_path(slug: str, purchase: Purchase) -> str:
    """Its receipt or invoice at Stripe; where there is none our page of it. A plan's month has no page of its own."""
    if paper := purchase.receipt_url or purchase.invoice_url:
        return paper
    if purchase.kind == PurchaseKind.PERIOD:
        return reverse("billing:payments", args=[slug])
    return reverse("billing:purchase", args=[slug, purchase.id])


def causes(workspace_id: UUID, made: Iterable[LedgerTransaction]) -> dict[UUID, Cause]:
    """Where each of these transactions came from, by its id. They are as their reader may know them."""
    rows = list(made)
    bought = _purchases(workspace_id, rows)
    found = places(workspace_id, {row.generation_id for row in rows if row.generation_id})
    return {
        row.id: Cause(
            row.run_id,
            row.generation_id,
            found.get(row.generation_id) if row.generation_id else None,
            bought.get(row.id),
        )
        for row in rows
    }


def places(workspace_id: UUID, generation_ids: Collection[UUID]) -> Places:
    """The steps of these generations. Ask inside of the workspace's scope."""
    found: dict[UUID, Place] = {}
    if generation_ids:
        for finder in place_finders:
            found |= finder(workspace_id, generation_ids)
    return found


def _purchases(workspace_id: UUID, rows: list[LedgerTransaction]) -> dict[UUID, Purchase]:
    """By transaction: the purchase that was granted, contested or paid back, or whose credits expired."""
    asked = {row.id: topup for row in rows if (topup := _topup_of(row))}
    asked |= {row.id: UUID(row.source_id.partition(":")[0]) for row in rows if row.source in (REFUND, REFUND_FAILED)}
    asked |= _contested(workspace_id, {row.id: row.source_id for row in rows if row.source == DISPUTE})
    if not asked:
        return {}
    ids = set(asked.values())
    found = Purchase.objects.for_workspace(workspace_id).filter(Q(topup_id__in=ids) | Q(id__in=ids))
    known = {key: one for one in found for key in (one.id, one.topup_id) if key}
    return {row_id: known[key] for row_id, key in asked.items() if key in known}


def _topup_of(row: LedgerTransaction) -> UUID | None:
    """The transaction that brought the credits: of a grant of bought ones itself, of an expiry that of its only lot."""
    if row.kind in (TransactionKind.TOPUP, TransactionKind.PLAN):
        return row.id
    lots = {part.lot.transaction_id for part in row.lots.all()} if row.kind == TransactionKind.EXPIRY else set()
    return lots.pop() if len(lots) == 1 else None


def _contested(workspace_id: UUID, named: Mapping[UUID, str]) -> dict[UUID, UUID]:
    if not named:
        return {}
    rows = Dispute.objects.for_workspace(workspace_id).filter(dispute_id__in=set(named.values()))
    purchases = dict(rows.values_list("dispute_id", "purchase_id"))
    return {row_id: purchases[dispute_id] for row_id, dispute_id in named.items() if dispute_id in purchases}
