"""What files really are: one module per family, each told by a decoder and not by a name.

The decoders (Pillow, PyAV: 20 MB) are imported where they are used, because every process of the site imports this.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.assets import kinds
from apps.assets.kinds import ACCEPTED, OPAQUE, Accepted
from apps.assets.measures import tables
from apps.assets.models import Kind
from apps.assets.refusals import Refused

_HEAD = 64 * 1024


@dataclass(frozen=True)
class Measured:
    """The true type of some bytes and what was measured from them."""

    content_type: str
    kind: Kind
    meta: dict[str, Any]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise Refused("empty")
    return head


def _contradiction(announced: Accepted, head: bytes) -> Refused | None:
    """The refusal, when the first bytes already show that the announcement is false."""
    active = kinds.active_content(head)
    if active and announced.kind != Kind.FILE:
        return Refused("active_content", declared=announced.name, real=active)
    real = kinds.signature_of(head)
    if announced.family in _BY_DECODER and (real is None or real.family != announced.family):
        return Refused("type_mismatch", declared=announced.name, real=kinds.describe(head))
    if announced.family not in _BY_DECODER and real is not None and real.content_type != "image/bmp":
        return Refused("type_mismatch", declared=announced.name, real=real.name)
    return None


_IMAGES = {accepted.family for accepted in ACCEPTED.values() if accepted.kind == Kind.IMAGE}
_MEDIA = {"mov", "matroska", "mp3", "wav", "flac", "ogg"}
_BY_DECODER = _IMAGES | _MEDIA | {"parquet", "arrow", "pdf"}


def measure(path: Path, announced: Accepted, *, pixels_max: int = kinds.PIXELS_MAX) -> Measured:
    """Check a file against what it announces, to its end, and measure it. Raises Refused.

    Types of one family (MP4 and QuickTime, WebM and Matroska) may stand for each other; the result tells the true one.
    """
    head = _head(path)
    refused = _contradiction(announced, head)
    if refused:
        raise refused
    if announced.family in _IMAGES:
        from apps.assets.measures import images

        return Measured(announced.content_type, Kind.IMAGE, images.measure(path, announced, pixels_max))
    if announced.family in _MEDIA:
        from apps.assets.measures import media

        meta = media.measure(path, announced)
        return Measured(media.content_type_of(announced, head), announced.kind, meta)
    return Measured(announced.content_type, announced.kind, tables.measure(path, announced, head))


def detect(path: Path, filename: str) -> Accepted:
    """The type of a file of our own making: by its bytes, then, for text, by its name. OPAQUE when nothing fits."""
    head = _head(path)
    found = kinds.signature_of(head)
    if found is None:
        named = kinds.accepted_for(filename, "")
        is_text = named is not None and named.family in {"text", "json", "ndjson"}
        return named if named and is_text and not kinds.active_content(head) else OPAQUE
    if found.content_type == "video/mp4":
        from apps.assets.measures import media

        return found if media.has_picture(path, found) else ACCEPTED["audio/mp4"]
    return found
