"""Where a workflow that is used as a node takes something in: each of these is one of its input ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port, is_variable
from apps.engine.types import PortType
from apps.engine.values import value_fit
from apps.nodes.flow.ports import NAME, name_problem, port_of
from apps.wording import gettext as _


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The name must be one, and the default must be of the type."""
    problem = name_problem(params.get("name"))
    if problem:
        return [("name", problem)]
    if is_variable(params.get("type")):
        return [("type", _("Choose a type: a port's cannot come from a variable."))]
    if params.get("default") is None or is_variable(params["default"]):
        return []
    try:
        value_fit(params["default"], port_of(params))
    except NodeFailure as failure:
        return [("default", str(failure))]
    return []


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the run was given, else the default."""
    value = inputs["value"] if inputs.get("value") is not None else params.get("default")
    if value is None:
        message = _(
            "%(name)s was given nothing. Give it a default to run this workflow by itself.", name=params["name"]
        )
        raise NodeFailure(message, code="missing-input")
    return {"value": value_fit(value, port_of(params))}


NODE = NodeType(
    type="flow.input",
    version=1,
    title="Workflow input",
    category="flow",
    description="An input port of this workflow where another workflow uses it as a node.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="log-in",
    run=run,
    check=check,
    instant=True,
    unique="name",
    given=(Port("value", PortType.ANY, "Value", required=False),),
    outputs=(Port("value", PortType.ANY, "Value"),),
    params={
        "properties": {
            "name": NAME,
            "type": {
                "type": "string",
                "title": "Type",
                "enum": [kind.value for kind in PortType],
                "x-enum-titles": [
                    "Text",
                    "Number",
                    "Yes or no",
                    "Data",
                    "Image",
                    "Video",
                    "Sound",
                    "File",
                    "Table",
                    "Anything",
                ],
                "default": "text",
            },
            "default": {
                "type": ["object", "array", "string", "number", "boolean", "null"],
                "title": "Default",
                "description": "Used when nothing is connected, as JSON. Without one the input must be connected.",
            },
        }
    },
)
