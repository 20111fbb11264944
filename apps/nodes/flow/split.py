"""One text in pieces: what takes one text then runs once per piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.wording import gettext as _

MAX_PIECES = 10_000


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pieces in their order, without the separators."""
    text, separator = inputs["text"], params["separator"]
    if separator == "\n":
        text = text.replace("\r\n", "\n")
    if text.count(separator) >= 100 * MAX_PIECES:
        raise _too_many()
    pieces = text.split(separator)
    if params["skip_empty"]:
        pieces = [piece for piece in pieces if piece.strip()]
    if len(pieces) > MAX_PIECES:
        raise _too_many()
    return {"texts": pieces}


def _too_many() -> NodeFailure:
    message = _("That would be more than %(limit)s pieces. Split a shorter text.", limit=f"{MAX_PIECES:,}")
    return NodeFailure(message, code="too-many")


NODE = NodeType(
    type="flow.split",
    version=1,
    title="Split text",
    category="flow",
    description="Cuts a text into a list; what follows runs once per piece.",
    effect=Effect.PURE,
    lane=Lane.INLINE,
    icon="split",
    run=run,
    instant=True,
    inputs=(Port("text", PortType.TEXT, "Text"),),
    outputs=(Port("texts", PortType.TEXT, "Texts", many=True),),
    params={
        "properties": {
            "separator": {
                "type": "string",
                "title": "Separator",
                "minLength": 1,
                "maxLength": 100,
                "default": "\n",
                "x-primary": True,
            },
            "skip_empty": {"type": "boolean", "title": "Skip empty pieces", "default": True},
        }
    },
)
