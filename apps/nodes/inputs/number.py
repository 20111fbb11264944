"""A number typed on the canvas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Hand the number on."""
    return {"number": params["number"]}


NODE = NodeType(
    type="input.number",
    version=1,
    title="Number",
    category="input",
    description="A number you type: an amount, a threshold, a count.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="hash",
    run=run,
    instant=True,
    outputs=(Port("number", PortType.NUMBER, "Number"),),
    params={"properties": {"number": {"type": "number", "title": "Number", "default": 0, "x-primary": True}}},
)
