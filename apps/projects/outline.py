"""A graph as a small picture: where its nodes lie, what kind they are, how they hang together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

WIDTH, HEIGHT, MARGIN = 320, 160, 24
NODES_MAX = 300
_NODE = (220.0, 96.0)
_FAR = 1e7
# Mid lightness, so that one picture serves the light and the dark theme; hues as the ports have them.
_HUES = {"input": 100, "flow": 260, "image": 300, "video": 345, "output": 55, "workflow": 200}


def _colour(kind: str) -> str:
    hue = _HUES.get(kind.partition(".")[0])
    return "oklch(65% 0.02 260)" if hue is None else f"oklch(67% 0.12 {hue})"


def _near(value: float) -> float:
    """A coordinate with which arithmetic stays finite, wherever somebody put the node."""
    return max(-_FAR, min(_FAR, float(value)))


def _boxes(nodes: list[Mapping[str, Any]]) -> dict[str, tuple[float, float, float, float]]:
    """Each node's rectangle, all of them scaled into the picture."""
    places = {node["id"]: (_near(node["position"]["x"]), _near(node["position"]["y"])) for node in nodes}
    left, top = min(x for x, _ in places.values()), min(y for _, y in places.values())
    width = max(x for x, _ in places.values()) - left + _NODE[0]
    height = max(y for _, y in places.values()) - top + _NODE[1]
    scale = min((WIDTH - 2 * MARGIN) / width, (HEIGHT - 2 * MARGIN) / height, 0.32)
    across, down = (WIDTH - width * scale) / 2, (HEIGHT - height * scale) / 2
    box = (max(_NODE[0] * scale, 3.0), max(_NODE[1] * scale, 3.0))
    return {key: (across + (x - left) * scale, down + (y - top) * scale, *box) for key, (x, y) in places.items()}


def outline_svg(document: Mapping[str, Any]) -> str:
    """The picture as SVG, at most NODES_MAX nodes of it; nothing but the frame for an empty graph."""
    nodes = document["nodes"][:NODES_MAX]
    boxes = _boxes(nodes) if nodes else {}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
    ]
    for edge in document["edges"]:
        if edge["source"] in boxes and edge["target"] in boxes:
            x1, y1, width, height = boxes[edge["source"]]
            x2, y2, _w, _h = boxes[edge["target"]]
            x1, y1, y2 = x1 + width, y1 + height / 2, y2 + height / 2
            bend = max(abs(x2 - x1) / 2, 8)
            path = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
            parts.append(f'<path d="{path}" fill="none" stroke="oklch(65% 0 0)" stroke-opacity=".55"/>')
    for node in nodes:
        x, y, width, height = boxes[node["id"]]
        fill = quoteattr(_colour(node["type"]))
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" fill={fill}/>')
    return "".join([*parts, "</svg>"])
