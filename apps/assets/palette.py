"""The colours a picture is made of, as numbers of a fixed palette: what search by colour compares.

The palette has five greys and twelve hues in three shades each, spread evenly in OKLab, where equal steps look equal.
A picture keeps the entries that cover enough of it; a colour asked for means the entries that look most like it. The
numbers are stored: entries may be added at the end, never moved. `docs/decisions/0030-colours.md` tells more.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

# An entry counts when it covers this much of the picture; a picture has at most so many.
SHARE_MIN = 0.06
ENTRIES_MAX = 6
# How far an entry may be from the colour asked for, in OKLab; the nearest always counts.
NEAR = 0.12
_SIDE = 64
_GREYS = (0.08, 0.32, 0.55, 0.78, 0.97)
# Lightness and chroma: dark, full, light. Each hue's are brought into sRGB.
_SHADES = ((0.38, 0.1), (0.63, 0.17), (0.83, 0.09))
_HUES = 12
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def colours_of(image: Image.Image) -> list[int]:
    """The entries that cover at least 6 % of the picture, the largest share first. Clear parts do not count."""
    small = image.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64).reshape(-1, 4)
    seen = pixels[pixels[:, 3] >= 128][:, :3]
    if not len(seen):
        return []
    nearest = np.linalg.norm(_lab(seen)[:, None, :] - _entries()[None, :, :], axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(_entries())) / len(seen)
    order = [int(entry) for entry in np.argsort(-shares, kind="stable")[:ENTRIES_MAX]]
    return [entry for entry in order if shares[entry] >= SHARE_MIN]


def colour_parse(text: str) -> str | None:
    """``#rrggbb`` in lower case; None for anything else."""
    found = _HEX.fullmatch(text.strip())
    return f"#{found[1].lower()}" if found else None


def colours_near(colour: str) -> list[int]:
    """The entries that look like ``#rrggbb``, the nearest first."""
    number = int(colour[1:], 16)
    asked = _lab(np.array([[number >> 16, number >> 8 & 255, number & 255]], dtype=np.float64))
    distances = np.linalg.norm(_entries() - asked, axis=1)
    order = [int(entry) for entry in np.argsort(distances, kind="stable")]
    return [entry for place, entry in enumerate(order) if place == 0 or distances[entry] <= NEAR]


@cache
def swatches() -> tuple[str, ...]:
    """A colour to click for each full hue, and black, grey and white: ``#rrggbb``."""
    chosen = [0, 2, 4, *range(len(_GREYS) + 1, len(_GREYS) + 3 * _HUES, 3)]
    return tuple(_hex(_entries()[entry]) for entry in chosen)


@cache
def _entries() -> Any:
    """The palette in OKLab, one row per entry: the greys, then dark, full and light of each hue."""
    rows = [(lightness, 0.0, 0.0) for lightness in _GREYS]
    for hue in range(_HUES):
        angle = 2 * math.pi * (hue + 0.97) / _HUES  # the first is red
        rows += [(light, chroma * math.cos(angle), chroma * math.sin(angle)) for light, chroma in _SHADES]
    return np.array(rows)


def _lab(rgb: Any) -> Any:
    """OKLab of rows of sRGB, 0 to 255."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def _hex(lab: Any) -> str:
    linear = (np.linalg.inv(_TO_LAB) @ lab) ** 3 @ np.linalg.inv(_TO_LMS).T
    clipped = np.clip(linear, 0, 1)
    part = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(value) * 255) for value in part)
    return f"#{red:02x}{green:02x}{blue:02x}"
