"""An image from words, by any model of the catalogue that makes images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "text-to-image"
INPUTS = (Port("prompt", PortType.TEXT, "Prompt"),)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One image."""
    return call(params, "image", prompt=inputs["prompt"])


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


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
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="image",
    inputs=INPUTS,
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=params_schema(CAPABILITY, "image", "sandbox/image"),
)
