"""What time does to assets: unclaimed uploads go after a day, the trash after a month, bytes with the last asset."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, RestrictedError
from django.db.models.deletion import ProtectedError

from apps.assets import storage
from apps.assets.models import Asset, AssetState, Blob
from apps.common.tenancy import scope, unscoped

log = logging.getLogger(__name__)
UNCLAIMED_AFTER = timedelta(hours=24)
TRASH_KEPT = timedelta(days=30)
# A verification that has not ended by now lost its worker.
VERIFY_AGAIN_AFTER = timedelta(minutes=10)
PREVIEW_AGAIN_AFTER = timedelta(minutes=10)
_BATCH = 500


def uploads_sweep(now: datetime) -> int:
    """Forget uploads that were never completed, or were refused, a day ago, with their bytes; how many."""
    unsettled = ~Q(state=AssetState.READY)
    with unscoped("the sweeper serves every workspace"):
        old = list(Asset.objects.filter(unsettled, created_at__lt=now - UNCLAIMED_AFTER)[:_BATCH])
        for asset in old:
            if asset.upload_key:
                storage.object_delete(asset.upload_key)
            Asset.objects.filter(unsettled, id=asset.id).delete()
    if old:
        log.info("uploads swept", extra={"action": "uploads_sweep", "count": len(old)})
    return len(old)


def verifications_lost(now: datetime) -> list[tuple[UUID, UUID]]:
    """``(workspace_id, asset_id)`` of verifications whose worker is gone; each is returned once per waiting time."""
    late = now - VERIFY_AGAIN_AFTER
    with unscoped("the sweeper serves every workspace"):
        rows = Asset.objects.filter(state=AssetState.VERIFYING, checked_at__lt=late)
        found = list(rows.values_list("workspace_id", "id")[:_BATCH])
        return [pair for pair in found if rows.filter(id=pair[1]).update(checked_at=now)]


def previews_lost(now: datetime) -> list[tuple[UUID, UUID]]:
    """``(workspace_id, blob_id)`` of previews that nobody drew."""
    with unscoped("the sweeper serves every workspace"):
        rows = Blob.objects.filter(preview_state="pending", created_at__lt=now - PREVIEW_AGAIN_AFTER)
        return list(rows.values_list("workspace_id", "id")[:_BATCH])


def trash_purge(now: datetime) -> int:
    """Delete for good what has been in the trash for a month; how many assets."""
    with unscoped("the sweeper serves every workspace"):
        rows = Asset.objects.filter(trashed_at__lt=now - TRASH_KEPT).order_by("trashed_at")
        old = list(rows.values_list("workspace_id", "id", "blob_id")[:_BATCH])
    return sum(_purge(*row) for row in old)


def _purge(workspace_id: UUID, asset_id: UUID, blob_id: UUID | None) -> bool:
    with scope(workspace_id):
        try:
            deleted, _rows = Asset.objects.filter(id=asset_id, trashed_at__isnull=False).delete()
        except (ProtectedError, RestrictedError):
            log.info("asset kept, something needs it", extra={"action": "trash_purge", "asset": str(asset_id)})
            return False
        if blob_id is not None:
            blob_drop(workspace_id, blob_id)
        return bool(deleted)


def blob_drop(workspace_id: UUID, blob_id: UUID) -> bool:
    """Delete bytes that no asset uses. Object and row go under the row's lock, so that an upload of the same bytes
    at this moment waits, finds the row gone, and stores them anew."""
    with scope(workspace_id), transaction.atomic():
        blob = Blob.objects.select_for_update().filter(id=blob_id).first()
        if blob is None or Asset.objects.filter(blob_id=blob_id).exists():
            return False
        storage.object_delete(blob.key, *blob.previews.values())
        blob.delete()
    return True


def blobs_sweep(now: datetime) -> int:
    """Drop bytes whose last asset went without them being noticed; how many."""
    with unscoped("the sweeper serves every workspace"):
        lonely: Iterable[tuple[UUID, UUID]] = list(
            Blob.objects.filter(assets__isnull=True, created_at__lt=now - UNCLAIMED_AFTER).values_list(
                "workspace_id", "id"
            )[:_BATCH]
        )
    return sum(blob_drop(workspace_id, blob_id) for workspace_id, blob_id in lonely)
