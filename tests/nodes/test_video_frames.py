from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import film, grey, near
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def shown(context: FolderContext, out: dict[str, Any]) -> list[int]:
    found: list[Any] = []
    for ref in out["images"]:
        with Image.open(context.folder / ref["$asset"]) as image:
            assert image.size == (64, 48)
            found.append(image.convert("L").getpixel((32, 24)))
    return found


@pytest.mark.parametrize(
    ("params", "numbers"),
    [
        ({"pick": "every", "number": 7}, [0, 7, 14]),
        ({"pick": "seconds", "number": 0.5}, [0, 5, 10, 15]),
        ({"pick": "count", "number": 3}, [0, 10, 19]),
        ({"pick": "count", "number": 50}, list(range(20))),
        ({"pick": "first"}, [0]),
        ({"pick": "last"}, [19]),
    ],
)
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_which(run_node: Run, context: FolderContext, params: dict[str, Any], numbers: list[int], kind: str) -> None:
    out = run_node("video.frames", {"video": film(context.folder / "in.mp4", 20)}, format=kind, **params)
    found: list[Any] = shown(context, out)
    assert near(found, [grey(number) for number in numbers])
    assert out["images"][0]["$asset"] == f"frame-00001.{kind}"
    assert context.told[-1] == 1.0


def test_colours_are_right(run_node: Run, context: FolderContext) -> None:
    red = Image.new("RGB", (64, 48), (200, 30, 60))
    out = run_node("video.frames", {"video": film(context.folder / "in.mp4", 2, picture=lambda n: red)}, pick="first")
    with Image.open(context.folder / out["images"][0]["$asset"]) as image:
        found: Any = image.getpixel((20, 20))
    assert near(found, (200, 30, 60), by=4)


def test_too_many_is_a_sentence(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 1001, size=(16, 16))
    with pytest.raises(NodeFailure, match="That would be 1,001 images; at most 1,000"):
        run_node("video.frames", {"video": video}, pick="every", number=1)
