from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.nodes.context import FolderContext
from tests.nodes.pictures import Pixels, noise, pixels, put, ramp

Run = Callable[..., Any]


@pytest.fixture
def adjusted(run_node: Run, context: FolderContext) -> Callable[..., Any]:
    """The pixels after a change, as whole numbers that can be subtracted."""

    def adjust(picture: Pixels, **params: Any) -> Any:
        return pixels(context, run_node("image.colour", {"image": put(context, picture)}, **params)["image"]).astype(
            int
        )

    return adjust


def test_nothing_asked_nothing_changed(adjusted: Callable[..., Any]) -> None:
    assert (adjusted(noise(40, 30, 4)) == noise(40, 30, 4)).all()


def test_brightness_is_a_factor(adjusted: Callable[..., Any]) -> None:
    wanted = np.rint(ramp() * 1.5).clip(0, 255)
    assert np.abs(adjusted(ramp(), brightness=50) - wanted).max() <= 1


def test_contrast_turns_around_the_middle(adjusted: Callable[..., Any]) -> None:
    wanted = np.rint((ramp() / 255 - 0.5) * 2 * 255 + 127.5).clip(0, 255)
    assert np.abs(adjusted(ramp(), contrast=50) - wanted).max() <= 1
    assert set(np.unique(adjusted(ramp(), contrast=-100))) == {128}


def test_gamma(adjusted: Callable[..., Any]) -> None:
    assert np.abs(adjusted(ramp(), gamma=2.2) - 255 * (ramp() / 255) ** (1 / 2.2)).max() <= 1


def test_greyscale_is_what_the_eye_sees(adjusted: Callable[..., Any]) -> None:
    picture = noise(40, 30)
    wanted = picture @ np.array([0.2126, 0.7152, 0.0722])
    found = adjusted(picture, grayscale=True)
    assert np.abs(found - wanted[:, :, None]).max() <= 1
    assert np.abs(adjusted(picture, saturation=-100) - found).max() <= 1


def test_saturation_keeps_brightness(adjusted: Callable[..., Any]) -> None:
    picture = (noise(40, 30) // 8 + 112).astype(np.uint8)  # far from the ends, so that nothing is cut
    shares = np.array([0.2126, 0.7152, 0.0722])
    found = adjusted(picture, saturation=100)
    assert np.abs(found @ shares - picture @ shares).max() <= 1.5
    assert np.abs(np.ptp(found, axis=2) - 2 * np.ptp(picture.astype(int), axis=2)).max() <= 2


@pytest.mark.parametrize("turn", [-120, 60, 120, 180])
def test_hue_turns(adjusted: Callable[..., Any], turn: int) -> None:
    colour = np.array([[[140, 110, 110]]], np.uint8)
    before = colorsys.rgb_to_hsv(*(colour[0, 0] / 255))[0]
    after = colorsys.rgb_to_hsv(*(adjusted(colour, hue=turn)[0, 0] / 255))[0]
    assert abs(((after - before) * 360 - turn + 180) % 360 - 180) < 25, "a turn in light is not quite one on the wheel"


def test_hue_leaves_grey_grey(adjusted: Callable[..., Any]) -> None:
    assert np.abs(adjusted(ramp(), hue=77) - ramp()).max() <= 1


def test_warm_and_cool(adjusted: Callable[..., Any]) -> None:
    grey = np.full((1, 1, 3), 120, np.uint8)
    assert adjusted(grey, temperature=100)[0, 0].tolist() == [180, 120, 80]
    assert adjusted(grey, temperature=-100)[0, 0].tolist() == [80, 120, 180]


def test_negative_is_its_own_undoing(adjusted: Callable[..., Any]) -> None:
    picture = noise(40, 30, 4)
    once = adjusted(picture, invert=True)
    assert (once[:, :, :3] == 255 - picture[:, :, :3].astype(int)).all()
    assert (once[:, :, 3] == picture[:, :, 3]).all(), "transparency stays"


def test_auto_levels_reach_both_ends_of_each_channel(adjusted: Callable[..., Any]) -> None:
    dull = np.stack([ramp()[:, :, 0] // 4 + 60, ramp()[:, :, 0] // 2 + 20, ramp()[:, :, 0]], axis=2).astype(np.uint8)
    found = adjusted(dull, auto_levels=True)
    assert [(found[:, :, channel].min(), found[:, :, channel].max()) for channel in range(3)] == [(0, 255)] * 3
    assert (np.diff(found[0, :, 0]) >= 0).all()


def test_auto_levels_of_one_colour_leave_it(adjusted: Callable[..., Any]) -> None:
    assert (adjusted(np.full((4, 4, 3), 90, np.uint8), auto_levels=True) == 90).all()


def test_strips_leave_no_seam(adjusted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noise(50, 40)
    whole = adjusted(picture, brightness=20, hue=30)
    monkeypatch.setattr("apps.nodes.media.pictures._STRIP", 150)
    assert (adjusted(picture, brightness=20, hue=30) == whole).all()
