from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, pixels, put

Run = Callable[..., Any]


@pytest.fixture
def refs(context: FolderContext) -> dict[str, Any]:
    """A black image of 200 × 100 and a white mark of 40 × 20."""
    return {
        "image": put(context, Image.new("RGB", (200, 100)), "image.png"),
        "mark": put(context, Image.new("RGB", (40, 20), "white"), "mark.png"),
    }


def test_its_width_is_a_share_of_the_image(run_node: Run, context: FolderContext, refs: Any) -> None:
    found = pixels(context, run_node("image.watermark", refs, scale=10, margin=5, opacity=100)["image"])
    wanted = np.zeros((100, 200, 3), np.uint8)
    wanted[85:95, 175:195] = 255
    assert (found == wanted).all()


def test_opacity_is_exact(run_node: Run, context: FolderContext, refs: Any) -> None:
    found = pixels(context, run_node("image.watermark", refs, scale=10, gravity="center", opacity=30)["image"])
    assert set(np.unique(found)) == {0, 76}  # 30 % of 255
    assert not pixels(context, run_node("image.watermark", refs, opacity=0)["image"]).any()


def test_all_over_is_regular_and_reaches_every_part(run_node: Run, context: FolderContext, refs: Any) -> None:
    out = run_node("image.watermark", refs, layout="tiled", scale=10, gap=10, opacity=100)
    found = pixels(context, out["image"])[:, :, 0] == 255
    # A tile of 30 × 20 holds a mark of 20 × 10; the next row is 15 aside.
    assert (found[:60, 30:] == found[:60, :-30]).all()
    assert (found[20:, 15:] == found[:-20, :-15]).all()
    assert abs(found.mean() - 200 / 600) < 0.03
    blocks = found.reshape(5, 20, 5, 40).any(axis=(1, 3))
    assert blocks.all()


def test_a_quarter_turn(run_node: Run, context: FolderContext, refs: Any) -> None:
    found = pixels(
        context, run_node("image.watermark", refs, scale=10, gravity="center", angle=90, opacity=100)["image"]
    )
    rows, columns = np.nonzero(found[:, :, 0] > 128)
    assert [int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1] == [10, 20]


def test_a_text_as_wide_as_asked(run_node: Run, context: FolderContext, refs: Any) -> None:
    only = {"image": refs["image"]}
    found = pixels(
        context, run_node("image.watermark", only, text="© Mill", scale=50, opacity=100, gravity="center")["image"]
    )
    columns = np.flatnonzero((found[:, :, 0] > 60).any(axis=0))
    assert 92 <= np.ptp(columns) + 1 <= 100


def test_a_transparent_mark_has_no_dark_edge(run_node: Run, context: FolderContext) -> None:
    mark = np.zeros((40, 80, 4), np.uint8)
    mark[10:30, 20:60] = 255
    inputs = {
        "image": put(context, Image.new("RGB", (200, 100), "white"), "image.png"),
        "mark": put(context, mark, "mark.png"),
    }
    found = pixels(context, run_node("image.watermark", inputs, scale=33, opacity=100, angle=20)["image"])
    assert found.min() >= 253, "white on white is seen nowhere"


def test_transparency_of_the_image_stays(run_node: Run, context: FolderContext, refs: Any) -> None:
    clear = put(context, Image.new("RGBA", (200, 100)), "clear.png")
    found = pixels(
        context, run_node("image.watermark", {**refs, "image": clear}, scale=10, margin=0, opacity=40)["image"]
    )
    assert found[95, 190].tolist() == [255, 255, 255, 102]
    assert found[0, 0].tolist() == [0, 0, 0, 0]


def test_no_mark_is_a_sentence(run_node: Run, refs: Any) -> None:
    with pytest.raises(NodeFailure, match="Connect an image as the mark, or write a text"):
        run_node("image.watermark", {"image": refs["image"]})


def test_too_small_a_mark_is_not_repeated_for_ever(run_node: Run, context: FolderContext, refs: Any) -> None:
    large = put(context, Image.new("RGB", (3000, 3000)), "large.png")
    with pytest.raises(NodeFailure, match="too small to be repeated"):
        run_node("image.watermark", {**refs, "image": large}, layout="tiled", scale=1, gap=0)


def test_the_same_bytes_each_time(run_node: Run, context: FolderContext, refs: Any) -> None:
    ref, made = put(context, noise(300, 200), "noise.png"), []
    for _time in range(2):
        out = run_node("image.watermark", {"image": ref}, text="磨坊", layout="tiled", angle=30)
        made.append((context.folder / out["image"]["$asset"]).read_bytes())
    assert made[0] == made[1]
