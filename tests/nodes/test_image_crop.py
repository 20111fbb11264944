from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from apps.nodes.registry import node_type_get
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, pixels, put

Run = Callable[..., Any]


def test_the_box_is_exact(run_node: Run, context: FolderContext) -> None:
    whole = noise(60, 40)
    out = run_node(
        "image.crop", {"image": put(context, whole)}, mode="box", gravity="top-left", x=7, y=3, width=20, height=11
    )
    assert (pixels(context, out["image"]) == whole[3:14, 7:27]).all()
    assert context.lines == ["60 × 40 to 20 × 11, from 7, 3."]


def test_a_box_is_counted_from_the_edges_it_names(run_node: Run, context: FolderContext) -> None:
    whole = noise(60, 40)
    out = run_node(
        "image.crop", {"image": put(context, whole)}, mode="box", gravity="bottom-right", x=5, y=2, width=10, height=10
    )
    assert (pixels(context, out["image"]) == whole[28:38, 45:55]).all()


def test_percent_and_what_is_left_open(run_node: Run, context: FolderContext) -> None:
    whole = noise(60, 40)
    out = run_node(
        "image.crop", {"image": put(context, whole)}, mode="box", gravity="top-left", unit="percent", x=50, height=25
    )
    assert (pixels(context, out["image"]) == whole[:10, 30:]).all()


@pytest.mark.parametrize(("gravity", "left"), [("left", 0), ("center", 10), ("right", 20)])
def test_a_shape_is_kept_at_its_side(run_node: Run, context: FolderContext, gravity: str, left: int) -> None:
    whole = noise(60, 40)
    out = run_node("image.crop", {"image": put(context, whole)}, ratio="1:1", gravity=gravity)
    assert (pixels(context, out["image"]) == whole[:, left : left + 40]).all()


@pytest.mark.parametrize(("ratio", "size"), [("16:9", (60, 34)), ("1/2", (20, 40)), ("1.5", (60, 40))])
def test_the_largest_part_of_a_shape(run_node: Run, context: FolderContext, ratio: str, size: tuple[int, int]) -> None:
    out = run_node("image.crop", {"image": put(context, noise(60, 40))}, ratio=ratio)
    assert pixels(context, out["image"]).shape == (size[1], size[0], 3)


def test_a_border_is_trimmed_within_its_tolerance(run_node: Run, context: FolderContext) -> None:
    whole = np.full((40, 60, 3), 250, np.uint8)
    whole[5:10, 5:10] = 244  # dust
    whole[12:20, 20:50] = 100
    ref = put(context, whole)
    out = run_node("image.crop", {"image": ref}, mode="trim", tolerance=8)
    assert pixels(context, out["image"]).shape == (8, 30, 3)
    assert (pixels(context, out["image"]) == 100).all()
    out = run_node("image.crop", {"image": ref}, mode="trim", tolerance=2, margin=3)
    assert (pixels(context, out["image"]) == whole[2:23, 2:53]).all()


def test_a_transparent_border_is_one_whatever_its_hidden_colours(run_node: Run, context: FolderContext) -> None:
    whole = noise(30, 30, 4)
    whole[:, :, 3] = 0
    whole[10:12, 4:9, 3] = 255
    out = run_node("image.crop", {"image": put(context, whole)}, mode="trim")
    assert (pixels(context, out["image"]) == whole[10:12, 4:9]).all()


def test_upright_first(run_node: Run, context: FolderContext) -> None:
    """A camera held upright writes a picture that lies on its side, and says so."""
    lying = np.zeros((20, 40, 3), np.uint8)
    lying[:, :8] = 255  # the left of what lies is the top of what stands, turned by a quarter
    exif = Image.Exif()
    exif[0x0112] = 6
    out = run_node(
        "image.crop", {"image": put(context, lying, "in.png", exif=exif)}, mode="box", gravity="top", width=20, height=8
    )
    assert pixels(context, out["image"]).shape == (8, 20, 3)
    assert (pixels(context, out["image"]) == 255).all()
    with Image.open(context.folder / out["image"]["$asset"]) as made:
        assert made.getexif().get(0x0112) is None, "or it would be turned again"


def test_the_same_twice_is_the_same_bytes(run_node: Run, context: FolderContext) -> None:
    ref = put(context, noise(60, 40, 4))
    made = []
    for _time in range(2):
        out = run_node("image.crop", {"image": ref}, ratio="1:1")
        made.append((context.folder / out["image"]["$asset"]).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"mode": "box", "x": 50, "width": 20}, "beyond the image, which is 60 × 40"),
        ({"mode": "box", "gravity": "top-left", "y": 41}, "beyond"),
        ({"mode": "trim"}, "nothing in the image but border"),
    ],
)
def test_what_cannot_be_cut_is_a_sentence(
    run_node: Run, context: FolderContext, params: dict[str, Any], said: str
) -> None:
    ref = put(context, np.full((40, 60, 3), 9, np.uint8))
    with pytest.raises(NodeFailure, match=said):
        run_node("image.crop", {"image": ref}, **params)


@pytest.mark.parametrize("ratio", ["", "wide", "0:1", "1:0", "1000:1", "nan"])
def test_what_is_no_shape_is_refused_before_the_run(ratio: str) -> None:
    node = node_type_get("image.crop")
    assert node
    assert node.params_problems({"ratio": ratio}) == [
        ("ratio", "Write the shape as width to height, like 16:9 or 1:1.")
    ]
