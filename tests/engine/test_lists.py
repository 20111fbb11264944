"""What is told of lists before a run, in graphs of any depth."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from apps.engine.documents import document_parse
from apps.engine.lists import OPEN, lists_of
from apps.engine.plan import Plan, plan_build
from apps.nodes.registry import node_type_get


def deep(first: str, depth: int) -> Plan:
    """A text or a list, handed on ``depth`` times, then into a port for one text."""
    nodes: list[dict[str, Any]] = [
        {"id": "in", "type": "input.text", "params": {"text": "a"}},
        {"id": "n0", "type": first},
    ]
    nodes += [{"id": f"n{place}", "type": "test.pass"} for place in range(1, depth)]
    nodes.append({"id": "end", "type": "flow.split"})
    gives = {"input.text": "text", "flow.split": "texts"}
    takes = {"flow.split": "text"}
    edges = [
        {
            "id": f"e{place}",
            "source": source["id"],
            "source_port": gives.get(source["type"], "value"),
            "target": target["id"],
            "target_port": takes.get(target["type"], "value"),
        }
        for place, (source, target) in enumerate(pairwise(nodes))
    ]
    return plan_build(document_parse({"nodes": nodes, "edges": edges}), node_type_get)


def test_what_is_handed_on_is_known_however_deep_the_graph() -> None:
    one, many = deep("flow.wait", 3000), deep("flow.split", 3000)
    assert lists_of(one).items[len(one.steps) - 1] is None
    assert lists_of(many).items[len(many.steps) - 1] == OPEN
