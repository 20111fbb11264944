"""Celery shells of datasets. Ids only."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery.schedules import crontab
from django.utils import timezone

from apps.common.lanes import lane_task
from apps.datasets.execution import flushing, reconciling, sweeping

BEAT: dict[str, dict[str, Any]] = {
    "datasets-flush": {
        "task": "apps.datasets.tasks.records_flush",
        "schedule": 2.0,
        "options": {"expires": 6},
    },
    "datasets-sweep": {
        "task": "apps.datasets.tasks.datasets_sweep",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
    "datasets-recheck": {"task": "apps.datasets.tasks.versions_check", "schedule": crontab(hour="5", minute="20")},
}


@lane_task("io")
def records_flush(**_: object) -> None:
    """Store the records that are due."""
    flushing.records_flush(timezone.now())


@lane_task("work")
def video_measure(*, workspace_id: str, blob_id: str, **_: object) -> None:
    """Measure a video's pictures."""
    from apps.datasets.execution import measuring  # NumPy and PyAV, which only the `work` lane needs

    measuring.video_measure(workspace_id=UUID(workspace_id), blob_id=UUID(blob_id), now=timezone.now())


@lane_task("io")
def version_fix(*, workspace_id: str, version_id: str, **_: object) -> None:
    """Freeze a version."""
    from apps.datasets.execution import freezing

    freezing.version_fix(workspace_id=UUID(workspace_id), version_id=UUID(version_id))


@lane_task("io-exports")
def export_make(*, workspace_id: str, export_id: str, **_: object) -> None:
    """Make an export, or some of its files."""
    from apps.datasets.execution import exporting

    pause = exporting.export_turn(workspace_id=UUID(workspace_id), export_id=UUID(export_id))
    if pause is not None:
        export_make.apply_async(kwargs={"workspace_id": workspace_id, "export_id": export_id}, countdown=pause)


@lane_task("io")
def datasets_sweep(**_: object) -> None:
    """Look through versions where something changed; make up for lost messages and dead workers."""
    now = timezone.now()
    reconciling.rechecks_do(now)
    sweeping.exports_clear()
    for workspace_id, version_id in sweeping.versions_left(now):
        version_fix.delay(workspace_id=str(workspace_id), version_id=str(version_id))
    for workspace_id, export_id in sweeping.exports_left(now):
        export_make.delay(workspace_id=str(workspace_id), export_id=str(export_id))
    for workspace_id, blob_id in sweeping.videos_unmeasured(now):
        video_measure.delay(workspace_id=str(workspace_id), blob_id=str(blob_id))


@lane_task("io")
def versions_check(**_: object) -> None:
    """Once a day, look through every workspace's versions, whatever anybody told."""
    reconciling.rechecks_want_all()
