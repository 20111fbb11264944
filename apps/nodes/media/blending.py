"""Layers laid over a picture by the formulas of the W3C's *Compositing and Blending*, in fractions of 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from apps.nodes.media.pictures import strips

if TYPE_CHECKING:
    from apps.nodes.media.pictures import Numbers, Pixels

MODES = {
    "normal": "Normal",
    "multiply": "Multiply",
    "screen": "Screen",
    "overlay": "Overlay",
    "darken": "Darken",
    "lighten": "Lighten",
    "color-dodge": "Colour dodge",
    "color-burn": "Colour burn",
    "hard-light": "Hard light",
    "soft-light": "Soft light",
    "difference": "Difference",
    "exclusion": "Exclusion",
    "add": "Linear dodge",
}


def layer_lay(base: Image.Image, layer: Image.Image, at: tuple[int, int], mode: str, opacity: float) -> None:
    """Blend ``layer`` into ``base`` with its left top corner at ``at``; what reaches beyond the base is cut off."""
    import numpy as np

    left, top = max(0, at[0]), max(0, at[1])
    right, bottom = min(base.width, at[0] + layer.width), min(base.height, at[1] + layer.height)
    if left >= right or top >= bottom:
        return
    for first, last in strips((right - left, bottom - top)):
        box = (left, top + first, right, top + last)
        under = np.asarray(base.crop(box))
        over = np.asarray(layer.crop((box[0] - at[0], box[1] - at[1], box[2] - at[0], box[3] - at[1])))
        base.paste(Image.fromarray(composed(under, over, mode, opacity)), (left, top + first))


def composed(under: Pixels, over: Pixels, mode: str, opacity: float) -> Pixels:
    """``over`` blended with ``under``, both (rows, width, 3 or 4); the answer has the channels of ``under``."""
    import numpy as np

    below, below_alpha = _parts(under)
    above, above_alpha = _parts(over)
    above_alpha = above_alpha * np.float32(opacity)
    mixed = (1 - below_alpha) * above + below_alpha * _blended(mode, below, above)
    alpha = above_alpha + below_alpha * (1 - above_alpha)
    colours = above_alpha * mixed + (1 - above_alpha) * below_alpha * below
    colours = np.divide(colours, alpha, out=np.zeros_like(colours), where=alpha > 0)
    parts = [colours, alpha] if under.shape[2] == 4 else [colours]
    found: Pixels = np.rint(np.concatenate(parts, axis=2) * 255).clip(0, 255).astype(np.uint8)
    return found


def _parts(pixels: Pixels) -> tuple[Numbers, Numbers]:
    import numpy as np

    fractions = pixels.astype(np.float32) / np.float32(255)
    if pixels.shape[2] == 4:
        return fractions[:, :, :3], fractions[:, :, 3:]
    return fractions, np.ones((*pixels.shape[:2], 1), np.float32)


def _blended(mode: str, below: Numbers, above: Numbers) -> Numbers:
    """B(below, above) of a separable mode."""
    import numpy as np

    found: Numbers
    if mode in _SIMPLE:
        found = _SIMPLE[mode](below, above)
    elif mode == "overlay":
        found = _hard_light(above, below)
    elif mode == "hard-light":
        found = _hard_light(below, above)
    elif mode == "color-dodge":
        found = np.where(below == 0, 0, np.minimum(1, below / np.maximum(1 - above, 1e-6)))
    elif mode == "color-burn":
        found = np.where(below == 1, 1, 1 - np.minimum(1, (1 - below) / np.maximum(above, 1e-6)))
    elif mode == "soft-light":
        found = _soft_light(below, above)
    else:
        found = np.minimum(below, above) if mode == "darken" else np.maximum(below, above)
    return found


_SIMPLE = {
    "normal": lambda below, above: above,
    "multiply": lambda below, above: below * above,
    "screen": lambda below, above: below + above - below * above,
    "difference": lambda below, above: abs(below - above),
    "exclusion": lambda below, above: below + above - 2 * below * above,
    "add": lambda below, above: (below + above).clip(0, 1),
}


def _hard_light(below: Numbers, above: Numbers) -> Numbers:
    import numpy as np

    twice = 2 * above
    found: Numbers = np.where(above <= 0.5, below * twice, below + (twice - 1) - below * (twice - 1))
    return found


def _soft_light(below: Numbers, above: Numbers) -> Numbers:
    import numpy as np

    depth = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
    darker = below - (1 - 2 * above) * below * (1 - below)
    found: Numbers = np.where(above <= 0.5, darker, below + (2 * above - 1) * (depth - below))
    return found
