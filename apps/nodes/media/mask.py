"""A mask from an image, and the image cut out by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colour import LUMA
from apps.nodes.media.colours import Colour, colour, colour_schema, colours_checker
from apps.nodes.media.pictures import opaque, picture_open, picture_save, strips
from apps.wording import gettext as _

# Red, green and blue at their furthest from each other.
_FURTHEST = 255 * 3**0.5


def luminance(image: Image.Image) -> Image.Image:
    """How bright each pixel is (BT.709), 0 to 255; what is transparent counts as black."""
    shares = tuple(share for share in (*LUMA, 0.0))
    return opaque(image, (0, 0, 0)).convert("L", shares)


def ramp(low: float, high: float) -> list[int]:
    """For each shade from 0 to 255: black up to ``low``, white from ``high`` on, a straight line between."""
    span = max(high - low, 1e-6)
    return [round(255 * min(1.0, max(0.0, (shade - low) / span))) for shade in range(256)]


def _distance(image: Image.Image, key: Colour) -> Image.Image:
    """How far each pixel's colour is from ``key``, in percent of the furthest two colours can be apart, as 0 to 255."""
    import numpy as np

    far = Image.new("L", image.size)
    for top, bottom in strips(image.size):
        part = np.asarray(image.crop((0, top, image.width, bottom)))[:, :, :3].astype(np.float32)
        away = np.sqrt(((part - np.array(key[:3], np.float32)) ** 2).sum(axis=2)) * np.float32(255 / _FURTHEST)
        far.paste(Image.fromarray(np.rint(away).clip(0, 255).astype(np.uint8)), (0, top))
    return far


def _mask(image: Image.Image, given: Image.Image | None, params: Mapping[str, Any]) -> Image.Image:
    if given is not None:
        return luminance(given)
    soft = params["softness"] * 255 / 200
    if params["source"] == "alpha":
        return image.getchannel("A") if image.mode == "RGBA" else Image.new("L", image.size, 255)
    if params["source"] == "colour":
        edge = params["tolerance"] * 255 / 100
        return _distance(image, colour(params["key"])).point(ramp(edge, edge + 2 * soft + 1e-6))
    if params["source"] == "threshold":
        edge = params["threshold"] - 0.5
        return luminance(image).point(ramp(edge - soft, edge + soft))
    return luminance(image)


def _same_size(image: Image.Image, given: Image.Image) -> None:
    if image.size != given.size:
        sizes = {"mask": f"{given.width} × {given.height}", "image": f"{image.width} × {image.height}"}
        message = _("The mask is %(mask)s pixels, but the image is %(image)s.", **sizes)
        raise NodeFailure(message, code="sizes-differ")


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """White is kept. What was transparent in the image stays so in the cut-out."""
    image = picture_open(context, inputs["image"])
    given = picture_open(context, inputs["mask"]) if inputs.get("mask") else None
    if given is not None:
        _same_size(image, given)
    mask = _mask(image, given, params)
    if params["invert"]:
        mask = ImageChops.invert(mask)
    if params["feather"]:
        mask = mask.filter(ImageFilter.GaussianBlur(params["feather"]))
    context.progress(0.5)
    saved = picture_save(context, mask, "mask.png")
    cutout = image.convert("RGBA")
    cutout.putalpha(ImageChops.multiply(cutout.getchannel("A"), mask))
    return {"mask": saved, "cutout": picture_save(context, cutout, "cutout.png")}


_PARAMS = {
    "properties": {
        "source": {
            "type": "string",
            "title": "Mask from",
            "description": "Not asked when a mask is connected: its white is kept then.",
            "enum": ["luminance", "threshold", "alpha", "colour"],
            "x-enum-titles": ["Brightness", "A threshold", "Transparency", "A colour to remove"],
            "default": "threshold",
            "x-primary": True,
        },
        "threshold": {
            "type": "integer",
            "title": "Threshold",
            "description": "So bright and brighter is kept, from 0 to 255.",
            "minimum": 0,
            "maximum": 255,
            "default": 128,
        },
        "key": colour_schema("Colour to remove", "#00ff00"),
        "tolerance": {
            "type": "number",
            "title": "Tolerance",
            "description": "How far a colour may be from that one and still go; black and white are 100 apart.",
            "minimum": 0,
            "maximum": 100,
            "default": 20,
            "x-unit": "%",
        },
        "softness": {
            "type": "number",
            "title": "Softness",
            "description": "How gradually a threshold or a colour passes from gone to kept.",
            "minimum": 0,
            "maximum": 100,
            "default": 0,
            "x-unit": "%",
        },
        "invert": {"type": "boolean", "title": "Invert", "default": False},
        "feather": {
            "type": "number",
            "title": "Feather",
            "description": "Blurs the edge of the mask.",
            "minimum": 0,
            "maximum": 250,
            "default": 0,
            "x-unit": "px",
        },
    }
}

NODE = NodeType(
    type="image.mask",
    version=1,
    title="Mask",
    category="media",
    description="Makes a mask from brightness, transparency or a colour, and cuts the image out by it.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="scan",
    run=run,
    check=colours_checker(_PARAMS),
    inputs=(Port("image", PortType.IMAGE, "Image"), Port("mask", PortType.IMAGE, "Mask", required=False)),
    outputs=(Port("mask", PortType.IMAGE, "Mask"), Port("cutout", PortType.IMAGE, "Cut-out")),
    params=_PARAMS,
)
