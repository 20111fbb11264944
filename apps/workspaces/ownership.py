"""Handing a workspace over, and the days before one is erased."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.workspaces.access import access_poke
from apps.workspaces.models import Membership, OwnershipOffer, Role, Workspace
from apps.workspaces.services import WorkspaceError, members_lock
from apps.workspaces.signals import workspace_closing

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
    return offer


def ownership_offer_revoke(*, actor: Membership) -> None:
    """Take the open offer back (owners), or decline it. WorkspaceError for anybody else."""
    offers = OwnershipOffer.objects.for_workspace(actor.workspace_id).filter(accepted_at=None, revoked_at=None)
    if actor.role != Role.OWNER:
        offers = offers.filter(offered_to_id=actor.user_id)
    if not offers.update(revoked_at=timezone.now()):
        raise WorkspaceError(_("There is no offer to you."))


@transaction.atomic
def ownership_accept(*, actor: Membership) -> None:
    """Become owner; whoever offered stays as an admin. WorkspaceError when the offer is gone, or its maker's right."""
    members_lock(actor.workspace_id)
    offers = OwnershipOffer.objects.for_workspace(actor.workspace_id).select_for_update(of=("self",))
    offer = offers.filter(offered_to_id=actor.user_id, accepted_at=None, revoked_at=None).first()
    people = Membership.objects.filter(workspace_id=actor.workspace_id)
    giver = people.filter(user_id=offer.offered_by_id, role=Role.OWNER).first() if offer else None
    if offer is None or giver is None:
        raise WorkspaceError(_("This offer no longer holds. Ask an owner to make it again."))
    people.filter(user_id=actor.user_id).update(role=Role.OWNER)
    people.filter(id=giver.id).update(role=Role.ADMIN)
    offer.accepted_at = timezone.now()
    offer.save(update_fields=["accepted_at"])
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
        workspace_closing.send(sender=Workspace, workspace_id=workspace.id)
        access_poke(*Membership.objects.filter(workspace=workspace).values_list("user_id", flat=True))
    return workspace


@transaction.atomic
def workspace_restore(*, actor: Membership) -> None:
    """Take the deletion back. What was stopped stays stopped; everything that was made is there."""
    members_lock(actor.workspace_id)
    _owner_check(actor)
    rows = Workspace.objects.filter(id=actor.workspace_id, erased_at=None, erase_at__gt=timezone.now())
    if not rows.update(erase_at=None):
        raise WorkspaceError(_("It is too late: this workspace is being erased."))
    access_poke(*Membership.objects.filter(workspace_id=actor.workspace_id).values_list("user_id", flat=True))
