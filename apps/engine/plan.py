"""The plan: a validated graph as steps in running order, ready to be executed or priced."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeFailure, NodeType, Port, Quote, is_variable
from apps.engine.plain import plain
from apps.engine.policy import Policy, own_params, policy_of
from apps.engine.validation import GraphProblem, Registry, node_type_of, order_of, upstream_of, variable_problems
from apps.engine.values import params_resolve
from apps.engine.vary import Variant, variants_of
from apps.wording import gettext as _


@dataclass(frozen=True)
class PlanInput:
    """An input port and the outputs that feed it: ``(position of the step, output port)`` in edge order."""

    port: Port
    sources: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class PlanStep:
    """One node of the plan. ``position`` is its place in running order."""

    position: int
    node: str
    own_title: str
    type: NodeType
    params: Mapping[str, Any]
    policy: Policy
    inputs: tuple[PlanInput, ...]
    feeds: tuple[int, ...]
    needs: int
    # The parameters with defaults, where no variable is among them: the same for every run.
    fixed: dict[str, Any] | None = None
    # Whether an expression among the parameters speaks of the run's variables.
    reads_variables: bool = False
    # What differs in each of the step's variants; then ``fixed`` is None.
    variants: tuple[Variant, ...] = ()

    @cached_property
    def fixed_work(self) -> bool:
        """Whether nothing but the inputs tells its work in one run from that in another."""
        return self.fixed is not None and not self.reads_variables

    @cached_property
    def repeatable(self) -> bool:
        """Whether the same inputs give the same outputs in every run, and a driver makes them itself."""
        quick = self.type.lane is Lane.INLINE and self.type.effect is Effect.PURE
        return quick and self.fixed_work and not (self.policy.always_new or self.type.always_new)

    @property
    def title(self) -> str:
        """What the step is called: as its node was named, else as its type is called in the active language."""
        return self.own_title or _(self.type.title)


@dataclass(frozen=True)
class Plan:
    """Steps in running order. Immutable, so that a worker may keep it for the next run of the same graph."""

    steps: tuple[PlanStep, ...]
    variables: Mapping[str, Any]

    @cached_property
    def open(self) -> tuple[PlanStep, ...]:
        """The steps that run and whose parameters speak of variables."""
        return tuple(step for step in self.steps if step.policy.pin is None and _speaks_of_variables(step))

    def variable_problems(self, variables: Mapping[str, Any]) -> list[GraphProblem]:
        """What keeps the plan from running with these in place of its own variables."""
        known = {**self.variables, **variables}
        return [
            problem
            for step in self.open
            for problem in variable_problems(step.node, step.type, step.params, known, step.variants)
        ]

    @property
    def paid(self) -> bool:
        """Whether a step may cost something."""
        return any(step.type.quote is not None for step in self.steps)

    def quote(self, variables: Mapping[str, Any], own: Collection[str] = ()) -> list[tuple[PlanStep, Quote]]:
        """Each step's price. A paid step that is skipped costs nothing, so its low is 0 behind a condition.

        ``own``: the vendors that are called with a key of the workspace's own.
        """
        conditional = self._conditional()
        return [(step, _quote(step, variables, conditional, own)) for step in self.steps]

    def price(self, own: Collection[str] = ()) -> Quote:
        """Of all steps together, with the graph's own variables."""
        quotes = [quote for _step, quote in self.quote(self.variables, own)]
        vendors = tuple(sorted({vendor for quote in quotes for vendor in quote.own}))
        return Quote(sum(quote.low for quote in quotes), sum(quote.high for quote in quotes), vendors)

    def _conditional(self) -> set[int]:
        found: set[int] = set()
        for step in self.steps:
            branches = len(step.type.outputs) > 1
            if branches or step.position in found:
                found.update(step.feeds)
        return found


def _speaks_of_variables(step: PlanStep) -> bool:
    return step.reads_variables or any(is_variable(value) for value in step.params.values())


def _quote(step: PlanStep, variables: Mapping[str, Any], conditional: set[int], own: Collection[str]) -> Quote:
    if step.type.quote is None:
        return Quote()
    try:
        params = step.type.with_defaults(params_resolve(step.params, variables))
        quotes = [step_quote(step, each, own=own) for each in _varied(step, params)]
    except NodeFailure:
        return Quote()
    low = 0 if step.position in conditional else sum(quote.low for quote in quotes)
    vendors = tuple(sorted({vendor for quote in quotes for vendor in quote.own}))
    return Quote(low, sum(quote.high for quote in quotes), vendors)


def _varied(step: PlanStep, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of each variant of a step, or of the step itself."""
    return [step.type.vary(params, each) for each in step.variants] if step.variants and step.type.vary else [params]


def step_quote(
    step: PlanStep, params: Mapping[str, Any], inputs: Mapping[str, Any] | None = None, own: Collection[str] = ()
) -> Quote:
    """What a step costs with these parameters; ``inputs`` where they are known. NodeFailure where nobody can say."""
    return step.type.quote(params, inputs, step.policy.fallback, own) if step.type.quote else Quote()


def step_params(step: PlanStep, variables: Mapping[str, Any], item: int = 0) -> dict[str, Any]:
    """A step's parameters with defaults and variables filled in; those of variant ``item`` where the step has variants.

    What came from a variable is checked here, as validation could not: :class:`NodeFailure` when it does not fit.
    """
    if step.fixed is not None:
        return step.fixed
    params = step.type.with_defaults(params_resolve(step.params, variables))
    if step.variants and step.type.vary:
        params = step.type.vary(params, step.variants[min(item, len(step.variants) - 1)])
    problems = step.type.params_problems(params)
    if problems:
        raise NodeFailure(problems[0][1], code="bad-param")
    return params


def plan_build(document: Mapping[str, Any], registry: Registry, targets: Iterable[str] | None = None) -> Plan:
    """The plan of a graph that :func:`~apps.engine.validation.validate` found nothing wrong with."""
    order, _cycle = order_of(document)
    wanted = set(order) if targets is None else upstream_of(document, targets)
    kept = [node for node in order if node in wanted]
    position = {node: index for index, node in enumerate(kept)}
    incoming: dict[str, list[Mapping[str, Any]]] = {}
    outgoing: dict[str, set[int]] = {}
    for edge in document["edges"]:
        if edge["target"] in position:
            incoming.setdefault(edge["target"], []).append(edge)
            outgoing.setdefault(edge["source"], set()).add(position[edge["target"]])
    nodes = {node["id"]: node for node in document["nodes"]}
    steps = tuple(
        _step(nodes[node], position, registry, incoming.get(node, []), outgoing.get(node, set())) for node in kept
    )
    return Plan(steps, plain(document.get("variables", {})))


def _step(
    node: Mapping[str, Any],
    position: Mapping[str, int],
    registry: Registry,
    incoming: list[Mapping[str, Any]],
    feeds: set[int],
) -> PlanStep:
    node_type = node_type_of(node, registry)
    if node_type is None:
        raise ValueError(f"unknown node type {node['type']}: validate before planning")
    inputs = tuple(
        PlanInput(
            port,
            tuple((position[e["source"]], e["source_port"]) for e in incoming if e["target_port"] == port.name),
        )
        for port in node_type.inputs
    )
    needs = len({position[edge["source"]] for edge in incoming})
    # As every other worker reads them from the stored graph.
    stored = plain(node["params"])
    params = own_params(stored)
    variants = variants_of(stored)
    known = not variants and not any(is_variable(value) for value in params.values())
    fixed = node_type.with_defaults(params) if known else None
    reads = node_type.reads_variables
    return PlanStep(
        position[node["id"]],
        node["id"],
        node["title"],
        node_type,
        params,
        policy_of(stored),
        tuple(item for item in inputs if item.sources),
        tuple(sorted(feeds)),
        needs,
        fixed,
        reads is not None and (fixed is None or reads(fixed)),
        variants,
    )
