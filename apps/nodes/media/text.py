"""Text written on an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PIL import Image

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colour, colour_schema, colours_checker
from apps.nodes.media.lettering import SIZE_MAX, Block, Lettering, font_schema, text_check, text_given, text_schema
from apps.nodes.media.pictures import picture_open, picture_save
from apps.nodes.media.places import gravity_schema, laid, margins, percent_schema, pixels_schema, placed
from apps.wording import gettext as _

# Text is made this much smaller at each try to fit it.
_SHRINK = 0.94


def _block(text: str, image: Image.Image, params: Mapping[str, Any]) -> Block:
    """The text as it fits into the image; NodeFailure when it does not."""
    beside = 2 * (params["margin"] + params["padding"])
    room = (round(image.width * params["width"] / 100) - beside, image.height - beside)
    how = Lettering(
        params["font"],
        params["size"],
        colour(params["colour"]),
        params["stroke"],
        colour(params["stroke_colour"]),
        params["leading"],
        params["align"],
    )
    while True:
        smaller = int(how.size * _SHRINK)
        is_last = not params["shrink"] or smaller < 6
        # Measured is what may fit: wrapping a long text at each size takes minutes.
        most = how.lines_fitting(room[1])
        lines = how.wrapped(text, max(1, room[0]), None if is_last else most + 1) if most or is_last else []
        if is_last or 0 < len(lines) <= most:
            block = Block(how, tuple(lines))
            if block.size[0] <= room[0] and block.size[1] <= room[1]:
                return block
            if is_last:
                raise _too_long(block.size, room)
        how = replace(how, size=smaller)


def _too_long(wanted: tuple[int, int], room: tuple[int, int]) -> NodeFailure:
    if min(room) < 1:
        message = _("Margin and padding leave no room for text on this image. Make them smaller.")
    else:
        sizes = {"wanted": f"{wanted[0]} × {wanted[1]}", "room": f"{room[0]} × {room[1]}"}
        message = _("The text takes %(wanted)s pixels, but there is room for %(room)s.", **sizes)
    return NodeFailure(message, code="text-too-long")


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Wrap, shrink where that is wanted, write."""
    text = text_given(inputs, params)
    if not text.strip():
        raise NodeFailure(_("There is no text to write."), code="no-text")
    image = picture_open(context, inputs["image"])
    block = _block(text, image, params)
    text_check(params["font"], block.lines)
    pad = params["padding"]
    layer = Image.new("RGBA", (block.size[0] + 2 * pad, block.size[1] + 2 * pad), colour(params["box"]))
    layer.alpha_composite(block.drawn(), (pad, pad))
    laid(image, layer, placed(image.size, layer.size, params["gravity"], margins(params["gravity"], params["margin"])))
    context.log(_("Lines: %(lines)s, %(size)s px", lines=len(block.lines), size=block.lettering.size))
    return {"image": picture_save(context, image, "text.png")}


_PARAMS = {
    "properties": {
        "text": text_schema("Text", **{"x-primary": True, "description": "Used when nothing is connected."}),
        "font": font_schema(),
        "size": pixels_schema("Size", 48, 6, SIZE_MAX, **{"x-primary": True}),
        "colour": colour_schema("Colour", "white"),
        "gravity": gravity_schema("Place", "bottom"),
        "align": {
            "type": "string",
            "title": "Align lines",
            "enum": ["left", "center", "right"],
            "x-enum-titles": ["Left", "Centre", "Right"],
            "default": "center",
        },
        "width": percent_schema("Wrap at", 100, 1, 100, description="Of the image's width."),
        "margin": pixels_schema("Margin", 24, 0, 4000),
        "shrink": {
            "type": "boolean",
            "title": "Shrink to fit",
            "description": "Off: a text that does not fit fails the step.",
            "default": True,
        },
        "stroke": pixels_schema("Stroke", 0, 0, 100),
        "stroke_colour": colour_schema("Stroke colour", "black"),
        "box": colour_schema("Box", "transparent", description="Behind the text, such as #00000080."),
        "padding": pixels_schema("Padding of the box", 0, 0, 1000),
        "leading": {"type": "number", "title": "Line height", "minimum": 0.5, "maximum": 4, "default": 1.25},
    }
}

NODE = NodeType(
    type="image.text",
    version=1,
    title="Text on image",
    category="media",
    description="Writes a text on an image: wrapped, aligned, outlined or in a box.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="type-outline",
    run=run,
    check=colours_checker(_PARAMS),
    inputs=(Port("image", PortType.IMAGE, "Image"), Port("text", PortType.TEXT, "Text", required=False)),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=_PARAMS,
)
