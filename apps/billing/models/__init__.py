"""The tables of money: the ledger, budgets over it, what was bought, and what Stripe told. Import from here."""

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
from apps.billing.models.inbox import InboxEvent, InboxState, Reconciliation
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
from apps.billing.models.purchases import (
    WAITING,
    Dispute,
    Purchase,
    PurchaseKind,
    PurchaseState,
    StripeCustomer,
    Subscription,
    TopupRule,
)

__all__ = [
    "AMOUNT_MAX",
    "BURN_ORDER",
    "SYSTEM_ACCOUNTS",
    "TARGETED",
    "WAITING",
    "WORKSPACE_KINDS",
    "Account",
    "AccountKind",
    "Budget",
    "BudgetAlert",
    "BudgetPeriod",
    "BudgetScope",
    "Dispute",
    "Entry",
    "Hold",
    "HoldState",
    "InboxEvent",
    "InboxState",
    "LedgerTransaction",
    "Lot",
    "LotEntry",
    "LotPriority",
    "Purchase",
    "PurchaseKind",
    "PurchaseState",
    "Reconciliation",
    "Spending",
    "SpendingKind",
    "StripeCustomer",
    "Subscription",
    "TopupRule",
    "TransactionKind",
]
