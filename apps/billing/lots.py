"""Which lots a posting draws on. Ask under the wallet's lock: it guards its lots too.

A charge burns lots in ``BURN_ORDER`` in its own statement (``ledger``). What goes back to whoever paid is taken the
other way round, the payment's own lot first: a refund of a purchase takes bought credits before it takes gifts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from apps.billing.models import BURN_ORDER, Account, Lot, LotEntry

Parts = Mapping[UUID, int]


def lots_open(wallet: Account) -> list[Lot]:
    """What is left, in the order in which it burns."""
    assert wallet.workspace_id is not None
    return list(
        Lot.objects.for_workspace(wallet.workspace_id).filter(account=wallet, is_open=True).order_by(*BURN_ORDER)
    )


def parts_burnt(wallet: Account, amount: int) -> Parts:
    """``amount`` out of the lots as a charge would take it; negative per lot."""
    return _drawn(((lot.id, lot.remaining) for lot in lots_open(wallet)), amount)


def parts_taken(wallet: Account, amount: int, *, of: UUID | None = None, back: Parts | None = None) -> Parts:
    """``amount`` out of the lots, those that burn last first; negative per lot.

    ``of`` is the transaction whose lot is asked before all others. ``back`` is put into its lots beforehand and they
    are asked next; the answer is then both together.
    """
    assert wallet.workspace_id is not None
    back = back or {}
    rows = Lot.objects.for_workspace(wallet.workspace_id).filter(account=wallet)
    lots = list(rows.filter(Q(is_open=True) | Q(id__in=list(back))).order_by(*BURN_ORDER))[::-1]
    lots.sort(key=lambda lot: (lot.transaction_id != of, lot.id not in back))
    taken = _drawn(((lot.id, lot.remaining + back.get(lot.id, 0)) for lot in lots), amount)
    both: dict[UUID, int] = defaultdict(int, back)
    for lot_id, part in taken.items():
        both[lot_id] += part
    return {lot_id: part for lot_id, part in both.items() if part}


def parts_back(workspace_id: UUID, transaction_id: UUID) -> Parts:
    """What a transaction took, put back into the same lots; positive per lot."""
    rows = LotEntry.objects.for_workspace(workspace_id).filter(transaction=transaction_id, amount__lt=0)
    return {lot_id: -amount for lot_id, amount in rows.values_list("lot_id", "amount")}


def parts_expired(wallet: Account, now: datetime) -> Parts:
    """What is past its time in each lot, negative. What open holds are going to burn stays until they are settled."""
    covered, parts = wallet.held, {}
    for lot in lots_open(wallet):
        kept = min(covered, lot.remaining)
        covered -= kept
        if lot.expires_at and lot.expires_at <= now and lot.remaining > kept:
            parts[lot.id] = kept - lot.remaining
    return parts


def _drawn(lots: Iterable[tuple[UUID, int]], amount: int) -> dict[UUID, int]:
    parts = {}
    for lot_id, remaining in lots:
        part = min(amount, remaining)
        if part <= 0:
            continue
        parts[lot_id] = -part
        amount -= part
    return parts
