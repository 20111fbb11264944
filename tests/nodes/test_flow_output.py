from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.nodes.registry import node_type_get


def test_keeps_what_reaches_it(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.output", {"value": [1, 2]}, name="numbers") == {"value": [1, 2]}


@pytest.mark.parametrize("name", ["", "two words", "größe", {"$variable": "x"}])
def test_bad_name_is_named(name: Any) -> None:
    node = node_type_get("flow.output")
    assert node
    assert node.params_problems({"name": name})[0][0] == "name"
