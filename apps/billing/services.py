"""The door to the ledger. Amounts are integer micro-credits; every call may be repeated with the same ids.

Each of these joins the caller's transaction when there is one, moves money in one statement (``ledger``), and pokes
``billing.<workspace id>`` on commit. A refusal leaves the caller's transaction usable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.billing import ledger, spending
from apps.billing.audit import ledger_audit as ledger_audit
from apps.billing.budgets import budget_reach, budget_refusal
from apps.billing.models import (
    AMOUNT_MAX,
    SYSTEM_ACCOUNTS,
    Account,
    AccountKind,
    Entry,
    Hold,
    HoldState,
    LedgerTransaction,
    TransactionKind,
)
from apps.billing.refusal import CreditsRefused as CreditsRefused
from apps.common.ids import uuid7
from apps.common.live import poke
from apps.common.money import credits_text
from apps.common.problems import Problem
from apps.common.tenancy import unscoped

log = structlog.get_logger(__name__)


class InsufficientCredits(CreditsRefused):
    """Too few credits are available. All amounts in micro-credits; the message is for people."""

    code = "insufficient-credits"

    def __init__(self, *, needed: int, available: int) -> None:
        self.needed = needed
        self.available = available
        self.missing = needed - available
        super().__init__(
            _("This needs %(needed)s, but only %(available)s can be spent: %(missing)s missing.")
            % {
                "needed": credits_text(needed),
                "available": credits_text(available),
                "missing": credits_text(self.missing),
            }
        )

    def problem(self) -> Problem:
        """The API's answer: 402 with the amounts."""
        return Problem(
            self.code,
            402,
            _("Not enough credits"),
            str(self),
            needed=self.needed,
            available=self.available,
            missing=self.missing,
        )


class HoldMissing(LookupError):
    """There is no hold with this id."""


class HoldSettled(Exception):
    """The hold was settled before: it cannot be split or captured any more."""


class ReplayMismatch(ValueError):
    """The same id was used before for something else."""


@dataclass(frozen=True)
class Balance:
    """A wallet in micro-credits: ``available = posted - held`` is what can be spent."""

    posted: int = 0
    held: int = 0

    @property
    def available(self) -> int:
        """What can be spent."""
        return self.posted - self.held


def balance_get(*, workspace_id: UUID) -> Balance:
    """The balance of a workspace; zeros when nothing was ever granted."""
    wallets = Account.objects.for_workspace(workspace_id).filter(kind=AccountKind.WALLET)
    row = wallets.values_list("posted", "held").first()
    return Balance(*row) if row else Balance()


def credits_grant(
    *, workspace_id: UUID, amount: int, reason: str, source: str, source_id: str, actor_id: UUID | None = None
) -> LedgerTransaction:
    """Give ``amount`` to a workspace, once per ``(source, source_id)``; a repeat answers the first transaction.

    Raises ReplayMismatch when that source gave another amount, or to another workspace.
    """
    _amount_check(amount, least=1)
    values = {
        **_line(description=reason),
        "workspace": workspace_id,
        "amount": amount,
        "source": source,
        "source_id": str(source_id),
        "actor": actor_id,
        "grants": SYSTEM_ACCOUNTS[AccountKind.GRANTS],
    }
    if not ledger.grant(values):
        ledger.wallet_make(workspace_id)
        ledger.grant(values)
    granted: LedgerTransaction | None = (
        LedgerTransaction.objects.for_workspace(workspace_id)
        .filter(kind=TransactionKind.GRANT, source=source, source_id=str(source_id))
        .first()
    )
    given = Entry.objects.for_workspace(workspace_id).filter(transaction=granted, amount=amount, seq__isnull=False)
    if granted is None or not given.exists():
        raise ReplayMismatch(ReplayMismatch.__doc__)
    _poke(workspace_id)
    return granted


def credits_hold(
    *,
    workspace_id: UUID,
    hold_id: UUID,
    amount: int,
    description: str,
    project_id: UUID | None = None,
    run_id: UUID | None = None,
    workflow_id: UUID | None = None,
    actor_id: UUID | None = None,
    token_id: UUID | None = None,
    model: str = "",
    of_generation: bool = False,
) -> Hold:
    """Set ``amount`` aside; a repeat with the same ``hold_id`` answers the first hold, settled or not.

    A hold without ``run_id`` belongs to one generation and has its id; with ``of_generation`` it does so within a run
    that holds nothing. Who, for what and with which token is what budgets and the usage page go by. Raises
    InsufficientCredits or BudgetExceeded with nothing changed, ReplayMismatch when the id was used for something else.
    """
    _amount_check(amount)
    values = {
        "workspace": workspace_id,
        "hold": hold_id,
        "amount": amount,
        "description": description[:300],
        "actor": actor_id,
        "token": token_id,
        "run": run_id,
        "workflow": workflow_id,
        "project": project_id,
        "generation": hold_id if run_id is None or of_generation else None,
        "model": model,
        "asked": False,
        "now": timezone.now(),
    }
    hold = ledger.reserve(values) or _hold_again(values)
    _poke(workspace_id)
    return hold


def _hold_again(values: dict[str, Any]) -> Hold:
    """The statement refused. Under the wallet's lock nothing moves: ask the budgets, try again, or say exactly why."""
    workspace_id = values["workspace"]
    refused: CreditsRefused | None = None
    with transaction.atomic(savepoint=False):
        wallet = ledger.wallet_lock(workspace_id)
        over = budget_refusal(wallet, values)
        hold = None if over else ledger.reserve({**values, "asked": True})
        hold = hold or _hold_find(values["hold"])
        if hold is None:
            refused = over or InsufficientCredits(needed=values["amount"], available=wallet.posted - wallet.held)
    # Raised out here: an exception through the block would spoil the caller's transaction for good.
    if refused:
        raise refused
    return _same(hold, workspace_id=workspace_id, parent_id=None, run_id=values["run"])


def hold_split(
    *, parent_id: UUID, hold_id: UUID, amount: int, description: str, of_run: bool = False, model: str = ""
) -> Hold:
    """Move ``amount`` from a run's open hold to a new hold of one generation; the wallet covers a shortage.

    ``of_run``: the new hold is not a generation's but that of a run within the run. Its ledger lines stay the outer's,
    and what is spent counts for whoever started that.

    A repeat with the same ``hold_id`` answers the first. Raises InsufficientCredits (``available`` counts what the
    run still holds), BudgetExceeded, HoldSettled when the run's hold is closed, HoldMissing, ReplayMismatch.
    """
    _amount_check(amount)
    values = {
        "parent": parent_id,
        "hold": hold_id,
        "amount": amount,
        "description": description[:300],
        "generation": None if of_run else hold_id,
        "model": model,
        "asked": False,
        "now": timezone.now(),
    }
    hold = ledger.split(values) or _split_again(values)
    _poke(hold.workspace_id)
    return hold


def _split_again(values: dict[str, Any]) -> Hold:
    refused: Exception | None = None
    whole = _hold_get(values["parent"])
    with transaction.atomic(savepoint=False):
        wallet = ledger.wallet_lock(whole.workspace_id)
        whole = _hold_get(values["parent"])
        over = budget_refusal(wallet, values, whole)
        hold = None if over else ledger.split({**values, "asked": True})
        hold = hold or _hold_find(values["hold"])
        if hold is None:
            available = wallet.posted - wallet.held + whole.amount
            short = over or InsufficientCredits(needed=values["amount"], available=available)
            refused = short if whole.state == HoldState.OPEN else _settled()
    if refused:
        raise refused
    return _same(hold, workspace_id=whole.workspace_id, parent_id=whole.id, run_id=whole.run_id)


def hold_capture(*, hold_id: UUID, amount: int, description: str, model: str | None = None) -> None:
    """Charge min(``amount``, hold), once; the rest goes back to the run's hold while it is open, else to the wallet.

    ``model`` is the one that answered, where that is not the one that was asked. Capturing again changes nothing.
    Raises HoldSettled when it was released before, HoldMissing.
    """
    _amount_check(amount)
    values = _settlement(hold_id, state=HoldState.CAPTURED, kind=TransactionKind.CAPTURE, amount=amount)
    with transaction.atomic(savepoint=False):
        hold = ledger.settle({**values, "description": description[:300], "model": model})
        if hold is not None and hold.captured:
            spending.add(hold)
            budget_reach(hold)
    if hold is None:
        if _hold_get(hold_id).state != HoldState.CAPTURED:
            raise _settled()
        return
    if amount > hold.amount:
        log.error("cost above its hold", action="hold_capture", hold=str(hold_id), cost=amount, held=hold.amount)
    _poke(hold.workspace_id)


def hold_release(*, hold_id: UUID) -> None:
    """Give everything back, with a ledger line that says so: to the run's hold while it is open, else to the wallet.

    A settled hold has nothing left to give, so a repeat (or a release after the capture) changes nothing.
    Raises HoldMissing.
    """
    _release(hold_id, lines=1)


def hold_close(*, hold_id: UUID) -> None:
    """A run ended: what is left of its own hold goes back, without a line. Repeats change nothing; HoldMissing."""
    _release(hold_id, lines=0)


def _release(hold_id: UUID, *, lines: int) -> None:
    values = _settlement(hold_id, state=HoldState.RELEASED, kind=TransactionKind.RELEASE, amount=0)
    hold = ledger.settle({**values, "lines": lines})
    if hold is None:
        _hold_get(hold_id)
        return
    _poke(hold.workspace_id)


def _line(description: str | None) -> dict[str, Any]:
    return {
        "description": None if description is None else description[:300],
        "transaction": uuid7(),
        "entry": uuid7(),
        "counter_entry": uuid7(),
        "now": timezone.now(),
    }


def _settlement(hold_id: UUID, *, state: HoldState, kind: TransactionKind, amount: int) -> dict[str, Any]:
    return {
        **_line(description=None),
        "hold": hold_id,
        "state": state.value,
        "kind": kind.value,
        "amount": amount,
        "model": None,
        "lines": 1,
        "revenue": SYSTEM_ACCOUNTS[AccountKind.REVENUE],
    }


def _amount_check(amount: int, *, least: int = 0) -> None:
    if not least <= amount <= AMOUNT_MAX:
        raise ValueError(f"{amount} micro-credits lie outside {least} to {AMOUNT_MAX}")


def _hold_find(hold_id: UUID) -> Hold | None:
    with unscoped("a hold's id is what tells the workspace"):
        hold: Hold | None = Hold.objects.filter(id=hold_id).first()
    return hold


def _hold_get(hold_id: UUID) -> Hold:
    hold = _hold_find(hold_id)
    if hold is None:
        raise HoldMissing(HoldMissing.__doc__)
    return hold


def _settled() -> HoldSettled:
    return HoldSettled(HoldSettled.__doc__)


def _same(hold: Hold | None, *, workspace_id: UUID, parent_id: UUID | None, run_id: UUID | None) -> Hold:
    if hold is None or (hold.workspace_id, hold.parent_id, hold.run_id) != (workspace_id, parent_id, run_id):
        raise ReplayMismatch(ReplayMismatch.__doc__)
    return hold


def _poke(workspace_id: UUID) -> None:
    poke(f"billing.{workspace_id}")
