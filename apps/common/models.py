"""The abstract rows that every app builds on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils import timezone

from apps.common.ids import uuid7
from apps.common.tenancy import again, current_reader, current_workspace_id, is_open, scope, scope_key


def scope_keep(rows: models.QuerySet[Any]) -> None:
    """Have rows be read in the scope that is open now, whenever that is: the database's wall is told so."""
    rows.query.tenant_scope = scope_key()  # type: ignore[attr-defined]


class TenantQuerySet(models.QuerySet[Any]):
    """Rows that belong to a workspace."""

    def delete(self) -> tuple[int, dict[str, int]]:
        """As Django does; what goes with the rows is looked for in the queryset's own scope."""
        with again(getattr(self.query, "tenant_scope", None)):
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def create(self, **kwargs: Any) -> Any:
        """As Django does, in the queryset's own scope."""
        with again(getattr(self.query, "tenant_scope", None)):
            return super().create(**kwargs)

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Any]:
        """As Django does, in the queryset's own scope."""
        with again(getattr(self.query, "tenant_scope", None)):
            return super().bulk_create(*args, **kwargs)

    def for_workspace(self, workspace_id: UUID) -> Self:
        """Only the rows of one workspace."""
        return self.filter(workspace_id=workspace_id)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Filters by the workspace in scope, and by what its reader sees; raises ScopeError when there is no scope."""

    use_in_migrations = False

    def get_queryset(self) -> TenantQuerySet:
        workspace_id = current_workspace_id()
        rows: TenantQuerySet = super().get_queryset()
        scope_keep(rows)
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


class _Linked(models.QuerySet[Any]):
    """Rows that a row leads to. Where no scope is open they are looked for in that row's own workspace."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._adopt()

    def _add_hints(self, **hints: Any) -> None:
        super()._add_hints(**hints)  # type: ignore[misc]
        self._adopt()

    def _adopt(self) -> None:
        workspace_id = getattr(self._hints.get("instance"), "workspace_id", None)  # type: ignore[attr-defined]
        if workspace_id is not None and not is_open():
            self._query.tenant_scope = workspace_id  # type: ignore[attr-defined]


class LinkedBase(models.base.ModelBase):
    """Gives a model its base manager without Django's migrations taking note of it."""

    @property
    def _base_manager(self) -> Any:
        found = self.__dict__.get("_linked")
        if found is None:
            found = models.Manager.from_queryset(_Linked)()
            found.name, found.model, found.auto_created = "_base_manager", self, True
            type.__setattr__(self, "_linked", found)
        return found


class TenantRow(models.Model, metaclass=LinkedBase):
    """A row of one workspace. Its key is its own affair.

    ``PROJECT`` names the look-ups that lead to the project a row belongs to (none, one, or several of which each must
    be seen or empty); rows of private projects are then hidden from everybody else, and guests see no others.
    """

    PROJECT: ClassVar[tuple[str, ...]] = ()

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
