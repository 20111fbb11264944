from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure
from apps.nodes.registry import node_type_get


def test_hands_on_what_the_run_was_given(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.input", {"value": "sea"}, name="words") == {"value": "sea"}
    assert run_node("flow.input", {"value": ["a", "b"]}, name="words", type="json") == {"value": ["a", "b"]}


def test_default_is_for_being_given_nothing(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.input", name="n", type="number", default=3) == {"value": 3}
    assert run_node("flow.input", {"value": 4}, name="n", type="number", default=3) == {"value": 4}


def test_without_either_it_says_what_to_do(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="Give it a default"):
        run_node("flow.input", name="words")


def test_value_of_another_type_is_refused(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="words takes text, but got structured data"):
        run_node("flow.input", {"value": {"a": 1}}, name="words")


@pytest.mark.parametrize(
    ("params", "at"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": "1st"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": {"$variable": "x"}}, "name"),
        ({"name": "a", "type": "colour"}, "type"),
        ({"name": "a", "type": {"$variable": "x"}}, "type"),
        ({"name": "a", "type": "number", "default": "three"}, "default"),
    ],
)
def test_bad_parameter_is_named(params: dict[str, Any], at: str) -> None:
    node = node_type_get("flow.input")
    assert node
    assert node.params_problems(params)[0][0] == at
