"""Objects that no row knows, left by a process that died between the object and the row: found by listing the store."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.assets import storage
from apps.assets.housekeeping import UNCLAIMED_AFTER
from apps.assets.models import Asset, AssetState, Blob, Kind
from apps.common.tenancy import scope
from apps.workspaces.models import Workspace

log = logging.getLogger(__name__)
_KEY = re.compile(
    r"ws/(?P<workspace>[0-9a-f-]{36})/"
    r"(?:incoming/(?P<asset>[0-9a-f-]{36})|(?:blobs|previews)/../(?P<sha>[0-9a-f]{64}))"
)


def orphans_sweep(now: datetime) -> int:
    """Delete objects older than a day that belong to nothing; how many. Costs one listing of the bucket."""
    return sum(_drop(key) for key in storage.keys_before(now - UNCLAIMED_AFTER))


def _drop(key: str) -> bool:
    found = _KEY.match(key)
    if found is None:
        return False
    workspace_id = UUID(found["workspace"])
    with scope(workspace_id):
        gone = (
            _incoming_drop(UUID(found["asset"]), key) if found["asset"] else _blob_drop(workspace_id, found["sha"], key)
        )
    if gone:
        log.info("orphan dropped", extra={"action": "orphans_sweep", "key": key})
    return gone


def _incoming_drop(asset_id: UUID, key: str) -> bool:
    waits = Asset.objects.filter(id=asset_id, state__in=[AssetState.PENDING, AssetState.VERIFYING]).exists()
    if not waits:
        storage.object_delete(key)
    return not waits


def _blob_drop(workspace_id: UUID, sha256: str, key: str) -> bool:
    """Take the blob's place in the table for a moment: whoever stores these bytes now waits, then stores them anew."""
    if Blob.objects.filter(sha256=sha256).exists():
        return False
    if not Workspace.objects.filter(id=workspace_id).exists():
        storage.object_delete(key)
        return True
    try:
        with transaction.atomic():
            place = Blob.objects.create(workspace_id=workspace_id, sha256=sha256, size=0, kind=Kind.FILE, key=key)
            storage.object_delete(key)
            place.delete()
    except IntegrityError:
        return False
    return True
