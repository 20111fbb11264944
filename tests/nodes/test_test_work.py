from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure
from apps.nodes.registry import node_type_get
from tests.nodes.context import FolderContext


def test_hands_its_value_on(run_node: Callable[..., Any]) -> None:
    assert run_node("test.work", {"value": [1, 2]}, memory_mb=1) == {"value": [1, 2]}
    assert run_node("test.work", {"each": "a"}) == {"value": "a"}


def test_computes_and_waits_as_long_as_told(run_node: Callable[..., Any]) -> None:
    began, computed = time.monotonic(), time.process_time()
    run_node("test.work", sleep_ms=50, busy_ms=50)
    assert time.monotonic() - began >= 0.1
    assert time.process_time() - computed >= 0.05


def test_fails_as_often_as_told(run_node: Callable[..., Any], context: FolderContext) -> None:
    with pytest.raises(NodeFailure) as failure:
        run_node("test.work", {"value": 1}, fail_times=1)
    assert not failure.value.permanent
    context.attempt = 2
    assert run_node("test.work", {"value": 1}, fail_times=1) == {"value": 1}


@pytest.mark.parametrize("params", [{"sleep_ms": -1}, {"busy_ms": "x"}, {"memory_mb": 1e9}, {"crash": 1}, {"other": 1}])
def test_bad_parameters_are_refused(params: dict[str, Any]) -> None:
    node = node_type_get("test.work")
    assert node and node.params_problems(params)
