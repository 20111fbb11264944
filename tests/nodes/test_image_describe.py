from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.engine.node_types import ProviderCall

IMAGE = {"$asset": "a", "kind": "image"}


def test_asks_the_nodes_own_question(run_node: Callable[..., Any]) -> None:
    call = run_node("image.describe", {"image": IMAGE}, model="sandbox/describe")
    assert call.params["prompt"].startswith("Describe this image")
    assert (call.model, call.inputs, call.output_port) == ("sandbox/describe", {"image": IMAGE}, "text")


def test_a_question_at_the_port_comes_first(run_node: Callable[..., Any]) -> None:
    call = run_node("image.describe", {"image": IMAGE, "prompt": "Which hour is it?"}, model="sandbox/describe")
    assert call == ProviderCall("sandbox/describe", {"prompt": "Which hour is it?"}, {"image": IMAGE}, "text")
