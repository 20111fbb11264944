"""The abstract rows that every app builds on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.utils import timezone

from apps.common.ids import uuid7
from apps.common.tenancy import current_workspace_id, is_open, scope, scope_key


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
        # The database's own wall is told the same, whenever the rows are read (apps.common.postgresql).
        rows.query.tenant_scope = scope_key()  # type: ignore[attr-defined]
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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django does. The row names its workspace, where no scope is open."""
        with self._own_scope():
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """As Django does, in its own workspace."""
        with self._own_scope():
            return super().delete(*args, **kwargs)

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """As Django does, in its own workspace."""
        with self._own_scope():
            super().refresh_from_db(*args, **kwargs)

    def _own_scope(self) -> AbstractContextManager[None]:
        # Asked of the instance's values: the column itself may be what is to be read.
        workspace_id = self.__dict__.get("workspace_id")
        return nullcontext() if is_open() or workspace_id is None else scope(workspace_id)


class TenantModel(TenantRow):
    """A row of one workspace: UUIDv7 key, the workspace, when it was made."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
