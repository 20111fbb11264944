from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure


@pytest.mark.parametrize(
    ("expression", "value", "branch"),
    [
        ("value > 3", 5, "true"),
        ("value > 3", 2.5, "false"),
        ("value.contains('sea')", "the sea", "true"),
        ("value.tags.exists(t, t == 'a')", {"tags": ["b", "a"]}, "true"),
        ("value == null", None, "true"),
        ("value == true", False, "false"),
    ],
)
def test_takes_one_branch(run_node: Callable[..., Any], expression: str, value: Any, branch: str) -> None:
    assert run_node("flow.condition", {"value": value}, expression=expression) == {branch: value}


@pytest.mark.parametrize(("expression", "value"), [("value.b", {"a": 1}), ("value + 1", 1), ("value > 1", "x")])
def test_undecidable_is_a_sentence(run_node: Callable[..., Any], expression: str, value: Any) -> None:
    with pytest.raises(NodeFailure, match="condition"):
        run_node("flow.condition", {"value": value}, expression=expression)
