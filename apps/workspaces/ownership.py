"""Handing a workspace over, and the days before one is erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.workspaces.access import access_poke
from apps.workspaces.audit import audit_record
from apps.workspaces.models import Membership, OwnershipOffer, Role, Workspace
from apps.workspaces.services import WorkspaceError, members_lock
from apps.workspaces.signals import workspace_closing, workspace_restored

GRACE = timedelta(days=14)


def _owner_check(actor: Membership) -> None:
    """Asked again under the lock: who was an owner when the page was opened need not be one now."""
    if not Membership.objects.filter(id=actor.id, role=Role.OWNER).exists():
        raise WorkspaceError(_("Only an owner can do this."))


@transaction.atomic
def ownership_offer(*, actor: Membership, user_id: UUID) -> OwnershipOffer:
    """Offer the workspace to a member; an offer before it is taken back. WorkspaceError for guests and services."""
    members_lock(actor.workspace_id)
    _owner_check(actor)
    members = Membership.objects.filter(workspace_id=actor.workspace_id, user_id=user_id, user__is_active=True)
    member = members.select_related("user").exclude(id=actor.id).first()
    if member is None or member.user.is_service or member.role == Role.GUEST:
        raise WorkspaceError(_("Choose a person who is a member of this workspace, and no guest."))
    offers = OwnershipOffer.objects.for_workspace(actor.workspace_id)
    offers.filter(accepted_at=None, revoked_at=None).update(revoked_at=timezone.now())
    offer: OwnershipOffer = offers.create(
        workspace_id=actor.workspace_id, offered_by_id=actor.user_id, offered_to_id=user_id
    )
    _tell("ownership_offer", actor, member.user)
    return offer


def _tell(action: str, actor: Membership, person: User, **changed: Any) -> None:
    audit_record(
        workspace_id=actor.workspace_id,
        action=action,
        actor_id=actor.user_id,
        target=person.email,
        target_id=person.pk,
        **changed,
    )


@transaction.atomic
def ownership_offer_revoke(*, actor: Membership) -> None:
    """Take the open offer back (owners), or decline it. WorkspaceError for anybody else."""
    offers = OwnershipOffer.objects.for_workspace(actor.workspace_id).filter(accepted_at=None, revoked_at=None)
    offers = offers.select_related("offered_to").select_for_update(of=("self",))
    if actor.role != Role.OWNER:
        offers = offers.filter(offered_to_id=actor.user_id)
    offer = offers.first()
    if offer is None:
        raise WorkspaceError(_("There is no offer to you."))
    offer.revoked_at = timezone.now()
    offer.save(update_fields=["revoked_at"])
    _tell("ownership_offer_revoke", actor, offer.offered_to)


@transaction.atomic
def ownership_accept(*, actor: Membership) -> None:
    """Become owner; whoever offered stays as an admin. WorkspaceError when the offer is gone, or its maker's right."""
    members_lock(actor.workspace_id)
    offers = OwnershipOffer.objects.for_workspace(actor.workspace_id).select_for_update(of=("self",))
    offer = offers.filter(offered_to_id=actor.user_id, accepted_at=None, revoked_at=None).first()
    people = Membership.objects.filter(workspace_id=actor.workspace_id)
    giver = (
        people.select_related("user").filter(user_id=offer.offered_by_id, role=Role.OWNER).first() if offer else None
    )
    if offer is None or giver is None:
        raise WorkspaceError(_("This offer no longer holds. Ask an owner to make it again."))
    people.filter(user_id=actor.user_id).update(role=Role.OWNER)
    people.filter(id=giver.id).update(role=Role.ADMIN)
    offer.accepted_at = timezone.now()
    offer.save(update_fields=["accepted_at"])
    heir = actor.user
    _tell("ownership_accept", actor, heir, before={"person": giver.user.email}, after={"person": heir.email})
    access_poke(actor.user_id, giver.user_id)


@transaction.atomic
def workspace_close(*, actor: Membership, typed: str) -> Workspace:
    """Begin the days before a workspace is erased: everything stops now, an owner can restore it until then.

    ``typed`` must be the workspace's name. Tokens are refused and everybody may only look, because
    :mod:`apps.workspaces.access` asks ``erase_at``.
    """
    members_lock(actor.workspace_id)
    _owner_check(actor)
    workspace = Workspace.objects.get(id=actor.workspace_id)
    if " ".join(typed.split()) != " ".join(workspace.name.split()):
        raise WorkspaceError(
            _("Type the name of the workspace exactly as it is, so that nothing is deleted by mistake.")
        )
    if workspace.erase_at is None:
        workspace.erase_at = timezone.now() + GRACE
        workspace.save(update_fields=["erase_at"])
        _tell_workspace("workspace_close", actor, workspace, after={"erase_at": workspace.erase_at})
        workspace_closing.send(sender=Workspace, workspace_id=workspace.id)
        access_poke(*Membership.objects.filter(workspace=workspace).values_list("user_id", flat=True))
    return workspace


def _tell_workspace(action: str, actor: Membership, workspace: Workspace, **changed: Any) -> None:
    audit_record(
        workspace_id=workspace.id,
        action=action,
        actor_id=actor.user_id,
        target=workspace.name,
        target_id=workspace.id,
        **changed,
    )


@transaction.atomic
def workspace_restore(*, actor: Membership) -> None:
    """Take the deletion back. Runs that were stopped stay stopped; everything that was made is there."""
    members_lock(actor.workspace_id)
    _owner_check(actor)
    workspace = Workspace.objects.get(id=actor.workspace_id)
    if workspace.erase_at is None:
        return
    rows = Workspace.objects.filter(id=workspace.id, erased_at=None, erase_at__gt=timezone.now())
    if not rows.update(erase_at=None):
        raise WorkspaceError(_("It is too late: this workspace is being erased."))
    _tell_workspace("workspace_restore", actor, workspace, before={"erase_at": workspace.erase_at})
    workspace_restored.send(sender=Workspace, workspace_id=workspace.id)
    access_poke(*Membership.objects.filter(workspace_id=actor.workspace_id).values_list("user_id", flat=True))
