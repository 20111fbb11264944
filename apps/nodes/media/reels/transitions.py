"""From one picture to the next: each answers the frame that is seen when ``share`` of the way is done, 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

from av.video.frame import VideoFrame

from apps.nodes.media.reels.planes import copied, lay, lay_planes, mixed, planes_of

Transition = Callable[[VideoFrame, VideoFrame, float], VideoFrame]
# Where the new picture comes from, as steps of (width, height) from its place.
SIDES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


def crossfade(old: VideoFrame, new: VideoFrame, share: float) -> VideoFrame:
    """Both over each other."""
    return mixed(old, new, share)


def fade_through(colour: VideoFrame) -> Transition:
    """To a colour, and from it to the new picture."""

    def fade(old: VideoFrame, new: VideoFrame, share: float) -> VideoFrame:
        return mixed(old, colour, share * 2) if share < 0.5 else mixed(colour, new, share * 2 - 1)

    return fade


def slide(side: str) -> Transition:
    """The new picture pushes the old one out."""
    across, down = SIDES[side]

    def move(old: VideoFrame, new: VideoFrame, share: float) -> VideoFrame:
        x, y = _even(across * old.width * (1 - share)), _even(down * old.height * (1 - share))
        canvas = copied(old)
        lay(canvas, old, x - across * old.width, y - down * old.height)
        lay(canvas, new, x, y)
        return canvas

    return move


def wipe(side: str) -> Transition:
    """The new picture is uncovered from one side, nothing moves."""
    across, down = SIDES[side]

    def uncover(old: VideoFrame, new: VideoFrame, share: float) -> VideoFrame:
        canvas = copied(old)
        width = _even(new.width * share) if across else new.width
        height = _even(new.height * share) if down else new.height
        x = new.width - width if across > 0 else 0
        y = new.height - height if down > 0 else 0
        if width and height:
            parts = []
            for number, plane in enumerate(planes_of(new)):
                by = 2 if number else 1
                parts.append(plane[y // by : (y + height) // by, x // by : (x + width) // by])
            lay_planes(canvas, tuple(parts), x, y)
        return canvas

    return uncover


def _even(length: float) -> int:
    return round(length / 2) * 2
