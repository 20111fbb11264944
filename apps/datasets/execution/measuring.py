"""What is measured from a video's pictures, once per stored file, in the ``work`` lane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import numpy as np
import structlog
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from apps.assets import storage
from apps.assets.kinds import ACCEPTED
from apps.assets.measures.media import media_open
from apps.assets.models import Blob, Kind
from apps.common.tenancy import scope
from apps.datasets.execution.motion import Picture, clip_motion, pair_motion
from apps.datasets.models import VideoMeasure

log = structlog.get_logger(__name__)
SIDE = 160
PAIRS = 20
# Between the two pictures of a pair, as near as the frame rate allows.
GAP_S = 1 / 15
# A clip of more frames is not decoded as a whole: each pair is looked up from the key frame before it.
WHOLE_FRAMES = 1500
_FRAMES_PER_LOOKUP = 400


@dataclass
class Pair:
    """Two pictures and how far apart they are, seconds."""

    first: Picture
    second: Picture
    seconds: float


def video_measure(*, workspace_id: UUID, blob_id: UUID, now: datetime) -> bool:
    """Measure a stored video unless that is done; False when there is nothing to do or it cannot be read."""
    with scope(workspace_id):
        blob: Blob | None = Blob.objects.filter(id=blob_id, kind=Kind.VIDEO).first()
        if blob is None:
            return False
        row, _made = VideoMeasure.objects.get_or_create(blob=blob, workspace_id=workspace_id)
        if row.measured_at is not None:
            return False
        # Counted first, so that a file that kills its worker is not tried for ever.
        VideoMeasure.objects.filter(id=row.id).update(tries=row.tries + 1)
        try:
            with storage.object_local(blob.key) as (path, _sha256):
                found = clip_measure(path, ACCEPTED[blob.content_type].decoder, blob.meta)
        except (FFmpegError, OSError, ValueError, KeyError, IndexError) as error:
            log.warning("video not measured", action="video_measure", blob=str(blob_id), error=str(error))
            return False
        return bool(VideoMeasure.objects.filter(id=row.id).update(**found, measured_at=now))


def clip_measure(path: Path, decoder: str, meta: dict[str, Any]) -> dict[str, Any]:
    """The columns of :class:`VideoMeasure` for a local file. ``meta`` is what was measured when it was taken in."""
    with media_open(path, decoder) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        duration = float(meta.get("duration") or 0) or (container.duration or 0) / av.time_base
        frames = int(meta.get("frames") or stream.frames or 0)
        rate = float(stream.average_rate or 0) or (frames / duration if duration else 0.0)
        moved = [
            motion
            for pair in pairs_sampled(container, stream, duration, frames, rate)
            if (motion := pair_motion(pair.first, pair.second, pair.seconds)) is not None
        ]
        clip = clip_motion(moved)
        return {
            "frames": frames or None,
            "fps": round(rate, 3) or None,
            "duration": round(duration, 3) or None,
            "width": meta.get("width") or stream.codec_context.width,
            "height": meta.get("height") or stream.codec_context.height,
            "codec": stream.codec_context.name,
            "bit_rate": _bit_rate(container, stream, path, duration),
            "motion": clip.score,
            "camera": clip.camera,
            "detail": clip.detail,
        }


def _bit_rate(container: InputContainer, stream: VideoStream, path: Path, duration: float) -> int | None:
    """Bits per second of the picture's own track where the file says it, else of the whole file."""
    said = stream.codec_context.bit_rate or container.bit_rate
    return int(said) if said else int(path.stat().st_size * 8 / duration) if duration else None


def pairs_sampled(
    container: InputContainer, stream: VideoStream, duration: float, frames: int, rate: float
) -> Iterator[Pair]:
    """Pairs of pictures, evenly over the clip."""
    gap = max(GAP_S, 1 / rate if rate else GAP_S)
    room = max(0.0, duration - 1.5 * gap)
    count = max(1, min(PAIRS, int(duration / gap / 2)))
    starts = [room * (place + 0.5) / count for place in range(count)]
    if frames and frames <= WHOLE_FRAMES:
        yield from _in_one_pass(container, stream, starts, gap)
        return
    for start in starts:
        container.seek(int(start / stream.time_base) if stream.time_base else 0, stream=stream)
        yield from _in_one_pass(container, stream, [start], gap, limit=_FRAMES_PER_LOOKUP)


def _in_one_pass(
    container: InputContainer, stream: VideoStream, starts: list[float], gap: float, limit: int = 0
) -> Iterator[Pair]:
    """Decode onward, and keep the first frame at each start and the first one a gap later."""
    waiting = iter(starts)
    start = next(waiting, None)
    begun: tuple[Picture, float] | None = None
    for number, frame in enumerate(container.decode(stream)):
        if start is None or (limit and number > limit):
            return
        if frame.pts is None:
            continue
        at = float(frame.time)
        if begun is None and at >= start:
            begun = (small_grey(frame), at)
        # A quarter of a frame early is on time: moments in a file are rounded.
        elif begun is not None and at - begun[1] >= gap * 0.98:
            yield Pair(begun[0], small_grey(frame), at - begun[1])
            begun, start = None, next(waiting, None)


def small_grey(frame: VideoFrame) -> Picture:
    """The frame in grey, its longer side :data:`SIDE` pixels."""
    scale = SIDE / max(frame.width, frame.height)
    width, height = (max(24, round(length * scale / 2) * 2) for length in (frame.width, frame.height))
    small = frame.reformat(width=width, height=height, format="gray", interpolation="AREA")
    return np.asarray(small.to_ndarray(), dtype=np.float32)
