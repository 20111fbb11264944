"""A video faster or slower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import LIMITS, QUALITY, length_check
from apps.wording import gettext as _


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take or hold frames at the video's own rate; the sound keeps its pitch, or goes."""
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.film import Plan, count_of, film_write, sound_shape
    from apps.nodes.media.reels.planes import Conform
    from apps.nodes.media.reels.sound import sound_of, tempo
    from apps.nodes.media.reels.work import clip_of, teller, workplace

    factor = params["factor"]
    with clip_of(context, inputs["video"], picture=True) as clip, workplace() as folder:
        length_check(clip.seconds / factor)
        plan = Plan(clip.size, clip.rate, count_of(clip.seconds / factor, clip.rate), clip.look, params["quality"])
        said = {"old": f"{clip.seconds:.2f}", "new": f"{plan.seconds:.2f}"}
        context.log(_("%(old)s s become %(new)s s.", **said))
        sound = None
        if clip.has_sound and params["sound"] == "keep":
            rate, channels = sound_shape(clip)
            sound = tempo(sound_of(clip, rate=rate, channels=channels), factor, clip.seconds)
        shown = map(Conform(clip), frames(clip, clip.rate / _exact(factor), count=plan.count))
        target = folder / "speed.mp4"
        film_write(target, plan, shown, sound, teller(context))
        return {"video": context.asset_save(target, f"speed-{factor:g}x.mp4")}


def _exact(factor: float) -> Any:
    from fractions import Fraction

    return Fraction(factor).limit_denominator(1000)


NODE = NodeType(
    type="video.speed",
    version=1,
    title="Video speed",
    category="media",
    description="Plays a video faster or slower; voices stay as high as they are.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="gauge",
    run=run,
    limits=LIMITS,
    inputs=(Port("video", PortType.VIDEO, "Video"),),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params={
        "properties": {
            "factor": {
                "type": "number",
                "title": "Speed",
                "minimum": 0.1,
                "maximum": 10,
                "default": 2,
                "x-unit": "×",
                "x-primary": True,
            },
            "sound": {
                "type": "string",
                "title": "Sound",
                "enum": ["keep", "drop"],
                "x-enum-titles": ["Keep the pitch", "No sound"],
                "default": "keep",
            },
            "quality": QUALITY,
        }
    },
)
