"""A video that begins with an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "image-to-video"
INPUTS = (
    Port("image", PortType.IMAGE, "Image"),
    Port("prompt", PortType.TEXT, "Prompt"),
    Port("last_image", PortType.IMAGE, "Last image", required=False),
)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One video that begins with the image, and ends with the last one where the model can."""
    files = {"image": inputs["image"], "last_image": inputs.get("last_image")}
    return call(params, "video", prompt=inputs["prompt"], files=files)


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="video.from_image",
    version=1,
    title="Animate image",
    category="video",
    description="Sets an image in motion, as the prompt says.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="image-play",
    run=run,
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="video",
    inputs=INPUTS,
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params=params_schema(CAPABILITY, "video", "sandbox/video"),
)
