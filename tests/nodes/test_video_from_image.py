from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure, ProviderCall

IMAGE = {"$asset": "a", "kind": "image"}


def test_asks_for_a_film_that_begins_there(run_node: Callable[..., Any]) -> None:
    call = run_node("video.from_image", {"image": IMAGE, "prompt": "a slow pan"}, model="sandbox/video", seconds=2)
    assert call == ProviderCall("sandbox/video", {"seconds": 2, "prompt": "a slow pan"}, {"image": IMAGE}, "video")


def test_a_last_image_needs_a_model_that_takes_one(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="does not take: last_image"):
        run_node("video.from_image", {"image": IMAGE, "prompt": "x", "last_image": IMAGE}, model="sandbox/video")
