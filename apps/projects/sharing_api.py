"""Who is in a project, over HTTP. Changes need an admin of the project."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Strict

from apps.common.bodies import Body
from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.common.problems import Problem, not_found
from apps.projects import sharing
from apps.projects.models import Project, ProjectMember
from apps.projects.schemas import ProjectOut
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth, forbidden
from apps.workspaces.models import Membership, Role

router = Router(tags=["projects"])
read = api_auth("read")
write = api_auth("projects:write")


class ProjectMemberIn(Body):
    """A role in the project."""

    role: Annotated[Role, Strict(False)]


class PrivacyIn(Body):
    """Whether only those listed see the project."""

    private: bool


class ProjectMemberOut(Schema):
    """Somebody listed in a project. ``id`` is theirs among the members of the workspace."""

    id: UUID
    name: str
    role: Role

    @classmethod
    def of(cls, row: ProjectMember) -> dict[str, Any]:
        """From its row, with the person."""
        person = row.membership.user
        return {"id": person.id, "name": person.get_full_name(), "role": row.role}


class ProjectMemberPage(Schema):
    """A page of those listed."""

    items: list[ProjectMemberOut]
    next: str | None


def _project(project_id: UUID) -> Project:
    project: Project | None = Project.objects.filter(Project.LIVE, id=project_id).first()
    if project is None:
        raise not_found()
    return project


def _shared(request: ApiRequest, project_id: UUID) -> Project:
    """The project, if the caller may share it."""
    project = _project(project_id)
    if not request.role.includes(Role.ADMIN):
        raise forbidden("projects:write")
    return project


def _membership(request: ApiRequest, user_id: UUID) -> Membership:
    people = Membership.objects.filter(workspace_id=request.workspace.id).select_related("user")
    membership = people.filter(user_id=user_id).first()
    if membership is None:
        raise not_found()
    return membership


def _refused(error: sharing.SharingError) -> Problem:
    return Problem("members", 422, _("Invalid request"), str(error))


@router.get("/projects/{project_id}/members", auth=read, response=ProjectMemberPage)
def project_member_list(
    request: ApiRequest, project_id: UUID, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """Who has a role of their own in the project, the newest first."""
    rows = ProjectMember.objects.filter(project=_project(project_id)).select_related("membership__user")
    page, following = keyset_page(rows, limit=limit, cursor=cursor)
    return {"items": [ProjectMemberOut.of(row) for row in page], "next": following}


@router.put("/projects/{project_id}/members/{member_id}", auth=write, response=ProjectMemberOut)
def project_member_set(request: ApiRequest, project_id: UUID, member_id: UUID, body: ProjectMemberIn) -> dict[str, Any]:
    """Give a member of the workspace a role in the project."""
    project, membership = _shared(request, project_id), _membership(request, member_id)
    try:
        row = sharing.project_share(project=project, membership=membership, role=body.role)
    except sharing.SharingError as error:
        raise _refused(error) from error
    row.membership = membership
    return ProjectMemberOut.of(row)


@router.delete("/projects/{project_id}/members/{member_id}", auth=write, response={204: None})
def project_member_remove(request: ApiRequest, project_id: UUID, member_id: UUID) -> Status[None]:
    """Take a member off the project's list."""
    project, membership = _shared(request, project_id), _membership(request, member_id)
    try:
        sharing.project_unshare(project=project, membership=membership)
    except sharing.SharingError as error:
        raise _refused(error) from error
    return Status(204, None)


@router.put("/projects/{project_id}/privacy", auth=write, response=ProjectOut)
def project_privacy_set(request: ApiRequest, project_id: UUID, body: PrivacyIn) -> dict[str, Any]:
    """Close the project to all but those listed, the caller among them; or open it to the workspace."""
    project = _shared(request, project_id)
    actor = _membership(request, request.user.id)
    return ProjectOut.of(sharing.project_privacy_set(actor=actor, project=project, private=body.private))
