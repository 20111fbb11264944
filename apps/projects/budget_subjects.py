"""What projects tell of themselves to budgets and the usage page, which lie below."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from apps.billing.subjects import Names
from apps.projects.models import Project, Workflow


def project_names(workspace_id: UUID, ids: Collection[UUID]) -> Names:
    """Names of projects, those in the trash included."""
    return dict(Project.objects.for_workspace(workspace_id).filter(id__in=ids).values_list("id", "name"))


def project_choices(workspace_id: UUID) -> Names:
    """Every project that is not in the trash."""
    projects = Project.objects.for_workspace(workspace_id).filter(Project.LIVE)
    return dict(projects.order_by("name").values_list("id", "name"))


def workflow_names(workspace_id: UUID, ids: Collection[UUID]) -> Names:
    """Names of workflows, those in the trash included."""
    return dict(Workflow.objects.for_workspace(workspace_id).filter(id__in=ids).values_list("id", "name"))


def workflow_choices(workspace_id: UUID) -> Names:
    """Every workflow that is not in the trash, with its project's name."""
    workflows = Workflow.objects.for_workspace(workspace_id).filter(Workflow.LIVE)
    rows = workflows.order_by("project__name", "name").values_list("id", "name", "project__name")
    return {workflow_id: f"{name} ({project})" for workflow_id, name, project in rows}
