"""A video that goes on where another one ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "video-extend"
INPUTS = (
    Port("video", PortType.VIDEO, "Video"),
    Port("prompt", PortType.TEXT, "Prompt", required=False),
)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One longer video."""
    return call(params, "video", prompt=inputs.get("prompt"), files={"video": inputs["video"]})


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="video.extend",
    version=1,
    title="Extend video",
    category="video",
    description="Continues a video where it ends.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="film",
    run=run,
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="video",
    inputs=INPUTS,
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params=params_schema(CAPABILITY, "video", "sandbox/extend"),
)
