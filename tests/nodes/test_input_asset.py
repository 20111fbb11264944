from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.nodes.registry import node_type_get


def test_emits_a_reference(run_node: Callable[..., Any]) -> None:
    assert run_node("input.asset", asset="a1") == {"asset": {"$asset": "a1", "kind": "image"}}


def test_must_be_chosen() -> None:
    node = node_type_get("input.asset")
    assert node
    assert node.params_problems({}) == [("asset", "Choose a file, or drop one on the canvas.")]
