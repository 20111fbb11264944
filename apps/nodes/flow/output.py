"""Where a workflow that is used as a node gives something out: each of these is one of its output ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.flow.ports import NAME, name_problem


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The name must be one."""
    problem = name_problem(params.get("name"))
    return [("name", problem)] if problem else []


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep the value under the step, where whoever uses the workflow finds it."""
    return {"value": inputs["value"]}


NODE = NodeType(
    type="flow.output",
    version=1,
    title="Workflow output",
    category="flow",
    description="An output port of this workflow where another workflow uses it as a node.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="log-out",
    run=run,
    check=check,
    instant=True,
    unique="name",
    inputs=(Port("value", PortType.ANY, "Value"),),
    params={"properties": {"name": NAME}},
)
