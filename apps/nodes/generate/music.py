"""Music from words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "text-to-music"
INPUTS = (Port("prompt", PortType.TEXT, "Prompt"),)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One piece of music."""
    return call(params, "audio", prompt=inputs["prompt"])


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="audio.music",
    version=1,
    title="Compose music",
    category="audio",
    description="Makes music from a prompt.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="music",
    run=run,
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="audio",
    inputs=INPUTS,
    outputs=(Port("audio", PortType.AUDIO, "Audio"),),
    params=params_schema(CAPABILITY, "audio", "sandbox/music"),
)
