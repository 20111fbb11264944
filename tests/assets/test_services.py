"""What other apps call: storing, referring, linking, publishing, throwing away."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from botocore.compat import get_current_datetime
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from PIL import Image

from apps.assets import housekeeping, orphans, services, storage
from apps.assets.models import Asset, AssetState, Blob
from apps.assets.previews import preview_draw
from apps.assets.refusals import Refused
from apps.assets.services import AssetMissing
from apps.assets.signals import asset_ready
from apps.common.ids import uuid7
from apps.common.tenancy import ScopeError, scope
from apps.workspaces.models import Workspace
from tests.assets import files

pytestmark = pytest.mark.django_db


def _store(workspace: Workspace, path: Path, filename: str = "") -> Asset:
    return services.asset_store(
        workspace_id=workspace.id, path=path, filename=filename or path.name, source="generation"
    )


def _picture(tmp_path: Path, name: str = "a.png", **options: object) -> Path:
    path = tmp_path / name
    path.write_bytes(files.picture(**options))  # type: ignore[arg-type]
    return path


def test_store_measures_and_refers(
    workspace: Workspace, tmp_path: Path, django_capture_on_commit_callbacks: object
) -> None:
    asset = _store(workspace, _picture(tmp_path), "Karte/../../etc/passwd.png")
    assert (asset.state, asset.kind, asset.filename) == (AssetState.READY, "image", "passwd.png")
    ref = services.asset_ref(asset)
    assert ref["$asset"] == str(asset.id)
    assert (ref["kind"], ref["content_type"], ref["width"], ref["height"]) == ("image", "image/png", 96, 64)
    assert type(ref["kind"]) is str
    with services.asset_local(workspace_id=workspace.id, asset_id=asset.id) as local:
        kept = local
        assert local.read_bytes() == (tmp_path / "a.png").read_bytes()
    assert not kept.exists()


def test_the_same_bytes_are_stored_once(workspace: Workspace, foreign_workspace: Workspace, tmp_path: Path) -> None:
    path = _picture(tmp_path)
    first, second, foreign = _store(workspace, path), _store(workspace, path), _store(foreign_workspace, path)
    assert first.id != second.id
    assert first.blob_id == second.blob_id != foreign.blob_id
    assert str(foreign_workspace.id) in Blob.objects.for_workspace(foreign_workspace.id).get().key


@pytest.mark.django_db(transaction=True)
def test_racing_stores_share_one_blob(workspace: Workspace, tmp_path: Path) -> None:
    path = _picture(tmp_path)

    def store(_: int) -> UUID | None:
        try:
            return _store(workspace, path).blob_id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        blobs = set(pool.map(store, range(16)))
    assert len(blobs) == 1
    with scope(workspace.id):
        assert (Blob.objects.count(), Asset.objects.count()) == (1, 16)


@pytest.mark.django_db(transaction=True)
def test_a_purge_never_takes_bytes_that_are_being_stored(workspace: Workspace, tmp_path: Path) -> None:
    path = _picture(tmp_path)

    def store_and_purge(_: int) -> Asset | None:
        try:
            asset = _store(workspace, path)
            if asset.blob_id and int(time.monotonic_ns()) % 2:
                with scope(workspace.id):
                    Asset.objects.filter(id=asset.id).delete()
                housekeeping.blob_drop(workspace.id, asset.blob_id)
                return None
            return asset
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        kept = [asset for asset in pool.map(store_and_purge, range(40)) if asset]
    for asset in kept:
        with services.asset_local(workspace_id=workspace.id, asset_id=asset.id) as local:
            assert local.read_bytes() == path.read_bytes()


def test_damaged_media_is_not_stored(workspace: Workspace, tmp_path: Path) -> None:
    path = _picture(tmp_path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(Refused):
        _store(workspace, path)
    with scope(workspace.id):
        assert not Blob.objects.exists()


def test_what_is_unknown_is_for_download_only(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"<!doctype html><script>alert(1)</script>")
    asset = _store(workspace, path)
    assert (asset.kind, asset.content_type) == ("file", "application/octet-stream")
    served = httpx.get(services.asset_url(asset))
    assert served.headers["content-type"] == "application/octet-stream"
    assert served.headers["content-disposition"].startswith("attachment")


def test_links_expire(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = _store(workspace, _picture(tmp_path))
    assert httpx.get(services.asset_url(asset)).status_code == 200
    with monkeypatch.context() as earlier:
        earlier.setattr("botocore.auth.get_current_datetime", lambda: get_current_datetime() - timedelta(seconds=90))
        over, lasting = (services.asset_url(asset, seconds=seconds) for seconds in (60, 1800))
    assert (httpx.get(over).status_code, httpx.get(lasting).status_code) == (403, 200)
    assert httpx.get(services.asset_url(asset).replace("X-Amz-Signature=", "X-Amz-Signature=0")).status_code == 403
    assert services.asset_url(asset) == services.asset_url(asset)
    assert "attachment" in services.asset_url(asset, download=True)


def test_ready_is_told_after_the_commit(
    workspace: Workspace, tmp_path: Path, django_capture_on_commit_callbacks: object
) -> None:
    told: list[tuple[UUID, UUID]] = []

    def receiver(asset_id: UUID, workspace_id: UUID, **_: object) -> None:
        told.append((asset_id, workspace_id))

    asset_ready.connect(receiver)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            asset = _store(workspace, _picture(tmp_path))
            assert told == []
    finally:
        asset_ready.disconnect(receiver)
    assert told == [(asset.id, workspace.id)]


def test_preview_is_upright_and_carries_nothing_else(workspace: Workspace, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    asset = _store(workspace, _picture(tmp_path, "a.jpg", width=900, height=600, kind="JPEG", exif=exif))
    assert asset.blob_id is not None
    preview_draw(workspace_id=workspace.id, blob_id=asset.blob_id)
    asset = services.asset_get(workspace_id=workspace.id, asset_id=asset.id)
    url = services.preview_url(asset, 512)
    assert url is not None
    with Image.open(io.BytesIO(httpx.get(url).content)) as preview:
        assert (preview.format, preview.size) == ("WEBP", (341, 512))
        assert not preview.getexif()
    assert asset.blob is not None
    assert sorted(asset.blob.previews) == ["1600", "512"]
    assert str(asset.blob.meta["color"]).startswith("#")


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGBA", "PNG"), ("P", "GIF"), ("L", "PNG"), ("I;16", "PNG"), ("CMYK", "JPEG"), ("1", "PNG"), ("LA", "PNG")],
)
def test_every_mode_has_a_preview(workspace: Workspace, tmp_path: Path, mode: str, kind: str) -> None:
    path = tmp_path / "a"
    Image.new(mode, (64, 48)).save(path, kind)
    asset = _store(workspace, path, "a")
    assert asset.blob_id is not None
    preview_draw(workspace_id=workspace.id, blob_id=asset.blob_id)
    assert Blob.objects.for_workspace(workspace.id).get().preview_state == "ready"


def test_publish_keeps_the_first_time(workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, _picture(tmp_path))
    services.asset_publish(workspace_id=workspace.id, asset_id=asset.id, title=" Evening ")
    first = services.asset_get(workspace_id=workspace.id, asset_id=asset.id)
    services.asset_publish(workspace_id=workspace.id, asset_id=asset.id)
    second = services.asset_get(workspace_id=workspace.id, asset_id=asset.id)
    assert (second.title, second.published_at) == ("Evening", first.published_at)


def test_trash_has_a_way_back_for_thirty_days(workspace: Workspace, tmp_path: Path) -> None:
    path = _picture(tmp_path)
    asset, twin = _store(workspace, path), _store(workspace, path)
    assert asset.blob is not None
    key = asset.blob.key
    services.asset_trash(workspace_id=workspace.id, asset_id=asset.id)
    now = timezone.now()
    assert housekeeping.trash_purge(now + timedelta(days=29)) == 0
    assert services.asset_restore(workspace_id=workspace.id, asset_id=asset.id).trashed_at is None
    services.asset_trash(workspace_id=workspace.id, asset_id=asset.id)
    assert housekeeping.trash_purge(now + timedelta(days=31)) == 1
    with pytest.raises(AssetMissing):
        services.asset_get(workspace_id=workspace.id, asset_id=asset.id)
    # The twin still needs the bytes; they go with it.
    assert storage.object_head(key) is not None
    services.asset_trash(workspace_id=workspace.id, asset_id=twin.id)
    assert housekeeping.trash_purge(now + timedelta(days=31)) == 1
    assert storage.object_head(key) is None
    with scope(workspace.id):
        assert not Blob.objects.exists()


def test_lonely_bytes_are_swept(workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, _picture(tmp_path))
    with scope(workspace.id):
        Asset.objects.filter(id=asset.id).delete()
    assert housekeeping.blobs_sweep(timezone.now()) == 0
    assert housekeeping.blobs_sweep(timezone.now() + timedelta(hours=25)) == 1


def test_what_is_foreign_is_missing(workspace: Workspace, foreign_workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, _picture(tmp_path))
    foreign = foreign_workspace.id
    with pytest.raises(AssetMissing):
        services.asset_get(workspace_id=foreign, asset_id=asset.id)
    with pytest.raises(AssetMissing):
        services.asset_trash(workspace_id=foreign, asset_id=asset.id)
    with pytest.raises(AssetMissing):
        services.asset_publish(workspace_id=foreign, asset_id=asset.id)
    with pytest.raises(AssetMissing), services.asset_local(workspace_id=foreign, asset_id=asset.id):
        pass
    with pytest.raises(ScopeError):
        Asset.objects.count()


def test_the_database_refuses_a_foreign_blob(
    workspace: Workspace, foreign_workspace: Workspace, tmp_path: Path
) -> None:
    asset = _store(workspace, _picture(tmp_path))
    with pytest.raises(IntegrityError), transaction.atomic():
        with scope(foreign_workspace.id):
            Asset.objects.create(
                id=uuid7(),
                workspace=foreign_workspace,
                blob_id=asset.blob_id,
                filename="x",
                source="node",
                kind="image",
                content_type="image/png",
                size=1,
                state="ready",
            )
        connection.check_constraints()


def test_objects_without_rows_are_swept(workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, _picture(tmp_path))
    assert asset.blob is not None
    lost = [
        storage.blob_key(workspace.id, "ab" * 32),
        storage.preview_key(workspace.id, "ab" * 32, 512),
        storage.incoming_key(workspace.id, uuid7()),
        storage.blob_key(uuid7(), "cd" * 32),
    ]
    for key in lost:
        storage.object_put_bytes(b"lost", key, "image/png")
    orphans.orphans_sweep(timezone.now())
    assert all(storage.object_head(key) for key in lost)
    # Objects of other tests, whose rows were rolled back, go as well.
    assert orphans.orphans_sweep(timezone.now() + timedelta(hours=25)) >= len(lost)
    assert not any(storage.object_head(key) for key in lost)
    assert storage.object_head(asset.blob.key) is not None
    with scope(workspace.id):
        assert Blob.objects.count() == 1
