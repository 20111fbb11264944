"""Workspaces, members, invitations, tokens: every write of this app."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.tenancy import unscoped
from apps.workspaces.invitations import SALT
from apps.workspaces.models import ApiToken, Invitation, Membership, Role, TokenScope, Workspace
from apps.workspaces.plans import PlanName
from apps.workspaces.signals import workspace_created
from apps.workspaces.tasks import invitation_mail

log = structlog.get_logger(__name__)

INVITATION_DAYS = 14
TOKEN_DAYS = (7, 30, 90, 365)
_SLUG_TRIES = 20
# Words that would read as a page of the site in somebody's address bar.
_RESERVED_SLUGS = frozenset({"admin", "api", "accounts", "static", "www", "new"})


class WorkspaceError(Exception):
    """A change that the workspace's rules refuse; the message is for the person who asked."""


class InvitationError(WorkspaceError):
    """An invitation that cannot be accepted; the message says why and what to do."""


def _slug_candidates(name: str) -> Iterable[str]:
    base = slugify(name)[:40].strip("-") or "studio"
    if base not in _RESERVED_SLUGS:
        yield base
    for _attempt in range(_SLUG_TRIES):
        yield f"{base}-{secrets.token_hex(3)}"


def workspace_create(*, name: str, owner_id: UUID, slug: str = "") -> Workspace:
    """A workspace whose owner is ``owner_id``. The slug comes from the name, with a tail where that is taken."""
    for candidate in [slug] if slug else _slug_candidates(name):
        try:
            with transaction.atomic():
                workspace = Workspace.objects.create(slug=candidate, name=name.strip()[:100])
                Membership.objects.create(workspace=workspace, user_id=owner_id, role=Role.OWNER)
                workspace_created.send(sender=Workspace, workspace_id=workspace.id, owner_id=owner_id)
                return workspace
        except IntegrityError:
            if not Workspace.objects.filter(slug=candidate).exists():
                raise
    raise WorkspaceError(_("That address is taken. Choose another."))


def workspace_rename(*, workspace_id: UUID, name: str) -> None:
    """Change the name; the address stays, links keep working."""
    Workspace.objects.filter(id=workspace_id).update(name=name.strip()[:100])


# --- Members -------------------------------------------------------------------------------------------------------


def _lock_members(workspace_id: UUID) -> None:
    # Two owners leaving at once would each see the other; the lock makes them take turns.
    Workspace.objects.select_for_update().get(id=workspace_id)


def _check_may_touch(actor: Membership, role: Role) -> None:
    if not Role(actor.role).includes(Role.ADMIN) or (role is Role.OWNER and Role(actor.role) is not Role.OWNER):
        raise WorkspaceError(_("Only an owner can make or change owners."))


def _check_owner_remains(member: Membership) -> None:
    owners = Membership.objects.filter(workspace_id=member.workspace_id, role=Role.OWNER).exclude(id=member.id)
    if member.role == Role.OWNER and not owners.exists():
        raise WorkspaceError(_("A workspace needs an owner. Make somebody else an owner first."))


@transaction.atomic
def member_change_role(*, actor: Membership, user_id: UUID, role: Role) -> Membership:
    """Give a member another role. WorkspaceError for the last owner, and for admins who reach for owners."""
    _lock_members(actor.workspace_id)
    member = Membership.objects.select_related("user").get(workspace_id=actor.workspace_id, user_id=user_id)
    _check_may_touch(actor, role)
    _check_may_touch(actor, Role(member.role))
    if role is not Role.OWNER:
        _check_owner_remains(member)
    member.role = role
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def member_remove(*, actor: Membership, user_id: UUID) -> Membership:
    """Take a member out, or leave when it is the actor's own. Their tokens stop at once (auth asks the membership)."""
    _lock_members(actor.workspace_id)
    member = Membership.objects.select_related("user").get(workspace_id=actor.workspace_id, user_id=user_id)
    if member.id != actor.id:
        _check_may_touch(actor, Role(member.role))
    _check_owner_remains(member)
    Membership.objects.filter(id=member.id).delete()
    now = timezone.now()
    ApiToken.objects.for_workspace(actor.workspace_id).filter(created_by=member.user, revoked_at=None).update(
        revoked_at=now
    )
    log.info("member removed", action="member_remove", workspace=str(actor.workspace_id), user=str(member.user_id))
    return member


# --- Invitations ---------------------------------------------------------------------------------------------------


@transaction.atomic
@transaction.atomic
def workspace_plan_set(*, workspace_id: UUID, plan: PlanName) -> bool:
    """Put a workspace on another plan; False when it was on that one already."""
    changed = Workspace.objects.filter(id=workspace_id).exclude(plan=plan).update(plan=plan)
    log.info("plan set", action="workspace_plan_set", workspace=str(workspace_id), plan=plan)
    return bool(changed)


def member_invite(*, actor: Membership, email: str, role: Role) -> Invitation:
    """Invite an address by mail. A new invitation replaces an open one to the same address."""
    _check_may_touch(actor, role)
    email = User.objects.normalize_email(email.strip())
    if Membership.objects.filter(workspace_id=actor.workspace_id, user__email__iexact=email).exists():
        raise WorkspaceError(_("%(email)s is already a member.") % {"email": email})
    now = timezone.now()
    _lock_members(actor.workspace_id)
    invitations = Invitation.objects.for_workspace(actor.workspace_id)
    invitations.filter(email__iexact=email, accepted_at=None, revoked_at=None).update(revoked_at=now)
    invitation: Invitation = invitations.create(
        workspace_id=actor.workspace_id,
        email=email,
        role=role,
        invited_by_id=actor.user_id,
        expires_at=now + timedelta(days=INVITATION_DAYS),
    )
    invitation_mail.delay_on_commit(invitation_id=str(invitation.id), language=get_language() or "en")
    return invitation


def invitation_revoke(*, workspace_id: UUID, invitation_id: UUID) -> None:
    """Take an open invitation back; its link then says so."""
    rows = Invitation.objects.for_workspace(workspace_id).filter(id=invitation_id, accepted_at=None, revoked_at=None)
    rows.update(revoked_at=timezone.now())


def invitation_by_token(token: str) -> Invitation | None:
    """The invitation a link names, in whatever state; None when the link is not one of ours."""
    try:
        invitation_id = UUID(signing.loads(token, salt=SALT))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    with unscoped("the link is what tells the workspace"):
        found: Invitation | None = (
            Invitation.objects.select_related("workspace", "invited_by").filter(id=invitation_id).first()
        )
    return found


def invitation_problem(invitation: Invitation, user: User | None) -> str:
    """Why ``user`` cannot accept it, in one sentence with what to do; "" when they can (or nobody is signed in)."""
    if invitation.accepted_at:
        return _("This invitation has been used. Sign in and find the workspace in the menu at the top left.")
    if invitation.revoked_at:
        return _("This invitation was taken back. Ask %(name)s for a new one.") % {
            "name": invitation.invited_by.get_full_name()
        }
    if invitation.expires_at <= timezone.now():
        return _("This invitation has expired. Ask %(name)s for a new one.") % {
            "name": invitation.invited_by.get_full_name()
        }
    if user is not None and user.email.lower() != invitation.email.lower():
        return _(
            "This invitation is for %(invited)s, and you are signed in as %(email)s. Sign in with that address."
        ) % {
            "invited": invitation.email,
            "email": user.email,
        }
    return ""


@transaction.atomic
def invitation_accept(*, invitation_id: UUID, user: User) -> Membership:
    """Join. InvitationError when used, taken back, expired, or meant for another address."""
    with unscoped("whoever accepts is not a member yet"):
        invitation: Invitation = (
            Invitation.objects.select_for_update(of=("self",)).select_related("invited_by").get(id=invitation_id)
        )
    if problem := invitation_problem(invitation, user):
        raise InvitationError(problem)
    membership, _made = Membership.objects.get_or_create(
        workspace_id=invitation.workspace_id, user=user, defaults={"role": invitation.role}
    )
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    return membership


# --- API tokens ----------------------------------------------------------------------------------------------------


def token_issue(
    *, workspace_id: UUID, created_by_id: UUID, name: str, scopes: Iterable[str], days: int
) -> tuple[ApiToken, str]:
    """A token and its secret, which is told only here. ``days`` until it expires. WorkspaceError for unknown scopes."""
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(TokenScope.values):
        raise WorkspaceError(_("Choose at least one permission."))
    secret = ApiToken.PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.for_workspace(workspace_id).create(
        workspace_id=workspace_id,
        created_by_id=created_by_id,
        name=name.strip()[:100],
        digest=ApiToken.digest_of(secret),
        hint=secret[: len(ApiToken.PREFIX) + 6],
        scopes=wanted,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return token, secret


def token_revoke(*, workspace_id: UUID, token_id: UUID) -> bool:
    """Stop a token; False when there was no such live token."""
    rows = ApiToken.objects.for_workspace(workspace_id).filter(id=token_id, revoked_at=None)
    return bool(rows.update(revoked_at=timezone.now()))
