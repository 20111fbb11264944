"""Invitations: to the workspace, or to one project of it, by mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.tenancy import scope, unscoped
from apps.workspaces.audit import audit_row
from apps.workspaces.invitations import SALT, invitation_write
from apps.workspaces.mails import mails_withdraw
from apps.workspaces.models import Invitation, Membership, Role
from apps.workspaces.services import WorkspaceError, may_touch_check, members_lock
from apps.workspaces.sight import MemberReader, role_in
from apps.workspaces.signals import invitation_accepted

INVITATION_DAYS = 14
BULK_MAX = 200
OPEN_MAX = 1000


class InvitationError(WorkspaceError):
    """An invitation that cannot be accepted; the message says why and what to do."""


@dataclass(frozen=True)
class Answer:
    """What came of one line of many. ``problem`` is empty where an invitation went out."""

    line: str
    invitation: Invitation | None = None
    problem: str = ""


def _right_check(actor: Membership, role: Role, project_id: UUID | None) -> None:
    """Whoever invites must be an admin there, and may not give more than they have."""
    here = role_in(MemberReader.of(actor), project_id)
    if project_id is None:
        may_touch_check(actor, role)
        if role is Role.GUEST:
            raise WorkspaceError(_("Guests are invited to a project. Open it and choose Sharing."))
    elif here is None or not here.includes(Role.ADMIN) or role is Role.OWNER:
        raise WorkspaceError(_("Only an admin of the project can invite to it."))


@transaction.atomic
def member_invite(*, actor: Membership, email: str, role: Role, project_id: UUID | None = None) -> Invitation:
    """Invite an address by mail, to the workspace or, with ``project_id``, to that project as ``role``.

    A new invitation replaces an open one to the same address and place. WorkspaceError for members, bad addresses,
    and inviters who lack the right.
    """
    _right_check(actor, role, project_id)
    email = _address(email)
    members = Membership.objects.filter(workspace_id=actor.workspace_id, user__email__iexact=email)
    if members.exists():
        raise WorkspaceError(_("%(email)s is already a member.") % {"email": email})
    now = timezone.now()
    members_lock(actor.workspace_id)
    rows = Invitation.objects.for_workspace(actor.workspace_id)
    pending = rows.filter(accepted_at=None, revoked_at=None)
    replaced = pending.filter(email__iexact=email, project_id=project_id)
    mails_withdraw(workspace_id=actor.workspace_id, about=list(replaced.values_list("id", flat=True)))
    replaced.update(revoked_at=now)
    if pending.count() >= OPEN_MAX:
        raise WorkspaceError(_("There are %(most)d open invitations. Take some back first.") % {"most": OPEN_MAX})
    invitation: Invitation = rows.create(
        workspace_id=actor.workspace_id,
        email=email,
        role=role,
        project_id=project_id,
        invited_by_id=actor.user_id,
        expires_at=now + timedelta(days=INVITATION_DAYS),
    )
    audit_row("member_invite", invitation, actor.user_id, after=_given(invitation))
    invitation_write(invitation)
    return invitation


def _given(invitation: Invitation) -> dict[str, str]:
    """What it lets in to, for the audit log."""
    where = {"project": str(invitation.project_id)} if invitation.project_id else {}
    return {"role": str(invitation.role), **where}


def _address(email: str) -> str:
    email = User.objects.normalize_email(email.strip())
    try:
        validate_email(email)
    except ValidationError as error:
        raise WorkspaceError(_("“%(email)s” is not an e-mail address.") % {"email": email[:100]}) from error
    return email


def addresses_read(text: str) -> list[tuple[str, str]]:
    """Each line of a pasted text with its address: one to a line, or parted by commas; ``Name <address>`` is fine."""
    found: dict[str, tuple[str, str]] = {}
    for line in filter(None, (part.strip() for part in re.split(r"[\n,;]+", text))):
        named = re.search(r"<([^<>]+)>\s*$", line)
        email = (named.group(1) if named else line).strip()
        found.setdefault(email.lower(), (line, email))
    return list(found.values())


def members_invite(*, actor: Membership, text: str, role: Role, project_id: UUID | None = None) -> list[Answer]:
    """Invite everybody in a pasted text (:func:`addresses_read`), at most 200 at once.

    Each line stands for itself: what is wrong with one does not hold up the others.
    """
    found, answers = addresses_read(text), []
    for line, email in found[:BULK_MAX]:
        try:
            answers.append(Answer(line, member_invite(actor=actor, email=email, role=role, project_id=project_id)))
        except WorkspaceError as error:
            answers.append(Answer(line, problem=str(error)))
    problem = _("Not sent: at most %(most)d addresses go at once.") % {"most": BULK_MAX}
    return answers + [Answer(line, problem=problem) for line, _email in found[BULK_MAX:]]


@transaction.atomic
def invitation_resend(*, actor: Membership, invitation: Invitation) -> Invitation:
    """Send an open invitation once more, valid from now on, and vouched for by whoever sends it."""
    _right_check(actor, Role(invitation.role), invitation.project_id)
    rows = Invitation.objects.for_workspace(actor.workspace_id).filter(id=invitation.id)
    expires_at = timezone.now() + timedelta(days=INVITATION_DAYS)
    fresh = {"expires_at": expires_at, "invited_by_id": actor.user_id}
    if not rows.filter(accepted_at=None, revoked_at=None).update(**fresh):
        raise WorkspaceError(_("This invitation is over. Invite the address again."))
    audit_row("invitation_resend", invitation, actor.user_id, after={"expires_at": expires_at})
    invitation.refresh_from_db()
    mails_withdraw(workspace_id=actor.workspace_id, about=[invitation.id])
    invitation_write(invitation)
    return invitation


@transaction.atomic
def invitation_revoke(*, workspace_id: UUID, invitation_id: UUID) -> None:
    """Take an open invitation back; its link then says so."""
    rows = Invitation.objects.for_workspace(workspace_id).filter(id=invitation_id, accepted_at=None, revoked_at=None)
    for invitation in rows.select_for_update():
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])
        mails_withdraw(workspace_id=workspace_id, about=[invitation.id])
        audit_row("invitation_revoke", invitation)


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
    name = {"name": invitation.invited_by.get_full_name()}
    if invitation.accepted_at:
        return _("This invitation has been used. Sign in and find the workspace in the menu at the top left.")
    if invitation.workspace.erase_at is not None:
        return _("This workspace is being deleted. Ask %(name)s whether it will be restored.") % name
    if invitation.revoked_at:
        return _("This invitation was taken back. Ask %(name)s for a new one.") % name
    if invitation.expires_at <= timezone.now():
        return _("This invitation has expired. Ask %(name)s for a new one.") % name
    if not _still_vouched(invitation):
        return _("Whoever invited you can no longer invite to this workspace. Ask one of its admins for a new one.")
    if user is not None and user.email.lower() != invitation.email.lower():
        told = {"invited": invitation.email, "email": user.email}
        return (
            _("This invitation is for %(invited)s, and you are signed in as %(email)s. Sign in with that address.")
            % told
        )
    return ""


def _still_vouched(invitation: Invitation) -> bool:
    """Whether the inviter is still here, and could still invite as this role."""
    inviter = Membership.objects.filter(workspace_id=invitation.workspace_id, user_id=invitation.invited_by_id).first()
    if inviter is None or not invitation.invited_by.is_active:
        return False
    try:
        with scope(inviter.workspace_id):
            _right_check(inviter, Role(invitation.role), invitation.project_id)
    except WorkspaceError:
        return False
    return True


@transaction.atomic
def invitation_accept(*, invitation_id: UUID, user: User) -> Membership:
    """Join. InvitationError when used, taken back, expired, no longer vouched for, or meant for another address.

    Somebody who is a member already keeps their role: an invitation raises nothing.
    """
    with unscoped("whoever accepts is not a member yet"):
        rows = Invitation.objects.select_for_update(of=("self",)).select_related("invited_by", "workspace")
        invitation: Invitation = rows.get(id=invitation_id)
    if problem := invitation_problem(invitation, user):
        raise InvitationError(problem)
    role = Role(invitation.role)
    if invitation.project_id is not None:
        role = Role.GUEST if role is Role.GUEST else Role.VIEWER
    membership, _made = Membership.objects.get_or_create(
        workspace_id=invitation.workspace_id, user=user, defaults={"role": role}
    )
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    audit_row("invitation_accept", invitation, user.pk, after=_given(invitation))
    if invitation.project_id is not None:
        sent = {"membership": membership, "project_id": invitation.project_id, "role": invitation.role}
        invitation_accepted.send(sender=Invitation, **sent)
    return membership


def invitations_open(workspace_id: UUID, project_id: UUID | None = None) -> Sequence[Invitation]:
    """Open ones to the workspace, or to one project, the newest first; at most 200."""
    rows = Invitation.objects.for_workspace(workspace_id).filter(accepted_at=None, revoked_at=None)
    rows = rows.filter(project_id=project_id) if project_id else rows
    return list(rows.select_related("invited_by").order_by("-created_at")[:200])
