"""Writing: H.264 and AAC in an MP4 that browsers play at once, frame by frame, the same bytes each time.

No time of making is written. The encoder's threads are fixed, since its decisions depend on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from apps.nodes.media.reels.clip import PLAIN, THREADS, Clip, Look
from apps.nodes.media.reels.sound import BLOCK, LAYOUTS, RATE, Tap, frame_of

_CRF = {"high": "17", "good": "21", "small": "27"}
_SOUND_RATES = {16_000, 22_050, 24_000, 32_000, 44_100, 48_000}
OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}
# A key frame this often, so that players find any place quickly.
_KEY_S = 2


@dataclass(frozen=True)
class Plan:
    """What is to be written: ``count`` frames of this size and rate."""

    size: tuple[int, int]
    rate: Fraction
    count: int
    look: Look = PLAIN
    quality: str = "good"

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return float(self.count / self.rate)


def count_of(seconds: float, rate: Fraction) -> int:
    """How many frames that is, at least one."""
    return max(1, round(seconds * rate))


def rate_of(value: float) -> Fraction:
    """A frame rate as it is written: 29.97 and the like are what television makes of them."""
    for base in (24, 30, 60, 120):
        if abs(value - base * 1000 / 1001) < 0.006:
            return Fraction(base * 1000, 1001)
    return Fraction(value).limit_denominator(1000)


def sound_shape(clip: Clip) -> tuple[int, int]:
    """The rate and channels to keep of a clip's sound: its own, as far as AAC and two channels go."""
    return (clip.sample_rate if clip.sample_rate in _SOUND_RATES else RATE), min(2, max(1, clip.channels))


def film_open(path: Path) -> OutputContainer:
    """An MP4, opened for writing."""
    return av.open(str(path), "w", format="mp4", options=OPTIONS)


def film_write(
    path: Path, plan: Plan, pictures: Iterator[VideoFrame], sound: Tap | None, tell: Callable[[float], None]
) -> None:
    """Encode; ``sound`` is taken as far as the pictures go. ``tell`` hears how far it is, 0 to 1."""
    with film_open(path) as container:
        picture = _picture_stream(container, plan)
        heard = Voice(container, sound) if sound else None
        for number in range(plan.count):
            frame = next(pictures)
            frame.pts, frame.time_base, frame.pict_type = number, 1 / plan.rate, PictureType.NONE
            container.mux(picture.encode(frame))
            if heard:
                heard.until(float((number + 1) / plan.rate))
            tell((number + 1) / plan.count)
        container.mux(picture.encode(None))
        if heard:
            heard.end()


def _picture_stream(container: OutputContainer, plan: Plan) -> VideoStream:
    options = {"preset": "veryfast", "crf": _CRF[plan.quality], "threads": str(THREADS), "profile": "high"}
    stream = container.add_stream("libx264", rate=plan.rate, options=options)
    stream.width, stream.height = plan.size
    stream.pix_fmt = "yuv420p"
    stream.gop_size = max(1, round(plan.rate * _KEY_S))
    context, look = stream.codec_context, plan.look
    context.color_range, context.colorspace = look.span, look.matrix
    context.color_primaries, context.color_trc = look.primaries, look.transfer
    return stream


class Voice:
    """A track of sound that is written as far as the pictures are."""

    def __init__(self, container: OutputContainer, tap: Tap, codec: str = "aac") -> None:
        self._container, self._tap, self._done = container, tap, 0
        stream = container.add_stream(codec, rate=tap.rate)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._stream.layout = LAYOUTS[tap.channels]
        if codec == "aac":
            self._stream.bit_rate = 96_000 * tap.channels

    def until(self, seconds: float) -> None:
        """Write up to this moment of the result."""
        wanted = round(seconds * self._tap.rate)
        while self._done < wanted:
            block = self._tap.take(min(BLOCK, wanted - self._done))
            frame = frame_of(block, self._tap.rate)
            frame.pts, frame.time_base = self._done, Fraction(1, self._tap.rate)
            self._container.mux(self._stream.encode(frame))
            self._done += block.shape[1]

    def end(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))
