"""Pictures as brightness and colour apart (yuv420p), changed in place: what is drawn, mixed and moved lies here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from apps.nodes.media.reels.clip import Clip, Look, even

Plane = npt.NDArray[np.uint8]
Size = tuple[int, int]
FORMAT = "yuv420p"
_SCALED = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


def planes_of(frame: VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Brightness and the two colours of a frame, which change when these do."""
    found = []
    for plane in frame.planes[:3]:
        whole: Plane = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        found.append(whole[: plane.height, : plane.width])
    return found[0], found[1], found[2]


def copied(frame: VideoFrame) -> VideoFrame:
    """The same picture as a frame of its own, which may be changed."""
    fresh = VideoFrame(frame.width, frame.height, FORMAT)
    for to, source in zip(planes_of(fresh), planes_of(frame), strict=True):
        to[:] = source
    return fresh


def coloured(size: Size, colour: tuple[int, int, int], look: Look) -> VideoFrame:
    """A frame of one colour: red, green, blue."""
    small = from_picture(Image.new("RGB", (16, 16), colour), look, size[1])
    frame = VideoFrame(*size, FORMAT)
    for to, source in zip(planes_of(frame), planes_of(small), strict=True):
        to[:] = source[4, 4]
    return frame


def from_picture(image: Image.Image, look: Look, height: int = 0) -> VideoFrame:
    """An RGB picture of even size in the numbers of ``look``; ``height`` of the video it is for."""
    return VideoReformatter().reformat(
        VideoFrame.from_ndarray(np.asarray(image.convert("RGB"))),
        format=FORMAT,
        dst_colorspace=look.matrix_for(height or image.height),
        dst_color_range=look.span,
        interpolation=_SCALED,
    )


def to_picture(frame: VideoFrame, look: Look) -> Image.Image:
    """A frame as an RGB picture."""
    shown = VideoReformatter().reformat(
        frame,
        format="rgb24",
        src_colorspace=look.matrix_for(frame.height),
        src_color_range=look.span,
        dst_color_range=2,
        interpolation=_SCALED,
    )
    image: Image.Image = Image.fromarray(shown.to_ndarray())
    return image


class Conform:
    """Frames of one clip upright, in another size and in the numbers of another look."""

    def __init__(self, clip: Clip, size: Size | None = None, *, fit: str = "contain", look: Look | None = None) -> None:
        self._clip, self._size, self._look = clip, size or clip.size, look or clip.look
        self._inner = inner_size(clip.size, self._size, fit)
        self._reformatter = VideoReformatter()
        self._upright: Graph | None = None
        self._last: tuple[VideoFrame, VideoFrame] | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The frame as wanted. What was asked for last is not done again."""
        if self._last is None or self._last[0] is not frame:
            self._last = frame, self._conformed(frame)
        return self._last[1]

    def _conformed(self, frame: VideoFrame) -> VideoFrame:
        turned = self._turned(frame) if self._clip.turn else frame
        scaled = self._reformatter.reformat(
            turned,
            width=self._inner[0],
            height=self._inner[1],
            format=FORMAT,
            src_colorspace=self._clip.look.matrix_for(frame.height),
            dst_colorspace=self._look.matrix_for(self._size[1]),
            src_color_range=self._clip.look.span,
            dst_color_range=self._look.span,
            interpolation=_SCALED,
            threads=1,
        )
        return scaled if self._inner == self._size else _placed(scaled, self._size, self._look)

    def _turned(self, frame: VideoFrame) -> VideoFrame:
        """The display matrix says how far a frame is to be turned against the clock."""
        if self._upright is None:
            self._upright = Graph()
            self._upright.threads = 1
            source = self._upright.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
            turns = {1: ["cclock"], 2: ["clock", "clock"], 3: ["clock"]}[self._clip.turn]
            chain = [source, *(self._upright.add("transpose", turn) for turn in turns), self._upright.add("buffersink")]
            self._upright.link_nodes(*chain).configure()
        self._upright.vpush(frame)
        return self._upright.vpull()


def inner_size(size: Size, wanted: Size, fit: str) -> Size:
    """How large a picture is shown in a frame: inside it (``contain``), beyond its edges (``cover``), or distorted."""
    if fit == "stretch" or size == wanted:
        return wanted
    factors = (wanted[0] / size[0], wanted[1] / size[1])
    factor = min(factors) if fit == "contain" else max(factors)
    found = []
    for length, whole in zip(size, wanted, strict=True):
        scaled = even(round(length * factor))
        found.append(whole if abs(scaled - whole) <= 2 else scaled)
    return found[0], found[1]


def _placed(frame: VideoFrame, size: Size, look: Look) -> VideoFrame:
    """In the middle of a black frame; what is larger loses its edges."""
    canvas = coloured(size, (0, 0, 0), look)
    lay(canvas, frame, (size[0] - frame.width) // 2, (size[1] - frame.height) // 2)
    return canvas


def lay(canvas: VideoFrame, frame: VideoFrame, x: int, y: int) -> None:
    """Put a frame onto another, which is changed. The place is rounded to even pixels and may lie outside."""
    lay_planes(canvas, planes_of(frame), x, y)


def lay_planes(canvas: VideoFrame, what: tuple[Plane, ...], x: int, y: int, alphas: tuple[Any, ...] = ()) -> None:
    """Put planes onto a frame, mixed by ``alphas`` (0 to 256 for each pixel or for all) where they are given."""
    for number, (to, source) in enumerate(zip(planes_of(canvas), what, strict=True)):
        part = 2 if number else 1
        rows = _overlap(y // 2 * 2 // part, source.shape[0], to.shape[0])
        columns = _overlap(x // 2 * 2 // part, source.shape[1], to.shape[1])
        if rows is None or columns is None:
            continue
        place = to[rows[0], columns[0]]
        new = source[rows[1], columns[1]]
        if not alphas:
            place[:] = new
            continue
        alpha = alphas[number]
        share = alpha[rows[1], columns[1]] if isinstance(alpha, np.ndarray) else alpha
        place[:] = _mixed(place, new, share)


def _overlap(at: int, length: int, whole: int) -> tuple[slice, slice] | None:
    """Which part of the whole is covered, and by which part of what covers it."""
    first, last = max(0, at), min(whole, at + length)
    return (slice(first, last), slice(first - at, last - at)) if first < last else None


def _mixed(old: Plane, new: Plane, share: Any) -> Plane:
    """So many parts of 256 of the new; exact at both ends."""
    weight = np.asarray(share, np.int32)
    mixed: Plane = ((old * (256 - weight) + new * weight + 128) >> 8).astype(np.uint8)
    return mixed


def mixed(old: VideoFrame, new: VideoFrame, share: float) -> VideoFrame:
    """Both pictures over each other; ``share`` of the new one, 0 to 1."""
    fresh = VideoFrame(old.width, old.height, FORMAT)
    weight = round(share * 256)
    for to, one, other in zip(planes_of(fresh), planes_of(old), planes_of(new), strict=True):
        to[:] = _mixed(one, other, weight)
    return fresh


@dataclass(frozen=True)
class Patch:
    """A picture with transparency in the numbers of a look, ready to be laid onto many frames."""

    planes: tuple[Plane, Plane, Plane]
    alphas: tuple[Any, ...]
    size: Size

    def laid(self, canvas: VideoFrame, x: int, y: int) -> None:
        """Lay it onto a frame, which is changed."""
        lay_planes(canvas, self.planes, x, y, self.alphas)


def patch_of(image: Image.Image, look: Look, height: int, opacity: float = 1.0) -> Patch:
    """Prepare an RGBA picture, made even by transparent edges."""
    size = (image.width + image.width % 2, image.height + image.height % 2)
    whole = Image.new("RGBA", size, (0, 0, 0, 0))
    whole.paste(image, (0, 0))
    alpha = np.asarray(whole.getchannel("A"), np.float32) * (opacity * 256 / 255)
    quarter = alpha.reshape(size[1] // 2, 2, size[0] // 2, 2).mean(axis=(1, 3))
    y, u, v = planes_of(from_picture(whole.convert("RGB"), look, height))
    bright, tint = np.rint(alpha).astype(np.int32), np.rint(quarter).astype(np.int32)
    return Patch((y.copy(), u.copy(), v.copy()), (bright, tint, tint), size)
