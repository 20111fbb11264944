"""What a graph is as a node type: ports, effect, price, content."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.engine.documents import document_parse
from apps.engine.node_types import ChildRun, Effect, NodeType
from apps.engine.validation import validate
from apps.nodes.flow.workflow import nests, type_name, workflow_id_of, workflow_type
from apps.nodes.registry import node_type_get
from tests.nodes.context import FolderContext
from tests.runs.graphs import graph, node
from tests.runs.nesting import given, gives, shout

ID = uuid4()


def made(document: dict[str, Any]) -> NodeType:
    return workflow_type(
        workflow_id=ID, version=3, title="Sub", document=document_parse(document), registry=node_type_get
    )


def test_name_of_the_type_leads_back_to_the_workflow() -> None:
    assert workflow_id_of(type_name(ID)) == ID
    for other in ("workflow.", "workflow.x", f"workflow.{ID}", f"workflow.{ID.hex.upper()}", "input.text", ID.hex):
        assert workflow_id_of(other) is None


def test_ports_are_those_of_the_graph_from_top_to_bottom() -> None:
    low = {**given("low", "number", default=2), "position": {"x": 0, "y": 300}, "title": "How low"}
    high = {**given("high", "image"), "position": {"x": 0, "y": 0}}
    nodes = [low, high, node("t", "flow.template"), gives("text"), gives("low"), gives("high")]
    edges = [("t", "text", "out-text", "value"), ("in-low", "value", "out-low", "value")]
    found = made(graph(nodes, *edges, ("in-high", "value", "out-high", "value")))
    assert [(port.name, port.type, port.required) for port in found.inputs] == [
        ("high", "image", True),
        ("low", "number", False),
    ]
    assert found.input("low").title == "How low"  # type: ignore[union-attr]
    assert [(port.name, port.type) for port in found.outputs] == [
        ("text", "text"),
        ("low", "number"),
        ("high", "image"),
    ]


@pytest.mark.parametrize(
    ("kind", "effect"),
    [("test.pass", Effect.PURE), ("flow.wait", Effect.WAIT), ("output.gallery", Effect.WRITE)],
)
def test_effect_is_the_strongest_inside(kind: str, effect: Effect) -> None:
    image = node("img", "image.generate", model="sandbox/image")
    port = "asset" if kind == "output.gallery" else "value"
    nodes = [node("words", "input.text", text="sea"), image, node("x", kind)]
    edges = [("words", "text", "img", "prompt"), ("img", "image", "x", port)]
    paid = made(graph(nodes, *edges))
    assert paid.effect is (Effect.PAID if effect is Effect.PURE else effect)
    assert paid.quote is not None and paid.quote({}).high > 0
    cheap = made(graph([node("x", "test.pass")]))
    assert (cheap.effect, cheap.quote) == (Effect.PURE, None)


def test_content_names_every_type_inside() -> None:
    assert ("flow.template", 1) in made(shout()).content
    assert made(shout()).always_new is False
    assert made(graph([node("a", **{"$always_new": True})])).always_new is True


def test_asks_for_a_run(tmp_path: Any) -> None:
    found = made(shout())
    call = found.run(FolderContext(tmp_path), {"text": "sea"}, {})
    assert call == ChildRun(str(ID), 3, {"text": "sea"})
    assert UUID(str(ID))
    assert found.params_problems({"text": "x"}), "it has no parameters of its own"


def test_graph_with_workflows_is_told_apart() -> None:
    assert nests({"nodes": [{"type": type_name(ID)}]})
    assert not nests({"nodes": [{"type": "flow.input"}]})


def test_port_name_used_twice_is_a_problem_at_both() -> None:
    twice = {**given("text"), "id": "again"}
    document = document_parse(graph([given("text"), twice, given("other")]))
    found = [(p.node, p.port, p.code) for p in validate(document, node_type_get)]
    assert found == [("in-text", "name", "duplicate-name"), ("again", "name", "duplicate-name")]
    both = document_parse(graph([given("text"), node("a"), gives("text")], ("a", "value", "out-text", "value")))
    assert validate(both, node_type_get) == [], "an input and an output may share a name"
