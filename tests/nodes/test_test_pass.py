from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure
from tests.nodes.context import FolderContext


def test_hands_its_value_on(run_node: Callable[..., Any]) -> None:
    assert run_node("test.pass", {"value": [1, 2]}) == {"value": [1, 2]}
    assert run_node("test.pass") == {"value": None}


def test_fails_as_often_as_told(run_node: Callable[..., Any], context: FolderContext) -> None:
    with pytest.raises(NodeFailure) as failure:
        run_node("test.pass", {"value": 1}, fail_times=1)
    assert not failure.value.permanent
    context.attempt = 2
    assert run_node("test.pass", {"value": 1}, fail_times=1) == {"value": 1}
