"""Credits that come, go back, are contested or corrected: everything that moves a wallet but holds.

Each door waits for the wallet, decides under its lock, and posts one line; what is owed is paid at once out of what
came. A repeat of ``(source, source_id)`` finds the first line: the same request changes nothing, another is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing import ledger
from apps.billing.lots import Parts, parts_back, parts_burnt, parts_taken
from apps.billing.models import Account, AccountKind, Entry, LedgerTransaction, LotPriority, TransactionKind
from apps.billing.wallet import InsufficientCredits, amount_check, balance_of
from apps.common.ids import uuid7
from apps.common.live import poke
from apps.common.money import credits_text
from apps.workspaces.audit import audit_record

BOUGHT = {
    TransactionKind.TOPUP: (AccountKind.PAYMENTS, LotPriority.BOUGHT),
    TransactionKind.PLAN: (AccountKind.PLANS, LotPriority.PLAN),
}

BY_HAND = {TransactionKind.GRANT: "credits_grant", TransactionKind.CORRECTION: "credits_correct"}


class ReplayMismatch(ValueError):
    """The same id was used before for something else."""


class FreezeMissing(LookupError):
    """Nothing is frozen for this dispute: it was never opened, or it is decided."""


@dataclass(frozen=True)
class Request:
    """What a door was asked for; ``asked`` in micro-credits."""

    workspace_id: UUID
    kind: TransactionKind
    source: str
    source_id: str
    asked: int
    description: str
    actor_id: UUID | None = None


@dataclass(frozen=True)
class NewLot:
    """The lot that a line makes."""

    priority: LotPriority
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Move:
    """What one line moves: ``amount`` on the wallet, the rest on the ``sides``; together they are zero.

    The wallet's part is a new ``lot``, or what ``parts`` adds to each lot.
    """

    amount: int
    sides: Mapping[AccountKind, int]
    parts: Parts = field(default_factory=dict)
    lot: NewLot | None = None


def credits_grant(
    *,
    workspace_id: UUID,
    amount: int,
    reason: str,
    source: str,
    source_id: str,
    actor_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> LedgerTransaction:
    """Give ``amount`` to a workspace, once per ``(source, source_id)``; a repeat answers the first transaction.

    Credits that were given burn before any others. Raises ReplayMismatch when that source gave another amount, or to
    another workspace.
    """
    amount_check(amount, least=1)
    asked = Request(workspace_id, TransactionKind.GRANT, source, str(source_id), amount, reason, actor_id)
    lot = NewLot(LotPriority.GRANTED, expires_at)
    return _post(asked, lambda wallet: Move(amount, {AccountKind.GRANTS: -amount}, lot=lot))


def credits_topup(
    *,
    workspace_id: UUID,
    amount: int,
    source: str,
    source_id: str,
    description: str,
    actor_id: UUID | None = None,
    expires_at: datetime | None = None,
    kind: TransactionKind = TransactionKind.TOPUP,
) -> LedgerTransaction:
    """Credits that were paid for, once per source: a purchase (``TOPUP``) or those of a plan (``PLAN``).

    A repeat answers the first transaction. What is left of it at ``expires_at`` goes. Raises ReplayMismatch.
    """
    amount_check(amount, least=1)
    counter, priority = BOUGHT[kind]
    asked = Request(workspace_id, kind, source, str(source_id), amount, description, actor_id)
    lot = NewLot(priority, expires_at)
    return _post(asked, lambda wallet: Move(amount, {counter: -amount}, lot=lot))


def credits_clawback(
    *,
    workspace_id: UUID,
    amount: int,
    source: str,
    source_id: str,
    description: str,
    topup_id: UUID | None = None,
) -> int:
    """Take back ``amount`` after a refund or a lost dispute, once per source; answers what was taken.

    What open holds need stays with them. The rest is owed: nothing can be spent until the next credits pay it. With
    the source of a freeze it is that dispute which was lost: what is frozen goes first. ``topup_id`` is the
    transaction of the payment that goes back: its own credits before others. Raises ReplayMismatch.
    """
    amount_check(amount, least=1)
    asked = Request(workspace_id, TransactionKind.REFUND, source, str(source_id), amount, description)

    def move(wallet: Account) -> Move:
        dispute = _dispute(asked)
        frozen = _frozen(dispute)
        taken = min(amount, frozen + wallet.posted - wallet.held)
        sides = {AccountKind.DISPUTED: -frozen, AccountKind.RECEIVABLE: taken - amount, AccountKind.PAYMENTS: amount}
        back = parts_back(workspace_id, dispute.id) if dispute and frozen else {}
        return Move(frozen - taken, sides, parts_taken(wallet, taken, of=topup_id, back=back))

    made = _post(asked, move)
    return amount + _side(made, AccountKind.RECEIVABLE)


def credits_freeze(
    *,
    workspace_id: UUID,
    amount: int,
    source: str,
    source_id: str,
    description: str,
    topup_id: UUID | None = None,
) -> int:
    """A dispute was opened: set what can be taken of ``amount`` aside, once per source; answers how much that was.

    The credits of the contested payment (``topup_id``, its transaction) before others. Raises ReplayMismatch.
    """
    amount_check(amount, least=1)
    asked = Request(workspace_id, TransactionKind.DISPUTE, source, str(source_id), amount, description)

    def move(wallet: Account) -> Move:
        frozen = min(amount, balance_of(wallet).available)
        return Move(-frozen, {AccountKind.DISPUTED: frozen}, parts_taken(wallet, frozen, of=topup_id))

    return _side(_post(asked, move), AccountKind.DISPUTED)


def credits_unfreeze(*, workspace_id: UUID, amount: int, source: str, source_id: str, description: str) -> int:
    """The dispute was won: give back what its freeze of ``amount`` set aside, once; answers how much that was.

    Raises FreezeMissing when there is none with this source or it was lost, ReplayMismatch for another amount.
    """
    amount_check(amount, least=1)
    asked = Request(workspace_id, TransactionKind.DISPUTE_WON, source, str(source_id), amount, description)

    def move(wallet: Account) -> Move | Exception:
        dispute = _dispute(asked)
        if dispute is None or _again(asked, TransactionKind.DISPUTE_LOST):
            return FreezeMissing(FreezeMissing.__doc__)
        if dispute.asked != amount:
            return ReplayMismatch(ReplayMismatch.__doc__)
        frozen = _frozen(dispute)
        return Move(frozen, {AccountKind.DISPUTED: -frozen}, parts_back(workspace_id, dispute.id))

    return -_side(_post(asked, move), AccountKind.DISPUTED)


def credits_correct(
    *, workspace_id: UUID, amount: int, reason: str, source_id: str, actor_id: UUID
) -> LedgerTransaction:
    """Put a wallet right by ``amount``, more or less than zero, once per ``source_id``: staff, with a reason.

    Raises InsufficientCredits when it would take more than can be spent, ReplayMismatch, ValueError without a reason.
    """
    amount_check(abs(amount), least=1)
    if not reason.strip():
        raise ValueError("a correction needs a reason")
    asked = Request(
        workspace_id, TransactionKind.CORRECTION, "correction", str(source_id), amount, reason.strip(), actor_id
    )

    def move(wallet: Account) -> Move | Exception:
        balance = balance_of(wallet)
        if balance.available + amount < 0 > amount:
            return InsufficientCredits(needed=-amount, available=balance.available, owed=balance.debt)
        sides = {AccountKind.CORRECTIONS: -amount}
        if amount > 0:
            return Move(amount, sides, lot=NewLot(LotPriority.GRANTED))
        return Move(amount, sides, parts_burnt(wallet, -amount))

    return _post(asked, move)


def debt_collect(*, workspace_id: UUID) -> None:
    """Pay what is owed out of what there is beside open holds; nothing when there is no debt or nothing to pay with."""
    with transaction.atomic(savepoint=False):
        _collect(ledger.wallet_lock(workspace_id))


def _collect(wallet: Account) -> None:
    paid = min(wallet.owed, wallet.posted - wallet.held)
    if paid <= 0 or wallet.workspace_id is None:
        return
    asked = Request(
        wallet.workspace_id, TransactionKind.REPAYMENT, "wallet", str(uuid7()), paid, _("Paid what was owed")
    )
    line_write(wallet, asked, Move(-paid, {AccountKind.RECEIVABLE: paid}, parts_taken(wallet, paid)))


def _post(asked: Request, move: Callable[[Account], Move | Exception]) -> LedgerTransaction:
    """Lock the wallet, decide, post, pay what is owed; the transaction, be it this one or the first of its source."""
    refused: Exception | None = None
    with transaction.atomic(savepoint=False):
        wallet = ledger.wallet_lock(asked.workspace_id)
        # Money that goes back with the source of a freeze is a dispute that was lost.
        if asked.kind == TransactionKind.REFUND and _dispute(asked):
            asked = replace(asked, kind=TransactionKind.DISPUTE_LOST)
        made = _again(asked)
        if made is None:
            decided = move(wallet)
            if isinstance(decided, Exception):
                refused = decided
            elif line_write(wallet, asked, decided):
                _tell(asked)
                made = _again(asked)
                _collect(ledger.wallet_lock(asked.workspace_id))
    # Raised out here: an exception through the block would spoil the caller's transaction for good.
    if refused:
        raise refused
    if made is None or made.asked != asked.asked:
        raise ReplayMismatch(ReplayMismatch.__doc__)
    poke(f"billing.{asked.workspace_id}")
    return made


def _tell(asked: Request) -> None:
    """What staff gave or put right by hand is in the workspace's audit log, once as the line is."""
    if asked.kind in BY_HAND and asked.actor_id is not None:
        audit_record(
            workspace_id=asked.workspace_id,
            action=BY_HAND[asked.kind],
            target=credits_text(asked.asked),
            target_id=asked.source_id,
            after={"amount": asked.asked, "reason": asked.description},
            actor_id=asked.actor_id,
        )


def line_write(wallet: Account, asked: Request, move: Move) -> bool:
    """Post a line under the wallet's lock; False when its source was posted before."""
    values = {
        "transaction": uuid7(),
        "entry": uuid7(),
        "now": timezone.now(),
        "workspace": asked.workspace_id,
        "wallet": wallet.id,
        "kind": asked.kind.value,
        "source": asked.source,
        "source_id": asked.source_id,
        "asked": asked.asked,
        "description": asked.description[:300],
        "actor": asked.actor_id,
        "amount": move.amount,
        "priority": move.lot and move.lot.priority.value,
        "expires_at": move.lot and move.lot.expires_at,
    }
    return ledger.post(values, sides=move.sides, parts=move.parts)


def _again(asked: Request, kind: TransactionKind | None = None) -> LedgerTransaction | None:
    """The transaction that this source has made before, of the same kind or another."""
    rows = LedgerTransaction.objects.for_workspace(asked.workspace_id)
    found: LedgerTransaction | None = rows.filter(
        kind=kind or asked.kind, source=asked.source, source_id=asked.source_id
    ).first()
    return found


def _dispute(asked: Request) -> LedgerTransaction | None:
    return _again(asked, TransactionKind.DISPUTE)


def _side(made: LedgerTransaction, kind: AccountKind) -> int:
    """What a transaction moved on one of its workspace's own accounts."""
    rows = Entry.objects.for_workspace(made.workspace_id).filter(transaction=made, account__kind=kind)
    return sum(rows.values_list("amount", flat=True))


def _frozen(dispute: LedgerTransaction | None) -> int:
    """What a dispute's freeze set aside and nobody decided about yet. Read it under the wallet's lock."""
    if dispute is None:
        return 0
    decided = LedgerTransaction.objects.for_workspace(dispute.workspace_id).filter(
        kind__in=(TransactionKind.DISPUTE_WON, TransactionKind.DISPUTE_LOST),
        source=dispute.source,
        source_id=dispute.source_id,
    )
    return 0 if decided.exists() else _side(dispute, AccountKind.DISPUTED)
