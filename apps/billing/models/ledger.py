"""The ledger: accounts, transactions of entries that sum to zero, and holds.

Amounts are integer micro-credits. Entries are the truth and are append-only; ``Account.posted`` and ``Account.held``
are projections that the database guards, so that spending is one conditional update and never goes below zero.
``ledger_audit`` recomputes them. Which credits paid for what is in ``lots``.
"""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.ids import uuid7
from apps.common.models import LinkedBase, TenantManager, TenantModel

# A billion credits. Keeps every amount exact in JavaScript's numbers and sums far away from a bigint's end.
AMOUNT_MAX = 10**15


class AccountKind(models.TextChoices):
    """What an account stands for. The first three belong to a workspace, the others are ours.

    ``RECEIVABLE`` is what a workspace owes after money went back for credits it had spent: zero or less.
    ``DISPUTED`` is what a contested payment bought and nobody may spend until that is decided: zero or more.
    """

    WALLET = "wallet", _("Wallet")
    RECEIVABLE = "receivable", _("Receivable")
    DISPUTED = "disputed", _("Disputed")
    GRANTS = "grants", _("Grants")
    PAYMENTS = "payments", _("Payments")
    PLANS = "plans", _("Plans")
    CORRECTIONS = "corrections", _("Corrections")
    EXPIRED = "expired", _("Expired")
    REVENUE = "revenue", _("Revenue")
    LOSS = "loss", _("Loss")


WORKSPACE_KINDS = (AccountKind.WALLET, AccountKind.RECEIVABLE, AccountKind.DISPUTED)

# Known in advance, so that a posting needs no look-up and makes the account when it is the first.
SYSTEM_ACCOUNTS: dict[AccountKind, UUID] = {
    AccountKind.GRANTS: UUID("00000000-0000-7000-8000-000000000001"),
    AccountKind.REVENUE: UUID("00000000-0000-7000-8000-000000000002"),
    AccountKind.LOSS: UUID("00000000-0000-7000-8000-000000000003"),
    AccountKind.PAYMENTS: UUID("00000000-0000-7000-8000-000000000004"),
    AccountKind.PLANS: UUID("00000000-0000-7000-8000-000000000005"),
    AccountKind.CORRECTIONS: UUID("00000000-0000-7000-8000-000000000006"),
    AccountKind.EXPIRED: UUID("00000000-0000-7000-8000-000000000007"),
}


class Account(models.Model, metaclass=LinkedBase):
    """One side of the ledger.

    ``posted`` (what entries add up to) is kept for the accounts of a workspace; ``held`` (what open holds add up to),
    ``owed`` (its receivable, turned round) and ``last_seq`` (number of the last entry) for wallets only. All that
    decides whether something may be spent so stands in one row. A shared account that every capture updates would
    queue all workspaces behind it: a system account's balance is the sum of its entries.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=AccountKind.choices)
    posted = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    owed = models.BigIntegerField(default=0, db_default=0)
    last_seq = models.BigIntegerField(default=0)
    # Whether any budget is on: then a hold is asked about before it is made (``budgets``). Set under the wallet's lock.
    budgeted = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind"], name="billing_account_once"),
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(workspace=None), name="billing_account_system_once"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=AccountKind.values), name="billing_account_kind"),
            models.CheckConstraint(
                condition=models.Q(kind__in=WORKSPACE_KINDS, workspace__isnull=False)
                | (~models.Q(kind__in=WORKSPACE_KINDS) & models.Q(workspace__isnull=True)),
                name="billing_account_owner",
            ),
            models.CheckConstraint(condition=models.Q(held__gte=0), name="billing_account_held"),
            models.CheckConstraint(
                condition=~models.Q(kind="wallet") | models.Q(posted__gte=models.F("held")),
                name="billing_account_covered",
            ),
            models.CheckConstraint(
                condition=models.Q(owed=0) | models.Q(kind="wallet", owed__gt=0), name="billing_account_owed"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="receivable") | models.Q(posted__lte=0), name="billing_account_receivable"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="disputed") | models.Q(posted__gte=0), name="billing_account_disputed"
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())


class TransactionKind(models.TextChoices):
    """Why the ledger moved."""

    GRANT = "grant", _("Grant")
    TOPUP = "topup", _("Top-up")
    PLAN = "plan", _("Plan credits")
    CAPTURE = "capture", _("Charge")
    RELEASE = "release", _("Not charged")
    REFUND = "refund", _("Refund")
    DISPUTE = "dispute", _("Dispute opened")
    DISPUTE_WON = "dispute_won", _("Dispute won")
    DISPUTE_LOST = "dispute_lost", _("Dispute lost")
    REPAYMENT = "repayment", _("Debt paid")
    CORRECTION = "correction", _("Correction")
    EXPIRY = "expiry", _("Expired")


class LedgerTransaction(TenantModel):
    """Something that happened, once: ``(kind, source, source_id)`` is what makes a repeat harmless.

    A release moves nothing; it is recorded so that the ledger shows what was *not* charged, with what went back in
    ``returned``. ``asked`` is the amount a door was called with: a repeat must bring the same, and where less moved
    the wallet did not cover it. ``actor_id``, ``run_id``, ``project_id`` and ``generation_id`` are plain ids: the
    ledger outlives the rows they name, and some of those live above this app.
    """

    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=TransactionKind.choices)
    source = models.CharField(max_length=40)
    source_id = models.CharField(max_length=255)
    description = models.CharField(max_length=300)
    returned = models.BigIntegerField(default=0)
    asked = models.BigIntegerField(null=True)
    actor_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    workflow_id = models.UUIDField(null=True)
    project_id = models.UUIDField(null=True)
    generation_id = models.UUIDField(null=True)
    model = models.CharField(max_length=120, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("ledger line")
        verbose_name_plural = _("ledger")
        constraints = [
            models.UniqueConstraint(fields=["kind", "source", "source_id"], name="billing_transaction_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=TransactionKind.values), name="billing_transaction_kind"
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "run_id"],
                condition=models.Q(run_id__isnull=False),
                name="billing_transaction_run",
            )
        ]

    def __str__(self) -> str:
        return self.description


class Entry(TenantModel):
    """One amount on one account. Never changed, never deleted: triggers refuse both, and a sum that is not zero.

    On a wallet ``seq`` counts without gaps and ``balance_after`` is the balance it left.
    """

    transaction = models.ForeignKey(
        LedgerTransaction,
        on_delete=models.PROTECT,
        related_name="entries",
        db_constraint=False,  # the composite key (migration 0002) covers it
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries", db_index=False)
    amount = models.BigIntegerField()
    seq = models.BigIntegerField(null=True)
    balance_after = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        constraints = [models.UniqueConstraint(fields=["account", "seq"], name="billing_entry_seq")]

    def __str__(self) -> str:
        return f"{self.amount} on {self.account_id}"


class HoldState(models.TextChoices):
    """A hold is settled once: captured or released."""

    OPEN = "open", _("Open")
    CAPTURED = "captured", _("Captured")
    RELEASED = "released", _("Released")


class Hold(TenantModel):
    """Credits set aside before something is paid for. The caller gives the id, so a repeat finds the first.

    A run holds its quoted maximum; each generation's hold is split from it (``parent``). While it is open,
    ``amount`` is what it holds now; afterwards ``captured`` of it was charged.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="holds",
        db_index=False,
        db_constraint=False,  # the composite key (migration 0002) covers it
    )
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="parts", db_constraint=False)
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.OPEN)
    description = models.CharField(max_length=300)
    actor_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    workflow_id = models.UUIDField(null=True)
    project_id = models.UUIDField(null=True)
    generation_id = models.UUIDField(null=True)
    model = models.CharField(max_length=120, blank=True, default="", db_default="")
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=HoldState.values), name="billing_hold_state"),
            models.CheckConstraint(
                condition=models.Q(captured__gte=0, amount__gte=models.F("captured")), name="billing_hold_amounts"
            ),
        ]
        indexes = [
            models.Index(fields=["account"], condition=models.Q(state="open"), name="billing_hold_open"),
        ]

    def __str__(self) -> str:
        return self.description or str(self.id)
