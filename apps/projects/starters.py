"""Workflows to begin with: graphs that run as they are, offered wherever a page would otherwise be empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Graph = dict[str, Any]


@dataclass(frozen=True)
class Starter:
    """A template: how it is called, what it does, and its graph in the language of whoever takes it."""

    id: str
    title: _StrPromise
    text: _StrPromise
    icon: str
    graph: Callable[[], Graph]


def _node(name: str, kind: str, title: str, place: tuple[int, int], params: Graph) -> dict[str, Any]:
    position = {"x": place[0], "y": place[1]}
    return {"id": name, "type": kind, "version": 1, "title": title, "params": params, "position": position}


def _edge(source: str, source_port: str, target: str, target_port: str) -> dict[str, Any]:
    ends = {"source": source, "source_port": source_port, "target": target, "target_port": target_port}
    return {"id": f"{source}.{source_port}-{target}.{target_port}", **ends}


def postcard_graph() -> Graph:
    """Prompt → image → resize → image-to-video → gallery."""
    prompt = _("A lighthouse on a cliff at dusk, calm sea, warm window light")
    nodes = [
        _node("prompt", "input.text", _("Prompt"), (0, 320), {"text": prompt}),
        _node(
            "image",
            "image.generate",
            _("Image"),
            (320, 0),
            {"model": "sandbox/image", "seed": 7, "width": 1024, "height": 768},
        ),
        _node("resize", "image.resize", _("Postcard size"), (640, 0), {"width": 768, "height": 512, "fit": "cover"}),
        _node("video", "video.generate", _("Video"), (960, 320), {"model": "sandbox/video", "seed": 7, "seconds": 4}),
        _node("gallery", "output.gallery", _("Gallery"), (1280, 320), {"title": _("Postcard")}),
    ]
    edges = [
        _edge("prompt", "text", "image", "prompt"),
        _edge("image", "image", "resize", "image"),
        _edge("prompt", "text", "video", "prompt"),
        _edge("resize", "image", "video", "image"),
        _edge("video", "video", "gallery", "asset"),
    ]
    return {"format": "millrace/1", "nodes": nodes, "edges": edges, "variables": {}}


STARTERS = {
    "postcard": Starter(
        id="postcard",
        title=gettext_lazy("Postcard"),
        text=gettext_lazy("A prompt becomes an image, the image a short video, and both land in the gallery."),
        icon="image-play",
        graph=postcard_graph,
    )
}
