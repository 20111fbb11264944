"""Credits that are bought, go back, are contested and corrected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from apps.billing.audit import ledger_audit
from apps.billing.models import Account, AccountKind, Entry, LedgerTransaction, TransactionKind
from apps.billing.services import (
    Balance,
    FreezeMissing,
    InsufficientCredits,
    ReplayMismatch,
    balance_get,
    credits_clawback,
    credits_correct,
    credits_freeze,
    credits_grant,
    credits_hold,
    credits_topup,
    credits_unfreeze,
    hold_capture,
    hold_release,
    hold_split,
)
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db
C = 1_000_000
STAFF = UUID(int=7)


@pytest.fixture
def buyer(workspace: Workspace) -> UUID:
    """A workspace that bought 100."""
    topup(workspace.id, 100 * C, "first")
    return workspace.id


def topup(workspace_id: UUID, amount: int, source_id: str, **more: Any) -> LedgerTransaction:
    return credits_topup(
        workspace_id=workspace_id, amount=amount, source="stripe_cs", source_id=source_id, description="Pack", **more
    )


def clawback(workspace_id: UUID, amount: int, source: str = "stripe_refund", source_id: str = "re_1") -> int:
    return credits_clawback(
        workspace_id=workspace_id, amount=amount, source=source, source_id=source_id, description="Refunded"
    )


def freeze(workspace_id: UUID, amount: int) -> int:
    return credits_freeze(
        workspace_id=workspace_id, amount=amount, source="stripe_dispute", source_id="dp_1", description="Contested"
    )


def unfreeze(workspace_id: UUID, amount: int) -> int:
    return credits_unfreeze(
        workspace_id=workspace_id, amount=amount, source="stripe_dispute", source_id="dp_1", description="Won"
    )


def correct(workspace_id: UUID, amount: int, source_id: str = "1", reason: str = "Wrong price") -> LedgerTransaction:
    return credits_correct(workspace_id=workspace_id, amount=amount, reason=reason, source_id=source_id, actor_id=STAFF)


def hold(workspace_id: UUID, amount: int) -> UUID:
    return credits_hold(workspace_id=workspace_id, hold_id=uuid7(), amount=amount, description="Image").id


def lines(workspace_id: UUID) -> list[tuple[str, int]]:
    entries = Entry.objects.for_workspace(workspace_id).filter(seq__isnull=False).order_by("seq")
    return list(entries.values_list("transaction__kind", "amount"))


def own(workspace_id: UUID) -> dict[str, int]:
    """What the workspace's accounts beside the wallet say."""
    rows = Account.objects.for_workspace(workspace_id).exclude(kind=AccountKind.WALLET)
    return {kind: posted for kind, posted in rows.values_list("kind", "posted") if posted}


def test_topup_once_per_source(buyer: UUID) -> None:
    first = LedgerTransaction.objects.for_workspace(buyer).get()
    assert topup(buyer, 100 * C, "first").id == first.id
    topup(buyer, 30 * C, "second", kind=TransactionKind.PLAN, expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    assert balance_get(workspace_id=buyer) == Balance(130 * C)
    assert lines(buyer) == [("topup", 100 * C), ("plan", 30 * C)]
    paid = Entry.objects.for_workspace(buyer).filter(seq=None).values_list("account__kind", "amount")
    assert set(paid) == {("payments", -100 * C), ("plans", -30 * C)}


def test_a_refund_takes_what_is_there(buyer: UUID) -> None:
    for _ in range(2):
        assert clawback(buyer, 40 * C) == 40 * C
    assert balance_get(workspace_id=buyer) == Balance(60 * C)
    assert lines(buyer)[1:] == [("refund", -40 * C)]
    assert own(buyer) == {}


def test_a_refund_larger_than_the_balance_is_owed_and_the_next_purchase_pays_it_first(buyer: UUID) -> None:
    hold_capture(hold_id=hold(buyer, 70 * C), amount=70 * C, description="Film")
    for _ in range(2):
        assert clawback(buyer, 100 * C) == 30 * C
    assert balance_get(workspace_id=buyer) == Balance(0, 0, 70 * C)
    assert own(buyer) == {"receivable": -70 * C}
    with pytest.raises(InsufficientCredits, match="70 credits are owed") as caught:
        hold(buyer, C)
    assert (caught.value.available, caught.value.missing) == (0, 71 * C)
    assert caught.value.problem().extra["owed"] == 70 * C
    hold(buyer, 0)  # what costs nothing still runs
    topup(buyer, 50 * C, "second")
    assert balance_get(workspace_id=buyer) == Balance(0, 0, 20 * C)
    topup(buyer, 50 * C, "third")
    assert balance_get(workspace_id=buyer) == Balance(30 * C)
    assert lines(buyer)[-4:] == [("topup", 50 * C), ("repayment", -50 * C), ("topup", 50 * C), ("repayment", -20 * C)]
    assert own(buyer) == {}
    assert ledger_audit() == []


def test_a_refund_leaves_open_holds_and_what_they_return_pays_the_debt(buyer: UUID) -> None:
    run = hold(buyer, 80 * C)
    assert clawback(buyer, 100 * C) == 20 * C
    balance = balance_get(workspace_id=buyer)
    assert (balance, balance.available, balance.debt) == (Balance(80 * C, 80 * C, 80 * C), 0, 80 * C)
    part = hold_split(parent_id=run, hold_id=uuid7(), amount=30 * C, description="Step").id  # the run goes on
    with pytest.raises(InsufficientCredits):
        hold_split(parent_id=run, hold_id=uuid7(), amount=51 * C, description="Step")
    hold_capture(hold_id=part, amount=30 * C, description="Step")
    hold_release(hold_id=run)
    assert balance_get(workspace_id=buyer) == Balance(0, 0, 30 * C)
    assert ledger_audit() == []


@pytest.mark.parametrize("spent", [0, 40])
def test_a_dispute_that_is_won_gives_back_what_was_frozen(buyer: UUID, spent: int) -> None:
    hold_capture(hold_id=hold(buyer, spent * C), amount=spent * C, description="Film")
    for _ in range(2):
        assert freeze(buyer, 100 * C) == (100 - spent) * C
    assert balance_get(workspace_id=buyer).available == 0
    assert own(buyer) == {"disputed": (100 - spent) * C}
    for _ in range(2):
        assert unfreeze(buyer, 100 * C) == (100 - spent) * C
    assert balance_get(workspace_id=buyer) == Balance((100 - spent) * C)
    assert own(buyer) == {}
    assert ledger_audit() == []


def test_a_dispute_that_is_lost_takes_what_was_frozen_then_the_wallet_then_owes(buyer: UUID) -> None:
    hold_capture(hold_id=hold(buyer, 60 * C), amount=60 * C, description="Film")
    assert freeze(buyer, 100 * C) == 40 * C
    topup(buyer, 25 * C, "second")
    for _ in range(2):
        assert clawback(buyer, 100 * C, "stripe_dispute", "dp_1") == 65 * C
    assert balance_get(workspace_id=buyer) == Balance(0, 0, 35 * C)
    assert own(buyer) == {"receivable": -35 * C}
    assert lines(buyer)[-1] == ("dispute_lost", -25 * C)
    with pytest.raises(FreezeMissing):
        unfreeze(buyer, 100 * C)
    assert ledger_audit() == []


def test_a_dispute_that_is_lost_in_part_gives_the_rest_back(buyer: UUID) -> None:
    freeze(buyer, 100 * C)
    assert clawback(buyer, 30 * C, "stripe_dispute", "dp_1") == 30 * C
    assert balance_get(workspace_id=buyer) == Balance(70 * C)
    assert own(buyer) == {}


def test_what_comes_back_from_a_dispute_pays_what_is_owed(buyer: UUID) -> None:
    freeze(buyer, 100 * C)
    clawback(buyer, 30 * C)
    unfreeze(buyer, 100 * C)
    assert balance_get(workspace_id=buyer) == Balance(70 * C)
    assert ledger_audit() == []


def test_only_a_frozen_payment_is_unfrozen(buyer: UUID) -> None:
    with pytest.raises(FreezeMissing):
        unfreeze(buyer, 100 * C)


def test_corrections_go_both_ways_with_a_reason_and_never_below_zero(buyer: UUID) -> None:
    for _ in range(2):
        correct(buyer, -40 * C)
    correct(buyer, 5 * C, "2")
    assert balance_get(workspace_id=buyer) == Balance(65 * C)
    hold(buyer, 60 * C)
    with transaction.atomic():
        with pytest.raises(InsufficientCredits):
            correct(buyer, -6 * C, "3")
        made = correct(buyer, -5 * C, "3")  # the refusal left the transaction usable, and the id free
    assert (made.actor_id, made.description) == (STAFF, "Wrong price")
    assert balance_get(workspace_id=buyer).available == 0
    with pytest.raises(ValueError, match="needs a reason"):
        correct(buyer, C, "4", reason=" ")


DOORS: dict[str, Callable[[UUID, int], object]] = {
    "grant": lambda buyer, n: credits_grant(workspace_id=buyer, amount=n, reason="x", source="s", source_id="1"),
    "topup": lambda buyer, n: topup(buyer, n, "1"),
    "clawback": clawback,
    "freeze": freeze,
    "correct": correct,
}


@pytest.mark.parametrize("door", DOORS)
def test_a_replay_with_another_amount_or_workspace_is_refused(
    door: str, buyer: UUID, foreign_workspace: Workspace
) -> None:
    DOORS[door](buyer, 5 * C)
    before = balance_get(workspace_id=buyer)
    for workspace_id, amount in ((buyer, 6 * C), (foreign_workspace.id, 5 * C)):
        with pytest.raises(ReplayMismatch):
            DOORS[door](workspace_id, amount)
    assert balance_get(workspace_id=buyer) == before
    assert balance_get(workspace_id=foreign_workspace.id) == Balance()
    assert ledger_audit() == []


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1])
def test_senseless_amounts_are_refused(door: str, amount: int, buyer: UUID) -> None:
    if (door, amount) == ("correct", -1):
        amount = -(10**15) - 1
    with pytest.raises(ValueError, match="micro-credits"):
        DOORS[door](buyer, amount)
    assert balance_get(workspace_id=buyer) == Balance(100 * C)
