"""Who sees a project, and as what: the one place that decides. Everything else asks here.

In an open project a member is what they are in the workspace, or more where they are listed. In a private one they are
what the list says, owner of the workspace or not. Guests see only where they are listed, and are guests there.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.common.tenancy import current_workspace_id
from apps.projects.models import PROJECT_ROLES, Project, ProjectMember, Workflow
from apps.workspaces.models import Membership, Role
from apps.workspaces.sight import MemberReader

# The same decision as :func:`role_decide`, for the one statement of a hot request: whether a member has at least a role
# in the project of ``row``. Parameters: see :func:`enough_params`.
ENOUGH_SQL = """
    EXISTS (
        SELECT FROM projects_project AS project LEFT JOIN projects_projectmember AS listed
            ON listed.project_id = project.id AND listed.membership_id = %s
        WHERE project.id = row.project_id AND project.trashed_at IS NULL AND CASE
            WHEN project.private OR %s THEN coalesce(listed.role = ANY(%s), FALSE)
            ELSE %s OR coalesce(listed.role = ANY(%s), FALSE) END
    )
"""

# As Workflow.LIVE, of one workspace; and the same for a reader.
LIVE_SQL = """
    id = %s AND workspace_id = %s AND trashed_at IS NULL
    AND EXISTS (SELECT FROM projects_project WHERE id = row.project_id AND trashed_at IS NULL)
"""
SEEN_SQL = f"id = %s AND workspace_id = %s AND trashed_at IS NULL AND {ENOUGH_SQL}"


def role_decide(held: Role, *, private: bool, listed: Role | None) -> Role | None:
    """A member's role in a project; None for one they do not see. ``held`` is theirs in the workspace."""
    if held is Role.GUEST:
        return Role.GUEST if listed else None
    if private or listed is None:
        return listed if private else held
    return max(held, listed, key=lambda role: role.rank)


def enough_params(reader: MemberReader, need: Role) -> list[Any]:
    """The parameters of :data:`ENOUGH_SQL`."""
    guest = reader.role is Role.GUEST
    enough = [role.value for role in PROJECT_ROLES if role.includes(need)]
    if guest:
        enough = list(map(str, PROJECT_ROLES)) if need is Role.GUEST else []
    return [reader.membership_id, guest, enough, reader.role.includes(need), enough]


def project_role(membership: Membership, project: Project) -> Role | None:
    """A member's role in a project; None for one they do not see."""
    return ProjectSight().role(MemberReader.of(membership), project.id)


def _projects() -> QuerySet[Project]:
    """Those of the workspace in scope, seen or not."""
    workspace_id = current_workspace_id()
    rows: QuerySet[Project] = Project._base_manager.all()
    return rows.none() if workspace_id is None else rows.filter(workspace_id=workspace_id)


class ProjectSight:
    """What projects tell the workspaces below (:class:`apps.workspaces.sight.ProjectRule`)."""

    def seen(self, reader: MemberReader, path: str) -> Q:
        """Rows whose project at ``path`` the reader sees."""
        mine = ProjectMember._base_manager.filter(membership_id=reader.membership_id)
        if reader.role is Role.GUEST:
            return Q(**{f"{path}__in": mine.values("project_id")})
        hidden = _projects().filter(private=True)
        return ~Q(**{f"{path}__in": hidden.exclude(id__in=mine.values("project_id")).values("id")})

    def role(self, reader: MemberReader, project_id: UUID) -> Role | None:
        """The reader's role in a project of the workspace in scope."""
        private = _projects().filter(id=project_id).values_list("private", flat=True).first()
        if private is None:
            return None
        mine = ProjectMember._base_manager.filter(project_id=project_id, membership_id=reader.membership_id)
        listed = mine.values_list("role", flat=True).first()
        return role_decide(reader.role, private=private, listed=Role(listed) if listed else None)


def project_of_workflow(workflow_id: UUID) -> UUID | None:
    """The project of a workflow that the reader in scope sees."""
    found: UUID | None = Workflow.objects.filter(id=workflow_id).values_list("project_id", flat=True).first()
    return found


def project_itself(project_id: UUID) -> UUID | None:
    """The project, if the reader in scope sees it."""
    found: UUID | None = Project.objects.filter(id=project_id).values_list("id", flat=True).first()
    return found


def people_with(project: Project, least: Role = Role.GUEST) -> QuerySet[Membership]:
    """The memberships that have at least this role in a project; by default of everybody who sees it."""
    enough = [role.value for role in Role if role.includes(least)]
    listed = ProjectMember._base_manager.filter(project_id=project.id, role__in=enough).values("membership_id")
    people = Membership.objects.filter(workspace_id=project.workspace_id, user__is_active=True)
    if least is not Role.GUEST:
        people = people.exclude(role=Role.GUEST)
    if project.private:
        return people.filter(id__in=listed)
    return people.filter(Q(role__in=enough) & ~Q(role=Role.GUEST) | Q(id__in=listed))
