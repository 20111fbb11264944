"""Running one node alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.nodes.registry import node_type_get
from tests.nodes.context import FolderContext


@pytest.fixture
def context(tmp_path: Path) -> FolderContext:
    return FolderContext(tmp_path)


@pytest.fixture
def run_node(context: FolderContext) -> Callable[..., Any]:
    """``run_node("flow.template", {"values": […]}, template="…")``: what the node answers, defaults filled in."""

    def run(name: str, inputs: dict[str, Any] | None = None, /, **params: Any) -> Any:
        node = node_type_get(name)
        assert node, name
        assert node.params_problems(params) == []
        return node.run(context, inputs or {}, node.with_defaults(params))

    return run
