"""Erasing a workspace whose days are over: its objects first, then its rows, table by table, in batches.

Every step can be repeated: a batch that was deleted is gone, and the next turn begins where rows are left. The ledger
stays, as the law wants it, and with it the workspace's row without a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.common import objects
from apps.common.tenancy import scope
from apps.workspaces.models import Membership, Workspace

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

log = structlog.get_logger(__name__)

BATCH = 2000
OBJECTS_BATCH = 1000
# What outlives a workspace, by app or by table.
KEPT_APPS = frozenset({"billing"})
KEPT_TABLES = frozenset({"workspaces_auditentry", "workspaces_audithead"})


def workspaces_due() -> list[UUID]:
    """Workspaces whose days are over, and that are not erased yet."""
    rows = Workspace.objects.filter(erase_at__lte=timezone.now(), erased_at=None).order_by("erase_at")
    return list(rows.values_list("id", flat=True)[:10])


def workspace_erase(workspace_id: UUID) -> bool:
    """Erase what a workspace has; False when it was restored meanwhile, or is erased already.

    Nobody is let in any more (its time is over), so nothing new comes while this runs.
    """
    due = Workspace.objects.filter(id=workspace_id, erase_at__lte=timezone.now(), erased_at=None)
    if not due.exists():
        return False
    _objects_delete(f"ws/{workspace_id}/")
    rows = sum(_rows_delete(model, workspace_id) for model in tables())
    _close(workspace_id)
    log.info("workspace erased", action="workspace_erase", workspace=str(workspace_id), rows=rows)
    return True


def tables() -> list[type[models.Model]]:
    """Every table with a workspace that is erased with it; those that point to others before those."""
    mine = {model for model in apps.get_models() if _is_erased(model)}
    found: list[type[models.Model]] = []
    while mine:
        free = sorted((model for model in mine if not _pointers(model) & mine), key=lambda model: model._meta.label)
        if not free:
            raise RuntimeError(f"tables point to each other in a circle: {sorted(map(str, mine))}")
        found += free
        mine -= set(free)
    return found


def _is_erased(model: type[models.Model]) -> bool:
    meta = model._meta
    if meta.app_label in KEPT_APPS or meta.db_table in KEPT_TABLES or not meta.managed or meta.proxy:
        return False
    return any(_is_workspace(field) for field in meta.fields)


def _is_workspace(field: models.Field) -> bool:  # type: ignore[type-arg]
    return isinstance(field, models.ForeignKey) and field.related_model is Workspace and field.attname == "workspace_id"


def _pointers(model: type[models.Model]) -> set[type[models.Model]]:
    """The other tables whose rows point to rows of this one."""
    return {
        other
        for other in apps.get_models()
        for field in other._meta.fields
        if isinstance(field, models.ForeignKey) and field.related_model is model and other is not model
    }


def _rows_delete(model: type[models.Model], workspace_id: UUID) -> int:
    # The newest first: what follows from something within a table is younger than it.
    table = connection.ops.quote_name(model._meta.db_table)
    statement = f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {table} WHERE workspace_id = %s {_newest(model)} LIMIT %s
        ))
    """  # noqa: S608 (names of our own tables)
    gone = 0
    while True:
        with scope(workspace_id), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [workspace_id, BATCH])
            if not cursor.rowcount:
                return gone
            gone += cursor.rowcount


def _newest(model: type[models.Model]) -> str:
    key = model._meta.pk
    itself = any(isinstance(field, models.ForeignKey) and field.related_model is model for field in model._meta.fields)
    return f"ORDER BY {connection.ops.quote_name(key.column)} DESC" if itself and key is not None and key.column else ""


def _objects_delete(prefix: str) -> None:
    store = objects.client(settings.S3_ENDPOINT_URL)
    for keys in _keys(store, prefix):
        store.delete_objects(
            Bucket=settings.S3_BUCKET, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )


def _keys(store: S3Client, prefix: str) -> Iterator[list[str]]:
    while True:
        # Asked anew each time: what was listed is gone by then.
        page = store.list_objects_v2(Bucket=settings.S3_BUCKET, Prefix=prefix, MaxKeys=OBJECTS_BATCH)
        keys = [found["Key"] for found in page.get("Contents", [])]
        if not keys:
            return
        yield keys


@transaction.atomic
def _close(workspace_id: UUID) -> None:
    """Nobody is in it, nothing tells what it was called."""
    services = User.objects.filter(is_service=True, memberships__workspace_id=workspace_id)
    services.update(is_active=False)
    Membership.objects.filter(workspace_id=workspace_id).delete()
    Workspace.objects.filter(id=workspace_id).update(
        name="", slug=f"erased-{workspace_id.hex}", erased_at=timezone.now()
    )
