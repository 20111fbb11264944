"""A camera that moves over an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import cos, pi
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import LIMITS, QUALITY, percent, rate, seconds, side

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL.Image import Image

    from apps.nodes.media.reels.film import Plan

Box = tuple[float, float, float, float]
EASINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda way: way,
    "in": lambda way: way * way,
    "out": lambda way: 1 - (1 - way) ** 2,
    "in-out": lambda way: (1 - cos(pi * way)) / 2,
}


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Cut each frame out of the image by parts of pixels, so that slow moves do not tremble."""
    from apps.nodes.media.pictures import picture_open
    from apps.nodes.media.reels.clip import even
    from apps.nodes.media.reels.film import Plan, count_of, film_write, rate_of
    from apps.nodes.media.reels.work import teller, workplace

    with workplace() as folder:
        image = picture_open(context, inputs["image"])
        size = even(params["width"] or 1920), even(params["height"] or 1080)
        speed = rate_of(params["fps"])
        plan = Plan(size, speed, count_of(params["seconds"], speed), quality=params["quality"])
        target = folder / "ken-burns.mp4"
        film_write(target, plan, _moved(image, plan, params), None, teller(context))
        return {"video": context.asset_save(target, "ken-burns.mp4")}


def _moved(image: Image, plan: Plan, params: Mapping[str, Any]) -> Iterator[VideoFrame]:
    from PIL import Image as Images

    from apps.nodes.media.reels.planes import from_picture

    opaque = Images.new("RGB", image.size, "black")
    opaque.paste(image, (0, 0), image if image.mode == "RGBA" else None)
    ends = [box_of(opaque.size, plan.size, *(params[f"{end}_{name}"] for name in ("zoom", "x", "y"))) for end in ENDS]
    # No frame shows the image smaller than this, so more pixels would only cost time.
    shrink = min(box[2] - box[0] for box in ends) / plan.size[0]
    if shrink > 1.5:
        size = round(opaque.width / shrink), round(opaque.height / shrink)
        scale = (size[0] / opaque.width, size[1] / opaque.height) * 2
        opaque = opaque.resize(size, Images.Resampling.LANCZOS)
        ends = [_box(value * factor for value, factor in zip(box, scale, strict=True)) for box in ends]
    ease = EASINGS[params["easing"]]
    for number in range(plan.count):
        box = between(ends[0], ends[1], ease(number / max(1, plan.count - 1)))
        limits = (0.0, 0.0, float(opaque.width), float(opaque.height))
        inside = _box(min(max(value, 0.0), limits[2 + at % 2]) for at, value in enumerate(box))
        yield from_picture(opaque.resize(plan.size, Images.Resampling.BICUBIC, box=inside), plan.look)


ENDS = ("from", "to")


def _box(values: Any) -> Box:
    left, top, right, bottom = values
    return left, top, right, bottom


def box_of(image: tuple[int, int], wanted: tuple[int, int], zoom: float, x: float, y: float) -> Box:
    """The part of the image that is seen: the largest of the wanted shape by ``zoom``, its middle at ``x``, ``y`` %.

    It is moved inwards where it would reach beyond the image.
    """
    factor = min(image[0] / wanted[0], image[1] / wanted[1]) / zoom
    width, height = wanted[0] * factor, wanted[1] * factor
    left = min(max(image[0] * x / 100 - width / 2, 0.0), image[0] - width)
    top = min(max(image[1] * y / 100 - height / 2, 0.0), image[1] - height)
    return left, top, left + width, top + height


def between(first: Box, last: Box, way: float) -> Box:
    """The box after so much of the way. It grows by the same factor in the same time, which looks even."""
    old, new = first[2] - first[0], last[2] - last[0]
    grows = abs(new - old) > 1e-6 * old
    share = (old * (new / old) ** way - old) / (new - old) if grows else way
    return _box(a + (b - a) * share for a, b in zip(first, last, strict=True))


def _zoom(title: str, default: float) -> dict[str, Any]:
    return {"type": "number", "title": title, "minimum": 1, "maximum": 20, "default": default, "x-unit": "×"}


NODE = NodeType(
    type="video.ken_burns",
    version=1,
    title="Camera move",
    category="media",
    description="Moves and zooms over an image, as a camera would: a video of a still.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="move-diagonal",
    run=run,
    limits=LIMITS,
    inputs=(Port("image", PortType.IMAGE, "Image"),),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params={
        "properties": {
            "seconds": seconds("Length", 5, least=0.1, most=300, **{"x-primary": True}),
            "from_zoom": _zoom("Zoom at the start", 1),
            "from_x": percent("Middle at the start, across", 50),
            "from_y": percent("Middle at the start, down", 50),
            "to_zoom": _zoom("Zoom at the end", 1.3),
            "to_x": percent("Middle at the end, across", 50),
            "to_y": percent("Middle at the end, down", 50),
            "easing": {
                "type": "string",
                "title": "Pace",
                "enum": list(EASINGS),
                "x-enum-titles": ["Even", "Begins slowly", "Ends slowly", "Begins and ends slowly"],
                "default": "in-out",
            },
            "width": side("Width", 1920),
            "height": side("Height", 1080),
            "fps": rate(25, least=1),
            "quality": QUALITY,
        }
    },
)
