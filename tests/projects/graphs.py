"""Graphs and operations for this app's tests."""

from __future__ import annotations

from typing import Any


def node(name: str, kind: str = "input.text", **fields: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, **fields}


def edge(name: str, source: str, target: str, ports: tuple[str, str] = ("text", "values")) -> dict[str, Any]:
    return {"id": name, "source": source, "source_port": ports[0], "target": target, "target_port": ports[1]}


def graph(*nodes: dict[str, Any], edges: tuple[dict[str, Any], ...] = (), **rest: Any) -> dict[str, Any]:
    return {"format": "millrace/1", "nodes": list(nodes), "edges": list(edges), "variables": {}, **rest}


def add(client_seq: int, name: str, **fields: Any) -> dict[str, Any]:
    return {"client_seq": client_seq, "op": "add_node", "node": node(name, **fields)}


def put(client_seq: int, name: str, param: str, value: Any) -> dict[str, Any]:
    return {"client_seq": client_seq, "op": "set", "id": name, "path": ["params", param], "value": value}
