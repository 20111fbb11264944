"""Moving packets from one file to another as they are: fast, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from apps.engine.node_types import NodeFailure
from apps.nodes.media.reels.clip import Clip, media_open, picture_of, start_of
from apps.nodes.media.reels.film import Voice, film_open
from apps.nodes.media.reels.sound import Tap
from apps.wording import gettext as _

# What an MP4 may hold that browsers play.
PICTURES = {"h264", "hevc", "av1", "vp9"}
SOUNDS = {"aac", "mp3", "opus", "ac3", "flac"}


def copies(clip: Clip) -> bool:
    """Whether the pictures can be moved into an MP4 as they are."""
    with media_open(clip.path) as container:
        stream = picture_of(container)
        return stream is not None and stream.codec_context.name in PICTURES


def copy_span(clip: Clip, target: Path, first: float, last: float) -> float:
    """Copy from the key frame at or before ``first`` up to ``last``; answers where it really begins, seconds."""
    with media_open(clip.path) as source, film_open(target) as to:
        tracks = _tracks(source)
        copied = {stream.index: to.add_stream_from_template(stream) for stream in tracks}
        zero = start_of(source)
        source.seek(int((first + zero) * av.time_base), backward=True, stream=None)
        began: float | None = None
        over: set[int] = set()
        for packet in source.demux(*tracks):
            if packet.pts is None or packet.dts is None or packet.time_base is None:
                continue
            at = float(packet.pts * packet.time_base) - zero
            if began is None:
                if packet.stream is not tracks[0] or not packet.is_keyframe:
                    continue
                began = max(0.0, at)
            if float(packet.dts * packet.time_base) - zero >= last:
                over.add(packet.stream.index)
                if len(over) == len(tracks):
                    break
            elif at >= began - 0.001:
                _move(packet, copied[packet.stream.index], zero + began, to)
    return began or 0.0


def _tracks(source: InputContainer) -> list[Stream]:
    picture = picture_of(source)
    if picture is None or picture.codec_context.name not in PICTURES:
        raise _not_copied()
    sounds = list(source.streams.audio[:1])
    if any(sound.codec_context.name not in SOUNDS for sound in sounds):
        raise _not_copied()
    return [picture, *sounds]


def _not_copied() -> NodeFailure:
    message = _("This kind of video cannot be copied into an MP4; choose “Exact to the frame”.")
    return NodeFailure(message, code="no-copy")


def _move(packet: Packet[Any], to: Stream, back: float, container: OutputContainer) -> None:
    assert packet.time_base and packet.pts is not None and packet.dts is not None
    shift = round(back / packet.time_base)
    packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
    packet.stream = to
    container.mux(packet)


def copy_with_sound(clip: Clip, target: Path, sound: Tap, seconds: float, tell: Callable[[float], None]) -> None:
    """The pictures as they are, with another sound of this length."""
    with media_open(clip.path) as source, film_open(target) as to:
        stream = picture_of(source)
        assert stream is not None
        copied, zero = to.add_stream_from_template(stream), start_of(source)
        voice = Voice(to, sound)
        for packet in source.demux(stream):
            if packet.pts is None or packet.dts is None or packet.time_base is None:
                continue
            at = float(packet.dts * packet.time_base) - zero
            _move(packet, copied, zero, to)
            voice.until(min(seconds, max(0.0, at)))
            tell(min(1.0, max(0.0, at) / seconds))
        voice.until(seconds)
        voice.end()
        tell(1.0)
