"""Members that are no persons: they act by tokens only, and stay when whoever made them leaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.ids import uuid7
from apps.workspaces.audit import audit_record
from apps.workspaces.models import ApiToken, Membership, Role, ServiceAccount
from apps.workspaces.services import WorkspaceError, token_issue

# RFC 2606: no mail ever reaches it.
_ADDRESS = "{id}@service.invalid"
ROLES = (Role.VIEWER, Role.EDITOR, Role.ADMIN)
ACCOUNTS_MAX = 100


@transaction.atomic
def service_account_create(*, actor: Membership, name: str, role: Role) -> ServiceAccount:
    """A service account with a role in the workspace. WorkspaceError for no name, and for a role it cannot have."""
    name = " ".join(name.replace("\x00", "").split())[:100]
    if not name:
        raise WorkspaceError(_("Give the service account a name, so that people know what it is for."))
    if role not in ROLES or not Role(actor.role).includes(role):
        raise WorkspaceError(_("A service account can be a viewer, an editor or an admin."))
    accounts = ServiceAccount.objects.for_workspace(actor.workspace_id)
    if accounts.count() >= ACCOUNTS_MAX:
        raise WorkspaceError(_("A workspace has at most %(most)d service accounts.") % {"most": ACCOUNTS_MAX})
    user_id = uuid7()
    user = User.objects.create_user(_ADDRESS.format(id=user_id), id=user_id, name=name, is_service=True)
    Membership.objects.create(workspace_id=actor.workspace_id, user=user, role=role)
    account: ServiceAccount = accounts.create(workspace_id=actor.workspace_id, user=user, made_by_id=actor.user_id)
    _tell("service_account_create", account, actor.user_id, after={"role": role.value})
    return account


def _tell(action: str, account: ServiceAccount, actor_id: UUID | None = None, **changed: Any) -> None:
    audit_record(
        workspace_id=account.workspace_id,
        action=action,
        actor_id=actor_id,
        target=account.user.name,
        target_id=account.user_id,
        **changed,
    )


@transaction.atomic
def service_account_delete(*, account: ServiceAccount) -> None:
    """End a service account and its tokens at once. What it did stays under its name."""
    now = timezone.now()
    tokens = ApiToken.objects.for_workspace(account.workspace_id).filter(created_by_id=account.user_id)
    tokens.filter(revoked_at=None).update(revoked_at=now)
    Membership.objects.filter(workspace_id=account.workspace_id, user_id=account.user_id).delete()
    User.objects.filter(id=account.user_id).update(is_active=False)
    account.delete()
    _tell("service_account_delete", account)


def service_token_issue(
    *, account: ServiceAccount, issued_by_id: UUID, name: str, scopes: Iterable[str], days: int
) -> tuple[ApiToken, str]:
    """A token that acts as the service account, and its secret, told only here. WorkspaceError for unknown scopes."""
    return token_issue(
        workspace_id=account.workspace_id,
        created_by_id=account.user_id,
        issued_by_id=issued_by_id,
        name=name,
        scopes=scopes,
        days=days,
    )
