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

__all__ = [
    "AMOUNT_MAX",
    "SYSTEM_ACCOUNTS",
    "WORKSPACE_KINDS",
    "Account",
    "AccountKind",
    "Entry",
    "Hold",
    "HoldState",
    "LedgerTransaction",
    "TransactionKind",
]
