"""The door of assets: uploads, bytes of our own making, references and links, gallery and trash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePath
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.assets import intake, kinds, storage
from apps.assets.intake import NotArrived
from apps.assets.kinds import ACCEPTED, OPAQUE, Accepted
from apps.assets.measures import Measured, detect, measure
from apps.assets.models import Asset, AssetState, Blob, Kind, PreviewState, Source, asset_rows
from apps.assets.refusals import Refused, TooHeavy
from apps.assets.signals import asset_trashed
from apps.assets.tasks import asset_verify, blob_preview
from apps.assets.usage import project_known
from apps.common.ids import uuid7
from apps.common.live import poke
from apps.common.tenancy import scope
from apps.workspaces.audit import audit_record

__all__ = ["NotArrived", "Refused"]

UPLOAD_SECONDS = 600
# Uploads of a workspace that were begun and not completed; each may hold its bytes in quarantine for a day.
PENDING_MAX = 1000
UPLOAD_MIN_SIZE = 1
# Verified while the uploader waits, because it takes a few ten milliseconds; the rest is a task.
INLINE_BYTES = 8 * 1024 * 1024
INLINE_PIXELS = 16_000_000


class AssetMissing(Exception):
    """There is no such asset here."""


class TypeNotTaken(Exception):
    """Files of this type are not taken."""


class ProjectMissing(Exception):
    """There is no such project here."""


class TooManyUploads(Exception):
    """Too many uploads of this workspace wait to be completed. Complete them, or begin again later."""


class TooLarge(Exception):
    """The file is larger than its kind may be."""


@dataclass(frozen=True)
class Upload:
    """An upload begun: where the bytes go, or no ``form`` when they are here already."""

    asset: Asset
    form: dict[str, Any] | None


def upload_begin(
    *,
    workspace_id: UUID,
    filename: str,
    size: int,
    content_type: str,
    sha256: str = "",
    project_id: UUID | None = None,
    created_by_id: UUID | None = None,
) -> Upload:
    """Announce a file and get the form that stores it.

    Raises TypeNotTaken, TooLarge, TooManyUploads, Refused (empty), ProjectMissing.
    """
    accepted = _taken(filename, content_type, size)
    if project_id and not project_known(workspace_id, project_id):
        raise ProjectMissing(ProjectMissing.__doc__)
    with scope(workspace_id), transaction.atomic():
        asset = Asset(
            id=uuid7(),
            workspace_id=workspace_id,
            filename=_clean(filename),
            source=Source.UPLOAD,
            project_id=project_id,
            kind=accepted.kind,
            content_type=accepted.content_type,
            size=size,
            created_by_id=created_by_id,
            claimed_sha256=sha256.lower(),
        )
        known = _known(asset) if sha256 else None
        if known:
            return Upload(known, None)
        if Asset.objects.filter(state=AssetState.PENDING).count() >= PENDING_MAX:
            raise TooManyUploads(_("Too many uploads wait to be completed. Complete them, or begin again later."))
        asset.upload_key = storage.incoming_key(workspace_id, asset.id)
        asset.save(force_insert=True)
    return Upload(asset, _form(asset))


def _form(asset: Asset) -> dict[str, Any]:
    return storage.upload_form(
        key=asset.upload_key, content_type=asset.content_type, size=asset.size, seconds=UPLOAD_SECONDS
    )


def _taken(filename: str, content_type: str, size: int) -> Accepted:
    active = kinds.active_name(filename, content_type)
    if active:
        raise TypeNotTaken(
            _("%(type)s can carry scripts, so it is not taken. Export it as PNG or WebP and upload that.")
            % {"type": active}
        )
    accepted = kinds.accepted_for(filename, content_type)
    if accepted is None:
        told = content_type or PurePath(filename).suffix or _("no type")
        taken = ", ".join(sorted({known.name for known in ACCEPTED.values()}, key=str.lower))
        raise TypeNotTaken(_("“%(type)s” is not taken. These are: %(taken)s.") % {"type": told, "taken": taken})
    limit = kinds.size_limit(accepted.kind)
    if size > limit:
        values = {"size": filesizeformat(size), "limit": filesizeformat(limit), "type": accepted.name}
        raise TooLarge(_("The file has %(size)s. At most %(limit)s are taken of %(type)s.") % values)
    if size < UPLOAD_MIN_SIZE:
        raise Refused("empty")
    return accepted


def _clean(filename: str) -> str:
    """A name to show: the last part of a path, without control characters; never used as a path."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    return _printable(last)[:255] or _("Untitled")


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _known(announced: Asset) -> Asset | None:
    """A ready asset with the very bytes that are announced, as the same type; None when they must be uploaded.

    Under the blob's lock, so that the purge does not take the bytes meanwhile.
    """
    blob = Blob.objects.select_for_update().filter(sha256=announced.claimed_sha256).first()
    if blob is None or storage.object_head(blob.key) is None:
        return None
    rows = Asset.objects.filter(blob=blob, content_type=announced.content_type, state=AssetState.READY)
    twins = rows.filter(trashed_at=None)
    if announced.project_id:
        twins = twins.filter(project_id=announced.project_id)
    twin = cast("Asset | None", twins.order_by("-created_at").first())
    if twin or not rows.exists():
        return twin
    # Known from another project, or from the trash: the bytes stay where they are and get another name.
    announced.blob, announced.size, announced.state = blob, blob.size, AssetState.READY
    announced.save(force_insert=True)
    intake.announce_ready(announced.workspace_id, announced.id)
    return announced


def upload_complete(*, workspace_id: UUID, asset_id: UUID) -> Asset:
    """Have the bytes that arrived verified: at once when they are few, else by a task (state ``verifying``).

    Safe to repeat. Raises AssetMissing, NotArrived. A refused file is no exception: look at the state.
    """
    asset = asset_get(workspace_id=workspace_id, asset_id=asset_id)
    if not intake.claim(workspace_id=workspace_id, asset_id=asset_id):
        return asset_get(workspace_id=workspace_id, asset_id=asset_id)
    try:
        if storage.object_head(asset.upload_key) is None:
            raise NotArrived(_("The file has not arrived yet. Send the form first, then complete the upload."))
        return _verify_now(asset) if asset.size <= INLINE_BYTES else _verify_later(asset)
    except (NotArrived, *storage.StorageDown):
        # Not the file's fault: the same call may be repeated.
        Asset.objects.for_workspace(workspace_id).filter(id=asset_id, state=AssetState.VERIFYING).update(
            state=AssetState.PENDING
        )
        raise


def _verify_now(asset: Asset) -> Asset:
    try:
        settled = intake.settle(workspace_id=asset.workspace_id, asset_id=asset.id, pixels_max=INLINE_PIXELS)
    except TooHeavy:
        return _verify_later(asset)
    if settled.blob:
        _preview_later(settled.blob)
    return settled


def _verify_later(asset: Asset) -> Asset:
    asset_verify.delay_on_commit(workspace_id=str(asset.workspace_id), asset_id=str(asset.id))
    return asset_get(workspace_id=asset.workspace_id, asset_id=asset.id)


def _preview_later(blob: Blob) -> None:
    if blob.preview_state == PreviewState.PENDING:
        blob_preview.delay_on_commit(workspace_id=str(blob.workspace_id), blob_id=str(blob.id))


def asset_store(
    *,
    workspace_id: UUID,
    path: Path,
    filename: str,
    source: str,
    project_id: UUID | None = None,
    created_by_id: UUID | None = None,
    made_from: Sequence[UUID] = (),
    made_in: UUID | None = None,
) -> Asset:
    """Keep a local file of our own making as a ready asset, measured by its bytes. Raises Refused on damaged media.

    ``made_from`` are the assets it was made from, ``made_in`` the run.

    The object is stored before the rows, and the same bytes once per workspace, also when two processes race.
    """
    accepted = detect(path, filename)
    plain = Measured(accepted.content_type, accepted.kind, {})
    measured = plain if accepted is OPAQUE else measure(path, accepted)
    sha256, size = storage.file_digest(path), path.stat().st_size

    with scope(workspace_id), intake.blob_keep(workspace_id, sha256, size, measured, _put(path, measured)) as blob:
        asset = Asset.objects.create(
            workspace_id=workspace_id,
            blob=blob,
            filename=_clean(filename),
            source=Source(source),
            project_id=project_id,
            kind=measured.kind,
            content_type=measured.content_type,
            size=size,
            state=AssetState.READY,
            created_by_id=created_by_id,
            made_from=list(made_from),
            made_in=made_in,
        )
        _preview_later(blob)
        intake.announce_ready(workspace_id, asset.id)
    return cast(Asset, asset)


def _put(path: Path, measured: Measured) -> Callable[[str], None]:
    return partial(storage.object_put, path, content_type=measured.content_type)


def asset_get(*, workspace_id: UUID, asset_id: UUID) -> Asset:
    """One asset with its blob, in the trash or not; raises AssetMissing for what is not there or not theirs."""
    asset = asset_rows(workspace_id).filter(id=asset_id).first()
    if asset is None:
        raise AssetMissing(AssetMissing.__doc__)
    return asset


def asset_ref(asset: Asset) -> dict[str, Any]:
    """What travels between nodes: a reference, never bytes."""
    if asset.blob is None:
        raise AssetMissing(AssetMissing.__doc__)
    meta = asset.measured
    return {
        "$asset": str(asset.id),
        "kind": Kind(asset.kind).value,
        "content_type": asset.content_type,
        "sha256": asset.blob.sha256,
        "size": asset.blob.size,
        "width": meta.get("width"),
        "height": meta.get("height"),
        "duration": meta.get("duration"),
    }


# Types that a browser shows without running anything; the rest is offered as a download.
_INLINE_KINDS = {Kind.IMAGE, Kind.VIDEO, Kind.AUDIO}
_LINKS = 8192


def asset_url(asset: Asset, *, seconds: int = 3600, download: bool = False) -> str:
    """A link to the bytes that works for three quarters of ``seconds`` at least and ``seconds`` at most.

    Within that quarter the same asset has the same link, so browsers find it in their cache.
    """
    if asset.blob is None:
        raise AssetMissing(AssetMissing.__doc__)
    inline = asset.kind in _INLINE_KINDS and not download
    # Media players and downloads want the name; ASCII for old ones, RFC 5987 for the rest.
    ascii_name = (
        asset.filename.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    )
    disposition = (
        f"{'inline' if inline else 'attachment'}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(asset.filename)}"
    )
    return _link(asset.blob.key, seconds, asset.content_type, disposition)


def preview_url(asset: Asset, side: int = 512, *, seconds: int = 3600) -> str | None:
    """A link to the preview of that longest side, or the next smaller one; None when there is none (yet)."""
    previews = asset.blob.previews if asset.blob else {}
    key = previews.get(str(side)) or previews.get("512")
    return _link(key, seconds, "image/webp", "inline") if key else None


def _link(key: str, seconds: int, content_type: str, disposition: str) -> str:
    window = int(timezone.now().timestamp() // max(1, seconds // 4))
    return _signed(settings.S3_PUBLIC_URL, key, seconds, content_type, disposition, window)


@lru_cache(maxsize=_LINKS)
def _signed(endpoint: str, key: str, seconds: int, content_type: str, disposition: str, window: int) -> str:
    """Signing takes 0.2 ms and a gallery page has a hundred links; ``endpoint`` and ``window`` only tell them apart."""
    return storage.object_url(key, seconds=seconds, content_type=content_type, disposition=disposition)


@contextmanager
def asset_local(*, workspace_id: UUID, asset_id: UUID) -> Iterator[Path]:
    """The bytes as a temporary file, streamed from the store and removed afterwards. Raises AssetMissing."""
    asset = asset_get(workspace_id=workspace_id, asset_id=asset_id)
    if asset.blob is None:
        raise AssetMissing(AssetMissing.__doc__)
    accepted = ACCEPTED.get(asset.content_type)
    with storage.object_local(asset.blob.key, accepted.extensions[0] if accepted else "") as (path, _sha256):
        yield path


def asset_publish(*, workspace_id: UUID, asset_id: UUID, title: str = "") -> None:
    """Put an asset into the gallery's published part, under a title. Repeating keeps the first time."""
    asset = asset_get(workspace_id=workspace_id, asset_id=asset_id)
    asset.published_at = asset.published_at or timezone.now()
    asset.title = _printable(title)[:200] or asset.title
    asset.save(update_fields=["published_at", "title"])
    poke(f"workspace.{workspace_id}", asset=asset_id)


def asset_rename(*, workspace_id: UUID, asset_id: UUID, title: str) -> Asset:
    """Give an asset a title; an empty one returns to the file's name."""
    asset = asset_get(workspace_id=workspace_id, asset_id=asset_id)
    asset.title = _printable(title)[:200]
    asset.save(update_fields=["title"])
    return asset


def asset_trash(*, workspace_id: UUID, asset_id: UUID) -> Asset:
    """Put an asset into the trash, from where it comes back for 30 days. Repeating keeps the first time."""
    return _trash_set(workspace_id, asset_id, trashed=True)


def asset_restore(*, workspace_id: UUID, asset_id: UUID) -> Asset:
    """Take an asset out of the trash."""
    return _trash_set(workspace_id, asset_id, trashed=False)


def _trash_set(workspace_id: UUID, asset_id: UUID, *, trashed: bool) -> Asset:
    rows = Asset.objects.for_workspace(workspace_id).filter(id=asset_id, trashed_at__isnull=trashed)
    with transaction.atomic():
        if rows.update(trashed_at=timezone.now() if trashed else None):
            asset_trashed.send(sender=Asset, asset_id=asset_id, workspace_id=workspace_id)
            poke(f"workspace.{workspace_id}", asset=asset_id)
            name = Asset.objects.for_workspace(workspace_id).values_list("filename", flat=True).get(id=asset_id)
            action = "asset_trash" if trashed else "asset_restore"
            audit_record(workspace_id=workspace_id, action=action, target=name, target_id=asset_id)
    return asset_get(workspace_id=workspace_id, asset_id=asset_id)
