"""Text typed on the canvas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Hand the text on."""
    return {"text": params["text"]}


NODE = NodeType(
    type="input.text",
    version=1,
    title="Text",
    category="input",
    description="A text you type: a prompt, a name, a question.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="type",
    run=run,
    instant=True,
    outputs=(Port("text", PortType.TEXT, "Text"),),
    params={
        "properties": {
            "text": {
                "type": "string",
                "title": "Text",
                "format": "multiline",
                "default": "",
                "maxLength": 100_000,
                "x-primary": True,
            }
        }
    },
)
