"""Shows a result in the workspace's gallery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port
from apps.engine.types import PortType
from apps.wording import gettext as _


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Publish the asset and hand it on. Doing it twice changes nothing, so a repeat after a crash is safe."""
    context.asset_publish(inputs["asset"], params["title"])
    return {"asset": inputs["asset"]}


def would(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """What a run would do."""
    return _("It would show the file in the gallery.")


NODE = NodeType(
    type="output.gallery",
    version=1,
    title="Gallery",
    category="output",
    description="Shows a picture, video or sound in the gallery.",
    effect=Effect.WRITE,
    lane=Lane.INLINE,
    icon="gallery-horizontal-end",
    run=run,
    would=would,
    inputs=(Port("asset", PortType.ASSET, "File"),),
    outputs=(Port("asset", PortType.ASSET, "File"),),
    params={"properties": {"title": {"type": "string", "title": "Title", "default": "", "maxLength": 200}}},
)
