from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from apps.nodes.media import animate
from apps.nodes.registry import node_type_get
from tests.nodes.context import FolderContext
from tests.nodes.pictures import put

Run = Callable[..., Any]
COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def _refs(context: FolderContext, *names: str, size: tuple[int, int] = (32, 24)) -> list[dict[str, Any]]:
    return [put(context, Image.new("RGB", size, COLOURS[name]), f"{name}.png") for name in names]


def _frames(context: FolderContext, ref: dict[str, Any]) -> list[tuple[tuple[int, ...], float]]:
    """The colour in the middle of each frame, and how long it is seen."""
    found = []
    with Image.open(context.folder / ref["$asset"]) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            shown = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
            assert isinstance(shown, tuple)
            found.append((shown, image.info["duration"]))
    return found


def _like(found: list[tuple[tuple[int, ...], float]], wanted: list[tuple[str, int]]) -> bool:
    near = all(
        np.abs(np.subtract(shown, COLOURS[name])).max() <= 12
        for (shown, _ms), (name, _) in zip(found, wanted, strict=True)
    )
    return near and [ms for _shown, ms in found] == [ms for _name, ms in wanted]


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_frames_and_their_durations(run_node: Run, context: FolderContext, kind: str) -> None:
    refs = _refs(context, "red", "lime", "blue")
    out = run_node("image.animate", {"images": refs}, format=kind, durations=[100, 250, 1000])
    assert _like(_frames(context, out["image"]), [("red", 100), ("lime", 250), ("blue", 1000)])


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_back_and_forth(run_node: Run, context: FolderContext, kind: str) -> None:
    refs = _refs(context, "red", "lime", "blue", "white")
    out = run_node("image.animate", {"images": refs}, format=kind, durations=[20, 40, 60, 80], bounce=True)
    wanted = [("red", 20), ("lime", 40), ("blue", 60), ("white", 80), ("blue", 60), ("lime", 40)]
    assert _like(_frames(context, out["image"]), wanted)


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_the_same_bytes_each_time(run_node: Run, context: FolderContext, kind: str) -> None:
    made = []
    for _time in range(2):
        out = run_node("image.animate", {"images": _refs(context, "red", "blue")}, format=kind)
        made.append((context.folder / out["image"]["$asset"]).read_bytes())
    assert made[0] == made[1]


def test_a_gif_counts_in_hundredths(run_node: Run, context: FolderContext) -> None:
    out = run_node("image.animate", {"images": _refs(context, "red", "blue")}, format="gif", duration=77)
    assert [ms for _shown, ms in _frames(context, out["image"])] == [80, 80]


@pytest.mark.parametrize(
    ("kind", "plays", "stands"), [("gif", 0, 0), ("gif", 1, None), ("gif", 3, 2), ("webp", 0, 0), ("webp", 3, 3)]
)
def test_how_often_it_plays(run_node: Run, context: FolderContext, kind: str, plays: int, stands: int | None) -> None:
    out = run_node("image.animate", {"images": _refs(context, "red", "blue")}, format=kind, plays=plays)
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        assert image.info.get("loop") == stands


@pytest.mark.parametrize(
    ("wanted", "size"),
    [({}, (32, 24)), ({"width": 16}, (16, 12)), ({"height": 48}, (64, 48)), ({"width": 9, "height": 7}, (9, 7))],
)
def test_the_size_of_the_first_or_what_is_asked(
    run_node: Run, context: FolderContext, wanted: dict[str, int], size: tuple[int, int]
) -> None:
    refs = _refs(context, "red") + _refs(context, "blue", size=(200, 10))
    out = run_node("image.animate", {"images": refs}, **wanted)
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        assert (image.size, getattr(image, "n_frames", 1)) == (size, 2)


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_transparent_frames_do_not_pile_up(run_node: Run, context: FolderContext, kind: str) -> None:
    refs = []
    for number in range(2):
        picture = np.zeros((20, 40, 4), np.uint8)
        picture[:, 20 * number : 20 * number + 20] = (255, 0, 0, 255)
        refs.append(put(context, picture, f"{number}.png"))
    out = run_node("image.animate", {"images": refs}, format=kind, background="transparent")
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        image.seek(1)
        alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
    assert (alpha[:, :20] == 0).all()
    assert (alpha[:, 20:] == 255).all()


@pytest.mark.parametrize(
    ("count", "params", "said"),
    [
        (0, {}, "no image to show"),
        (601, {}, "601 images; at most 600"),
        (2, {"durations": [100]}, "1 durations, 2 images"),
        (20, {"width": 4096, "height": 4096}, "more than 150 megapixels"),
    ],
)
def test_what_cannot_move_is_a_sentence(
    run_node: Run, context: FolderContext, count: int, params: dict[str, Any], said: str
) -> None:
    refs = (_refs(context, "red") * 700)[:count]
    with pytest.raises(NodeFailure, match=said):
        run_node("image.animate", {"images": refs}, **params)


@pytest.mark.parametrize("durations", [[10], [70_000], ["long"], "100", list(range(100, 800))])
def test_durations_are_checked_before_the_run(durations: Any) -> None:
    node = node_type_get("image.animate")
    assert node
    assert {name for name, _said in node.params_problems({"durations": durations})} == {"durations"}


def test_one_wrong_duration_is_told_with_its_bounds() -> None:
    node = node_type_get("image.animate")
    assert node
    said = "Durations must lie between 20 and 60,000."
    assert node.params_problems({"durations": [100, 10]}) == [("durations", said)]


def test_the_limit_leaves_room_for_what_encoders_need() -> None:
    node = node_type_get("image.animate")
    assert node
    assert node.limits.memory_mb * 1024**2 > animate.PIXELS_MAX * 4 * 3
