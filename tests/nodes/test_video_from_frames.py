from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import asset, facts, grey, greys_in, near, pictures_in
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def stills(context: FolderContext, count: int, size: tuple[int, int] = (64, 48)) -> list[dict[str, Any]]:
    for number in range(count):
        Image.new("RGB", size, (grey(number),) * 3).save(context.folder / f"{size[0]}-{number}.png")
    return [asset(f"{size[0]}-{number}.png", "image") for number in range(count)]


def test_each_image_is_a_frame(run_node: Run, context: FolderContext) -> None:
    out = run_node("video.from_frames", {"images": stills(context, 6)}, fps=12)
    made = context.folder / out["video"]["$asset"]
    assert near(greys_in(made), [grey(number) for number in range(6)])
    assert facts(made)["fps"] == 12
    assert facts(made)["seconds"] == pytest.approx(0.5, abs=0.01)


def test_colours_are_right(run_node: Run, context: FolderContext) -> None:
    Image.new("RGB", (1280, 720), (200, 30, 60)).save(context.folder / "red.png")
    out = run_node("video.from_frames", {"images": [asset("red.png", "image")]}, fps=1, quality="high")
    import av

    with av.open(str(context.folder / out["video"]["$asset"])) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1), "BT.709, limited"
        pixel = frame.reformat(format="rgb24", src_colorspace="itu709").to_ndarray()[300, 300]
    assert near(pixel.tolist(), (200, 30, 60), by=4)


def test_other_sizes_are_fitted(run_node: Run, context: FolderContext) -> None:
    Image.new("RGB", (65, 49), "white").save(context.folder / "a.png")
    Image.new("RGBA", (20, 40), (255, 255, 255, 255)).save(context.folder / "b.png")
    images = [asset(name, "image") for name in ("a.png", "b.png")]
    out = run_node("video.from_frames", {"images": images}, colour="#00ff00")
    shown = pictures_in(context.folder / out["video"]["$asset"])
    assert shown[1].shape == (48, 64, 3)
    assert shown[1][24, 32].min() > 235
    assert shown[1][24, 4][1] > 230, "the background at the sides"
    assert shown[1][24, 4][0] < 25


@pytest.mark.parametrize(
    ("count", "params", "words"),
    [
        (0, {}, "no image in the list"),
        (1001, {}, "There are 1001 images; at most 1000"),
        (2, {"fit": "refuse", "width": 32}, "Image 1 is 64 × 48, not 32 × 48"),
        (300, {"fps": 0.1}, "would last 50:00; at most 30:00"),
    ],
)
def test_refusals(run_node: Run, context: FolderContext, count: int, params: dict[str, Any], words: str) -> None:
    images = stills(context, 1) * count
    with pytest.raises(NodeFailure, match=words):
        run_node("video.from_frames", {"images": images}, **params)


def test_what_is_no_image_is_a_sentence(run_node: Run, context: FolderContext) -> None:
    (context.folder / "a.png").write_bytes(b"not a picture")
    with pytest.raises(NodeFailure, match="could not be read"):
        run_node("video.from_frames", {"images": [asset("a.png", "image")]})
