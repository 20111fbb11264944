"""Words from words, and from images where the model can see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, varied

CAPABILITY = "text-to-text"
INPUTS = (
    Port("prompt", PortType.TEXT, "Prompt"),
    Port("images", PortType.IMAGE, "Images", required=False, many=True),
)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """One text."""
    return call(params, "text", prompt=inputs["prompt"], files={"images": inputs.get("images")})


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="text.generate",
    version=1,
    title="Generate text",
    category="text",
    description="Writes an answer to a prompt. It appears while it is written.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="message-square-text",
    run=run,
    check=checker(CAPABILITY),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(),
    model_kind="text",
    inputs=INPUTS,
    outputs=(Port("text", PortType.TEXT, "Text"),),
    params=params_schema(CAPABILITY, "text", "sandbox/text"),
)
