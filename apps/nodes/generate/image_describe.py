"""Words about an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, ProviderCall
from apps.engine.types import PortType
from apps.nodes.generate.models import call, checker, params_schema, pricer, stand_in, takes_prompt, varied

CAPABILITY = "image-to-text"
OWN = ("question",)
QUESTION = {
    "type": "string",
    "title": "Question",
    "description": "What to say about the image.",
    "format": "multiline",
    "default": "Describe this image: what it shows, its light, colours and mood.",
    "maxLength": 4000,
}
INPUTS = (
    Port("image", PortType.IMAGE, "Image"),
    Port("prompt", PortType.TEXT, "Question", required=False),
)


def ask(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Words about one image: an answer to the question at the port, else to the node's own."""
    files = {"image": inputs["image"]}
    prompt = inputs.get("prompt") or (params.get("question") if takes_prompt(params) else None)
    return call(params, "text", prompt=prompt, files=files, own=OWN)


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ProviderCall:
    """Ask for it."""
    return ask(inputs, params)


NODE = NodeType(
    type="image.describe",
    version=1,
    title="Describe image",
    category="image",
    description="Says in words what an image shows.",
    effect=Effect.PAID,
    lane=Lane.IO,
    icon="scan-text",
    run=run,
    check=checker(CAPABILITY, OWN),
    quote=pricer(ask, INPUTS),
    stand_in=stand_in(CAPABILITY),
    vary=varied(OWN),
    model_kind="text",
    inputs=INPUTS,
    outputs=(Port("text", PortType.TEXT, "Text"),),
    params=params_schema(CAPABILITY, "text", "sandbox/describe", question=QUESTION),
)
