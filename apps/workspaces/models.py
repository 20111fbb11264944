"""The tenant: workspaces, who is in them, and the tokens that act for them."""

from __future__ import annotations

import hashlib
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.ids import uuid7
from apps.common.models import TenantModel, TenantRow
from apps.workspaces.audit_entries import ActorKind as ActorKind
from apps.workspaces.audit_entries import AuditEntry as AuditEntry
from apps.workspaces.audit_entries import AuditHead as AuditHead
from apps.workspaces.plans import PlanName

SIGN_ON_PREFIX = "sso-"


class Role(models.TextChoices):
    """What a member may do, each including the ones before it.

    Guests see only the projects they were invited to, and may comment there; nothing else.
    """

    GUEST = "guest", _("Guest")
    VIEWER = "viewer", _("Viewer")
    EDITOR = "editor", _("Editor")
    ADMIN = "admin", _("Admin")
    OWNER = "owner", _("Owner")

    @property
    def rank(self) -> int:
        """0 for a guest to 4 for an owner."""
        return [Role.GUEST, Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER].index(self)

    def includes(self, other: Role) -> bool:
        """Whether this role may do what ``other`` may."""
        return self.rank >= other.rank


class TokenScope(models.TextChoices):
    """What an API token may do. ``read`` covers every GET but those of the audit log."""

    READ = "read", _("Read everything")
    PROJECTS_WRITE = "projects:write", _("Change projects and workflows")
    RUNS_WRITE = "runs:write", _("Start and cancel runs")
    ASSETS_WRITE = "assets:write", _("Upload and delete assets")
    GENERATIONS_WRITE = "generations:write", _("Start and cancel generations")
    MONITOR_WRITE = "monitor:write", _("Report runs from elsewhere")
    KEYS_WRITE = "keys:write", _("Set keys with providers (admins)")
    BILLING_WRITE = "billing:write", _("Set budgets and buy credits (admins)")
    AUDIT_READ = "audit:read", _("Read the audit log (admins)")
    COMMENTS_WRITE = "comments:write", _("Comment on workflows")
    MEMBERS_WRITE = "members:write", _("Invite and manage members (admins)")


class Workspace(models.Model):
    """A tenant. Everything that is made belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=100)
    plan = models.CharField(max_length=10, choices=PlanName.choices, default=PlanName.FREE)
    # Set while it waits to be erased; until then an owner can restore it, and nobody changes anything.
    erase_at = models.DateTimeField(null=True, blank=True, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="workspaces")

    class Meta:
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")
        constraints = [models.CheckConstraint(condition=models.Q(plan__in=PlanName.values), name="workspaces_plan")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person in a workspace. Not scoped: it is what decides the scope."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_opened_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="workspaces_membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="workspaces_membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class Invitation(TenantModel):
    """An offer, by mail, to join with a role. The link carries the signed id; this row says whether it still holds."""

    PROJECT = ("project_id",)

    email = models.EmailField(_("e-mail address"))
    role = models.CharField(max_length=10, choices=Role.choices)
    # A plain column, because projects lie above. With it ``role`` is meant there, and guests need it.
    project_id = models.UUIDField(null=True, blank=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                "project_id",
                condition=models.Q(accepted_at=None, revoked_at=None),
                nulls_distinct=False,
                name="workspaces_invitation_open_once",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="workspaces_invitation_role"),
            models.CheckConstraint(
                condition=~models.Q(role="guest", project_id=None), name="workspaces_invitation_guest_where"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class OwnershipOffer(TenantModel):
    """An owner's offer to hand the workspace over to a member, who becomes its owner by accepting."""

    offered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    offered_to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="workspaces_offer_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} to {self.offered_to_id}"


class ServiceAccount(TenantModel):
    """A member that is no person: a user who cannot sign in, owned by the workspace. It outlives whoever made it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="service_account")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return str(self.user_id)


class DataKey(TenantRow):
    """What a workspace's secrets are sealed with, itself wrapped by a key of the environment (apps.common.sealing)."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="+")
    key_id = models.CharField(max_length=40)
    wrapped = models.BinaryField(max_length=100)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.key_id}"


class ApiToken(TenantModel):
    """A bearer token. Only its hash is kept; the token itself is shown once.

    It acts as ``created_by``, a person or a service account, and stops with their membership. ``issued_by`` is the
    admin who made it for a service account.
    """

    PREFIX: ClassVar[str] = "mr_"

    name = models.CharField(_("name"), max_length=100)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    digest = models.BinaryField(max_length=32, unique=True)
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=40, choices=TokenScope.choices))
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest_of(secret: str) -> bytes:
        """SHA-256 of the token. 256 random bits need no slow hash."""
        return hashlib.sha256(secret.encode()).digest()


class IdempotentAnswer(TenantModel):
    """The first answer to a request with an ``Idempotency-Key``, replayed to every repeat."""

    key = models.CharField(max_length=255)
    request_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="workspaces_answer_once")]

    def __str__(self) -> str:
        return self.key


class Mail(TenantModel):
    """A mail about money or the team, to one address. It is written in the transaction that it tells of.

    ``event`` and ``address`` make it one mail, however often the event is handled; ``about`` is the row it speaks of.
    Claimed before it is sent, and given back only when surely nothing was: what was claimed and neither sent nor given
    back may have gone out, and is left alone. The text is dropped once it is of no use any more.
    """

    event = models.CharField(max_length=120)
    about = models.UUIDField(null=True, blank=True)
    address = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "event", "address"], name="workspaces_mail_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="workspaces_mail_due")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.address}"


class SingleSignOn(TenantRow):
    """A workspace's own sign-in: its identity provider (OpenID Connect). The client's secret is sealed.

    Whoever the provider names joins with ``role``. It vouches for this workspace only: an address it hands over counts
    as unconfirmed, or it could open accounts of people elsewhere. Where it is ``required``, sessions that did not come
    through it are sent there first; owners are not, so that a broken provider locks nobody out for good.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="single_sign_on")
    name = models.CharField(_("name"), max_length=60)
    issuer = models.URLField(max_length=300)
    client_id = models.CharField(max_length=200)
    sealed = models.BinaryField(max_length=1000)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    required = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=["viewer", "editor", "admin"]),
                name="workspaces_sign_on_role",
            )
        ]

    def __str__(self) -> str:
        return self.issuer

    @property
    def provider_id(self) -> str:
        """What the site calls this identity provider, in addresses and beside people's identities there."""
        return provider_id_of(self.workspace_id)


class Switch(models.Model):
    """What staff said of something that can be switched off: for one workspace, or, where that is NULL, for all.

    Not scoped: it is asked before any workspace is known (apps.workspaces.switches).
    """

    name = models.CharField(_("name"), max_length=60)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    on = models.BooleanField(_("on"))
    reason = models.CharField(_("reason"), max_length=300)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("switch")
        verbose_name_plural = _("switches")
        constraints = [
            models.UniqueConstraint(fields=["name", "workspace"], nulls_distinct=False, name="workspaces_switch_once")
        ]

    def __str__(self) -> str:
        return self.name


def provider_id_of(workspace_id: UUID) -> str:
    """The name of a workspace's provider: known before there is one, because a provider wants its address first."""
    return f"{SIGN_ON_PREFIX}{workspace_id}"
