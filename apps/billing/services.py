"""The door to the ledger. Amounts are integer micro-credits; every call may be repeated with the same ids.

Each of these joins the caller's transaction when there is one, moves money in one statement (``ledger``), and pokes
``billing.<workspace id>`` on commit. A refusal leaves the caller's transaction usable.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from apps.billing import ledger
from apps.billing.audit import ledger_audit as ledger_audit
from apps.billing.budgets import budget_reach, budget_refusal
from apps.billing.models import SYSTEM_ACCOUNTS, Account, AccountKind, Hold, HoldState, TransactionKind
from apps.billing.postings import FreezeMissing as FreezeMissing
from apps.billing.postings import ReplayMismatch as ReplayMismatch
from apps.billing.postings import credits_clawback as credits_clawback
from apps.billing.postings import credits_correct as credits_correct
from apps.billing.postings import credits_freeze as credits_freeze
from apps.billing.postings import credits_grant as credits_grant
from apps.billing.postings import credits_topup as credits_topup
from apps.billing.postings import credits_unfreeze as credits_unfreeze
from apps.billing.postings import debt_collect
from apps.billing.refusal import CreditsRefused as CreditsRefused
from apps.billing.wallet import Balance as Balance
from apps.billing.wallet import InsufficientCredits as InsufficientCredits
from apps.billing.wallet import amount_check, balance_of
from apps.billing.wallet import balance_get as balance_get
from apps.common.ids import uuid7
from apps.common.live import poke
from apps.common.tenancy import scope_or_unscoped, unscoped

log = structlog.get_logger(__name__)


class HoldMissing(LookupError):
    """There is no hold with this id."""


class HoldSettled(Exception):
    """The hold was settled before: it cannot be split or captured any more."""


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
    amount_check(amount)
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
            balance = balance_of(wallet)
            short = InsufficientCredits(needed=values["amount"], available=balance.available, owed=balance.debt)
            refused = over or short
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
    amount_check(amount)
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
            refused = _too_few(values["amount"], wallet, whole, over)
    if refused:
        raise refused
    return _same(hold, workspace_id=whole.workspace_id, parent_id=whole.id, run_id=whole.run_id)


def _too_few(needed: int, wallet: Account, whole: Hold, over: CreditsRefused | None) -> Exception:
    if whole.state != HoldState.OPEN:
        return _settled()
    balance = balance_of(wallet)
    short = InsufficientCredits(needed=needed, available=balance.available + whole.amount, owed=balance.debt)
    return over or short


def hold_capture(*, hold_id: UUID, amount: int, description: str, model: str | None = None) -> None:
    """Charge min(``amount``, hold), once; the rest goes back to the run's hold while it is open, else to the wallet.

    ``model`` is the one that answered, where that is not the one that was asked. Capturing again changes nothing.
    Raises HoldSettled when it was released before, HoldMissing.
    """
    amount_check(amount)
    values = _settlement(hold_id, state=HoldState.CAPTURED, kind=TransactionKind.CAPTURE, amount=amount)
    values |= {"description": description[:300], "model": model}
    settled = ledger.settle(values) or _capture_again(values)
    if settled is None:
        if _hold_get(hold_id).state != HoldState.CAPTURED:
            raise _settled()
        return
    hold = settled.hold
    if amount > hold.amount:
        log.error("cost above its hold", action="hold_capture", hold=str(hold_id), cost=amount, held=hold.amount)
    _moved(settled)


def _capture_again(values: dict[str, Any]) -> ledger.Settled | None:
    """The statement refused: there are budgets to tell in its transaction, or nothing is left to settle."""
    with scope_or_unscoped("a hold's id is what tells the workspace"), transaction.atomic(savepoint=False):
        settled = ledger.settle({**values, "asked": True})
        if settled is not None and settled.hold.captured:
            budget_reach(settled.hold)
    return settled


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
    values |= {"lines": lines, "asked": True}  # what comes back is no budget's concern
    # Again, because a hold may appear between lock and settlement.
    settled = ledger.settle(values) or ledger.settle(values)
    if settled is None:
        _hold_get(hold_id)
        return
    _moved(settled)


def _moved(settled: ledger.Settled) -> None:
    """What came back pays what is owed. Nothing is lost between the two: a debt is never spent (``Balance``)."""
    if settled.owed:
        debt_collect(workspace_id=settled.hold.workspace_id)
    _poke(settled.hold.workspace_id)


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
        "asked": False,
        "revenue": SYSTEM_ACCOUNTS[AccountKind.REVENUE],
    }


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
