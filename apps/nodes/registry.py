"""Every node type by name. A new node is its module, a line here, a test and a paragraph in docs/nodes.md."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from apps.engine.node_types import NodeType, Port

NODES = {
    "input.text": "apps.nodes.inputs.text",
    "input.number": "apps.nodes.inputs.number",
    "input.asset": "apps.nodes.inputs.asset",
    "flow.template": "apps.nodes.flow.template",
    "flow.condition": "apps.nodes.flow.condition",
    "flow.wait": "apps.nodes.flow.wait",
    "flow.split": "apps.nodes.flow.split",
    "flow.input": "apps.nodes.flow.input",
    "flow.output": "apps.nodes.flow.output",
    "flow.approval": "apps.nodes.flow.approval",
    "flow.callback": "apps.nodes.flow.callback",
    "text.generate": "apps.nodes.generate.text",
    "image.generate": "apps.nodes.generate.image",
    "image.edit": "apps.nodes.generate.image_edit",
    "image.upscale": "apps.nodes.generate.image_upscale",
    "image.describe": "apps.nodes.generate.image_describe",
    "image.resize": "apps.nodes.media.resize",
    "image.crop": "apps.nodes.media.crop",
    "image.compose": "apps.nodes.media.compose",
    "image.grid": "apps.nodes.media.grid",
    "image.colour": "apps.nodes.media.colour",
    "image.blur": "apps.nodes.media.blur",
    "image.text": "apps.nodes.media.text",
    "image.watermark": "apps.nodes.media.watermark",
    "image.format": "apps.nodes.media.format",
    "image.mask": "apps.nodes.media.mask",
    "image.animate": "apps.nodes.media.animate",
    "media.probe": "apps.nodes.media.probe",
    "video.generate": "apps.nodes.generate.video",
    "video.from_image": "apps.nodes.generate.video_from_image",
    "video.extend": "apps.nodes.generate.video_extend",
    "audio.speech": "apps.nodes.generate.speech",
    "audio.music": "apps.nodes.generate.music",
    "video.trim": "apps.nodes.media.video.trim",
    "video.concat": "apps.nodes.media.video.concat",
    "video.speed": "apps.nodes.media.video.speed",
    "video.overlay": "apps.nodes.media.video.overlay",
    "video.subtitles": "apps.nodes.media.video.subtitles",
    "video.ken_burns": "apps.nodes.media.video.ken_burns",
    "video.frames": "apps.nodes.media.video.frames",
    "video.from_frames": "apps.nodes.media.video.from_frames",
    "video.animate": "apps.nodes.media.video.animate",
    "audio.mix": "apps.nodes.media.audio.mix",
    "audio.mux": "apps.nodes.media.audio.mux",
    "audio.waveform": "apps.nodes.media.audio.waveform",
    "output.gallery": "apps.nodes.output.gallery",
    "test.pass": "apps.nodes.testing.pass_on",
    "test.work": "apps.nodes.testing.work",
}


def node_type_get(name: str, version: int = 0) -> NodeType | None:
    """The node type of that name, its module imported on first use; None when there is none.

    There is one of each, whatever ``version`` a node was drawn with.
    """
    return _node_type(name)


@cache
def _node_type(name: str) -> NodeType | None:
    path = NODES.get(name)
    if path is None:
        return None
    node: NodeType = import_module(path).NODE
    return node


def _port(port: Port) -> dict[str, Any]:
    return {
        "name": port.name,
        "type": port.type,
        "title": port.title or port.name,
        "required": port.required,
        "many": port.many,
    }


def node_type_json(node: NodeType) -> dict[str, Any]:
    """A node type as the catalogue shows it."""
    return {
        "type": node.type,
        "version": node.version,
        "title": node.title,
        "category": node.category,
        "description": node.description,
        "effect": node.effect,
        "lane": node.lane,
        "icon": node.icon,
        "ports": {
            "inputs": [_port(port) for port in node.inputs],
            "outputs": [{"name": p.name, "type": p.type, "title": p.title or p.name} for p in node.outputs],
        },
        "params": node.schema,
        "price": {"models": node.model_kind} if node.model_kind else None,
    }


def catalogue_json() -> list[dict[str, Any]]:
    """The whole catalogue, in the order of the registry."""
    return [node_type_json(node) for name in NODES if (node := node_type_get(name))]
