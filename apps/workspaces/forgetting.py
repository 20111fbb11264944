"""Forgetting people whose days to change their mind are over."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import unscoped
from apps.workspaces.audit import person_forget
from apps.workspaces.models import ApiToken, Mail, Membership, Role, Workspace
from apps.workspaces.signals import member_leaving


def owned_alone(user_id: UUID) -> list[Workspace]:
    """The workspaces that have no other owner, those that are being deleted left out."""
    mine = Membership.objects.filter(user_id=user_id, role=Role.OWNER).values("workspace_id")
    shared = Membership.objects.filter(role=Role.OWNER).exclude(user_id=user_id).values("workspace_id")
    rows = Workspace.objects.filter(id__in=mine, erase_at=None).exclude(id__in=shared)
    return list(rows.order_by("name"))


def people_due() -> list[UUID]:
    """People who asked to be forgotten, and whose days to change their mind are over."""
    rows = User.objects.filter(erase_at__lte=timezone.now(), is_active=True).order_by("erase_at")
    return list(rows.values_list("id", flat=True)[:100])


@transaction.atomic
def person_erase(user_id: UUID) -> bool:
    """Forget a person: out of every workspace and its log, no token, no way to sign in, no name. What they made stays.

    False when they changed their mind, or became a last owner meanwhile: then they are asked again.
    """
    from allauth.account.models import EmailAddress  # apps are not loaded yet where tasks are

    user = User.objects.select_for_update().filter(id=user_id, erase_at__lte=timezone.now(), is_active=True).first()
    if user is None:
        return False
    if owned_alone(user_id):
        User.objects.filter(id=user_id).update(erase_at=None)
        return False
    for membership in Membership.objects.filter(user_id=user_id):
        member_leaving.send(sender=Membership, membership=membership)
    Membership.objects.filter(user_id=user_id).delete()
    with unscoped("a person's tokens and mails, wherever they are"):
        ApiToken.objects.filter(created_by_id=user_id, revoked_at=None).update(revoked_at=timezone.now())
        Mail.objects.filter(address__iexact=user.email).delete()
    EmailAddress.objects.filter(user_id=user_id).delete()
    person_forget(user_id=user_id, email=user.email)
    user.set_unusable_password()
    user.email, user.name, user.is_active = f"{user_id}@erased.invalid", "", False
    user.is_staff = user.is_superuser = False
    user.save()
    return True
