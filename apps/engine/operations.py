"""The graph document and the operations that change it. The TypeScript twin is held to the same vectors.

A document is ``{"format", "nodes": […], "edges": […], "variables": {…}}``; :class:`Fold` changes one. A well-formed
operation always applies, maybe without effect (its node was removed by somebody else); a malformed one is refused with
a sentence.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from apps.wording import gettext as _
from apps.wording import gettext_noop

FORMAT = "millrace/1"
MAX_TITLE = 200
MAX_NAME = 100
# Whatever reads a value later walks it by recursion, in Python and elsewhere.
MAX_DEPTH = 100
_LARGEST = sys.float_info.max
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
_KEYS: dict[str, tuple[set[str], set[str]]] = {
    "add_node": ({"op", "node"}, set()),
    "remove_node": ({"op", "id"}, set()),
    "set": ({"op", "id", "path"}, {"value"}),
    "add_edge": ({"op", "edge"}, set()),
    "remove_edge": ({"op", "id"}, set()),
    "set_variable": ({"op", "name"}, {"value"}),
}
_NODE = ({"id", "type"}, {"version", "title", "params", "position"})
# What each is called is translated only when it is wrong: a graph has thousands of them.
_EDGE_FIELDS = {
    "id": gettext_noop("An edge's id"),
    "source": gettext_noop("An edge's source"),
    "source_port": gettext_noop("An edge's source port"),
    "target": gettext_noop("An edge's target"),
    "target_port": gettext_noop("An edge's target port"),
}
_EDGE = (set(_EDGE_FIELDS), set[str]())


class OperationError(ValueError):
    """An operation is malformed. ``index`` is its place in the request."""

    def __init__(self, detail: str, index: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.index = index


def empty_document() -> dict[str, Any]:
    """A document with nothing in it."""
    return {"format": FORMAT, "nodes": [], "edges": [], "variables": {}}


def _keys(value: Any, required: set[str], optional: set[str], what: str) -> None:
    if not isinstance(value, Mapping):
        raise OperationError(_("%(what)s must be an object.", what=_(what)))
    if missing := required - set(value):
        raise OperationError(_("%(what)s lacks `%(key)s`.", what=_(what), key=sorted(missing)[0]))
    if unknown := set(value) - required - optional:
        raise OperationError(_("%(what)s has an unknown key `%(key)s`.", what=_(what), key=sorted(unknown)[0]))


def _identifier(value: Any, what: str) -> None:
    if not isinstance(value, str) or not _ID.match(value):
        raise OperationError(_("%(what)s must be 1 to 64 letters, digits or _ . : -", what=_(what)))


def _name(value: Any, what: str) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME:
        raise OperationError(_("%(what)s must be text of 1 to %(limit)s characters.", what=_(what), limit=MAX_NAME))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def storable(value: Any, levels: int = MAX_DEPTH) -> None:
    """JSON that PostgreSQL and every reader can hold: no U+0000, no lone surrogate, no NaN, not nested too deep."""
    if isinstance(value, str):
        if "\x00" in value or _SURROGATE.search(value):
            raise OperationError(_("Text must be Unicode without the null character."))
    elif isinstance(value, int | float):
        # Whole numbers have no bound here, but are infinite to every other reader of JSON.
        if not -_LARGEST <= value <= _LARGEST:
            raise OperationError(_("Numbers must be finite."))
    elif isinstance(value, Mapping | list):
        if not levels:
            raise OperationError(_("Lists and objects may be nested %(limit)s deep at most.", limit=MAX_DEPTH))
        for item in (*value, *value.values()) if isinstance(value, Mapping) else value:
            storable(item, levels - 1)


def _position(value: Any) -> None:
    if not isinstance(value, Mapping) or set(value) != {"x", "y"} or not all(map(_is_number, value.values())):
        raise OperationError(_("A position must be {x, y} with two numbers."))


def _title(value: Any) -> None:
    if not isinstance(value, str) or len(value) > MAX_TITLE:
        raise OperationError(_("A title must be text of at most %(limit)s characters.", limit=MAX_TITLE))


def _version(value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
        raise OperationError(_("A version must be a whole number from 1."))


def node_parse(node: Any) -> dict[str, Any]:
    """A node with its defaults filled in; OperationError when it is malformed."""
    _keys(node, *_NODE, gettext_noop("A node"))
    _identifier(node["id"], gettext_noop("A node's id"))
    if not node["id"].strip("."):
        # In the address of a step it would lead somewhere else.
        raise OperationError(_("A node's id must have more than dots."))
    _identifier(node["type"], gettext_noop("A node's type"))
    filled = {
        "id": node["id"],
        "type": node["type"],
        "version": node.get("version", 1),
        "title": node.get("title", ""),
        "params": node.get("params", {}),
        "position": node.get("position", {"x": 0, "y": 0}),
    }
    _version(filled["version"])
    _title(filled["title"])
    _position(filled["position"])
    if not isinstance(filled["params"], Mapping):
        raise OperationError(_("A node's params must be an object."))
    for name in filled["params"]:
        _name(name, gettext_noop("A parameter's name"))
    return {**filled, "params": dict(filled["params"]), "position": dict(filled["position"])}


def edge_parse(edge: Any) -> dict[str, Any]:
    """An edge; OperationError when it is malformed."""
    _keys(edge, *_EDGE, gettext_noop("An edge"))
    for key in _EDGE_FIELDS:
        _identifier(edge[key], _EDGE_FIELDS[key])
    return {key: edge[key] for key in _EDGE_FIELDS}


def _parse_set(op: Mapping[str, Any]) -> None:
    _identifier(op["id"], "`id`")
    path = op["path"]
    if not isinstance(path, list) or not all(isinstance(part, str) for part in path):
        raise OperationError(_("`path` must be a list of names."))
    if len(path) == 2 and path[0] == "params":
        _name(path[1], gettext_noop("A parameter's name"))
        return
    checks = {("title",): _title, ("type_version",): _version, ("position",): _position}
    check = checks.get(tuple(path))
    if check is None:
        raise OperationError(_("`path` must be title, type_version, position or params and a name."))
    if "value" not in op:
        raise OperationError(_("%(what)s lacks `%(key)s`.", what="`set`", key="value"))
    check(op["value"])


def parse(op: Any) -> None:
    """Refuse a malformed operation with :class:`OperationError`."""
    if not isinstance(op, Mapping):
        raise OperationError(_("An operation must be an object."))
    kind = op.get("op")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise OperationError(_("`op` must be one of %(kinds)s.", kinds=", ".join(_KEYS)))
    _keys(op, *_KEYS[kind], f"`{kind}`")
    storable(op)
    if kind == "add_node":
        node_parse(op["node"])
    elif kind == "add_edge":
        edge_parse(op["edge"])
    elif kind == "set":
        _parse_set(op)
    elif kind == "set_variable":
        _name(op["name"], gettext_noop("A variable's name"))
    else:
        _identifier(op["id"], "`id`")


class Fold:
    """A document being changed: rows by id, so that an operation costs the same in a graph of 10 or 10,000 nodes."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._nodes = {node["id"]: {**node, "params": dict(node["params"])} for node in document["nodes"]}
        self._edges = {edge["id"]: dict(edge) for edge in document["edges"]}
        self._variables = dict(document.get("variables", {}))
        self._ends = {self._end(edge) for edge in self._edges.values()}

    @staticmethod
    def _end(edge: Mapping[str, Any]) -> tuple[str, str, str, str]:
        return (edge["source"], edge["source_port"], edge["target"], edge["target_port"])

    def document(self) -> dict[str, Any]:
        """The document as it is now."""
        return {
            "format": FORMAT,
            "nodes": list(self._nodes.values()),
            "edges": list(self._edges.values()),
            "variables": self._variables,
        }

    def size(self) -> tuple[int, int]:
        """How many nodes and edges there are."""
        return len(self._nodes), len(self._edges)

    def apply(self, op: Mapping[str, Any]) -> bool:
        """Apply one operation; answers whether it had an effect. OperationError when it is malformed."""
        parse(op)
        return bool(getattr(self, f"_{op['op']}")(op))

    def _add_node(self, op: Mapping[str, Any]) -> bool:
        node = node_parse(op["node"])
        return self._nodes.setdefault(node["id"], node) is node

    def _remove_node(self, op: Mapping[str, Any]) -> bool:
        if self._nodes.pop(op["id"], None) is None:
            return False
        for edge in [edge for edge in self._edges.values() if op["id"] in (edge["source"], edge["target"])]:
            self._drop(edge)
        return True

    def _drop(self, edge: Mapping[str, Any]) -> None:
        del self._edges[edge["id"]]
        self._ends.discard(self._end(edge))

    def _set(self, op: Mapping[str, Any]) -> bool:
        node = self._nodes.get(op["id"])
        if node is None:
            return False
        path = op["path"]
        if path[0] == "params":
            return _assign(node["params"], path[1], op)
        key = "version" if path[0] == "type_version" else path[0]
        node[key] = op["value"]
        return True

    def _add_edge(self, op: Mapping[str, Any]) -> bool:
        edge = edge_parse(op["edge"])
        if edge["source"] not in self._nodes or edge["target"] not in self._nodes:
            return False
        if edge["id"] in self._edges or self._end(edge) in self._ends:
            return False
        self._edges[edge["id"]] = edge
        self._ends.add(self._end(edge))
        return True

    def _remove_edge(self, op: Mapping[str, Any]) -> bool:
        edge = self._edges.get(op["id"])
        if edge is None:
            return False
        self._drop(edge)
        return True

    def _set_variable(self, op: Mapping[str, Any]) -> bool:
        return _assign(self._variables, op["name"], op)


def _assign(values: dict[str, Any], name: str, op: Mapping[str, Any]) -> bool:
    if "value" not in op:
        return values.pop(name, op) is not op
    values[name] = op["value"]
    return True


def fold(document: Mapping[str, Any], ops: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``document`` after ``ops``; the given one stays as it was."""
    folding = Fold(document)
    for op in ops:
        folding.apply(op)
    return folding.document()


def fields_touched(op: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """What an operation changes, as keys that clash when two of them meet; used to report conflicts."""
    kind = op["op"]
    if kind == "set":
        return {("node", op["id"], *op["path"])}
    if kind in ("add_node", "remove_node"):
        return {("node", op["node"]["id"] if kind == "add_node" else op["id"])}
    if kind == "set_variable":
        return {("variable", op["name"])}
    if kind == "add_edge":
        return {("edge", op["edge"]["id"])}
    return {("edge", op["id"])}


def conflicts(ours: set[tuple[str, ...]], theirs: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Keys of ``ours`` that meet one of ``theirs``: the same field, or a field of a node the other added or removed."""
    return {one for one in ours for other in theirs if one[: len(other)] == other or other[: len(one)] == one}


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Operations that turn ``old`` into ``new`` (both well-formed documents), removals first."""
    ops: list[dict[str, Any]] = []
    old_nodes = {node["id"]: node for node in old["nodes"]}
    new_nodes = {node["id"]: node_parse(node) for node in new["nodes"]}
    retyped = {key for key, node in new_nodes.items() if key in old_nodes and old_nodes[key]["type"] != node["type"]}
    kept = {key for key in old_nodes if key in new_nodes} - retyped
    old_edges = {edge["id"]: edge for edge in old["edges"] if {edge["source"], edge["target"]} <= kept}
    new_edges = {edge["id"]: edge_parse(edge) for edge in new["edges"]}
    ops += [{"op": "remove_edge", "id": key} for key, edge in old_edges.items() if new_edges.get(key) != edge]
    ops += [{"op": "remove_node", "id": key} for key in old_nodes if key not in kept]
    for key, node in new_nodes.items():
        ops += _diff_node(old_nodes[key], node) if key in kept else [{"op": "add_node", "node": node}]
    ops += [{"op": "add_edge", "edge": edge} for key, edge in new_edges.items() if old_edges.get(key) != edge]
    old_vars, new_vars = old.get("variables", {}), new.get("variables", {})
    ops += [{"op": "set_variable", "name": name} for name in old_vars if name not in new_vars]
    ops += [
        {"op": "set_variable", "name": name, "value": value}
        for name, value in new_vars.items()
        if name not in old_vars or old_vars[name] != value
    ]
    return ops


def _diff_node(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    node_id = new["id"]
    ops: list[dict[str, Any]] = []
    for key, path in (("version", "type_version"), ("title", "title"), ("position", "position")):
        if old[key] != new[key]:
            ops.append({"op": "set", "id": node_id, "path": [path], "value": new[key]})
    ops += [
        {"op": "set", "id": node_id, "path": ["params", name]} for name in old["params"] if name not in new["params"]
    ]
    ops += [
        {"op": "set", "id": node_id, "path": ["params", name], "value": value}
        for name, value in new["params"].items()
        if name not in old["params"] or old["params"][name] != value
    ]
    return ops
