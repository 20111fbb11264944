"""Video and audio, read by PyAV packet by packet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError

from apps.assets.kinds import Accepted
from apps.assets.models import Kind
from apps.assets.refusals import Refused

# A track that ends this much before the file's own announcement was cut short.
_WHOLE = 0.9
_SLACK_S = 1.0


@dataclass
class _Track:
    packets: int = 0
    end: float = 0.0


def media_open(path: Path, decoder: str) -> InputContainer:
    """Open with one given demuxer and local files only: a playlist in disguise reaches neither network nor disk."""
    return av.open(str(path), format=decoder, options={"protocol_whitelist": "file"}, metadata_errors="replace")


def has_picture(path: Path, accepted: Accepted) -> bool:
    """Whether there is a video track; False when the file cannot be read."""
    try:
        with media_open(path, accepted.decoder) as container:
            return bool(container.streams.video)
    except (FFmpegError, OSError, ValueError):
        return False


def content_type_of(announced: Accepted, head: bytes) -> str:
    """The true type within the family."""
    if announced.content_type in {"video/mp4", "video/quicktime"}:
        return "video/quicktime" if head[4:10] in {b"ftypqt", b"moov"} else "video/mp4"
    if announced.family == "matroska":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return announced.content_type


def measure(path: Path, announced: Accepted) -> dict[str, Any]:
    """``width, height`` as seen, ``duration`` (s), ``fps, frames, codec, has_audio, sample_rate``. Raises Refused."""
    try:
        with media_open(path, announced.decoder) as container:
            _check_tracks(container, announced)
            meta = _describe(container, announced)
            tracks = _walk(container)
            _check_whole(container, tracks, announced)
            main = container.streams.video[0] if announced.kind == Kind.VIDEO else container.streams.audio[0]
            if announced.kind == Kind.VIDEO:
                meta["frames"] = tracks[main.index].packets
            meta["duration"] = round(_announced_s(container) or tracks[main.index].end, 3)
            meta.update(_first_frame(container, announced))
    except (FFmpegError, OSError, ValueError, KeyError, IndexError, StopIteration) as error:
        raise Refused("damaged", declared=announced.name) from error
    return meta


def _check_tracks(container: InputContainer, announced: Accepted) -> None:
    if announced.kind == Kind.VIDEO and not container.streams.video:
        raise Refused("no_picture", declared=announced.name)
    if announced.kind == Kind.AUDIO and not container.streams.audio:
        raise Refused("no_sound", declared=announced.name)


def _describe(container: InputContainer, announced: Accepted) -> dict[str, Any]:
    sound = container.streams.audio[0] if container.streams.audio else None
    meta: dict[str, Any] = {"has_audio": sound is not None}
    if sound is not None:
        meta["sample_rate"] = sound.rate
    if announced.kind == Kind.AUDIO and sound is not None:
        meta["codec"] = sound.codec_context.name
        return meta
    picture = container.streams.video[0]
    rate = picture.average_rate or picture.guessed_rate
    return {**meta, "codec": picture.codec_context.name, "fps": round(float(rate), 3) if rate else None}


def _walk(container: InputContainer) -> dict[int, _Track]:
    """Read every packet without decoding it: cheap, and it finds what is missing at the end."""
    tracks = {stream.index: _Track() for stream in container.streams}
    for packet in container.demux():
        if packet.is_corrupt:
            raise ValueError("corrupt packet")
        if packet.size == 0 or packet.pts is None or packet.time_base is None:
            continue
        track = tracks[packet.stream.index]
        track.packets += 1
        track.end = max(track.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return tracks


def _announced_s(container: InputContainer) -> float:
    return container.duration / av.time_base if container.duration else 0.0


def _check_whole(container: InputContainer, tracks: dict[int, _Track], announced: Accepted) -> None:
    end = max((track.end for track in tracks.values()), default=0.0)
    promised = _announced_s(container)
    missing = [
        stream
        for stream in (*container.streams.video, *container.streams.audio)
        if stream.frames and tracks[stream.index].packets < stream.frames * _WHOLE
    ]
    if missing or (promised and end < promised * _WHOLE - _SLACK_S) or end <= 0:
        raise Refused("damaged", declared=announced.name)


def _first_frame(container: InputContainer, announced: Accepted) -> dict[str, Any]:
    """Decode one frame: proof that the codec is readable, and the size as seen."""
    container.seek(0)
    if announced.kind == Kind.AUDIO:
        next(container.decode(audio=0))
        return {}
    frame = next(container.decode(video=0))
    turned = abs(int(frame.rotation)) % 180 == 90
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    return {"width": width, "height": height}
