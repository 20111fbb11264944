"""Images, decoded by Pillow under a limit of pixels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

from apps.assets import kinds
from apps.assets.kinds import Accepted
from apps.assets.refusals import Refused, TooHeavy

_TURNED = {5, 6, 7, 8}

# Pillow itself refuses, too, what has more pixels than we take; it errors at twice its own mark.
Image.MAX_IMAGE_PIXELS = kinds.PIXELS_MAX // 2
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def _check_pixels(width: int, height: int, pixels_max: int) -> None:
    if width * height > kinds.PIXELS_MAX:
        raise Refused("too_many_pixels", width=width, height=height, limit=kinds.PIXELS_MAX // 1_000_000)
    if width * height > pixels_max:
        raise TooHeavy


def measure(path: Path, announced: Accepted, pixels_max: int) -> dict[str, Any]:
    """``width, height`` as seen (EXIF orientation applied), ``frames``, ``has_alpha``. Raises Refused or TooHeavy.

    The size is judged from the header before a single pixel is decoded.
    """
    try:
        with Image.open(path, formats=[announced.decoder]) as image:
            _check_pixels(image.width, image.height, pixels_max)
            frames = int(getattr(image, "n_frames", 1))
            turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
            alpha = image.has_transparency_data
            image.seek(0)
            image.load()
            width, height = (image.height, image.width) if turned else image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise _refusal(path, announced, error) from error
    return {"width": width, "height": height, "frames": frames, "has_alpha": alpha}


def _refusal(path: Path, announced: Accepted, error: Exception) -> Refused:
    if isinstance(error, Image.DecompressionBombError):
        width, height = _header_size(path, announced)
        return Refused("too_many_pixels", width=width, height=height, limit=kinds.PIXELS_MAX // 1_000_000)
    return Refused("damaged", declared=announced.name)


def _header_size(path: Path, announced: Accepted) -> tuple[int, int]:
    """The size in the header of an image that `Image.open` will not hand over: the plug-in itself does not check it."""
    with path.open("rb") as file, Image.OPEN[announced.decoder][0](file, "") as image:
        width, height = image.size
    return width, height
