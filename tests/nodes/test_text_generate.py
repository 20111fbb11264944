from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure, ProviderCall
from apps.nodes.registry import node_type_get

IMAGE = {"$asset": "a", "kind": "image"}


def test_asks_for_words(run_node: Callable[..., Any]) -> None:
    call = run_node("text.generate", {"prompt": "a haiku", "images": []}, model="sandbox/text", sentences=2)
    assert call == ProviderCall("sandbox/text", {"sentences": 2, "prompt": "a haiku"}, {}, "text")


def test_a_model_that_cannot_see_says_so(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="Sandbox text does not take: images"):
        run_node("text.generate", {"prompt": "what is it?", "images": [IMAGE]}, model="sandbox/text")


def test_a_model_that_cannot_write_is_refused() -> None:
    node = node_type_get("text.generate")
    assert node
    assert node.params_problems({"model": "sandbox/image"}) == [("model", "Sandbox image cannot do this: write.")]
    assert node.params_problems({"model": "sandbox/gone"})[0][0] == "model"
