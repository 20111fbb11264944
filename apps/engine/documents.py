"""Reading a whole graph document from outside: well-formed or refused, within the limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.operations import FORMAT, OperationError, edge_parse, empty_document, node_parse, parse, storable
from apps.wording import gettext as _

MAX_NODES = 10_000
MAX_EDGES = 40_000
# Of its JSON. A request carries no more either (DATA_UPLOAD_MAX_MEMORY_SIZE).
MAX_BYTES = 5_000_000


class DocumentError(ValueError):
    """A document is malformed. ``code`` is stable, ``node`` names the place where there is one."""

    def __init__(self, code: str, detail: str, node: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.node = node


def document_parse(raw: Any) -> dict[str, Any]:
    """A document in canonical shape from JSON; :class:`DocumentError` says what is wrong with it.

    Edges to nodes that do not exist are kept: they are mistakes of the graph, for validation to point at.
    """
    if not isinstance(raw, Mapping):
        raise DocumentError("malformed", _("A graph must be a JSON object."))
    if raw.get("format", FORMAT) != FORMAT:
        raise DocumentError("format", _("The graph's format must be %(format)s.", format=FORMAT))
    if unknown := set(raw) - set(empty_document()):
        raise DocumentError("malformed", _("The graph has an unknown key `%(key)s`.", key=sorted(unknown)[0]))
    nodes, edges, variables = raw.get("nodes", []), raw.get("edges", []), raw.get("variables", {})
    if not isinstance(nodes, list) or not isinstance(edges, list) or not isinstance(variables, Mapping):
        raise DocumentError("malformed", _("`nodes` and `edges` must be lists and `variables` an object."))
    document_limits(len(nodes), len(edges))
    document = {
        "format": FORMAT,
        "nodes": _rows(nodes, node_parse, "node"),
        "edges": _rows(edges, edge_parse, "edge"),
        "variables": dict(variables),
    }
    for name, value in variables.items():
        try:
            parse({"op": "set_variable", "name": name, "value": value})
        except OperationError as error:
            raise DocumentError("malformed", error.detail) from error
    return document


def document_limits(nodes: int, edges: int) -> None:
    """Refuse more nodes or edges than a graph may have."""
    if nodes > MAX_NODES:
        detail = _("A graph may have at most %(limit)s nodes; this one has %(count)s.", **_counts(nodes, MAX_NODES))
        raise DocumentError("too-large", detail)
    if edges > MAX_EDGES:
        detail = _("A graph may have at most %(limit)s edges; this one has %(count)s.", **_counts(edges, MAX_EDGES))
        raise DocumentError("too-large", detail)


def _counts(count: int, limit: int) -> dict[str, str]:
    return {"count": f"{count:,}", "limit": f"{limit:,}"}


def _rows(rows: list[Any], parse_row: Any, what: str) -> list[dict[str, Any]]:
    seen: set[str] = set()
    parsed = []
    for row in rows:
        try:
            storable(row)
            item = parse_row(row)
        except OperationError as error:
            node = row.get("id") if isinstance(row, Mapping) and what == "node" else None
            raise DocumentError("malformed", error.detail, node if isinstance(node, str) else None) from error
        if item["id"] in seen:
            twice = _("Two nodes have the id %(id)s.") if what == "node" else _("Two edges have the id %(id)s.")
            raise DocumentError("duplicate", twice % {"id": item["id"]}, item["id"])
        seen.add(item["id"])
        parsed.append(item)
    return parsed
