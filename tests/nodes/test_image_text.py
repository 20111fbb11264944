from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from apps.nodes.media.lettering import FACES, Block, Lettering
from apps.nodes.registry import node_type_get
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, pixels, put

Run = Callable[..., Any]
BLACK = (0, 0, 0, 255)


def _inked(context: FolderContext, ref: Any, ground: tuple[int, ...] = (0, 0, 0)) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) around what is not ground."""
    rows, columns = np.nonzero((pixels(context, ref)[:, :, :3] != ground[:3]).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.fixture
def ground(context: FolderContext) -> dict[str, Any]:
    return put(context, Image.new("RGB", (400, 200)))


@pytest.mark.parametrize(
    ("gravity", "left", "top"),
    [
        ("top-left", True, True),
        ("bottom-right", False, False),
        ("top-right", False, True),
        ("bottom-left", True, False),
    ],
)
def test_place(run_node: Run, context: FolderContext, ground: Any, gravity: str, left: bool, top: bool) -> None:
    out = run_node("image.text", {"image": ground}, text="Sea", size=40, gravity=gravity, margin=10)
    box = _inked(context, out["image"])
    assert (10 <= box[0] <= 16) if left else (384 <= box[2] <= 390)
    assert box[3] < 70 if top else box[1] > 130


def test_colour_is_exact_inside_and_nowhere_darker(run_node: Run, context: FolderContext) -> None:
    white = put(context, Image.new("RGB", (400, 200), "white"))
    out = run_node("image.text", {"image": white}, text="█", size=80, colour="#3366cc")
    found = pixels(context, out["image"])
    assert (found == (0x33, 0x66, 0xCC)).all(axis=2).any()
    assert (found >= np.array([0x33, 0x66, 0xCC])).all(), "an edge is between text and ground, never darker than both"


def test_edges_over_transparency_have_the_colour_of_the_text(run_node: Run, context: FolderContext) -> None:
    clear = put(context, Image.new("RGBA", (400, 200)))
    found = pixels(context, run_node("image.text", {"image": clear}, text="Sea", size=60, colour="#ff8800")["image"])
    seen = found[found[:, :, 3] > 0]
    assert len(np.unique(seen[:, 3])) > 10
    assert (seen[:, :3] == (255, 136, 0)).all()


@pytest.mark.parametrize(("align", "wanted"), [("left", 0), ("center", 1), ("right", 2)])
def test_lines_are_aligned(align: str, wanted: int) -> None:
    block = Block(Lettering("sans", 40, BLACK, align=align), ("Mmmmmmmmmm", "i"))
    second = np.asarray(block.drawn())[60:, :, 3]
    columns = np.flatnonzero(second.any(axis=0))
    middle = (columns[0] + columns[-1]) / 2
    assert abs(middle - [4, block.size[0] / 2, block.size[0] - 5][wanted]) < 6


@pytest.mark.parametrize("width", [110, 200, 1000])
def test_wrapped_lines_fit_and_lose_no_word(width: int) -> None:
    how = Lettering("serif", 24, BLACK)
    text = "The mill by the race turns as the water runs.\n\nNobody counts the turns."
    lines = how.wrapped(text, width)
    assert all(how.width(line) <= width for line in lines)
    assert " ".join(lines).split() == text.split()
    assert "" in lines, "an empty line stays"


def test_a_word_wider_than_a_line_is_broken() -> None:
    how = Lettering("sans", 24, BLACK)
    lines = how.wrapped("Rindfleischetikettierungsüberwachung", 120)
    assert len(lines) > 2
    assert "".join(lines) == "Rindfleischetikettierungsüberwachung"
    assert all(how.width(line) <= 120 for line in lines)


def test_chinese_breaks_anywhere_but_before_what_closes() -> None:
    how = Lettering("sans", 20, BLACK)
    lines = how.wrapped("水车随着水流转动,没有人数它转了多少圈。", 105)
    assert len(lines) > 2
    assert not [line for line in lines if line[0] in "，。,."]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("text", ["Água Žižkov", "Вода", "水车磨坊，運河", "ミル・レース", "Ωμέγα"])
def test_scripts_have_ink(run_node: Run, context: FolderContext, ground: Any, face: str, text: str) -> None:
    out = run_node("image.text", {"image": ground}, text=text, font=face, size=30)
    left, _top, right, _bottom = _inked(context, out["image"])
    assert right - left > 40


def test_arabic_runs_from_right_to_left_and_joins() -> None:
    how = Lettering("sans", 60, BLACK)

    def ink(text: str) -> Any:
        return np.asarray(Block(how, (text,)).drawn())[:, :, 3]

    # A narrow letter, then a wide one: the first is at the right.
    columns = ink("اس").sum(axis=0)
    assert columns[: len(columns) // 2].astype(bool).sum() >= columns[len(columns) // 2 :].astype(bool).sum()
    assert how.width("سس") < 2 * how.width("س"), "inside a word a letter has another shape"
    assert (ink("אב")[:, -20:] > 0).any()


def test_a_stroke_lies_around_the_text(run_node: Run, context: FolderContext, ground: Any) -> None:
    settings = {"text": "O", "size": 80, "gravity": "center", "colour": "white", "stroke_colour": "red"}
    thin = _inked(context, run_node("image.text", {"image": ground}, **settings)["image"])
    out = run_node("image.text", {"image": ground}, stroke=6, **settings)
    thick = _inked(context, out["image"])
    assert 10 <= (thick[2] - thick[0]) - (thin[2] - thin[0]) <= 14
    found = pixels(context, out["image"])
    assert (found == (255, 0, 0)).all(axis=2).any()
    assert (found == (255, 255, 255)).all(axis=2).any()


def test_a_box_is_exact(run_node: Run, context: FolderContext, ground: Any) -> None:
    out = run_node(
        "image.text", {"image": ground}, text="Sea", gravity="center", box="#0000ff", padding=7, colour="blue"
    )
    block = Block(Lettering("sans", 48, BLACK), ("Sea",))
    left, top, right, bottom = _inked(context, out["image"])
    assert (right - left, bottom - top) == (block.size[0] + 14, block.size[1] + 14)
    assert (pixels(context, out["image"])[top:bottom, left:right] == (0, 0, 255)).all()


def test_it_shrinks_until_it_fits_or_says_why_not(run_node: Run, context: FolderContext, ground: Any) -> None:
    out = run_node("image.text", {"image": ground}, text="Sea " * 40, size=100, margin=10)
    left, top, right, bottom = _inked(context, out["image"])
    assert left >= 10
    assert right <= 390
    assert top >= 10
    assert bottom <= 190
    with pytest.raises(NodeFailure, match=r"takes \d+ × \d+ pixels, but there is room for 380 × 180"):
        run_node("image.text", {"image": ground}, text="Sea " * 40, size=100, margin=10, shrink=False)
    tiny = put(context, Image.new("RGB", (20, 20)), "tiny.png")
    with pytest.raises(NodeFailure, match="there is room for 16 × 16"):
        run_node("image.text", {"image": tiny}, text="Sea " * 9, margin=2)


def test_much_text_on_a_small_image_is_refused_without_measuring_it_at_every_size(
    run_node: Run, context: FolderContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    measured = Lettering.width

    def width(how: Lettering, line: str) -> int:
        asked.append(how.size)
        return measured(how, line)

    monkeypatch.setattr(Lettering, "width", width)
    small = put(context, Image.new("RGB", (64, 64)))
    with pytest.raises(NodeFailure, match="there is room for 16 × 16"):
        run_node("image.text", {"image": small}, text="w" * 400, size=2000)
    assert max(asked) <= 16


def test_margins_that_leave_no_room_are_said_to(run_node: Run, context: FolderContext) -> None:
    small = put(context, Image.new("RGB", (40, 40)))
    with pytest.raises(NodeFailure, match="Margin and padding leave no room"):
        run_node("image.text", {"image": small}, text="Hello")


def test_what_is_connected_is_written(run_node: Run, context: FolderContext, ground: Any) -> None:
    typed = pixels(context, run_node("image.text", {"image": ground}, text="Sea")["image"])
    connected = pixels(context, run_node("image.text", {"image": ground, "text": "Sea"}, text="Land")["image"])
    assert (typed == connected).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no text to write"),
        (" \n ", "no text"),
        ("x" * 2001, "2001 characters; at most 2000"),
        ("ไทย", "no “ไ”"),
        ("한", "no “한”"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(run_node: Run, ground: Any, text: str, said: str) -> None:
    with pytest.raises(NodeFailure, match=said):
        run_node("image.text", {"image": ground, "text": text})


def test_an_unknown_font_is_refused_before_the_run() -> None:
    node = node_type_get("image.text")
    assert node
    assert node.params_problems({"font": "Comic"}) == [("font", "Font must be one of: sans, bold, serif, mono.")]


def test_the_same_bytes_each_time(run_node: Run, context: FolderContext) -> None:
    ref, made = put(context, noise(300, 200), "noise.png"), []
    for _time in range(2):
        out = run_node("image.text", {"image": ref}, text="Sea بحر\n水车", stroke=3)
        made.append((context.folder / out["image"]["$asset"]).read_bytes())
    assert made[0] == made[1]
