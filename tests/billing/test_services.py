from __future__ import annotations

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from apps.billing.audit import ledger_audit
from apps.billing.models import Account, AccountKind, Entry, Hold, HoldState, LedgerTransaction, Lot
from apps.billing.services import (
    Balance,
    HoldMissing,
    HoldSettled,
    InsufficientCredits,
    ReplayMismatch,
    balance_get,
    credits_grant,
    credits_hold,
    hold_capture,
    hold_close,
    hold_release,
    hold_split,
)
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db
C = 1_000_000


def granted(workspace: Workspace, amount: int = 100 * C) -> Workspace:
    credits_grant(workspace_id=workspace.id, amount=amount, reason="Welcome", source="test", source_id=str(uuid7()))
    return workspace


def held(workspace: Workspace, amount: int, run_id: UUID | None = None) -> UUID:
    return credits_hold(
        workspace_id=workspace.id, hold_id=uuid7(), amount=amount, description="Quote", run_id=run_id
    ).id


def part(parent_id: UUID, amount: int) -> UUID:
    return hold_split(parent_id=parent_id, hold_id=uuid7(), amount=amount, description="Image").id


def state(hold_id: UUID, workspace: Workspace) -> tuple[str, int, int]:
    hold = Hold.objects.for_workspace(workspace.id).get(id=hold_id)
    return hold.state, hold.amount, hold.captured


def lines(workspace: Workspace) -> list[tuple[str, int, int]]:
    entries = Entry.objects.for_workspace(workspace.id).filter(seq__isnull=False).order_by("seq")
    return list(entries.values_list("transaction__kind", "amount", "balance_after"))


def test_an_unknown_wallet_is_empty(workspace: Workspace) -> None:
    assert balance_get(workspace_id=workspace.id) == Balance(0, 0)


def test_grant_once_per_source(workspace: Workspace) -> None:
    grants = [
        credits_grant(workspace_id=workspace.id, amount=5 * C, reason="Gift", source="admin", source_id="7")
        for _ in range(2)
    ]
    assert grants[0].id == grants[1].id
    assert balance_get(workspace_id=workspace.id) == Balance(5 * C, 0)
    assert lines(workspace) == [("grant", 5 * C, 5 * C)]


def test_grant_of_the_same_source_with_another_amount_is_refused(
    workspace: Workspace, foreign_workspace: Workspace
) -> None:
    credits_grant(workspace_id=workspace.id, amount=5, reason="Gift", source="admin", source_id="7")
    with pytest.raises(ReplayMismatch):
        credits_grant(workspace_id=workspace.id, amount=6, reason="Gift", source="admin", source_id="7")
    with pytest.raises(ReplayMismatch):
        credits_grant(workspace_id=foreign_workspace.id, amount=5, reason="Gift", source="admin", source_id="7")
    assert balance_get(workspace_id=foreign_workspace.id) == Balance(0, 0)


@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1])
def test_grant_of_a_senseless_amount_is_refused(workspace: Workspace, amount: int) -> None:
    with pytest.raises(ValueError, match="micro-credits"):
        credits_grant(workspace_id=workspace.id, amount=amount, reason="Gift", source="admin", source_id="7")


def test_hold_capture_charges_and_returns_the_rest(workspace: Workspace) -> None:
    hold_id = held(granted(workspace), 10 * C)
    assert balance_get(workspace_id=workspace.id) == Balance(100 * C, 10 * C)
    hold_capture(hold_id=hold_id, amount=7 * C, description="Image")
    assert balance_get(workspace_id=workspace.id) == Balance(93 * C, 0)
    assert state(hold_id, workspace) == (HoldState.CAPTURED, 10 * C, 7 * C)
    assert lines(workspace)[1:] == [("capture", -7 * C, 93 * C)]
    revenue = Entry.objects.for_workspace(workspace.id).get(account__kind=AccountKind.REVENUE)
    assert (revenue.amount, revenue.transaction.returned, revenue.transaction.generation_id) == (7 * C, 3 * C, hold_id)


def test_capture_never_exceeds_the_hold(workspace: Workspace) -> None:
    hold_id = held(granted(workspace), 10 * C)
    hold_capture(hold_id=hold_id, amount=99 * C, description="Image")
    assert balance_get(workspace_id=workspace.id) == Balance(90 * C, 0)


def test_capture_happens_once(workspace: Workspace) -> None:
    hold_id = held(granted(workspace), 10 * C)
    for amount in (4 * C, 9 * C):
        hold_capture(hold_id=hold_id, amount=amount, description="Image")
    hold_release(hold_id=hold_id)
    assert balance_get(workspace_id=workspace.id) == Balance(96 * C, 0)
    assert len(lines(workspace)) == 2


def test_release_is_a_line_that_charges_nothing(workspace: Workspace) -> None:
    hold_id = held(granted(workspace), 10 * C)
    for _ in range(2):
        hold_release(hold_id=hold_id)
    assert balance_get(workspace_id=workspace.id) == Balance(100 * C, 0)
    assert lines(workspace)[1:] == [("release", 0, 100 * C)]
    with pytest.raises(HoldSettled):
        hold_capture(hold_id=hold_id, amount=1, description="Late")


def test_hold_again_answers_the_first(workspace: Workspace) -> None:
    granted(workspace, 10 * C)
    hold_id = uuid7()
    for _ in range(3):  # three times 6 would not fit
        assert credits_hold(workspace_id=workspace.id, hold_id=hold_id, amount=6 * C, description="x").id == hold_id
    assert balance_get(workspace_id=workspace.id) == Balance(10 * C, 6 * C)


def test_hold_with_an_id_of_another_workspace_is_refused(workspace: Workspace, foreign_workspace: Workspace) -> None:
    hold_id = held(granted(workspace), C)
    with pytest.raises(ReplayMismatch):
        credits_hold(workspace_id=granted(foreign_workspace).id, hold_id=hold_id, amount=C, description="x")
    assert balance_get(workspace_id=foreign_workspace.id).held == 0


def test_too_few_credits_says_how_many_and_leaves_the_transaction_usable(workspace: Workspace) -> None:
    granted(workspace, 12_500_000)
    with transaction.atomic():
        with pytest.raises(InsufficientCredits) as caught:
            held(workspace, 1234 * C)
        held(workspace, C)
    error = caught.value
    assert (error.needed, error.available, error.missing) == (1234 * C, 12_500_000, 1_221_500_000)
    told = "This needs 1,234 credits, but only 12.5 credits can be spent: 1,221.5 credits missing."
    assert str(error) == f"{told} Buy credits under Billing."
    assert error.problem().status == 402
    assert balance_get(workspace_id=workspace.id) == Balance(12_500_000, C)


def test_a_workspace_without_a_wallet_can_hold_nothing_but_nothing(workspace: Workspace) -> None:
    with pytest.raises(InsufficientCredits):
        held(workspace, 1)
    hold_capture(hold_id=held(workspace, 0), amount=5, description="Free model")
    assert balance_get(workspace_id=workspace.id) == Balance(0, 0)


def test_split_takes_from_the_run_and_gives_back_to_it(workspace: Workspace) -> None:
    run_id = uuid7()
    run = held(granted(workspace), 30 * C, run_id)
    first, second = part(run, 10 * C), part(run, 10 * C)
    assert state(run, workspace) == (HoldState.OPEN, 10 * C, 0)
    assert balance_get(workspace_id=workspace.id) == Balance(100 * C, 30 * C)
    hold_capture(hold_id=first, amount=4 * C, description="Image")
    hold_release(hold_id=second)
    assert state(run, workspace) == (HoldState.OPEN, 26 * C, 0)
    assert balance_get(workspace_id=workspace.id) == Balance(96 * C, 26 * C)
    hold_close(hold_id=run)
    hold_close(hold_id=run)
    assert balance_get(workspace_id=workspace.id) == Balance(96 * C, 0)
    line = LedgerTransaction.objects.for_workspace(workspace.id).get(kind="capture")
    assert (line.run_id, line.generation_id) == (run_id, first)


def test_split_takes_a_shortage_from_the_wallet(workspace: Workspace) -> None:
    run = held(granted(workspace, 20 * C), 5 * C, uuid7())
    child = part(run, 15 * C)
    assert balance_get(workspace_id=workspace.id) == Balance(20 * C, 15 * C)
    assert state(run, workspace)[1] == 0
    with pytest.raises(InsufficientCredits) as caught:
        part(run, 6 * C)
    assert (caught.value.needed, caught.value.available) == (6 * C, 5 * C)
    hold_release(hold_id=child)
    assert state(run, workspace)[1] == 15 * C


def test_split_again_answers_the_first(workspace: Workspace) -> None:
    run = held(granted(workspace), 10 * C, uuid7())
    hold_id = uuid7()
    for _ in range(3):
        hold_split(parent_id=run, hold_id=hold_id, amount=8 * C, description="Image")
    assert state(run, workspace)[1] == 2 * C
    with pytest.raises(ReplayMismatch):
        hold_split(parent_id=held(workspace, C, uuid7()), hold_id=hold_id, amount=8 * C, description="Image")


def test_the_rest_goes_to_the_wallet_once_the_run_is_closed(workspace: Workspace) -> None:
    run = held(granted(workspace), 30 * C, uuid7())
    late = part(run, 10 * C)
    hold_close(hold_id=run)
    assert balance_get(workspace_id=workspace.id) == Balance(100 * C, 10 * C)
    hold_capture(hold_id=late, amount=3 * C, description="Image")
    assert balance_get(workspace_id=workspace.id) == Balance(97 * C, 0)
    with pytest.raises(HoldSettled):
        part(run, C)


def test_unknown_holds_are_an_error(workspace: Workspace) -> None:
    for call in (hold_release, hold_close):
        with pytest.raises(HoldMissing):
            call(hold_id=uuid7())
    with pytest.raises(HoldMissing):
        hold_capture(hold_id=uuid7(), amount=1, description="x")
    with pytest.raises(HoldMissing):
        part(uuid7(), 1)


def test_nothing_stays_of_a_transaction_that_fails(workspace: Workspace) -> None:
    granted(workspace)
    with pytest.raises(RuntimeError), transaction.atomic():
        hold_capture(hold_id=held(workspace, C), amount=C, description="Image")
        raise RuntimeError
    assert balance_get(workspace_id=workspace.id) == Balance(100 * C, 0)
    assert Hold.objects.for_workspace(workspace.id).count() == 0


def test_the_audit_finds_a_drift(workspace: Workspace) -> None:
    held(granted(workspace), 10 * C)
    assert ledger_audit() == []
    wallet = Account.objects.for_workspace(workspace.id)
    wallet.update(posted=99 * C, held=9 * C, owed=2 * C, last_seq=4)
    Lot.objects.for_workspace(workspace.id).update(remaining=98 * C)
    Account.objects.for_workspace(workspace.id).create(workspace=workspace, kind=AccountKind.DISPUTED, posted=7)
    assert {(drift.check, drift.stored, drift.computed) for drift in ledger_audit()} == {
        ("posted", 99 * C, 100 * C),
        ("posted", 7, 0),
        ("held", 9 * C, 10 * C),
        ("owed", 2 * C, 0),
        ("last_seq", 4, 1),
        ("remaining", 98 * C, 100 * C),
        ("lots", 98 * C, 99 * C),
    }
    output = StringIO()
    with pytest.raises(CommandError, match="7 differences"):
        call_command("ledger_audit", stderr=output)
    assert f"held of {wallet.get(kind='wallet').id}: 9000000 is stored, 10000000 computed" in output.getvalue()
