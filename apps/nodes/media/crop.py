"""A part of an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageChops

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port, is_variable
from apps.engine.types import PortType
from apps.nodes.media.pictures import picture_open, picture_save
from apps.nodes.media.places import gravity_schema, pixels_schema, placed, room
from apps.wording import gettext as _

Box = tuple[int, int, int, int]


def ratio(text: str) -> float | None:
    """Width over height of ``16:9``, ``3/2`` or ``1.85``; None for what is no shape."""
    wide, _sign, high = text.replace("/", ":").replace(" ", "").partition(":")
    try:
        value = float(wide) / float(high or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return value if 0.01 <= value <= 100 else None


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The shape must be one."""
    if params["mode"] != "aspect" or is_variable(params["ratio"]) or ratio(params["ratio"]):
        return []
    return [("ratio", _("Write the shape as width to height, like 16:9 or 1:1."))]


def _box(image: Image.Image, params: Mapping[str, Any]) -> Box:
    scale = (image.width / 100, image.height / 100) if params["unit"] == "percent" else (1, 1)
    away = (round(params["x"] * scale[0]), round(params["y"] * scale[1]))
    most = room(image.size, params["gravity"], away)
    width = round(params["width"] * scale[0]) or most[0]
    height = round(params["height"] * scale[1]) or most[1]
    left, top = placed(image.size, (width, height), params["gravity"], away)
    inside = left >= 0 and top >= 0 and left + width <= image.width and top + height <= image.height
    if width < 1 or height < 1 or not inside:
        size = f"{image.width} × {image.height}"
        raise NodeFailure(_("The box reaches beyond the image, which is %(size)s pixels.", size=size), code="bad-box")
    return left, top, left + width, top + height


def _aspect(image: Image.Image, params: Mapping[str, Any]) -> Box:
    wanted = ratio(params["ratio"]) or 1.0
    width = min(image.width, max(1, round(image.height * wanted)))
    height = min(image.height, max(1, round(image.width / wanted)))
    left, top = placed(image.size, (width, height), params["gravity"])
    return left, top, left + width, top + height


def _trim(image: Image.Image, params: Mapping[str, Any]) -> Box:
    """What is left without a border of the colour in the left top corner; transparent is one colour."""
    corner = image.getpixel((0, 0))
    if image.mode == "RGBA" and isinstance(corner, tuple) and corner[3] == 0:
        different = image.getchannel("A")
    else:
        bands = ImageChops.difference(image, Image.new(image.mode, image.size, corner)).split()
        different = bands[0]
        for band in bands[1:]:
            different = ImageChops.lighter(different, band)
    found = different.point([255 * (shade > params["tolerance"]) for shade in range(256)]).getbbox()
    if found is None:
        raise NodeFailure(_("There is nothing in the image but border: lower the tolerance."), code="all-border")
    margin = params["margin"]
    left, top = max(0, found[0] - margin), max(0, found[1] - margin)
    return left, top, min(image.width, found[2] + margin), min(image.height, found[3] + margin)


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Cut exactly the pixels of the box; none is computed anew."""
    image = picture_open(context, inputs["image"])
    left, top, right, bottom = {"box": _box, "aspect": _aspect, "trim": _trim}[params["mode"]](image, params)
    sizes = {"old": f"{image.width} × {image.height}", "new": f"{right - left} × {bottom - top}"}
    context.log(_("%(old)s to %(new)s, from %(x)s, %(y)s.", **sizes, x=left, y=top))
    return {"image": picture_save(context, image.crop((left, top, right, bottom)), "crop.png")}


_LENGTH = {"type": "number", "minimum": 0, "maximum": 16_383}

NODE = NodeType(
    type="image.crop",
    version=1,
    title="Crop image",
    category="media",
    description="Cuts a part out of an image: a box, a shape such as 16:9, or all but its border.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="crop",
    run=run,
    check=check,
    inputs=(Port("image", PortType.IMAGE, "Image"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params={
        "properties": {
            "mode": {
                "type": "string",
                "title": "Cut",
                "enum": ["aspect", "box", "trim"],
                "x-enum-titles": ["A shape", "A box", "The border away"],
                "default": "aspect",
                "x-primary": True,
            },
            "ratio": {
                "type": "string",
                "title": "Shape",
                "description": "Width to height, like 16:9. The largest part of that shape is kept.",
                "default": "1:1",
                "maxLength": 20,
                "x-primary": True,
            },
            "gravity": gravity_schema(
                "Keep", "center", description="Where a shape lies, and where a box is counted from."
            ),
            "unit": {
                "type": "string",
                "title": "Unit of the box",
                "enum": ["px", "percent"],
                "x-enum-titles": ["Pixels", "Percent"],
                "default": "px",
            },
            "x": {**_LENGTH, "title": "Across", "description": "From the edge that is kept.", "default": 0},
            "y": {**_LENGTH, "title": "Down", "description": "From the edge that is kept.", "default": 0},
            "width": {**_LENGTH, "title": "Width", "description": "0 is as wide as there is room.", "default": 0},
            "height": {**_LENGTH, "title": "Height", "description": "0 is as high as there is room.", "default": 0},
            "tolerance": {
                "type": "integer",
                "title": "Tolerance",
                "description": "How far a border's colour may differ from that of the left top corner.",
                "minimum": 0,
                "maximum": 254,
                "default": 10,
            },
            "margin": pixels_schema("Margin", 0, 0, 2000, description="So much of a border is kept."),
        }
    },
)
