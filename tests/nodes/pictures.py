"""Pictures put into, and taken out of, the folder that stands for the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.nodes.context import FolderContext

Pixels = NDArray[np.uint8]


def put(context: FolderContext, image: Image.Image | Pixels, name: str = "in.png", **settings: Any) -> dict[str, Any]:
    """Save a picture; answers its reference."""
    made = image if isinstance(image, Image.Image) else Image.fromarray(image)
    made.save(context.folder / name, **settings)
    return {"$asset": name, "kind": "image"}


def taken(context: FolderContext, ref: Mapping[str, Any]) -> Image.Image:
    """The picture behind a reference."""
    with Image.open(context.folder / ref["$asset"]) as image:
        image.load()
        return image


def pixels(context: FolderContext, ref: Mapping[str, Any]) -> Pixels:
    """The same as (rows, columns, channels)."""
    return np.asarray(taken(context, ref))


def noise(width: int, height: int, channels: int = 3, seed: int = 7) -> Pixels:
    """Every pixel another one, the same each time."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def ramp(width: int = 256, height: int = 8) -> Pixels:
    """Grey from black at the left to white at the right."""
    row = np.linspace(0, 255, width).round().astype(np.uint8)
    return np.repeat(np.tile(row, (height, 1))[:, :, None], 3, axis=2)
