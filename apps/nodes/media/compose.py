"""Images laid over another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.blending import MODES, layer_lay
from apps.nodes.media.pictures import picture_open, picture_save, sides_check, too_many
from apps.nodes.media.places import fitted, gravity_schema, percent_schema, placed, scaled
from apps.wording import gettext as _

LAYERS_MAX = 50


def _sized(layer: Image.Image, base: Image.Image, params: Mapping[str, Any]) -> Image.Image:
    scale, fit = params["scale"] / 100, params["fit"]
    if fit == "own":
        size = scaled(layer.size, scale)
    elif fit == "width":
        width = max(1, round(base.width * scale))
        size = (width, max(1, round(layer.height * width / layer.width)))
    else:
        size = scaled(base.size, scale)
    sides_check(*size)
    return layer if size == layer.size else fitted(layer, size, fit if fit in {"cover", "contain"} else "stretch")


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """One layer after the other, so that three pictures are in memory however many there are."""
    layers = inputs["layers"]
    if not layers:
        raise NodeFailure(_("There is no layer to lay over the image."), code="no-images")
    if len(layers) > LAYERS_MAX:
        raise too_many(len(layers), LAYERS_MAX)
    base = picture_open(context, inputs["base"])
    away = (params["x"], params["y"])
    for done, ref in enumerate(layers, 1):
        layer = _sized(picture_open(context, ref), base, params)
        at = placed(base.size, layer.size, params["gravity"], away)
        layer_lay(base, layer, at, params["mode"], params["opacity"] / 100)
        context.progress(0.9 * done / len(layers))
    return {"image": picture_save(context, base, "composition.png")}


_OFFSET = {"type": "integer", "minimum": -16_383, "maximum": 16_383, "default": 0, "x-unit": "px"}

NODE = NodeType(
    type="image.compose",
    version=1,
    title="Compose images",
    category="media",
    description="Lays one or more images over another, with a blend mode, opacity, place and size.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="layers",
    run=run,
    inputs=(Port("base", PortType.IMAGE, "Base"), Port("layers", PortType.IMAGE, "Layers", many=True)),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params={
        "properties": {
            "mode": {
                "type": "string",
                "title": "Blend mode",
                "enum": list(MODES),
                "x-enum-titles": list(MODES.values()),
                "default": "normal",
                "x-primary": True,
            },
            "opacity": percent_schema("Opacity", 100, 0, 100, **{"x-primary": True}),
            "gravity": gravity_schema("Place", "center"),
            "x": {**_OFFSET, "title": "Across", "description": "From the edge at the place, inward."},
            "y": {**_OFFSET, "title": "Down", "description": "From the edge at the place, inward."},
            "fit": {
                "type": "string",
                "title": "Size of a layer",
                "enum": ["own", "width", "contain", "cover", "stretch"],
                "x-enum-titles": ["Its own", "As wide as the base", "Fit inside", "Fill and crop", "Stretch"],
                "default": "own",
            },
            "scale": percent_schema("Scale", 100, 0.1, 1000, description="Of that size."),
        }
    },
)
