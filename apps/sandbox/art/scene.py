"""What a composition knows: the words, the seed, the palette, the size and its coordinates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from apps.sandbox.art.palette import Palette, Plane, palette_for
from apps.sandbox.art.words import meanings_of


@dataclass
class Scene:
    """One request, ready to be drawn. The short side of the picture has length 1; the origin is its centre."""

    prompt: str
    seed: int
    width: int
    height: int
    words: list[str] = field(init=False)
    palette: Palette = field(init=False)

    def __post_init__(self) -> None:
        self.words = meanings_of(self.prompt)
        self.palette = palette_for(self.words, self.generator("palette"))

    def generator(self, purpose: str) -> np.random.Generator:
        """A random generator of its own for each purpose: adding one leaves the others' numbers alone."""
        text = f"{self.prompt.strip().lower()}|{self.seed}|{purpose}"
        return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")))

    def says(self, *words: str) -> bool:
        """Whether the prompt contains one of the words (or its plain plural)."""
        return any(word in self.words or f"{word}s" in self.words for word in words)

    @property
    def unit(self) -> int:
        """Pixels in one unit of length."""
        return min(self.width, self.height)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def half_width(self) -> float:
        return self.width / self.unit / 2

    @property
    def half_height(self) -> float:
        return self.height / self.unit / 2

    @cached_property
    def x(self) -> Plane:
        """(1, width) of x coordinates at pixel centres."""
        return (((np.arange(self.width) + 0.5) / self.unit) - self.half_width).astype(np.float32)[None, :]

    @cached_property
    def y(self) -> Plane:
        """(height, 1) of y coordinates, downwards."""
        return (((np.arange(self.height) + 0.5) / self.unit) - self.half_height).astype(np.float32)[:, None]

    def box(self, dx: float = 0.0, dy: float = 0.0, *, margin: float = 0.0) -> tuple[float, float, float, float]:
        """The picture's region for `Noise.plane`, moved by an offset and grown by a margin."""
        half_width, half_height = self.half_width + margin, self.half_height + margin
        return (50 - half_width + dx, 50 - half_height + dy, 50 + half_width + dx, 50 + half_height + dy)

    def smaller(self, factor: float) -> Scene:
        """The same scene drawn with fewer pixels, for parts that are soft anyway."""
        return Scene(self.prompt, self.seed, max(64, round(self.width / factor)), max(64, round(self.height / factor)))
