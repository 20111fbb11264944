"""What the apps below tell: a generation ends, a video is there, a file was put into the trash."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from apps.assets.models import Asset, Kind
from apps.assets.signals import asset_ready, asset_trashed
from apps.datasets.execution.reconciling import recheck_want
from apps.datasets.execution.recording import record_write
from apps.datasets.tasks import video_measure
from apps.generations.signals import generation_ending


@receiver(generation_ending, dispatch_uid="datasets")
def record_keep(generation_id: UUID, workspace_id: UUID, **_: Any) -> None:
    """Write the record in the transaction that ends the generation: neither is ever there without the other."""
    record_write(workspace_id=workspace_id, generation_id=generation_id)


@receiver(asset_ready, dispatch_uid="datasets")
def video_look(asset_id: UUID, workspace_id: UUID, **_: Any) -> None:
    """Have a video's pictures measured. A lost message is made up for by the sweeper."""
    rows = Asset.objects.for_workspace(workspace_id).filter(id=asset_id, kind=Kind.VIDEO)
    if blob_id := rows.values_list("blob_id", flat=True).first():
        video_measure.delay(workspace_id=str(workspace_id), blob_id=str(blob_id))


@receiver(asset_trashed, dispatch_uid="datasets")
def versions_look(workspace_id: UUID, **_: Any) -> None:
    """Have the workspace's versions looked through for the file."""
    recheck_want(workspace_id)
