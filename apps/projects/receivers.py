"""What workspaces tell projects: who leaves, and who accepted an invitation to one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from apps.projects.mentions import mentions_withdraw
from apps.projects.models import Mention, Project
from apps.projects.sharing import member_list, private_hand_over
from apps.workspaces.models import Membership, Role
from apps.workspaces.signals import invitation_accepted, member_leaving


@receiver(member_leaving, dispatch_uid="projects")
def private_projects_keep(membership: Membership, **_: Any) -> None:
    """Whoever leaves takes no private project with them, and is told of no comment any more."""
    private_hand_over(membership=membership)
    named = Mention.objects.for_workspace(membership.workspace_id).filter(user_id=membership.user_id, seen_at=None)
    mentions_withdraw(membership.workspace_id, named)


@receiver(invitation_accepted, dispatch_uid="projects")
def project_enter(membership: Membership, project_id: UUID, role: str, **_: Any) -> None:
    """List who was invited, unless they are listed already: an invitation raises nothing that somebody gave them."""
    projects = Project._base_manager.filter(Project.LIVE, workspace_id=membership.workspace_id)
    project = projects.filter(id=project_id).first()
    if (
        project is not None
        and not project.members.for_workspace(membership.workspace_id).filter(membership=membership).exists()
    ):
        member_list(project=project, membership=membership, role=Role(role))
