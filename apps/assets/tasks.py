"""Work on assets outside of requests."""

from __future__ import annotations

from uuid import UUID

from celery.schedules import crontab
from django.utils import timezone

from apps.assets import housekeeping, intake, orphans
from apps.common.lanes import lane_task

BEAT = {
    "assets-sweep": {"task": "apps.assets.tasks.assets_sweep", "schedule": 60.0},
    "assets-purge": {"task": "apps.assets.tasks.assets_purge", "schedule": crontab(hour="3", minute="20")},
    "assets-orphans": {"task": "apps.assets.tasks.orphans_sweep", "schedule": crontab(hour="4", minute="20")},
}


@lane_task("work")
def asset_verify(*, workspace_id: str, asset_id: str, **_: object) -> None:
    """Verify an upload, then have its preview drawn."""
    asset = intake.settle(workspace_id=UUID(workspace_id), asset_id=UUID(asset_id))
    if asset.blob_id:
        blob_preview.delay(workspace_id=workspace_id, blob_id=str(asset.blob_id))


@lane_task("work")
def blob_preview(*, workspace_id: str, blob_id: str, **_: object) -> None:
    """Draw thumbnail or poster."""
    from apps.assets import previews  # Pillow and PyAV, which only the `work` lane needs

    previews.preview_draw(workspace_id=UUID(workspace_id), blob_id=UUID(blob_id))


@lane_task("control")
def assets_sweep(**_: object) -> None:
    """Forget unclaimed uploads; send lost verifications and previews again."""
    now = timezone.now()
    housekeeping.uploads_sweep(now)
    for workspace_id, asset_id in housekeeping.verifications_lost(now):
        asset_verify.delay(workspace_id=str(workspace_id), asset_id=str(asset_id))
    for workspace_id, blob_id in housekeeping.previews_lost(now):
        blob_preview.delay(workspace_id=str(workspace_id), blob_id=str(blob_id))


@lane_task("io")
def assets_purge(**_: object) -> None:
    """Empty the trash of what is a month old, and drop bytes nobody uses."""
    now = timezone.now()
    housekeeping.trash_purge(now)
    housekeeping.blobs_sweep(now)


@lane_task("io")
def orphans_sweep(**_: object) -> None:
    """Delete objects that no row knows."""
    orphans.orphans_sweep(timezone.now())
