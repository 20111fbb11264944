"""What there is to measure about a file."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image, ImageCms

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.pictures import header, refusing
from apps.wording import gettext as _

if TYPE_CHECKING:
    from av.container import InputContainer

# FFmpeg's demuxer for each content type: none is guessed from bytes, so no playlist in disguise is followed.
_DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "audio/mp4": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
}
_TURNED = {5, 6, 7, 8}
_BITS = {"1": 1, "I": 32, "F": 32}


def _shape(width: int, height: int) -> str:
    shared = math.gcd(width, height) or 1
    return f"{width // shared}:{height // shared}"


def _profile(image: Image.Image) -> str | None:
    embedded = image.info.get("icc_profile")
    if not embedded:
        return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(embedded))).strip()
    except (ImageCms.PyCMSError, OSError):
        return None


def image_measures(path: Path) -> dict[str, Any]:
    """Of a picture; width and height are as it is seen. Of an animation, also how long and how fast it is."""
    with header(path) as image, refusing():
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        width, height = image.size[::-1] if orientation in _TURNED else image.size
        found = {
            "format": image.format,
            "width": width,
            "height": height,
            "aspect": _shape(width, height),
            "megapixels": round(width * height / 1_000_000, 3),
            "mode": image.mode,
            "bits": 16 if image.mode.startswith("I;16") else _BITS.get(image.mode, 8),
            "alpha": image.has_transparency_data,
            "orientation": orientation,
            "profile": _profile(image),
            "exif": len(image.getexif()) > 0,
        }
        frames = int(getattr(image, "n_frames", 1))
        return {**found, **_moving(image, frames)} if frames > 1 else {**found, "frames": 1}


def _moving(image: Image.Image, frames: int) -> dict[str, Any]:
    """Frames are decoded to know their time; one is in memory at once. A TIFF's pages have none."""
    seconds = 0.0
    for number in range(frames):
        image.seek(number)
        image.load()
        seconds += float(image.info.get("duration") or 0) / 1000
    if not seconds:
        return {"frames": frames}
    return {"frames": frames, "duration": round(seconds, 3), "frame_rate": round(frames / seconds, 3)}


def media_measures(path: Path, content_type: str) -> dict[str, Any]:
    """Of a video or a sound, from its packets; one picture is decoded, to see which way up it is."""
    import av
    from av.error import FFmpegError

    try:
        options = {"protocol_whitelist": "file"}
        with av.open(
            str(path), format=_DEMUXERS.get(content_type), options=options, metadata_errors="replace"
        ) as media:
            return _tracks(media)
    except (FFmpegError, OSError, ValueError, IndexError, StopIteration) as error:
        message = _("The file could not be read: it is damaged, or not what it says it is.")
        raise NodeFailure(message, code="bad-file") from error


def _tracks(media: InputContainer) -> dict[str, Any]:
    found: dict[str, Any] = {"format": media.format.name, "bit_rate": media.bit_rate or None}
    ends, packets = [0.0], 0
    for packet in media.demux():
        if packet.pts is None or packet.time_base is None:
            continue
        ends.append(float((packet.pts + (packet.duration or 0)) * packet.time_base))
        packets += packet.stream.type == "video"
    if max(ends) <= 0:
        raise ValueError("no packet has a time")
    found["duration"] = round(media.duration / 1_000_000 if media.duration else max(ends), 3)
    if media.streams.audio:
        sound = media.streams.audio[0]
        found["audio"] = {"codec": sound.codec_context.name, "sample_rate": sound.rate, "channels": sound.channels}
    if media.streams.video:
        found.update(_picture(media), frames=packets)
    return found


def _picture(media: InputContainer) -> dict[str, Any]:
    stream = media.streams.video[0]
    media.seek(0)
    frame = next(media.decode(video=0))
    turned = abs(int(frame.rotation)) % 180 == 90
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    rate = stream.average_rate or stream.guessed_rate
    return {
        "codec": stream.codec_context.name,
        "width": width,
        "height": height,
        "aspect": _shape(width, height),
        "rotation": int(frame.rotation),
        "pixel_format": frame.format.name,
        "frame_rate": round(float(rate), 3) if rate else None,
    }


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Everything as JSON, and the four numbers at ports of their own; a number that there is not is not emitted."""
    ref = inputs["asset"]
    kind = ref.get("kind")
    content_type = str(ref.get("content_type") or "")
    with context.asset_open(ref) as path:
        found: dict[str, Any] = {"kind": kind, "content_type": content_type or None, "size": path.stat().st_size}
        if kind == "image":
            found |= image_measures(path)
        elif kind in {"video", "audio"}:
            found |= media_measures(path, content_type)
    numbers = {name: found[name] for name in ("width", "height", "duration", "frame_rate") if found.get(name)}
    return {"info": found, **numbers}


NODE = NodeType(
    type="media.probe",
    version=1,
    title="Measure file",
    category="media",
    description="Tells the size, length, frame rate, format and more of a picture, video, sound or any other file.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="ruler",
    run=run,
    inputs=(Port("asset", PortType.ASSET, "File"),),
    outputs=(
        Port("info", PortType.JSON, "Measurements"),
        Port("width", PortType.NUMBER, "Width"),
        Port("height", PortType.NUMBER, "Height"),
        Port("duration", PortType.NUMBER, "Duration"),
        Port("frame_rate", PortType.NUMBER, "Frame rate"),
    ),
)
