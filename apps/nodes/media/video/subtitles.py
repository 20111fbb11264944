"""Subtitles burnt into a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colours_checker
from apps.nodes.media.lettering import Block, Lettering, font_schema, text_check
from apps.nodes.media.reels.captions import TEXT_MAX, Cue, cues_of
from apps.nodes.media.reels.declared import COLOUR, LIMITS, QUALITY, length_check, percent, rgb
from apps.wording import gettext as _

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from apps.nodes.media.reels.film import Plan
    from apps.nodes.media.reels.planes import Patch


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Draw each text once, and lay it onto the frames it belongs to."""
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.film import Plan, count_of, film_write, sound_shape
    from apps.nodes.media.reels.planes import Conform
    from apps.nodes.media.reels.sound import sound_of
    from apps.nodes.media.reels.work import clip_of, teller, workplace

    cues = cues_of(_text(context, inputs, params))
    with clip_of(context, inputs["video"], picture=True) as clip, workplace() as folder:
        length_check(clip.seconds)
        late = sum(cue.start >= clip.seconds for cue in cues)
        if late:
            context.log(_("%(count)s subtitles come after the end of the video.", count=late))
        plan = Plan(clip.size, clip.rate, count_of(clip.seconds, clip.rate), clip.look, params["quality"])
        lettering = _lettering(plan, params)
        for cue in cues:  # before hours of encoding, not in the midst of them
            text_check(params["font"], _lines(cue.text, lettering, plan))
        shown = map(Conform(clip), frames(clip, clip.rate, count=plan.count))
        rate, channels = sound_shape(clip)
        sound = sound_of(clip, rate=rate, channels=channels) if clip.has_sound else None
        target = folder / "subtitles.mp4"
        film_write(target, plan, _written(shown, cues, plan, params), sound, teller(context))
        return {"video": context.asset_save(target, "subtitles.mp4")}


def _text(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    if inputs.get("file") is None:
        given = inputs.get("text")
        text = params["subtitles"] if given is None else given
        return str(text)
    with context.asset_open(inputs["file"]) as path:
        try:
            return path.read_bytes()[: TEXT_MAX * 4 + 4].decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise NodeFailure(_("The subtitles are no text in UTF-8."), code="bad-subtitles") from error


def _written(
    shown: Iterator[VideoFrame], cues: Sequence[Cue], plan: Plan, params: Mapping[str, Any]
) -> Iterator[VideoFrame]:
    from apps.nodes.media.reels.planes import copied

    waiting = list(reversed(cues))
    active: list[Cue] = []
    said, patch = "", None
    for number, frame in enumerate(shown):
        # The middle of a frame decides, so that rounding of its time does not.
        now = (number + 0.5) / float(plan.rate)
        while waiting and waiting[-1].start <= now:
            active.append(waiting.pop())
        active = [cue for cue in active if now < cue.end]
        text = "\n".join(cue.text for cue in active)
        if text != said:
            said, patch = text, _patch(text, plan, params) if text else None
        if patch:
            fresh = copied(frame)
            patch.laid(fresh, *_place(plan, patch, params))
            yield fresh
        else:
            yield frame


def _lettering(plan: Plan, params: Mapping[str, Any]) -> Lettering:
    size = max(6, round(plan.size[1] * params["size"] / 100))
    ink, outline = (*rgb(params["colour"]), 255), (*rgb(params["outline"]), 255)
    return Lettering(params["font"], size, ink, max(1, round(size / 14)), outline, align="center")


def _lines(text: str, lettering: Lettering, plan: Plan) -> list[str]:
    return lettering.wrapped(text, round(plan.size[0] * 0.9))


def _patch(text: str, plan: Plan, params: Mapping[str, Any]) -> Patch:
    from apps.nodes.media.reels.planes import patch_of

    lettering = _lettering(plan, params)
    drawn = Block(lettering, tuple(_lines(text, lettering, plan))).drawn()
    return patch_of(drawn, plan.look, plan.size[1])


def _place(plan: Plan, patch: Patch, params: Mapping[str, Any]) -> tuple[int, int]:
    width, height = plan.size
    edge = round(height * params["margin"] / 100)
    free = height - patch.size[1]
    y = {"bottom": free - edge, "middle": free // 2, "top": edge}[params["position"]]
    return (width - patch.size[0]) // 2, y


_PARAMS: dict[str, Any] = {
    "properties": {
        "subtitles": {
            "type": "string",
            "title": "Subtitles",
            "description": "SRT, WebVTT or ASS; not needed when something is connected.",
            "format": "multiline",
            "maxLength": 200_000,
            "default": "",
            "x-primary": True,
        },
        "font": font_schema(),
        "size": {**percent("Size", 6, least=1, most=30), "description": "Of the video's height."},
        "position": {
            "type": "string",
            "title": "Position",
            "enum": ["bottom", "middle", "top"],
            "x-enum-titles": ["Bottom", "Middle", "Top"],
            "default": "bottom",
        },
        "margin": {**percent("Margin", 5, most=45), "description": "Of the video's height."},
        "colour": {**COLOUR, "default": "#ffffff"},
        "outline": {**COLOUR, "title": "Outline"},
        "quality": QUALITY,
    }
}
_colours_check = colours_checker(_PARAMS)


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was typed must be readable before a run."""
    text = params["subtitles"]
    if isinstance(text, str) and text.strip():
        try:
            cues_of(text)
        except NodeFailure as failure:
            return [("subtitles", str(failure))]
    return _colours_check(params)


NODE = NodeType(
    type="video.subtitles",
    version=1,
    title="Subtitles",
    category="media",
    description="Burns subtitles into a video: SRT, WebVTT or ASS, as text or as a file.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="captions",
    run=run,
    check=check,
    limits=LIMITS,
    inputs=(
        Port("video", PortType.VIDEO, "Video"),
        Port("text", PortType.TEXT, "Subtitles", required=False),
        Port("file", PortType.ASSET, "Subtitle file", required=False),
    ),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params=_PARAMS,
)
