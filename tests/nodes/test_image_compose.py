from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from apps.engine.node_types import NodeFailure
from apps.nodes.media.blending import MODES
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, pixels, put

Run = Callable[..., Any]


def _soft(b: float, s: float) -> float:
    if s <= 0.5:
        return b - (1 - 2 * s) * b * (1 - b)
    d = ((16 * b - 12) * b + 4) * b if b <= 0.25 else b**0.5
    return b + (2 * s - 1) * (d - b)


def _hard(b: float, s: float) -> float:
    return 2 * s * b if s <= 0.5 else 1 - 2 * (1 - s) * (1 - b)


# B(base, layer) as the specification writes it, one pixel at a time.
REFERENCE: dict[str, Callable[[float, float], float]] = {
    "normal": lambda b, s: s,
    "multiply": lambda b, s: b * s,
    "screen": lambda b, s: 1 - (1 - b) * (1 - s),
    "overlay": lambda b, s: _hard(s, b),
    "darken": min,
    "lighten": max,
    "color-dodge": lambda b, s: 0 if b == 0 else 1 if s == 1 else min(1, b / (1 - s)),
    "color-burn": lambda b, s: 1 if b == 1 else 0 if s == 0 else 1 - min(1, (1 - b) / s),
    "hard-light": _hard,
    "soft-light": _soft,
    "difference": lambda b, s: abs(b - s),
    "exclusion": lambda b, s: b + s - 2 * b * s,
    "add": lambda b, s: min(1, b + s),
}


def _reference(mode: str, base: Any, layer: Any, opacity: float) -> Any:
    """Pixel by pixel in doubles; answers premultiplied colours and alpha, where nothing is undefined."""
    blend = np.vectorize(REFERENCE[mode], otypes=[float])
    b, s = base[..., :3] / 255, layer[..., :3] / 255
    ab = base[..., 3:] / 255 if base.shape[2] == 4 else np.ones((*base.shape[:2], 1))
    as_ = (layer[..., 3:] / 255 if layer.shape[2] == 4 else np.ones((*layer.shape[:2], 1))) * opacity
    premultiplied = as_ * (1 - ab) * s + as_ * ab * blend(b, s) + (1 - as_) * ab * b
    return premultiplied, as_ + ab * (1 - as_)


@pytest.mark.parametrize("channels", [(3, 3), (3, 4), (4, 4)])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_by_its_formula(run_node: Run, context: FolderContext, mode: str, channels: tuple[int, int]) -> None:
    base, layer = noise(32, 24, channels[0], 1), noise(32, 24, channels[1], 2)
    for picture in (base, layer):  # the ends, where formulas divide by nothing
        picture[:6, :, :3] = np.repeat([0, 0, 255, 255, 128, 127], 32).reshape(6, 32, 1)
    layer[:6, ::2, :3] = 255 - layer[:6, ::2, :3]
    refs = {"base": put(context, base, "base.png"), "layers": [put(context, layer, "layer.png")]}
    out = pixels(context, run_node("image.compose", refs, mode=mode, opacity=70)["image"])
    wanted, alpha = _reference(mode, base, layer, 0.7)
    assert out.shape == base.shape
    found_alpha = out[..., 3:] / 255 if out.shape[2] == 4 else 1
    assert np.abs(found_alpha - alpha).max() <= 0.5 / 255 + 1e-6
    assert np.abs(out[..., :3] / 255 * alpha - wanted).max() <= 0.5 / 255 + 1e-4


@pytest.mark.parametrize(
    ("mode", "chop"),
    [("multiply", ImageChops.multiply), ("screen", ImageChops.screen), ("difference", ImageChops.difference)],
)
def test_pillow_agrees(run_node: Run, context: FolderContext, mode: str, chop: Callable[..., Image.Image]) -> None:
    base, layer = noise(32, 24, 3, 1), noise(32, 24, 3, 2)
    refs = {"base": put(context, base, "base.png"), "layers": [put(context, layer, "layer.png")]}
    out = pixels(context, run_node("image.compose", refs, mode=mode)["image"]).astype(int)
    assert np.abs(out - np.asarray(chop(Image.fromarray(base), Image.fromarray(layer)))).max() <= 1


@pytest.mark.parametrize(
    ("gravity", "away", "at"),
    [
        ("top-left", (3, 2), (3, 2)),
        ("bottom-right", (3, 2), (17, 10)),
        ("center", (1, -1), (11, 5)),
        ("top-left", (-4, 0), (-4, 0)),
    ],
)
def test_place(run_node: Run, context: FolderContext, gravity: str, away: tuple[int, int], at: tuple[int, int]) -> None:
    refs = {
        "base": put(context, Image.new("RGB", (30, 20)), "base.png"),
        "layers": [put(context, Image.new("RGB", (10, 8), "white"), "layer.png")],
    }
    out = pixels(context, run_node("image.compose", refs, gravity=gravity, x=away[0], y=away[1])["image"])
    wanted = np.zeros((20, 30, 3), np.uint8)
    wanted[at[1] : at[1] + 8, max(0, at[0]) : at[0] + 10] = 255
    assert (out == wanted).all()


@pytest.mark.parametrize(
    ("fit", "scale", "size"),
    [("own", 200, (20, 16)), ("width", 50, (15, 12)), ("stretch", 100, (30, 20)), ("contain", 100, (25, 20))],
)
def test_size(run_node: Run, context: FolderContext, fit: str, scale: float, size: tuple[int, int]) -> None:
    refs = {
        "base": put(context, Image.new("RGB", (30, 20)), "base.png"),
        "layers": [put(context, Image.new("RGB", (10, 8), "white"), "layer.png")],
    }
    out = pixels(context, run_node("image.compose", refs, fit=fit, scale=scale, gravity="top-left")["image"])
    assert (out[: size[1], : size[0]] == 255).all()
    assert out.sum() == size[0] * size[1] * 3 * 255


def test_layers_lie_in_their_order(run_node: Run, context: FolderContext) -> None:
    layers = [put(context, Image.new("RGB", (4, 4), colour), f"{colour}.png") for colour in ("red", "lime")]
    base = put(context, Image.new("RGB", (4, 4)), "base.png")
    out = pixels(context, run_node("image.compose", {"base": base, "layers": layers})["image"])
    assert (out == [0, 255, 0]).all()


@pytest.mark.parametrize(("count", "said"), [(0, "no layer to lay"), (51, "51 images; at most 50")])
def test_too_few_and_too_many(run_node: Run, context: FolderContext, count: int, said: str) -> None:
    ref = put(context, Image.new("RGB", (4, 4)))
    with pytest.raises(NodeFailure, match=said):
        run_node("image.compose", {"base": ref, "layers": [ref] * count})


def test_a_layer_that_would_be_too_large(run_node: Run, context: FolderContext) -> None:
    ref = put(context, Image.new("RGB", (4000, 10)))
    with pytest.raises(NodeFailure, match="40000 × 100 pixels; a side is at most 16383"):
        run_node("image.compose", {"base": ref, "layers": [ref]}, scale=1000)
