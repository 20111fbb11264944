"""An outside system answers: the run sleeps in the database until JSON is posted to an address of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, WaitUntil
from apps.engine.types import PortType
from apps.nodes.flow.wait import MAX_SECONDS
from apps.wording import gettext as _


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> WaitUntil:
    """Open the address, and say what comes out when nobody calls in time."""
    at = context.now + timedelta(seconds=params["timeout_s"])
    return WaitUntil(at, {"timeout": inputs.get("value", True)}, {"kind": "callback"})


def would(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """What it would wait for."""
    return _("It would wait for a callback.")


NODE = NodeType(
    type="flow.callback",
    version=1,
    title="Callback",
    category="flow",
    description="Waits until another system posts JSON to an address made for this step. Waiting costs nothing.",
    effect=Effect.WAIT,
    lane=Lane.INLINE,
    icon="webhook",
    run=run,
    would=would,
    inputs=(Port("value", PortType.ANY, "Value", required=False),),
    outputs=(Port("body", PortType.JSON, "Body"), Port("timeout", PortType.ANY, "Nobody called")),
    params={
        "properties": {
            "timeout_s": {
                "type": "number",
                "title": "Time to answer, seconds",
                "description": "After that the value goes out at “Nobody called”.",
                "minimum": 1,
                "maximum": MAX_SECONDS,
                "default": 24 * 3600,
                "x-primary": True,
            },
        }
    },
)
