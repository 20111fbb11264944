from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.engine.node_types import Effect, WaitUntil
from apps.nodes.registry import node_type_get
from tests.nodes.context import NOW


def test_asks_and_says_what_comes_of_silence(run_node: Callable[..., Any]) -> None:
    wait = run_node(
        "flow.approval", {"value": 7}, message="Print it?", approvers=["Ann@Example.org", "admin"], timeout_s=60
    )
    assert isinstance(wait, WaitUntil)
    assert wait.at == NOW + timedelta(seconds=60)
    assert wait.outputs["timeout"] == 7
    assert set(wait.outputs) == {"timeout", "decision"}, "one branch and the decision"
    assert wait.outputs["decision"]["decision"] == "timeout"
    approvers = ["ann@example.org", "admin"]
    assert wait.request == {"kind": "approval", "message": "Print it?", "approvers": approvers}


def test_holds_no_worker() -> None:
    node = node_type_get("flow.approval")
    assert node
    assert node.effect is Effect.WAIT


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"approvers": ["nobody"]}, "approvers"),
        ({"approvers": ["viewer"]}, "approvers"),
        ({"approvers": ["a@b.org\nBcc: all@b.org"]}, "approvers"),
        ({"approvers": ["a@b.org, c@d.org"]}, "approvers"),
        ({"approvers": "a@b.org"}, "approvers"),
        ({"approvers": [7]}, "approvers"),
        ({"approvers": ["a@b.org"] * 21}, "approvers"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": 30 * 86400 + 1}, "timeout_s"),
        ({"message": "x" * 4001}, "message"),
    ],
)
def test_refuses(params: dict[str, Any], wrong: str) -> None:
    node = node_type_get("flow.approval")
    assert node
    assert [name for name, _sentence in node.params_problems(params)] == [wrong]


@pytest.mark.parametrize(
    ("approvers", "said"),
    [
        ([], "It would ask the editors of the workspace for approval."),
        (["admin"], "It would ask admin of the workspace for approval."),
        (["a@b.org"], "It would ask a@b.org for approval."),
        (["a@b.org", "b@b.org", "c@b.org", "owner"], "It would ask a@b.org, b@b.org, c@b.org and 1 more for approval."),
    ],
)
def test_says_whom_it_would_ask(approvers: list[str], said: str) -> None:
    node = node_type_get("flow.approval")
    assert node
    assert node.would
    assert node.would({"value": 1}, {"approvers": approvers}) == said
