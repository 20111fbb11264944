"""A mark on an image: a text or another image, in a corner or all over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PIL import Image

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colour, colour_schema, colours_checker
from apps.nodes.media.lettering import Block, Lettering, font_schema, text_check, text_given, text_schema
from apps.nodes.media.pictures import picture_open, picture_save, sides_check
from apps.nodes.media.places import gravity_schema, laid, margins, percent_schema, pixels_schema, placed
from apps.wording import gettext as _

# A text is drawn at this size and brought to the mark's: its share of the image's width is what counts.
_DRAWN_AT = 160
# More copies than this say nothing more and take minutes.
_TILES_MAX = 10_000


def _mark(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Image.Image:
    """The mark as it came, premultiplied, or the colours of what is transparent would bleed into its edge."""
    if inputs.get("mark"):
        return picture_open(context, inputs["mark"]).convert("RGBA").convert("RGBa")
    text = text_given(inputs, params)
    if not text.strip():
        raise NodeFailure(_("Connect an image as the mark, or write a text."), code="no-mark")
    how = Lettering(params["font"], _DRAWN_AT, colour(params["colour"]), align="center")
    block = Block(how, tuple(text.split("\n")))
    text_check(params["font"], block.lines)
    return block.drawn().convert("RGBa")


def _shaped(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any], width: int) -> Image.Image:
    """The mark at its size, turned, and as faint as it should be. Each step drops the picture before it."""
    mark = _mark(context, inputs, params)
    size = (width, max(1, round(mark.height * width / mark.width)))
    cos, sin = (abs(turn(math.radians(params["angle"]))) for turn in (math.cos, math.sin))
    sides_check(round(size[0] * cos + size[1] * sin), round(size[0] * sin + size[1] * cos))
    mark = mark.resize(size, Image.Resampling.LANCZOS)
    if params["angle"]:
        mark = mark.rotate(params["angle"], Image.Resampling.BICUBIC, expand=True)
    mark = mark.convert("RGBA")
    faint = params["opacity"] / 100
    mark.putalpha(mark.getchannel("A").point([round(shade * faint) for shade in range(256)]))
    return mark


def _tiled(image: Image.Image, mark: Image.Image, gap: int) -> None:
    """All over from the middle outward, every other row half a step aside."""
    across, down = mark.width + gap, mark.height + gap
    rows, columns = image.height // down + 3, image.width // across + 3
    if rows * columns > _TILES_MAX:
        raise NodeFailure(_("The mark is too small to be repeated: enlarge it or its gap."), code="too-many")
    left, top = placed(image.size, mark.size, "center")
    left, top = left % across - across, top % down - down
    for row in range(rows):
        for column in range(columns):
            at = (left + column * across - (across // 2 if row % 2 else 0), top + row * down)
            inside = at[0] < image.width and at[1] < image.height
            if inside and at[0] + mark.width > 0 and at[1] + mark.height > 0:
                laid(image, mark, at)


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The mark's width is a share of the image's, so it looks alike on every size."""
    image = picture_open(context, inputs["image"])
    mark = _shaped(context, inputs, params, max(1, round(image.width * params["scale"] / 100)))
    context.progress(0.4)
    if params["layout"] == "tiled":
        _tiled(image, mark, params["gap"])
    else:
        away = margins(params["gravity"], params["margin"])
        laid(image, mark, placed(image.size, mark.size, params["gravity"], away))
    return {"image": picture_save(context, image, "watermark.png")}


_PARAMS = {
    "properties": {
        "text": text_schema("Text", description="Used when no mark is connected.", **{"x-primary": True}),
        "layout": {
            "type": "string",
            "title": "Layout",
            "enum": ["corner", "tiled"],
            "x-enum-titles": ["In one place", "All over"],
            "default": "corner",
            "x-primary": True,
        },
        "gravity": gravity_schema("Place", "bottom-right"),
        "scale": percent_schema("Width", 25, 1, 200, description="Of the image's width."),
        "opacity": percent_schema("Opacity", 50, 0, 100),
        "angle": {"type": "number", "title": "Angle", "minimum": -180, "maximum": 180, "default": 0, "x-unit": "°"},
        "margin": pixels_schema("Margin", 24, 0, 4000),
        "gap": pixels_schema("Gap", 80, 0, 4000, description="Between marks all over."),
        "font": font_schema(),
        "colour": colour_schema("Colour of the text", "white"),
    }
}

NODE = NodeType(
    type="image.watermark",
    version=1,
    title="Watermark",
    category="media",
    description="Marks an image with a text or another image, in one place or all over.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="stamp",
    run=run,
    check=colours_checker(_PARAMS),
    inputs=(
        Port("image", PortType.IMAGE, "Image"),
        Port("mark", PortType.IMAGE, "Mark", required=False),
        Port("text", PortType.TEXT, "Text", required=False),
    ),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=_PARAMS,
)
