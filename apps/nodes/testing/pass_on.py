"""Hands its value on: the smallest step there is, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.wording import gettext as _


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value, after ``sleep_ms``; the first ``fail_times`` attempts fail."""
    if params["sleep_ms"]:
        context.sleep(params["sleep_ms"] / 1000)
    if context.attempt <= params["fail_times"]:
        raise NodeFailure(
            _("Failed on request, attempt %(attempt)s.", attempt=context.attempt), code="on-request", permanent=False
        )
    return {"value": inputs.get("value")}


NODE = NodeType(
    type="test.pass",
    version=1,
    title="Pass",
    category="test",
    description="Hands its value on. For tests and benchmarks.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="move-right",
    run=run,
    inputs=(Port("value", PortType.ANY, "Value", required=False),),
    outputs=(Port("value", PortType.ANY, "Value"),),
    params={
        "properties": {
            "sleep_ms": {"type": "integer", "title": "Sleep (ms)", "minimum": 0, "maximum": 10_000, "default": 0},
            "fail_times": {"type": "integer", "title": "Fail times", "minimum": 0, "maximum": 100, "default": 0},
        }
    },
)
