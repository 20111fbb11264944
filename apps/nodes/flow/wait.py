"""A pause that holds no worker: the run sleeps in the database and is woken on time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, WaitUntil
from apps.engine.types import PortType

MAX_SECONDS = 30 * 24 * 3600


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> WaitUntil:
    """Ask to be woken, then hand the value on."""
    return WaitUntil(context.now + timedelta(seconds=params["seconds"]), {"value": inputs["value"]})


NODE = NodeType(
    type="flow.wait",
    version=1,
    title="Wait",
    category="flow",
    description="Holds the value for a while, from a second to 30 days. Waiting costs nothing.",
    effect=Effect.WAIT,
    lane=Lane.INLINE,
    icon="hourglass",
    run=run,
    inputs=(Port("value", PortType.ANY, "Value"),),
    outputs=(Port("value", PortType.ANY, "Value"),),
    params={
        "properties": {
            "seconds": {
                "type": "number",
                "title": "Seconds",
                "minimum": 0,
                "maximum": MAX_SECONDS,
                "default": 5,
                "x-primary": True,
            }
        }
    },
)
