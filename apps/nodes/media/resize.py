"""Another size for an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageOps

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.pictures import picture_open, picture_save
from apps.wording import gettext as _


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    if fit == "cover":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if fit == "contain":
        return image.resize(_inside(image.size, size), Image.Resampling.LANCZOS)
    return image.resize(size, Image.Resampling.LANCZOS)


def _inside(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest size of this shape within ``box``. Of a strip that is too thin for it one pixel stays."""
    scale = min(box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Decode, resize with Lanczos, keep as PNG; transparency stays."""
    image, wanted = picture_open(context, inputs["image"]), (params["width"], params["height"])
    sizes = {"size": f"{image.width} × {image.height}", "wanted": f"{wanted[0]} × {wanted[1]}"}
    context.log(_("%(size)s to %(wanted)s, %(fit)s.", **sizes, fit=params["fit"]))
    context.progress(0.5)
    return {"image": picture_save(context, _fitted(image, wanted, params["fit"]), f"{wanted[0]}x{wanted[1]}.png")}


_SIDE = {"type": "integer", "minimum": 1, "maximum": 8192, "default": 1024, "x-unit": "px"}

NODE = NodeType(
    type="image.resize",
    version=1,
    title="Resize image",
    category="image",
    description="Gives an image another size: fill and crop, fit inside, or stretch.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="scaling",
    run=run,
    inputs=(Port("image", PortType.IMAGE, "Image"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params={
        "properties": {
            "width": {**_SIDE, "title": "Width", "x-primary": True},
            "height": {**_SIDE, "title": "Height", "x-primary": True},
            "fit": {
                "type": "string",
                "title": "Fit",
                "enum": ["cover", "contain", "stretch"],
                "x-enum-titles": ["Fill and crop", "Fit inside", "Stretch"],
                "default": "cover",
            },
        }
    },
)
