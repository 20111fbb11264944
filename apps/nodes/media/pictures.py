"""Pictures as the nodes of this folder work on them: upright, in sRGB, 8 bits a channel, RGB or RGBA.

What a file says about itself is obeyed once, here: the EXIF orientation is applied, colours are brought from the
embedded profile to sRGB, palettes become colours, and what stays behind with the file (profile, EXIF) can mislead
nobody later. Of a file with several frames the first is taken. A picture has at most 100 megapixels, so one takes at
most 400 MB of memory (Pillow keeps four bytes a pixel); arithmetic goes over it in strips of rows. No node holds more
than four at once, which its 2 GB allow.
"""

from __future__ import annotations

import io
import struct
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PIL import ExifTags, Image, ImageCms, ImageOps

from apps.engine.node_types import NodeContext, NodeFailure
from apps.wording import gettext as _

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Numbers = NDArray[np.float32]

# What a workspace takes as a file, and no decoder besides: some of Pillow's start other programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "TIFF", "BMP")
PIXELS_MAX = 100_000_000
# The longest side that a browser, and WebP, can show.
SIDE_MAX = 16_383
# So many pixels of a picture are computed with at a time.
_STRIP = 1_000_000
_OF_THE_FILE = (
    ExifTags.Base.Orientation,
    ExifTags.Base.ImageWidth,
    ExifTags.Base.ImageLength,
    ExifTags.Base.JpegIFOffset,
    ExifTags.Base.JpegIFByteCount,
)
# In these a picture's channels are still what its profile speaks of.
_MANAGED = {"RGB", "RGBA", "CMYK", "L", "LAB"}


def picture_open(context: NodeContext, ref: Mapping[str, Any], *, around: tuple[int, int] | None = None) -> Image.Image:
    """The picture behind ``ref``. With ``around``, a JPEG may come smaller, though never smaller than that."""
    with context.asset_open(ref) as path, header(path) as image, refusing():
        if around:
            image.draft("RGB", around)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _plain(image)


def exif_kept(context: NodeContext, ref: Mapping[str, Any]) -> bytes:
    """What the file behind ``ref`` says about how it was taken, without what is true of that file alone: orientation,
    size, and a small copy of the picture. Empty when it says nothing."""
    with context.asset_open(ref) as path, header(path) as image, refusing():
        exif = image.getexif()
        for tag in _OF_THE_FILE:
            exif.pop(tag, None)
        return exif.tobytes() if len(exif) else b""


@contextmanager
def header(path: Path) -> Iterator[Image.Image]:
    """A file of pixels not yet decoded, their number checked. NodeFailure when it is no picture."""
    with ExitStack() as stack:
        with refusing():
            image = stack.enter_context(Image.open(path, formats=FORMATS))
        pixels_check(*image.size)
        yield image


@contextmanager
def refusing() -> Iterator[None]:
    """What a decoder says of damaged bytes, as a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        message = _("The image could not be read: it is damaged, or of a kind that is not taken.")
        raise NodeFailure(message, code="bad-image") from error


def picture_save(context: NodeContext, image: Image.Image, name: str) -> Mapping[str, Any]:
    """Keep a picture as a PNG that holds pixels and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "picture.png"
        image.info = {}
        image.save(target, "PNG")
        return context.asset_save(target, name)


def pixels_check(width: int, height: int) -> None:
    """NodeFailure for a picture that is larger than what is taken or made."""
    if width * height > PIXELS_MAX:
        raise _too_large()


def sides_check(width: int, height: int) -> None:
    """NodeFailure for a picture to be made that would be too large, or longer than can be shown."""
    size = f"{width} × {height}"
    if width * height > PIXELS_MAX:
        limit = PIXELS_MAX // 1_000_000
        message = _("It would be %(size)s pixels; at most %(limit)s megapixels can be made.", size=size, limit=limit)
        raise NodeFailure(message, code="too-large")
    if max(width, height) > SIDE_MAX:
        message = _("It would be %(size)s pixels; a side is at most %(limit)s pixels long.", size=size, limit=SIDE_MAX)
        raise NodeFailure(message, code="too-large")


def _too_large() -> NodeFailure:
    limit = PIXELS_MAX // 1_000_000
    return NodeFailure(_("The image is too large: at most %(limit)s megapixels.", limit=limit), code="too-large")


def too_many(count: int, limit: int) -> NodeFailure:
    """The failure of a node that was given more images than it takes."""
    return NodeFailure(_("There are %(count)s images; at most %(limit)s.", count=count, limit=limit), code="too-many")


def opaque(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The picture as RGB, what is transparent shown over ``background``."""
    if image.mode != "RGBA":
        return image
    under = Image.new("RGB", image.size, background)
    under.paste(image, (0, 0), image)
    return under


def rows_change(image: Image.Image, change: Callable[[Pixels], Pixels]) -> None:
    """Put ``change`` of the pixels in their place, some rows at a time. ``change`` gets (rows, width, channels)."""
    import numpy as np

    for top, bottom in strips(image.size):
        part = np.asarray(image.crop((0, top, image.width, bottom)))
        image.paste(Image.fromarray(change(part)), (0, top))


def strips(size: tuple[int, int]) -> list[tuple[int, int]]:
    """First row and the row after the last, of the pieces that pictures are computed in."""
    width, height = size
    rows = max(1, _STRIP // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _plain(image: Image.Image) -> Image.Image:
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    profile = image.info.get("icc_profile")
    plain = image
    if image.mode.startswith(("I", "F")):
        plain = _to_8_bit(image)
    elif image.mode not in _MANAGED or (wanted == "RGBA" and image.mode != "RGBA"):
        plain = image.convert(wanted)
    if profile:
        plain = _to_srgb(plain, profile)
    if plain.mode != wanted:
        plain = plain.convert(wanted)
    plain.info = {}
    return plain


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours by the profile. One that is broken, or made for other channels, leaves them as they are."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(source).startswith("sRGB"):
            return image
        mode = image.mode if image.mode in {"RGB", "RGBA"} else "RGB"
        in_place = mode == image.mode
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, srgb, outputMode=mode, inPlace=in_place) or image
    except (ImageCms.PyCMSError, OSError):
        return image


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of fractions in 256 steps; a range that says nothing about its white is stretched."""
    import numpy as np

    low, high = cast("tuple[float, float]", image.getextrema())
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and 255 < high <= 65535):
        low, high = 0, 65535
    elif image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0, 1
    elif low >= 0 and high <= 255:
        low, high = 0, 255
    grey = Image.new("L", image.size)
    for top, bottom in strips(image.size):
        part = np.asarray(image.crop((0, top, image.width, bottom))).astype(np.float64)
        shades = np.rint((part - low) * (255 / ((high - low) or 1))).clip(0, 255).astype(np.uint8)
        grey.paste(Image.fromarray(shades), (0, top))
    return grey
