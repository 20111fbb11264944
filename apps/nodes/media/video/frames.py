"""Images out of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import IMAGES_MAX, LIMITS
from apps.wording import gettext as _

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.frame import VideoFrame

    from apps.nodes.media.reels.clip import Clip


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep the chosen frames one by one, upright, in their order."""
    from apps.nodes.media.reels.work import clip_of, teller, workplace

    with clip_of(context, inputs["video"], picture=True) as clip, workplace() as folder:
        count, chosen = _chosen(clip, params)
        if count > IMAGES_MAX:
            said = {"count": f"{count:,}", "limit": f"{IMAGES_MAX:,}"}
            message = _("That would be %(count)s images; at most %(limit)s. Take fewer.", **said)
            raise NodeFailure(message, code="too-many")
        tell = teller(context)
        images = []
        for number, frame in enumerate(chosen, 1):
            images.append(_keep(context, clip, frame, folder / f"frame-{number:05}.{params['format']}"))
            tell(number / count)
        tell(1.0)
        return {"images": images}


def _keep(context: NodeContext, clip: Clip, frame: VideoFrame, target: Path) -> Mapping[str, Any]:
    from apps.nodes.media.reels.planes import to_picture

    to_picture(frame, clip.look).save(target, quality=92)
    kept = context.asset_save(target, target.name)
    target.unlink()
    return kept


def _chosen(clip: Clip, params: Mapping[str, Any]) -> tuple[int, Iterator[VideoFrame]]:
    """How many frames, and the frames."""
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.film import count_of
    from apps.nodes.media.reels.planes import Conform

    conform = Conform(clip)
    whole = count_of(clip.seconds, clip.rate)
    pick, number = params["pick"], params["number"]
    if pick == "first":
        return 1, map(conform, frames(clip, clip.rate, count=1))
    if pick == "last":
        return 1, map(conform, _last(clip))
    if pick == "every":
        step = max(1, round(number))
        count = -(-whole // step)
        return count, map(conform, frames(clip, clip.rate / step, count=count))
    if pick == "seconds":
        rate = 1 / Fraction(number).limit_denominator(1000)
        count = max(1, -(-whole * rate.numerator * clip.rate.denominator // (rate.denominator * clip.rate.numerator)))
        return count, map(conform, frames(clip, rate, count=count))
    return _spread(clip, min(whole, max(1, round(number))), whole, conform)


def _last(clip: Clip) -> Iterator[VideoFrame]:
    from collections import deque

    from apps.nodes.media.reels.clip import frames

    yield from deque(frames(clip, clip.rate, start=max(0.0, clip.seconds - 1)), maxlen=1)


def _spread(
    clip: Clip, count: int, whole: int, conform: Callable[[VideoFrame], VideoFrame]
) -> tuple[int, Iterator[VideoFrame]]:
    """So many, from the first frame to the last, as evenly as frames allow."""
    from apps.nodes.media.reels.clip import frames

    wanted = {round(index * (whole - 1) / max(1, count - 1)) for index in range(count)}
    found = enumerate(frames(clip, clip.rate, count=max(wanted) + 1))
    return len(wanted), (conform(frame) for index, frame in found if index in wanted)


NODE = NodeType(
    type="video.frames",
    version=1,
    title="Video to images",
    category="media",
    description="Takes images out of a video: some, all, the first or the last.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="gallery-horizontal",
    run=run,
    limits=LIMITS,
    inputs=(Port("video", PortType.VIDEO, "Video"),),
    outputs=(Port("images", PortType.IMAGE, "Images", many=True),),
    params={
        "properties": {
            "pick": {
                "type": "string",
                "title": "Take",
                "enum": ["count", "every", "seconds", "first", "last"],
                "x-enum-titles": [
                    "So many, evenly spread",
                    "Every so many frames",
                    "Every so many seconds",
                    "The first",
                    "The last",
                ],
                "default": "count",
                "x-primary": True,
            },
            "number": {
                "type": "number",
                "title": "How many",
                "description": "Images, frames or seconds.",
                "minimum": 0.01,
                "maximum": 100_000,
                "default": 8,
            },
            "format": {
                "type": "string",
                "title": "Format",
                "enum": ["png", "jpg"],
                "x-enum-titles": ["PNG", "JPEG"],
                "default": "png",
            },
        }
    },
)
