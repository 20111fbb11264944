"""An image or a video over a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import LIMITS, LONGEST_SOUND_S, QUALITY, end_check, length_check, percent, seconds
from apps.wording import gettext as _

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from apps.nodes.media.reels.clip import Clip

    Lay = Callable[[VideoFrame, int], None]

PLACES = ("top-left", "top", "top-right", "left", "centre", "right", "bottom-left", "bottom", "bottom-right")
_PLACE_TITLES = (
    "Top left", "Top", "Top right", "Left", "Centre", "Right", "Bottom left", "Bottom", "Bottom right",
)  # fmt: skip


def place(whole: tuple[int, int], size: tuple[int, int], where: str, margin: float) -> tuple[int, int]:
    """Upper left corner of what stands ``where``, with a margin in percent of the shorter side."""
    edge = round(min(whole) * margin / 100)
    row, column = divmod(PLACES.index(where), 3)
    x = (edge, (whole[0] - size[0]) // 2, whole[0] - size[0] - edge)[column]
    y = (edge, (whole[1] - size[1]) // 2, whole[1] - size[1] - edge)[row]
    return x, y


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lay it over each frame from start to end; the video's own sound stays."""
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.film import Plan, count_of, film_write, sound_shape
    from apps.nodes.media.reels.planes import Conform
    from apps.nodes.media.reels.sound import sound_of
    from apps.nodes.media.reels.work import clip_of, teller, workplace

    with clip_of(context, inputs["video"], picture=True) as clip, workplace() as folder, ExitStack() as stack:
        length_check(clip.seconds)
        if params["start"] >= clip.seconds:
            said = {"start": f"{params['start']:g}", "length": f"{clip.seconds:.2f}"}
            message = _("The start, %(start)s s, lies behind the end of the video, which is %(length)s s long.", **said)
            raise NodeFailure(message, code="bad-span")
        plan = Plan(clip.size, clip.rate, count_of(clip.seconds, clip.rate), clip.look, params["quality"])
        first = round(params["start"] * clip.rate)
        last = round(params["end"] * clip.rate) if params["end"] else plan.count
        lay = _layer(context, stack, inputs["over"], clip, params)
        shown = map(Conform(clip), frames(clip, clip.rate, count=plan.count))
        rate, channels = sound_shape(clip)
        sound = sound_of(clip, rate=rate, channels=channels) if clip.has_sound else None
        target = folder / "overlay.mp4"
        film_write(target, plan, _laid(shown, lay, first, last), sound, teller(context))
        return {"video": context.asset_save(target, "overlay.mp4")}


def _laid(shown: Iterator[VideoFrame], lay: Lay, first: int, last: int) -> Iterator[VideoFrame]:
    from apps.nodes.media.reels.planes import copied

    for number, frame in enumerate(shown):
        if first <= number < last:
            fresh = copied(frame)
            lay(fresh, number - first)
            yield fresh
        else:
            yield frame


def _layer(
    context: NodeContext, stack: ExitStack, ref: Mapping[str, Any], clip: Clip, params: Mapping[str, Any]
) -> Lay:
    """What lays the overlay onto a frame, by the number of the frame since it came."""
    from apps.nodes.media.pictures import picture_open
    from apps.nodes.media.reels.work import clip_of, image_is

    with context.asset_open(ref) as path:
        is_image = image_is(path)
    if is_image:
        return _image_layer(picture_open(context, ref), clip, params)
    return _video_layer(stack.enter_context(clip_of(context, ref, picture=True)), clip, params)


def _scaled(size: tuple[int, int], clip: Clip, params: Mapping[str, Any]) -> tuple[int, int]:
    from apps.nodes.media.reels.clip import even

    width = clip.width * params["scale"] / 100
    height = width * size[1] / size[0]
    return min(8192, even(round(width))), min(8192, even(round(height)))


def _image_layer(image: Any, clip: Clip, params: Mapping[str, Any]) -> Lay:
    from PIL import Image

    from apps.nodes.media.reels.planes import patch_of

    size = _scaled(image.size, clip, params)
    small = image.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    patch = patch_of(small, clip.look, clip.height, params["opacity"] / 100)
    x, y = place(clip.size, size, params["position"], params["margin"])
    return lambda frame, _number: patch.laid(frame, x, y)


def _video_layer(over: Clip, clip: Clip, params: Mapping[str, Any]) -> Lay:
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.film import count_of
    from apps.nodes.media.reels.planes import Conform, lay_planes, planes_of

    size = _scaled(over.size, clip, params)
    conform = Conform(over, size, fit="stretch", look=clip.look)
    count = count_of(over.seconds, clip.rate)
    x, y = place(clip.size, size, params["position"], params["margin"])
    weight = round(params["opacity"] / 100 * 256)
    alphas = () if weight == 256 else (weight,) * 3
    found: Iterator[VideoFrame] = iter(())

    def lay(frame: VideoFrame, number: int) -> None:
        nonlocal found
        if number % count == 0 and (number == 0 or params["loop"]):
            found = frames(over, clip.rate, count=count)
        shown = next(found, None)
        if shown is not None:
            lay_planes(frame, planes_of(conform(shown)), x, y, alphas)

    return lay


NODE = NodeType(
    type="video.overlay",
    version=1,
    title="Overlay on video",
    category="media",
    description="Lays an image or a second video over a video, for all of it or a while.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="picture-in-picture-2",
    run=run,
    check=end_check,
    limits=LIMITS,
    inputs=(Port("video", PortType.VIDEO, "Video"), Port("over", PortType.ASSET, "Overlay")),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params={
        "properties": {
            "position": {
                "type": "string",
                "title": "Position",
                "enum": list(PLACES),
                "x-enum-titles": list(_PLACE_TITLES),
                "default": "bottom-right",
                "x-primary": True,
            },
            "scale": {**percent("Width", 25, least=1, most=200), "description": "Of the video's width."},
            "opacity": percent("Opacity", 100),
            "margin": {**percent("Margin", 3, most=50), "description": "Of the video's shorter side."},
            "start": seconds("Start", 0, most=LONGEST_SOUND_S),
            "end": seconds("End", 0, most=LONGEST_SOUND_S, description="0: the end of the video."),
            "loop": {
                "type": "boolean",
                "title": "Repeat",
                "description": "A video that is over begins again.",
                "default": False,
            },
            "quality": QUALITY,
        }
    },
)
