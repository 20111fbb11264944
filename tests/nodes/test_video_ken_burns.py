from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.nodes.media.video.ken_burns import between, box_of
from tests.nodes.clips import asset, facts, pictures_in
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def edge_of(frame: Any) -> float:
    """Where the picture turns from black to white, in parts of its width."""
    row = frame[frame.shape[0] // 2].mean(axis=1)
    return float((row < 128).sum() / len(row))


@pytest.fixture
def halves(context: FolderContext) -> dict[str, Any]:
    image = Image.new("RGB", (400, 200), "black")
    image.paste("white", (200, 0, 400, 200))
    image.save(context.folder / "halves.png")
    return asset("halves.png", "image")


def test_moves_from_one_part_to_the_other(run_node: Run, context: FolderContext, halves: dict[str, Any]) -> None:
    settings = {"width": 160, "height": 80, "seconds": 1, "fps": 11, "easing": "linear"}
    ends = {"from_zoom": 2, "from_x": 25, "to_zoom": 2, "to_x": 75}
    out = run_node("video.ken_burns", {"image": halves}, **settings, **ends)
    made = context.folder / out["video"]["$asset"]
    edges = [edge_of(frame) for frame in pictures_in(made)]
    assert len(edges) == 11
    assert facts(made)["size"] == (160, 80)
    assert edges == pytest.approx([1 - number / 10 for number in range(11)], abs=0.03)


@pytest.mark.parametrize(("easing", "half"), [("in", 0.75), ("out", 0.25), ("in-out", 0.5)])
def test_easing(run_node: Run, context: FolderContext, halves: dict[str, Any], easing: str, half: float) -> None:
    settings = {"width": 160, "height": 80, "seconds": 1, "fps": 11, "easing": easing}
    ends = {"from_zoom": 2, "from_x": 25, "to_zoom": 2, "to_x": 75}
    out = run_node("video.ken_burns", {"image": halves}, **settings, **ends)
    assert edge_of(pictures_in(context.folder / out["video"]["$asset"])[5]) == pytest.approx(half, abs=0.03)


def test_zoom_shows_less(run_node: Run, context: FolderContext) -> None:
    image = Image.new("RGB", (200, 100), "black")
    image.paste("white", (75, 0, 125, 100))
    image.save(context.folder / "bar.png")
    settings = {"width": 200, "height": 100, "seconds": 1, "fps": 5, "to_zoom": 4}
    out = run_node("video.ken_burns", {"image": asset("bar.png", "image")}, **settings)
    shown = pictures_in(context.folder / out["video"]["$asset"])
    light = [float((np.asarray(frame)[50].mean(axis=1) > 128).mean()) for frame in (shown[0], shown[-1])]
    assert light == pytest.approx([0.25, 1.0], abs=0.03)


def test_boxes_stay_inside_and_grow_evenly() -> None:
    assert box_of((400, 200), (100, 100), 1, 0, 50) == (0, 0, 200, 200)
    assert box_of((400, 200), (100, 100), 2, 100, 100) == (300, 100, 400, 200)
    first, last = (0.0, 0.0, 400.0, 400.0), (150.0, 150.0, 250.0, 250.0)
    widths = [box[2] - box[0] for box in (between(first, last, way / 2) for way in range(3))]
    assert widths == pytest.approx([400, 200, 100])


def test_same_bytes_each_time(run_node: Run, context: FolderContext, halves: dict[str, Any]) -> None:
    made = []
    for _time in range(2):
        out = run_node("video.ken_burns", {"image": halves}, width=160, height=80, seconds=0.4)
        made.append((context.folder / out["video"]["$asset"]).read_bytes())
    assert made[0] == made[1]
