from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from apps.engine.node_types import WaitUntil
from apps.nodes.registry import node_type_get
from tests.nodes.context import NOW


def test_asks_to_be_woken(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.wait", {"value": 1}, seconds=90) == WaitUntil(NOW + timedelta(seconds=90), {"value": 1})


def test_thirty_days_is_the_longest() -> None:
    node = node_type_get("flow.wait")
    assert node
    assert node.params_problems({"seconds": 30 * 86400}) == []
    assert node.params_problems({"seconds": 30 * 86400 + 1})[0][0] == "seconds"
