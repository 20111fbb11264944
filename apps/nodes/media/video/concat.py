"""Videos one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colours_checker
from apps.nodes.media.reels.declared import (
    CLIPS_MAX,
    COLOUR,
    FIT,
    LIMITS,
    QUALITY,
    length_check,
    rate,
    rgb,
    seconds,
    side,
)
from apps.wording import gettext as _

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from apps.nodes.media.reels.clip import Clip
    from apps.nodes.media.reels.film import Plan
    from apps.nodes.media.reels.sound import Samples, Tap
    from apps.nodes.media.reels.transitions import Transition


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring all to one size and rate; in a transition the end of one and the beginning of the next are seen."""
    from apps.nodes.media.reels.film import Plan, count_of, film_write
    from apps.nodes.media.reels.sound import Tap
    from apps.nodes.media.reels.work import clip_of, teller, workplace

    refs = inputs["videos"]
    if not refs:
        raise NodeFailure(_("There is no video in the list."), code="empty")
    if len(refs) > CLIPS_MAX:
        message = _("There are %(count)s videos; at most %(limit)s can be joined.", count=len(refs), limit=CLIPS_MAX)
        raise NodeFailure(message, code="too-many")
    with ExitStack() as stack, workplace() as folder:
        clips = [stack.enter_context(clip_of(context, ref, picture=True)) for ref in refs]
        size, speed = _shape(clips, params)
        overlap = 0 if params["transition"] == "none" else round(params["seconds"] * speed)
        counts = [count_of(clip.seconds, speed) for clip in clips]
        _check_overlap(clips, counts, overlap, params["seconds"])
        whole = sum(counts) - overlap * (len(clips) - 1)
        length_check(float(whole / speed))
        plan = Plan(size, speed, whole, clips[0].look, params["quality"])
        has_sound = any(clip.has_sound for clip in clips)
        sound = Tap(_heard(clips, counts, overlap, plan), 2) if has_sound else None
        target = folder / "concat.mp4"
        pictures = _seen(clips, counts, overlap, plan, params)
        film_write(target, plan, pictures, sound, teller(context))
        return {"video": context.asset_save(target, "concat.mp4")}


def _shape(clips: Sequence[Clip], params: Mapping[str, Any]) -> tuple[tuple[int, int], Any]:
    from apps.nodes.media.reels.clip import even
    from apps.nodes.media.reels.film import rate_of

    first = clips[0]
    size = even(params["width"] or first.width), even(params["height"] or first.height)
    for number, clip in enumerate(clips, 1):
        if params["fit"] == "refuse" and clip.size != size:
            said = {"number": number, "size": f"{clip.width} × {clip.height}", "wanted": f"{size[0]} × {size[1]}"}
            message = _("Video %(number)s is %(size)s, not %(wanted)s; choose how it should fit.", **said)
            raise NodeFailure(message, code="mixed-sizes")
    return size, rate_of(params["fps"]) if params["fps"] else first.rate


def _check_overlap(clips: Sequence[Clip], counts: Sequence[int], overlap: int, wanted: float) -> None:
    for number, (clip, count) in enumerate(zip(clips, counts, strict=True), 1):
        sides = (number > 1) + (number < len(clips))
        if overlap and count < overlap * sides:
            said = {"number": number, "length": f"{clip.seconds:.2f}", "wanted": f"{wanted:g}"}
            message = _(
                "Video %(number)s lasts %(length)s s, too short for transitions of %(wanted)s s; make them shorter.",
                **said,
            )
            raise NodeFailure(message, code="too-short")


def _transition(plan: Plan, params: Mapping[str, Any]) -> Transition:
    from apps.nodes.media.reels import transitions
    from apps.nodes.media.reels.planes import coloured

    kind = params["transition"]
    if kind == "fade":
        return transitions.fade_through(coloured(plan.size, rgb(params["colour"]), plan.look))
    if kind in ("wipe", "slide"):
        side_of: Transition = getattr(transitions, kind)(params["from"])
        return side_of
    return transitions.crossfade


def _seen(
    clips: Sequence[Clip], counts: Sequence[int], overlap: int, plan: Plan, params: Mapping[str, Any]
) -> Iterator[VideoFrame]:
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.planes import Conform

    fit = "contain" if params["fit"] == "refuse" else params["fit"]
    change = _transition(plan, params)
    ending: Iterator[VideoFrame] = iter(())
    for number, (clip, count) in enumerate(zip(clips, counts, strict=True)):
        conform = Conform(clip, plan.size, fit=fit, look=plan.look)
        shown = map(conform, frames(clip, plan.rate, count=count))
        begin = overlap if number else 0
        for step in range(begin):
            yield change(next(ending), next(shown), (step + 1) / (overlap + 1))
        last = overlap if number < len(clips) - 1 else 0
        for _number in range(count - begin - last):
            yield next(shown)
        ending = shown


def _heard(clips: Sequence[Clip], counts: Sequence[int], overlap: int, plan: Plan) -> Iterator[Samples]:
    """As the pictures, with equal loudness all the way from one sound to the next."""
    from apps.nodes.media.reels.sound import RATE, sound_of

    at = 0  # in frames, so that rounding never adds up
    ending: Tap | None = None
    for number, (clip, count) in enumerate(zip(clips, counts, strict=True)):
        tap = sound_of(clip)
        begin = overlap if number else 0
        last = overlap if number < len(clips) - 1 else 0
        if begin and ending:
            yield from _crossed(ending, tap, _samples(at + begin, plan, RATE) - _samples(at, plan, RATE))
            at += begin
        middle = _samples(at + count - begin - last, plan, RATE) - _samples(at, plan, RATE)
        while middle > 0:
            block = tap.take(min(4096, middle))
            middle -= block.shape[1]
            yield block
        at += count - begin - last
        ending = tap


def _samples(frame: int, plan: Plan, sample_rate: int) -> int:
    return round(frame * sample_rate / plan.rate)


def _crossed(old: Tap, new: Tap, count: int) -> Iterator[Samples]:
    import numpy as np

    for first in range(0, count, 4096):
        size = min(4096, count - first)
        way = (np.arange(first, first + size, dtype=np.float32) + 0.5) / count * np.float32(np.pi / 2)
        yield old.take(size) * np.cos(way) + new.take(size) * np.sin(way)


_PARAMS: dict[str, Any] = {
    "properties": {
        "transition": {
            "type": "string",
            "title": "Transition",
            "enum": ["none", "crossfade", "fade", "wipe", "slide"],
            "x-enum-titles": ["None", "Crossfade", "Fade through a colour", "Wipe", "Slide"],
            "default": "none",
            "x-primary": True,
        },
        "seconds": seconds("Transition length", 1, least=0.04, most=30),
        "colour": COLOUR,
        "from": {
            "type": "string",
            "title": "Comes from",
            "enum": ["left", "right", "top", "bottom"],
            "x-enum-titles": ["Left", "Right", "Top", "Bottom"],
            "default": "right",
        },
        "width": side("Width", 0, "0: as the first video."),
        "height": side("Height", 0, "0: as the first video."),
        "fit": FIT,
        "fps": rate(0, least=0, description="0: as the first video."),
        "quality": QUALITY,
    }
}

NODE = NodeType(
    type="video.concat",
    version=1,
    title="Join videos",
    category="media",
    description="Plays videos one after the other, with transitions, at one size and frame rate.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="combine",
    run=run,
    check=colours_checker(_PARAMS),
    limits=LIMITS,
    inputs=(Port("videos", PortType.VIDEO, "Videos", many=True),),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params=_PARAMS,
)
