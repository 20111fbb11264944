from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import facts, film, grey, greys_in, hertz_of, loudness, near, pictures_in, samples_in
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def plain(colour: str, size: tuple[int, int] = (64, 48)) -> Callable[[int], Image.Image]:
    return lambda number: Image.new("RGB", size, colour)


@pytest.fixture
def dark_and_light(context: FolderContext) -> list[dict[str, Any]]:
    """Ten frames of 40, ten of 200."""
    return [
        film(context.folder / "dark.mp4", 10, picture=plain("#282828"), tone=300),
        film(context.folder / "light.mp4", 10, picture=plain("#c8c8c8"), tone=900),
    ]


def test_one_after_the_other(run_node: Run, context: FolderContext) -> None:
    videos = [film(context.folder / f"{name}.mp4", 4) for name in "ab"]
    out = run_node("video.concat", {"videos": videos})
    made = context.folder / out["video"]["$asset"]
    assert near(greys_in(made), [grey(number) for number in range(4)] * 2)
    assert facts(made)["sound"] is False


def test_crossfade(run_node: Run, context: FolderContext, dark_and_light: list[dict[str, Any]]) -> None:
    out = run_node("video.concat", {"videos": dark_and_light}, transition="crossfade", seconds=0.4)
    made = context.folder / out["video"]["$asset"]
    shown = greys_in(made)
    assert len(shown) == 16
    assert near(shown[:6], [40] * 6)
    assert near(shown[6:10], [72, 104, 136, 168], by=4)
    assert near(shown[10:], [200] * 6)
    heard = samples_in(made)
    assert len(heard) / 48_000 == pytest.approx(1.6, abs=0.05)
    assert hertz_of(heard[:24_000]) == pytest.approx(300, abs=6)
    assert hertz_of(heard[-24_000:]) == pytest.approx(900, abs=6)
    assert loudness(heard[36_000:40_000]) == pytest.approx(0.5, abs=0.06), "as loud in the middle of both"


def test_fade_through_a_colour(run_node: Run, context: FolderContext, dark_and_light: list[dict[str, Any]]) -> None:
    settings = {"transition": "fade", "seconds": 0.3, "colour": "#ffffff"}
    out = run_node("video.concat", {"videos": dark_and_light}, **settings)
    shown = greys_in(context.folder / out["video"]["$asset"])
    assert near(shown[6:11], [40, 148, 255, 228, 200], by=5)


@pytest.mark.parametrize(
    ("side", "new", "old"),
    [
        ("left", (24, 6), (24, 58)),
        ("right", (24, 58), (24, 6)),
        ("top", (4, 32), (44, 32)),
        ("bottom", (44, 32), (4, 32)),
    ],
)
@pytest.mark.parametrize("kind", ["wipe", "slide"])
def test_from_a_side(
    run_node: Run, context: FolderContext, dark_and_light: list[dict[str, Any]],
    kind: str, side: str, new: tuple[int, int], old: tuple[int, int],
) -> None:  # fmt: skip
    settings: dict[str, Any] = {"transition": kind, "seconds": 0.3, "from": side}
    out = run_node("video.concat", {"videos": dark_and_light}, **settings)
    half = pictures_in(context.folder / out["video"]["$asset"])[8]
    assert half[new].mean() == pytest.approx(200, abs=8)
    assert half[old].mean() == pytest.approx(40, abs=8)


def test_slide_moves_and_wipe_does_not(run_node: Run, context: FolderContext) -> None:
    marked = Image.new("RGB", (64, 48), "black")
    marked.paste("white", (0, 0, 8, 48))
    videos = [film(context.folder / f"{name}.mp4", 6, picture=lambda number: marked) for name in "ab"]
    middles = {}
    for kind in ("wipe", "slide"):
        settings: dict[str, Any] = {"transition": kind, "seconds": 0.1, "from": "right"}
        out = run_node("video.concat", {"videos": videos}, **settings)
        middles[kind] = pictures_in(context.folder / out["video"]["$asset"])[5][24].mean(axis=1)
    assert middles["wipe"][3] > 200, "the stripe of the old picture has not moved"
    assert middles["slide"][35] > 200, "the stripe of the new one is on its way in"
    assert middles["slide"][3] < 60


def test_sizes_rates_and_missing_sound(run_node: Run, context: FolderContext) -> None:
    videos = [
        film(context.folder / "a.mp4", 10, fps=10, picture=plain("white")),
        film(context.folder / "b.mp4", 25, fps=25, size=(48, 64), picture=plain("white", (48, 64)), tone=500),
    ]
    out = run_node("video.concat", {"videos": videos})
    made = context.folder / out["video"]["$asset"]
    assert facts(made)["size"] == (64, 48)
    assert facts(made)["fps"] == 10
    shown = pictures_in(made)
    assert len(shown) == 20
    assert shown[15][24, 32].mean() > 240
    assert shown[15][24, 3].mean() < 12, "bars at the sides"
    heard = samples_in(made)
    assert np.abs(heard[2000:40_000]).max() < 0.01
    assert hertz_of(heard[52_000:90_000]) == pytest.approx(500, abs=6)
    out = run_node("video.concat", {"videos": videos}, width=32, height=32, fps=5, fit="cover")
    made = context.folder / out["video"]["$asset"]
    assert facts(made)["size"] == (32, 32)
    assert len(greys_in(made)) == 10
    assert pictures_in(made)[7][16, 1].mean() > 240, "no bars"


@pytest.mark.parametrize(
    ("count", "params", "words"),
    [
        (0, {}, "no video in the list"),
        (101, {}, "There are 101 videos; at most 100"),
        (2, {"transition": "crossfade", "seconds": 2}, "Video 1 lasts 0.40 s, too short for transitions of 2 s"),
        (2, {"fit": "refuse", "width": 32}, "Video 1 is 64 × 48, not 32 × 48"),
    ],
)
def test_refusals(run_node: Run, context: FolderContext, count: int, params: dict[str, Any], words: str) -> None:
    film(context.folder / "a.mp4", 4)
    with pytest.raises(NodeFailure, match=words):
        run_node("video.concat", {"videos": [{"$asset": "a.mp4", "kind": "video"}] * count}, **params)
