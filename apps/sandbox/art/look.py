"""What can be measured in a picture, said in words: size, light, contrast, colours, where the detail is. No model."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HUES = (
    (0.04, "red"), (0.11, "orange"), (0.18, "yellow"), (0.42, "green"), (0.53, "turquoise"), (0.70, "blue"),
    (0.80, "violet"), (0.93, "pink"), (1.01, "red"),
)  # fmt: skip
SHARE_TOLD = 0.08


def describe(path: Path, question: str) -> str:
    """A few sentences; each is a measurement of this very picture."""
    with Image.open(path) as source:
        picture = ImageOps.exif_transpose(source).convert("RGB")
    width, height = picture.size
    small = np.asarray(picture.resize((96, 96), Image.Resampling.BOX), np.float32) / 255
    light = small @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    sentences = [
        f"A {_shape(width, height)} picture of {width} by {height} pixels.",
        f"It is {_light(float(light.mean()))}, with {_contrast(float(light.std()))} contrast.",
        f"Its colours are {_colours(small)}; the whole is {_warmth(small)}.",
        f"Most of the detail lies in the {_place(light)}, and the light comes from the {_place(light, detail=False)}.",
    ]
    told = f"You asked: {question.strip()[:200]} " if question.strip() else ""
    return told + " ".join(sentences) + " This is measured by the sandbox; it knows no objects.\n"


def _shape(width: int, height: int) -> str:
    return "square" if abs(width - height) < 0.05 * width else "wide" if width > height else "tall"


def _light(mean: float) -> str:
    return "dark" if mean < 0.25 else "dim" if mean < 0.42 else "evenly lit" if mean < 0.62 else "bright"


def _contrast(spread: float) -> str:
    return "little" if spread < 0.12 else "medium" if spread < 0.24 else "strong"


def _colour(red: float, green: float, blue: float) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    if value < 0.14:
        return "black"
    if saturation < 0.14:
        return "white" if value > 0.85 else "grey"
    name = next(name for until, name in HUES if hue < until)
    return f"dark {name}" if value < 0.42 else f"pale {name}" if saturation < 0.35 else name


def _colours(small: np.ndarray) -> str:
    """The largest shares, by name."""
    names = [_colour(*map(float, pixel)) for pixel in small[::3, ::3].reshape(-1, 3)]
    counts = sorted({name: names.count(name) for name in set(names)}.items(), key=lambda item: (-item[1], item[0]))
    shares = [(name, count / len(names)) for name, count in counts][:4]
    told = [f"{name} ({share:.0%})" for place, (name, share) in enumerate(shares) if share >= SHARE_TOLD or place == 0]
    return ", ".join(told)


def _warmth(small: np.ndarray) -> str:
    lean = float(small[..., 0].mean() - small[..., 2].mean())
    return "warm" if lean > 0.06 else "cool" if lean < -0.06 else "neutral"


def _place(light: np.ndarray, *, detail: bool = True) -> str:
    """The third of the picture that has most of it."""
    seen = np.abs(np.diff(light, axis=0))[:, :95] + np.abs(np.diff(light, axis=1))[:95] if detail else light
    rows = [part.mean() for part in np.array_split(seen, 3, axis=0)]
    columns = [part.mean() for part in np.array_split(seen, 3, axis=1)]
    down, right = int(np.argmax(rows)), int(np.argmax(columns))
    if (down, right) == (1, 1):
        return "centre"
    return " ".join(part for part in (("upper", "", "lower")[down], ("left", "", "right")[right]) if part) + " part"
