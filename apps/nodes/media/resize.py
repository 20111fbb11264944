"""Another size for an image."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.wording import gettext as _


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    if fit == "cover":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if fit == "contain":
        return ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    return image.resize(size, Image.Resampling.LANCZOS)


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Decode, resize with Lanczos, keep as PNG; transparency stays."""
    with tempfile.TemporaryDirectory() as folder, context.asset_open(inputs["image"]) as source:
        target = Path(folder) / "image.png"
        try:
            with Image.open(source) as opened:
                upright = ImageOps.exif_transpose(opened)
                image = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
        except (OSError, Image.DecompressionBombError) as error:
            message = _("The image could not be read: %(reason)s", reason=error)
            raise NodeFailure(message, code="bad-image") from error
        sizes = {"size": f"{image.width} × {image.height}", "wanted": f"{params['width']} × {params['height']}"}
        context.log(_("%(size)s to %(wanted)s, %(fit)s.", **sizes, fit=params["fit"]))
        context.progress(0.5)
        _fitted(image, (params["width"], params["height"]), params["fit"]).save(target)
        name = f"{params['width']}x{params['height']}.png"
        return {"image": context.asset_save(target, name)}


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
