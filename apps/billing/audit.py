"""Does the ledger add up? Every projection is recomputed from the entries and the open holds."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection


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
), wallets AS (
    SELECT account.*, COALESCE(entries.amount, 0) AS entries, COALESCE(holds.amount, 0) AS holds,
           COALESCE(entries.lines, 0) AS lines
    FROM billing_account AS account
    LEFT JOIN entries ON entries.account_id = account.id
    LEFT JOIN holds ON holds.account_id = account.id
    WHERE account.kind = 'wallet'
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
)
SELECT 'posted', id::text, posted, entries FROM wallets WHERE posted <> entries
UNION ALL SELECT 'held', id::text, held, holds FROM wallets WHERE held <> holds
UNION ALL SELECT 'last_seq', id::text, last_seq, lines FROM wallets WHERE last_seq <> lines
UNION ALL SELECT 'available', id::text, posted - held, 0 FROM wallets WHERE posted < held
UNION ALL SELECT 'balance_after', id::text, balance_after, amount FROM chain WHERE balance_after <> amount
UNION ALL SELECT 'captured', id::text, captured, amount FROM charged WHERE captured <> amount
UNION ALL SELECT 'sum', transaction_id::text, sum(amount), 0 FROM billing_entry
    GROUP BY transaction_id HAVING sum(amount) <> 0
"""


def ledger_audit() -> list[Drift]:
    """Every disagreement, over all workspaces; an empty list when the ledger adds up. Reads every entry."""
    with connection.cursor() as cursor:
        cursor.execute(_AUDIT)
        return [Drift(check, row, int(stored), int(computed)) for check, row, stored, computed in cursor.fetchall()]
