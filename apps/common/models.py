"""The abstract rows that every app builds on."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils import timezone

from apps.common.ids import uuid7
from apps.common.tenancy import current_reader, current_workspace_id, scope


class TenantQuerySet(models.QuerySet[Any]):
    """Rows that belong to a workspace."""

    def for_workspace(self, workspace_id: UUID) -> Self:
        """Only the rows of one workspace."""
        return self.filter(workspace_id=workspace_id)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Filters by the workspace in scope, and by what its reader sees; raises ScopeError when there is no scope."""

    use_in_migrations = False

    def get_queryset(self) -> TenantQuerySet:
        workspace_id = current_workspace_id()
        rows: TenantQuerySet = super().get_queryset()
        if workspace_id is None:
            return rows
        rows = rows.filter(workspace_id=workspace_id)
        reader = current_reader()
        limited: TenantQuerySet = rows if reader is None else reader.limit(rows)  # type: ignore[assignment]
        return limited

    def for_workspace(self, workspace_id: UUID) -> TenantQuerySet:
        """The rows of one workspace, named outright: needs no scope. On a relation, those of it."""
        with scope(workspace_id):
            return self.get_queryset()


class TenantRow(models.Model):
    """A row of one workspace. Its key is its own affair.

    ``PROJECT`` names the look-ups that lead to the project a row belongs to (none, one, or several of which each must
    be seen or empty); rows of private projects are then hidden from everybody else, and guests see no others.
    """

    PROJECT: ClassVar[tuple[str, ...]] = ()

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
