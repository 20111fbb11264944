"""Images one after the other, as a GIF or WebP that moves."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import Colour, colour, colour_schema, colours_checker
from apps.nodes.media.pictures import picture_open, sides_check, too_many
from apps.nodes.media.places import fitted, laid, pixels_schema, placed
from apps.wording import gettext as _

IMAGES_MAX = 600
# All frames together: they are in memory at once, four bytes a pixel.
PIXELS_MAX = 150_000_000
_SHORTEST_MS, _LONGEST_MS = 20, 60_000


def _frame(image: Image.Image, size: tuple[int, int], fit: str, background: Colour) -> Image.Image:
    shown = fitted(image, size, fit)
    frame = Image.new("RGBA", size, background)
    laid(frame, shown.convert("RGBA"), placed(size, shown.size, "center"))
    return frame if background[3] < 255 else frame.convert("RGB")


def _few_coloured(frame: Image.Image) -> Image.Image:
    """256 colours chosen for this frame alone. A GIF knows transparent or not, nothing between."""
    if frame.mode == "RGB":
        return frame.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    frame.putalpha(frame.getchannel("A").point([255 * (shade >= 128) for shade in range(256)]))
    return frame  # Pillow chooses the colours, and knows which of them is transparent


def _say_transparent(path: Path) -> None:
    """Set the flag that tells of transparency: the encoder forgets it when frames are opaque where they are drawn."""
    with path.open("r+b") as file:
        head = file.read(21)
        if head[12:16] == b"VP8X":
            file.seek(20)
            file.write(bytes([head[20] | 0x10]))


def _durations(params: Mapping[str, Any], count: int) -> list[int]:
    given: Sequence[int] = params.get("durations") or []
    if given and len(given) != count:
        counts = {"durations": len(given), "images": count}
        message = _("Each image needs one duration: %(durations)s durations, %(images)s images.", **counts)
        raise NodeFailure(message, code="unequal-lists")
    # A GIF counts in hundredths of a second.
    whole = 10 if params["format"] == "gif" else 1
    return [round(each / whole) * whole for each in given or [params["duration"]] * count]


def _frames(context: NodeContext, images: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> list[Image.Image]:
    frames: list[Image.Image] = []
    size, background = (params["width"], params["height"]), colour(params["background"])
    for number, ref in enumerate(images, 1):
        image = picture_open(context, ref)
        if not frames:
            size = _size(image, size, len(images))
        frame = _frame(image, size, params["fit"], background)
        frames.append(_few_coloured(frame) if params["format"] == "gif" else frame)
        context.progress(0.7 * number / len(images))
    return frames


def _size(first: Image.Image, wanted: tuple[int, int], count: int) -> tuple[int, int]:
    """The size of all frames; a side that is 0 follows from the first image."""
    width, height = wanted
    width = width or (round(first.width * height / first.height) if height else first.width)
    height = height or round(first.height * width / first.width)
    width, height = max(1, width), max(1, height)
    sides_check(width, height)
    if width * height * count > PIXELS_MAX:
        message = _("All frames together would have more than %(limit)s megapixels.", limit=PIXELS_MAX // 1_000_000)
        raise NodeFailure(message, code="too-large")
    return width, height


def _settings(params: Mapping[str, Any], durations: list[int]) -> dict[str, Any]:
    plays = params["plays"]
    if params["format"] == "webp":
        return {"duration": durations, "loop": plays, "quality": params["quality"], "method": 4}
    # In a GIF stands how often it is played again; that it is not, is said by leaving it out.
    again = {} if plays == 1 else {"loop": max(0, plays - 1)}
    return {"duration": durations, "optimize": False, "disposal": 2, **again}


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every image a frame; back and forth if wanted."""
    images = list(inputs["images"])
    if not images:
        raise NodeFailure(_("There is no image to show."), code="no-images")
    if len(images) > IMAGES_MAX:
        raise too_many(len(images), IMAGES_MAX)
    durations, frames = _durations(params, len(images)), _frames(context, images, params)
    if params["bounce"]:
        durations, frames = durations + durations[-2:0:-1], frames + frames[-2:0:-1]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"animation.{params['format']}"
        settings = _settings(params, durations)
        frames[0].save(target, params["format"].upper(), save_all=True, append_images=frames[1:], **settings)
        if params["format"] == "webp" and frames[0].mode == "RGBA":
            _say_transparent(target)
        context.log(_("Frames: %(count)s, %(seconds)s s", count=len(frames), seconds=f"{sum(durations) / 1000:g}"))
        return {"image": context.asset_save(target, target.name)}


_DURATION = {"type": "integer", "minimum": _SHORTEST_MS, "maximum": _LONGEST_MS}

_PARAMS = {
    "properties": {
        "format": {
            "type": "string",
            "title": "Format",
            "enum": ["gif", "webp"],
            "x-enum-titles": ["GIF", "WebP"],
            "default": "webp",
            "x-primary": True,
        },
        "duration": {**_DURATION, "title": "Each image", "default": 200, "x-unit": "ms", "x-primary": True},
        "durations": {
            "type": "array",
            "title": "Durations",
            "description": "In milliseconds, one for each image, such as [100, 100, 800]; instead of the above.",
            "items": _DURATION,
            "maxItems": IMAGES_MAX,
        },
        "plays": {
            "type": "integer",
            "title": "Plays",
            "description": "0 is for ever.",
            "minimum": 0,
            "maximum": 1000,
            "default": 0,
        },
        "bounce": {"type": "boolean", "title": "Back and forth", "default": False},
        "width": pixels_schema("Width", 0, 0, 4096, description="0: as the first image."),
        "height": pixels_schema("Height", 0, 0, 4096, description="0: as the first image."),
        "fit": {
            "type": "string",
            "title": "Fit",
            "enum": ["contain", "cover", "stretch"],
            "x-enum-titles": ["Fit inside", "Fill and crop", "Stretch"],
            "default": "contain",
        },
        "background": colour_schema("Background", "white", description="Beside and behind images."),
        "quality": {
            "type": "integer",
            "title": "Quality",
            "description": "Of WebP; a GIF has 256 colours for each frame.",
            "minimum": 1,
            "maximum": 100,
            "default": 80,
        },
    }
}

NODE = NodeType(
    type="image.animate",
    version=1,
    title="Animate images",
    category="media",
    description="Shows images one after the other, as an animated GIF or WebP.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="images",
    run=run,
    check=colours_checker(_PARAMS),
    inputs=(Port("images", PortType.IMAGE, "Images", many=True),),
    outputs=(Port("image", PortType.IMAGE, "Animation"),),
    params=_PARAMS,
)
