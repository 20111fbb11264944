"""What Stripe told us, and what comparing with it found. Neither belongs to one workspace."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.ids import uuid7


class InboxState(models.TextChoices):
    """An event waits, is done with, or was tried so often that a person must look."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class InboxEvent(models.Model):
    """A genuine event, once. Only which object it is about is kept: whoever works on it asks Stripe for its state."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=InboxState.choices, default=InboxState.WAITING)
    attempts = models.IntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    # Whoever works on it has it until then; after a failure, when to try again.
    due_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now, editable=False)
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("Stripe webhook")
        verbose_name_plural = _("Stripe webhooks")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=InboxState.values), name="billing_inbox_state"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="billing_inbox_due"),
            models.Index(fields=["-received_at"], name="billing_inbox_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class Reconciliation(models.Model):
    """One comparison of Stripe's objects with ours. ``counts`` says how much was compared."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    since = models.DateTimeField()
    until = models.DateTimeField()
    livemode = models.BooleanField()
    counts = models.JSONField()
    # [{check, id, workspace, ours, theirs, text}]
    differences = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        indexes = [models.Index(fields=["-created_at"], name="billing_reconciled_newest")]

    def __str__(self) -> str:
        return f"{self.until:%Y-%m-%d}: {len(self.differences)} differences"
