"""What validation finds, and where it points."""

from __future__ import annotations

from typing import Any

import pytest

from apps.engine.documents import MAX_NODES, DocumentError, document_parse
from apps.engine.validation import GraphProblem, validate
from apps.nodes.registry import node_type_get


def graph(nodes: list[dict[str, Any]], *edges: tuple[str, str, str, str]) -> dict[str, Any]:
    rows = [
        {"id": f"e{i}", "source": s, "source_port": sp, "target": t, "target_port": tp}
        for i, (s, sp, t, tp) in enumerate(edges)
    ]
    return document_parse({"nodes": nodes, "edges": rows})


def node(name: str, kind: str = "test.pass", **params: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "params": params}


def nested(levels: int) -> Any:
    """That many lists in each other."""
    value: Any = 1
    for _level in range(levels):
        value = [value]
    return value


def found(document: dict[str, Any], targets: list[str] | None = None) -> list[tuple[str | None, str | None, str]]:
    return [(problem.node, problem.port, problem.code) for problem in validate(document, node_type_get, targets)]


def test_sound_graph_has_no_problems() -> None:
    document = graph([node("a", "input.text", text="sea"), node("b", "image.generate")], ("a", "text", "b", "prompt"))
    assert found(document) == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (graph([node("a", "no.such")]), ("a", None, "unknown-type")),
        (graph([{**node("a"), "version": 99}]), ("a", None, "unknown-version")),
        (graph([node("a"), node("b")], ("a", "nope", "b", "value")), ("a", "nope", "unknown-port")),
        (graph([node("a"), node("b")], ("a", "value", "b", "nope")), ("b", "nope", "unknown-port")),
        (graph([node("b")], ("ghost", "value", "b", "value")), ("b", None, "unknown-node")),
        (graph([node("a", "image.generate")]), ("a", "prompt", "missing-input")),
        (
            graph([node("a", "input.number"), node("b", "image.resize")], ("a", "number", "b", "image")),
            ("b", "image", "wrong-type"),
        ),
        (
            graph([node("a"), node("b"), node("c")], ("a", "value", "c", "value"), ("b", "value", "c", "value")),
            ("c", "value", "too-many-edges"),
        ),
        (graph([node("a", sleep_ms=-1)]), ("a", "sleep_ms", "bad-param")),
        (graph([node("a", sleep_ms="x")]), ("a", "sleep_ms", "bad-param")),
        (graph([node("a", colour="red")]), ("a", None, "bad-param")),
        (graph([node("a", "flow.condition", expression="value >")]), ("a", "expression", "bad-param")),
        (graph([node("a", "flow.template", template="{{ a..b }}")]), ("a", "template", "bad-param")),
        (graph([node("a", "image.generate", model="nobody/none")]), ("a", "model", "bad-param")),
        (graph([node("a", "image.generate", width=1_000_000)]), ("a", "width", "bad-param")),
        (graph([node("a", "input.asset")]), ("a", "asset", "bad-param")),
    ],
)
def test_problem_points_at_its_place(document: dict[str, Any], expected: tuple[str, str | None, str]) -> None:
    assert expected in found(document)
    problems = validate(document, node_type_get)
    assert all(problem.message.endswith((".", "}", "]", '"')) or len(problem.message) > 10 for problem in problems)


def test_cycle_names_every_node_on_it() -> None:
    document = graph([node("a"), node("b"), node("c")], ("a", "value", "b", "value"), ("b", "value", "a", "value"))
    problems = [problem for problem in validate(document, node_type_get) if problem.code == "cycle"]
    assert {problem.node for problem in problems} == {"a", "b"}
    assert "circle" in problems[0].message


def test_targets_ignore_mistakes_elsewhere() -> None:
    document = graph([node("a"), node("bad", "no.such")])
    assert found(document, ["a"]) == []
    assert found(document, ["ghost"]) == [("ghost", None, "unknown-target")]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ([], "malformed"),
        ({"format": "millrace/9"}, "format"),
        ({"nodes": {}}, "malformed"),
        ({"nodes": [{"id": "a b", "type": "x"}]}, "malformed"),
        ({"nodes": [node("a"), node("a")]}, "duplicate"),
        ({"extra": 1}, "malformed"),
        ({"nodes": [node("a", text=nested(101))]}, "malformed"),
        ({"nodes": [node("a", text=nested(5000))]}, "malformed"),
        ({"variables": {"a": nested(101)}}, "malformed"),
        ({"nodes": [node(f"n{i}") for i in range(MAX_NODES + 1)]}, "too-large"),
    ],
)
def test_malformed_document_is_refused(raw: Any, code: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        document_parse(raw)
    assert refusal.value.code == code


def test_problem_has_the_shape_of_the_api() -> None:
    assert GraphProblem("a", "b", "c", "d").as_dict() == {"node": "a", "port": "b", "code": "c", "message": "d"}
