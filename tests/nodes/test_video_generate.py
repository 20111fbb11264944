from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.engine.node_types import ProviderCall, Quote
from apps.nodes.registry import node_type_get

IMAGE = {"$asset": "a", "kind": "image"}


def test_from_words(run_node: Callable[..., Any]) -> None:
    call = run_node("video.generate", {"prompt": "sea"}, model="sandbox/video", seconds=2)
    assert call == ProviderCall("sandbox/video", {"seconds": 2, "prompt": "sea"}, {}, "video")


def test_from_an_image(run_node: Callable[..., Any]) -> None:
    call = run_node("video.generate", {"prompt": "sea", "image": IMAGE}, model="sandbox/video")
    assert call.inputs == {"image": IMAGE}


def test_price_by_the_second() -> None:
    node = node_type_get("video.generate")
    assert node and node.quote
    assert node.quote({"model": "sandbox/video", "seconds": 3}) == Quote(15_000_000, 15_000_000)
