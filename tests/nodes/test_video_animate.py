from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageSequence

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import film, grey, near
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


@pytest.mark.parametrize("kind", ["gif", "webp"])
@pytest.mark.parametrize("loop", [True, False])
def test_frames_times_and_colours(run_node: Run, context: FolderContext, kind: str, loop: bool) -> None:
    video = film(context.folder / "in.mp4", 20)
    out = run_node("video.animate", {"video": video}, format=kind, width=32, fps=10, start=0.5, length=1, loop=loop)
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        assert image.size == (32, 24)
        shown: list[Any] = []
        lasts = 0
        for frame in ImageSequence.Iterator(image):
            frame.load()
            lasts += frame.info.get("duration", 0)
            shown.append(frame.convert("L").getpixel((16, 12)))
        assert image.info.get("loop", 1) == (0 if loop else 1)
    assert near(shown, [grey(number) for number in range(5, 15)], by=6)
    assert lasts == pytest.approx(1000, abs=20)
    assert context.told[-1] == 1.0


def test_same_bytes_each_time(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20)
    for kind in ("gif", "webp"):
        made = []
        for _time in range(2):
            out = run_node("video.animate", {"video": video}, format=kind)
            made.append((context.folder / out["image"]["$asset"]).read_bytes())
        assert made[0] == made[1]


@pytest.mark.parametrize(
    ("params", "words"),
    [({"start": 99}, "lies behind the end"), ({}, "would last 100 s; an animated image may last 60 s")],
)
def test_refusals(run_node: Run, context: FolderContext, params: dict[str, Any], words: str) -> None:
    video = film(context.folder / "in.mp4", 100, fps=1, size=(16, 16))
    with pytest.raises(NodeFailure, match=words):
        run_node("video.animate", {"video": video}, **({"start": 100} if params else {}))


def test_too_many_frames(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 40, fps=1, size=(16, 16))
    with pytest.raises(NodeFailure, match="would be 2,000 frames; at most 1,500"):
        run_node("video.animate", {"video": video}, fps=50)
