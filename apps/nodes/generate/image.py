"""An image from words, by any model of the catalogue that makes images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import checker, params_schema, quote, split


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for one image."""
    model, own = split(params)
    return ProviderCall(model, {**own, "prompt": inputs["prompt"]}, {}, "image")


NODE = NodeType(
    type="image.generate",
    version=1,
    title="Generate image",
    category="image",
    description="Draws a picture from a prompt.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="image",
    run=run,
    check=checker("image"),
    quote=quote,
    model_kind="image",
    inputs=(Port("prompt", PortType.TEXT, "Prompt"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=params_schema("image", "sandbox/image"),
)
