"""Does the ledger add up? Every projection is recomputed from the entries and the open holds."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from apps.common.tenancy import unscoped


@dataclass(frozen=True)
class Drift:
    """One figure that is not what the rows say. ``row`` is the id of the account, hold or transaction."""

    check: str
    row: str
    stored: int
    computed: int

    def __str__(self) -> str:
        return f"{self.check} of {self.row}: {self.stored} is stored, {self.computed} computed"


# One statement, so that every figure is read from the same snapshot while others keep spending.
_AUDIT = """
WITH entries AS (
    SELECT account_id, sum(amount) AS amount, count(seq) AS lines, max(seq) AS last_seq
    FROM billing_entry GROUP BY account_id
), holds AS (
    SELECT account_id, sum(amount) AS amount FROM billing_hold WHERE state = 'open' GROUP BY account_id
), accounts AS (
    SELECT account.*, COALESCE(entries.amount, 0) AS entries, COALESCE(holds.amount, 0) AS holds,
           COALESCE(entries.lines, 0) AS lines
    FROM billing_account AS account
    LEFT JOIN entries ON entries.account_id = account.id
    LEFT JOIN holds ON holds.account_id = account.id
    WHERE account.workspace_id IS NOT NULL
), debts AS (
    SELECT wallet.id, wallet.owed, -COALESCE(receivable.entries, 0) AS entries
    FROM accounts AS wallet
    LEFT JOIN accounts AS receivable
        ON receivable.workspace_id = wallet.workspace_id AND receivable.kind = 'receivable'
    WHERE wallet.kind = 'wallet'
), parts AS (
    SELECT lot_id, sum(amount) AS amount FROM billing_lotentry GROUP BY lot_id
), lots AS (
    SELECT account_id, sum(remaining) AS remaining FROM billing_lot GROUP BY account_id
), split AS (
    SELECT transaction_id, sum(amount) AS amount FROM billing_lotentry GROUP BY transaction_id
), chain AS (
    SELECT id, account_id, balance_after, sum(amount) OVER (PARTITION BY account_id ORDER BY seq) AS amount
    FROM billing_entry WHERE seq IS NOT NULL
), charged AS (
    SELECT hold.id, hold.captured, COALESCE(sum(entry.amount), 0) AS amount
    FROM billing_hold AS hold
    LEFT JOIN billing_ledgertransaction AS line
        ON line.kind = 'capture' AND line.source = 'hold' AND line.source_id = hold.id::text
    LEFT JOIN billing_entry AS entry ON entry.transaction_id = line.id AND entry.amount > 0
    WHERE hold.captured > 0 OR line.id IS NOT NULL
    GROUP BY hold.id, hold.captured
), kinds AS (
    SELECT DISTINCT workspace_id, kind FROM billing_spending WHERE kind <> 'run'
    UNION SELECT DISTINCT workspace_id, 'workspace' FROM billing_ledgertransaction WHERE kind = 'capture'
), spending AS (
    SELECT kinds.workspace_id, kinds.kind, COALESCE(
        (SELECT sum(amount) FROM billing_spending AS told
         WHERE told.workspace_id = kinds.workspace_id AND told.kind = kinds.kind), 0
    ) AS stored, COALESCE(
        (SELECT sum(entry.amount) FROM billing_ledgertransaction AS line
         JOIN billing_entry AS entry ON entry.transaction_id = line.id AND entry.amount > 0
         WHERE line.workspace_id = kinds.workspace_id AND line.kind = 'capture'), 0
    ) AS computed
    FROM kinds
)
SELECT 'posted', id::text, posted, entries FROM accounts WHERE posted <> entries
UNION ALL SELECT 'held', id::text, held, holds FROM accounts WHERE held <> holds
UNION ALL SELECT 'last_seq', id::text, last_seq, lines FROM accounts WHERE last_seq <> lines
UNION ALL SELECT 'owed', id::text, owed, entries FROM debts WHERE owed <> entries
UNION ALL SELECT 'available', id::text, posted - held, 0 FROM accounts WHERE kind = 'wallet' AND posted < held
UNION ALL SELECT 'remaining', lot.id::text, lot.remaining, COALESCE(parts.amount, 0)
    FROM billing_lot AS lot LEFT JOIN parts ON parts.lot_id = lot.id
    WHERE lot.remaining <> COALESCE(parts.amount, 0)
UNION ALL SELECT 'lots', accounts.id::text, COALESCE(lots.remaining, 0), posted
    FROM accounts LEFT JOIN lots ON lots.account_id = accounts.id
    WHERE kind = 'wallet' AND posted <> COALESCE(lots.remaining, 0)
UNION ALL SELECT 'split', entry.transaction_id::text, COALESCE(split.amount, 0), entry.amount
    FROM billing_entry AS entry LEFT JOIN split ON split.transaction_id = entry.transaction_id
    WHERE entry.seq IS NOT NULL AND entry.amount <> COALESCE(split.amount, 0)
UNION ALL SELECT 'balance_after', id::text, balance_after, amount FROM chain WHERE balance_after <> amount
UNION ALL SELECT 'captured', id::text, captured, amount FROM charged WHERE captured <> amount
UNION ALL SELECT 'sum', transaction_id::text, sum(amount), 0 FROM billing_entry
    GROUP BY transaction_id HAVING sum(amount) <> 0
UNION ALL SELECT 'spending by ' || kind, workspace_id::text, stored, computed FROM spending WHERE stored <> computed
"""


def ledger_audit() -> list[Drift]:
    """Every disagreement, over all workspaces; an empty list when the ledger adds up. Reads every entry."""
    with unscoped("the sums are over every workspace"), connection.cursor() as cursor:
        cursor.execute(_AUDIT)
        return [Drift(check, row, int(stored), int(computed)) for check, row, stored, computed in cursor.fetchall()]
