from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.engine.node_types import ProviderCall, Quote
from apps.nodes.registry import node_type_get


def test_asks_for_more_of_it(run_node: Callable[..., Any]) -> None:
    video = {"$asset": "v", "kind": "video"}
    call = run_node("video.extend", {"video": video, "prompt": "dusk"}, model="sandbox/extend", seconds=2)
    assert call == ProviderCall("sandbox/extend", {"seconds": 2, "prompt": "dusk"}, {"video": video}, "video")


def test_only_models_that_can() -> None:
    node = node_type_get("video.extend")
    assert node and node.quote
    assert node.params_problems({"model": "sandbox/video"}) == [
        ("model", "Sandbox video cannot do this: continue a video.")
    ]
    assert node.quote({"model": "sandbox/extend", "seconds": 2}) == Quote(10_000_000, 10_000_000)
