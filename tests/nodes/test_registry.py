"""A node is its module, its registry line, its test and its paragraph: this holds the four together."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.engine.node_types import ChildRun, Effect, Lane, ProviderCall, Result, WaitUntil
from apps.nodes.registry import NODES, catalogue_json, node_type_get

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", NODES)
def test_four_places_agree(name: str) -> None:
    node = node_type_get(name)
    assert node and node.type == name
    assert (ROOT / "tests" / "nodes" / f"test_{name.replace('.', '_')}.py").exists(), "the node has no test"
    paragraphs = re.findall(r"^### `([a-z._]+)`", (ROOT / "docs" / "nodes.md").read_text(), re.MULTILINE)
    assert name in paragraphs, "the node has no paragraph in docs/nodes.md"


@pytest.mark.parametrize("name", NODES)
def test_the_canvas_has_its_icon(name: str) -> None:
    node = node_type_get(name)
    icons = (ROOT / "static" / "src" / "island" / "icons.tsx").read_text()
    assert node and re.search(rf'[ "]{node.icon}"?: [A-Z]', icons), "the canvas would show a box"


def test_every_module_is_registered() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "apps" / "nodes").rglob("*.py")
        if "NODE = NodeType(" in path.read_text()
    }
    assert modules == set(NODES.values())


def test_docs_describe_no_node_that_is_gone() -> None:
    paragraphs = re.findall(r"^### `([a-z._]+)`", (ROOT / "docs" / "nodes.md").read_text(), re.MULTILINE)
    assert set(paragraphs) == set(NODES)


@pytest.mark.parametrize("name", NODES)
def test_declaration_is_sound(name: str) -> None:
    node = node_type_get(name)
    assert node
    assert node.with_defaults({}).keys() <= node.params.get("properties", {}).keys()
    assert (node.effect is Effect.PAID) == (node.quote is not None), "what is paid has a price"
    assert node.effect is not Effect.PAID or node.lane is Lane.IO
    assert len({port.name for port in node.inputs}) == len(node.inputs)


def test_catalogue_is_complete_json() -> None:
    shown = catalogue_json()
    assert [item["type"] for item in shown] == list(NODES)
    for item in shown:
        assert {"type", "version", "title", "category", "effect", "lane", "ports", "params", "price"} <= item.keys()


@pytest.mark.parametrize(
    "answer",
    [WaitUntil(datetime(2026, 1, 1, tzinfo=UTC), {}), ProviderCall("m", {}, {}, "image"), ChildRun("w", 1, {})],
)
def test_only_a_kind_that_may_answers_anything_but_outputs(answer: Result) -> None:
    kind = node_type_get("input.text")
    assert kind
    assert kind.outputs_in({"text": "sea"}) == {"text": "sea"}
    with pytest.raises(TypeError, match="must answer outputs"):
        kind.outputs_in(answer)
