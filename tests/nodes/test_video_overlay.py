from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import asset, facts, film, grey, greys_in, near, pictures_in, samples_in
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def black(number: int) -> Image.Image:
    return Image.new("RGB", (64, 48))


@pytest.fixture
def red(context: FolderContext) -> dict[str, Any]:
    Image.new("RGBA", (40, 40), (255, 0, 0, 255)).save(context.folder / "red.png")
    return asset("red.png", "image")


def test_image_lies_where_and_while_it_should(run_node: Run, context: FolderContext, red: dict[str, Any]) -> None:
    video = film(context.folder / "in.mp4", 10, picture=black, tone=300)
    settings = {"position": "top-left", "scale": 25, "margin": 0, "start": 0.3, "end": 0.6}
    out = run_node("video.overlay", {"video": video, "over": red}, **settings)
    made = context.folder / out["video"]["$asset"]
    shown = pictures_in(made)
    assert [int(one[6, 6, 0]) > 200 for one in shown] == [3 <= number < 6 for number in range(10)]
    assert shown[4][6, 6, 0] > 230
    assert max(shown[4][6, 6, 1:]) < 25, "red stays red"
    assert shown[4][24, 40].max() < 12, "the rest stays black"
    assert samples_in(made).size / 48_000 == pytest.approx(1, abs=0.05), "the sound stays"


def test_opacity_mixes(run_node: Run, context: FolderContext, red: dict[str, Any]) -> None:
    video = film(context.folder / "in.mp4", 2, picture=black)
    out = run_node("video.overlay", {"video": video, "over": red}, position="centre", scale=50, opacity=50)
    middle = pictures_in(context.folder / out["video"]["$asset"])[0][24, 32]
    assert middle[0] == pytest.approx(128, abs=8)
    assert max(middle[1:]) < 15


def test_transparency_is_obeyed(run_node: Run, context: FolderContext) -> None:
    image = Image.new("RGBA", (64, 48), (0, 255, 0, 0))
    image.paste((0, 255, 0, 255), (0, 0, 32, 48))
    image.save(context.folder / "half.png")
    video = film(context.folder / "in.mp4", 2, picture=black)
    over = asset("half.png", "image")
    out = run_node("video.overlay", {"video": video, "over": over}, position="centre", scale=100, margin=0)
    shown = pictures_in(context.folder / out["video"]["$asset"])[0]
    assert shown[24, 10][1] > 230
    assert shown[24, 50].max() < 12


@pytest.mark.parametrize(("loop", "late"), [(False, grey(7)), (True, grey(3))])
def test_video_over_video(run_node: Run, context: FolderContext, loop: bool, late: int) -> None:
    base = film(context.folder / "base.mp4", 10)
    over = film(context.folder / "over.mp4", 4, size=(32, 24))
    settings = {"position": "centre", "scale": 50, "loop": loop}
    out = run_node("video.overlay", {"video": base, "over": over}, **settings)
    made = context.folder / out["video"]["$asset"]
    shown = greys_in(made)
    assert near(shown[:4], [grey(number) for number in range(4)])
    assert abs(shown[7] - late) <= 3
    corners = [round(float(one[2, 2].mean())) for one in pictures_in(made)]
    assert near(corners, [grey(number) for number in range(10)])
    assert facts(made)["size"] == (64, 48)


def test_start_behind_the_end_is_a_sentence(run_node: Run, context: FolderContext, red: dict[str, Any]) -> None:
    with pytest.raises(NodeFailure, match="lies behind the end"):
        run_node("video.overlay", {"video": film(context.folder / "in.mp4", 2), "over": red}, start=1)


def test_an_overlay_that_is_only_sound_is_a_sentence(run_node: Run, context: FolderContext) -> None:
    from tests.nodes.clips import sound

    with pytest.raises(NodeFailure, match="no video in it"):
        run_node(
            "video.overlay", {"video": film(context.folder / "in.mp4", 2), "over": sound(context.folder / "a.wav")}
        )
