from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from apps.nodes.media.blur import offsets
from tests.nodes.context import FolderContext
from tests.nodes.pictures import Pixels, noise, pixels, put

Run = Callable[..., Any]


@pytest.fixture
def blurred(run_node: Run, context: FolderContext) -> Callable[..., Any]:
    def blur(picture: Pixels, kind: str, **params: Any) -> Any:
        out = run_node("image.blur", {"image": put(context, picture)}, kind=kind, **params)
        return pixels(context, out["image"]).astype(int)

    return blur


def _point() -> Pixels:
    picture = np.zeros((41, 41, 3), np.uint8)
    picture[20, 20] = 255
    return picture


def test_box_is_the_mean_of_a_square(blurred: Callable[..., Any]) -> None:
    found = blurred(_point(), "box", radius=2)[:, :, 0]
    assert set(np.unique(found[18:23, 18:23])) == {10}  # 255 over 25
    assert found.sum() == 250


def test_gaussian_is_as_wide_as_it_says_and_round(blurred: Callable[..., Any]) -> None:
    step = np.zeros((41, 200, 3), np.uint8)
    step[:, 100:] = 255
    row = blurred(step, "gaussian", radius=10)[20, :, 0]
    assert (np.diff(row) >= 0).all()
    assert abs(int(np.argmax(row >= 255 * 0.8413)) - 110) <= 1, "one sigma above the middle"


def test_motion_is_the_mean_along_its_line(blurred: Callable[..., Any]) -> None:
    found = blurred(_point(), "motion", radius=2, angle=0)[:, :, 0]
    assert found[20].nonzero()[0].tolist() == [18, 19, 20, 21, 22]
    assert set(found[20, 18:23]) == {51}
    assert found.sum() == 255
    upward = blurred(_point(), "motion", radius=2, angle=90)[:, :, 0]
    assert (upward == found.T).all()


def test_motion_goes_on_at_the_edge_as_the_picture_ends(blurred: Callable[..., Any]) -> None:
    flat = np.full((30, 30, 3), 90, np.uint8)
    assert (blurred(flat, "motion", radius=20, angle=30) == 90).all()


def test_motion_in_strips_leaves_no_seam(blurred: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noise(50, 40)
    whole = blurred(picture, "motion", radius=6, angle=35)
    monkeypatch.setattr("apps.nodes.media.pictures._STRIP", 150)
    assert (blurred(picture, "motion", radius=6, angle=35) == whole).all()


def test_a_line_is_centred() -> None:
    assert offsets(5, 0) == [(-2, 0), (-1, 0), (0, 0), (1, 0), (2, 0)]
    assert offsets(3, 90) == [(0, 1), (0, 0), (0, -1)]
    assert offsets(0, 0) == [(0, 0)]


def test_squares_have_the_mean_colour(blurred: Callable[..., Any]) -> None:
    picture = noise(22, 17)
    found = blurred(picture, "pixelate", block=5)
    assert found.shape == picture.shape
    for top in range(0, 17, 5):
        for left in range(0, 22, 5):
            square = picture[top : top + 5, left : left + 5].reshape(-1, 3).mean(axis=0)
            assert np.abs(found[top : top + 5, left : left + 5] - square).max() <= 1


def test_sharpening_overshoots_edges_and_leaves_planes(blurred: Callable[..., Any]) -> None:
    step = np.full((20, 40, 4), 100, np.uint8)
    step[:, 20:, :3] = 150
    found = blurred(step, "sharpen", radius=2, amount=200, threshold=0)
    assert found[10, 19, 0] < 100
    assert found[10, 20, 0] > 150
    assert (found[:, :8, 0] == 100).all()
    assert (found[:, :, 3] == 100).all(), "transparency has no edge to sharpen"
    assert (blurred(step, "sharpen", radius=2, amount=200, threshold=60) == step).all()


@pytest.mark.parametrize("kind", ["gaussian", "box", "motion", "pixelate"])
def test_hidden_colours_do_not_bleed(blurred: Callable[..., Any], kind: str) -> None:
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[:, :, 1] = 255  # green, but transparent
    picture[14:27, 14:27] = (255, 0, 0, 255)
    found = blurred(picture, kind, radius=4, block=8)
    seen = found[found[:, :, 3] > 8]
    assert len(seen)
    assert seen[:, 0].min() > 200
    assert seen[:, 1].max() < 40
