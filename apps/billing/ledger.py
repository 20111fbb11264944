"""The statements that move money. The lock order is always account, hold, entries.

Reserving is one statement: a conditional update of the row that is guarded, and relative updates that follow from what
it returned. PostgreSQL evaluates both on the newest version of a row it had to wait for. The others compare rows with
one another (a split a hold with the wallet, a charge the lots it burns), so they lock the wallet in a statement of
their own first; the next one starts with a fresh snapshot in which nothing of this wallet can move any more. Locks are
``NO KEY UPDATE``: foreign key checks of others pass.

Each answers the hold it made or settled, or None when its guard refused; ``services`` finds out why.

Holds and settlements are most of the work: they are prepared, and a settlement goes out together with its lock.

Paths not taken: a split in one statement. Rows beside the one that was waited for come from the older snapshot; under
50 threads a split counted credits that were gone (the check constraint refused it). Stored procedures: they would
hide the rules from this tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db import connection, models, transaction
from psycopg.rows import dict_row

from apps.billing.models import SYSTEM_ACCOUNTS, WORKSPACE_KINDS, Account, AccountKind, Hold
from apps.common.statements import prepared, squeezed
from apps.common.tenancy import scope, scope_or_unscoped

# The setting, gone with the transaction, tells the next statement which wallet is locked: a hold that was committed
# between the two is not settled unlocked. It names none where there are budgets to be told and the caller did not say
# that it will.
_LOCK_OF_HOLD = """
SELECT set_config('billing.wallet', CASE WHEN %(asked)s OR NOT budgeted THEN id::text ELSE '' END, true)
FROM billing_account
WHERE id = (SELECT account_id FROM billing_hold WHERE id = %(hold)s)
FOR NO KEY UPDATE
"""
_LOCK_OF_PARENT = """
SELECT id FROM billing_account WHERE id = (SELECT account_id FROM billing_hold WHERE id = %(parent)s)
FOR NO KEY UPDATE
"""

_RESERVE = """
WITH wallet AS MATERIALIZED (
    SELECT id FROM billing_account
    WHERE workspace_id = %(workspace)s AND kind = 'wallet' AND GREATEST(posted - held - owed, 0) >= %(amount)s
        AND (%(asked)s OR NOT budgeted)
    FOR NO KEY UPDATE
), hold AS (
    INSERT INTO billing_hold (id, workspace_id, account_id, amount, captured, state, description, actor_id, token_id,
                              run_id, workflow_id, project_id, generation_id, model, created_at)
    SELECT %(hold)s, %(workspace)s, wallet.id, %(amount)s, 0, 'open', %(description)s, %(actor)s::uuid,
           %(token)s::uuid, %(run)s::uuid, %(workflow)s::uuid, %(project)s::uuid, %(generation)s::uuid,
           %(model)s::text, %(now)s
    FROM wallet
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), reserved AS (
    UPDATE billing_account AS account SET held = account.held + hold.amount
    FROM hold WHERE account.id = hold.account_id
)
SELECT * FROM hold
"""

_SPLIT = """
WITH whole AS MATERIALIZED (
    SELECT part.*, LEAST(part.amount, %(amount)s) AS taken
    FROM billing_hold AS part JOIN billing_account AS account ON account.id = part.account_id
    WHERE part.id = %(parent)s AND part.state = 'open'
        AND GREATEST(account.posted - account.held - account.owed, 0) + part.amount >= %(amount)s
        AND (%(asked)s OR NOT account.budgeted)
), hold AS (
    INSERT INTO billing_hold (id, workspace_id, account_id, parent_id, amount, captured, state, description, actor_id,
                              token_id, run_id, workflow_id, project_id, generation_id, model, created_at)
    SELECT %(hold)s, whole.workspace_id, whole.account_id, whole.id, %(amount)s, 0, 'open', %(description)s,
           whole.actor_id, whole.token_id, whole.run_id, whole.workflow_id, whole.project_id, %(generation)s,
           %(model)s, %(now)s
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

# What was spent, by whom and for what, is summed per day: one row per kind, "" where the capture belongs to none. The
# wallet's lock puts captures of a workspace in a row, so that these rows are never waited for.
_SETTLE = squeezed("""
WITH settled AS (
    UPDATE billing_hold AS hold
    SET state = %(state)s, captured = LEAST(hold.amount, %(amount)s), settled_at = %(now)s,
        model = COALESCE(%(model)s::text, hold.model)
    WHERE hold.id = %(hold)s AND hold.state = 'open' AND hold.account_id::text = current_setting('billing.wallet', true)
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
    RETURNING account.id, account.posted, account.last_seq, account.owed
), line AS (
    INSERT INTO billing_ledgertransaction (id, workspace_id, kind, source, source_id, description, returned,
                                           actor_id, token_id, run_id, workflow_id, project_id, generation_id, model,
                                           created_at)
    SELECT %(transaction)s, settled.workspace_id, %(kind)s, 'hold', settled.id::text,
           COALESCE(%(description)s::text, settled.description), settled.amount - settled.captured,
           settled.actor_id, settled.token_id, settled.run_id, settled.workflow_id, settled.project_id,
           settled.generation_id, settled.model, %(now)s
    FROM settled WHERE %(lines)s > 0
    RETURNING id, workspace_id
), revenue AS (
    INSERT INTO billing_account (id, kind, posted, held, owed, last_seq, created_at)
    SELECT %(revenue)s, 'revenue', 0, 0, 0, 0, %(now)s FROM settled WHERE settled.captured > 0
    ON CONFLICT DO NOTHING
), entries AS (
    INSERT INTO billing_entry (id, workspace_id, transaction_id, account_id, amount, seq, balance_after, created_at)
    SELECT %(entry)s, line.workspace_id, line.id, posted.id, -settled.captured, posted.last_seq, posted.posted, %(now)s
    FROM line, settled, posted
    UNION ALL
    SELECT %(counter_entry)s, line.workspace_id, line.id, %(revenue)s, settled.captured, NULL, NULL, %(now)s
    FROM line, settled WHERE settled.captured > 0
), burnt AS MATERIALIZED (
    SELECT lot.id, LEAST(lot.remaining, settled.captured - lot.earlier) AS amount
    FROM settled CROSS JOIN LATERAL (
        SELECT lot.id, lot.remaining, sum(lot.remaining) OVER burns - lot.remaining AS earlier
        FROM billing_lot AS lot WHERE lot.account_id = settled.account_id AND lot.is_open
        WINDOW burns AS (ORDER BY lot.priority, lot.expires_at, lot.id)
    ) AS lot
    WHERE lot.earlier < settled.captured
), lots AS (
    UPDATE billing_lot AS lot SET remaining = lot.remaining - burnt.amount FROM burnt WHERE lot.id = burnt.id
), parts AS (
    INSERT INTO billing_lotentry (workspace_id, transaction_id, lot_id, amount)
    SELECT line.workspace_id, line.id, burnt.id, -burnt.amount FROM line, burnt
), spent AS (
    INSERT INTO billing_spending (workspace_id, kind, subject, day, amount, charges)
    SELECT settled.workspace_id, part.kind, COALESCE(part.subject, ''), (settled.settled_at AT TIME ZONE 'UTC')::date,
           settled.captured, 1
    FROM settled CROSS JOIN LATERAL (
        VALUES ('workspace', NULL), ('project', settled.project_id::text), ('member', settled.actor_id::text),
               ('model', settled.model), ('workflow', settled.workflow_id::text), ('token', settled.token_id::text),
               ('run', settled.run_id::text)
    ) AS part (kind, subject)
    WHERE settled.captured > 0 AND (part.kind <> 'run' OR part.subject IS NOT NULL)
    ON CONFLICT (workspace_id, kind, subject, day)
    DO UPDATE SET amount = billing_spending.amount + excluded.amount, charges = billing_spending.charges + 1
)
SELECT posted.owed, settled.* FROM settled, posted
""")

_POST = """
WITH line AS (
    INSERT INTO billing_ledgertransaction (id, workspace_id, kind, source, source_id, description, returned, asked,
                                           actor_id, created_at)
    VALUES (%(transaction)s, %(workspace)s, %(kind)s, %(source)s, %(source_id)s, %(description)s, 0, %(asked)s,
            %(actor)s, %(now)s)
    ON CONFLICT (kind, source, source_id) DO NOTHING
    RETURNING id, workspace_id
), posted AS (
    UPDATE billing_account AS account
    SET posted = account.posted + %(amount)s, owed = account.owed - %(receivable)s, last_seq = account.last_seq + 1
    FROM line WHERE account.id = %(wallet)s
    RETURNING account.id, account.posted, account.last_seq
), sides AS MATERIALIZED (
    SELECT side.* FROM line, unnest(%(kinds)s::text[], %(accounts)s::uuid[], %(amounts)s::bigint[])
        AS side (kind, account, amount)
), ours AS (
    INSERT INTO billing_account (id, kind, posted, held, owed, last_seq, created_at)
    SELECT account, kind, 0, 0, 0, 0, %(now)s FROM sides WHERE NOT kind = ANY(%(workspace_kinds)s)
    ON CONFLICT DO NOTHING
), theirs AS (
    UPDATE billing_account AS account SET posted = account.posted + sides.amount
    FROM sides WHERE account.id = sides.account AND account.workspace_id IS NOT NULL
), entries AS (
    INSERT INTO billing_entry (id, workspace_id, transaction_id, account_id, amount, seq, balance_after, created_at)
    SELECT %(entry)s, line.workspace_id, line.id, posted.id, %(amount)s, posted.last_seq, posted.posted, %(now)s
    FROM line, posted
    UNION ALL
    SELECT gen_random_uuid(), line.workspace_id, line.id, sides.account, sides.amount, NULL, NULL, %(now)s
    FROM line, sides
), lot AS (
    INSERT INTO billing_lot (id, workspace_id, account_id, transaction_id, priority, amount, remaining, expires_at,
                             created_at)
    SELECT %(entry)s, line.workspace_id, %(wallet)s, line.id, %(priority)s, %(amount)s, %(amount)s, %(expires_at)s,
           %(now)s
    FROM line WHERE %(priority)s IS NOT NULL
    RETURNING id, amount
), moved AS MATERIALIZED (
    SELECT part.* FROM line, unnest(%(lots)s::uuid[], %(parts)s::bigint[]) AS part (lot, amount)
), lots AS (
    UPDATE billing_lot AS lot SET remaining = lot.remaining + moved.amount FROM moved WHERE lot.id = moved.lot
), parts AS (
    INSERT INTO billing_lotentry (workspace_id, transaction_id, lot_id, amount)
    SELECT line.workspace_id, line.id, lot.id, lot.amount FROM line, lot
    UNION ALL
    SELECT line.workspace_id, line.id, moved.lot, moved.amount FROM line, moved
)
SELECT id FROM line
"""


def _place(values: Mapping[str, Any]) -> AbstractContextManager[None]:
    """The scope of a statement: the workspace it names, else what a hold's id tells."""
    if "workspace" in values:
        return scope(values["workspace"])
    return scope_or_unscoped("a hold's id is what tells the workspace")


def _one(statement: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    with _place(values), connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
        return None if row is None else dict(zip((column.name for column in cursor.description), row, strict=True))


def _locked(lock: str, statement: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Wait for the wallet, then move. No savepoint: neither half can fail, and a refusal has changed nothing."""
    with transaction.atomic(savepoint=False):
        wallet = _one(lock, values)
        return None if wallet is None else _one(statement, {**values, "wallet": wallet["id"]})


def _hold(row: dict[str, Any]) -> Hold:
    names = [field.attname for field in Hold._meta.concrete_fields]
    return Hold.from_db(connection.alias, names, [row[name] for name in names])


def reserve(values: Mapping[str, Any]) -> Hold | None:
    """A new hold on a workspace's wallet; None: too few credits, no wallet yet, or the id is taken.

    Also None where there are budgets and nobody ``asked`` them yet, which needs the wallet's lock.
    """
    with _place(values), prepared(dict_row) as cursor:
        cursor.execute(_RESERVE, values)
        row = cursor.fetchone()
    return None if row is None else _hold(row)


def split(values: Mapping[str, Any]) -> Hold | None:
    """A new hold out of an open one, the shortage from the wallet; None: too few, not open, or the id is taken.

    Also None where there are budgets that were not ``asked``.
    """
    row = _locked(_LOCK_OF_PARENT, _SPLIT, values)
    return None if row is None else _hold(row)


@dataclass(frozen=True)
class Settled:
    """The hold that was settled, and what its workspace owes."""

    hold: Hold
    owed: int


def settle(values: Mapping[str, Any]) -> Settled | None:
    """Capture or release an open hold; None: there is no such hold, it is settled already, or it came just now.

    Also None where there are budgets and the caller did not say, by ``asked``, that it tells them in its transaction.
    """
    with _place(values), prepared() as lock, prepared(dict_row) as cursor:
        # Before the pipeline: what is told in one counts only when it is over.
        connection.scope_tell()  # type: ignore[attr-defined]
        # Both are sent at once and are one transaction: nobody who waits for the wallet waits for this client too.
        with connection.connection.pipeline():
            lock.execute(_LOCK_OF_HOLD, values)
            cursor.execute(_SETTLE, values)
        row = cursor.fetchone()
    return None if row is None else Settled(_hold(row), row["owed"])


def post(values: Mapping[str, Any], *, sides: Mapping[AccountKind, int], parts: Mapping[UUID, int]) -> bool:
    """A line of ``amount`` on the wallet, the opposite on the ``sides``; False: this was posted before.

    With a ``priority`` it is a new lot, otherwise ``parts`` says what of it belongs to which lot. The caller holds the
    wallet's lock, which guards a workspace's other accounts and lots too.
    """
    workspace_id: UUID = values["workspace"]
    moved = {kind: amount for kind, amount in sides.items() if amount}
    _own_make(workspace_id, [kind for kind in moved if kind in WORKSPACE_KINDS])
    more = {
        "kinds": [kind.value for kind in moved],
        "accounts": [_account_id(kind, workspace_id) for kind in moved],
        "amounts": list(moved.values()),
        "receivable": moved.get(AccountKind.RECEIVABLE, 0),
        "lots": list(parts),
        "parts": list(parts.values()),
        "workspace_kinds": [kind.value for kind in WORKSPACE_KINDS],
    }
    return _one(_POST, {**values, **more}) is not None


def _account_id(kind: AccountKind, workspace_id: UUID) -> UUID:
    return SYSTEM_ACCOUNTS.get(kind) or uuid5(workspace_id, kind.value)


def _own_make(workspace_id: UUID, kinds: list[AccountKind]) -> None:
    """Make a workspace's accounts beside its wallet unless they are there. Their ids follow from it: no look-up."""
    rows = [Account(id=_account_id(kind, workspace_id), workspace_id=workspace_id, kind=kind) for kind in kinds]
    Account.objects.for_workspace(workspace_id).bulk_create(rows, ignore_conflicts=True)


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
