"""An image softer, sharper or coarser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageFilter

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.pictures import picture_open, picture_save, strips
from apps.nodes.media.places import percent_schema, pixels_schema


def _gaussian(image: Image.Image, params: Mapping[str, Any]) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(params["radius"]))


def _box(image: Image.Image, params: Mapping[str, Any]) -> Image.Image:
    return image.filter(ImageFilter.BoxBlur(params["radius"]))


def _sharpen(image: Image.Image, params: Mapping[str, Any]) -> Image.Image:
    """Pillow's unsharp mask, its colours alone: it would harden the edge of what is transparent, too."""
    mask = ImageFilter.UnsharpMask(params["radius"], round(params["amount"]), params["threshold"])
    sharp = image.convert("RGB").filter(mask)
    if image.mode == "RGBA":
        sharp.putalpha(image.getchannel("A"))
    return sharp


def _pixelate(image: Image.Image, params: Mapping[str, Any]) -> Image.Image:
    """Squares of one colour, the mean of what was there; those at the right and lower edge may be cut."""
    block, small = params["block"], image.reduce(params["block"])
    big = small.resize((small.width * block, small.height * block), Image.Resampling.NEAREST)
    return big.crop((0, 0, *image.size))


def offsets(length: float, angle: float) -> list[tuple[int, int]]:
    """The pixels on a line of that length through (0, 0); 0° is to the right, 90° up."""
    across, down = math.cos(math.radians(angle)), -math.sin(math.radians(angle))
    count = max(1, round(length))
    steps = [step - (count - 1) / 2 for step in range(count)]
    return [(round(step * across), round(step * down)) for step in steps]


def _motion(image: Image.Image, params: Mapping[str, Any]) -> Image.Image:
    """The mean along a line; beyond the edge the picture goes on as it ends."""
    import numpy as np

    line = offsets(params["radius"] * 2 + 1, params["angle"])
    reach = max(max(abs(x), abs(y)) for x, y in line)
    width, height = image.size
    blurred = Image.new(image.mode, image.size)
    for top, bottom in strips(image.size):
        above, below = max(0, top - reach), min(height, bottom + reach)
        part = np.asarray(image.crop((0, above, width, below)))
        beyond = (above - (top - reach), bottom + reach - below)
        around = np.pad(part, (beyond, (reach, reach), (0, 0)), mode="edge")
        total = np.zeros((bottom - top, width, part.shape[2]), np.uint32)
        for x, y in line:
            total += around[reach + y : reach + y + bottom - top, reach + x : reach + x + width]
        mean = ((total + len(line) // 2) // len(line)).astype(np.uint8)
        blurred.paste(Image.frombytes(image.mode, (width, bottom - top), mean.tobytes()), (0, top))
    return blurred


_KINDS = {"gaussian": _gaussian, "box": _box, "motion": _motion, "sharpen": _sharpen, "pixelate": _pixelate}


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Means are of premultiplied colours, so what is transparent does not bleed into what is not."""
    image = picture_open(context, inputs["image"])
    context.progress(0.2)
    kind, premultiplied = params["kind"], image.mode == "RGBA" and params["kind"] != "sharpen"
    made = _KINDS[kind](image.convert("RGBa") if premultiplied else image, params)
    return {"image": picture_save(context, made.convert("RGBA") if premultiplied else made, f"{kind}.png")}


NODE = NodeType(
    type="image.blur",
    version=1,
    title="Blur or sharpen",
    category="media",
    description="Softens an image, blurs it along a line, sharpens it, or makes it coarse.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="droplet",
    run=run,
    inputs=(Port("image", PortType.IMAGE, "Image"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params={
        "properties": {
            "kind": {
                "type": "string",
                "title": "Effect",
                "enum": list(_KINDS),
                "x-enum-titles": ["Gaussian blur", "Box blur", "Motion blur", "Sharpen", "Pixelate"],
                "default": "gaussian",
                "x-primary": True,
            },
            "radius": {
                "type": "number",
                "title": "Radius",
                "minimum": 0,
                "maximum": 250,
                "default": 8,
                "x-unit": "px",
                "x-primary": True,
            },
            "angle": {
                "type": "number",
                "title": "Direction of motion",
                "description": "0° is to the side, 90° up and down.",
                "minimum": -180,
                "maximum": 180,
                "default": 0,
                "x-unit": "°",
            },
            "amount": percent_schema("Sharpness", 150, 0, 500),
            "threshold": {
                "type": "integer",
                "title": "Sharpen from",
                "description": "Smaller differences than this are left alone, such as grain.",
                "minimum": 0,
                "maximum": 255,
                "default": 3,
            },
            "block": pixels_schema("Size of the squares", 16, 2, 1000),
        }
    },
)
