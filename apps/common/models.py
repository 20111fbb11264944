"""The abstract rows that every app builds on."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from django.db import models
from django.utils import timezone

from apps.common.ids import uuid7
from apps.common.tenancy import current_workspace_id, scope


class TenantQuerySet(models.QuerySet[Any]):
    """Rows that belong to a workspace."""

    def for_workspace(self, workspace_id: UUID) -> Self:
        """Only the rows of one workspace."""
        return self.filter(workspace_id=workspace_id)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Filters by the workspace in scope and raises ScopeError when there is none."""

    use_in_migrations = False

    def get_queryset(self) -> TenantQuerySet:
        workspace_id = current_workspace_id()
        rows: TenantQuerySet = super().get_queryset()
        return rows if workspace_id is None else rows.filter(workspace_id=workspace_id)

    def for_workspace(self, workspace_id: UUID) -> TenantQuerySet:
        """The rows of one workspace, named outright: needs no scope. On a relation, those of it."""
        with scope(workspace_id):
            return self.get_queryset()


class TenantRow(models.Model):
    """A row of one workspace. Its key is its own affair."""

    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")

    objects = TenantManager()

    class Meta:
        abstract = True


class TenantModel(TenantRow):
    """A row of one workspace: UUIDv7 key, the workspace, when it was made."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
