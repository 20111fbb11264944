"""Light and colour of an image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PIL import Image

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.pictures import picture_open, picture_save, rows_change

if TYPE_CHECKING:
    from apps.nodes.media.pictures import Numbers, Pixels

# The shares of red, green and blue in brightness, of sRGB's primaries (BT.709).
LUMA = (0.2126, 0.7152, 0.0722)
# At the ends of the scale, red and blue are multiplied and divided by so much.
_WARMEST = 1.5
# So much of the darkest and of the brightest pixels does not count for auto levels.
_CLIPPED = 0.005


def levels(image: Image.Image) -> list[tuple[int, int]]:
    """Of each channel, the shades that become black and white: all but half a percent lies between them."""
    histogram, found = image.histogram(), []
    for channel in range(3):
        counts = histogram[256 * channel : 256 * (channel + 1)]
        spare = sum(counts) * _CLIPPED
        found.append((_passing(counts, spare), 255 - _passing(counts[::-1], spare)))
    return [(low, high) if low < high else (0, 255) for low, high in found]


def _passing(counts: list[int], spare: float) -> int:
    seen = 0
    for shade, count in enumerate(counts):
        seen += count
        if seen > spare:
            return shade
    return 0


def hue_matrix(degrees: float) -> list[list[float]]:
    """The turn of all hues that keeps brightness, as CSS's ``hue-rotate`` has it."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    red, green, blue = 0.213, 0.715, 0.072
    return [
        [red + cos * (1 - red) - sin * red, green - cos * green - sin * green, blue - cos * blue + sin * (1 - blue)],
        [red - cos * red + sin * 0.143, green + cos * (1 - green) + sin * 0.140, blue - cos * blue - sin * 0.283],
        [red - cos * red - sin * (1 - red), green - cos * green + sin * green, blue + cos * (1 - blue) + sin * blue],
    ]


def changed(pixels: Pixels, params: Mapping[str, Any], ends: list[tuple[int, int]] | None) -> Pixels:
    """The pixels with every change applied, in the order of the form; a fourth channel stays as it is."""
    import numpy as np

    colours = pixels[:, :, :3].astype(np.float32)
    if ends:
        low, high = (np.array(end, np.float32) for end in zip(*ends, strict=True))
        colours = (colours - low) / (high - low)
    else:
        colours /= 255
    warmth = _WARMEST ** (params["temperature"] / 100)
    colours = colours * np.array([warmth, 1, 1 / warmth], np.float32)
    colours = colours * np.float32(1 + params["brightness"] / 100)
    contrast = params["contrast"] / 100
    slope = 1 + contrast if contrast <= 0 else 1 / (1.0001 - contrast)
    colours = ((colours - np.float32(0.5)) * np.float32(slope) + np.float32(0.5)).clip(0, 1)
    colours = colours ** np.float32(1 / params["gamma"])
    colours = _coloured(colours, params)
    if params["invert"]:
        colours = 1 - colours
    shades = np.rint(colours * 255).clip(0, 255).astype(np.uint8)
    return np.concatenate([shades, pixels[:, :, 3:]], axis=2)


def _coloured(colours: Numbers, params: Mapping[str, Any]) -> Numbers:
    import numpy as np

    grey = (colours @ np.array(LUMA, np.float32))[:, :, None]
    if params["grayscale"]:
        return np.repeat(grey, 3, axis=2)
    if params["saturation"]:
        colours = (grey + (colours - grey) * np.float32(1 + params["saturation"] / 100)).clip(0, 1)
    if params["hue"]:
        colours = (colours @ np.array(hue_matrix(params["hue"]), np.float32).T).clip(0, 1)
    return colours


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """All changes in one pass, in fractions, so nothing is lost to rounding between them."""
    image = picture_open(context, inputs["image"])
    ends = levels(image) if params["auto_levels"] else None
    rows_change(image, lambda pixels: changed(pixels, params, ends))
    context.progress(0.7)
    return {"image": picture_save(context, image, "colour.png")}


def _turn(title: str, **more: Any) -> dict[str, Any]:
    return {"type": "number", "title": title, "minimum": -100, "maximum": 100, "default": 0, **more}


def _switch(title: str, **more: Any) -> dict[str, Any]:
    return {"type": "boolean", "title": title, "default": False, **more}


NODE = NodeType(
    type="image.colour",
    version=1,
    title="Adjust colours",
    category="media",
    description="Brightness, contrast, saturation, hue, warmth and gamma; greyscale, negative, auto levels.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="palette",
    run=run,
    inputs=(Port("image", PortType.IMAGE, "Image"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params={
        "properties": {
            "auto_levels": _switch("Auto levels", description="Stretches each channel from black to white, first."),
            "temperature": _turn("Temperature", description="Above 0 is warmer, below 0 is cooler."),
            "brightness": _turn("Brightness", **{"x-primary": True}),
            "contrast": _turn("Contrast", **{"x-primary": True}),
            "gamma": {
                "type": "number",
                "title": "Gamma",
                "description": "Above 1 the dark parts become brighter.",
                "minimum": 0.1,
                "maximum": 10,
                "default": 1,
            },
            "saturation": _turn("Saturation", **{"x-primary": True}),
            "hue": {"type": "number", "title": "Hue", "minimum": -180, "maximum": 180, "default": 0, "x-unit": "°"},
            "grayscale": _switch("Greyscale"),
            "invert": _switch("Negative"),
        }
    },
)
