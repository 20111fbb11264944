"""An image changed as words say, by any model of the catalogue that can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "image-edit"
INPUTS = (
    Port("images", PortType.IMAGE, "Images", many=True),
    Port("prompt", PortType.TEXT, "Prompt"),
    Port("mask", PortType.IMAGE, "Mask", required=False),
)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One changed image, from one image or several."""
    files = {"images": inputs["images"], "mask": inputs.get("mask")}
    return call(params, "image", prompt=inputs["prompt"], files=files)


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="image.edit",
    version=1,
    title="Edit image",
    category="image",
    description="Changes images as the prompt says; a mask says where.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="wand-sparkles",
    run=run,
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="image",
    inputs=INPUTS,
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=params_schema(CAPABILITY, "image", "sandbox/edit"),
)
