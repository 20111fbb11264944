from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.nodes.registry import node_type_get


def test_hands_its_number_on(run_node: Callable[..., Any]) -> None:
    assert run_node("input.number", number=2.5) == {"number": 2.5}


def test_text_is_not_a_number() -> None:
    node = node_type_get("input.number")
    assert node
    assert node.params_problems({"number": "2"})[0][0] == "number"
