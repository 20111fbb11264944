from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.engine.node_types import ProviderCall, Quote
from apps.nodes.registry import node_type_get


def test_asks_for_music(run_node: Callable[..., Any]) -> None:
    call = run_node("audio.music", {"prompt": "a calm sea"}, model="sandbox/music", seconds=20)
    assert call == ProviderCall("sandbox/music", {"seconds": 20, "prompt": "a calm sea"}, {}, "audio")


def test_price_by_the_second() -> None:
    node = node_type_get("audio.music")
    assert node and node.quote
    assert node.quote({"model": "sandbox/music", "seconds": 20}) == Quote(4_000_000, 4_000_000)
