"""An image as a file of another kind."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colour, colour_schema, colours_checker
from apps.nodes.media.pictures import SIDE_MAX, exif_kept, opaque, picture_open
from apps.wording import gettext as _

# Its encoder needs 29 bytes of memory a pixel.
_AVIF_MAX = 60_000_000
_EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """What each encoder is told. One thread for AVIF: with more, the bytes would depend on the machine."""
    quality, lossless = params["quality"], params["lossless"]
    return {
        "png": {"optimize": False, "compress_level": 6},
        "jpeg": {"quality": quality, "subsampling": 0 if quality >= 90 else 2, "progressive": True, "optimize": True},
        "webp": {"quality": quality, "lossless": lossless, "method": 4, "exact": lossless},
        "avif": {
            "quality": 100 if lossless else quality,
            "subsampling": "4:4:4" if lossless or quality >= 90 else "4:2:0",
            "speed": 6,
            "max_threads": 1,
        },
    }[params["format"]]


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Encode anew; the colours are sRGB whatever they were."""
    kind = params["format"]
    image = picture_open(context, inputs["image"])
    if kind in {"webp", "avif"} and max(image.size) > SIDE_MAX:
        message = _("A side of this format is at most %(limit)s pixels long.", limit=SIDE_MAX)
        raise NodeFailure(message, code="too-large")
    if kind == "avif" and image.width * image.height > _AVIF_MAX:
        message = _("This format takes at most %(limit)s megapixels.", limit=_AVIF_MAX // 1_000_000)
        raise NodeFailure(message, code="too-large")
    if kind == "jpeg" or params["flatten"]:
        red, green, blue, _alpha = colour(params["background"])
        image = opaque(image, (red, green, blue))
    settings = _settings(params)
    if params["metadata"] == "keep":
        settings["exif"] = exif_kept(context, inputs["image"])
    context.progress(0.4)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"image.{_EXTENSIONS[kind]}"
        image.save(target, kind.upper(), **settings)
        context.log(_("%(size)s bytes as %(format)s", size=f"{target.stat().st_size:,}", format=kind.upper()))
        return {"image": context.asset_save(target, target.name)}


_PARAMS = {
    "properties": {
        "format": {
            "type": "string",
            "title": "Format",
            "enum": list(_EXTENSIONS),
            "x-enum-titles": ["PNG", "JPEG", "WebP", "AVIF"],
            "default": "webp",
            "x-primary": True,
        },
        "quality": {
            "type": "integer",
            "title": "Quality",
            "description": "Of JPEG, WebP and AVIF: a smaller file or a better picture. PNG loses nothing.",
            "minimum": 1,
            "maximum": 100,
            "default": 82,
        },
        "lossless": {
            "type": "boolean",
            "title": "Lossless",
            "description": "WebP keeps every pixel; AVIF comes as near as it can.",
            "default": False,
        },
        "metadata": {
            "type": "string",
            "title": "Metadata",
            "description": "Camera, place and time, as the file says them (EXIF).",
            "enum": ["strip", "keep"],
            "x-enum-titles": ["Leave out", "Keep"],
            "default": "strip",
        },
        "flatten": {
            "type": "boolean",
            "title": "Without transparency",
            "description": "JPEG never has any.",
            "default": False,
        },
        "background": colour_schema("Background", "white", description="Where the image was transparent."),
    }
}

NODE = NodeType(
    type="image.format",
    version=1,
    title="Convert image",
    category="media",
    description="Makes a PNG, JPEG, WebP or AVIF of an image, with or without its metadata.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="file-image",
    run=run,
    check=colours_checker(_PARAMS),
    inputs=(Port("image", PortType.IMAGE, "Image"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=_PARAMS,
)
