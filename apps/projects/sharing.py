"""Who is in a project, and as what. What a role means there, :mod:`apps.projects.sight` decides."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.projects.mentions import mentions_hide
from apps.projects.models import PROJECT_ROLES, Project, ProjectMember
from apps.workspaces.access import access_poke
from apps.workspaces.audit import audit_record, audit_row
from apps.workspaces.models import Membership, Role


class SharingError(Exception):
    """A change of who is in a project that its rules refuse; the message is for the person who asked."""


def _lock(project: Project) -> None:
    # Two admins leaving at once would each see the other; the lock makes them take turns.
    Project._base_manager.select_for_update().get(id=project.id)


def _admin_check(project: Project, besides: int) -> None:
    """A private project needs somebody who can share it. ``besides`` is the membership that stops being an admin."""
    rows = ProjectMember.objects.for_workspace(project.workspace_id).filter(project=project, role=Role.ADMIN)
    if project.private and not rows.exclude(membership_id=besides).exists():
        raise SharingError(_("A private project needs an admin. Make somebody else its admin first."))


@transaction.atomic
def member_list(*, project: Project, membership: Membership, role: Role) -> ProjectMember:
    """List a member of the workspace in the project with a role, as part of an act that is in the audit log itself.

    Guests of the workspace are guests here, too.

    Raises SharingError for a role that projects do not have, and for the last admin of a private project.
    """
    if role not in PROJECT_ROLES:
        raise SharingError(_("There is no such role in a project."))
    if membership.role == Role.GUEST and role is not Role.GUEST:
        raise SharingError(
            _("%(name)s is a guest and may only comment. Change their role in the workspace first.")
            % {"name": membership.user.get_full_name()}
        )
    _lock(project)
    if role is not Role.ADMIN:
        _admin_check(project, membership.id)
    row, _made = ProjectMember.objects.for_workspace(project.workspace_id).update_or_create(
        project=project,
        membership=membership,
        defaults={"role": role},
        create_defaults={"workspace_id": project.workspace_id, "role": role},
    )
    access_poke(membership.user_id)
    listed: ProjectMember = row
    return listed


@transaction.atomic
def project_share(*, project: Project, membership: Membership, role: Role) -> ProjectMember:
    """Give a member of the workspace a role in the project. SharingError as :func:`member_list`."""
    _lock(project)
    before = _listed(project, membership).first()
    row = member_list(project=project, membership=membership, role=role)
    if before is None or before.role != role:
        old = None if before is None else {"role": before.role}
        _tell("project_share", project, membership, before=old, after={"role": role.value, "project": project.name})
    return row


def _listed(project: Project, membership: Membership) -> Any:
    return ProjectMember.objects.for_workspace(project.workspace_id).filter(project=project, membership=membership)


def _tell(action: str, project: Project, membership: Membership, **changed: Any) -> None:
    audit_record(
        workspace_id=project.workspace_id,
        action=action,
        target=membership.user.email,
        target_id=membership.user_id,
        **changed,
    )


@transaction.atomic
def project_unshare(*, project: Project, membership: Membership) -> None:
    """Take a member off the project's list. SharingError for the last admin of a private project."""
    _lock(project)
    _admin_check(project, membership.id)
    row = _listed(project, membership).first()
    if row is None:
        return
    row.delete()
    mentions_hide(project)
    _tell("project_unshare", project, membership, before={"role": row.role, "project": project.name})
    access_poke(membership.user_id)


@transaction.atomic
def project_privacy_set(*, actor: Membership, project: Project, private: bool) -> Project:
    """Close a project to all but those listed, the actor among them as its admin; or open it again."""
    _lock(project)
    if private:
        ProjectMember.objects.for_workspace(project.workspace_id).update_or_create(
            project=project,
            membership=actor,
            defaults={"role": Role.ADMIN},
            create_defaults={"workspace_id": project.workspace_id, "role": Role.ADMIN},
        )
    before, project.private = project.private, private
    project.save(update_fields=["private"])
    mentions_hide(project)
    audit_row("project_privacy_set", project, actor.user_id, before={"private": before}, after={"private": private})
    people = Membership.objects.filter(workspace_id=project.workspace_id)
    access_poke(*people.values_list("user_id", flat=True))
    return project


def project_found(*, project: Project, actor_id: UUID | None) -> None:
    """List who made a project as its admin, so that they can share it. Inside the transaction that makes it."""
    if actor_id is None:
        return
    membership = Membership.objects.filter(workspace_id=project.workspace_id, user_id=actor_id).first()
    if membership is not None and membership.role != Role.GUEST:
        ProjectMember.objects.for_workspace(project.workspace_id).create(
            workspace_id=project.workspace_id, project=project, membership=membership, role=Role.ADMIN
        )


def private_hand_over(*, membership: Membership) -> int:
    """Give the private projects that would be left without an admin to an owner; how many there were.

    For a member who leaves, inside that transaction: what they made in private is not lost to the workspace.
    """
    mine = ProjectMember.objects.for_workspace(membership.workspace_id).filter(membership=membership, role=Role.ADMIN)
    others = ProjectMember.objects.for_workspace(membership.workspace_id).filter(role=Role.ADMIN)
    others = others.exclude(membership=membership)
    left = Project._base_manager.filter(private=True, id__in=mine.values("project_id"))
    left = left.exclude(id__in=others.values("project_id"))
    owners = Membership.objects.filter(workspace_id=membership.workspace_id, role=Role.OWNER)
    heir = owners.exclude(id=membership.id).order_by("created_at", "id").first()
    projects = list(left) if heir is not None else []
    for project in projects:
        ProjectMember.objects.for_workspace(membership.workspace_id).update_or_create(
            project=project,
            membership=heir,
            defaults={"role": Role.ADMIN},
            create_defaults={"workspace_id": membership.workspace_id, "role": Role.ADMIN},
        )
    return len(projects)
