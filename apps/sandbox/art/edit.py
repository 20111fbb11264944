"""A picture changed by the words of a prompt: colours, tone, shape and finish, under a mask if there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from apps.sandbox.art.scene import Scene

SIDE_MAX = 2048
UPSCALED_MAX = 8192
Picture = Image.Image


def _ramp(picture: Picture, scene: Scene) -> Picture:
    """The colours that the words ask for laid over light and dark, and the picture's own kept a little."""
    grey = np.asarray(picture.convert("L"), np.float32) / 255
    mapped = Image.fromarray((scene.palette.map(grey) * 255).astype(np.uint8))
    return Image.blend(picture, mapped, 0.62)


def _grey(picture: Picture) -> Picture:
    return ImageOps.grayscale(picture).convert("RGB")


def _soft(picture: Picture) -> Picture:
    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 160))


def _poster(picture: Picture) -> Picture:
    return ImageOps.posterize(picture.filter(ImageFilter.ModeFilter(7)), 3)


def _paint(picture: Picture) -> Picture:
    return picture.filter(ImageFilter.ModeFilter(11)).filter(ImageFilter.SMOOTH)


def _sketch(picture: Picture) -> Picture:
    """Pencil: what is darker than its surroundings."""
    grey = np.asarray(ImageOps.grayscale(picture), np.float32) + 1
    around = np.asarray(ImageOps.grayscale(picture).filter(ImageFilter.GaussianBlur(6)), np.float32) + 1
    drawn = np.clip(grey / around * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(drawn).convert("RGB")


# What a word does. A prompt with none of them takes the palette that its words ask for.
DEEDS: dict[str, tuple[tuple[str, ...], Callable[[Picture], Picture]]] = {
    "grey": (("monochrome", "grey", "gray", "black-and-white", "noir"), _grey),
    "invert": (("invert", "negative"), ImageOps.invert),
    "mirror": (("mirror", "mirrored", "flip", "flipped"), ImageOps.mirror),
    "blur": (("blur", "blurred", "soft", "dreamy", "fog", "foggy"), _soft),
    "sharp": (("sharp", "sharpen", "crisp", "detailed"), lambda one: one.filter(ImageFilter.UnsharpMask(3, 160, 2))),
    "bright": (("bright", "brighter", "day", "sunny"), lambda one: ImageEnhance.Brightness(one).enhance(1.3)),
    "dark": (("dark", "darker", "night", "dusk"), lambda one: ImageEnhance.Brightness(one).enhance(0.55)),
    "vivid": (("vivid", "vibrant", "colourful", "colorful"), lambda one: ImageEnhance.Color(one).enhance(1.7)),
    "pale": (("pale", "faded", "muted"), lambda one: ImageEnhance.Color(one).enhance(0.45)),
    "bold": (("contrast", "bold", "dramatic"), lambda one: ImageEnhance.Contrast(one).enhance(1.45)),
    "poster": (("poster", "posterize", "comic", "cartoon", "flat"), _poster),
    "sketch": (("sketch", "pencil", "drawing", "line"), _sketch),
    "paint": (("paint", "painting", "watercolour", "watercolor", "oil"), _paint),
}


def edit_png(to: Path, *, images: Sequence[Path], mask: Path | None, prompt: str, seed: int, strength: float) -> None:
    """Change the first image; others are exposed onto it. A mask is white (or opaque) where it may change."""
    base = _opened(images[0])
    base.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.LANCZOS)
    scene = Scene(prompt, seed, *base.size)
    changed = base
    for number, other in enumerate(images[1:], start=2):
        changed = Image.blend(changed, ImageOps.fit(_opened(other), base.size, Image.Resampling.LANCZOS), 1 / number)
    said = {word.strip(".,;:!?\"'()").lower() for word in prompt.split()}
    deeds = [deed for words, deed in DEEDS.values() if said & set(words)]
    if not deeds or scene.palette.name != "harmony":
        changed = _ramp(changed, scene)
    for deed in deeds:
        changed = deed(changed)
    changed = Image.blend(base, changed, strength)
    if mask is not None:
        changed = Image.composite(changed, base, _mask(mask, base.size))
    changed.save(to, "PNG", compress_level=4)


def upscale_png(to: Path, *, image: Path, factor: int) -> None:
    """Larger by Lanczos, and sharpened by as much as that took away."""
    source = _opened(image)
    factor = max(1, min(factor, UPSCALED_MAX // max(source.size)))
    large = source.resize((source.width * factor, source.height * factor), Image.Resampling.LANCZOS)
    large.filter(ImageFilter.UnsharpMask(radius=factor * 0.9, percent=90, threshold=2)).save(
        to, "PNG", compress_level=4
    )


def _opened(path: Path) -> Picture:
    with Image.open(path) as source:
        return ImageOps.exif_transpose(source).convert("RGB")


def _mask(path: Path, size: tuple[int, int]) -> Picture:
    with Image.open(path) as source:
        seen = source.getchannel("A") if "A" in source.getbands() else source.convert("L")
        return seen.resize(size, Image.Resampling.BILINEAR)
