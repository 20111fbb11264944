from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from apps.engine.node_types import WaitUntil
from apps.nodes.registry import node_type_get
from tests.nodes.context import NOW


def test_waits_for_an_answer_from_outside(run_node: Callable[..., Any]) -> None:
    at = NOW + timedelta(seconds=30)
    assert run_node("flow.callback", {"value": "x"}, timeout_s=30) == WaitUntil(
        at, {"timeout": "x"}, {"kind": "callback"}
    )


def test_can_begin_a_graph(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.callback").outputs == {"timeout": True}


def test_thirty_days_is_the_longest() -> None:
    node = node_type_get("flow.callback")
    assert node
    assert node.params_problems({"timeout_s": 30 * 86400}) == []
    assert node.params_problems({"timeout_s": 30 * 86400 + 1})[0][0] == "timeout_s"
    assert node.params_problems({"timeout_s": 0})[0][0] == "timeout_s"


def test_says_what_it_would_wait_for() -> None:
    node = node_type_get("flow.callback")
    assert node
    assert node.would
    assert node.would({}, {}) == "It would wait for a callback."
