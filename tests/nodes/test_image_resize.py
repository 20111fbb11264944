from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.context import FolderContext


@pytest.mark.parametrize(("fit", "size"), [("cover", (100, 100)), ("contain", (100, 50)), ("stretch", (100, 100))])
def test_fits(run_node: Callable[..., Any], context: FolderContext, fit: str, size: tuple[int, int]) -> None:
    Image.new("RGB", (400, 200), "red").save(context.folder / "in.png")
    out = run_node("image.resize", {"image": {"$asset": "in.png", "kind": "image"}}, width=100, height=100, fit=fit)
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        assert image.size == size


def test_transparency_stays(run_node: Callable[..., Any], context: FolderContext) -> None:
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(context.folder / "in.png")
    out = run_node("image.resize", {"image": {"$asset": "in.png", "kind": "image"}}, width=20, height=20)
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        assert image.mode == "RGBA"
        assert image.getpixel((5, 5)) == (0, 0, 0, 0)


def test_unreadable_image_is_a_sentence(run_node: Callable[..., Any], context: FolderContext) -> None:
    (context.folder / "in.png").write_bytes(b"not a picture")
    with pytest.raises(NodeFailure, match="could not be read"):
        run_node("image.resize", {"image": {"$asset": "in.png", "kind": "image"}})


def test_of_a_thin_strip_a_pixel_stays(run_node: Callable[..., Any], context: FolderContext) -> None:
    Image.new("RGB", (20_000, 10), "red").save(context.folder / "in.png")
    image = {"image": {"$asset": "in.png", "kind": "image"}}
    out = run_node("image.resize", image, width=64, height=64, fit="contain")
    with Image.open(context.folder / out["image"]["$asset"]) as strip:
        assert strip.size == (64, 1)


def test_sixteen_bits_become_eight(run_node: Callable[..., Any], context: FolderContext) -> None:
    Image.new("I;16", (40, 40), 32_768).save(context.folder / "in.png")
    out = run_node("image.resize", {"image": {"$asset": "in.png", "kind": "image"}}, width=20, height=20)
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        assert image.getpixel((5, 5)) == (128, 128, 128)
