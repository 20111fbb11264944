"""A video from words, or from words and a first image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "text-to-video"
INPUTS = (
    Port("prompt", PortType.TEXT, "Prompt"),
    Port("image", PortType.IMAGE, "First image", required=False),
)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One video; with an image it begins there."""
    return call(params, "video", prompt=inputs["prompt"], files={"image": inputs.get("image")})


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="video.generate",
    version=1,
    title="Generate video",
    category="video",
    description="Makes a video from a prompt, or sets an image in motion.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="clapperboard",
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
