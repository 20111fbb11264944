"""The colours a picture is made of, as numbers of a fixed palette: what search by colour compares.

The palette has five greys and twelve hues in three shades each, spread evenly in OKLab, where equal steps look equal.
A picture keeps the entries that cover enough of it; a colour asked for means the entries that look most like it. The
numbers are stored: entries may be added at the end, never moved. `docs/decisions/0030-colours.md` tells more.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

Triple = tuple[float, float, float]
# OKLab by Björn Ottosson, 2020: from linear sRGB and back.
_TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_FROM_LAB = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_FROM_LMS = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


def colours_of(image: Image.Image) -> list[int]:
    """The entries that cover at least 6 % of the picture, the largest share first. Clear parts do not count."""
    # Here, because only workers look at pictures: what serves pages need not load it.
    import numpy as np
    from PIL import Image

    small = image.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64).reshape(-1, 4)
    seen = pixels[pixels[:, 3] >= 128][:, :3] / 255
    if not len(seen):
        return []
    linear = np.where(seen <= 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(linear @ np.array(_TO_LMS).T) @ np.array(_TO_LAB).T
    entries = np.array(_entries())
    nearest = np.linalg.norm(lab[:, None, :] - entries[None, :, :], axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(entries)) / len(seen)
    order = [int(entry) for entry in np.argsort(-shares, kind="stable")[:ENTRIES_MAX]]
    return [entry for entry in order if shares[entry] >= SHARE_MIN]


def colour_parse(text: str) -> str | None:
    """``#rrggbb`` in lower case; None for anything else."""
    found = _HEX.fullmatch(text.strip())
    return f"#{found[1].lower()}" if found else None


def colours_near(colour: str) -> list[int]:
    """The entries that look like ``#rrggbb``, the nearest first."""
    number = int(colour[1:], 16)
    asked = _lab((number >> 16, number >> 8 & 255, number & 255))
    distances = [math.dist(entry, asked) for entry in _entries()]
    order = sorted(range(len(distances)), key=distances.__getitem__)
    return [entry for place, entry in enumerate(order) if place == 0 or distances[entry] <= NEAR]


@cache
def swatches() -> tuple[str, ...]:
    """A colour to click for each full hue, and black, grey and white: ``#rrggbb``."""
    chosen = [0, 2, 4, *range(len(_GREYS) + 1, len(_GREYS) + 3 * _HUES, 3)]
    return tuple(_hex(_entries()[entry]) for entry in chosen)


@cache
def _entries() -> tuple[Triple, ...]:
    """The palette in OKLab, one row per entry: the greys, then dark, full and light of each hue."""
    rows: list[Triple] = [(lightness, 0.0, 0.0) for lightness in _GREYS]
    for hue in range(_HUES):
        angle = 2 * math.pi * (hue + 0.97) / _HUES  # the first is red
        rows += [(light, chroma * math.cos(angle), chroma * math.sin(angle)) for light, chroma in _SHADES]
    return tuple(rows)


def _times(matrix: tuple[Triple, ...], vector: Any) -> Triple:
    first, second, third = (sum(one * other for one, other in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _lab(rgb: tuple[int, int, int]) -> Triple:
    """OKLab of sRGB, 0 to 255."""
    parts = [value / 255 for value in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return _times(_TO_LAB, [math.cbrt(part) for part in _times(_TO_LMS, linear)])


def _hex(lab: Triple) -> str:
    linear = _times(_FROM_LMS, [part**3 for part in _times(_FROM_LAB, lab)])
    clipped = [min(1.0, max(0.0, part)) for part in linear]
    parts = [part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055 for part in clipped]
    red, green, blue = (round(part * 255) for part in parts)
    return f"#{red:02x}{green:02x}{blue:02x}"
