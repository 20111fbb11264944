from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_hands_its_text_on(run_node: Callable[..., Any]) -> None:
    assert run_node("input.text", text="a quiet sea") == {"text": "a quiet sea"}
    assert run_node("input.text") == {"text": ""}
