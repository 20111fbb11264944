"""Lots: which credits paid for what. A wallet's balance is what is left of its lots, the database sees to it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.billing.models.ledger import Account, LedgerTransaction
from apps.common.models import TenantModel, TenantRow


class LotPriority(models.IntegerChoices):
    """What burns first: what was given, then what ends with the month, then what was bought."""

    GRANTED = 1, _("Granted")
    PLAN = 2, _("Plan")
    BOUGHT = 3, _("Bought")


# The order in which lots burn: priority, then what expires first (never comes last), then age (ids are UUIDv7).
BURN_ORDER = ("priority", "expires_at", "id")


class Lot(TenantModel):
    """Credits that came together. It has the id of the wallet's entry that brought it; ``remaining`` is a projection
    of its ``LotEntry`` rows. An open lot past ``expires_at`` may still be burnt by holds that were there before.

    Indexes ask ``is_open`` and not ``remaining``, so that a charge changes no index.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="lots", db_index=False, db_constraint=False
    )
    transaction = models.OneToOneField(
        LedgerTransaction, on_delete=models.PROTECT, related_name="lot", db_constraint=False
    )
    priority = models.PositiveSmallIntegerField(choices=LotPriority.choices)
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True)
    is_open = models.GeneratedField(
        expression=models.ExpressionWrapper(models.Q(remaining__gt=0), models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(priority__in=LotPriority.values), name="billing_lot_priority"),
            models.CheckConstraint(
                condition=models.Q(remaining__gte=0, amount__gte=models.F("remaining")), name="billing_lot_remaining"
            ),
        ]
        indexes = [
            models.Index(fields=["account", *BURN_ORDER], condition=models.Q(is_open=True), name="billing_lot_burns"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(is_open=True, expires_at__isnull=False),
                name="billing_lot_expires",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining} of {self.amount}"


class LotEntry(TenantRow):
    """What one transaction put into a lot or took out of it; with it the wallet's entry, split. Never changed."""

    pk = models.CompositePrimaryKey("transaction", "lot")
    # The composite keys of the other two hold the workspace already.
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    transaction = models.ForeignKey(
        LedgerTransaction, on_delete=models.PROTECT, related_name="lots", db_index=False, db_constraint=False
    )
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="entries", db_constraint=False)
    amount = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.amount} on {self.lot_id}"
