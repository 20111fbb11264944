"""A larger image with the same in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "image-upscale"
INPUTS = (
    Port("image", PortType.IMAGE, "Image"),
    Port("prompt", PortType.TEXT, "Prompt", required=False),
)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One enlarged image; models that want to know take a prompt of what it shows."""
    return call(params, "image", prompt=inputs.get("prompt"), files={"image": inputs["image"]})


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="image.upscale",
    version=1,
    title="Upscale image",
    category="image",
    description="Makes an image larger and sharper.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="maximize",
    run=run,
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="image",
    inputs=INPUTS,
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=params_schema(CAPABILITY, "image", "sandbox/upscale"),
)
