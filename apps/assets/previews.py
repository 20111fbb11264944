"""Previews: small WebP pictures of images and videos, without any of the original's metadata."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from av.error import FFmpegError
from django.db import transaction
from PIL import Image, ImageCms, ImageOps

from apps.assets import storage
from apps.assets.kinds import ACCEPTED
from apps.assets.measures.media import media_open
from apps.assets.models import Asset, Blob, Kind, PreviewState
from apps.assets.palette import colours_of
from apps.common.live import poke
from apps.common.tenancy import scope, unscoped

log = logging.getLogger(__name__)
# Longest side in pixels: the grid's cell, and the large view.
SIDES = (512, 1600)
_QUALITY = 82
# Where a video's poster is taken: past the fade-in that many begin with.
_POSTER_AT_S = 1.0


def preview_draw(*, workspace_id: UUID, blob_id: UUID) -> None:
    """Draw and store a blob's previews. Repeating it is harmless; a picture that cannot be drawn is marked failed."""
    with scope(workspace_id):
        blob = cast("Blob | None", Blob.objects.filter(id=blob_id, preview_state=PreviewState.PENDING).first())
        if blob is None:
            return
        try:
            previews, meta, colours = _draw(blob)
        except (OSError, ValueError, SyntaxError, FFmpegError, StopIteration, Image.DecompressionBombError) as error:
            log.warning("preview failed", exc_info=error, extra={"action": "preview", "blob": str(blob_id)})
            _save(blob, PreviewState.FAILED, {}, {}, [])
            return
        _save(blob, PreviewState.READY, previews, meta, colours)


def colours_fill(after: UUID | None, *, count: int) -> UUID | None:
    """Give colours to the next ``count`` pictures that were drawn before colours were kept, by their small previews.

    ``after`` is where to go on: what this answers; None when there are no more. Repeating it is harmless.
    """
    with unscoped("pictures of every workspace"):
        rows = Blob.objects.filter(preview_state=PreviewState.READY, colours=[], kind__in=[Kind.IMAGE, Kind.VIDEO])
        if after is not None:
            rows = rows.filter(id__gt=after)
        found = list(rows.order_by("id")[:count])
    for blob in found:
        try:
            with storage.object_local(blob.previews[str(min(SIDES))]) as (path, _sha256), Image.open(path) as picture:
                colours = colours_of(picture)
        except (OSError, ValueError, KeyError, SyntaxError) as error:
            log.warning("colours not read", exc_info=error, extra={"action": "colours_fill", "blob": str(blob.id)})
            continue
        Blob.objects.for_workspace(blob.workspace_id).filter(id=blob.id).update(colours=colours)
    return found[-1].id if len(found) == count else None


def _save(blob: Blob, state: PreviewState, previews: dict[str, str], meta: dict[str, Any], colours: list[int]) -> None:
    with transaction.atomic():
        # Locked, because another upload of the same bytes may add to `meta` meanwhile.
        row = cast(Blob, Blob.objects.select_for_update().get(id=blob.id))
        row.preview_state = state
        row.previews = previews
        row.meta = {**row.meta, **meta}
        row.colours = colours
        row.save(update_fields=["preview_state", "previews", "meta", "colours"])
        for asset_id in Asset.objects.filter(blob_id=blob.id).values_list("id", flat=True):
            poke(f"workspace.{blob.workspace_id}", asset=asset_id)


def _draw(blob: Blob) -> tuple[dict[str, str], dict[str, Any], list[int]]:
    previews: dict[str, str] = {}
    with storage.object_local(blob.key) as (path, _sha256), _picture(path, blob) as picture:
        for side in sorted(SIDES, reverse=True):
            if side != min(SIDES) and max(picture.size) <= min(SIDES):
                continue
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            key = storage.preview_key(blob.workspace_id, blob.sha256, side)
            storage.object_put_bytes(_webp(picture), key, "image/webp")
            previews[str(side)] = key
        return previews, {"color": _colour(picture)}, colours_of(picture)


def _picture(path: Path, blob: Blob) -> Image.Image:
    """The picture as people see it, upright and in sRGB."""
    if blob.kind == Kind.VIDEO:
        return _poster(path, blob)
    image = Image.open(path, formats=[ACCEPTED[blob.content_type].decoder])
    image.draft("RGB", (max(SIDES), max(SIDES)))
    upright = ImageOps.exif_transpose(image)
    return _srgb(upright)


def _srgb(image: Image.Image) -> Image.Image:
    """8 bits per channel, sRGB; the profile and every other piece of metadata stay behind."""
    profile = image.info.get("icc_profile")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode.startswith(("I", "F")):
        image = _to_8_bit(image)
    if profile and image.mode in {"RGB", "RGBA", "CMYK"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            out = mode if image.mode == mode else "RGB"
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=out)
            image = converted or image
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile: the colours as they are
    return image.convert(mode)


def _to_8_bit(image: Image.Image) -> Image.Image:
    low, high = cast("tuple[float, float]", image.getextrema())
    spread = (high - low) or 1
    return image.convert("F").point(lambda value: (value - low) * (255 / spread)).convert("L")


def _poster(path: Path, blob: Blob) -> Image.Image:
    duration = float(blob.meta.get("duration") or 0)
    with media_open(path, ACCEPTED[blob.content_type].decoder) as container:
        at = min(_POSTER_AT_S, duration / 2)
        container.seek(int(at * 1_000_000))
        # One iterator: asked for another at the end of the file, the decoder raises.
        frames = container.decode(video=0)
        frame = next(frames)
        while frame.time is not None and frame.time < at:
            following = next(frames, None)
            if following is None:
                break
            frame = following
        image = cast(Image.Image, frame.to_image())  # type: ignore[no-untyped-call]
        return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=4, exif=b"", icc_profile=None)
    return buffer.getvalue()


def _colour(image: Image.Image) -> str:
    """The average colour, shown in the picture's place while it loads."""
    red, green, blue = cast(
        "tuple[int, int, int]", image.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    )
    return f"#{red:02x}{green:02x}{blue:02x}"
