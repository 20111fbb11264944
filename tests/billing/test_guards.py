"""What PostgreSQL refuses, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from apps.billing.models import Account, Entry, Hold, LedgerTransaction
from apps.billing.services import credits_grant, credits_hold
from apps.common.ids import uuid7
from apps.common.tenancy import unscoped
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def line(workspace: Workspace) -> LedgerTransaction:
    return credits_grant(workspace_id=workspace.id, amount=10, reason="Gift", source="test", source_id="1")


def refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(IntegrityError, match=words), transaction.atomic():
        call()
        connection.check_constraints()


@pytest.mark.parametrize("model", [Entry, LedgerTransaction])
def test_the_past_is_never_rewritten(
    line: LedgerTransaction, workspace: Workspace, model: type[Entry | LedgerTransaction]
) -> None:
    rows = model.objects.for_workspace(workspace.id)
    refused(lambda: rows.update(created_at=line.created_at), "append-only")
    refused(lambda: rows._raw_delete("default"), "append-only")


def entry(line: LedgerTransaction, workspace_id: UUID, account: Account, amount: int) -> Entry:
    row = Entry(workspace_id=workspace_id, transaction=line, account=account, amount=amount)
    Entry.objects.for_workspace(workspace_id).bulk_create([row])
    return row


def test_entries_sum_to_zero(line: LedgerTransaction, workspace: Workspace) -> None:
    wallet = Account.objects.for_workspace(workspace.id).get()
    refused(lambda: entry(line, workspace.id, wallet, 1), "do not sum to zero")
    with transaction.atomic():
        entry(line, workspace.id, wallet, 1)
        entry(line, workspace.id, wallet, -1)
        connection.check_constraints()


def test_no_entry_of_another_workspace(
    line: LedgerTransaction, workspace: Workspace, foreign_workspace: Workspace
) -> None:
    wallet = Account.objects.for_workspace(workspace.id).get()
    refused(lambda: entry(line, foreign_workspace.id, wallet, 0), "billing_entry_transaction_id_tenant")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"posted": -1}, "billing_account_covered"),
        ({"held": 11}, "billing_account_covered"),
        ({"held": -1}, "billing_account_held"),
        ({"kind": "loss"}, "billing_account_owner"),
        ({"kind": "slush"}, "billing_account_kind"),
        ({"owed": -1}, "billing_account_owed"),
        ({"kind": "receivable"}, "billing_account_receivable"),
        ({"kind": "disputed", "owed": 1}, "billing_account_owed"),
        ({"kind": "disputed", "posted": -1}, "billing_account_disputed"),
    ],
)
def test_a_wallet_is_never_below_zero(
    line: LedgerTransaction, workspace: Workspace, change: dict[str, object], constraint: str
) -> None:
    refused(lambda: Account.objects.for_workspace(workspace.id).update(**change), constraint)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"state": "lost"}, "billing_hold_state"),
        ({"amount": -1}, "billing_hold_amounts"),
        ({"captured": 9}, "billing_hold_amounts"),
    ],
)
def test_a_hold_stays_within_its_amount(
    line: LedgerTransaction, workspace: Workspace, change: dict[str, object], constraint: str
) -> None:
    credits_hold(workspace_id=workspace.id, hold_id=uuid7(), amount=8, description="x")
    refused(lambda: Hold.objects.for_workspace(workspace.id).update(**change), constraint)


def test_no_hold_on_the_wallet_of_another(
    line: LedgerTransaction, workspace: Workspace, foreign_workspace: Workspace
) -> None:
    hold = credits_hold(workspace_id=workspace.id, hold_id=uuid7(), amount=8, description="x")
    with unscoped("past the second wall, to the key behind it"):
        rows = Hold.objects.filter(id=hold.id)
    refused(lambda: rows.update(workspace=foreign_workspace), "billing_hold_account_id_tenant")
