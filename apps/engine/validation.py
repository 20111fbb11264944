"""What is wrong with a graph before it runs, each finding at the node and port it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from apps.engine.node_types import NodeType, is_variable
from apps.engine.policy import node_type_treated, own_params, policy_problems
from apps.engine.types import connection_problem
from apps.engine.values import params_resolve, variable_failure
from apps.engine.vary import Variant, variants_of
from apps.wording import gettext as _

# The type of that name as a node of that version has it: most types have one version, workflows have many.
Registry = Callable[[str, int], NodeType | None]


class TypeRefused(LookupError):
    """A registry has no such type for this graph, and says why. ``code`` is the finding's."""

    def __init__(self, message: str, code: str = "unknown-type") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class GraphProblem:
    """One finding. ``port`` is a port or a parameter, None when the whole node is meant; ``code`` is stable."""

    node: str | None
    port: str | None
    code: str
    message: str

    def as_dict(self) -> dict[str, str | None]:
        """The shape of the API's ``errors``."""
        return {"node": self.node, "port": self.port, "code": self.code, "message": self.message}


def node_type_of(node: Mapping[str, Any], registry: Registry) -> NodeType | None:
    """The type of a node of a document, with the ports that its settings give it. May raise :class:`TypeRefused`."""
    node_type = registry(node["type"], node["version"])
    return node_type and node_type_treated(node_type, node["params"])


def upstream_of(document: Mapping[str, Any], targets: Iterable[str]) -> set[str]:
    """The ids of ``targets`` and of everything they need."""
    sources: dict[str, list[str]] = {}
    for edge in document["edges"]:
        sources.setdefault(edge["target"], []).append(edge["source"])
    found: set[str] = set()
    waiting = list(targets)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += sources.get(node, [])
    return found


def order_of(document: Mapping[str, Any]) -> tuple[list[str], list[str] | None]:
    """The nodes in running order, and the ids along a cycle if there is one (then the order is empty)."""
    sorter: TopologicalSorter[str] = TopologicalSorter({node["id"]: () for node in document["nodes"]})
    known = {node["id"] for node in document["nodes"]}
    for edge in document["edges"]:
        if edge["source"] in known and edge["target"] in known:
            sorter.add(edge["target"], edge["source"])
    try:
        return list(sorter.static_order()), None
    except CycleError as error:
        return [], list(error.args[1])


def validate(
    document: Mapping[str, Any],
    registry: Registry,
    targets: Iterable[str] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[GraphProblem]:
    """Every problem of the graph (of what ``targets`` need, when given); an empty list means it can run.

    ``variables``: a run's, in place of the graph's own. Without them what is wrong with variables is left for the run
    to say.
    """
    known = None if variables is None else {**document["variables"], **variables}
    types: dict[str, NodeType | None] = {}
    problems: list[GraphProblem] = []
    for node in document["nodes"]:
        try:
            types[node["id"]] = node_type_of(node, registry)
        except TypeRefused as refusal:
            types[node["id"]] = None
            problems.append(GraphProblem(node["id"], None, refusal.code, str(refusal)))
        else:
            problems += _node_problems(node, types[node["id"]], known)
    problems += _shared_names(document, types)
    problems += _edge_problems(document, types)
    cycle = order_of(document)[1]
    if cycle:
        path = " → ".join(reversed(cycle))
        message = _("These nodes feed each other in a circle: %(path)s. Remove one edge.", path=path)
        problems += [GraphProblem(node, None, "cycle", message) for node in dict.fromkeys(cycle)]
    if targets is None:
        return problems
    targets = list(targets)
    if not targets:
        message = _("`targets` is empty. Name the nodes to run, or leave it out to run all of them.")
        return [GraphProblem(None, None, "no-targets", message)]
    problems += [
        GraphProblem(target, None, "unknown-target", _("There is no node %(node)s in this graph.", node=target))
        for target in targets
        if target not in types
    ]
    needed = upstream_of(document, targets)
    return [problem for problem in problems if problem.node is None or problem.node in needed]


def _node_problems(
    node: Mapping[str, Any], node_type: NodeType | None, variables: Mapping[str, Any] | None
) -> list[GraphProblem]:
    if node_type is None:
        message = _("There is no node type %(type)s.", type=node["type"])
        return [GraphProblem(node["id"], None, "unknown-type", message)]
    if node["version"] > node_type.version:
        versions = {"version": node["version"], "newest": node_type.version}
        message = _(
            "%(node)s has no version %(version)s; the newest is %(newest)s.", node=_(node_type.title), **versions
        )
        return [GraphProblem(node["id"], None, "unknown-version", message)]
    own = own_params(node["params"])
    found = [*node_type.params_problems(own), *policy_problems(node["params"], node_type)]
    if found or variables is None or node["params"].get("$pin") is not None:
        return [GraphProblem(node["id"], name or None, "bad-param", message) for name, message in found]
    return variable_problems(node["id"], node_type, own, variables, variants_of(node["params"]))


def variable_problems(
    node: str,
    node_type: NodeType,
    params: Mapping[str, Any],
    variables: Mapping[str, Any],
    variants: Sequence[Variant] = (),
) -> list[GraphProblem]:
    """What is wrong with a valid node's own parameters once these variables are filled in."""
    named = [(name, value["$variable"]) for name, value in params.items() if is_variable(value)]
    unset = [(name, failure) for name, variable in named if (failure := variable_failure(variable, variables))]
    if not unset:
        whole = node_type.with_defaults(params_resolve(params, variables))
        each = [node_type.vary(whole, variant) for variant in variants] if variants and node_type.vary else [whole]
        if found := [problem for one in each for problem in node_type.params_problems(one)]:
            return [GraphProblem(node, name or None, "bad-param", message) for name, message in dict.fromkeys(found)]
        needed = [need for need in node_type.variables_needed(whole) if need[1] not in variables]
        unset = [(name, failure) for name, variable in needed if (failure := variable_failure(variable, variables))]
    return [GraphProblem(node, name, failure.code, str(failure)) for name, failure in unset]


def _shared_names(document: Mapping[str, Any], types: Mapping[str, NodeType | None]) -> list[GraphProblem]:
    """Nodes that must be told apart by a parameter and are not."""
    named: dict[tuple[str, str], list[str]] = {}
    for node in document["nodes"]:
        node_type = types[node["id"]]
        name = node["params"].get(node_type.unique) if node_type and node_type.unique else None
        if isinstance(name, str) and name:
            named.setdefault((node["type"], name), []).append(node["id"])
    return [
        GraphProblem(node, _unique(types[node]), "duplicate-name", _("Another one is called %(name)s too.", name=name))
        for (_type, name), nodes in named.items()
        if len(nodes) > 1
        for node in nodes
    ]


def _unique(node_type: NodeType | None) -> str | None:
    return node_type.unique if node_type else None


def _edge_problems(document: Mapping[str, Any], types: Mapping[str, NodeType | None]) -> list[GraphProblem]:
    problems: list[GraphProblem] = []
    fed: dict[tuple[str, str], int] = {}
    for edge in document["edges"]:
        found = _edge_problem(edge, types)
        if found:
            problems.append(found)
        key = (edge["target"], edge["target_port"])
        fed[key] = fed.get(key, 0) + 1
    for node_id, node_type in types.items():
        for port in node_type.inputs if node_type else ():
            count = fed.get((node_id, port.name), 0)
            title = _(port.title) or port.name
            if count == 0 and port.required:
                message = _("Connect something to %(port)s.", port=title)
                problems.append(GraphProblem(node_id, port.name, "missing-input", message))
            if count > 1 and not port.many:
                message = _("%(port)s takes one connection, not %(count)s.", port=title, count=count)
                problems.append(GraphProblem(node_id, port.name, "too-many-edges", message))
    return problems


def _edge_problem(edge: Mapping[str, Any], types: Mapping[str, NodeType | None]) -> GraphProblem | None:
    for end in ("source", "target"):
        if edge[end] not in types:
            message = _(
                "The edge %(edge)s leads to a node that does not exist: %(node)s.", edge=edge["id"], node=edge[end]
            )
            other = edge["target" if end == "source" else "source"]
            return GraphProblem(other if other in types else None, None, "unknown-node", message)
    source, target = types[edge["source"]], types[edge["target"]]
    if source is None or target is None:
        return None  # the unknown type is reported at its node
    output, into = source.output(edge["source_port"]), target.input(edge["target_port"])
    if output is None:
        message = _("%(node)s has no output %(port)s.", node=_(source.title), port=edge["source_port"])
        return GraphProblem(edge["source"], edge["source_port"], "unknown-port", message)
    if into is None:
        message = _("%(node)s has no input %(port)s.", node=_(target.title), port=edge["target_port"])
        return GraphProblem(edge["target"], edge["target_port"], "unknown-port", message)
    reason = connection_problem(output.type, into.type)
    return GraphProblem(edge["target"], into.name, "wrong-type", reason) if reason else None
