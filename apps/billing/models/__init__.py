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
    "TARGETED",
    "WORKSPACE_KINDS",
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
    "Lot",
    "LotEntry",
    "LotPriority",
    "Spending",
    "SpendingKind",
    "TransactionKind",
]
