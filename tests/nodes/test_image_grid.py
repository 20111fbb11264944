from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.context import FolderContext
from tests.nodes.pictures import pixels, put

Run = Callable[..., Any]
COLOURS = ["red", "lime", "blue", "yellow", "cyan"]


def _refs(context: FolderContext, size: tuple[int, int] = (20, 20)) -> list[dict[str, Any]]:
    return [put(context, Image.new("RGB", size, colour), f"{colour}.png") for colour in COLOURS]


def test_cells_stand_where_gap_and_margin_say(run_node: Run, context: FolderContext) -> None:
    cells = {"cell_width": 20, "cell_height": 10, "fit": "stretch"}
    out = run_node("image.grid", {"images": _refs(context)}, columns=3, gap=4, margin=6, background="#102030", **cells)
    sheet = pixels(context, out["image"])
    assert sheet.shape == (2 * 10 + 4 + 12, 3 * 20 + 2 * 4 + 12, 3)
    wanted = np.full(sheet.shape, (16, 32, 48), np.uint8)
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]):
        top, left = 6 + number // 3 * 14, 6 + number % 3 * 24
        wanted[top : top + 10, left : left + 20] = colour
    assert (sheet == wanted).all()


def test_what_fits_inside_is_centred(run_node: Run, context: FolderContext) -> None:
    ref = put(context, Image.new("RGB", (40, 20), "red"))
    out = run_node("image.grid", {"images": [ref]}, cell_width=20, cell_height=20, gap=0, margin=0)
    sheet = pixels(context, out["image"])
    assert (sheet[5:15] == [255, 0, 0]).all()
    assert (sheet[:5] == 255).all()
    assert (sheet[15:] == 255).all()


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (10, 4)])
def test_columns_by_themselves(run_node: Run, context: FolderContext, count: int, columns: int) -> None:
    refs = (_refs(context) * 2)[:count]
    out = run_node("image.grid", {"images": refs}, cell_width=8, cell_height=8, gap=0, margin=0)
    assert pixels(context, out["image"]).shape[1] == 8 * columns


def test_captions_stand_below_their_image_and_inside_their_column(run_node: Run, context: FolderContext) -> None:
    inputs = {"images": _refs(context)[:2], "captions": ["A caption that is much too long for its cell", ""]}
    settings = {"cell_width": 60, "cell_height": 20, "gap": 10, "margin": 0, "caption_size": 10, "columns": 2}
    sheet = pixels(context, run_node("image.grid", inputs, **settings)["image"])
    assert sheet.shape == (20 + 16, 130, 3)
    dark = np.asarray((sheet[20:] < 128).all(axis=2).any(axis=0))
    assert dark[:60].any()
    assert not dark[60:].any()


def test_numbers(run_node: Run, context: FolderContext) -> None:
    out = run_node("image.grid", {"images": _refs(context)}, cell_width=60, cell_height=20, numbers=True)
    assert pixels(context, out["image"]).shape[0] == 2 * (20 + 32) + 16 + 32


def test_a_transparent_ground_stays(run_node: Run, context: FolderContext) -> None:
    out = run_node(
        "image.grid", {"images": _refs(context)[:1]}, cell_width=20, cell_height=20, background="transparent"
    )
    sheet = pixels(context, out["image"])
    assert sheet[0, 0].tolist() == [0, 0, 0, 0]
    assert sheet[20, 20].tolist() == [255, 0, 0, 255]


@pytest.mark.parametrize(
    ("images", "captions", "params", "said"),
    [
        (0, [], {}, "no image to put on the sheet"),
        (1001, [], {}, "1001 images; at most 1000"),
        (3, ["one"], {}, "1 captions, 3 images"),
        (5, [], {"columns": 5, "cell_width": 4096}, "a side is at most 16383"),
        (9, [], {"cell_width": 4000, "cell_height": 4000}, "12064 × 12064 pixels; at most 100 megapixels"),
        (1, ["한"], {}, "has no “한”"),
    ],
)
def test_what_makes_no_sheet_is_a_sentence(
    run_node: Run, context: FolderContext, images: int, captions: list[str], params: dict[str, Any], said: str
) -> None:
    refs = (_refs(context) * 201)[:images]
    with pytest.raises(NodeFailure, match=said):
        run_node("image.grid", {"images": refs, "captions": captions}, **params)
