"""People who want to be forgotten: asked for, and taken back. :mod:`apps.workspaces.forgetting` does it."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.workspaces.forgetting import owned_alone
from apps.workspaces.services import WorkspaceError, person_audit

PERSON_GRACE = timedelta(days=14)


@transaction.atomic
def account_close(*, user: User, typed: str) -> User:
    """Begin the days before a person is forgotten. WorkspaceError while a workspace would lose its last owner."""
    locked = User.objects.select_for_update().get(id=user.id)
    if typed.strip().lower() != locked.email.lower():
        raise WorkspaceError(_("Type your e-mail address exactly, so that nothing is deleted by mistake."))
    if alone := owned_alone(locked.id):
        names = ", ".join(workspace.name for workspace in alone[:3])
        raise WorkspaceError(
            _("You are the only owner of %(names)s. Make somebody else an owner, or delete it first.")
            % {"names": names}
        )
    if locked.erase_at is None:
        locked.erase_at = timezone.now() + PERSON_GRACE
        locked.save(update_fields=["erase_at"])
        person_audit(user=locked, action="account_close")
    return locked


@transaction.atomic
def account_keep(*, user: User) -> None:
    """Take it back."""
    if User.objects.filter(id=user.id, is_active=True).exclude(erase_at=None).update(erase_at=None):
        person_audit(user=user, action="account_keep")
