"""A file of pictures and sound, read piece by piece: what is in it, and its frames at an even rate.

A file is opened once for its pictures and once for its sound, so neither has to wait in memory for the other.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from apps.engine.node_types import NodeFailure
from apps.wording import gettext as _

# What is neither is no media, whatever it is called; local files only, so a playlist in disguise reaches nothing.
_OPTIONS = {"format_whitelist": "mov,matroska,mp3,wav,flac,ogg", "protocol_whitelist": "file"}
THREADS = 2
FPS_MAX = 120
# So many pixels has a 4K frame of cinema; larger ones would not fit into the memory of a step.
PIXELS_MAX = 4096 * 2304
_ANY_RATE = Fraction(25)


@dataclass(frozen=True)
class Look:
    """How numbers of a picture are to be seen: the four figures of ITU-T H.273; range 1 is limited, 2 is full."""

    matrix: int = 1
    span: int = 1
    primaries: int = 1
    transfer: int = 1

    def matrix_for(self, height: int) -> int:
        """The matrix by the scaler's numbers; where a file says none, what players assume."""
        known = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
        return known.get(self.matrix, 5 if height < 720 else 1)


PLAIN = Look()


@dataclass(frozen=True)
class Clip:
    """What is in a file. ``width`` and ``height`` as seen and even; ``seconds`` of the longer of picture and sound."""

    path: Path
    seconds: float
    width: int = 0
    height: int = 0
    rate: Fraction = _ANY_RATE
    turn: int = 0
    look: Look = PLAIN
    sample_rate: int = 0
    channels: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def has_picture(self) -> bool:
        """Whether there is a video track (a cover picture is none)."""
        return self.width > 0

    @property
    def has_sound(self) -> bool:
        """Whether there is a track of sound."""
        return self.sample_rate > 0


def media_open(path: Path) -> InputContainer:
    """The file, opened for reading."""
    return av.open(str(path), options=_OPTIONS, metadata_errors="replace")


def clip_open(path: Path) -> Clip:
    """Look into a file. Decodes one frame, which proves that it can be read and tells how it is turned."""
    with media_open(path) as container:
        sound = container.streams.audio[0] if container.streams.audio else None
        clip = Clip(
            path,
            _seconds(path, container),
            sample_rate=sound.rate if sound else 0,
            channels=sound.channels if sound else 0,
        )
        picture = picture_of(container)
        return _seen(clip, container, picture) if picture else clip


def picture_of(container: InputContainer) -> VideoStream | None:
    """The first track of moving pictures."""
    moving = (one for one in container.streams.video if not one.disposition & Disposition.attached_pic)
    return next(moving, None)


def _seen(clip: Clip, container: InputContainer, stream: VideoStream) -> Clip:
    frame = next(container.decode(stream), None)
    if frame is None:
        raise NodeFailure(_("The video has no picture that can be read."), code="bad-media")
    if frame.width * frame.height > PIXELS_MAX:
        size = f"{frame.width} × {frame.height}"
        message = _("The video is %(size)s; at most 4096 × 2304 can be worked on. Make it smaller first.", size=size)
        raise NodeFailure(message, code="too-large")
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = round(frame.width * aspect), frame.height
    turn = round(frame.rotation / 90) % 4
    if turn % 2:
        width, height = height, width
    look = Look(frame.colorspace, _span(frame), frame.color_primaries, frame.color_trc)
    return Clip(
        clip.path,
        clip.seconds,
        even(width),
        even(height),
        _rate(stream),
        turn,
        look,
        clip.sample_rate,
        clip.channels,
    )


def even(length: int) -> int:
    """The even number at or below, at least 2: half as many colours as pixels must be a whole number."""
    return max(2, length - length % 2)


def _span(frame: VideoFrame) -> int:
    return 2 if frame.color_range == 2 or frame.format.name.startswith("yuvj") else 1


def _rate(stream: VideoStream) -> Fraction:
    """Frames per second. A track without an even rate gets its finest within reason, so that no frame is lost."""
    found = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate and 0 < rate <= FPS_MAX]
    if not found:
        return _ANY_RATE
    rate = max(found) if max(found) <= 2 * min(found) else found[0]
    return rate.limit_denominator(1001)


def _seconds(path: Path, container: InputContainer) -> float:
    if container.duration:
        return float(container.duration / av.time_base)
    with media_open(path) as walked:  # written as it was recorded: its length stands nowhere
        ends = [
            float((packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in walked.demux()
            if packet.pts is not None and packet.time_base
        ]
    return max(ends, default=0.0)


def start_of(container: InputContainer) -> float:
    """The time at which the file's own clock begins, seconds."""
    return (container.start_time or 0) / av.time_base if container.start_time is not None else 0.0


def frames(clip: Clip, rate: Fraction, *, start: float = 0.0, count: int | None = None) -> Iterator[VideoFrame]:
    """``count`` frames (None: to the end) as they are at ``start + k / rate``, each time the nearest one.

    A frame may come several times: it is not to be changed. The last one is held when the pictures end too early.
    """
    given, shown = 0, None
    # Clocks are inexact: a frame counts as there half a frame before its time, of the faster of both rates.
    early = 0.5 / float(max(rate, clip.rate))
    with closing(_timed(clip, start)) as found:
        for at, frame in found:
            index = ceil((at - start - early) * float(rate) - 1e-6)
            while shown is not None and given < index and (count is None or given < count):
                yield shown
                given += 1
            if count is not None and given >= count:
                return
            shown = frame
    whole = given + 1 if count is None else count
    while shown is not None and given < whole:
        yield shown
        given += 1


def _timed(clip: Clip, start: float) -> Generator[tuple[float, VideoFrame]]:
    """Frames with their times, from the key frame before ``start``."""
    step = 1 / float(clip.rate)
    with media_open(clip.path) as container:
        stream = picture_of(container)
        if stream is None:
            return
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        zero = start_of(container)
        if start > 0:
            container.seek(int((start + zero - step) * av.time_base), backward=True)
        expected = 0.0
        for frame in container.decode(stream):
            at = frame.time - zero if frame.time is not None else expected
            expected = at + step
            yield at, frame
