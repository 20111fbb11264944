"""How every node for images reads a file: upright, sRGB, 8 bits, and nothing too large or of another kind."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from apps.engine.node_types import NodeFailure, Port
from apps.engine.types import PortType
from apps.engine.values import value_fit
from apps.nodes.media import pictures
from apps.nodes.media.pictures import picture_open
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, put


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.webp", "in.tif"])
def test_all_orientations_of_all_formats(context: FolderContext, orientation: int, name: str) -> None:
    seen = np.zeros((48, 64, 3), np.uint8)
    seen[:24, :32] = 255  # white in the left top corner, as people see it
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(seen)
    stored = stored.transpose(undo[orientation]) if orientation in undo else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = picture_open(context, put(context, stored, name, exif=exif))
    assert image.size == (64, 48)
    quarters = [image.getpixel(at) for at in [(12, 10), (52, 10), (12, 38), (52, 38)]]
    assert [quarter[0] > 128 for quarter in quarters if isinstance(quarter, tuple)] == [True, False, False, False]


def test_16_bits_are_scaled_not_cut(context: FolderContext) -> None:
    deep = np.array([[0, 257, 32896, 65535]], np.uint16)
    image = picture_open(context, put(context, Image.fromarray(deep)))
    assert (image.mode, np.asarray(image)[0, :, 0].tolist()) == ("RGB", [0, 1, 128, 255])


@pytest.mark.parametrize(
    ("values", "shades"),
    [([0.0, 0.5, 1.0], [0, 128, 255]), ([0.0, 100.0, 255.0], [0, 100, 255]), ([-10.0, 0.0, 10.0], [0, 128, 255])],
)
def test_fractions_by_what_their_range_says(context: FolderContext, values: list[float], shades: list[int]) -> None:
    image = picture_open(context, put(context, Image.fromarray(np.array([values], np.float32)), "in.tif"))
    assert np.asarray(image)[0, :, 0].tolist() == shades


def test_palettes_become_colours_and_keep_their_transparency(context: FolderContext) -> None:
    flat = Image.new("P", (4, 1))
    flat.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    flat.putdata([0, 1, 2, 1])
    image = picture_open(context, put(context, flat))
    assert (image.mode, image.getpixel((2, 0))) == ("RGB", (0, 0, 255))
    image = picture_open(context, put(context, flat, "clear.png", transparency=1))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0, 255), (0, 255, 0, 0)]


@pytest.mark.parametrize(("mode", "wanted"), [("1", "RGB"), ("L", "RGB"), ("LA", "RGBA"), ("RGBA", "RGBA")])
def test_other_modes(context: FolderContext, mode: str, wanted: str) -> None:
    image = picture_open(context, put(context, Image.new(mode, (3, 2))))
    assert image.mode == wanted


def test_cmyk(context: FolderContext) -> None:
    image = picture_open(context, put(context, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "in.jpg", quality=100))
    red, green, blue = np.asarray(image)[8, 8]
    assert red > 240
    assert green < 20
    assert blue < 20


def _swapped_profile() -> bytes:
    """sRGB with the primaries of red and green exchanged: converting by it exchanges the channels."""
    raw = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for number in range(struct.unpack(">I", raw[128:132])[0]):
        at = 132 + 12 * number
        tags[bytes(raw[at : at + 4])] = at
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    raw[red + 4 : red + 12], raw[green + 4 : green + 12] = raw[green + 4 : green + 12], raw[red + 4 : red + 12]
    return bytes(raw).replace("sRGB built-in".encode("utf-16-be"), "swap built-in".encode("utf-16-be"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_profile_is_obeyed_and_left_behind(context: FolderContext, mode: str) -> None:
    colour = (255, 0, 0, 77)[: len(mode)]
    ref = put(context, Image.new(mode, (4, 4), colour), "in.png", icc_profile=_swapped_profile())
    image = picture_open(context, ref)
    found = image.getpixel((1, 1))
    assert isinstance(found, tuple)
    assert found[0] < 10
    assert found[1] > 245
    assert found[3:] == colour[3:], "transparency is no colour"
    assert image.info == {}


def test_a_broken_profile_leaves_the_colours(context: FolderContext) -> None:
    image = picture_open(context, put(context, Image.new("RGB", (4, 4), (9, 8, 7)), icc_profile=b"no profile"))
    assert image.getpixel((0, 0)) == (9, 8, 7)


def test_of_an_animation_the_first_frame(context: FolderContext) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    ref = put(context, frames[0], "in.gif", save_all=True, append_images=frames[1:], duration=100)
    assert picture_open(context, ref).getpixel((0, 0)) == (255, 0, 0)


def _announced(width: int, height: int) -> bytes:
    """A PNG that says it is so large, in 60 bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", b""), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(10_001, 10_000), (40_000, 40_000)])
def test_too_many_pixels_are_refused_by_the_header(context: FolderContext, size: tuple[int, int]) -> None:
    (context.folder / "in.png").write_bytes(_announced(*size))
    with pytest.raises(NodeFailure, match="too large: at most 100 megapixels") as refused:
        picture_open(context, {"$asset": "in.png", "kind": "image"})
    assert refused.value.code == "too-large"


def _cut_short() -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(file, "PNG")
    return file.getvalue()[:3000]


@pytest.mark.parametrize(
    "damage", [b"", b"not a picture", b"%!PS-Adobe-3.0 EPSF-3.0", _announced(10, 10), _cut_short()]
)
def test_what_is_no_picture_is_one_sentence(context: FolderContext, damage: bytes) -> None:
    (context.folder / "in.png").write_bytes(damage)
    with pytest.raises(NodeFailure, match="could not be read") as refused:
        picture_open(context, {"$asset": "in.png", "kind": "image"})
    assert str(context.folder) not in str(refused.value)


def test_another_kind_is_refused_at_the_port() -> None:
    film = {"$asset": "0190a0a0-0000-7000-8000-000000000000", "kind": "video"}
    with pytest.raises(NodeFailure, match="Image takes an image, but got a video"):
        value_fit(film, Port("image", PortType.IMAGE, "Image"))


def test_no_more_is_computed_at_once_than_a_strip() -> None:
    assert pictures.strips((10_000, 250)) == [(0, 100), (100, 200), (200, 250)]
    assert pictures.strips((2_000_000, 2)) == [(0, 1), (1, 2)]
