"""The statements that move money. The lock order is always account, hold, entries.

Reserving and settling are one statement each: a conditional update of the row that is guarded, and relative updates
that follow from what it returned. PostgreSQL evaluates both on the newest version of a row it had to wait for.
Splitting and granting compare rows with one another, so they lock the wallet in a statement of its own first; the
next one starts with a fresh snapshot in which nothing of this wallet can move any more. Locks are ``NO KEY UPDATE``:
foreign key checks of others pass.

Each answers the hold it made or settled, or None when its guard refused; ``services`` finds out why.

Paths not taken: a split in one statement. Rows beside the one that was waited for come from the older snapshot; under
50 threads a split counted credits that were gone (the check constraint refused it). Stored procedures: they would
hide the rules from this tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction

from apps.billing.models import Account, AccountKind, Hold

_LOCK_OF_WORKSPACE = """
SELECT id FROM billing_account WHERE workspace_id = %(workspace)s AND kind = 'wallet' FOR NO KEY UPDATE
"""
_LOCK_OF_PARENT = """
SELECT id FROM billing_account WHERE id = (SELECT account_id FROM billing_hold WHERE id = %(parent)s)
FOR NO KEY UPDATE
"""

_RESERVE = """
WITH wallet AS (
    UPDATE billing_account SET held = held + %(amount)s
    WHERE workspace_id = %(workspace)s AND kind = 'wallet' AND posted - held >= %(amount)s
    RETURNING id
), hold AS (
    INSERT INTO billing_hold (id, workspace_id, account_id, amount, captured, state, description,
                              run_id, project_id, generation_id, created_at)
    SELECT %(hold)s, %(workspace)s, wallet.id, %(amount)s, 0, 'open', %(description)s,
           %(run)s, %(project)s, %(generation)s, %(now)s
    FROM wallet
    ON CONFLICT (id) DO NOTHING
    RETURNING *
)
SELECT wallet.id AS wallet, hold.* FROM wallet LEFT JOIN hold ON true
"""
_UNRESERVE = "UPDATE billing_account SET held = held - %(amount)s WHERE id = %(wallet)s"

_SPLIT = """
WITH whole AS MATERIALIZED (
    SELECT part.*, LEAST(part.amount, %(amount)s) AS taken
    FROM billing_hold AS part JOIN billing_account AS account ON account.id = part.account_id
    WHERE part.id = %(parent)s AND part.state = 'open'
        AND account.posted - account.held + part.amount >= %(amount)s
), hold AS (
    INSERT INTO billing_hold (id, workspace_id, account_id, parent_id, amount, captured, state, description,
                              run_id, project_id, generation_id, created_at)
    SELECT %(hold)s, whole.workspace_id, whole.account_id, whole.id, %(amount)s, 0, 'open', %(description)s,
           whole.run_id, whole.project_id, %(generation)s, %(now)s
    FROM whole
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), shrunk AS (
    UPDATE billing_hold AS parent SET amount = parent.amount - whole.taken
    FROM whole JOIN hold ON hold.parent_id = whole.id WHERE parent.id = whole.id
), reserved AS (
    UPDATE billing_account AS account SET held = account.held + hold.amount - whole.taken
    FROM whole JOIN hold ON hold.parent_id = whole.id
    WHERE account.id = hold.account_id AND hold.amount > whole.taken
)
SELECT hold.* FROM hold
"""

_SETTLE = """
WITH wallet AS MATERIALIZED (
    SELECT id FROM billing_account
    WHERE id = (SELECT account_id FROM billing_hold WHERE id = %(hold)s)
    FOR NO KEY UPDATE
), settled AS (
    UPDATE billing_hold AS hold
    SET state = %(state)s, captured = LEAST(hold.amount, %(amount)s), settled_at = %(now)s
    FROM wallet
    WHERE hold.id = %(hold)s AND hold.account_id = wallet.id AND hold.state = 'open'
    RETURNING hold.*
), parent AS (
    UPDATE billing_hold AS parent SET amount = parent.amount + settled.amount - settled.captured
    FROM settled WHERE parent.id = settled.parent_id AND parent.state = 'open'
    RETURNING parent.id
), posted AS (
    UPDATE billing_account AS account
    SET posted = account.posted - settled.captured,
        held = account.held - CASE WHEN parent.id IS NULL THEN settled.amount ELSE settled.captured END,
        last_seq = account.last_seq + %(lines)s
    FROM settled LEFT JOIN parent ON true
    WHERE account.id = settled.account_id
    RETURNING account.id, account.posted, account.last_seq
), line AS (
    INSERT INTO billing_ledgertransaction (id, workspace_id, kind, source, source_id, description, returned,
                                           run_id, project_id, generation_id, created_at)
    SELECT %(transaction)s, settled.workspace_id, %(kind)s, 'hold', settled.id::text,
           COALESCE(%(description)s, settled.description), settled.amount - settled.captured,
           settled.run_id, settled.project_id, settled.generation_id, %(now)s
    FROM settled WHERE %(lines)s > 0
    RETURNING id, workspace_id
), revenue AS (
    INSERT INTO billing_account (id, kind, posted, held, last_seq, created_at)
    SELECT %(revenue)s, 'revenue', 0, 0, 0, %(now)s FROM settled WHERE settled.captured > 0
    ON CONFLICT DO NOTHING
), entries AS (
    INSERT INTO billing_entry (id, workspace_id, transaction_id, account_id, amount, seq, balance_after, created_at)
    SELECT %(entry)s, line.workspace_id, line.id, posted.id, -settled.captured, posted.last_seq, posted.posted, %(now)s
    FROM line, settled, posted
    UNION ALL
    SELECT %(counter_entry)s, line.workspace_id, line.id, %(revenue)s, settled.captured, NULL, NULL, %(now)s
    FROM line, settled WHERE settled.captured > 0
)
SELECT settled.* FROM settled
"""

_GRANT = """
WITH line AS (
    INSERT INTO billing_ledgertransaction (id, workspace_id, kind, source, source_id, description, returned,
                                           actor_id, created_at)
    VALUES (%(transaction)s, %(workspace)s, 'grant', %(source)s, %(source_id)s, %(description)s, 0, %(actor)s, %(now)s)
    ON CONFLICT (kind, source, source_id) DO NOTHING
    RETURNING id, workspace_id
), posted AS (
    UPDATE billing_account AS account SET posted = account.posted + %(amount)s, last_seq = account.last_seq + 1
    FROM line WHERE account.id = %(wallet)s
    RETURNING account.id, account.posted, account.last_seq
), grants AS (
    INSERT INTO billing_account (id, kind, posted, held, last_seq, created_at)
    SELECT %(grants)s, 'grants', 0, 0, 0, %(now)s FROM line
    ON CONFLICT DO NOTHING
), entries AS (
    INSERT INTO billing_entry (id, workspace_id, transaction_id, account_id, amount, seq, balance_after, created_at)
    SELECT %(entry)s, line.workspace_id, line.id, posted.id, %(amount)s, posted.last_seq, posted.posted, %(now)s
    FROM line, posted
    UNION ALL
    SELECT %(counter_entry)s, line.workspace_id, line.id, %(grants)s, -%(amount)s, NULL, NULL, %(now)s FROM line
)
SELECT id FROM line
"""


def _one(statement: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
        return None if row is None else dict(zip((column.name for column in cursor.description), row, strict=True))


def _locked(lock: str, statement: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Wait for the wallet, then move. No savepoint: neither half can fail, and a refusal has changed nothing."""
    with transaction.atomic(savepoint=False):
        wallet = _one(lock, values)
        return None if wallet is None else _one(statement, {**values, "wallet": wallet["id"]})


def _hold(row: dict[str, Any] | None) -> Hold | None:
    if row is None:
        return None
    names = [field.attname for field in Hold._meta.concrete_fields]
    return Hold.from_db(connection.alias, names, [row[name] for name in names])


def reserve(values: Mapping[str, Any]) -> Hold | None:
    """A new hold on a workspace's wallet; None: too few credits, no wallet yet, or the id is taken."""
    with transaction.atomic(savepoint=False):
        row = _one(_RESERVE, values)
        if row is None:
            return None
        wallet = row.pop("wallet")
        if row["id"] is not None:
            return _hold(row)
        with connection.cursor() as cursor:
            cursor.execute(_UNRESERVE, {**values, "wallet": wallet})
        return None


def split(values: Mapping[str, Any]) -> Hold | None:
    """A new hold out of an open one, the shortage from the wallet; None: too few, not open, or the id is taken."""
    return _hold(_locked(_LOCK_OF_PARENT, _SPLIT, values))


def settle(values: Mapping[str, Any]) -> Hold | None:
    """Capture or release an open hold; None: there is no such hold, or it is settled already."""
    return _hold(_one(_SETTLE, values))


def grant(values: Mapping[str, Any]) -> bool:
    """Credits from the grants account to a wallet; False: no wallet yet, or this source was granted before."""
    return _locked(_LOCK_OF_WORKSPACE, _GRANT, values) is not None


def wallet_make(workspace_id: UUID) -> None:
    """Make a workspace's wallet unless it is there."""
    wallet = Account(workspace_id=workspace_id, kind=AccountKind.WALLET)
    Account.objects.for_workspace(workspace_id).bulk_create([wallet], ignore_conflicts=True)


def wallet_lock(workspace_id: UUID) -> Account:
    """The wallet, locked until the transaction ends, made when missing: what is read after this cannot move."""
    rows: models.QuerySet[Account] = Account.objects.for_workspace(workspace_id).filter(kind=AccountKind.WALLET)
    wallet = rows.select_for_update(no_key=True).first()
    if wallet is None:
        wallet_make(workspace_id)
        wallet = rows.select_for_update(no_key=True).get()
    return wallet
