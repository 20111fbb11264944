from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure, ProviderCall

IMAGE = {"$asset": "a", "kind": "image"}


def test_asks_for_more_pixels(run_node: Callable[..., Any]) -> None:
    call = run_node("image.upscale", {"image": IMAGE}, model="sandbox/upscale", factor=4)
    assert call == ProviderCall("sandbox/upscale", {"factor": 4}, {"image": IMAGE}, "image")


def test_words_for_a_model_without_any_are_refused(run_node: Callable[..., Any]) -> None:
    with pytest.raises(NodeFailure, match="Sandbox upscale does not take: prompt"):
        run_node("image.upscale", {"image": IMAGE, "prompt": "a sea"}, model="sandbox/upscale")
