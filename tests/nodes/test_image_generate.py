from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.engine.node_types import ProviderCall, Quote
from apps.nodes.registry import node_type_get


def test_asks_for_one_image(run_node: Callable[..., Any]) -> None:
    call = run_node("image.generate", {"prompt": "sea"}, model="sandbox/image", seed=7)
    assert call == ProviderCall("sandbox/image", {"seed": 7, "prompt": "sea"}, {}, "image")


def test_price_follows_the_size() -> None:
    node = node_type_get("image.generate")
    assert node and node.quote
    assert node.quote({"model": "sandbox/image", "width": 1024, "height": 1024}) == Quote(4_000_000, 4_000_000)
    assert node.quote({"model": "sandbox/image", "width": 2048, "height": 1024}) == Quote(8_000_000, 8_000_000)


def test_wrong_parameters_are_named() -> None:
    node = node_type_get("image.generate")
    assert node
    assert node.params_problems({"model": "sandbox/video"})[0][0] == "model"
    assert node.params_problems({"model": "sandbox/image", "width": 5})[0][0] == "width"
    assert node.params_problems({"model": "sandbox/image", "wings": 2})[0][0] == "wings"
