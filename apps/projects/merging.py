"""Two sets of changes to one graph: where they meet, and where both can stay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.engine.operations import fields_touched

Op = Mapping[str, Any]
Key = tuple[str, ...]


def _wording(op: Op) -> str:
    return json.dumps(op, sort_keys=True)


def _keys(ops: Iterable[Op]) -> set[Key]:
    return {key for op in ops for key in fields_touched(op)}


def _prefixes(keys: Iterable[Key]) -> set[Key]:
    return {key[:length] for key in keys for length in range(1, len(key) + 1)}


def _meeting(keys: set[Key], others: set[Key]) -> set[Key]:
    """Those of ``keys`` that are, contain or lie within one of ``others``. Linear: a graph may have 10,000 nodes."""
    containing = _prefixes(others)
    return {key for key in keys if key in containing or not _prefixes([key]).isdisjoint(others)}


def _removed(ops: Iterable[Op]) -> set[str]:
    return {op["id"] for op in ops if op["op"] == "remove_node"}


def _edges_at(ops: Iterable[Op], nodes: set[str]) -> set[Key]:
    """The edges that ``ops`` draw at one of ``nodes``, and those nodes."""
    edges = [op["edge"] for op in ops if op["op"] == "add_edge"]
    meeting = [edge for edge in edges if not nodes.isdisjoint((edge["source"], edge["target"]))]
    ends = {end for edge in meeting for end in (edge["source"], edge["target"])} & nodes
    return {("edge", edge["id"]) for edge in meeting} | {("node", end) for end in ends}


def clashes(mine: Sequence[Op], theirs: Sequence[Op]) -> set[Key]:
    """What both change in different ways: one field of a node, or a node the other removes, changes or connects.

    Both lists are net changes from one and the same document. What both do alike is no clash.
    """
    alike = {_wording(op) for op in mine} & {_wording(op) for op in theirs}
    ours = [op for op in mine if _wording(op) not in alike]
    others = [op for op in theirs if _wording(op) not in alike]
    found = _meeting(_keys(ours), _keys(others)) | _meeting(_keys(others), _keys(ours))
    # A retyped node is removed and added again together with its edges; only what the other side draws counts.
    return found | _edges_at(ours, _removed(others)) | _edges_at(others, _removed(ours))


def touching(ops: Iterable[Op], keys: set[Key]) -> list[bool]:
    """For each operation, whether it changed something that meets ``keys``."""
    return [bool(_meeting(set(fields_touched(op)), keys)) for op in ops]
