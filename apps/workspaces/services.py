"""Workspaces, members, invitations, tokens: every write of this app."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.workspaces.access import access_poke
from apps.workspaces.audit import audit_record, audit_row
from apps.workspaces.models import ApiToken, Membership, Role, TokenScope, Workspace
from apps.workspaces.plans import PlanName
from apps.workspaces.signals import member_leaving, workspace_created
from apps.workspaces.tasks import audit_verify as verify_log

log = structlog.get_logger(__name__)

TOKEN_DAYS = (7, 30, 90, 365)
_SLUG_TRIES = 20
# Words that would read as a page of the site in somebody's address bar.
_RESERVED_SLUGS = frozenset({"admin", "api", "accounts", "static", "www", "new"})


class WorkspaceError(Exception):
    """A change that the workspace's rules refuse; the message is for the person who asked."""


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
                audit_record(
                    workspace_id=workspace.id,
                    action="workspace_create",
                    target=workspace.name,
                    target_id=workspace.id,
                    actor_id=owner_id,
                )
                return workspace
        except IntegrityError:
            if not Workspace.objects.filter(slug=candidate).exists():
                raise
    raise WorkspaceError(_("That address is taken. Choose another."))


@transaction.atomic
def workspace_rename(*, workspace_id: UUID, name: str) -> None:
    """Change the name; the address stays, links keep working."""
    workspace = Workspace.objects.select_for_update().get(id=workspace_id)
    old, workspace.name = workspace.name, name.strip()[:100]
    workspace.save(update_fields=["name"])
    audit_record(
        workspace_id=workspace_id,
        action="workspace_rename",
        target=old,
        target_id=workspace_id,
        before={"name": old},
        after={"name": workspace.name},
    )


# --- Members -------------------------------------------------------------------------------------------------------


def members_lock(workspace_id: UUID) -> None:
    """Take turns with whoever else changes who is in a workspace, until the transaction ends."""
    # Two owners leaving at once would each see the other; the lock makes them take turns.
    Workspace.objects.select_for_update().get(id=workspace_id)


def may_touch_check(actor: Membership, role: Role) -> None:
    """WorkspaceError unless the actor may give, change or take away this role."""
    if not Role(actor.role).includes(Role.ADMIN) or (role is Role.OWNER and Role(actor.role) is not Role.OWNER):
        raise WorkspaceError(_("Only an owner can make or change owners."))


def _check_owner_remains(member: Membership) -> None:
    owners = Membership.objects.filter(workspace_id=member.workspace_id, role=Role.OWNER).exclude(id=member.id)
    if member.role == Role.OWNER and not owners.exists():
        raise WorkspaceError(_("A workspace needs an owner. Make somebody else an owner first."))


@transaction.atomic
def member_change_role(*, actor: Membership, user_id: UUID, role: Role) -> Membership:
    """Give a member another role. WorkspaceError for the last owner, and for admins who reach for owners."""
    members_lock(actor.workspace_id)
    member = Membership.objects.select_related("user").get(workspace_id=actor.workspace_id, user_id=user_id)
    may_touch_check(actor, role)
    may_touch_check(actor, Role(member.role))
    if role is not Role.OWNER:
        _check_owner_remains(member)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    _audit_member(member, "member_change_role", actor.user_id, before={"role": before}, after={"role": role.value})
    access_poke(member.user_id)
    return member


@transaction.atomic
def member_remove(*, actor: Membership, user_id: UUID) -> Membership:
    """Take a member out, or leave when it is the actor's own. Their tokens stop at once (auth asks the membership)."""
    members_lock(actor.workspace_id)
    member = Membership.objects.select_related("user").get(workspace_id=actor.workspace_id, user_id=user_id)
    if member.id != actor.id:
        may_touch_check(actor, Role(member.role))
    _check_owner_remains(member)
    member_leaving.send(sender=Membership, membership=member)
    Membership.objects.filter(id=member.id).delete()
    access_poke(member.user_id)
    now = timezone.now()
    ApiToken.objects.for_workspace(actor.workspace_id).filter(created_by=member.user, revoked_at=None).update(
        revoked_at=now
    )
    action = "member_leave" if member.id == actor.id else "member_remove"
    _audit_member(member, action, actor.user_id, before={"role": member.role})
    log.info("member removed", action="member_remove", workspace=str(actor.workspace_id), user=str(member.user_id))
    return member


@transaction.atomic
def workspace_plan_set(*, workspace_id: UUID, plan: PlanName, reason: str, actor_id: UUID | None) -> bool:
    """Put a workspace on another plan, by staff; False when it was on that one already."""
    workspace = Workspace.objects.select_for_update().get(id=workspace_id)
    if workspace.plan == plan:
        return False
    before, workspace.plan = workspace.plan, plan
    workspace.save(update_fields=["plan"])
    audit_record(
        workspace_id=workspace_id,
        action="workspace_plan_set",
        target=workspace.name,
        target_id=workspace_id,
        before={"plan": before},
        after={"plan": plan.value, "reason": reason},
        actor_id=actor_id,
    )
    log.info("plan set", action="workspace_plan_set", workspace=str(workspace_id), plan=plan)
    return True


def _audit_member(member: Membership, action: str, actor_id: UUID, **changed: Any) -> None:
    user = member.user
    audit_record(
        workspace_id=member.workspace_id,
        action=action,
        target=user.email,
        target_id=user.pk,
        actor_id=actor_id,
        **changed,
    )


# --- API tokens ----------------------------------------------------------------------------------------------------


@transaction.atomic
def token_issue(
    *,
    workspace_id: UUID,
    created_by_id: UUID,
    name: str,
    scopes: Iterable[str],
    days: int,
    issued_by_id: UUID | None = None,
) -> tuple[ApiToken, str]:
    """A token and its secret, which is told only here. ``days`` until it expires. WorkspaceError for unknown scopes."""
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(TokenScope.values):
        raise WorkspaceError(_("Choose at least one permission."))
    secret = ApiToken.PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.for_workspace(workspace_id).create(
        workspace_id=workspace_id,
        created_by_id=created_by_id,
        issued_by_id=issued_by_id or created_by_id,
        name=name.strip()[:100],
        digest=ApiToken.digest_of(secret),
        hint=secret[: len(ApiToken.PREFIX) + 6],
        scopes=wanted,
        expires_at=timezone.now() + timedelta(days=days),
    )
    told: dict[str, Any] = {"scopes": wanted, "days": days, "hint": token.hint}
    if issued_by_id and issued_by_id != created_by_id:
        told["acts_as"] = token.created_by.get_full_name()
    audit_row("token_issue", token, issued_by_id or created_by_id, after=told)
    return token, secret


@transaction.atomic
def token_revoke(*, workspace_id: UUID, token_id: UUID) -> bool:
    """Stop a token; False when there was no such live token."""
    rows = ApiToken.objects.for_workspace(workspace_id).filter(id=token_id, revoked_at=None)
    token: ApiToken | None = rows.select_for_update().first()
    if token is None:
        return False
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    audit_row("token_revoke", token)
    return True


# --- What members do with their own sign-in ------------------------------------------------------------------------


@transaction.atomic
def person_audit(*, user: User, action: str, actor_id: UUID | None = None, reason: str = "") -> None:
    """Tell the admins of every workspace of a person what they did: signed in, changed their password.

    ``actor_id``: somebody else did it to them, for this ``reason``.
    """
    for workspace_id in (
        Membership.objects.filter(user=user).order_by("workspace_id").values_list("workspace_id", flat=True)
    ):
        audit_record(
            workspace_id=workspace_id,
            action=action,
            target=user.email,
            target_id=user.pk,
            after={"reason": reason} if reason else None,
            actor_id=actor_id or user.pk,
        )


def audit_verify(*, workspace_id: UUID) -> None:
    """Have a workspace's audit log recomputed from its beginning."""
    verify_log.delay_on_commit(workspace_id=str(workspace_id))
