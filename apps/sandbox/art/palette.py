"""Colours: six stops from dark to light, blended in OKLab so that the mixtures stay clean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Kept at 32 bit for speed; the type is wider because NumPy's stubs widen float32 with a Python float.
Plane = npt.NDArray[np.floating[Any]]

RAMP_STEPS = 2048

# Each row runs from the deepest shadow to the brightest light. The first word is the palette's name.
STOPS: dict[str, str] = {
    "sunset": "1b1035 4a1a5c a12a5e e8553f f9a03f ffe3a3",
    "dawn": "181a3a 4b3f72 a8658f f09c8c fcd0a1 fff6dd",
    "ocean": "04121f 07344f 0b6a83 2ba6a4 8fd9c4 f1f7e4",
    "forest": "0a1710 16351f 2f5d34 6b8f3c b9b764 f1ecc4",
    "night": "05060f 0d1433 1f2a63 4a4f9c 9a92d0 efe6ff",
    "neon": "0a0118 2b0a5e 7a12c9 ff2fa8 35d9ff f3ffd6",
    "gold": "120c06 3b2410 7d4e17 c8902e f0c869 fff5d6",
    "ink": "0c0d10 23262e 4d535f 8b919b cfcdc6 f6f2e9",
    "ice": "081a2c 15415f 3a7ea1 7fb9d0 c3e2ea fbfdfb",
    "fire": "0d0404 3d0a0a 8f1d0d e2501a ffab3d fff1b8",
    "desert": "2a1420 6b2d35 b85a3c e39a5b f4cf94 fdf1d8",
    "blossom": "2a1030 6d2557 c24f83 f08fae ffcfd2 fff6ee",
    "autumn": "1c0f12 542016 9c3d17 d97a24 efbd5d fbeecb",
    "storm": "0b1016 1f2b38 3f5264 70818d aab4b5 e9e8df",
    "cosmos": "05030f 1c0b3b 4b1a7a b0357f f07f5a ffe9c2",
    "aurora": "03060f 08203a 0b5a5b 2fc98a a6f7b1 e9d5ff",
    "lavender": "160f2b 3a2a63 6f55a3 a78bd0 d8c2ea fbf5ff",
    "tropic": "06222b 0b5b5e 12a184 f2b134 ff7a59 fff3d0",
    "coffee": "140b08 3a2118 6e4630 a87a56 d9b892 f8ecda",
    "mint": "062019 0f4a3c 2c8a6d 77c9a3 c1ecd0 fafdf2",
    "candy": "2b0f3a 7a2a7d e0559a ff9aa8 9fe0e8 fffbe6",
    "copper": "0e1416 1f3a3d 3d7a73 b5683c e6a56c fbe9cf",
    "meadow": "0f1f2b 1f4f58 4f9a63 a9cc5c f3d667 fff7d9",
    "crimson": "0f0409 3a0a1c 7d1531 c4314b f08a7b fde8dc",
}

# Words of a prompt that ask for a palette beside its own name.
ASKING: dict[str, str] = {
    "sunset": "dusk evening orange",
    "lavender": "twilight dream violet purple lilac",
    "dawn": "sunrise morning pastel peach",
    "ocean": "sea water wave waves lake river blue teal underwater coast",
    "tropic": "beach island tropical summer palm parrot",
    "forest": "wood woods jungle green moss trees tree pine pines fern",
    "night": "midnight moon moonlight moonlit indigo",
    "neon": "cyberpunk cyber synthwave electric city tokyo arcade vapor",
    "gold": "golden honey amber brass yellow luxury",
    "ink": "monochrome black white charcoal calligraphy grey gray paper",
    "ice": "winter snow snowy frost frozen glacier arctic",
    "fire": "lava ember flame volcano burning dragon",
    "desert": "sand dune dunes canyon sahara mars",
    "blossom": "cherry rose roses pink flower flowers peony sakura",
    "autumn": "fall leaves maple october",
    "storm": "rain rainy fog foggy cloud clouds thunder misty",
    "cosmos": "galaxy nebula space stars star planet cosmic universe",
    "aurora": "northern polar",
    "coffee": "espresso brown chocolate leather",
    "mint": "jade fresh tea",
    "meadow": "spring field garden grass hills",
    "candy": "sweet bubblegum playful",
    "copper": "patina bronze rust",
    "crimson": "red ruby wine poppy blood",
}
WORDS = {word: name for name, words in ASKING.items() for word in (name, *words.split())}

PLACES = ("ocean", "forest", "night", "ice", "desert", "storm", "meadow", "coffee", "ink", "tropic")

_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def srgb_to_oklab(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Gamma-coded sRGB (..., 3) in 0..1 to OKLab."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab: npt.NDArray[np.float64] = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def oklab_to_srgb(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """OKLab to gamma-coded sRGB, clipped into the gamut."""
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class Palette:
    """`ramp`: (2048, 3) sRGB colours from shadow to light, as float32 in 0..1."""

    name: str
    ramp: Plane

    def color(self, at: float) -> Plane:
        """The single colour at position 0..1 of the ramp."""
        index = int(np.clip(at, 0.0, 1.0) * (RAMP_STEPS - 1))
        chosen: Plane = self.ramp[index]
        return chosen

    def map(self, values: Plane) -> Plane:
        """Colours (h, w, 3) for values 0..1 (h, w)."""
        index = np.clip(values * (RAMP_STEPS - 1), 0, RAMP_STEPS - 1).astype(np.int32)
        mapped: Plane = self.ramp[index]
        return mapped


def palette_for(words: list[str], rng: np.random.Generator) -> Palette:
    """The palette the words ask for; two that are asked for are blended; none: a harmonious one from the generator."""
    asked = (WORDS.get(word) or WORDS.get(word.removesuffix("s")) for word in words)
    names = [name for name in dict.fromkeys(asked) if name][:2]
    shift = float(rng.normal(0.0, 0.06))
    if not names:
        return _ramp("harmony", _turned(_harmony(rng), 0.0))
    lab = _stops(names[0])
    if len(names) == 2:
        names.sort(key=lambda name: name in PLACES)  # the mood gives the lights, the place the shadows
        weight = np.array([0.85, 0.55, 0.18, 0.0, 0.0, 0.0])[:, None]
        lab = _stops(names[0]) * (1 - weight) + _stops(names[1]) * weight
    return _ramp("+".join(names), _turned(lab, shift))


def _stops(name: str) -> npt.NDArray[np.float64]:
    rows = [[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in STOPS[name].split()]
    return srgb_to_oklab(np.array(rows))


def _harmony(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Shadows in one hue, lights in a related one (analogous, split complement or triad)."""
    base = np.deg2rad(rng.uniform(195, 385))  # from teal over blue and violet to red: a dark yellow is mud
    spread = rng.choice([0.5, 0.9, 1.6, 2.3]) * (1 if base > np.deg2rad(290) else -1) * rng.choice([1, 1, -1])
    position = np.linspace(0.0, 1.0, 6)
    lightness = np.array([0.15, 0.3, 0.47, 0.66, 0.83, 0.965])
    chroma = np.array([0.05, 0.1, 0.15, 0.16, 0.1, 0.03]) * rng.uniform(0.75, 1.1)
    hue = base + spread * position**1.3
    return np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)


def _turned(lab: npt.NDArray[np.float64], angle: float) -> npt.NDArray[np.float64]:
    """The same lightness with every hue turned by an angle (radians): seeds differ without leaving the mood."""
    a, b = lab[:, 1], lab[:, 2]
    turned = [lab[:, 0], a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)]
    return np.stack(turned, axis=-1)


def _ramp(name: str, lab: npt.NDArray[np.float64]) -> Palette:
    position = np.linspace(0.0, len(lab) - 1.0, RAMP_STEPS)
    channels = [np.interp(position, np.arange(len(lab)), lab[:, i]) for i in range(3)]
    kernel = np.hanning(257) / np.hanning(257).sum()  # rounds the corners at the stops
    smooth = [np.convolve(np.pad(channel, 128, mode="edge"), kernel, mode="valid") for channel in channels]
    return Palette(name, oklab_to_srgb(np.stack(smooth, axis=-1)).astype(np.float32))
