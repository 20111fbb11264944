"""Which credits pay for what, and what becomes of those whose time is over."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.billing.audit import ledger_audit
from apps.billing.expiry import lots_expire
from apps.billing.models import Entry, LedgerTransaction, Lot, LotEntry, TransactionKind
from apps.billing.services import (
    Balance,
    balance_get,
    credits_clawback,
    credits_freeze,
    credits_grant,
    credits_hold,
    credits_topup,
    credits_unfreeze,
    hold_capture,
    hold_release,
)
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db
NOW = timezone.now()
SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=30)


def bought(workspace: Workspace, amount: int, days: int | None = None) -> LedgerTransaction:
    return credits_topup(
        workspace_id=workspace.id,
        amount=amount,
        source="test",
        source_id=str(uuid7()),
        description="Pack",
        kind=TransactionKind.TOPUP if days is None else TransactionKind.PLAN,
        expires_at=None if days is None else NOW + timedelta(days=days),
    )


def given(workspace: Workspace, amount: int) -> LedgerTransaction:
    return credits_grant(workspace_id=workspace.id, amount=amount, reason="Gift", source="test", source_id=str(uuid7()))


def hold(workspace: Workspace, amount: int) -> UUID:
    return credits_hold(workspace_id=workspace.id, hold_id=uuid7(), amount=amount, description="Image").id


def spend(workspace: Workspace, amount: int) -> None:
    hold_capture(hold_id=hold(workspace, amount), amount=amount, description="Image")


def left(*made: LedgerTransaction) -> list[int]:
    """What is left of the lots that these transactions made."""
    lots = {lot.transaction_id: lot.remaining for lot in Lot.objects.for_workspace(made[0].workspace_id)}
    return [lots[one.id] for one in made]


def test_gifts_burn_first_then_what_ends_soonest_then_what_was_bought_first(workspace: Workspace) -> None:
    old, new = bought(workspace, 10), bought(workspace, 10)
    late, soon = bought(workspace, 10, days=30), bought(workspace, 10, days=1)
    gift = given(workspace, 10)
    spend(workspace, 8)
    assert left(gift, soon, late, old, new) == [2, 10, 10, 10, 10]
    spend(workspace, 27)
    assert left(gift, soon, late, old, new) == [0, 0, 0, 5, 10]
    charge = LedgerTransaction.objects.for_workspace(workspace.id).filter(kind="capture").latest("created_at")
    parts = LotEntry.objects.for_workspace(workspace.id).filter(transaction=charge)
    assert sorted(parts.values_list("amount", flat=True)) == [-10, -10, -5, -2]


def test_a_refund_takes_its_own_credits_then_the_last_to_burn(workspace: Workspace) -> None:
    gift, old, new = given(workspace, 10), bought(workspace, 10), bought(workspace, 10)
    assert (
        credits_clawback(
            workspace_id=workspace.id, amount=15, source="refund", source_id="1", description="Refund", topup_id=old.id
        )
        == 15
    )
    assert left(gift, old, new) == [10, 0, 5]


def test_a_dispute_freezes_its_own_credits_and_gives_them_back_where_they_were(workspace: Workspace) -> None:
    old, new = bought(workspace, 10), bought(workspace, 10)
    asked = {"workspace_id": workspace.id, "amount": 10, "source": "dispute", "source_id": "1"}
    credits_freeze(**asked, description="Contested", topup_id=old.id)  # type: ignore[arg-type]
    assert left(old, new) == [0, 10]
    credits_unfreeze(**asked, description="Won")  # type: ignore[arg-type]
    assert left(old, new) == [10, 10]


def test_what_is_left_goes_when_its_time_is_over_but_not_what_a_hold_will_burn(workspace: Workspace) -> None:
    plan, pack = bought(workspace, 30, days=1), bought(workspace, 10)
    spend(workspace, 5)
    running = hold(workspace, 20)
    assert lots_expire(NOW) == 0
    assert [lots_expire(SOON) for _ in range(2)] == [1, 0]
    assert left(plan, pack) == [20, 10]
    assert balance_get(workspace_id=workspace.id) == Balance(30, 20)
    hold_capture(hold_id=running, amount=12, description="Film")
    assert lots_expire(LATER) == 1
    assert balance_get(workspace_id=workspace.id) == Balance(10)
    lines = Entry.objects.for_workspace(workspace.id).filter(seq__isnull=False).order_by("seq")
    assert [line.amount for line in lines if line.transaction.kind == "expiry"] == [-5, -8]
    assert ledger_audit() == []


def test_what_ended_while_it_was_held_goes_after_the_release(workspace: Workspace) -> None:
    bought(workspace, 30, days=1)
    running = hold(workspace, 30)
    assert lots_expire(LATER) == 0
    hold_release(hold_id=running)
    assert lots_expire(LATER) == 1
    assert balance_get(workspace_id=workspace.id) == Balance()


def test_the_database_refuses_an_entry_that_is_in_no_lot(workspace: Workspace) -> None:
    gift = given(workspace, 10)
    lot = Lot.objects.for_workspace(workspace.id).get()
    parts = LotEntry.objects.for_workspace(workspace.id)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        parts.update(amount=9)
    with pytest.raises(IntegrityError, match="billing_lot_remaining"), transaction.atomic():
        Lot.objects.for_workspace(workspace.id).update(remaining=11)
    with pytest.raises(IntegrityError, match="do not make up its amount"), transaction.atomic():
        line = LedgerTransaction(workspace=workspace, kind="grant", source="test", source_id="2", description="x")
        LedgerTransaction.objects.for_workspace(workspace.id).bulk_create([line])
        entries = [
            Entry(workspace=workspace, transaction=line, account=lot.account, amount=amount, seq=seq)
            for amount, seq in ((5, 2), (-5, None))
        ]
        Entry.objects.for_workspace(workspace.id).bulk_create(entries)
        connection.check_constraints()
    assert left(gift) == [10]
