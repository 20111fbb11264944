"""A video from words, or from words and a first image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import checker, params_schema, quote, split


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for one video; with an image it begins there."""
    model, own = split(params)
    images = {"image": inputs["image"]} if inputs.get("image") else {}
    return ProviderCall(model, {**own, "prompt": inputs["prompt"]}, images, "video")


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
    check=checker("video"),
    quote=quote,
    model_kind="video",
    inputs=(
        Port("prompt", PortType.TEXT, "Prompt"),
        Port("image", PortType.IMAGE, "First image", required=False),
    ),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params=params_schema("video", "sandbox/video"),
)
