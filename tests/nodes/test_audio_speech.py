from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.engine.node_types import ProviderCall


def test_asks_for_a_voice(run_node: Callable[..., Any]) -> None:
    call = run_node("audio.speech", {"text": "Good morning."}, model="sandbox/speech", voice="bass")
    assert call == ProviderCall("sandbox/speech", {"voice": "bass", "prompt": "Good morning."}, {}, "audio")
