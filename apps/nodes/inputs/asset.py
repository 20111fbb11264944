"""A file from the workspace: an upload or something made earlier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.wording import gettext as _


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The asset must be chosen before a run."""
    return [] if params.get("asset") else [("asset", _("Choose a file, or drop one on the canvas."))]


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Emit the asset's reference; its bytes stay where they are."""
    if not params.get("asset"):
        raise NodeFailure(_("Choose a file, or drop one on the canvas."), code="no-asset")
    return {"asset": context.asset_get(params["asset"])}


NODE = NodeType(
    type="input.asset",
    version=1,
    title="File",
    category="input",
    description="A picture, video, sound or table of this workspace. Drop a file on the canvas to make one.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="file-input",
    run=run,
    check=check,
    outputs=(Port("asset", PortType.ASSET, "File"),),
    params={
        "properties": {
            "asset": {"type": "string", "title": "File", "format": "asset", "maxLength": 64, "x-primary": True}
        }
    },
)
