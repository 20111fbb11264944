from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure
from apps.nodes.registry import node_type_get


def test_cuts_at_lines(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.split", {"text": "sea\r\n\nsand\n  \nsun\n"}) == {"texts": ["sea", "sand", "sun"]}
    assert run_node("flow.split", {"text": "a\n\nb"}, skip_empty=False) == {"texts": ["a", "", "b"]}


def test_cuts_at_what_is_said(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.split", {"text": "a, b,c"}, separator=", ") == {"texts": ["a", "b,c"]}


def test_nothing_is_an_empty_list(run_node: Callable[..., Any]) -> None:
    assert run_node("flow.split", {"text": ""}) == {"texts": []}


def test_too_many_pieces_are_refused(run_node: Callable[..., Any]) -> None:
    assert len(run_node("flow.split", {"text": "x\n" * 10_000})["texts"]) == 10_000
    for text in ("x\n" * 10_001, "\n" * 2_000_000 + "x"):
        with pytest.raises(NodeFailure, match="10,000 pieces") as failure:
            run_node("flow.split", {"text": text}, skip_empty=text[0] != "x")
        assert (failure.value.code, failure.value.permanent) == ("too-many", True)


@pytest.mark.parametrize(
    "params", [{"separator": ""}, {"separator": 3}, {"separator": "x" * 101}, {"skip_empty": "no"}]
)
def test_bad_parameters_are_refused(params: dict[str, Any]) -> None:
    node = node_type_get("flow.split")
    assert node and node.params_problems(params)
