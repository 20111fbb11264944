"""Members, invitations and service accounts over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field, Strict, StringConstraints

from apps.common.bodies import Body, Id
from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.common.problems import Problem, not_found
from apps.workspaces import inviting, services
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth
from apps.workspaces.models import Invitation, Membership, Role, ServiceAccount, TokenScope
from apps.workspaces.service_accounts import service_account_create, service_account_delete, service_token_issue

router = Router(tags=["workspaces"])
read = api_auth("read")
manage = api_auth("members:write")
# JSON has no names of ours: they come as text.
RoleName = Annotated[Role, Strict(False)]
ScopeName = Annotated[TokenScope, Strict(False)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=254, pattern=r"^[^\x00]*$")]


class MemberOut(Schema):
    """Who is in the workspace: a person, or a service account."""

    id: UUID
    name: str
    email: str | None
    role: Role
    service: bool
    since: datetime

    @classmethod
    def of(cls, row: Membership) -> dict[str, Any]:
        """From a membership with its user."""
        person = row.user
        email = None if person.is_service else person.email
        named = {"id": person.id, "name": person.get_full_name(), "email": email}
        return {**named, "role": row.role, "service": person.is_service, "since": row.created_at}


class MemberPage(Schema):
    """A page of members."""

    items: list[MemberOut]
    next: str | None


class RoleIn(Body):
    """Another role."""

    role: RoleName


class InvitationIn(Body):
    """Whom to invite, as what. With ``project`` to that project only; guests need one."""

    email: Text
    role: RoleName
    project: Id | None = None


class InvitationOut(Schema):
    """An open invitation."""

    id: UUID
    email: str
    role: Role
    project: UUID | None
    expires_at: datetime

    @classmethod
    def of(cls, row: Invitation) -> dict[str, Any]:
        """From its row."""
        same = {name: getattr(row, name) for name in ("id", "email", "role", "expires_at")}
        return {**same, "project": row.project_id}


class InvitationPage(Schema):
    """A page of open invitations."""

    items: list[InvitationOut]
    next: str | None


class ServiceAccountIn(Body):
    """A new service account."""

    name: Text
    role: RoleName


class ServiceAccountOut(Schema):
    """A service account. ``member`` is its id among the members."""

    id: UUID
    member: UUID
    name: str
    role: Role


class ServiceAccountPage(Schema):
    """A page of service accounts."""

    items: list[ServiceAccountOut]
    next: str | None


class TokenIn(Body):
    """A token of a service account."""

    name: Text
    scopes: list[ScopeName]
    days: int = Field(default=30, ge=1, le=365)


class TokenOut(Schema):
    """A token, told this once."""

    id: UUID
    token: str
    scopes: list[str]
    expires_at: datetime


def _refused(error: services.WorkspaceError) -> Problem:
    return Problem("members", 422, _("Invalid request"), str(error))


def _actor(request: ApiRequest) -> Membership:
    people = Membership.objects.select_related("workspace", "user")
    return people.get(workspace_id=request.workspace.id, user_id=request.user.id)


@router.get("/members", auth=read, response=MemberPage)
def member_list(request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None) -> dict[str, Any]:
    """Who is in the workspace, the longest first."""
    people = Membership.objects.filter(workspace_id=request.workspace.id).select_related("user")
    rows, following = keyset_page(people, limit=limit, cursor=cursor, order=("created_at", "id"))
    return {"items": [MemberOut.of(row) for row in rows], "next": following}


@router.patch("/members/{member_id}", auth=manage, response=MemberOut)
def member_update(request: ApiRequest, member_id: UUID, body: RoleIn) -> dict[str, Any]:
    """Give a member another role."""
    try:
        row = services.member_change_role(actor=_actor(request), user_id=member_id, role=body.role)
    except Membership.DoesNotExist as error:
        raise not_found() from error
    except services.WorkspaceError as error:
        raise _refused(error) from error
    return MemberOut.of(row)


@router.delete("/members/{member_id}", auth=manage, response={204: None})
def member_remove(request: ApiRequest, member_id: UUID) -> Status[None]:
    """Take a member out; their tokens stop at once."""
    try:
        services.member_remove(actor=_actor(request), user_id=member_id)
    except Membership.DoesNotExist as error:
        raise not_found() from error
    except services.WorkspaceError as error:
        raise _refused(error) from error
    return Status(204, None)


@router.get("/invitations", auth=manage, response=InvitationPage)
def invitation_list(request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None) -> dict[str, Any]:
    """Open invitations, the newest first; those to projects that the caller does not see are left out."""
    rows = Invitation.objects.filter(accepted_at=None, revoked_at=None)
    page, following = keyset_page(rows, limit=limit, cursor=cursor)
    return {"items": [InvitationOut.of(row) for row in page], "next": following}


@router.post("/invitations", auth=manage, response={201: InvitationOut})
def invitation_create(request: ApiRequest, body: InvitationIn) -> Status[Any]:
    """Invite an address by mail."""
    try:
        row = inviting.member_invite(actor=_actor(request), email=body.email, role=body.role, project_id=body.project)
    except services.WorkspaceError as error:
        raise _refused(error) from error
    return Status(201, InvitationOut.of(row))


@router.delete("/invitations/{invitation}", auth=manage, response={204: None})
def invitation_revoke(request: ApiRequest, invitation: UUID) -> Status[None]:
    """Take an invitation back."""
    if not Invitation.objects.filter(id=invitation).exists():
        raise not_found()
    inviting.invitation_revoke(workspace_id=request.workspace.id, invitation_id=invitation)
    return Status(204, None)


def _account(account_id: UUID) -> ServiceAccount:
    row: ServiceAccount | None = ServiceAccount.objects.select_related("user").filter(id=account_id).first()
    if row is None:
        raise not_found()
    return row


def _accounts_json(rows: list[ServiceAccount]) -> list[dict[str, Any]]:
    people = Membership.objects.filter(user_id__in=[row.user_id for row in rows])
    roles = dict(people.values_list("user_id", "role"))
    return [{"id": row.id, "member": row.user_id, "name": row.user.name, "role": roles[row.user_id]} for row in rows]


@router.get("/service-accounts", auth=manage, response=ServiceAccountPage)
def service_account_list(request: ApiRequest, limit: int = LIMIT_DEFAULT, cursor: str | None = None) -> dict[str, Any]:
    """The workspace's service accounts, the newest first."""
    page, following = keyset_page(ServiceAccount.objects.select_related("user"), limit=limit, cursor=cursor)
    return {"items": _accounts_json(page), "next": following}


@router.post("/service-accounts", auth=manage, response={201: ServiceAccountOut})
def service_account_make(request: ApiRequest, body: ServiceAccountIn) -> Status[Any]:
    """Make a service account."""
    try:
        row = service_account_create(actor=_actor(request), name=body.name, role=body.role)
    except services.WorkspaceError as error:
        raise _refused(error) from error
    return Status(201, _accounts_json([row])[0])


@router.delete("/service-accounts/{account}", auth=manage, response={204: None})
def service_account_remove(request: ApiRequest, account: UUID) -> Status[None]:
    """End a service account and its tokens."""
    service_account_delete(account=_account(account))
    return Status(204, None)


@router.post("/service-accounts/{account}/tokens", auth=manage, response={201: TokenOut})
def service_token_create(request: ApiRequest, account: UUID, body: TokenIn) -> Status[Any]:
    """A token that acts as the account. It is told only here."""
    try:
        token, secret = service_token_issue(
            account=_account(account),
            issued_by_id=request.user.id,
            name=body.name,
            scopes=[scope.value for scope in body.scopes],
            days=body.days,
        )
    except services.WorkspaceError as error:
        raise _refused(error) from error
    told = {"id": token.id, "token": secret, "scopes": token.scopes, "expires_at": token.expires_at}
    return Status(201, told)
