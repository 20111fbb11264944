"""A piece of a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import LIMITS, LONGEST_SOUND_S, QUALITY, end_check, length_check, seconds
from apps.wording import gettext as _

if TYPE_CHECKING:
    from apps.nodes.media.reels.clip import Clip


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Encode anew from the exact frame, or copy from the key frame before it."""
    from apps.nodes.media.reels.work import clip_of, workplace

    with clip_of(context, inputs["video"], picture=True) as clip, workplace() as folder:
        first, last = span(clip.seconds, params)
        target = folder / "trim.mp4"
        if params["method"] == "copy":
            from apps.nodes.media.reels.copying import copy_span

            began = copy_span(clip, target, first, last)
            context.log(_("Begins at the key frame at %(at)s s.", at=f"{began:.3f}"))
            context.progress(1.0)
        else:
            length_check(last - first)
            _encode(context, clip, target, (first, last), params["quality"])
        return {"video": context.asset_save(target, "trim.mp4")}


def span(length: float, params: Mapping[str, Any]) -> tuple[float, float]:
    """Start and end in seconds; NodeFailure when nothing lies between them."""
    first = params["start"]
    last = first + params["length"] if params["length"] else params["end"] or length
    if last <= first and last != length:
        raise NodeFailure(_("The end must come after the start."), code="bad-span")
    if first >= length:
        said = {"start": f"{first:g}", "length": f"{length:.2f}"}
        message = _("The start, %(start)s s, lies behind the end of the video, which is %(length)s s long.", **said)
        raise NodeFailure(message, code="bad-span")
    return first, min(last, length)


def _encode(context: NodeContext, clip: Clip, target: Path, part: tuple[float, float], quality: str) -> None:
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.film import Plan, count_of, film_write, sound_shape
    from apps.nodes.media.reels.planes import Conform
    from apps.nodes.media.reels.sound import sound_of
    from apps.nodes.media.reels.work import teller

    first, last = part
    plan = Plan(clip.size, clip.rate, count_of(last - first, clip.rate), clip.look, quality)
    rate, channels = sound_shape(clip)
    sound = sound_of(clip, rate=rate, channels=channels, start=first) if clip.has_sound else None
    shown = map(Conform(clip), frames(clip, clip.rate, start=first, count=plan.count))
    film_write(target, plan, shown, sound, teller(context))


NODE = NodeType(
    type="video.trim",
    version=1,
    title="Trim video",
    category="media",
    description="Cuts a piece out of a video, exact to the frame, or fast at key frames.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="scissors",
    run=run,
    check=end_check,
    limits=LIMITS,
    inputs=(Port("video", PortType.VIDEO, "Video"),),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params={
        "properties": {
            "start": seconds("Start", 0, most=LONGEST_SOUND_S, **{"x-primary": True}),
            "end": seconds("End", 0, most=LONGEST_SOUND_S, description="0: the end of the video."),
            "length": seconds("Length", 0, most=LONGEST_SOUND_S, description="Instead of the end, when it is not 0."),
            "method": {
                "type": "string",
                "title": "Method",
                "enum": ["exact", "copy"],
                "x-enum-titles": ["Exact to the frame", "Fast, at key frames"],
                "default": "exact",
            },
            "quality": QUALITY,
        }
    },
)
