"""A generation's settings, exactly as they were, as nodes: to paste on a canvas, or to add to a workflow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apps.engine.node_types import Effect, NodeType
from apps.generations.adapters import asset_ids
from apps.generations.models import Generation
from apps.nodes.registry import NODES, node_type_get
from apps.projects.models import Workflow
from apps.projects.services import operations_apply, workflow_document
from apps.providers.catalogue import MODELS

# How far apart what belongs together is put, and how far below everything else.
_COLUMN, _ROW, _BELOW = 320, 200, 80
_NODE_HEIGHT = 240


def settings_graph(row: Generation) -> dict[str, Any] | None:
    """A graph of the model's node with what went into it; None where no node makes such a thing."""
    found = _type_of(row)
    if found is None:
        return None
    ports = {port.name for port in found.inputs}
    own = {name: value for name, value in row.params.items() if name not in {*ports, "prompt"}}
    nodes, edges = [], []
    for at, (port, type_, params, source_port) in enumerate(_sources(row, ports)):
        nodes.append(_node(f"from{at}", type_, params, 0, at * _ROW))
        edges.append(
            {
                "id": f"e{at}",
                "source": f"from{at}",
                "source_port": source_port,
                "target": "generation",
                "target_port": port,
            }
        )
    nodes.append(_node("generation", found, {"model": row.model, **own}, _COLUMN, 0))
    return {"format": "millrace/1", "nodes": nodes, "edges": edges}


def workflow_take(*, workflow: Workflow, row: Generation, actor_id: UUID | None) -> str | None:
    """Add the settings to a workflow, below what is there; answers the new node's id, None where no node makes it.

    Adding the same twice makes two. Raises what ``operations_apply`` raises.
    """
    graph = settings_graph(row)
    if graph is None:
        return None
    document, seq = workflow_document(workflow)
    taken = {node["id"] for node in document["nodes"]} | {edge["id"] for edge in document["edges"]}
    name = f"tape-{row.id.hex[-8:]}"
    stem = next(stem for stem in (name, *(f"{name}-{n}" for n in range(2, 10_000))) if not _clashes(stem, taken))
    left = min((node["position"]["x"] for node in document["nodes"]), default=0)
    top = max((node["position"]["y"] + _NODE_HEIGHT + _BELOW for node in document["nodes"]), default=0)
    ops = [_added(stem, node, left, top) for node in graph["nodes"]]
    ops += [{"op": "add_edge", "edge": _renamed(stem, edge)} for edge in graph["edges"]]
    sent = [{"client_seq": at, **op} for at, op in enumerate(ops, 1)]
    operations_apply(workflow=workflow, actor_id=actor_id, client_id=f"{stem}-{seq}", ops=sent)
    return f"{stem}-generation"


def _type_of(row: Generation) -> NodeType | None:
    """The node type for the model's kind that takes all the inputs it had; else the first one of that kind."""
    types = [found for found in map(node_type_get, NODES) if found is not None]
    fitting = [one for one in types if one.effect == Effect.PAID and one.model_kind == row.kind]
    model = MODELS.get(row.model)
    able = [one for one in fitting if model and _capability(one) in model.capabilities]
    fitting = able or fitting
    exact = [one for one in fitting if {*row.inputs} == {port.name for port in one.inputs} - {"prompt"}]
    wide = [one for one in fitting if {*row.inputs} <= {port.name for port in one.inputs}]
    return next(iter([*exact, *wide, *fitting]), None)


def _capability(type_: NodeType) -> str:
    """What a model must be able to do for nodes of this type."""
    return str(type_.params.get("properties", {}).get("model", {}).get("x-model-capability", ""))


def _sources(row: Generation, ports: set[str]) -> list[tuple[str, NodeType, dict[str, Any], str]]:
    """(port, node type, params, its output port) for the prompt and each input file."""
    text, asset = node_type_get("input.text"), node_type_get("input.asset")
    said = {port: row.params[port] for port in sorted(ports & {*row.params}) if isinstance(row.params[port], str)}
    if "prompt" not in ports and "text" in ports and row.prompt:
        said["text"] = row.prompt  # a node that speaks has its words there
    found = [(port, text, {"text": words}, "text") for port, words in said.items()] if text else []
    for port, value in row.inputs.items():
        if asset and port in ports:
            found += [(port, asset, {"asset": str(one)}, "asset") for one in asset_ids({port: value})]
    return found


def _node(id_: str, type_: NodeType, params: dict[str, Any], x: int, y: int) -> dict[str, Any]:
    position = {"x": x, "y": y}
    return {
        "id": id_,
        "type": type_.type,
        "version": type_.version,
        "title": "",
        "params": params,
        "position": position,
    }


def _added(stem: str, node: dict[str, Any], left: float, top: float) -> dict[str, Any]:
    place = {"x": left + node["position"]["x"], "y": top + node["position"]["y"]}
    return {"op": "add_node", "node": {**node, "id": f"{stem}-{node['id']}", "position": place}}


def _renamed(stem: str, edge: dict[str, Any]) -> dict[str, Any]:
    return {**edge, **{name: f"{stem}-{edge[name]}" for name in ("id", "source", "target")}}


def _clashes(stem: str, taken: set[str]) -> bool:
    return any(one.startswith(f"{stem}-") for one in taken)
