"""Making up for lost messages and dead workers. Loads neither NumPy nor PyArrow, which only `work` needs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from apps.assets import storage
from apps.assets.models import Blob, Kind
from apps.common.tenancy import unscoped
from apps.datasets.models import Export, ExportState, Version, VersionState, VideoMeasure

# A video whose message has not led to anything by now lost it.
MEASURE_AGAIN_AFTER = timedelta(minutes=2)
MEASURE_TRIES = 3
AGAIN_AFTER = timedelta(seconds=15)
_BATCH = 100

Ids = tuple[UUID, UUID]


def videos_unmeasured(now: datetime) -> list[Ids]:
    """``(workspace_id, blob_id)`` of videos that nobody has measured yet, and that did not refuse it several times."""
    with unscoped("the sweeper serves every workspace"):
        over = VideoMeasure.objects.filter(Q(measured_at__isnull=False) | Q(tries__gte=MEASURE_TRIES))
        rows = Blob.objects.filter(kind=Kind.VIDEO, created_at__lt=now - MEASURE_AGAIN_AFTER)
        found = rows.exclude(id__in=over.values("blob_id")).order_by("created_at")
        return list(found.values_list("workspace_id", "id")[:_BATCH])


def versions_left(now: datetime) -> list[Ids]:
    """``(workspace_id, version_id)`` of versions that nobody freezes: their worker died or their message was lost."""
    with unscoped("the sweeper serves every workspace"):
        return _quiet(Version.objects.filter(state=VersionState.FREEZING), now)


def exports_left(now: datetime) -> list[Ids]:
    """``(workspace_id, export_id)`` of exports whose worker died or whose message was lost."""
    with unscoped("the sweeper serves every workspace"):
        return _quiet(Export.objects.filter(state__in=[ExportState.QUEUED, ExportState.RUNNING]), now)


def _quiet(live: QuerySet[Any], now: datetime) -> list[Ids]:
    quiet = Q(lease_until__lt=now) | Q(lease_until=None, created_at__lt=now - AGAIN_AFTER)
    return list(live.filter(quiet).values_list("workspace_id", "id")[:_BATCH])


def exports_clear() -> int:
    """Delete the files of outdated exports: what may not leave any more must not lie about either. How many exports."""
    with unscoped("the sweeper serves every workspace"):
        outdated = list(Export.objects.filter(state=ExportState.OUTDATED).exclude(files=[])[:_BATCH])
        for export in outdated:
            objects_trim(export_prefix(export), keep=set())
            Export.objects.filter(id=export.id).update(files=[])
    return len(outdated)


def export_prefix(export: Export) -> str:
    """Where an export's objects lie: below its workspace."""
    return f"ws/{export.workspace_id}/datasets/{export.version_id}/{export.id}/"


def objects_trim(prefix: str, *, keep: set[str]) -> None:
    """Delete every object below ``prefix`` but ``keep``, those of workers that died before telling included."""
    pages = storage.client().get_paginator("list_objects_v2").paginate(Bucket=settings.S3_BUCKET, Prefix=prefix)
    storage.object_delete(
        *(found["Key"] for page in pages for found in page.get("Contents", ()) if found["Key"] not in keep)
    )
