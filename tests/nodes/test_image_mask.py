from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, pixels, put, ramp

Run = Callable[..., Any]


def test_a_threshold_is_exact(run_node: Run, context: FolderContext) -> None:
    out = run_node("image.mask", {"image": put(context, ramp())}, threshold=100)
    mask = pixels(context, out["mask"])
    assert mask.ndim == 2
    assert (mask == np.where(ramp()[:, :, 0] >= 100, 255, 0)).all()


def test_the_ends_of_the_threshold(run_node: Run, context: FolderContext) -> None:
    ref = put(context, ramp())
    assert (pixels(context, run_node("image.mask", {"image": ref}, threshold=0)["mask"]) == 255).all()
    assert (pixels(context, run_node("image.mask", {"image": ref}, threshold=255)["mask"])[:, :-1] == 0).all()


def test_brightness_is_what_the_eye_sees(run_node: Run, context: FolderContext) -> None:
    picture = noise(30, 20)
    mask = pixels(context, run_node("image.mask", {"image": put(context, picture)}, source="luminance")["mask"])
    assert np.abs(mask - picture @ np.array([0.2126, 0.7152, 0.0722])).max() <= 0.51


def test_softness_is_a_straight_line_around_the_threshold(run_node: Run, context: FolderContext) -> None:
    mask = pixels(context, run_node("image.mask", {"image": put(context, ramp())}, threshold=128, softness=40)["mask"])
    row = mask[0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert abs(int(row[127]) + int(row[128]) - 255) <= 2
    assert 100 <= np.count_nonzero((row > 0) & (row < 255)) <= 103  # 40 % of 255


def test_transparency(run_node: Run, context: FolderContext) -> None:
    picture = noise(30, 20, 4)
    out = run_node("image.mask", {"image": put(context, picture)}, source="alpha", invert=True)
    assert (pixels(context, out["mask"]) == 255 - picture[:, :, 3]).all()
    out = run_node("image.mask", {"image": put(context, ramp())}, source="alpha")
    assert (pixels(context, out["mask"]) == 255).all()


def test_a_green_screen_goes(run_node: Run, context: FolderContext) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:, :] = (10, 240, 15)
    picture[5:15, 5:15] = (200, 40, 60)
    out = run_node("image.mask", {"image": put(context, picture)}, source="colour", key="#00ff00", tolerance=10)
    wanted = np.zeros((20, 20), np.uint8)
    wanted[5:15, 5:15] = 255
    assert (pixels(context, out["mask"]) == wanted).all()
    cutout = pixels(context, out["cutout"])
    assert (cutout[:, :, 3] == wanted).all()
    assert (cutout[:, :, :3] == picture).all()


def test_tolerance_keeps_what_is_farther(run_node: Run, context: FolderContext) -> None:
    ref = put(context, ramp())
    mask = pixels(context, run_node("image.mask", {"image": ref}, source="colour", key="black", tolerance=50)["mask"])
    kept = np.flatnonzero(mask[0] == 255)
    assert 127 <= kept[0] <= 129
    assert (np.diff(mask[0].astype(int)) >= 0).all()


@pytest.mark.parametrize("feather", [1, 4, 20])
def test_a_feather_is_monotone_and_lies_around_the_edge(run_node: Run, context: FolderContext, feather: int) -> None:
    picture = np.zeros((20, 240, 3), np.uint8)
    picture[:, 120:] = 255
    mask = pixels(context, run_node("image.mask", {"image": put(context, picture)}, feather=feather)["mask"])
    row = mask[10].astype(int)
    assert (np.diff(row) >= 0).all()
    assert (row[0], row[-1]) == (0, 255)
    assert abs(int(row[119]) + int(row[120]) - 255) <= 3
    # Two thirds of the way are gone within one radius to each side.
    assert abs(int(np.argmax(row >= 255 * 0.8413)) - (119.5 + feather)) <= 1.5


def test_a_mask_is_applied_and_what_was_transparent_stays(run_node: Run, context: FolderContext) -> None:
    picture, given = noise(30, 20, 4, 1), noise(30, 20, 1, 2)[:, :, 0]
    refs = {"image": put(context, picture, "image.png"), "mask": put(context, given, "given.png")}
    cutout = pixels(context, run_node("image.mask", refs)["cutout"])
    assert (cutout[:, :, :3] == picture[:, :, :3]).all()
    wanted = picture[:, :, 3].astype(int) * given / 255
    assert np.abs(cutout[:, :, 3] - wanted).max() < 1


def test_a_mask_of_another_size_is_a_sentence(run_node: Run, context: FolderContext) -> None:
    refs = {
        "image": put(context, Image.new("RGB", (30, 20)), "image.png"),
        "mask": put(context, Image.new("L", (20, 30)), "given.png"),
    }
    with pytest.raises(NodeFailure, match="The mask is 20 × 30 pixels, but the image is 30 × 20"):
        run_node("image.mask", refs)
