"""Graphs for the tests of runs."""

from __future__ import annotations

from typing import Any

Edge = tuple[str, str, str, str]


def node(name: str, kind: Any = "test.pass", **params: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "params": params}


def graph(nodes: list[dict[str, Any]], *edges: Edge, **rest: Any) -> dict[str, Any]:
    rows = [
        {"id": f"e{i}", "source": s, "source_port": sp, "target": t, "target_port": tp}
        for i, (s, sp, t, tp) in enumerate(edges)
    ]
    return {"nodes": nodes, "edges": rows, **rest}


def chain(length: int, **params: Any) -> dict[str, Any]:
    """``length`` test.pass in a row."""
    edges = [(f"n{i}", "value", f"n{i + 1}", "value") for i in range(length - 1)]
    return graph([node(f"n{i}", **params) for i in range(length)], *edges)


def image(**params: Any) -> dict[str, Any]:
    """A prompt and the smallest picture the sandbox draws."""
    own = {"model": "sandbox/image", "width": 256, "height": 256, "seed": 1, **params}
    return graph(
        [node("words", "input.text", text="sea"), node("img", "image.generate", **own)],
        ("words", "text", "img", "prompt"),
    )


def film(**params: Any) -> dict[str, Any]:
    """A prompt and the shortest, smallest film the sandbox makes."""
    own = {"model": "sandbox/video", "width": 512, "height": 288, "seconds": 1, "seed": 1, **params}
    nodes = [node("words", "input.text", text="sea"), node("film", "video.generate", **own)]
    return graph(nodes, ("words", "text", "film", "prompt"))


def waits(seconds: float) -> dict[str, Any]:
    """A value that waits."""
    nodes = [node("n", "input.number", number=1), node("wait", "flow.wait", seconds=seconds)]
    return graph(nodes, ("n", "number", "wait", "value"))
