"""The tables of money: the ledger, and budgets over it. Import from here."""

from __future__ import annotations

from apps.billing.models.budgets import (
    TARGETED,
    Budget,
    BudgetAlert,
    BudgetPeriod,
    BudgetScope,
    Spending,
    SpendingKind,
)
from apps.billing.models.ledger import (
    AMOUNT_MAX,
    SYSTEM_ACCOUNTS,
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
    "TARGETED",
    "Account",
    "AccountKind",
    "Budget",
    "BudgetAlert",
    "BudgetPeriod",
    "BudgetScope",
    "Entry",
    "Hold",
    "HoldState",
    "LedgerTransaction",
    "Spending",
    "SpendingKind",
    "TransactionKind",
]
