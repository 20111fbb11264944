from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.engine.node_types import ProviderCall, Quote
from apps.nodes.registry import node_type_get

IMAGE = {"$asset": "a", "kind": "image"}


def test_asks_for_a_change(run_node: Callable[..., Any]) -> None:
    inputs = {"images": [IMAGE, IMAGE], "prompt": "at night", "mask": IMAGE}
    call = run_node("image.edit", inputs, model="sandbox/edit", strength=0.5)
    expected = {"images": [IMAGE, IMAGE], "mask": IMAGE}
    assert call == ProviderCall("sandbox/edit", {"strength": 0.5, "prompt": "at night"}, expected, "image")


def test_price_by_the_image() -> None:
    node = node_type_get("image.edit")
    assert node and node.quote
    assert node.quote({"model": "sandbox/edit"}) == Quote(3_000_000, 3_000_000)
