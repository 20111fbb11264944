"""The tables of money: the ledger. Import from here."""

from __future__ import annotations

from apps.billing.models.ledger import (
    AMOUNT_MAX,
    SYSTEM_ACCOUNTS,
    WORKSPACE_KINDS,
    Account,
    AccountKind,
    Entry,
    Hold,
    HoldState,
    LedgerTransaction,
    TransactionKind,
)
from apps.billing.models.lots import BURN_ORDER, Lot, LotEntry, LotPriority

__all__ = [
    "AMOUNT_MAX",
    "BURN_ORDER",
    "SYSTEM_ACCOUNTS",
    "WORKSPACE_KINDS",
    "Account",
    "AccountKind",
    "Entry",
    "Hold",
    "HoldState",
    "LedgerTransaction",
    "Lot",
    "LotEntry",
    "LotPriority",
    "TransactionKind",
]
