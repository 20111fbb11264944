from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.nodes.context import FolderContext

REF = {"$asset": "a", "kind": "video"}


def test_publishes_and_hands_on(run_node: Callable[..., Any], context: FolderContext) -> None:
    assert run_node("output.gallery", {"asset": REF}, title="Postcard") == {"asset": REF}
    assert context.published == [(REF, "Postcard")]
