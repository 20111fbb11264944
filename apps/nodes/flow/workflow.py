"""A version of a workflow as a node type: its ports, its effect and its price come from its graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from apps.engine.lists import Lists, lists_of
from apps.engine.node_types import ChildRun, Effect, Lane, NodeContext, NodeType, Port, Pricer, Quote, Run
from apps.engine.plan import Plan, PlanStep, plan_build
from apps.engine.types import WHOLE, PortType
from apps.engine.validation import Registry
from apps.nodes.flow.ports import port_of
from apps.wording import gettext as _
from apps.wording import gettext_noop

PREFIX = "workflow."
CATEGORY = "workflow"
INPUT, OUTPUT = "flow.input", "flow.output"

# The effect of the whole is the strongest inside. What writes or waits is never reused, however much is paid in it.
_STRENGTH = [Effect.PURE, Effect.PAID, Effect.WAIT, Effect.WRITE]


def type_name(workflow_id: UUID) -> str:
    """What nodes that are this workflow have as their type."""
    return f"{PREFIX}{workflow_id.hex}"


def workflow_id_of(name: str) -> UUID | None:
    """The workflow that a node of this type is; None for every other type."""
    digits = name.removeprefix(PREFIX)
    if digits == name or len(digits) != 32:
        return None
    try:
        found = UUID(hex=digits)
    except ValueError:
        return None
    return found if found.hex == digits else None


def nests(document: Mapping[str, Any]) -> bool:
    """Whether a graph has workflows among its nodes."""
    return any(node["type"].startswith(PREFIX) for node in document["nodes"])


def workflow_type(
    *, workflow_id: UUID, version: int, title: str, document: Mapping[str, Any], registry: Registry
) -> NodeType:
    """The node type of a version whose graph can run. ``registry`` knows the types in that graph."""
    plan = plan_build(document, registry)
    lists = lists_of(plan, _single(plan))
    return NodeType(
        type=type_name(workflow_id),
        version=version,
        title=title,
        category=CATEGORY,
        description=gettext_noop("A workflow of this workspace, as it was when this version was published."),
        effect=max((step.type.effect for step in plan.steps), key=_STRENGTH.index, default=Effect.PURE),
        lane=Lane.IO,
        icon="workflow",
        run=_starter(workflow_id, version),
        inputs=tuple(port_of(step.params, step.own_title) for step in _ends(plan, document, INPUT)),
        outputs=tuple(
            Port(
                step.params["name"],
                _type_of(step, plan),
                step.own_title,
                many=lists.may_list(*step.inputs[0].sources[0]),
            )
            for step in _ends(plan, document, OUTPUT)
        ),
        params={"properties": {}},
        quote=_pricer(plan) if plan.price().high else None,
        would=_teller(title, version),
        nested=True,
        content=tuple(sorted(_content(plan))),
        per_item=any(_open(step, lists) for step in plan.steps),
        always_new=any(step.policy.always_new or step.type.always_new for step in plan.steps),
    )


def _starter(workflow_id: UUID, version: int) -> Run:
    def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> ChildRun:
        """Ask for a run of this version."""
        return ChildRun(str(workflow_id), version, inputs)

    return run


def _teller(title: str, version: int) -> Callable[[Mapping[str, Any], Mapping[str, Any]], str]:
    def would(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
        """For plans; a dry run goes inside instead."""
        return _("It would run %(workflow)s, version %(version)s.", workflow=title, version=version)

    return would


def _pricer(plan: Plan) -> Pricer:
    platform = plan.price()

    def quote(
        params: Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
        fallbacks: Sequence[str] = (),
        own: Collection[str] = (),
    ) -> Quote:
        return plan.price(own) if own else platform

    return quote


def _single(plan: Plan) -> set[int]:
    """Inputs that take one value: a list at such a port runs the whole workflow once per item."""
    return {step.position for step in plan.steps if step.type.type == INPUT and port_of(step.params).type not in WHOLE}


def _open(step: PlanStep, lists: Lists) -> bool:
    return step.type.quote is not None and (step.type.per_item or lists.items[step.position] is not None)


def _ends(plan: Plan, document: Mapping[str, Any], kind: str) -> list[PlanStep]:
    """Its inputs or outputs as they lie on the canvas, from top to bottom, then as they were drawn."""
    places = {
        node["id"]: (node["position"]["y"], node["position"]["x"], index)
        for index, node in enumerate(document["nodes"])
    }
    return sorted((step for step in plan.steps if step.type.type == kind), key=lambda step: places[step.node])


def _type_of(step: PlanStep, plan: Plan) -> PortType:
    """The type of what feeds an output."""
    position, name = step.inputs[0].sources[0]
    source = plan.steps[position]
    if source.type.type == INPUT:
        return port_of(source.params).type
    output = source.type.output(name)
    return output.type if output else PortType.ANY


def _content(plan: Plan) -> Iterable[tuple[str, int]]:
    return {part for step in plan.steps for part in ((step.type.type, step.type.version), *step.type.content)}


def given(plan: Plan, inputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a run of this plan is given at its start, by node and port, for inputs by the names of its ports."""
    return {
        step.node: {"value": inputs[step.params["name"]]}
        for step in plan.steps
        if step.type.type == INPUT and inputs.get(step.params["name"]) is not None
    }


def output_names(plan: Plan) -> dict[str, str]:
    """The name of the port that each output node is, by node."""
    return {step.node: step.params["name"] for step in plan.steps if step.type.type == OUTPUT}
