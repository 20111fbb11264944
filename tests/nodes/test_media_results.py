"""What the nodes for video and sound make is taken by the workspace for what it is, and ends when it is told to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from apps.assets.measures import detect, measure
from apps.engine.execution import Execution, Work
from apps.engine.node_types import Limits
from apps.engine.plan import plan_build
from apps.nodes.registry import node_type_get
from apps.runs.child import Child
from tests.nodes.clips import film, sound
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def kept(path: Path) -> tuple[str, dict[str, Any]]:
    """As the store would keep it; Refused for what it would not."""
    measured = measure(path, detect(path, path.name))
    return measured.content_type, measured.meta


@pytest.mark.parametrize("method", ["exact", "copy"])
def test_a_video_is_whole(run_node: Run, context: FolderContext, method: str) -> None:
    video = film(context.folder / "in.mp4", 20, tone=440)
    out = run_node("video.trim", {"video": video}, start=0.5, end=1.5, method=method)
    kind, meta = kept(context.folder / out["video"]["$asset"])
    assert kind == "video/mp4"
    assert (meta["width"], meta["height"], meta["has_audio"]) == (64, 48, True)
    if method == "exact":
        assert (meta["frames"], meta["fps"]) == (10, 10)


@pytest.mark.parametrize(("kind", "content_type"), [("m4a", "audio/mp4"), ("wav", "audio/wav"), ("flac", "audio/flac")])
def test_a_sound_is_whole(run_node: Run, context: FolderContext, kind: str, content_type: str) -> None:
    out = run_node("audio.mix", {"sounds": [sound(context.folder / "a.wav", 1.5)]}, format=kind)
    found, meta = kept(context.folder / out["audio"]["$asset"])
    assert found == content_type
    assert meta["duration"] == pytest.approx(1.5, abs=0.03)


@pytest.mark.parametrize(("kind", "content_type"), [("gif", "image/gif"), ("webp", "image/webp")])
def test_an_animation_is_whole(run_node: Run, context: FolderContext, kind: str, content_type: str) -> None:
    video = film(context.folder / "in.mp4", 20)
    out = run_node("video.animate", {"video": video}, format=kind, fps=10, width=64)
    found, meta = kept(context.folder / out["image"]["$asset"])
    assert (found, meta["frames"], meta["width"]) == (content_type, 20, 64)


def test_a_list_of_frames_becomes_a_video_again() -> None:
    """What comes out of `video.frames` as a list goes into the port of `video.from_frames` one by one."""
    nodes: list[Any] = [
        {"id": name, "type": f"video.{name}", "version": 1, "title": "", "params": {}}
        for name in ("frames", "from_frames")
    ]
    edge = {"id": "e", "source": "frames", "source_port": "images", "target": "from_frames", "target_port": "images"}
    plan = plan_build({"nodes": nodes, "edges": [edge]}, node_type_get)
    execution = Execution(plan)
    image = {"$asset": "00000000-0000-4000-8000-000000000000", "kind": "image"}
    first = plan.steps[0]
    execution.start(first, Work(({},), False))
    execution.settle(first, 0, _completed(), {"images": [image, image, image]})
    work = execution.resolve(plan.steps[1])
    assert isinstance(work, Work)
    assert not work.mapped
    assert work.items[0]["images"] == [image, image, image]


def _completed() -> Any:
    from apps.engine.states import StepState

    return StepState.COMPLETED


def test_a_cancelled_step_ends_at_once(context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 250, size=(640, 480), fps=1)
    node = node_type_get("video.speed")
    assert node
    filled = node.with_defaults({"factor": 0.25, "quality": "high"})
    step = Child(lambda inside: node.outputs_in(node.run(inside, {"video": video}, filled)), context, Limits())
    folder = Path(step._folder.name)
    process = psutil.Process(step.pid)

    class Stop(FolderContext):
        def progress(self, fraction: float, message: str = "") -> None:
            self.told.append(time.monotonic())
            step.kill()

    step._context = Stop(context.folder)
    ended = step.follow()
    assert ended.outputs is None
    assert ended.error is None
    assert not process.is_running()
    assert not folder.exists(), "what it had written is gone"
