"""Many connections at once on a real PostgreSQL: what one thread can never show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest

from apps.billing.audit import ledger_audit
from apps.billing.models import Entry, Hold
from apps.billing.services import (
    Balance,
    InsufficientCredits,
    balance_get,
    credits_clawback,
    credits_grant,
    credits_hold,
    hold_capture,
    hold_close,
    hold_release,
    hold_split,
)
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace
from bench.ledger_operations import Teller
from tests.billing.conftest import in_parallel

pytestmark = pytest.mark.django_db(transaction=True)
C = 1_000_000


def granted(workspace: Workspace, amount: int) -> UUID:
    credits_grant(workspace_id=workspace.id, amount=amount, reason="Welcome", source="test", source_id=str(uuid7()))
    return workspace.id


def hold(workspace_id: UUID, amount: int, run: bool = True) -> UUID:
    run_id = uuid7() if run else None
    return credits_hold(
        workspace_id=workspace_id, hold_id=uuid7(), amount=amount, description="Quote", run_id=run_id
    ).id


def outcomes(results: list[object]) -> Counter[str]:
    return Counter(type(result).__name__ for result in results)


def test_fifty_runs_at_once_never_overdraw(workspace: Workspace) -> None:
    workspace_id = granted(workspace, 100 * C)
    results = in_parallel([lambda: hold(workspace_id, 10 * C)] * 50, threads=50)
    assert outcomes(results) == {"UUID": 10, "InsufficientCredits": 40}
    assert balance_get(workspace_id=workspace_id) == Balance(100 * C, 100 * C)
    assert ledger_audit() == []


def test_fifty_whole_runs_at_once_add_up(workspace: Workspace) -> None:
    workspace_id = granted(workspace, 100 * C)

    def run() -> int:
        whole = hold(workspace_id, 10 * C)
        first, second = (
            hold_split(parent_id=whole, hold_id=uuid7(), amount=6 * C, description="Image").id for _ in range(2)
        )
        hold_capture(hold_id=first, amount=2 * C, description="Image")
        hold_release(hold_id=second)
        hold_close(hold_id=whole)
        return 2 * C

    results = in_parallel([run] * 50, threads=50)
    refused = [result for result in results if isinstance(result, InsufficientCredits)]
    spent = sum(result for result in results if isinstance(result, int))
    assert len(refused) + spent // (2 * C) == 50
    assert balance_get(workspace_id=workspace_id).posted == 100 * C - spent
    assert ledger_audit() == []


def test_the_same_ids_at_once_count_once(workspace: Workspace) -> None:
    workspace_id = granted(workspace, 100 * C)
    hold_id = uuid7()
    holds = in_parallel(
        [lambda: credits_hold(workspace_id=workspace_id, hold_id=hold_id, amount=60 * C, description="x").id] * 20,
        threads=20,
    )
    assert set(holds) == {hold_id}
    in_parallel([lambda: hold_capture(hold_id=hold_id, amount=30 * C, description="x")] * 20, threads=20)
    grants = in_parallel(
        [lambda: credits_grant(workspace_id=workspace_id, amount=C, reason="x", source="s", source_id="1").id] * 20,
        threads=20,
    )
    assert len(set(grants)) == 1
    assert balance_get(workspace_id=workspace_id) == Balance(71 * C, 0)
    assert ledger_audit() == []


def test_a_first_grant_from_many_sides_makes_one_wallet(workspace: Workspace) -> None:
    results = in_parallel([lambda: granted(workspace, C)] * 20, threads=20)
    assert outcomes(results) == {"UUID": 20}
    assert balance_get(workspace_id=workspace.id) == Balance(20 * C, 0)


def test_capture_and_release_at_once_settle_once(workspace: Workspace) -> None:
    workspace_id = granted(workspace, 100 * C)
    for _ in range(10):
        hold_id = hold(workspace_id, 10 * C)

        def capture(hold_id: UUID = hold_id) -> None:
            hold_capture(hold_id=hold_id, amount=C, description="x")

        def release(hold_id: UUID = hold_id) -> None:
            hold_release(hold_id=hold_id)

        results = in_parallel([capture, release] * 4, threads=8)
        assert outcomes(results).keys() <= {"NoneType", "HoldSettled"}
    spent = sum(Hold.objects.for_workspace(workspace_id).values_list("captured", flat=True))
    assert balance_get(workspace_id=workspace_id) == Balance(100 * C - spent, 0)
    assert ledger_audit() == []


def test_parts_of_one_run_at_once_share_what_there_is(workspace: Workspace) -> None:
    workspace_id = granted(workspace, 50 * C)
    whole = hold(workspace_id, 20 * C)
    results = in_parallel(
        [lambda: hold_split(parent_id=whole, hold_id=uuid7(), amount=7 * C, description="x").id] * 20, threads=20
    )
    assert outcomes(results) == {"UUID": 7, "InsufficientCredits": 13}
    assert balance_get(workspace_id=workspace_id) == Balance(50 * C, 49 * C)
    assert ledger_audit() == []


def test_a_run_that_closes_while_its_parts_settle_keeps_nothing(workspace: Workspace) -> None:
    workspace_id = granted(workspace, 100 * C)
    for _ in range(5):
        whole = hold(workspace_id, 20 * C)
        parts = [hold_split(parent_id=whole, hold_id=uuid7(), amount=2 * C, description="x").id for _ in range(8)]
        releases = [partial(hold_release, hold_id=part) for part in parts]
        results = in_parallel([*releases[:4], partial(hold_close, hold_id=whole), *releases[4:]], threads=9)
        assert outcomes(results) == {"NoneType": 9}
    assert balance_get(workspace_id=workspace_id) == Balance(100 * C, 0)
    assert ledger_audit() == []


def test_random_operations_from_all_sides_leave_no_drift(workspace: Workspace, foreign_workspace: Workspace) -> None:
    wallets = [granted(workspace, 2000), granted(foreign_workspace, 500)]
    tellers = [Teller(seed, wallets) for seed in range(12)]
    results = in_parallel([lambda t=t: [t.step() for _ in range(60)] for t in tellers], threads=12)  # type: ignore[misc]
    assert outcomes(results) == {"list": 12}, [r for r in results if isinstance(r, Exception)]
    assert ledger_audit() == []
    for workspace_id in wallets:
        seqs = Entry.objects.for_workspace(workspace_id).filter(seq__isnull=False).order_by("seq")
        assert list(seqs.values_list("seq", flat=True)) == list(range(1, len(seqs) + 1))


def test_a_refund_at_the_same_time_as_holds_and_charges_takes_each_credit_once(workspace: Workspace) -> None:
    workspace_id = granted(workspace, 100)

    def spend() -> None:
        hold_capture(hold_id=hold(workspace_id, 10, run=False), amount=7, description="Image")

    def refund(number: int) -> int:
        return credits_clawback(
            workspace_id=workspace_id, amount=20, source="refund", source_id=str(number), description="Refund"
        )

    calls: list[Callable[[], object]] = [part for n in range(10) for part in (spend, partial(refund, n))]
    results = in_parallel(calls, threads=20)
    assert outcomes(results).keys() <= {"NoneType", "int", "InsufficientCredits"}
    spent = 7 * sum(result is None for result in results)
    taken = sum(result for result in results if isinstance(result, int))
    balance = balance_get(workspace_id=workspace_id)
    # What charges left of holds paid debts; so each credit was spent, taken, paid, or is there.
    assert balance.posted == 100 - spent - (200 - balance.owed)
    assert taken <= 200 - balance.owed
    assert ledger_audit() == []
