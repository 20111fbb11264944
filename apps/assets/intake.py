"""From bytes to a blob: quarantine, verification, the content-addressed copy, and last of all the rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.assets import kinds, storage
from apps.assets.kinds import ACCEPTED
from apps.assets.measures import Measured, measure
from apps.assets.models import Asset, AssetState, Blob, Kind, PreviewState
from apps.assets.refusals import Refused
from apps.assets.signals import asset_ready
from apps.common.live import poke
from apps.common.tenancy import scope

log = logging.getLogger(__name__)


class NotArrived(Exception):
    """The upload has not arrived yet: send the form first, then complete."""


def settle(*, workspace_id: UUID, asset_id: UUID, pixels_max: int = kinds.PIXELS_MAX) -> Asset:
    """Verify what arrived for an asset in state ``verifying`` and make it ready or refused; otherwise do nothing.

    Raises NotArrived, or TooHeavy when the picture has more than ``pixels_max`` pixels (the state stays).
    """
    with scope(workspace_id):
        asset = cast(Asset, Asset.objects.get(id=asset_id))
        if asset.state != AssetState.VERIFYING:
            return asset
        try:
            _verify(asset, pixels_max)
        except Refused as error:
            _refuse(asset, error)
        return cast(Asset, Asset.objects.select_related("blob", "created_by").get(id=asset_id))


def _verify(asset: Asset, pixels_max: int) -> None:
    arrived = storage.object_head(asset.upload_key)
    if arrived is None:
        raise NotArrived(NotArrived.__doc__)
    announced = ACCEPTED[asset.content_type]
    if arrived.size != asset.size:
        raise Refused("size_mismatch", declared=asset.size, real=arrived.size)
    with storage.object_local(asset.upload_key, announced.extensions[0]) as (path, sha256):
        if asset.claimed_sha256 and asset.claimed_sha256 != sha256:
            raise Refused("hash_mismatch")
        measured = measure(path, announced, pixels_max=pixels_max)

    def copy(key: str) -> None:
        storage.object_copy(asset.upload_key, key, etag=arrived.etag, content_type=measured.content_type)

    with blob_keep(asset.workspace_id, sha256, arrived.size, measured, copy) as blob:
        changed = Asset.objects.filter(id=asset.id, state=AssetState.VERIFYING).update(
            blob=blob, state=AssetState.READY, kind=measured.kind, content_type=measured.content_type
        )
        if changed:
            announce_ready(asset.workspace_id, asset.id)
            transaction.on_commit(lambda: storage.object_delete(asset.upload_key), robust=True)


def _refuse(asset: Asset, error: Refused) -> None:
    with transaction.atomic():
        changed = Asset.objects.filter(id=asset.id, state=AssetState.VERIFYING).update(
            state=AssetState.REFUSED, refusal=error.refusal
        )
        if changed:
            poke(f"workspace.{asset.workspace_id}", asset=asset.id)
            transaction.on_commit(lambda: storage.object_delete(asset.upload_key), robust=True)
    log.info("upload refused", extra={"action": "upload_refuse", "asset": str(asset.id), "code": error.refusal["code"]})


@contextmanager
def blob_keep(
    workspace_id: UUID, sha256: str, size: int, measured: Measured, put: Callable[[str], None]
) -> Iterator[Blob]:
    """A transaction that yields the workspace's one blob for these bytes, its object certainly stored.

    The object goes first and the rows last, so a crash between leaves an object that nobody refers to, never a row
    without bytes. The purge deletes object and row under the same row lock, so the object is looked for once more
    after the lock is ours. ``put(key)`` stores the bytes; repeating it is harmless.
    """
    key = storage.blob_key(workspace_id, sha256)
    if storage.object_head(key) is None:
        put(key)
    with transaction.atomic():
        blob = _blob_locked(workspace_id, sha256, size, measured, key)
        if storage.object_head(key) is None:
            put(key)
        yield blob


def _blob_locked(workspace_id: UUID, sha256: str, size: int, measured: Measured, key: str) -> Blob:
    has_preview = measured.kind in {Kind.IMAGE, Kind.VIDEO}
    blob, created = Blob.objects.select_for_update().get_or_create(
        workspace_id=workspace_id,
        sha256=sha256,
        defaults={
            "size": size,
            "key": key,
            "content_type": measured.content_type,
            "kind": measured.kind,
            "meta": measured.meta,
            "preview_state": PreviewState.PENDING if has_preview else PreviewState.NONE,
        },
    )
    # The same bytes read as another type (a text that is also a CSV) add what that reading finds.
    if not created and measured.meta.keys() - blob.meta.keys():
        blob.meta = {**measured.meta, **blob.meta}
        blob.save(update_fields=["meta"])
    return cast(Blob, blob)


def announce_ready(workspace_id: UUID, asset_id: UUID) -> None:
    """Tell the apps above and whoever watches, once the running transaction has committed."""
    transaction.on_commit(
        lambda: _report(asset_ready.send_robust(sender=Asset, asset_id=asset_id, workspace_id=workspace_id))
    )
    poke(f"workspace.{workspace_id}", asset=asset_id)


def _report(answers: list[tuple[Callable[..., object], object]]) -> None:
    """A receiver's failure is its own; it is logged and the asset stays ready."""
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            log.error("receiver of asset_ready failed: %r", receiver, exc_info=answer, extra={"action": "asset_ready"})


def claim(*, workspace_id: UUID, asset_id: UUID) -> bool:
    """Claim an asset whose bytes have arrived for verification; False when another has it or it is settled."""
    claimed: int = (
        Asset.objects.for_workspace(workspace_id)
        .filter(id=asset_id, state=AssetState.PENDING)
        .update(state=AssetState.VERIFYING, checked_at=timezone.now())
    )
    return claimed == 1
