"""The rows of the audit log: entries that only come to be, each chained to the one before, and the chain's head."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantModel, TenantRow


class ActorKind(models.TextChoices):
    """Who acted. A token acts for the person who made it."""

    PERSON = "person", _("Person")
    TOKEN = "token", _("API token")
    SERVICE = "service", _("Service account")
    SYSTEM = "system", _("Millrace")


class AuditEntry(TenantModel):
    """One act in a workspace. A trigger refuses every change but the two below.

    ``seq`` and ``hash`` are set by the database when the transaction commits, so the lock on the head is held for an
    instant and the numbers have no gaps: ``hash = SHA-256(hash before ‖ seq as 8 bytes ‖ digest)``, where ``digest``
    covers the row (``audit.entry_digest``).

    What may name a person (``actor`` and ``subject``: names, addresses, browser) is in the digest by a commitment
    only, ``SHA-256(salt ‖ text)``. To forget a person is to empty it and drop its salt: the chain still holds, and
    nobody can find out by trying what stood there.
    """

    seq = models.BigIntegerField(null=True, editable=False)
    hash = models.BinaryField(max_length=32, null=True, editable=False)
    digest = models.BinaryField(max_length=32)
    action = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    target_id = models.CharField(max_length=100, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    actor = models.JSONField(default=dict)
    actor_salt = models.BinaryField(max_length=32, null=True)
    actor_seal = models.BinaryField(max_length=32)
    subject = models.JSONField(default=dict)
    subject_salt = models.BinaryField(max_length=32, null=True)
    subject_seal = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "seq"], name="workspaces_audit_seq"),
            models.CheckConstraint(condition=models.Q(actor_kind__in=ActorKind.values), name="workspaces_audit_kind"),
        ]
        indexes = [
            models.Index(fields=["workspace", "target_id"], name="workspaces_audit_target"),
            models.Index(fields=["workspace", "actor_id"], name="workspaces_audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class AuditHead(TenantRow):
    """The end of a workspace's chain, locked while one more entry is chained; and how far the chain was verified."""

    workspace = models.OneToOneField(
        "workspaces.Workspace", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    seq = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32, default=b"")
    verified_seq = models.BigIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)
    # What is wrong with the chain, "" when nothing is; in words for staff and admins.
    broken = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.seq}"
