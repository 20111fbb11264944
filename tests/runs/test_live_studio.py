"""Every generating node on the running site, by the sandbox: one run through all of them, without a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.projects.models import Workflow
from tests.runs.graphs import graph, node
from tests.runs.live import Api, consistent

Make = Callable[[dict[str, Any]], Workflow]


def studio() -> dict[str, Any]:
    """Words become a picture, a larger one, a description of it, a film, a longer one, a voice and music."""
    nodes = [
        node("words", "input.text", text="a calm sea at dusk"),
        # Slow enough to be read while it is written, however busy the machine is.
        node("write", "text.generate", model="sandbox/text", seed=1, sentences=8, latency_s=8),
        node("draw", "image.generate", model="sandbox/image", seed=1, width=512, height=288),
        node("edit", "image.edit", model="sandbox/edit", seed=1),
        node("large", "image.upscale", model="sandbox/upscale"),
        node("look", "image.describe", model="sandbox/describe"),
        node("move", "video.from_image", model="sandbox/video", seed=1, seconds=1, width=512, height=288),
        node("more", "video.extend", model="sandbox/extend", seed=1, seconds=1),
        node("say", "audio.speech", model="sandbox/speech", seed=1),
        node("play", "audio.music", model="sandbox/music", seed=1, seconds=5),
    ]
    edges = [("words", "text", name, "prompt") for name in ("write", "draw", "edit", "move", "play")]
    return graph(
        nodes,
        *edges,
        ("draw", "image", "edit", "images"),
        ("edit", "image", "large", "image"),
        ("large", "image", "look", "image"),
        ("draw", "image", "move", "image"),
        ("move", "video", "more", "video"),
        ("look", "text", "say", "text"),
    )


def test_every_generating_node_works_without_a_key(site: Api, make_workflow: Make) -> None:
    workflow = make_workflow(studio())
    estimate = site.http.post(f"/workflows/{workflow.id}/estimate", json={}).json()
    run = site.started(workflow)
    told = [event.body for event in site.stream(run) if event.kind == "step_progress"]
    found = site.end(run, 180)
    steps = site.steps(run)
    assert found["state"] == "completed", {name: step["error"] for name, step in steps.items()}
    assert estimate["low"] <= found["cost"] <= estimate["high"]
    kinds = {
        name: value.get("kind") for name in steps for value in steps[name]["outputs"].values() if "$asset" in value
    }
    assert kinds == {
        "draw": "image",
        "edit": "image",
        "large": "image",
        "move": "video",
        "more": "video",
        "say": "audio",
        "play": "audio",
    }
    assert steps["large"]["outputs"]["image"]["width"] == 1024
    assert steps["more"]["outputs"]["video"]["duration"] > steps["move"]["outputs"]["video"]["duration"]
    assert "1024 by 576 pixels" in steps["look"]["outputs"]["text"]
    text = steps["write"]["outputs"]["text"]
    partial = [body["text"] for body in told if body["node"] == "write" and body.get("text")]
    assert partial, "its words can be read while they are written"
    assert all(part in text for part in partial)
    consistent(site, run)
